//! Flows, their instances, tasks, parts and copies, row by row.

use domain::flow::{FlowDetails, Instance, Logic, Part, Status, Task};
use domain::person::AliasKind;
use domain::search::status_of_flow;
use domain::{FlowId, InstanceId, Millis, PersonId, TaskId, TenantId};

use crate::value::{Param, Row};
use crate::watch::Piece;
use crate::{Error, Result, Tx};

fn bad(
    table: &'static str,
    column: &'static str,
    row: impl std::fmt::Display,
    reason: &str,
) -> Error {
    Error::Corrupt { table, column, row: format!("{row}"), reason: reason.to_owned() }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Engine(e.to_string()))
}

/// The number of the flow with an api id.
pub fn flow_by_api_id(tx: &mut Tx<'_>, tenant: TenantId, api_id: &str) -> Result<Option<FlowId>> {
    tx.query_one(
        "SELECT flow_id FROM flow WHERE tenant_id = $1 AND api_id = $2",
        &[tenant.into(), api_id.into()],
        |row| Ok(FlowId(row.int(0)?)),
    )
}

/// The flows with some names; unknown ones are left out.
pub fn flows_by_api_id(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    api_ids: &[&str],
) -> Result<Vec<(String, FlowId)>> {
    tx.query_all(
        "SELECT f.api_id, f.flow_id FROM {each text $2} \
         {then join} flow f ON f.tenant_id = $1 AND f.api_id = each.value",
        &[tenant.into(), Param::Texts(api_ids)],
        |row| Ok((row.text(0)?, FlowId(row.int(1)?))),
    )
}

/// Adds a flow under the next free number or writes its details anew.
pub fn flow_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    api_id: &str,
    details: &FlowDetails,
    now: Millis,
) -> Result<FlowId> {
    let known = flow_by_api_id(tx, tenant, api_id)?;
    let most = tx.query_one(
        "SELECT max(flow_id) FROM flow WHERE tenant_id = $1",
        &[tenant.into()],
        |row| row.opt_int(0),
    )?;
    let id = known.unwrap_or_else(|| FlowId(most.flatten().unwrap_or_default() + 1));
    tx.touch(tenant, Piece::Flow(id));
    tx.execute(
        "INSERT INTO flow (tenant_id, flow_id, api_id, details, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $5) \
         ON CONFLICT (tenant_id, flow_id) DO UPDATE SET details = excluded.details, \
         updated_at = excluded.updated_at",
        &[tenant.into(), id.into(), api_id.into(), (&json(details)?).into(), now.into()],
    )?;
    Ok(id)
}

/// What is kept of a flow.
pub fn flow_details(tx: &mut Tx<'_>, tenant: TenantId, id: FlowId) -> Result<Option<FlowDetails>> {
    tx.query_one(
        "SELECT details FROM flow WHERE tenant_id = $1 AND flow_id = $2",
        &[tenant.into(), id.into()],
        |row| {
            serde_json::from_str(row.str(0)?)
                .map_err(|e| bad("flow", "details", id, &e.to_string()))
        },
    )
}

/// The api id of a flow, and what is kept of it.
pub fn flow_get(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: FlowId,
) -> Result<Option<(String, FlowDetails)>> {
    tx.query_one(
        "SELECT api_id, details FROM flow WHERE tenant_id = $1 AND flow_id = $2",
        &[tenant.into(), id.into()],
        |row| {
            let details = serde_json::from_str(row.str(1)?)
                .map_err(|e| bad("flow", "details", id, &e.to_string()))?;
            Ok((row.text(0)?, details))
        },
    )
}

/// An instance with everything in it.
pub fn instance_load(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Option<Instance>> {
    let Some(mut instance) = instance_own(tx, tenant, id)? else { return Ok(None) };
    instance.tasks = tx.query_all(
        "SELECT task_id, node, logic, status, start_time, end_time FROM flow_task \
         WHERE tenant_id = $1 AND instance_id = $2 ORDER BY task_id",
        &[tenant.into(), id.into()],
        read_task,
    )?;
    load_parts(tx, tenant, &mut instance)?;
    Ok(Some(instance))
}

/// An instance without its tasks.
pub fn instance_own(tx: &mut Tx<'_>, tenant: TenantId, id: InstanceId) -> Result<Option<Instance>> {
    tx.query_one(
        "SELECT flow_id, initiator_id, status, start_time, end_time, details FROM flow_instance \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
        |row| {
            let details = serde_json::from_str(row.str(5)?)
                .map_err(|e| bad("flow_instance", "details", id, &e.to_string()))?;
            Ok(Instance {
                id,
                flow: FlowId(row.int(0)?),
                initiator: PersonId(row.int(1)?),
                status: status("flow_instance", id, row.int(2)?)?,
                start_time: Millis(row.int(3)?),
                end_time: Millis(row.int(4)?),
                details,
                tasks: Vec::new(),
            })
        },
    )
}

/// When a person's last part of a task ended; 0 where none has.
pub fn part_ended(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (instance, task): (InstanceId, TaskId),
    person: PersonId,
) -> Result<Millis> {
    let ended = tx.query_one(
        "SELECT max(end_time) FROM flow_part WHERE tenant_id = $1 AND instance_id = $2 \
         AND task_id = $3 AND person_id = $4",
        &[tenant.into(), instance.into(), task.into(), person.into()],
        |row| row.opt_int(0),
    )?;
    Ok(Millis(ended.flatten().unwrap_or_default()))
}

fn load_parts(tx: &mut Tx<'_>, tenant: TenantId, instance: &mut Instance) -> Result<()> {
    let parts = tx.query_all(
        "SELECT task_id, person_id, status, end_time FROM flow_part \
         WHERE tenant_id = $1 AND instance_id = $2 ORDER BY task_id, turn",
        &[tenant.into(), instance.id.into()],
        |row| {
            let task = TaskId(row.int(0)?);
            let status = status("flow_part", task, row.int(2)?)?;
            let person = PersonId(row.int(1)?);
            Ok((task, Part { person, status, end_time: Millis(row.int(3)?) }))
        },
    )?;
    for (task, part) in parts {
        if let Some(task) = instance.task_mut(task) {
            task.parts.push(part);
        }
    }
    let ccs = tx.query_all(
        "SELECT task_id, person_id FROM flow_cc \
         WHERE tenant_id = $1 AND instance_id = $2 ORDER BY task_id, person_id",
        &[tenant.into(), instance.id.into()],
        |row| Ok((TaskId(row.int(0)?), PersonId(row.int(1)?))),
    )?;
    for (task, person) in ccs {
        if let Some(task) = instance.task_mut(task) {
            task.ccs.push(person);
        }
    }
    Ok(())
}

fn status(table: &'static str, row: impl std::fmt::Display, code: i64) -> Result<Status> {
    Status::from_code(code).ok_or_else(|| bad(table, "status", row, "no such status"))
}

fn read_task(row: &Row<'_>) -> Result<Task> {
    let id = TaskId(row.int(0)?);
    Ok(Task {
        id,
        node: row.text(1)?,
        logic: Logic::from_code(row.int(2)?)
            .ok_or_else(|| bad("flow_task", "logic", id, "no such logic"))?,
        status: status("flow_task", id, row.int(3)?)?,
        start_time: Millis(row.int(4)?),
        end_time: Millis(row.int(5)?),
        parts: Vec::new(),
        ccs: Vec::new(),
    })
}

/// Adds an instance's own row or writes it anew, with its card.
pub fn instance_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: &Instance,
    (format, card): (i64, &[u8]),
) -> Result<()> {
    tx.touch(tenant, Piece::FlowInstance(instance.id));
    tx.execute(
        "INSERT INTO flow_instance (tenant_id, instance_id, flow_id, initiator_id, status, \
         start_time, end_time, format, card, details, listed_status) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, instance_id) DO UPDATE SET flow_id = excluded.flow_id, \
         initiator_id = excluded.initiator_id, status = excluded.status, \
         listed_status = excluded.listed_status, \
         start_time = excluded.start_time, end_time = excluded.end_time, \
         format = excluded.format, card = excluded.card, details = excluded.details",
        &[
            tenant.into(),
            instance.id.into(),
            instance.flow.into(),
            instance.initiator.into(),
            instance.status.code().into(),
            instance.start_time.into(),
            instance.end_time.into(),
            format.into(),
            card.into(),
            (&json(&instance.details)?).into(),
            status_of_flow(instance.status).code().into(),
        ],
    )?;
    Ok(())
}

/// Initiator, format and bytes of an instance's card.
pub fn card_get(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Option<(PersonId, i64, Vec<u8>)>> {
    tx.query_one(
        "SELECT initiator_id, format, card FROM flow_instance \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
        |row| Ok((PersonId(row.int(0)?), row.int(1)?, row.bytes(2)?)),
    )
}

/// A card of an instance with whoever started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCard {
    /// Which instance.
    pub instance: InstanceId,
    /// Whoever started it, as it says.
    pub initiator: PersonId,
    /// Who they are today, if they turned out to be somebody else.
    pub today: PersonId,
    /// Their name; empty when there is none.
    pub name: String,
    /// One of their aliases; empty when there is none.
    pub alias: String,
    /// The format of the card.
    pub format: i64,
    /// Its bytes.
    pub card: Vec<u8>,
}

/// The cards of instances with those who started them: what a page shows, with one statement.
pub fn cards_shown(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instances: &[InstanceId],
    alias: AliasKind,
) -> Result<Vec<ShownCard>> {
    tx.query_all(
        "SELECT i.instance_id, i.initiator_id, coalesce(j.into_id, i.initiator_id), p.name, \
         a.value, i.format, i.card FROM {each $2} \
         {then join} flow_instance i ON i.tenant_id = $1 AND i.instance_id = each.value \
         LEFT JOIN person_join j ON j.tenant_id = $1 AND j.from_id = i.initiator_id \
         LEFT JOIN person p ON p.tenant_id = $1 \
         AND p.person_id = coalesce(j.into_id, i.initiator_id) \
         LEFT JOIN person_alias a ON a.tenant_id = $1 \
         AND a.person_id = coalesce(j.into_id, i.initiator_id) AND a.kind = $3",
        &[tenant.into(), Param::Ids(instances), alias.code().into()],
        |row| {
            Ok(ShownCard {
                instance: InstanceId(row.int(0)?),
                initiator: PersonId(row.int(1)?),
                today: PersonId(row.int(2)?),
                name: row.opt_text(3)?.unwrap_or_default(),
                alias: row.opt_text(4)?.unwrap_or_default(),
                format: row.int(5)?,
                card: row.bytes(6)?,
            })
        },
    )
}

/// Adds a task's own row or writes it anew.
pub fn task_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    task: &Task,
) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_task (tenant_id, instance_id, task_id, node, logic, status, start_time, \
         end_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (tenant_id, instance_id, task_id) DO UPDATE SET node = excluded.node, \
         logic = excluded.logic, status = excluded.status, start_time = excluded.start_time, \
         end_time = excluded.end_time",
        &[
            tenant.into(),
            instance.into(),
            task.id.into(),
            (&task.node).into(),
            task.logic.code().into(),
            task.status.code().into(),
            task.start_time.into(),
            task.end_time.into(),
        ],
    )?;
    Ok(())
}

/// Removes a task with its parts and copies.
pub fn task_delete(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    task: &Task,
) -> Result<()> {
    for turn in 0..task.parts.len() {
        part_delete(tx, tenant, (instance, task.id), turn)?;
    }
    for person in &task.ccs {
        cc_delete(tx, tenant, (instance, task.id), *person)?;
    }
    tx.execute(
        "DELETE FROM flow_task WHERE tenant_id = $1 AND instance_id = $2 AND task_id = $3",
        &[tenant.into(), instance.into(), task.id.into()],
    )?;
    Ok(())
}

/// The instance of a task.
pub fn instance_of_task(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    task: TaskId,
) -> Result<Option<InstanceId>> {
    tx.query_one(
        "SELECT instance_id FROM flow_task WHERE tenant_id = $1 AND task_id = $2",
        &[tenant.into(), task.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

/// The greatest id of any tenant's tasks below `bound`: imported ones may be as great as they like.
pub fn task_newest(tx: &mut Tx<'_>, bound: i64) -> Result<Option<TaskId>> {
    let newest = tx.query_one(
        "SELECT max(newest) FROM (SELECT (SELECT max(k.task_id) FROM flow_task k \
         WHERE k.tenant_id = t.tenant_id AND k.task_id < $1) AS newest FROM tenant t) AS of_tenants",
        &[bound.into()],
        |row| row.opt_int(0),
    )?;
    Ok(newest.flatten().map(TaskId))
}

fn number(turn: usize) -> i64 {
    i64::try_from(turn).unwrap_or(i64::MAX)
}

/// Adds a part or writes it anew.
pub fn part_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (instance, task): (InstanceId, TaskId),
    turn: usize,
    part: &Part,
) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_part (tenant_id, instance_id, task_id, turn, person_id, status, \
         end_time) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (tenant_id, instance_id, task_id, turn) DO UPDATE SET \
         person_id = excluded.person_id, status = excluded.status, end_time = excluded.end_time",
        &[
            tenant.into(),
            instance.into(),
            task.into(),
            number(turn).into(),
            part.person.into(),
            part.status.code().into(),
            part.end_time.into(),
        ],
    )?;
    Ok(())
}

/// Removes a part.
pub fn part_delete(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (instance, task): (InstanceId, TaskId),
    turn: usize,
) -> Result<()> {
    tx.execute(
        "DELETE FROM flow_part WHERE tenant_id = $1 AND instance_id = $2 AND task_id = $3 \
         AND turn = $4",
        &[tenant.into(), instance.into(), task.into(), number(turn).into()],
    )?;
    Ok(())
}

/// Adds a copy.
pub fn cc_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (instance, task): (InstanceId, TaskId),
    person: PersonId,
) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_cc (tenant_id, instance_id, task_id, person_id) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        &[tenant.into(), instance.into(), task.into(), person.into()],
    )?;
    Ok(())
}

/// Removes a copy.
pub fn cc_delete(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (instance, task): (InstanceId, TaskId),
    person: PersonId,
) -> Result<()> {
    tx.execute(
        "DELETE FROM flow_cc WHERE tenant_id = $1 AND instance_id = $2 AND task_id = $3 \
         AND person_id = $4",
        &[tenant.into(), instance.into(), task.into(), person.into()],
    )?;
    Ok(())
}

/// Begins the history of a new instance: the first entry needs no look at those before it.
pub fn history_begin(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    at: Millis,
    action: &str,
    person: PersonId,
) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_history (tenant_id, instance_id, seq, at, action, person_id, details) \
         VALUES ($1, $2, 1, $3, $4, $5, '')",
        &[tenant.into(), instance.into(), at.into(), action.into(), person.into()],
    )?;
    Ok(())
}

/// Adds an entry to the history of an instance.
pub fn history_append(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    at: Millis,
    action: &str,
    person: Option<PersonId>,
    details: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_history (tenant_id, instance_id, seq, at, action, person_id, details) \
         SELECT $1, $2, coalesce(max(seq), 0) + 1, $3, $4, $5, $6 FROM flow_history \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), instance.into(), at.into(), action.into(), person.into(), details.into()],
    )?;
    Ok(())
}

/// At most `limit` instances after `after`.
pub fn instances_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: InstanceId,
    limit: i64,
) -> Result<Vec<InstanceId>> {
    tx.query_all(
        "SELECT instance_id FROM flow_instance WHERE tenant_id = $1 AND instance_id > $2 \
         ORDER BY instance_id LIMIT $3",
        &[tenant.into(), after.into(), limit.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

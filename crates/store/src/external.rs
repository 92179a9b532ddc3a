//! Third-party instances with their tasks and copies, row by row.
//!
//! The lists that queries read are in [`crate::list`]; the use case writes both in one transaction.
//! Those of searches are indexes, which follow by themselves: tasks and copies repeat the definition of
//! their instance, which never changes while it has any.

use domain::instance::{
    Cc, CcDetails, Instance, InstanceDetails, InstanceStatus, Kept, ReadStatus, Stored, Task,
    TaskDetails, TaskStatus,
};
use domain::person::PersonRef;
use domain::{AppId, CcId, DefinitionId, InstanceId, Millis, PersonId, TaskId, TenantId};
use serde::{Deserialize, Serialize};

use crate::value::{Param, Row};
use crate::watch::Piece;
use crate::{Error, Result, Tx};

/// Where an instance stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its internal id.
    pub id: InstanceId,
    /// The app that syncs it.
    pub app: AppId,
    /// Its definition.
    pub definition: DefinitionId,
    /// Only its internal id is left.
    pub purged: bool,
}

/// Details are stored together with the aliases as given, under one name each.
#[derive(Serialize, Deserialize)]
struct Details<T> {
    #[serde(rename = "p", default, skip_serializing_if = "PersonRef::is_empty")]
    person: PersonRef,
    #[serde(rename = "d")]
    details: T,
}

fn encode<T: Serialize>(person: &PersonRef, details: &T) -> Result<String> {
    #[derive(Serialize)]
    struct Borrowed<'a, T> {
        #[serde(rename = "p", skip_serializing_if = "PersonRef::is_empty")]
        person: &'a PersonRef,
        #[serde(rename = "d")]
        details: &'a T,
    }
    serde_json::to_string(&Borrowed { person, details }).map_err(|e| Error::Engine(e.to_string()))
}

fn corrupt(table: &'static str, column: &'static str, row: i64) -> impl FnOnce(String) -> Error {
    move |reason| Error::Corrupt { table, column, row: row.to_string(), reason }
}

fn decode<T: for<'de> Deserialize<'de>>(
    table: &'static str,
    id: i64,
    text: &str,
) -> Result<Details<T>> {
    serde_json::from_str(text).map_err(|e| corrupt(table, "details", id)(e.to_string()))
}

/// Where an app's instance is, by the app's own id.
pub fn instance_head(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    app: AppId,
    external_id: &str,
) -> Result<Option<Head>> {
    tx.query_one(
        "SELECT instance_id, definition_id, purged FROM external_instance \
         WHERE tenant_id = $1 AND app_id = $2 AND external_id = $3",
        &[tenant.into(), app.into(), external_id.into()],
        |row| {
            let (id, definition) = (InstanceId(row.int(0)?), DefinitionId(row.int(1)?));
            Ok(Head { id, app, definition, purged: row.flag(2)? })
        },
    )
}

/// An instance by the app's own id, with its card and that one's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedInstance {
    /// The app's own id.
    pub external_id: String,
    /// Where it is.
    pub head: Head,
    /// `None` when it was purged.
    pub card: Option<(i64, Vec<u8>)>,
}

/// An app's instances by the app's own ids, with one statement; unknown ones are left out.
pub fn instances_named(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    app: AppId,
    external_ids: &[&str],
) -> Result<Vec<NamedInstance>> {
    tx.query_all(
        "SELECT i.external_id, i.instance_id, i.definition_id, i.purged, c.format, c.card \
         FROM {each text $3} \
         {then join} external_instance i ON i.tenant_id = $1 AND i.app_id = $2 \
         AND i.external_id = each.value \
         LEFT JOIN external_card c ON c.tenant_id = $1 AND c.instance_id = i.instance_id",
        &[tenant.into(), app.into(), Param::Texts(external_ids)],
        |row| {
            let (id, definition) = (InstanceId(row.int(1)?), DefinitionId(row.int(2)?));
            let card = row.opt_int(4)?.zip(row.opt_bytes(5)?);
            let head = Head { id, app, definition, purged: row.flag(3)? };
            Ok(NamedInstance { external_id: row.text(0)?, head, card })
        },
    )
}

/// Where an instance is, by its internal id.
pub fn instance_head_by_id(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Option<Head>> {
    tx.query_one(
        "SELECT app_id, definition_id, purged FROM external_instance \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
        |row| {
            let (app, definition) = (AppId(row.int(0)?), DefinitionId(row.int(1)?));
            Ok(Head { id, app, definition, purged: row.flag(2)? })
        },
    )
}

/// The greatest internal id of any tenant's instances: the floor of new ids.
pub fn instance_newest(tx: &mut Tx<'_>) -> Result<Option<InstanceId>> {
    let newest = tx.query_one(
        "SELECT max(newest) FROM (SELECT (SELECT max(i.instance_id) FROM external_instance i \
         WHERE i.tenant_id = t.tenant_id) AS newest FROM tenant t) AS of_tenants",
        &[],
        |row| row.opt_int(0),
    )?;
    Ok(newest.flatten().map(InstanceId))
}

/// An instance with its tasks and copies; `None` when it is unknown or purged.
pub fn instance_load(tx: &mut Tx<'_>, tenant: TenantId, id: InstanceId) -> Result<Option<Stored>> {
    let own = instance_own(tx, tenant, id)?;
    let Some((_, instance, initiator)) = own else { return Ok(None) };
    let tasks = tx.query_all(
        "SELECT task_id, external_id, person_id, status, create_time, end_time, update_time, \
         details FROM external_task WHERE tenant_id = $1 AND instance_id = $2 ORDER BY task_id",
        &[tenant.into(), id.into()],
        read_task,
    )?;
    let ccs = tx.query_all(
        "SELECT cc_id, external_id, person_id, read_status, create_time, update_time, details \
         FROM external_cc WHERE tenant_id = $1 AND instance_id = $2 ORDER BY cc_id",
        &[tenant.into(), id.into()],
        read_cc,
    )?;
    Ok(Some(Stored { instance, initiator, tasks, ccs }))
}

/// An instance without its tasks and copies: where it is, what it says and who started it. `None` as
/// in [`instance_load`].
pub fn instance_own(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Option<(Head, Instance, Option<PersonId>)>> {
    tx.query_one(
        "SELECT external_id, initiator_id, status, start_time, end_time, update_time, details, \
         app_id, definition_id FROM external_instance WHERE tenant_id = $1 AND instance_id = $2 AND purged = 0",
        &[tenant.into(), id.into()],
        |row| {
            let stored: Details<InstanceDetails> =
                decode("external_instance", id.get(), row.str(6)?)?;
            let status = InstanceStatus::from_code(row.int(2)?).ok_or_else(|| {
                corrupt("external_instance", "status", id.get())("no such status".into())
            })?;
            let instance = Instance {
                external_id: row.text(0)?,
                status,
                initiator: stored.person,
                start_time: Millis(row.int(3)?),
                end_time: Millis(row.int(4)?),
                update_time: Millis(row.int(5)?),
                details: stored.details,
            };
            let (app, definition) = (AppId(row.int(7)?), DefinitionId(row.int(8)?));
            let head = Head { id, app, definition, purged: false };
            Ok((head, instance, row.opt_int(1)?.map(PersonId)))
        },
    )
}

/// One task of an instance.
pub fn task_get(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    task: TaskId,
) -> Result<Option<Kept<TaskId, Task>>> {
    tx.query_one(
        "SELECT task_id, external_id, person_id, status, create_time, end_time, update_time, \
         details FROM external_task WHERE tenant_id = $1 AND instance_id = $2 AND task_id = $3",
        &[tenant.into(), instance.into(), task.into()],
        read_task,
    )
}

/// One copy of an instance.
pub fn cc_get(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    cc: CcId,
) -> Result<Option<Kept<CcId, Cc>>> {
    tx.query_one(
        "SELECT cc_id, external_id, person_id, read_status, create_time, update_time, details \
         FROM external_cc WHERE tenant_id = $1 AND instance_id = $2 AND cc_id = $3",
        &[tenant.into(), instance.into(), cc.into()],
        read_cc,
    )
}

/// At most `limit` instances that their sources call so, whichever apps they are of; without purged
/// ones.
pub fn instances_by_external_id(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    external_id: &str,
    limit: usize,
) -> Result<Vec<InstanceId>> {
    tx.query_all(
        "SELECT instance_id FROM external_instance \
         WHERE tenant_id = $1 AND external_id = $2 AND purged = 0 ORDER BY instance_id LIMIT $3",
        &[tenant.into(), external_id.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

fn read_task(row: &Row<'_>) -> Result<Kept<TaskId, Task>> {
    let id = row.int(0)?;
    let stored: Details<TaskDetails> = decode("external_task", id, row.str(7)?)?;
    let status = TaskStatus::from_code(row.int(3)?)
        .ok_or_else(|| corrupt("external_task", "status", id)("no such status".into()))?;
    let item = Task {
        external_id: row.text(1)?,
        assignee: stored.person,
        status,
        create_time: Millis(row.int(4)?),
        end_time: Millis(row.int(5)?),
        update_time: Millis(row.int(6)?),
        details: stored.details,
    };
    Ok(Kept { id: TaskId(id), person: PersonId(row.int(2)?), item })
}

fn read_cc(row: &Row<'_>) -> Result<Kept<CcId, Cc>> {
    let id = row.int(0)?;
    let stored: Details<CcDetails> = decode("external_cc", id, row.str(6)?)?;
    let read_status = ReadStatus::from_code(row.int(3)?)
        .ok_or_else(|| corrupt("external_cc", "read_status", id)("no such status".into()))?;
    let item = Cc {
        external_id: row.text(1)?,
        person: stored.person,
        read_status,
        create_time: Millis(row.int(4)?),
        update_time: Millis(row.int(5)?),
        details: stored.details,
    };
    Ok(Kept { id: CcId(id), person: PersonId(row.int(2)?), item })
}

/// The version stamp of an instance, and those of its tasks by the caller's id.
pub type Stamps = (Millis, Vec<(String, Millis)>);

/// Version stamps of an instance and its tasks: what `check` compares. `None` as in
/// [`instance_load`].
pub fn instance_stamps(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Option<Stamps>> {
    let stamp = tx.query_one(
        "SELECT update_time FROM external_instance \
         WHERE tenant_id = $1 AND instance_id = $2 AND purged = 0",
        &[tenant.into(), id.into()],
        |row| Ok(Millis(row.int(0)?)),
    )?;
    let Some(stamp) = stamp else { return Ok(None) };
    let tasks = tx.query_all(
        "SELECT external_id, update_time FROM external_task \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
        |row| Ok((row.text(0)?, Millis(row.int(1)?))),
    )?;
    Ok(Some((stamp, tasks)))
}

/// Adds an instance or writes it anew, also after a purge.
pub fn instance_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    head: &Head,
    instance: &Instance,
    initiator: Option<PersonId>,
) -> Result<()> {
    let details = encode(&instance.initiator, &instance.details)?;
    tx.touch(tenant, Piece::External(head.id));
    let written = tx.execute(
        "INSERT INTO external_instance (tenant_id, instance_id, app_id, external_id, \
         definition_id, purged, initiator_id, status, start_time, end_time, update_time, details) \
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, instance_id) DO UPDATE SET \
         definition_id = excluded.definition_id, purged = 0, \
         initiator_id = excluded.initiator_id, status = excluded.status, \
         start_time = excluded.start_time, end_time = excluded.end_time, \
         update_time = excluded.update_time, details = excluded.details \
         WHERE external_instance.app_id = excluded.app_id \
         AND external_instance.external_id = excluded.external_id",
        &[
            tenant.into(),
            head.id.into(),
            head.app.into(),
            (&instance.external_id).into(),
            head.definition.into(),
            initiator.into(),
            instance.status.code().into(),
            instance.start_time.into(),
            instance.end_time.into(),
            instance.update_time.into(),
            (&details).into(),
        ],
    )?;
    if written == 0 { Err(tx.id_is_taken("external_instance")) } else { Ok(()) }
}

/// The app of an instance, and the app's own id of it.
pub fn instance_name(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Option<(AppId, String)>> {
    tx.query_one(
        "SELECT app_id, external_id FROM external_instance \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
        |row| Ok((AppId(row.int(0)?), row.text(1)?)),
    )
}

/// Forgets an instance but for its internal id. Its tasks, copies, lists and card go separately.
pub fn instance_purge(tx: &mut Tx<'_>, tenant: TenantId, id: InstanceId) -> Result<()> {
    tx.touch(tenant, Piece::External(id));
    tx.execute(
        "UPDATE external_instance SET purged = 1, initiator_id = NULL, status = 0, \
         start_time = 0, end_time = 0, update_time = 0, details = '' \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
    )?;
    tx.execute(
        "DELETE FROM external_task WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
    )?;
    tx.execute(
        "DELETE FROM external_cc WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
    )?;
    tx.execute(
        "DELETE FROM external_card WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
    )?;
    Ok(())
}

/// Adds a task of the instance at `head` or writes it anew.
pub fn task_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    head: &Head,
    task: &Kept<TaskId, Task>,
) -> Result<()> {
    let item = &task.item;
    let details = encode(&item.assignee, &item.details)?;
    tx.execute(
        "INSERT INTO external_task (tenant_id, instance_id, task_id, external_id, person_id, \
         status, create_time, end_time, update_time, details, definition_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, instance_id, task_id) DO UPDATE SET \
         person_id = excluded.person_id, status = excluded.status, \
         create_time = excluded.create_time, end_time = excluded.end_time, \
         update_time = excluded.update_time, details = excluded.details",
        &[
            tenant.into(),
            head.id.into(),
            task.id.into(),
            (&item.external_id).into(),
            task.person.into(),
            item.status.code().into(),
            item.create_time.into(),
            item.end_time.into(),
            item.update_time.into(),
            (&details).into(),
            head.definition.into(),
        ],
    )?;
    Ok(())
}

/// Removes a task.
pub fn task_delete(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    task: TaskId,
) -> Result<()> {
    tx.execute(
        "DELETE FROM external_task WHERE tenant_id = $1 AND instance_id = $2 AND task_id = $3",
        &[tenant.into(), instance.into(), task.into()],
    )?;
    Ok(())
}

/// Adds a copy of the instance at `head` or writes it anew.
pub fn cc_put(tx: &mut Tx<'_>, tenant: TenantId, head: &Head, cc: &Kept<CcId, Cc>) -> Result<()> {
    let item = &cc.item;
    let details = encode(&item.person, &item.details)?;
    tx.execute(
        "INSERT INTO external_cc (tenant_id, instance_id, cc_id, external_id, person_id, \
         read_status, create_time, update_time, details, definition_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (tenant_id, instance_id, cc_id) DO UPDATE SET \
         person_id = excluded.person_id, read_status = excluded.read_status, \
         create_time = excluded.create_time, update_time = excluded.update_time, \
         details = excluded.details",
        &[
            tenant.into(),
            head.id.into(),
            cc.id.into(),
            (&item.external_id).into(),
            cc.person.into(),
            item.read_status.code().into(),
            item.create_time.into(),
            item.update_time.into(),
            (&details).into(),
            head.definition.into(),
        ],
    )?;
    Ok(())
}

/// Removes a copy.
pub fn cc_delete(tx: &mut Tx<'_>, tenant: TenantId, instance: InstanceId, cc: CcId) -> Result<()> {
    tx.execute(
        "DELETE FROM external_cc WHERE tenant_id = $1 AND instance_id = $2 AND cc_id = $3",
        &[tenant.into(), instance.into(), cc.into()],
    )?;
    Ok(())
}

/// Keeps what a query answers for an instance. `format` tells a later version whether it can read
/// the bytes.
pub fn card_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
    format: i64,
    card: &[u8],
) -> Result<()> {
    tx.touch(tenant, Piece::External(instance));
    tx.execute(
        "INSERT INTO external_card (tenant_id, instance_id, format, card) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, instance_id) DO UPDATE SET format = excluded.format, \
         card = excluded.card",
        &[tenant.into(), instance.into(), format.into(), card.into()],
    )?;
    Ok(())
}

/// The cards of instances with their formats; those without one are left out.
pub fn cards_get(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instances: &[InstanceId],
) -> Result<Vec<(InstanceId, i64, Vec<u8>)>> {
    tx.query_all(
        "SELECT c.instance_id, c.format, c.card FROM {each $2} \
         {then join} external_card c ON c.tenant_id = $1 AND c.instance_id = each.value",
        &[tenant.into(), Param::Ids(instances)],
        |row| Ok((InstanceId(row.int(0)?), row.int(1)?, row.bytes(2)?)),
    )
}

/// The card of an instance, and its format.
pub fn card_get(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    instance: InstanceId,
) -> Result<Option<(i64, Vec<u8>)>> {
    tx.query_one(
        "SELECT format, card FROM external_card WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), instance.into()],
        |row| Ok((row.int(0)?, row.bytes(1)?)),
    )
}

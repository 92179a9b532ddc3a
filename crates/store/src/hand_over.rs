//! Moving all open tasks of one person to another: the job's row, and what is open for somebody.

use domain::flow::Status;
use domain::{InstanceId, Millis, PersonId, TenantId};

use crate::lease::Work;
use crate::value::Row;
use crate::{Result, Tx};

/// A job, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Its id.
    pub id: i64,
    /// Whose tasks move.
    pub from: PersonId,
    /// To whom.
    pub to: PersonId,
    /// When it was asked for.
    pub begun_at: Millis,
    /// The last instance that was looked at.
    pub cursor: InstanceId,
    /// Instances in which something moved.
    pub moved_instances: i64,
    /// Tasks that moved.
    pub moved_tasks: i64,
    /// Instances whose flow refused.
    pub refused_instances: i64,
    /// When all was done; `None` while it is at work.
    pub finished_at: Option<Millis>,
}

fn read(row: &Row<'_>) -> Result<HandOver> {
    Ok(HandOver {
        id: row.int(0)?,
        from: PersonId(row.int(1)?),
        to: PersonId(row.int(2)?),
        begun_at: Millis(row.int(3)?),
        cursor: InstanceId(row.int(4)?),
        moved_instances: row.int(5)?,
        moved_tasks: row.int(6)?,
        refused_instances: row.int(7)?,
        finished_at: row.opt_int(8)?.map(Millis),
    })
}

/// Adds a job or notes how far it is.
pub fn hand_over_put(tx: &mut Tx<'_>, tenant: TenantId, job: &HandOver) -> Result<()> {
    if job.finished_at.is_none() {
        tx.left.push((tenant, Work::HandOvers));
    }
    tx.execute(
        "INSERT INTO hand_over (tenant_id, hand_over_id, from_id, to_id, begun_at, cursor_id, \
         moved_instances, moved_tasks, refused_instances, finished_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (tenant_id, hand_over_id) DO UPDATE SET cursor_id = excluded.cursor_id, \
         moved_instances = excluded.moved_instances, moved_tasks = excluded.moved_tasks, \
         refused_instances = excluded.refused_instances, finished_at = excluded.finished_at",
        &[
            tenant.into(),
            job.id.into(),
            job.from.into(),
            job.to.into(),
            job.begun_at.into(),
            job.cursor.into(),
            job.moved_instances.into(),
            job.moved_tasks.into(),
            job.refused_instances.into(),
            job.finished_at.into(),
        ],
    )?;
    Ok(())
}

/// A job.
pub fn hand_over_get(tx: &mut Tx<'_>, tenant: TenantId, id: i64) -> Result<Option<HandOver>> {
    tx.query_one(
        "SELECT hand_over_id, from_id, to_id, begun_at, cursor_id, moved_instances, moved_tasks, \
         refused_instances, finished_at FROM hand_over WHERE tenant_id = $1 AND hand_over_id = $2",
        &[tenant.into(), id.into()],
        read,
    )
}

/// The jobs that are not done, oldest first.
pub fn hand_overs_open(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Vec<HandOver>> {
    tx.query_all(
        "SELECT hand_over_id, from_id, to_id, begun_at, cursor_id, moved_instances, moved_tasks, \
         refused_instances, finished_at FROM hand_over \
         WHERE tenant_id = $1 AND finished_at IS NULL ORDER BY hand_over_id",
        &[tenant.into()],
        read,
    )
}

/// Tenants with jobs that are not done: a look at all, for what no hint names.
pub fn tenants_with_hand_overs(tx: &mut Tx<'_>) -> Result<Vec<TenantId>> {
    tx.query_all("SELECT DISTINCT tenant_id FROM hand_over WHERE finished_at IS NULL", &[], |row| {
        Ok(TenantId(row.int(0)?))
    })
}

/// At most `limit` instances after `after` in which a task waits for a person or will when it is
/// their turn, by id.
pub fn instances_waiting_for(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    person: PersonId,
    after: InstanceId,
    limit: usize,
) -> Result<Vec<InstanceId>> {
    tx.query_all(
        "SELECT DISTINCT p.instance_id FROM flow_part p {then join} flow_task t \
         ON t.tenant_id = $1 AND t.instance_id = p.instance_id AND t.task_id = p.task_id \
         WHERE p.tenant_id = $1 AND p.person_id = $2 AND p.instance_id > $3 AND p.end_time = 0 \
         AND p.status IN ($5, $6) AND t.status = $5 ORDER BY p.instance_id LIMIT $4",
        &[
            tenant.into(),
            person.into(),
            after.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
            Status::InProcess.code().into(),
            Status::Unstarted.code().into(),
        ],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

/// How many instances, and how many of their tasks, wait for a person or will. Reads all of them.
pub fn waiting_for(tx: &mut Tx<'_>, tenant: TenantId, person: PersonId) -> Result<(i64, i64)> {
    let counts = tx.query_one(
        "SELECT count(DISTINCT p.instance_id), count(DISTINCT p.task_id) \
         FROM flow_part p {then join} flow_task t \
         ON t.tenant_id = $1 AND t.instance_id = p.instance_id AND t.task_id = p.task_id \
         WHERE p.tenant_id = $1 AND p.person_id = $2 AND p.end_time = 0 \
         AND p.status IN ($3, $4) AND t.status = $3",
        &[
            tenant.into(),
            person.into(),
            Status::InProcess.code().into(),
            Status::Unstarted.code().into(),
        ],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    Ok(counts.unwrap_or_default())
}

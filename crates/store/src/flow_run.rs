//! Running instances: where each stands, when time next does something, and which call started it.

use domain::process::chain::{Hash, Head};
use domain::process::{State, chain};
use domain::{AppId, FlowId, InstanceId, Millis, TenantId};

use crate::lease::Work;
use crate::{Error, Result, Tx};

/// An instance that the hub runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Where it stands.
    pub state: State,
    /// When time next does something; never, where nothing is due.
    pub next_due: Option<Millis>,
    /// The end of its history.
    pub head: Head,
}

fn text_of(state: &State) -> Result<String> {
    serde_json::to_string(state).map_err(|e| Error::Engine(e.to_string()))
}

pub(crate) fn hash_of(
    table: &'static str,
    row: impl std::fmt::Display,
    bytes: &[u8],
) -> Result<Hash> {
    let hash = bytes.try_into().map_err(|_| Error::Corrupt {
        table,
        column: "hash",
        row: row.to_string(),
        reason: "a hash has 32 bytes".into(),
    })?;
    Ok(Hash(hash))
}

/// Where an instance stands; `None` for unknown ones and those that are not run here.
pub fn run_get(tx: &mut Tx<'_>, tenant: TenantId, id: InstanceId) -> Result<Option<Run>> {
    tx.query_one(
        "SELECT state, next_due, seq, hash FROM flow_run \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
        |row| {
            let state = serde_json::from_str(row.str(0)?).map_err(|e| Error::Corrupt {
                table: "flow_run",
                column: "state",
                row: id.to_string(),
                reason: e.to_string(),
            })?;
            let hash = hash_of("flow_run", id, row.blob(3)?)?;
            let head = Head { instance: id, seq: row.int(2)?, hash };
            Ok(Run { state, next_due: row.opt_int(1)?.map(Millis), head })
        },
    )
}

/// Whether an instance is run here.
pub fn run_exists(tx: &mut Tx<'_>, tenant: TenantId, id: InstanceId) -> Result<bool> {
    let found = tx.query_one(
        "SELECT 1 FROM flow_run WHERE tenant_id = $1 AND instance_id = $2",
        &[tenant.into(), id.into()],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// Adds an instance, under an id that none has.
pub fn run_insert(tx: &mut Tx<'_>, run: &Run) -> Result<()> {
    let State { tenant, instance, flow, version, .. } = run.state;
    tx.execute(
        "INSERT INTO flow_run (tenant_id, instance_id, flow_id, version, next_due, seq, hash, \
         anchored, state) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)",
        &[
            tenant.into(),
            instance.into(),
            flow.into(),
            version.into(),
            run.next_due.into(),
            run.head.seq.into(),
            (&run.head.hash.0[..]).into(),
            (&text_of(&run.state)?).into(),
        ],
    )?;
    leave_work(tx, run);
    Ok(())
}

/// Writes anew where an instance stands.
pub fn run_update(tx: &mut Tx<'_>, run: &Run) -> Result<()> {
    let State { tenant, instance, .. } = run.state;
    tx.execute(
        "UPDATE flow_run SET next_due = $3, seq = $4, hash = $5, state = $6 \
         WHERE tenant_id = $1 AND instance_id = $2",
        &[
            tenant.into(),
            instance.into(),
            run.next_due.into(),
            run.head.seq.into(),
            (&run.head.hash.0[..]).into(),
            (&text_of(&run.state)?).into(),
        ],
    )?;
    leave_work(tx, run);
    Ok(())
}

fn leave_work(tx: &mut Tx<'_>, run: &Run) {
    tx.left.push((run.state.tenant, Work::Anchors));
    if run.next_due.is_some() {
        tx.left.push((run.state.tenant, Work::Timers));
    }
}

/// At most `limit` instances after `after`.
pub fn runs_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: InstanceId,
    limit: i64,
) -> Result<Vec<InstanceId>> {
    tx.query_all(
        "SELECT instance_id FROM flow_run WHERE tenant_id = $1 AND instance_id > $2 \
         ORDER BY instance_id LIMIT $3",
        &[tenant.into(), after.into(), limit.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

/// At most `limit` instances for which something is due at `now`, the most overdue first.
pub fn runs_due(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    now: Millis,
    limit: i64,
) -> Result<Vec<InstanceId>> {
    tx.query_all(
        "SELECT instance_id FROM flow_run WHERE tenant_id = $1 AND next_due IS NOT NULL \
         AND next_due <= $2 ORDER BY next_due LIMIT $3",
        &[tenant.into(), now.into(), limit.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )
}

/// When time next does something in a tenant.
pub fn run_next_due(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Option<Millis>> {
    tx.query_one(
        "SELECT next_due FROM flow_run WHERE tenant_id = $1 AND next_due IS NOT NULL \
         ORDER BY next_due LIMIT 1",
        &[tenant.into()],
        |row| Ok(Millis(row.int(0)?)),
    )
}

/// Tenants for which a moment will come. For the start of a process alone: it reads every tenant.
pub fn tenants_with_timers(tx: &mut Tx<'_>) -> Result<Vec<TenantId>> {
    tx.query_all("SELECT DISTINCT tenant_id FROM flow_run WHERE next_due IS NOT NULL", &[], |row| {
        Ok(TenantId(row.int(0)?))
    })
}

/// Tenants with histories that moved since their last anchor. For the start of a process alone.
pub fn tenants_to_anchor(tx: &mut Tx<'_>) -> Result<Vec<TenantId>> {
    tx.query_all("SELECT DISTINCT tenant_id FROM flow_run WHERE seq > anchored", &[], |row| {
        Ok(TenantId(row.int(0)?))
    })
}

/// The ends of at most `limit` histories that moved since the last anchor, by instance.
pub fn heads_to_anchor(tx: &mut Tx<'_>, tenant: TenantId, limit: i64) -> Result<Vec<Head>> {
    tx.query_all(
        "SELECT instance_id, seq, hash FROM flow_run WHERE tenant_id = $1 AND seq > anchored \
         ORDER BY instance_id LIMIT $2",
        &[tenant.into(), limit.into()],
        |row| {
            let instance = InstanceId(row.int(0)?);
            let hash = hash_of("flow_run", instance, row.blob(2)?)?;
            Ok(Head { instance, seq: row.int(1)?, hash })
        },
    )
}

/// Adds an anchor, and notes of each of its heads that an anchor knows it.
pub fn anchor_insert(tx: &mut Tx<'_>, tenant: TenantId, anchor: &chain::Anchor) -> Result<()> {
    let heads = serde_json::to_string(&anchor.heads).map_err(|e| Error::Engine(e.to_string()))?;
    tx.execute(
        "INSERT INTO flow_anchor (tenant_id, number, at, heads, hash) VALUES ($1, $2, $3, $4, $5)",
        &[
            tenant.into(),
            anchor.number.into(),
            anchor.at.into(),
            (&heads).into(),
            (&anchor.hash.0[..]).into(),
        ],
    )?;
    let known = |head: &Head| vec![tenant.into(), head.instance.into(), head.seq.into()];
    tx.execute_each(
        "UPDATE flow_run SET anchored = $3 WHERE tenant_id = $1 AND instance_id = $2",
        &anchor.heads.iter().map(known).collect::<Vec<_>>(),
    )
}

/// At most `limit` anchors after the one with a number, in order.
pub fn anchors_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: i64,
    limit: i64,
) -> Result<Vec<chain::Anchor>> {
    tx.query_all(
        "SELECT number, at, heads, hash FROM flow_anchor WHERE tenant_id = $1 AND number > $2 \
         ORDER BY number LIMIT $3",
        &[tenant.into(), after.into(), limit.into()],
        read_anchor,
    )
}

/// When the newest anchor of a tenant was written.
pub fn anchor_newest_at(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Option<Millis>> {
    tx.query_one(
        "SELECT at FROM flow_anchor WHERE tenant_id = $1 ORDER BY number DESC LIMIT 1",
        &[tenant.into()],
        |row| Ok(Millis(row.int(0)?)),
    )
}

/// The newest anchor of a tenant.
pub fn anchor_newest(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Option<chain::Anchor>> {
    tx.query_one(
        "SELECT number, at, heads, hash FROM flow_anchor WHERE tenant_id = $1 \
         ORDER BY number DESC LIMIT 1",
        &[tenant.into()],
        read_anchor,
    )
}

fn read_anchor(row: &crate::value::Row<'_>) -> Result<chain::Anchor> {
    let number = row.int(0)?;
    let heads = serde_json::from_str(row.str(2)?).map_err(|e| Error::Corrupt {
        table: "flow_anchor",
        column: "heads",
        row: number.to_string(),
        reason: e.to_string(),
    })?;
    let hash = hash_of("flow_anchor", number, row.blob(3)?)?;
    Ok(chain::Anchor { number, at: Millis(row.int(1)?), heads, hash })
}

/// By which call an instance was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartKey<'k> {
    /// Which app called.
    pub app: AppId,
    /// Which flow it started.
    pub flow: FlowId,
    /// What it gave.
    pub key: &'k str,
}

/// Takes a key for an instance, unless one that was taken after `since` is in the way. Says whether
/// it was free. Of two at once the second waits for the first.
pub fn start_key_take(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    given: &StartKey<'_>,
    instance: InstanceId,
    now: Millis,
    since: Millis,
) -> Result<bool> {
    let taken = tx.execute(
        "INSERT INTO flow_start_key (tenant_id, app_id, flow_id, key, instance_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, app_id, flow_id, key) \
         DO UPDATE SET instance_id = excluded.instance_id, created_at = excluded.created_at \
         WHERE flow_start_key.created_at <= $7",
        &[
            tenant.into(),
            given.app.into(),
            given.flow.into(),
            given.key.into(),
            instance.into(),
            now.into(),
            since.into(),
        ],
    )?;
    Ok(taken > 0)
}

/// Which instance a key started, and when.
pub fn start_key_get(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    given: &StartKey<'_>,
) -> Result<Option<(InstanceId, Millis)>> {
    tx.query_one(
        "SELECT instance_id, created_at FROM flow_start_key WHERE tenant_id = $1 \
         AND app_id = $2 AND flow_id = $3 AND key = $4",
        &[tenant.into(), given.app.into(), given.flow.into(), given.key.into()],
        |row| Ok((InstanceId(row.int(0)?), Millis(row.int(1)?))),
    )
}

/// Forgets keys that were taken until `until`, at most `limit` moments of them. Says how many rows.
pub fn start_keys_forget(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    until: Millis,
    limit: i64,
) -> Result<usize> {
    tx.execute(
        "DELETE FROM flow_start_key WHERE tenant_id = $1 AND created_at IN \
         (SELECT k.created_at FROM flow_start_key k WHERE k.tenant_id = $1 \
         AND k.created_at <= $2 ORDER BY k.created_at LIMIT $3)",
        &[tenant.into(), until.into(), limit.into()],
    )
}

//! What a use case holds while it changes it, so that nobody else decides on what is about to
//! change.
//!
//! SQLite has one writer: nobody else can, and nothing is locked. On PostgreSQL a row is locked, one
//! of a few thousand for each tenant; two things that share a row only wait for each other.

use domain::{AppId, InstanceId, TenantId};

use crate::{Result, Tx};

/// Something that is changed as a whole.
#[derive(Clone, Copy, Debug)]
pub enum Aggregate<'a> {
    /// A third-party instance with its tasks, copies, lists and card, by its app and the app's own
    /// id: it may not be there yet.
    External(AppId, &'a str),
    /// An instance of a flow with everything in it.
    FlowInstance(InstanceId),
    /// The definitions and groups of an app.
    Definitions(AppId),
    /// The numbers of a tenant's flows.
    Flows,
    /// Who is whom in a tenant.
    People,
}

/// How many rows a tenant's things share. Own figure: of a hundred who write at once about one waits
/// for a neighbour.
const SLOTS: u64 = 4_096;

impl Aggregate<'_> {
    /// The number of its row, the same in every process and version.
    fn slot(&self) -> i64 {
        let (kind, id, name) = match *self {
            Self::External(app, name) => (1, app.get(), name),
            Self::FlowInstance(id) => (2, id.get(), ""),
            Self::Definitions(app) => (3, app.get(), ""),
            Self::Flows => (4, 0, ""),
            Self::People => (5, 0, ""),
        };
        // FNV-1a, 64 bits (draft-eastlake-fnv): the standard library's hashes differ by process.
        let bytes = [kind].into_iter().chain(id.to_be_bytes()).chain(name.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // The upper bits are the better mixed ones.
        i64::try_from((hash >> 32) % SLOTS).unwrap_or_default()
    }
}

/// Holds something until the end of the transaction. Comes before the first look at it.
pub fn hold(tx: &mut Tx<'_>, tenant: TenantId, aggregate: Aggregate<'_>) -> Result<()> {
    if !tx.is_shared() {
        return Ok(());
    }
    let params = [tenant.into(), aggregate.slot().into()];
    let lock = |tx: &mut Tx<'_>| {
        tx.query_one(
            "SELECT slot FROM aggregate_lock WHERE tenant_id = $1 AND slot = $2 {for update}",
            &params,
            |row| row.int(0),
        )
    };
    if lock(tx)?.is_some() {
        return Ok(());
    }
    // Whoever inserts it holds it; who comes second waits here for the first one's end.
    let inserted = tx.execute(
        "INSERT INTO aggregate_lock (tenant_id, slot) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &params,
    )?;
    if inserted == 0 {
        lock(tx)?;
    }
    Ok(())
}

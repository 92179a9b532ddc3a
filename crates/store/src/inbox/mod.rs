//! The lists under every inbox: rows in page order, and counts that cost the same at any size.
//!
//! Owns rows, counts and their nodes, and the one way to find a place in a merge of lists. Knows
//! nothing of flows or approvals: a row is a time, a task, a flow's number and an instance.

mod counts;
mod deltas;
mod glance;
mod locate;
mod nodes;
mod page;
mod recount;
mod stored;

use domain::inbox::{Entry, Key, List};
use domain::{InstanceId, TenantId};

use crate::{Result, Tx};

pub(crate) use counts::{Pending, Shape, fold};
pub use deltas::{fold_deltas, lists_with_deltas, tenants_with_deltas};
pub use glance::{Glance, Seen, glance};
pub use page::{Found, Question, Rows, ask, ask_slowly, newest, rows_below};
pub use recount::{lists_after, recount, repair, row_count, row_exists};

/// Adds a row to a list. Its count follows at the end of the transaction.
pub fn row_insert(tx: &mut Tx<'_>, tenant: TenantId, list: List, entry: &Entry) -> Result<()> {
    tx.execute(
        "INSERT INTO inbox_row (tenant_id, family, person_id, relation, state, start_time, \
         task_id, flow_id, instance_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            tenant.into(),
            list.family.code().into(),
            list.person.into(),
            list.relation.code().into(),
            list.state.code().into(),
            entry.key.start.into(),
            entry.key.task.into(),
            entry.flow.into(),
            entry.instance.into(),
        ],
    )?;
    tx.count(tenant, list, entry.key, entry.flow, 1);
    Ok(())
}

/// Takes a row off a list.
pub fn row_delete(tx: &mut Tx<'_>, tenant: TenantId, list: List, entry: &Entry) -> Result<()> {
    tx.execute(
        "DELETE FROM inbox_row WHERE tenant_id = $1 AND family = $2 AND person_id = $3 \
         AND relation = $4 AND state = $5 AND start_time = $6 AND task_id = $7",
        &[
            tenant.into(),
            list.family.code().into(),
            list.person.into(),
            list.relation.code().into(),
            list.state.code().into(),
            entry.key.start.into(),
            entry.key.task.into(),
        ],
    )?;
    tx.count(tenant, list, entry.key, entry.flow, -1);
    Ok(())
}

/// Makes what was recorded so far count, which otherwise happens at the end of the
/// transaction: for use cases that ask what they have just written.
pub fn settle(tx: &mut Tx<'_>) -> Result<()> {
    fold(tx)
}

/// At most `limit` instances of a family in which a person has a row, for a join.
pub fn instances_of(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    family: domain::inbox::Family,
    person: domain::PersonId,
    limit: i64,
) -> Result<Vec<InstanceId>> {
    let mut ids = tx.query_all(
        "SELECT instance_id FROM inbox_row WHERE tenant_id = $1 AND family = $2 \
         AND person_id = $3 LIMIT $4",
        &[tenant.into(), family.code().into(), person.into(), limit.into()],
        |row| Ok(InstanceId(row.int(0)?)),
    )?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The least and the greatest bound of keys.
const MIN: Key = Key { start: i64::MIN, task: i64::MIN };
const MAX: Key = Key { start: i64::MAX, task: i64::MAX };

//! Counting lists once more, and making their counts and nodes anew: the store's part of `doctor`.

use domain::TenantId;
use domain::inbox::{Entry, Family, Key, List};

use super::counts::{At, Change, Head, build, list_get, list_put};
use super::deltas;
use super::nodes::{self, Node};
use super::{MAX, MIN};
use crate::watch::Piece;
use crate::{Result, Tx};

/// At most `limit` lists after `after` that have rows or counts, in order.
pub fn lists_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: Option<List>,
    limit: i64,
) -> Result<Vec<List>> {
    let at = after
        .map_or([0; 4], |l| [l.family.code(), l.person.get(), l.relation.code(), l.state.code()]);
    let mut lists = tx.query_all(
        "SELECT DISTINCT family, person_id, relation, state FROM inbox_row WHERE tenant_id = $1 \
         AND (family, person_id, relation, state) > ($2, $3, $4, $5) \
         UNION SELECT family, person_id, relation, state FROM inbox_list WHERE tenant_id = $1 \
         AND (family, person_id, relation, state) > ($2, $3, $4, $5) \
         ORDER BY 1, 2, 3, 4 LIMIT $6",
        &[tenant.into(), at[0].into(), at[1].into(), at[2].into(), at[3].into(), limit.into()],
        |row| deltas::list_of(row, tenant, "inbox_row"),
    )?;
    lists.dedup();
    Ok(lists)
}

/// What is wrong with the counts of a list; empty when everything adds up.
pub fn recount(tx: &mut Tx<'_>, tenant: TenantId, list: List) -> Result<Vec<String>> {
    let at = At { tenant, list };
    let rows = nodes::row_flows(tx, at, MIN, MAX)?;
    let Head { levels, n } = list_get(tx, at)?;
    let changes = deltas::of(tx, at)?;
    let mut faults = Vec::new();
    if levels == 0 {
        let n = n + changes.iter().map(|change| change.delta).sum::<i64>();
        if usize::try_from(n) != Ok(rows.len()) {
            faults.push(format!("{list:?} counts {n} rows and has {}", rows.len()));
        }
        return Ok(faults);
    }
    let mut buckets = nodes::all(tx, at, 1)?;
    add(&mut buckets, &changes);
    check_cover(&mut faults, list, 1, &buckets);
    for (index, node) in buckets.iter().enumerate() {
        let high = buckets.get(index + 1).map_or(MAX, |next| next.low);
        let inside = range(&rows, |(key, _)| *key, node.low, high);
        if Node::over_rows(node.low, inside) != *node {
            faults.push(format!("{list:?} has a node at {:?} that counts wrong", node.low));
        }
    }
    if levels == 2 {
        let mut tops = nodes::all(tx, at, 2)?;
        add(&mut tops, &changes);
        check_cover(&mut faults, list, 2, &tops);
        for (index, top) in tops.iter().enumerate() {
            let high = tops.get(index + 1).map_or(MAX, |next| next.low);
            let inside = range(&buckets, |node| node.low, top.low, high);
            if Node::over_nodes(top.low, inside) != *top {
                faults.push(format!("{list:?} has an upper node at {:?} that is wrong", top.low));
            }
        }
    }
    Ok(faults)
}

/// Adds to each node what is not folded into it yet.
fn add(nodes: &mut [Node], changes: &[Change]) {
    for change in changes {
        let after = nodes.partition_point(|node| node.low <= change.key);
        if let Some(node) = after.checked_sub(1).and_then(|at| nodes.get_mut(at)) {
            node.add(change.flow, change.delta);
        }
    }
}

fn check_cover(faults: &mut Vec<String>, list: List, level: i64, nodes: &[Node]) {
    if nodes.first().is_none_or(|first| first.low != MIN) {
        faults.push(format!("{list:?} has no first node on level {level}"));
    }
}

fn range<T>(sorted: &[T], key: impl Fn(&T) -> Key, low: Key, high: Key) -> &[T] {
    let from = sorted.partition_point(|item| key(item) < low);
    let to = sorted.partition_point(|item| key(item) < high);
    &sorted[from..to.max(from)]
}

/// Makes the counts of a list anew from its rows. All that it reads must be of one moment, as in
/// [`super::fold_deltas`].
pub fn repair(tx: &mut Tx<'_>, tenant: TenantId, list: List) -> Result<()> {
    let at = At { tenant, list };
    tx.touch(tenant, Piece::Inbox(list));
    deltas::take(tx, at)?;
    nodes::delete_all(tx, at, 1)?;
    nodes::delete_all(tx, at, 2)?;
    list_put(tx, at, 0, 0)?;
    build(tx, at)
}

/// Whether a row is on a list, just as it should be.
pub fn row_exists(tx: &mut Tx<'_>, tenant: TenantId, list: List, entry: &Entry) -> Result<bool> {
    let next = Key { task: entry.key.task.saturating_add(1), ..entry.key };
    let found = super::page::read_between(tx, At { tenant, list }, entry.key, next, usize::MAX)?;
    Ok(found.first() == Some(entry))
}

/// How many rows all lists of a family have.
pub fn row_count(tx: &mut Tx<'_>, tenant: TenantId, family: Family) -> Result<i64> {
    let count = tx.query_one(
        "SELECT count(*) FROM inbox_row WHERE tenant_id = $1 AND family = $2",
        &[tenant.into(), family.code().into()],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use domain::inbox::{Relation, State};
    use domain::{InstanceId, Millis, PersonId};

    use super::super::{row_delete, row_insert};
    use super::*;
    use crate::{Options, Store};

    const TENANT: TenantId = TenantId(1);

    /// A store whose lists have nodes soon.
    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path().join("data.db"));
        options.node_size = (4, 2);
        let store = Store::open(&options, Millis(0)).unwrap();
        (folder, store)
    }

    fn list(person: i64) -> List {
        let (family, person) = (Family::Flow, PersonId(person));
        List { family, person, relation: Relation::Cc, state: State::Pending }
    }

    fn entry(start: i64, task: i64) -> Entry {
        Entry { key: Key { start, task }, flow: task % 3, instance: InstanceId(task) }
    }

    #[tokio::test]
    async fn counts_that_drifted_are_found_and_made_anew() {
        let (_folder, store) = store();
        let (tenant, list) = (TENANT, list(1));
        let fill = move |tx: &mut Tx<'_>| {
            (0..100).try_for_each(|n| row_insert(tx, tenant, list, &entry(n % 9, n)))
        };
        store.write(fill).await.unwrap();
        let look = move |tx: &mut Tx<'_>| recount(tx, tenant, list);
        assert_eq!(store.read(look).await.unwrap(), Vec::<String>::new());
        for spoil in [
            "UPDATE inbox_node SET n = n + 1 WHERE level = 1",
            "UPDATE inbox_node SET kids = kids + 1 WHERE level = 2",
            "UPDATE inbox_node SET flows = x'' WHERE level = 2",
            "DELETE FROM inbox_node WHERE level = 1 AND low_start < 0",
            "UPDATE inbox_list SET levels = 0, n = 7",
            "DELETE FROM inbox_list",
        ] {
            store.write(move |tx| tx.execute(spoil, &[])).await.unwrap();
            assert_ne!(store.read(look).await.unwrap(), Vec::<String>::new(), "{spoil}");
            store.write(move |tx| repair(tx, tenant, list)).await.unwrap();
            assert_eq!(store.read(look).await.unwrap(), Vec::<String>::new(), "{spoil}");
        }
        assert_eq!(store.read(move |tx| lists_after(tx, tenant, None, 9)).await.unwrap(), [list]);
    }

    /// All in one fold: a node loses its rows while the one behind it outgrows its size.
    #[tokio::test]
    async fn a_node_that_is_joined_to_an_emptied_one_is_not_cut_once_more() {
        let (_folder, store) = store();
        let tenant = TENANT;
        for first in 0..60 {
            let list = list(first + 1);
            let fill = move |tx: &mut Tx<'_>| {
                (0..100).try_for_each(|n| row_insert(tx, tenant, list, &entry(n, n)))
            };
            store.write(fill).await.unwrap();
            let change = move |tx: &mut Tx<'_>| {
                for n in first..first + 4 {
                    row_delete(tx, tenant, list, &entry(n, n))?;
                }
                (0..30).try_for_each(|n| row_insert(tx, tenant, list, &entry(first + 4, 200 + n)))
            };
            store.write(change).await.unwrap();
            let look = move |tx: &mut Tx<'_>| recount(tx, tenant, list);
            assert_eq!(store.read(look).await.unwrap(), Vec::<String>::new(), "{first}");
        }
    }
}

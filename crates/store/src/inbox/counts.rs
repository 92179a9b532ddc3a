//! Folding what a transaction recorded into counts: short lists have one, long lists have nodes.
//!
//! A use case only records; its changes are folded once, list by list, by one at a time: at the end
//! of the transaction where one thread writes, later and under the list's lock where many do. So
//! nodes split and merge without a race.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use domain::inbox::{Family, Key, List, Relation, State};
use domain::{PersonId, TenantId};

use super::deltas;
use super::nodes::{self, Node};
use super::{MAX, MIN};
use crate::watch::Piece;
use crate::{Error, Result, Tx};

/// How large nodes grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Rows that a new node of level 1 covers. It splits past twice and merges below a quarter.
    pub(crate) rows: i64,
    /// Nodes that a new node of level 2 covers, likewise.
    pub(crate) kids: i64,
}

impl Default for Shape {
    fn default() -> Self {
        // Measured on lists of 1e6 rows: 32 us for a deep page, 64 us for a count over any range.
        Self { rows: 256, kids: 64 }
    }
}

/// A change of one list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(super) key: Key,
    pub(super) flow: i64,
    pub(super) delta: i64,
}

/// What a transaction recorded and has not folded yet, in order.
pub(crate) type Pending = Vec<((TenantId, List), Change)>;

impl Tx<'_> {
    /// Records that a row came (+1) or went (-1).
    pub(super) fn count(&mut self, tenant: TenantId, list: List, key: Key, flow: i64, delta: i64) {
        self.touch(tenant, Piece::Inbox(list));
        self.pending.push(((tenant, list), Change { key, flow, delta }));
    }
}

/// Folds everything recorded; where others write at the same time, it is only noted down, and
/// folded by whoever holds the list.
pub(crate) fn fold(tx: &mut Tx<'_>) -> Result<()> {
    let mut pending = std::mem::take(&mut tx.pending);
    pending.sort_by_key(|(list, _)| *list);
    if let Some(sequence) = tx.sequence() {
        return deltas::append(tx, sequence, &pending);
    }
    for group in pending.chunk_by(|a, b| a.0 == b.0) {
        let Some(((tenant, list), _)) = group.first().copied() else { continue };
        let changes: Vec<Change> = group.iter().map(|(_, change)| *change).collect();
        fold_list(tx, At { tenant, list }, &changes)?;
    }
    Ok(())
}

/// Folds the changes of one list into its counts.
pub(super) fn fold_list(tx: &mut Tx<'_>, at: At, changes: &[Change]) -> Result<()> {
    let delta = changes.iter().map(|c| c.delta).sum::<i64>();
    // Most lists are short and known, which is one statement.
    if let Some(n) = short_add(tx, at, delta)? {
        if n == 0 {
            list_put(tx, at, 0, 0)?;
        } else if n > 2 * tx.shape.rows {
            build(tx, at)?;
        }
        return Ok(());
    }
    let Head { levels, n } = list_get(tx, at)?;
    if levels == 0 {
        list_put(tx, at, 0, n + delta)?;
        if n + delta > 2 * tx.shape.rows {
            build(tx, at)?;
        }
        return Ok(());
    }
    apply(tx, at, levels, changes)
}

/// A list of a tenant: what every statement here starts with.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) tenant: TenantId,
    pub(super) list: List,
}

/// What is known of a list by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// How many levels of nodes it has.
    pub(super) levels: i64,
    /// How many rows, where it has no nodes.
    pub(super) n: i64,
}

impl Head {
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

pub(super) fn list_get(tx: &mut Tx<'_>, at: At) -> Result<Head> {
    let head = tx.query_one(
        "SELECT levels, n FROM inbox_list WHERE tenant_id = $1 AND family = $2 \
         AND person_id = $3 AND relation = $4 AND state = $5",
        &at.params(),
        |row| Ok(Head { levels: row.int(0)?, n: row.int(1)? }),
    )?;
    Ok(head.unwrap_or_default())
}

/// Every list of a person in a family that has rows.
pub(super) fn lists_of(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    family: Family,
    person: PersonId,
) -> Result<Vec<(List, Head)>> {
    tx.query_all(
        "SELECT relation, state, levels, n FROM inbox_list \
         WHERE tenant_id = $1 AND family = $2 AND person_id = $3",
        &[tenant.into(), family.code().into(), person.into()],
        |row| {
            let (relation, state) =
                (Relation::from_code(row.int(0)?), State::from_code(row.int(1)?));
            let (Some(relation), Some(state)) = (relation, state) else {
                return Err(Error::Corrupt {
                    table: "inbox_list",
                    column: "relation",
                    row: format!("{tenant}/{person}"),
                    reason: "no such list".into(),
                });
            };
            let head = Head { levels: row.int(2)?, n: row.int(3)? };
            Ok((List { family, person, relation, state }, head))
        },
    )
}

/// Adds to the count of a short list and answers it; `None` when the list is new or long.
fn short_add(tx: &mut Tx<'_>, at: At, delta: i64) -> Result<Option<i64>> {
    let [tenant, family, person, relation, state] = at.params();
    tx.query_one(
        "UPDATE inbox_list SET n = n + $6 WHERE tenant_id = $1 AND family = $2 \
         AND person_id = $3 AND relation = $4 AND state = $5 AND levels = 0 RETURNING n",
        &[tenant, family, person, relation, state, delta.into()],
        |row| row.int(0),
    )
}

pub(super) fn list_put(tx: &mut Tx<'_>, at: At, levels: i64, n: i64) -> Result<()> {
    let [tenant, family, person, relation, state] = at.params();
    if levels == 0 && n == 0 {
        tx.execute(
            "DELETE FROM inbox_list WHERE tenant_id = $1 AND family = $2 AND person_id = $3 \
             AND relation = $4 AND state = $5",
            &[tenant, family, person, relation, state],
        )?;
        return Ok(());
    }
    tx.execute(
        "INSERT INTO inbox_list (tenant_id, family, person_id, relation, state, levels, n) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (tenant_id, family, person_id, relation, state) \
         DO UPDATE SET levels = excluded.levels, n = excluded.n",
        &[tenant, family, person, relation, state, levels.into(), n.into()],
    )?;
    Ok(())
}

/// Gives a list without nodes its nodes, from its rows; a short list gets its count.
pub(super) fn build(tx: &mut Tx<'_>, at: At) -> Result<()> {
    let rows = nodes::row_flows(tx, at, MIN, MAX)?;
    let n = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    if n <= 2 * tx.shape.rows {
        return list_put(tx, at, 0, n);
    }
    list_put(tx, at, 1, 0)?;
    let whole = Node::over_rows(MIN, &rows);
    nodes::put(tx, at, 1, &whole)?;
    split_rows(tx, at, &whole)?;
    raise(tx, at)
}

fn apply(tx: &mut Tx<'_>, at: At, levels: i64, changes: &[Change]) -> Result<()> {
    let mut buckets: BTreeMap<Key, Node> = BTreeMap::new();
    let mut tops: BTreeMap<Key, Node> = BTreeMap::new();
    for change in changes {
        touch(tx, at, 1, &mut buckets, change)?;
        if levels == 2 {
            touch(tx, at, 2, &mut tops, change)?;
        }
    }
    for node in buckets.values() {
        nodes::put(tx, at, 1, node)?;
    }
    for node in tops.values() {
        nodes::put(tx, at, 2, node)?;
    }
    let (most, least) = (2 * tx.shape.rows, tx.shape.rows / 4);
    let mut moved = false;
    for (low, node) in &buckets {
        if node.n > most {
            // It may have been joined to the one before already, and cut together with it.
            if nodes::exists(tx, at, 1, *low)? {
                split_rows(tx, at, node)?;
            }
            moved = true;
        } else if node.n < least {
            moved |= merge_rows(tx, at, levels, *low)?;
        }
    }
    if moved && levels == 2 {
        balance_tops(tx, at)?;
    }
    if moved { settle(tx, at) } else { Ok(()) }
}

/// Adds a change to the node of `level` that covers its key, read once.
fn touch(
    tx: &mut Tx<'_>,
    at: At,
    level: i64,
    known: &mut BTreeMap<Key, Node>,
    change: &Change,
) -> Result<()> {
    let low = nodes::low_of(tx, at, level, change.key)?;
    let node = match known.entry(low) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(nodes::get(tx, at, level, low)?),
    };
    node.add(change.flow, change.delta);
    Ok(())
}

/// Cuts a node of level 1 into nodes of the usual size.
fn split_rows(tx: &mut Tx<'_>, at: At, node: &Node) -> Result<()> {
    let high = nodes::next_low(tx, at, 1, node.low)?.unwrap_or(MAX);
    let rows = nodes::row_flows(tx, at, node.low, high)?;
    let size = usize::try_from(tx.shape.rows).unwrap_or(1).max(1);
    for (index, piece) in rows.chunks(size).enumerate() {
        let low = if index == 0 { node.low } else { piece[0].0 };
        nodes::put(tx, at, 1, &Node::over_rows(low, piece))?;
    }
    Ok(())
}

/// Joins a small node of level 1 with a neighbour under the same node of level 2. Says whether it
/// did: the node may be gone already, or alone.
fn merge_rows(tx: &mut Tx<'_>, at: At, levels: i64, low: Key) -> Result<bool> {
    if !nodes::exists(tx, at, 1, low)? {
        return Ok(false);
    }
    let floor = if levels == 2 { nodes::low_of(tx, at, 2, low)? } else { MIN };
    let ceiling = match levels {
        2 => nodes::next_low(tx, at, 2, floor)?.unwrap_or(MAX),
        _ => MAX,
    };
    let before = nodes::low_before(tx, at, 1, low)?.filter(|before| *before >= floor);
    let pair = if let Some(before) = before {
        Some((before, low))
    } else {
        let after = nodes::next_low(tx, at, 1, low)?.filter(|after| *after < ceiling);
        after.map(|after| (low, after))
    };
    let Some((left, right)) = pair else { return Ok(false) };
    let mut node = nodes::get(tx, at, 1, left)?;
    node.absorb(&nodes::get(tx, at, 1, right)?);
    nodes::delete(tx, at, 1, right)?;
    nodes::put(tx, at, 1, &node)?;
    if node.n > 2 * tx.shape.rows {
        split_rows(tx, at, &node)?;
    }
    Ok(true)
}

/// Gives nodes of level 2 their kids anew where nodes of level 1 came or went, and cuts or joins
/// them.
fn balance_tops(tx: &mut Tx<'_>, at: At) -> Result<()> {
    let tops = nodes::all(tx, at, 2)?;
    let (most, least) = (2 * tx.shape.kids, tx.shape.kids / 4);
    let mut left: Option<Node> = None;
    for (index, mut top) in tops.iter().cloned().enumerate() {
        let high = tops.get(index + 1).map_or(MAX, |next| next.low);
        let kids = nodes::count(tx, at, 1, top.low, high)?;
        if kids > most {
            cut_top(tx, at, top.low, high)?;
            left = None;
            continue;
        }
        if kids < least
            && let Some(mut before) = left.take_if(|before| before.kids + kids <= most)
        {
            before.absorb(&top);
            before.kids += kids;
            nodes::delete(tx, at, 2, top.low)?;
            nodes::put(tx, at, 2, &before)?;
            left = Some(before);
            continue;
        }
        if top.kids != kids {
            top.kids = kids;
            nodes::put(tx, at, 2, &top)?;
        }
        left = Some(top);
    }
    Ok(())
}

/// Covers the nodes of level 1 in a range with nodes of level 2 of the usual size.
fn cut_top(tx: &mut Tx<'_>, at: At, low: Key, high: Key) -> Result<()> {
    let kids = nodes::between(tx, at, 1, low, high)?;
    let size = usize::try_from(tx.shape.kids).unwrap_or(1).max(1);
    for (index, piece) in kids.chunks(size).enumerate() {
        let low = if index == 0 { low } else { piece[0].low };
        nodes::put(tx, at, 2, &Node::over_nodes(low, piece))?;
    }
    Ok(())
}

/// Adds level 2 to a list that has many nodes of level 1.
fn raise(tx: &mut Tx<'_>, at: At) -> Result<()> {
    if nodes::count(tx, at, 1, MIN, MAX)? > 2 * tx.shape.kids {
        cut_top(tx, at, MIN, MAX)?;
        list_put(tx, at, 2, 0)?;
    }
    Ok(())
}

/// Adds or takes away levels after nodes came or went.
fn settle(tx: &mut Tx<'_>, at: At) -> Result<()> {
    let mut levels = list_get(tx, at)?.levels;
    let buckets = nodes::count(tx, at, 1, MIN, MAX)?;
    if levels == 2 && buckets < tx.shape.kids / 2 {
        nodes::delete_all(tx, at, 2)?;
        list_put(tx, at, 1, 0)?;
        levels = 1;
    }
    if levels == 1 && buckets == 1 {
        let only = nodes::get(tx, at, 1, MIN)?;
        if only.n <= tx.shape.rows {
            nodes::delete_all(tx, at, 1)?;
            list_put(tx, at, 0, only.n)?;
        }
    } else if levels == 1 {
        raise(tx, at)?;
    }
    Ok(())
}

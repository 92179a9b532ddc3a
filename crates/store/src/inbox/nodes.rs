//! Nodes of long lists, row by row: what each covers, how many, and of which flows.

use std::collections::BTreeMap;

use domain::inbox::Key;

use super::MIN;
use super::counts::At;
use crate::value::{Param, Row};
use crate::{Error, Result, Tx};

/// Rows from `low` up to the next node's low end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) low: Key,
    pub(super) n: i64,
    /// Nodes below, on level 2.
    pub(super) kids: i64,
    /// How many of which flow.
    pub(super) flows: BTreeMap<i64, i64>,
}

impl Node {
    pub(super) fn over_rows(low: Key, rows: &[(Key, i64)]) -> Self {
        let mut node = Self { low, n: 0, kids: 0, flows: BTreeMap::new() };
        for (_, flow) in rows {
            node.add(*flow, 1);
        }
        node
    }

    pub(super) fn over_nodes(low: Key, kids: &[Self]) -> Self {
        let mut node = Self { low, n: 0, kids: 0, flows: BTreeMap::new() };
        for kid in kids {
            node.absorb(kid);
            node.kids += 1;
        }
        node
    }

    pub(super) fn add(&mut self, flow: i64, delta: i64) {
        self.n += delta;
        let count = self.flows.entry(flow).or_default();
        *count += delta;
        if *count == 0 {
            self.flows.remove(&flow);
        }
    }

    /// Takes over the counts of another.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (flow, n) in &other.flows {
            self.add(*flow, *n);
        }
    }
}

impl At {
    pub(super) fn params(&self) -> [Param<'static>; 5] {
        let list = self.list;
        [
            self.tenant.into(),
            list.family.code().into(),
            list.person.into(),
            list.relation.code().into(),
            list.state.code().into(),
        ]
    }

    /// Those and a range of keys: the parameters of whatever asks for rows.
    pub(super) fn rows(&self, low: Key, high: Key) -> [Param<'static>; 9] {
        let [tenant, family, person, relation, state] = self.params();
        let [a, b, c, d] = bounds(low, high);
        [tenant, family, person, relation, state, a, b, c, d]
    }

    /// Those, a level and a range of keys: the parameters of whatever asks for nodes.
    pub(super) fn nodes(&self, level: i64, low: Key, high: Key) -> [Param<'static>; 10] {
        let [tenant, family, person, relation, state] = self.params();
        let [a, b, c, d] = bounds(low, high);
        [tenant, family, person, relation, state, level.into(), a, b, c, d]
    }

    pub(super) fn with<'p, const N: usize>(&self, more: [Param<'p>; N]) -> Vec<Param<'p>> {
        self.params().into_iter().chain(more).collect()
    }
}

fn bounds(low: Key, high: Key) -> [Param<'static>; 4] {
    [low.start.into(), low.task.into(), high.start.into(), high.task.into()]
}

macro_rules! of_list {
    ($select:literal, $from:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM ",
            $from,
            " WHERE tenant_id = $1 AND family = $2 AND person_id = $3 AND relation = $4 \
             AND state = $5 AND ",
            $rest
        )
    };
}
pub(super) use of_list;

// Counts by flow, as pairs of integers of variable length.

fn write_number(out: &mut Vec<u8>, number: i64) {
    let mut rest = number.cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push((rest & 0x7f) as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number.cast_signed());
        }
    }
    None
}

pub(super) fn encode(flows: &BTreeMap<i64, i64>) -> Vec<u8> {
    let mut out = Vec::with_capacity(flows.len() * 4);
    for (flow, n) in flows {
        write_number(&mut out, *flow);
        write_number(&mut out, *n);
    }
    out
}

/// How many are of the flows in `wanted`, which is sorted as the bytes are.
pub(super) fn count_of(mut bytes: &[u8], wanted: &[i64]) -> Result<i64> {
    let mut wanted = wanted.iter().copied().peekable();
    let mut count = 0;
    while wanted.peek().is_some() {
        if bytes.is_empty() {
            break;
        }
        let flow = read_number(&mut bytes).ok_or_else(cut_short)?;
        let n = read_number(&mut bytes).ok_or_else(cut_short)?;
        while wanted.next_if(|next| *next < flow).is_some() {}
        if wanted.next_if_eq(&flow).is_some() {
            count += n;
        }
    }
    Ok(count)
}

fn cut_short() -> Error {
    Error::Corrupt {
        table: "inbox_node",
        column: "flows",
        row: String::new(),
        reason: "ends in the middle of a number".into(),
    }
}

/// Each flow and its count.
pub(super) fn decode(mut bytes: &[u8], mut each: impl FnMut(i64, i64)) -> Result<()> {
    while !bytes.is_empty() {
        match (read_number(&mut bytes), read_number(&mut bytes)) {
            (Some(flow), Some(n)) => each(flow, n),
            _ => return Err(cut_short()),
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Node> {
    let low = Key { start: row.int(0)?, task: row.int(1)? };
    let mut flows = BTreeMap::new();
    decode(&row.bytes(4)?, |flow, n| {
        flows.insert(flow, n);
    })?;
    Ok(Node { low, n: row.int(2)?, kids: row.int(3)?, flows })
}

pub(super) fn read_low(row: &Row<'_>) -> Result<Key> {
    Ok(Key { start: row.int(0)?, task: row.int(1)? })
}

/// Keys and flows of the rows in a range, in order.
pub(super) fn row_flows(tx: &mut Tx<'_>, at: At, low: Key, high: Key) -> Result<Vec<(Key, i64)>> {
    tx.query_all(
        of_list!(
            "start_time, task_id, flow_id",
            "inbox_row",
            "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9) \
             ORDER BY start_time, task_id"
        ),
        &at.rows(low, high),
        |row| Ok((Key { start: row.int(0)?, task: row.int(1)? }, row.int(2)?)),
    )
}

pub(super) fn put(tx: &mut Tx<'_>, at: At, level: i64, node: &Node) -> Result<()> {
    let flows = encode(&node.flows);
    tx.execute(
        "INSERT INTO inbox_node (tenant_id, family, person_id, relation, state, level, low_start, \
         low_task, n, kids, flows) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, family, person_id, relation, state, level, low_start, low_task) \
         DO UPDATE SET n = excluded.n, kids = excluded.kids, flows = excluded.flows",
        &at.with([
            level.into(),
            node.low.start.into(),
            node.low.task.into(),
            node.n.into(),
            node.kids.into(),
            (&flows).into(),
        ]),
    )?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, at: At, level: i64, low: Key) -> Result<()> {
    tx.execute(
        "DELETE FROM inbox_node WHERE tenant_id = $1 AND family = $2 AND person_id = $3 \
         AND relation = $4 AND state = $5 AND level = $6 AND low_start = $7 AND low_task = $8",
        &at.with([level.into(), low.start.into(), low.task.into()]),
    )?;
    Ok(())
}

pub(super) fn delete_all(tx: &mut Tx<'_>, at: At, level: i64) -> Result<()> {
    tx.execute(
        "DELETE FROM inbox_node WHERE tenant_id = $1 AND family = $2 AND person_id = $3 \
         AND relation = $4 AND state = $5 AND level = $6",
        &at.with([level.into()]),
    )?;
    Ok(())
}

/// Nodes of a level in a range, in order.
pub(super) fn between(
    tx: &mut Tx<'_>,
    at: At,
    level: i64,
    low: Key,
    high: Key,
) -> Result<Vec<Node>> {
    tx.query_all(
        of_list!(
            "low_start, low_task, n, kids, flows",
            "inbox_node",
            "level = $6 AND (low_start, low_task) >= ($7, $8) AND (low_start, low_task) < ($9, $10) \
             ORDER BY low_start, low_task"
        ),
        &at.nodes(level, low, high),
        read,
    )
}

pub(super) fn all(tx: &mut Tx<'_>, at: At, level: i64) -> Result<Vec<Node>> {
    between(tx, at, level, MIN, super::MAX)
}

pub(super) fn get(tx: &mut Tx<'_>, at: At, level: i64, low: Key) -> Result<Node> {
    let node = tx.query_one(
        of_list!(
            "low_start, low_task, n, kids, flows",
            "inbox_node",
            "level = $6 AND low_start = $7 AND low_task = $8"
        ),
        &at.with([level.into(), low.start.into(), low.task.into()]),
        read,
    )?;
    node.ok_or_else(|| missing(at, level))
}

pub(super) fn exists(tx: &mut Tx<'_>, at: At, level: i64, low: Key) -> Result<bool> {
    let found = tx.query_one(
        of_list!(
            "low_start, low_task",
            "inbox_node",
            "level = $6 AND low_start = $7 AND low_task = $8"
        ),
        &at.with([level.into(), low.start.into(), low.task.into()]),
        read_low,
    )?;
    Ok(found.is_some())
}

/// How many nodes of a level start in a range.
pub(super) fn count(tx: &mut Tx<'_>, at: At, level: i64, low: Key, high: Key) -> Result<i64> {
    let count = tx.query_one(
        of_list!(
            "count(*)",
            "inbox_node",
            "level = $6 AND (low_start, low_task) >= ($7, $8) AND (low_start, low_task) < ($9, $10)"
        ),
        &at.nodes(level, low, high),
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or_default())
}

/// The low end of the node that covers `key`.
pub(super) fn low_of(tx: &mut Tx<'_>, at: At, level: i64, key: Key) -> Result<Key> {
    let low = tx.query_one(
        of_list!(
            "low_start, low_task",
            "inbox_node",
            "level = $6 AND (low_start, low_task) <= ($7, $8) \
             ORDER BY low_start DESC, low_task DESC LIMIT 1"
        ),
        &at.with([level.into(), key.start.into(), key.task.into()]),
        read_low,
    )?;
    low.ok_or_else(|| missing(at, level))
}

/// The low end of the node before the one that starts at `low`.
pub(super) fn low_before(tx: &mut Tx<'_>, at: At, level: i64, low: Key) -> Result<Option<Key>> {
    tx.query_one(
        of_list!(
            "low_start, low_task",
            "inbox_node",
            "level = $6 AND (low_start, low_task) < ($7, $8) \
             ORDER BY low_start DESC, low_task DESC LIMIT 1"
        ),
        &at.with([level.into(), low.start.into(), low.task.into()]),
        read_low,
    )
}

/// The low end of the first node after `low`.
pub(super) fn next_low(tx: &mut Tx<'_>, at: At, level: i64, low: Key) -> Result<Option<Key>> {
    tx.query_one(
        of_list!(
            "low_start, low_task",
            "inbox_node",
            "level = $6 AND (low_start, low_task) > ($7, $8) \
             ORDER BY low_start, low_task LIMIT 1"
        ),
        &at.with([level.into(), low.start.into(), low.task.into()]),
        read_low,
    )
}

pub(super) fn missing(at: At, level: i64) -> Error {
    Error::Corrupt {
        table: "inbox_node",
        column: "low_start",
        row: format!("{:?} level {level}", at.list),
        reason: "the node is missing; `countersign doctor --repair` makes it anew".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_flow_survive_their_bytes() {
        let flows = BTreeMap::from([(0, 1), (1, 127), (2, 128), (300, 1 << 40), (i64::MAX, 5)]);
        let mut read = BTreeMap::new();
        decode(&encode(&flows), |flow, n| {
            read.insert(flow, n);
        })
        .unwrap();
        assert_eq!(read, flows);
        for wanted in [&[][..], &[0], &[1, 2, 7, 300], &[5, 6], &[i64::MAX]] {
            let sum: i64 = wanted.iter().filter_map(|flow| flows.get(flow)).sum();
            assert_eq!(count_of(&encode(&flows), wanted).unwrap(), sum, "{wanted:?}");
        }
        assert!(decode(&[0x80], |_, _| ()).is_err());
    }
}

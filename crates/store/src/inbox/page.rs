//! Answering a question about a merge of lists: how many, and the rows of one page.

use std::collections::BTreeSet;

use domain::inbox::{Entry, Key, List, Relation, State};
use domain::{InstanceId, TenantId};

use super::counts::{At, Change, Head, list_get, lists_of};
use super::deltas;
use super::locate::{Merge, Place};
use super::nodes::of_list;
use super::stored::Stored;
use super::{MAX, MIN};
use crate::value::Row;
use crate::{Result, Tx};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The lists, those of repeats too.
    pub lists: Vec<List>,
    /// Only these flows; sorted.
    pub flows: Option<Vec<i64>>,
    /// The least start, included, in Unix milliseconds.
    pub from: Option<i64>,
    /// The greatest start, included.
    pub to: Option<i64>,
    /// How many rows to leave out.
    pub offset: i64,
    /// How many rows to answer at most.
    pub limit: usize,
}

/// What is answered: from one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rows there are, whatever limit and offset are.
    pub count: i64,
    /// The rows of the page, greatest first.
    pub rows: Vec<Entry>,
}

/// Rows of a page.
pub type Rows = Vec<Entry>;

/// Up to this offset the rows before the page are simply read: cheaper than finding the place.
const SMALL_OFFSET: i64 = 100;

fn floor_of(question: &Question) -> Key {
    question.from.map_or(MIN, |start| Key { start, task: i64::MIN })
}

/// The least key that is too great.
fn ceiling_of(question: &Question) -> Key {
    match question.to {
        Some(i64::MAX) | None => MAX,
        Some(start) => Key { start: start + 1, task: i64::MIN },
    }
}

fn is_real(list: &List) -> bool {
    Relation::REAL.contains(&list.relation)
}

/// Counts and reads a page, at a cost that does not grow with the lists.
pub fn ask(tx: &mut Tx<'_>, tenant: TenantId, question: &Question) -> Result<Found> {
    let (floor, ceiling) = (floor_of(question), ceiling_of(question));
    let signs: Vec<i64> =
        question.lists.iter().map(|list| if is_real(list) { 1 } else { -1 }).collect();
    let heads = heads(tx, tenant, &question.lists)?;
    let near = question.offset <= SMALL_OFFSET;
    if near && question.flows.is_none() && floor == MIN && ceiling == MAX {
        // The first pages of everything: no node need be looked into.
        let mut count = 0;
        for ((list, listed), sign) in question.lists.iter().zip(&heads).zip(&signs) {
            count += sign * total(tx, At { tenant, list: *list }, listed)?;
        }
        let rows = first_rows(tx, tenant, question, &heads, count)?;
        return Ok(Found { count, rows });
    }
    if heads.iter().all(|listed| listed.head.levels == 0) {
        let rows = short_rows(tx, tenant, question, &heads, (floor, ceiling))?;
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let offset = usize::try_from(question.offset).unwrap_or(usize::MAX);
        return Ok(Found {
            count,
            rows: rows.into_iter().skip(offset).take(question.limit).collect(),
        });
    }
    let source = Stored { tx, tenant, question, heads: &heads };
    let mut merge = Merge::new(source, &signs)?;
    let above = merge.count_from(ceiling)?;
    let upto = if floor == MIN { merge.total() } else { merge.count_from(floor)? };
    let count = upto - above;
    let mut found = Found { count, rows: Vec::new() };
    if question.offset >= count || question.limit == 0 {
        return Ok(found);
    }
    let place = if near {
        Place { from: ceiling, skip: usize::try_from(question.offset).unwrap_or_default() }
    } else {
        match merge.select(above + question.offset)? {
            Some(place) => place,
            None => return Ok(found),
        }
    };
    let wanted = question.limit + place.skip;
    let mut rows = Vec::with_capacity(wanted);
    for (index, _) in question.lists.iter().enumerate().filter(|(_, list)| is_real(list)) {
        rows.extend(merge.rows_below(index, place.from, floor, wanted)?);
    }
    found.rows = page_of(rows, place.skip, question.limit);
    Ok(found)
}

/// A list with what its counts do not hold yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub(super) head: Head,
    /// Always empty where one process writes alone.
    pub(super) changes: Vec<Change>,
}

impl Listed {
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.changes.is_empty()
    }

    /// By how much the changes raise the count.
    pub(super) fn raised(&self) -> i64 {
        self.changes.iter().map(|change| change.delta).sum()
    }
}

fn listed(tx: &mut Tx<'_>, at: At) -> Result<Listed> {
    Ok(Listed { head: list_get(tx, at)?, changes: deltas::of(tx, at)? })
}

/// What is known of each list. Those of one person, which is what is asked, take one statement.
fn heads(tx: &mut Tx<'_>, tenant: TenantId, lists: &[List]) -> Result<Vec<Listed>> {
    let of_one = lists
        .windows(2)
        .all(|pair| (pair[0].family, pair[0].person) == (pair[1].family, pair[1].person));
    if lists.len() < 2 || !of_one {
        return lists.iter().map(|list| listed(tx, At { tenant, list: *list })).collect();
    }
    let (family, person) = (lists[0].family, lists[0].person);
    let known = lists_of(tx, tenant, family, person)?;
    let mut changes = deltas::of_person(tx, tenant, family, person)?;
    let listed = |list: &List| {
        let head = known.iter().find(|(known, _)| known == list);
        let head = head.map_or(Head::default(), |(_, head)| *head);
        Listed { head, changes: changes.remove(list).unwrap_or_default() }
    };
    Ok(lists.iter().map(listed).collect())
}

/// The lists that can have rows, without those of repeats.
fn filled<'q>(question: &'q Question, heads: &'q [Listed]) -> impl Iterator<Item = List> + 'q {
    let both = question.lists.iter().copied().zip(heads);
    both.filter(|(list, listed)| is_real(list) && !listed.is_empty()).map(|(list, _)| list)
}

/// Every row that is asked for, greatest first, where no list is so long that it has nodes: reading
/// them once costs less than counting from several ends.
fn short_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    question: &Question,
    heads: &[Listed],
    (floor, ceiling): (Key, Key),
) -> Result<Rows> {
    let mut rows = Rows::new();
    for list in filled(question, heads) {
        let flows = question.flows.as_ref();
        let wanted = |entry: &Entry| flows.is_none_or(|f| f.binary_search(&entry.flow).is_ok());
        let all = read_between(tx, At { tenant, list }, floor, ceiling, usize::MAX)?;
        rows.extend(all.into_iter().filter(wanted));
    }
    Ok(page_of(rows, 0, usize::MAX))
}

/// One page of the rows of several lists.
fn page_of(mut rows: Rows, skip: usize, limit: usize) -> Rows {
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows.dedup();
    rows.into_iter().skip(skip).take(limit).collect()
}

/// How many rows a list has, and its newest, greatest first, at most `limit`.
pub fn newest(tx: &mut Tx<'_>, tenant: TenantId, list: List, limit: usize) -> Result<(i64, Rows)> {
    let at = At { tenant, list };
    let listed = listed(tx, at)?;
    let n = total(tx, at, &listed)?;
    let rows = if n == 0 { Rows::new() } else { read_between(tx, at, MIN, MAX, limit)? };
    Ok((n, rows))
}

/// The greatest rows of a list below a key, at most `limit`, greatest first; without a key the newest.
pub fn rows_below(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    list: List,
    below: Option<Key>,
    limit: usize,
) -> Result<Rows> {
    read_between(tx, At { tenant, list }, MIN, below.unwrap_or(MAX), limit)
}

/// The rows of a first page of everything: those before it are read too.
fn first_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    question: &Question,
    heads: &[Listed],
    count: i64,
) -> Result<Rows> {
    if question.offset >= count || question.limit == 0 {
        return Ok(Vec::new());
    }
    let skip = usize::try_from(question.offset).unwrap_or_default();
    let wanted = question.limit + skip;
    let mut rows = Vec::with_capacity(wanted);
    for list in filled(question, heads) {
        rows.extend(read_between(tx, At { tenant, list }, MIN, MAX, wanted)?);
    }
    Ok(page_of(rows, skip, question.limit))
}

/// How many rows a list has: its count, or the sum of its upper nodes.
fn total(tx: &mut Tx<'_>, at: At, listed: &Listed) -> Result<i64> {
    let Head { levels, n } = listed.head;
    if levels == 0 {
        return Ok(n + listed.raised());
    }
    let [tenant, family, person, relation, state] = at.params();
    let sum = tx.query_one(
        of_list!("CAST(sum(n) AS BIGINT)", "inbox_node", "level = $6"),
        &[tenant, family, person, relation, state, levels.into()],
        |row| row.opt_int(0),
    )?;
    Ok(sum.flatten().unwrap_or_default() + listed.raised())
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        key: Key { start: row.int(0)?, task: row.int(1)? },
        flow: row.int(2)?,
        instance: InstanceId(row.int(3)?),
    })
}

/// The greatest rows with `low <= key < high`, at most `limit`.
pub(super) fn read_between(
    tx: &mut Tx<'_>,
    at: At,
    low: Key,
    high: Key,
    limit: usize,
) -> Result<Vec<Entry>> {
    let [tenant, family, person, relation, state, a, b, c, d] = at.rows(low, high);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).into();
    tx.query_all(
        of_list!(
            "start_time, task_id, flow_id, instance_id",
            "inbox_row",
            "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9) \
             ORDER BY start_time DESC, task_id DESC LIMIT $10"
        ),
        &[tenant, family, person, relation, state, a, b, c, d, limit],
        entry,
    )
}

/// The same answer for several people who turned out to be one and whose rows have not all followed
/// yet: every row is read, since one task may stand on lists of each of them. A task that is
/// pending for one is pending for the person.
pub fn ask_slowly(tx: &mut Tx<'_>, tenant: TenantId, question: &Question) -> Result<Found> {
    let wanted: BTreeSet<(Relation, State)> =
        question.lists.iter().filter(|l| is_real(l)).map(|l| (l.relation, l.state)).collect();
    let mut people: Vec<_> = question.lists.iter().map(|l| (l.family, l.person)).collect();
    people.sort_unstable();
    people.dedup();
    let (floor, ceiling) = (floor_of(question), ceiling_of(question));
    let mut rows = BTreeSet::new();
    for relation in Relation::REAL {
        let mut pending = BTreeSet::new();
        for state in [State::Pending, State::Archived] {
            for (family, person) in &people {
                let list = List { family: *family, person: *person, relation, state };
                for entry in read_between(tx, At { tenant, list }, floor, ceiling, usize::MAX)? {
                    let settled = state == State::Archived && pending.contains(&entry.key);
                    if state == State::Pending {
                        pending.insert(entry.key);
                    }
                    let flow = question.flows.as_ref();
                    let flow = flow.is_none_or(|flows| flows.binary_search(&entry.flow).is_ok());
                    if !settled && flow && wanted.contains(&(relation, state)) {
                        rows.insert(entry);
                    }
                }
            }
        }
    }
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let offset = usize::try_from(question.offset).unwrap_or(usize::MAX);
    let rows = rows.into_iter().rev().skip(offset).take(question.limit).collect();
    Ok(Found { count, rows })
}

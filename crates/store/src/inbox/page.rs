//! Answering a question about a merge of lists: how many, and the rows of one page.

use std::collections::BTreeSet;

use domain::inbox::{Entry, Key, List, Relation, State};
use domain::{InstanceId, TenantId};

use super::counts::{At, Head, list_get, lists_of};
use super::locate::{Merge, Place, Segment, Source};
use super::nodes::{count_of, missing, next_low, of_list, read_low};
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
        for ((list, head), sign) in question.lists.iter().zip(&heads).zip(&signs) {
            count += sign * total(tx, At { tenant, list: *list }, *head)?;
        }
        let rows = first_rows(tx, tenant, question, &heads, count)?;
        return Ok(Found { count, rows });
    }
    if heads.iter().all(|head| head.levels == 0) {
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

/// The head of each list. Those of one person, which is what is asked, take one statement.
fn heads(tx: &mut Tx<'_>, tenant: TenantId, lists: &[List]) -> Result<Vec<Head>> {
    let of_one = lists
        .windows(2)
        .all(|pair| (pair[0].family, pair[0].person) == (pair[1].family, pair[1].person));
    if lists.len() < 2 || !of_one {
        let each = lists.iter().map(|list| list_get(tx, At { tenant, list: *list }));
        return each.collect();
    }
    let known = lists_of(tx, tenant, lists[0].family, lists[0].person)?;
    let head = |list: &List| {
        let found = known.iter().find(|(known, _)| known == list);
        found.map_or(Head::default(), |(_, head)| *head)
    };
    Ok(lists.iter().map(head).collect())
}

/// The lists that can have rows, without those of repeats.
fn filled<'q>(question: &'q Question, heads: &'q [Head]) -> impl Iterator<Item = List> + 'q {
    let both = question.lists.iter().copied().zip(heads);
    both.filter(|(list, head)| is_real(list) && !head.is_empty()).map(|(list, _)| list)
}

/// Every row that is asked for, greatest first, where no list is so long that it has nodes: reading
/// them once costs less than counting from several ends.
fn short_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    question: &Question,
    heads: &[Head],
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
    let head = list_get(tx, at)?;
    let n = total(tx, at, head)?;
    let rows = if n == 0 { Rows::new() } else { read_between(tx, at, MIN, MAX, limit)? };
    Ok((n, rows))
}

/// The rows of a first page of everything: those before it are read too.
fn first_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    question: &Question,
    heads: &[Head],
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
fn total(tx: &mut Tx<'_>, at: At, head: Head) -> Result<i64> {
    if head.levels == 0 {
        return Ok(head.n);
    }
    let [tenant, family, person, relation, state] = at.params();
    let sum = tx.query_one(
        of_list!("sum(n)", "inbox_node", "level = $6"),
        &[tenant, family, person, relation, state, head.levels.into()],
        |row| row.opt_int(0),
    )?;
    Ok(sum.flatten().unwrap_or_default())
}

/// Lists in the database.
struct Stored<'s, 't> {
    tx: &'s mut Tx<'t>,
    tenant: TenantId,
    question: &'s Question,
    heads: &'s [Head],
}

/// How many rows are read at a time where most may be of other flows.
const PIECE: usize = 32;

impl Stored<'_, '_> {
    fn at(&self, list: usize) -> At {
        At { tenant: self.tenant, list: self.question.lists[list] }
    }

    /// Nodes of a level with `low <= node < high`, greatest first.
    fn nodes(&mut self, list: usize, level: i64, low: Key, high: Key) -> Result<Vec<Segment>> {
        let at = self.at(list);
        let mut segments = Vec::new();
        let mut end = high;
        let question = self.question;
        let flows = question.flows.as_ref();
        let [tenant, family, person, relation, state] = at.params();
        let params = [
            tenant,
            family,
            person,
            relation,
            state,
            level.into(),
            low.start.into(),
            low.task.into(),
            high.start.into(),
            high.task.into(),
        ];
        let mut each = |low: Key, n: i64| {
            segments.push(Segment { low, high: end, n, level });
            end = low;
        };
        match flows {
            None => self.tx.query(
                of_list!(
                    "low_start, low_task, n",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) >= ($7, $8) \
                     AND (low_start, low_task) < ($9, $10) ORDER BY low_start DESC, low_task DESC"
                ),
                &params,
                |row| {
                    each(Key { start: row.int(0)?, task: row.int(1)? }, row.int(2)?);
                    Ok(())
                },
            )?,
            Some(flows) => self.tx.query(
                of_list!(
                    "low_start, low_task, flows",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) >= ($7, $8) \
                     AND (low_start, low_task) < ($9, $10) ORDER BY low_start DESC, low_task DESC"
                ),
                &params,
                |row| {
                    let n = count_of(row.blob(2)?, flows)?;
                    each(Key { start: row.int(0)?, task: row.int(1)? }, n);
                    Ok(())
                },
            )?,
        }
        Ok(segments)
    }

    /// The node of a level that covers `key`: its low end and its count.
    fn node_at(&mut self, list: usize, level: i64, key: Key) -> Result<(Key, i64)> {
        let at = self.at(list);

        let params = at.with([level.into(), key.start.into(), key.task.into()]);
        let node = match &self.question.flows {
            None => self.tx.query_one(
                of_list!(
                    "low_start, low_task, n",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) <= ($7, $8) \
                     ORDER BY low_start DESC, low_task DESC LIMIT 1"
                ),
                &params,
                |row| Ok((read_low(row)?, row.int(2)?)),
            )?,
            Some(flows) => self.tx.query_one(
                of_list!(
                    "low_start, low_task, flows",
                    "inbox_node",
                    "level = $6 AND (low_start, low_task) <= ($7, $8) \
                     ORDER BY low_start DESC, low_task DESC LIMIT 1"
                ),
                &params,
                |row| Ok((read_low(row)?, count_of(row.blob(2)?, flows)?)),
            )?,
        };
        node.ok_or_else(|| missing(at, level))
    }

    /// How many rows the nodes of a level with `low <= node < high` count.
    fn sum_between(&mut self, list: usize, level: i64, low: Key, high: Key) -> Result<i64> {
        if low >= high {
            return Ok(0);
        }
        if self.question.flows.is_some() {
            return Ok(self.nodes(list, level, low, high)?.iter().map(|node| node.n).sum());
        }
        let sum = self.tx.query_one(
            of_list!(
                "sum(n)",
                "inbox_node",
                "level = $6 AND (low_start, low_task) >= ($7, $8) \
                 AND (low_start, low_task) < ($9, $10)"
            ),
            &self.at(list).with([
                level.into(),
                low.start.into(),
                low.task.into(),
                high.start.into(),
                high.task.into(),
            ]),
            |row| row.opt_int(0),
        )?;
        Ok(sum.flatten().unwrap_or_default())
    }

    /// How many rows with `low <= key < high` match.
    fn count_between(&mut self, list: usize, low: Key, high: Key) -> Result<i64> {
        let [tenant, family, person, relation, state] = self.at(list).params();
        let params = [
            tenant,
            family,
            person,
            relation,
            state,
            low.start.into(),
            low.task.into(),
            high.start.into(),
            high.task.into(),
        ];
        let Some(flows) = &self.question.flows else {
            let count = self.tx.query_one(
                of_list!(
                    "count(*)",
                    "inbox_row",
                    "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9)"
                ),
                &params,
                |row| row.int(0),
            )?;
            return Ok(count.unwrap_or_default());
        };
        let mut count = 0;
        self.tx.query(
            of_list!(
                "flow_id",
                "inbox_row",
                "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9)"
            ),
            &params,
            |row| {
                count += i64::from(flows.binary_search(&row.int(0)?).is_ok());
                Ok(())
            },
        )?;
        Ok(count)
    }
}

impl Source for Stored<'_, '_> {
    fn top(&mut self, list: usize) -> Result<Vec<Segment>> {
        let head = self.heads[list];
        if head.is_empty() {
            return Ok(Vec::new());
        }
        if head.levels > 0 {
            return self.nodes(list, head.levels, MIN, MAX);
        }
        // How many are of the wanted flows only the rows tell.
        let n = match self.question.flows {
            Some(_) => self.count_between(list, MIN, MAX)?,
            None => head.n,
        };
        Ok(vec![Segment { low: MIN, high: MAX, n, level: 1 }])
    }

    fn expand(&mut self, list: usize, segment: &Segment) -> Result<Vec<Segment>> {
        self.nodes(list, segment.level - 1, segment.low, segment.high)
    }

    fn cut(&mut self, list: usize, segment: &Segment, key: Key) -> Result<Vec<Segment>> {
        let level = segment.level - 1;
        let (low, n) = self.node_at(list, level, key)?;
        let next = next_low(self.tx, self.at(list), level, key)?;
        let high = next.map_or(segment.high, |next| next.min(segment.high));
        let middle = Segment { low, high, n, level };
        let n = if is_nearer_to_high(segment, key) {
            self.sum_between(list, level, high, segment.high)?
        } else {
            segment.n - n - self.sum_between(list, level, segment.low, low)?
        };
        let above = Segment { low: high, n, ..*segment };
        let below = Segment { high: low, n: segment.n - n - middle.n, ..*segment };
        let all = [above, middle, below].into_iter();
        Ok(all.filter(|segment| segment.low < segment.high).collect())
    }

    fn count_from(&mut self, list: usize, segment: &Segment, key: Key) -> Result<i64> {
        if is_nearer_to_high(segment, key) {
            self.count_between(list, key, segment.high)
        } else {
            Ok(segment.n - self.count_between(list, segment.low, key)?)
        }
    }

    fn is_sparse(&self) -> bool {
        self.question.flows.is_some()
    }

    fn rows(&mut self, list: usize, low: Key, high: Key, limit: usize) -> Result<Vec<Entry>> {
        let at = self.at(list);
        let Some(flows) = &self.question.flows else {
            return read_between(self.tx, at, low, high, limit);
        };
        let wanted = |entry: &Entry| flows.binary_search(&entry.flow).is_ok();
        let mut rows = Vec::new();
        let mut upto = high;
        while rows.len() < limit {
            // Flows are spread: a piece at a time, not the whole node.
            let piece = read_between(self.tx, at, low, upto, PIECE.max(limit))?;
            let read = piece.len();
            upto = piece.last().map_or(low, |entry| entry.key);
            rows.extend(piece.into_iter().filter(wanted));
            if read < PIECE.max(limit) {
                break;
            }
        }
        rows.truncate(limit);
        Ok(rows)
    }
}

/// From which end counting is shorter, as far as times tell. An open end is farther away than any
/// row, and beyond the last row there is nothing to count.
fn is_nearer_to_high(segment: &Segment, key: Key) -> bool {
    if segment.high == MAX || segment.low == MIN {
        return segment.high == MAX;
    }
    let to_high = segment.high.start.saturating_sub(key.start);
    to_high <= key.start.saturating_sub(segment.low.start)
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
    let [tenant, family, person, relation, state] = at.params();
    tx.query_all(
        of_list!(
            "start_time, task_id, flow_id, instance_id",
            "inbox_row",
            "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9) \
             ORDER BY start_time DESC, task_id DESC LIMIT $10"
        ),
        &[
            tenant,
            family,
            person,
            relation,
            state,
            low.start.into(),
            low.task.into(),
            high.start.into(),
            high.task.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ],
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

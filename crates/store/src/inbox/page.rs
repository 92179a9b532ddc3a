//! Answering a question about a merge of lists: how many, and the rows of one page.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::inbox::{Entry, Key, List, Relation, State};
use domain::{InstanceId, TenantId};

use super::counts::{At, Change, list_get};
use super::deltas;
use super::locate::{Merge, Place, Segment, Source};
use super::nodes::{count_of, of_list};
use super::{MAX, MIN};
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
    let near = question.offset <= SMALL_OFFSET;
    if near && question.flows.is_none() && floor == MIN && ceiling == MAX {
        // The first pages of everything: no node need be looked into.
        let mut count = 0;
        for (list, sign) in question.lists.iter().zip(&signs) {
            count += sign * total(tx, At { tenant, list: *list })?;
        }
        let rows = first_rows(tx, tenant, question, count)?;
        return Ok(Found { count, rows });
    }
    if let Some(rows) = short_rows(tx, tenant, question, (floor, ceiling))? {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let offset = usize::try_from(question.offset).unwrap_or(usize::MAX);
        return Ok(Found {
            count,
            rows: rows.into_iter().skip(offset).take(question.limit).collect(),
        });
    }
    let unfolded = vec![None; question.lists.len()];
    let source = Stored { tx, tenant, question, unfolded };
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

/// Every row that is asked for, greatest first, where no list is so long that it has nodes: reading
/// them once costs less than counting from several ends.
fn short_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    question: &Question,
    (floor, ceiling): (Key, Key),
) -> Result<Option<Rows>> {
    let real = || question.lists.iter().filter(|list| is_real(list));
    let mut filled = Vec::with_capacity(question.lists.len());
    for list in real() {
        let at = At { tenant, list: *list };
        match list_get(tx, at)? {
            // Unfolded changes would only say whether it is empty, which its rows do as well.
            (0, 0) if !tx.is_shared() => {}
            (0, _) => filled.push(at),
            _ => return Ok(None),
        }
    }
    let mut rows = Rows::new();
    for at in filled {
        let flows = question.flows.as_ref();
        let wanted = |entry: &Entry| flows.is_none_or(|f| f.binary_search(&entry.flow).is_ok());
        rows.extend(read_between(tx, at, floor, ceiling, usize::MAX)?.into_iter().filter(wanted));
    }
    Ok(Some(page_of(rows, 0, usize::MAX)))
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
    let n = total(tx, at)?;
    let rows = if n == 0 { Rows::new() } else { read_between(tx, at, MIN, MAX, limit)? };
    Ok((n, rows))
}

/// The rows of a first page of everything: those before it are read too.
fn first_rows(tx: &mut Tx<'_>, tenant: TenantId, question: &Question, count: i64) -> Result<Rows> {
    if question.offset >= count || question.limit == 0 {
        return Ok(Vec::new());
    }
    let skip = usize::try_from(question.offset).unwrap_or_default();
    let wanted = question.limit + skip;
    let mut rows = Vec::with_capacity(wanted);
    for list in question.lists.iter().filter(|list| is_real(list)) {
        rows.extend(read_between(tx, At { tenant, list: *list }, MIN, MAX, wanted)?);
    }
    Ok(page_of(rows, skip, question.limit))
}

/// How many rows a list has: its count, or the sum of its upper nodes.
fn total(tx: &mut Tx<'_>, at: At) -> Result<i64> {
    let (levels, n) = list_get(tx, at)?;
    let unfolded = deltas::sum(tx, at)?;
    if levels == 0 {
        return Ok(n + unfolded);
    }
    let [tenant, family, person, relation, state] = at.params();
    let sum = tx.query_one(
        of_list!("CAST(sum(n) AS BIGINT)", "inbox_node", "level = $6"),
        &[tenant, family, person, relation, state, levels.into()],
        |row| row.opt_int(0),
    )?;
    Ok(sum.flatten().unwrap_or_default() + unfolded)
}

/// Lists in the database.
struct Stored<'s, 't> {
    tx: &'s mut Tx<'t>,
    tenant: TenantId,
    question: &'s Question,
    /// Of each list the changes of the question's flows that are not in its counts yet, once read.
    unfolded: Vec<Option<Rc<[Change]>>>,
}

/// How many rows are read at a time where most may be of other flows.
const PIECE: usize = 32;

impl Stored<'_, '_> {
    fn at(&self, list: usize) -> At {
        At { tenant: self.tenant, list: self.question.lists[list] }
    }

    fn unfolded(&mut self, list: usize) -> Result<Rc<[Change]>> {
        if let Some(known) = &self.unfolded[list] {
            return Ok(Rc::clone(known));
        }
        let mut changes = deltas::of(self.tx, self.at(list))?;
        if let Some(flows) = &self.question.flows {
            changes.retain(|change| flows.binary_search(&change.flow).is_ok());
        }
        let changes: Rc<[Change]> = changes.into();
        self.unfolded[list] = Some(Rc::clone(&changes));
        Ok(changes)
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
        for change in self.unfolded(list)?.iter() {
            let at = segments.partition_point(|segment| segment.low > change.key);
            if let Some(segment) = segments.get_mut(at).filter(|s| change.key < s.high) {
                segment.n += change.delta;
            }
        }
        Ok(segments)
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
        let (levels, n) = list_get(self.tx, self.at(list))?;
        if levels > 0 {
            return self.nodes(list, levels, MIN, MAX);
        }
        // How many are of the wanted flows only the rows tell.
        let n = if self.question.flows.is_some() && (n > 0 || self.tx.is_shared()) {
            self.count_between(list, MIN, MAX)?
        } else {
            n + self.unfolded(list)?.iter().map(|change| change.delta).sum::<i64>()
        };
        let whole = Segment { low: MIN, high: MAX, n, level: 1 };
        Ok(Vec::from_iter((n > 0).then_some(whole)))
    }

    fn expand(&mut self, list: usize, segment: &Segment) -> Result<Vec<Segment>> {
        self.nodes(list, segment.level - 1, segment.low, segment.high)
    }

    fn count_from(&mut self, list: usize, segment: &Segment, key: Key) -> Result<i64> {
        // From the nearer end, as far as times tell.
        let (low, high) = (segment.low, segment.high);
        let to_high = high.start.saturating_sub(key.start);
        if low == MIN || to_high <= key.start.saturating_sub(low.start) {
            self.count_between(list, key, high)
        } else {
            Ok(segment.n - self.count_between(list, low, key)?)
        }
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

fn entry(row: &crate::value::Row<'_>) -> Result<Entry> {
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

//! Answering a question about a merge of lists: how many, and the rows of one page.

use std::collections::{BTreeMap, BTreeSet};

use domain::inbox::{Entry, Key, List, Relation, State};
use domain::{InstanceId, TenantId};

use super::counts::{At, list_get};
use super::locate::{Merge, Segment, Source};
use super::nodes::{decode, of_list};
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
        let rows = first_rows(tx, tenant, question, (before(ceiling), floor), count)?;
        return Ok(Found { count, rows });
    }
    let source = Stored { tx, tenant, question, entries: BTreeMap::new() };
    let mut merge = Merge::new(source, &signs)?;
    let above = merge.count_from(ceiling)?;
    let upto = if floor == MIN { merge.total() } else { merge.count_from(floor)? };
    let count = upto - above;
    let mut found = Found { count, rows: Vec::new() };
    if question.offset >= count || question.limit == 0 {
        return Ok(found);
    }
    if near && question.flows.is_none() {
        found.rows = first_rows(tx, tenant, question, (before(ceiling), floor), count)?;
        return Ok(found);
    }
    let (start, skip) = if near {
        (before(ceiling), usize::try_from(question.offset).unwrap_or_default())
    } else {
        match merge.select(above + question.offset)? {
            Some(key) => (key, 0),
            None => return Ok(found),
        }
    };
    let wanted = question.limit + skip;
    let mut rows: BTreeSet<Entry> = BTreeSet::new();
    for (index, list) in question.lists.iter().enumerate().filter(|(_, list)| is_real(list)) {
        if question.flows.is_none() {
            rows.extend(read_down(
                merge.source().tx,
                At { tenant, list: *list },
                start,
                floor,
                wanted,
            )?);
        } else {
            for key in merge.rows_down(index, start, floor, wanted)? {
                rows.extend(merge.source().entries.get(&(index, key)).copied());
            }
        }
    }
    found.rows = rows.into_iter().rev().skip(skip).take(question.limit).collect();
    Ok(found)
}

/// The rows of a page that is near the start: the rows before it are read too.
fn first_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    question: &Question,
    (start, floor): (Key, Key),
    count: i64,
) -> Result<Rows> {
    if question.offset >= count || question.limit == 0 {
        return Ok(Vec::new());
    }
    let skip = usize::try_from(question.offset).unwrap_or_default();
    let wanted = question.limit + skip;
    let mut rows = Vec::with_capacity(wanted);
    for list in question.lists.iter().filter(|list| is_real(list)) {
        rows.extend(read_down(tx, At { tenant, list: *list }, start, floor, wanted)?);
    }
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows.dedup();
    Ok(rows.into_iter().skip(skip).take(question.limit).collect())
}

/// How many rows a list has: its count, or the sum of its upper nodes.
fn total(tx: &mut Tx<'_>, at: At) -> Result<i64> {
    let (levels, n) = list_get(tx, at)?;
    if levels == 0 {
        return Ok(n);
    }
    let [tenant, family, person, relation, state] = at.params();
    let sum = tx.query_one(
        of_list!("sum(n)", "inbox_node", "level = $6"),
        &[tenant, family, person, relation, state, levels.into()],
        |row| row.opt_int(0),
    )?;
    Ok(sum.flatten().unwrap_or_default())
}

/// The greatest key below `key`; keys have whole numbers.
fn before(key: Key) -> Key {
    match key.task.checked_sub(1) {
        Some(task) => Key { task, ..key },
        None => Key { start: key.start - 1, task: i64::MAX },
    }
}

/// Lists in the database.
struct Stored<'s, 't> {
    tx: &'s mut Tx<'t>,
    tenant: TenantId,
    question: &'s Question,
    /// Rows that were read on the way, so that a page need not read them again.
    entries: BTreeMap<(usize, Key), Entry>,
}

/// A list without nodes, as one segment.
const SHORT: i64 = 1;

impl Stored<'_, '_> {
    fn at(&self, list: usize) -> At {
        At { tenant: self.tenant, list: self.question.lists[list] }
    }

    fn wants(&self, flow: i64) -> bool {
        self.question.flows.as_ref().is_none_or(|flows| flows.binary_search(&flow).is_ok())
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
                    let mut wanted = 0;
                    decode(row.blob(2)?, |flow, n| {
                        if flows.binary_search(&flow).is_ok() {
                            wanted += n;
                        }
                    })?;
                    each(Key { start: row.int(0)?, task: row.int(1)? }, wanted);
                    Ok(())
                },
            )?,
        }
        Ok(segments)
    }

    fn rows(&mut self, list: usize, low: Key, high: Key) -> Result<Vec<Segment>> {
        let at = self.at(list);
        let entries = read_between(self.tx, at, low, high)?;
        let mut segments = Vec::with_capacity(entries.len());
        for entry in entries {
            if !self.wants(entry.flow) {
                continue;
            }
            let key = entry.key;
            let high = Key { task: key.task.saturating_add(1), ..key };
            segments.push(Segment { low: key, high, n: 1, level: 0 });
            if self.question.flows.is_some() {
                self.entries.insert((list, key), entry);
            }
        }
        Ok(segments)
    }
}

impl Source for Stored<'_, '_> {
    fn top(&mut self, list: usize) -> Result<Vec<Segment>> {
        match list_get(self.tx, self.at(list))? {
            (0, 0) => Ok(Vec::new()),
            // How many are of the wanted flows only the rows tell.
            (0, _) if self.question.flows.is_some() => self.rows(list, MIN, MAX),
            (0, n) => Ok(vec![Segment { low: MIN, high: MAX, n, level: SHORT }]),
            (levels, _) => self.nodes(list, levels, MIN, MAX),
        }
    }

    fn expand(&mut self, list: usize, segment: &Segment) -> Result<Vec<Segment>> {
        if segment.level > 1 {
            self.nodes(list, segment.level - 1, segment.low, segment.high)
        } else {
            self.rows(list, segment.low, segment.high)
        }
    }

    fn count_from(&mut self, list: usize, segment: &Segment, key: Key) -> Result<i64> {
        let at = self.at(list);
        let question = self.question;
        let [tenant, family, person, relation, state] = at.params();
        let params = [
            tenant,
            family,
            person,
            relation,
            state,
            key.start.into(),
            key.task.into(),
            segment.high.start.into(),
            segment.high.task.into(),
        ];
        let Some(flows) = &question.flows else {
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

    fn row_at(&mut self, list: usize, segment: &Segment, skip: i64) -> Result<Option<Key>> {
        if self.question.flows.is_some() {
            let rows = self.rows(list, segment.low, segment.high)?;
            let row = usize::try_from(skip).ok().and_then(|skip| rows.get(skip));
            return Ok(row.map(|row| row.low));
        }
        let [tenant, family, person, relation, state] = self.at(list).params();
        self.tx.query_one(
            of_list!(
                "start_time, task_id",
                "inbox_row",
                "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9) \
                 ORDER BY start_time DESC, task_id DESC LIMIT 1 OFFSET $10"
            ),
            &[
                tenant,
                family,
                person,
                relation,
                state,
                segment.low.start.into(),
                segment.low.task.into(),
                segment.high.start.into(),
                segment.high.task.into(),
                skip.into(),
            ],
            |row| Ok(Key { start: row.int(0)?, task: row.int(1)? }),
        )
    }
}

fn entry(row: &crate::value::Row<'_>) -> Result<Entry> {
    Ok(Entry {
        key: Key { start: row.int(0)?, task: row.int(1)? },
        flow: row.int(2)?,
        instance: InstanceId(row.int(3)?),
    })
}

/// Rows with `low <= key < high`, greatest first.
pub(super) fn read_between(tx: &mut Tx<'_>, at: At, low: Key, high: Key) -> Result<Vec<Entry>> {
    let [tenant, family, person, relation, state] = at.params();
    tx.query_all(
        of_list!(
            "start_time, task_id, flow_id, instance_id",
            "inbox_row",
            "(start_time, task_id) >= ($6, $7) AND (start_time, task_id) < ($8, $9) \
             ORDER BY start_time DESC, task_id DESC"
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
        ],
        entry,
    )
}

/// At most `limit` rows from `start` down to `floor`, both included.
fn read_down(tx: &mut Tx<'_>, at: At, start: Key, floor: Key, limit: usize) -> Result<Vec<Entry>> {
    let [tenant, family, person, relation, state] = at.params();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.query_all(
        of_list!(
            "start_time, task_id, flow_id, instance_id",
            "inbox_row",
            "(start_time, task_id) <= ($6, $7) AND (start_time, task_id) >= ($8, $9) \
             ORDER BY start_time DESC, task_id DESC LIMIT $10"
        ),
        &[
            tenant,
            family,
            person,
            relation,
            state,
            start.start.into(),
            start.task.into(),
            floor.start.into(),
            floor.task.into(),
            limit.into(),
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
                for entry in read_between(tx, At { tenant, list }, floor, ceiling)? {
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

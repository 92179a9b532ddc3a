//! Searching tasks, instances and copies of both families: pages of merges of lists, each in the order
//! that was asked for.
//!
//! Whoever is named leads: instances, else a person, else definitions. What is asked beside is part of
//! a list (its status, a range of its time) or is looked at entry by entry. A request looks at so many
//! entries and no more; what it did not come to, its page token continues with.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use domain::inbox::Family;
use domain::instance::{InstanceStatus, ReadStatus, TaskStatus};
use domain::limits::{GROUP_DEFINITIONS, SAME_EXTERNAL_ID, SEARCH_COUNTED, SEARCH_EXAMINED};
use domain::person::AliasKind;
use domain::search::{Kind, Leader, List, Place, Row, rows_of_external, rows_of_flow};
use domain::{InstanceId, Millis, PersonId, Refusal, TaskId, TenantId};
use serde::Serialize;
use store::Tx;
use store::search as lists;

use crate::processes::{Copy, Process, Reader, Task};
use crate::{Caller, Context, Error, Result, page};

/// A row of a list of a search.
pub(crate) type ListedRow = (List, Row);

/// Takes away the rows that are no longer asked for, adds those that are new, and moves those whose
/// status or time alone is another.
pub(crate) fn move_rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    before: &BTreeSet<ListedRow>,
    after: &BTreeSet<ListedRow>,
) -> Result<()> {
    let same = |(list, row): &ListedRow| {
        let Place { thing, person, family, .. } = row.place;
        (list.kind, list.leader, thing, person, family, row.definition, row.instance)
    };
    let mut gone: BTreeMap<_, &ListedRow> =
        before.difference(after).map(|row| (same(row), row)).collect();
    let mut new = Vec::new();
    for row in after.difference(before) {
        match gone.remove(&same(row)) {
            Some(old) => lists::row_move(tx, tenant, (&old.0, &old.1), (&row.0, &row.1))?,
            None => new.push(row),
        }
    }
    for (list, row) in gone.into_values() {
        lists::row_delete(tx, tenant, list, row)?;
    }
    for (list, row) in new {
        lists::row_insert(tx, tenant, list, row)?;
    }
    Ok(())
}

/// What is searched for. What is `None` narrows nothing; every part that is there must match, but
/// `code` and `group` name definitions together, and `instance` and `external_id` instances.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// What the entries are, and by which time they come.
    pub kind: Kind,
    /// From the least time to the greatest.
    pub ascending: bool,
    /// Whom they concern.
    pub user: Option<(AliasKind, String)>,
    /// The code of a definition, or the api id of a flow.
    pub code: Option<String>,
    /// The code of a group of definitions.
    pub group: Option<String>,
    /// The code of an instance.
    pub instance: Option<String>,
    /// A source's id of an instance.
    pub external_id: Option<String>,
    /// A part of the title that a source gave.
    pub title: Option<String>,
    /// Statuses as lists have them.
    pub statuses: Option<Vec<i64>>,
    /// The least start, included, in Unix milliseconds.
    pub from: Option<i64>,
    /// The greatest start, included.
    pub to: Option<i64>,
    /// Tasks of withdrawn instances too.
    pub with_revoked: bool,
}

/// How a page is shown.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The kind of id that answers name people by.
    pub ids: AliasKind,
    /// The language of texts.
    pub locale: Option<String>,
    /// How many entries at most; 1 or more.
    pub size: usize,
    /// Continues after the page that it came with.
    pub token: Option<String>,
}

/// An entry of a page.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The instance.
    pub process: Arc<Process>,
    /// What beside.
    pub thing: Thing,
}

/// What was searched for.
#[derive(Clone, Debug)]
pub enum Thing {
    /// A task, for one of its people.
    Task(Task),
    /// The instance itself.
    Instance,
    /// A copy.
    Copy(Copy),
}

/// A page of a search.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Fewer than asked for, or none, where much was looked at in vain.
    pub entries: Vec<Entry>,
    /// How many there are on all pages, those of withdrawn instances among them, as the first page
    /// found it; [`SEARCH_COUNTED`] where there are more. With a title that of this page.
    pub count: usize,
    /// Continues after it; `None` when there is no more.
    pub next: Option<String>,
}

/// The page that `asked` and `shape` ask for.
pub fn search(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    asked: &Asked,
    shape: &Shape,
) -> Result<Page> {
    let (query, after) = continued(cx, caller, asked, shape.token.as_deref())?;
    let (after, counted) = (after.map(|(place, _)| place), after.map(|(_, count)| count));
    let Some(mut source) = Source::new(tx, caller, asked, after)? else {
        return Ok(Page::default());
    };
    let count = match counted {
        Some(count) => usize::try_from(count).unwrap_or_default(),
        None => source.count(tx)?,
    };
    let mut reader = Reader::new(tx, caller.tenant, shape.ids, shape.locale.clone());
    let mut page = Page::default();
    let last = fill(&mut page, &mut source, &mut reader, asked, shape.size)?;
    page.count = if asked.title.is_some() { page.entries.len() } else { count };
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    page.next = last.map(|place| seal(cx, caller, &query, place, count));
    Ok(page)
}

/// Puts what matches onto a page, and answers after which place the next one goes on.
fn fill(
    page: &mut Page,
    source: &mut Source,
    reader: &mut Reader<'_, '_>,
    asked: &Asked,
    size: usize,
) -> Result<Option<Place>> {
    let mut last = None;
    for _ in 0..SEARCH_EXAMINED {
        let Some(row) = source.next(reader.tx, size)? else { return Ok(None) };
        let place = source.place_of(&row);
        let entry = if source.is_asked_for(&row) { read(reader, asked, &row)? } else { None };
        let is_full = page.entries.len() == size;
        match entry {
            Some(_) if is_full => break,
            Some(entry) => page.entries.push(entry),
            None if is_full => continue,
            None => {}
        }
        last = Some(place);
    }
    Ok(last)
}

/// What a row stands for, if that is asked for.
fn read(reader: &mut Reader<'_, '_>, asked: &Asked, row: &Row) -> Result<Option<Entry>> {
    let family = family(row)?;
    let process = reader.process(family, row.instance)?;
    let (person, start) = (PersonId(row.place.person), Millis(row.start));
    let no_status = || Error::Internal(format!("a list has no status {}", row.status));
    let (thing, said) = match asked.kind {
        Kind::Task | Kind::TaskByUpdate => {
            if process.status == InstanceStatus::Canceled && !asked.with_revoked {
                return Ok(None);
            }
            let status = TaskStatus::from_code(row.status).ok_or_else(no_status)?;
            let task = reader.task(&process, TaskId(row.place.thing), (person, status), start)?;
            let said = task.said.clone();
            (Thing::Task(task), said)
        }
        Kind::Instance => (Thing::Instance, process.said.clone()),
        Kind::Copy => {
            let status = ReadStatus::from_code(row.status).ok_or_else(no_status)?;
            let copy = reader.copy(&process, row.place.thing, (person, status), start)?;
            let said = copy.said.clone();
            (Thing::Copy(copy), said)
        }
    };
    let called = asked.title.as_ref().is_none_or(|title| said.is_called(title));
    Ok(called.then_some(Entry { process, thing }))
}

fn family(row: &Row) -> Result<Family> {
    let code = row.place.family;
    Family::from_code(code).ok_or_else(|| Error::Internal(format!("there is no family {code}")))
}

/// Every real code is one of these.
type Definition = (Family, i64);

/// The definitions that are asked for; `None` when none are named.
fn definitions(
    tx: &mut Tx<'_>,
    caller: &Caller,
    code: Option<&str>,
    group: Option<&str>,
) -> Result<Option<Vec<Definition>>> {
    let tenant = caller.tenant;
    let mut found = Vec::new();
    if let Some(code) = code {
        found.push(definition(tx, caller, code)?);
    }
    if let Some(group) = group {
        let limit = GROUP_DEFINITIONS;
        let ids = store::definition::definitions_of_group(tx, tenant, group, limit + 1)?;
        if ids.len() > limit {
            return Err(Refusal::LargeGroup { group: group.to_owned(), limit }.into());
        }
        found.extend(ids.into_iter().map(|id| (Family::External, id.get())));
    }
    found.sort_unstable();
    found.dedup();
    Ok((code.is_some() || group.is_some()).then_some(found))
}

/// The definition with a real code or the caller's own, or the flow with an api id.
fn definition(tx: &mut Tx<'_>, caller: &Caller, code: &str) -> Result<Definition> {
    let (tenant, app) = (caller.tenant, caller.app.id);
    if let Some((_, id)) = store::definition::definition_head(tx, tenant, code)? {
        return Ok((Family::External, id.get()));
    }
    if let Some(id) = store::definition::definition_id_by_custom_code(tx, tenant, app, code)? {
        return Ok((Family::External, id.get()));
    }
    let flow = store::flow::flow_by_api_id(tx, tenant, code)?;
    let flow = flow.ok_or_else(|| Refusal::UnknownApproval(code.to_owned()))?;
    Ok((Family::Flow, flow.get()))
}

/// The instances of both families with a code: their internal ids are their codes.
pub(crate) fn by_code(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    code: &str,
) -> Result<Vec<(Family, InstanceId)>> {
    let Ok(id) = code.parse().map(InstanceId) else { return Ok(Vec::new()) };
    // `+7` and `007` are no codes.
    if id.to_string() != code {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    if store::external::instance_head_by_id(tx, tenant, id)?.is_some_and(|head| !head.purged) {
        found.push((Family::External, id));
    }
    if store::flow::instance_own(tx, tenant, id)?.is_some() {
        found.push((Family::Flow, id));
    }
    Ok(found)
}

/// The rows of a search, in its order.
struct Source {
    tenant: TenantId,
    rows: Rows,
    order: Order,
    /// Only these definitions, where they do not lead.
    of: Option<Vec<Definition>>,
    /// A range of starts, where lists are by another time.
    range: (i64, i64),
    /// Several ids of one person: one of their tasks may stand under each.
    several: bool,
    seen: Option<(i64, i64, i64)>,
}

enum Rows {
    Known(VecDeque<Row>),
    Lists(Vec<Stretch>),
}

/// A list, read piece by piece.
struct Stretch {
    list: List,
    rows: VecDeque<Row>,
    after: Place,
    done: bool,
}

/// Before and after everything that a thing can be for somebody. Families are small numbers, which
/// PostgreSQL keeps in two bytes.
const FIRST: End = End { person: i64::MIN, family: 0 };
const LAST: End = End { person: i64::MAX, family: 9 };

#[derive(Clone, Copy)]
struct End {
    person: i64,
    family: i64,
}

impl End {
    fn at(self, time: i64, thing: i64) -> Place {
        Place { time, thing, person: self.person, family: self.family }
    }
}

/// Which way, and between which times.
#[derive(Clone, Copy)]
struct Order {
    ascending: bool,
    from: i64,
    to: i64,
}

impl Order {
    /// Before every place of the range.
    fn start(self) -> Place {
        if self.ascending { FIRST.at(self.from, i64::MIN) } else { LAST.at(self.to, i64::MAX) }
    }

    fn compare(self, a: Place, b: Place) -> Ordering {
        if self.ascending { a.cmp(&b) } else { b.cmp(&a) }
    }
}

impl Source {
    /// `None` where nothing can match.
    fn new(
        tx: &mut Tx<'_>,
        caller: &Caller,
        asked: &Asked,
        after: Option<Place>,
    ) -> Result<Option<Self>> {
        let tenant = caller.tenant;
        let of = definitions(tx, caller, asked.code.as_deref(), asked.group.as_deref())?;
        let instances = instances(tx, tenant, asked)?;
        let people = match &asked.user {
            None => None,
            Some((kind, value)) => {
                Some(store::person::person_rows_by_alias(tx, tenant, *kind, value)?)
            }
        };
        if people.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let range = (asked.from.unwrap_or(i64::MIN), asked.to.unwrap_or(i64::MAX));
        let by_start = asked.kind != Kind::TaskByUpdate;
        let (from, to) = if by_start { range } else { (i64::MIN, i64::MAX) };
        let order = Order { ascending: asked.ascending, from, to };
        let start = after.unwrap_or_else(|| order.start());
        let several = people.as_ref().is_some_and(|people| people.len() > 1);
        let statuses = asked.statuses.clone().unwrap_or_else(|| asked.kind.statuses());
        let leaders: Vec<Leader> = match (&instances, &people, &of) {
            (None, Some(people), _) => people.iter().map(|p| Leader::Person(*p)).collect(),
            (None, None, of) => {
                let of = of.iter().flatten();
                of.map(|(family, id)| Leader::Definition(*family, *id)).collect()
            }
            (Some(_), ..) => Vec::new(),
        };
        let rows = if let Some(instances) = instances {
            let known = Known { kind: asked.kind, people: people.as_deref(), statuses: &statuses };
            let mut rows = known.rows(tx, tenant, &instances)?;
            rows.retain(|row| order.compare(row.place, start).is_gt());
            rows.sort_unstable_by(|a, b| order.compare(a.place, b.place));
            Rows::Known(rows.into())
        } else {
            let list = |leader: &Leader, status: &i64| Stretch {
                list: List { kind: asked.kind, leader: *leader, status: *status },
                rows: VecDeque::new(),
                after: start,
                done: false,
            };
            let lists = leaders.iter().flat_map(|l| statuses.iter().map(move |s| list(l, s)));
            Rows::Lists(lists.collect())
        };
        // Definitions that lead lists need not be looked at again, nor a range that lists have.
        let leads = matches!(rows, Rows::Lists(_)) && people.is_none();
        let of = of.filter(|_| !leads);
        Ok(Some(Self { tenant, rows, order, of, range, several, seen: None }))
    }

    /// The next row, whatever is asked beside lists.
    fn next(&mut self, tx: &mut Tx<'_>, size: usize) -> Result<Option<Row>> {
        let (tenant, order) = (self.tenant, self.order);
        match &mut self.rows {
            Rows::Known(rows) => Ok(rows.pop_front()),
            Rows::Lists(stretches) => {
                let most = size + 1;
                let piece = 2 * size / stretches.len().max(1);
                let piece = piece.clamp(LEAST_PIECE.min(most), most);
                for stretch in stretches.iter_mut() {
                    stretch.fill(tx, tenant, order, piece)?;
                }
                let with = stretches.iter_mut().filter(|stretch| !stretch.rows.is_empty());
                let next = with.min_by(|a, b| order.compare(a.rows[0].place, b.rows[0].place));
                Ok(next.and_then(|stretch| stretch.rows.pop_front()))
            }
        }
    }

    /// Where the page after one that ends with `row` begins.
    fn place_of(&self, row: &Row) -> Place {
        if !self.several {
            return row.place;
        }
        // Past the same thing under another id of the person.
        let end = if self.order.ascending { LAST } else { FIRST };
        end.at(row.place.time, row.place.thing)
    }

    /// How many rows there are from the beginning on, as far as they are counted.
    fn count(&self, tx: &mut Tx<'_>) -> Result<usize> {
        let Order { from, to, .. } = self.order;
        let stretches = match &self.rows {
            Rows::Known(rows) => {
                let asked = rows.iter().filter(|row| self.is_wanted(row));
                return Ok(asked.count().min(SEARCH_COUNTED));
            }
            Rows::Lists(stretches) => stretches,
        };
        // What is not a part of lists is looked at, row by row; a repeat too.
        let is_plain = self.of.is_none() && !self.several && self.range == (from, to);
        let (mut count, mut left) = (0, SEARCH_COUNTED);
        let mut seen = BTreeSet::new();
        for Stretch { list, .. } in stretches {
            if is_plain {
                count += lists::row_count_upto(tx, self.tenant, list, (from, to), left)?;
                left = SEARCH_COUNTED - count;
                continue;
            }
            let start = Order { ascending: false, ..self.order }.start();
            let rows = lists::rows_down(tx, self.tenant, list, (from, start), left)?;
            left -= rows.len();
            let wanted = rows.iter().filter(|row| self.is_wanted(row));
            seen.extend(wanted.map(|row| (row.place.thing, row.place.family, row.place.person)));
        }
        if self.several {
            let things: BTreeSet<_> =
                seen.iter().map(|(thing, family, _)| (thing, family)).collect();
            return Ok(things.len());
        }
        Ok(count + seen.len())
    }

    /// Whether a row is wanted and not a repeat.
    fn is_asked_for(&mut self, row: &Row) -> bool {
        if self.several {
            let thing = (row.place.time, row.place.thing, row.place.family);
            if self.seen.replace(thing) == Some(thing) {
                return false;
            }
        }
        self.is_wanted(row)
    }

    /// Whether a row is of the definitions and times that are asked for.
    fn is_wanted(&self, row: &Row) -> bool {
        let definition =
            |(family, id): &Definition| (family.code(), *id) == (row.place.family, row.definition);
        (self.range.0..=self.range.1).contains(&row.start)
            && self.of.as_ref().is_none_or(|of| of.iter().any(definition))
    }
}

/// The least rows that a list is asked for at once: a round trip costs more than a few rows.
const LEAST_PIECE: usize = 4;

impl Stretch {
    fn fill(
        &mut self,
        tx: &mut Tx<'_>,
        tenant: TenantId,
        order: Order,
        piece: usize,
    ) -> Result<()> {
        if self.done || !self.rows.is_empty() {
            return Ok(());
        }
        let rows = if order.ascending {
            lists::rows_up(tx, tenant, &self.list, (self.after, order.to), piece)?
        } else {
            lists::rows_down(tx, tenant, &self.list, (order.from, self.after), piece)?
        };
        self.done = rows.len() < piece;
        self.after = rows.last().map_or(self.after, |row| row.place);
        self.rows = rows.into();
        Ok(())
    }
}

/// The instances that are asked for; `None` when none are named.
fn instances(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    asked: &Asked,
) -> Result<Option<BTreeSet<(Family, InstanceId)>>> {
    let mut found = BTreeSet::new();
    if let Some(code) = &asked.instance {
        let known = by_code(tx, tenant, code)?;
        if known.is_empty() {
            return Err(Refusal::UnknownInstance(code.clone()).into());
        }
        found.extend(known);
    }
    if let Some(name) = &asked.external_id {
        let limit = SAME_EXTERNAL_ID;
        let ids = store::external::instances_by_external_id(tx, tenant, name, limit)?;
        found.extend(ids.into_iter().map(|id| (Family::External, id)));
    }
    Ok((asked.instance.is_some() || asked.external_id.is_some()).then_some(found))
}

/// What is wanted of instances that are named.
struct Known<'k> {
    kind: Kind,
    people: Option<&'k [PersonId]>,
    statuses: &'k [i64],
}

impl Known<'_> {
    /// The rows that the instances ask for, as far as they are wanted.
    fn rows(
        &self,
        tx: &mut Tx<'_>,
        tenant: TenantId,
        instances: &BTreeSet<(Family, InstanceId)>,
    ) -> Result<Vec<Row>> {
        let mut wanted = Vec::new();
        for (family, id) in instances {
            let rows = match family {
                Family::Flow => {
                    let stored = store::flow::instance_load(tx, tenant, *id)?;
                    stored.as_ref().map(rows_of_flow)
                }
                Family::External => {
                    let head = store::external::instance_head_by_id(tx, tenant, *id)?;
                    let stored = store::external::instance_load(tx, tenant, *id)?;
                    let both = head.zip(stored);
                    both.map(|(head, stored)| rows_of_external(*id, head.definition, &stored))
                }
            };
            let rows = rows.unwrap_or_default().into_iter();
            wanted.extend(rows.filter(|(list, row)| self.wants(list, row)).map(|(_, row)| row));
        }
        Ok(wanted)
    }

    fn wants(&self, list: &List, row: &Row) -> bool {
        let person = PersonId(row.place.person);
        // Each row stands behind its definition too; that one is taken.
        list.kind == self.kind
            && matches!(list.leader, Leader::Definition(..))
            && self.statuses.contains(&row.status)
            && self.people.is_none_or(|people| people.contains(&person))
    }
}

/// Which instances of a definition [`codes`] are asked for.
#[derive(Clone, Debug)]
pub struct Codes {
    /// The code of the definition, or the api id of the flow.
    pub of: String,
    /// The least start, included, in Unix milliseconds.
    pub from: i64,
    /// The greatest start, included.
    pub to: i64,
    /// How many at most; 1 or more.
    pub size: usize,
    /// Continues after the page that it came with.
    pub token: Option<String>,
}

/// The codes of instances by their start, and what continues after them.
pub fn codes(
    tx: &mut Tx<'_>,
    cx: &Context,
    caller: &Caller,
    which: &Codes,
) -> Result<(Vec<InstanceId>, Option<String>)> {
    let asked = Asked {
        kind: Kind::Instance,
        ascending: true,
        user: None,
        code: Some(which.of.clone()),
        group: None,
        instance: None,
        external_id: None,
        title: None,
        statuses: None,
        from: Some(which.from),
        to: Some(which.to),
        with_revoked: true,
    };
    let (query, after) = continued(cx, caller, &asked, which.token.as_deref())?;
    let after = after.map(|(place, _)| place);
    let Some(mut source) = Source::new(tx, caller, &asked, after)? else {
        return Ok((Vec::new(), None));
    };
    let mut rows = Vec::with_capacity(which.size + 1);
    while rows.len() <= which.size {
        let Some(row) = source.next(tx, which.size)? else { break };
        rows.push(row);
    }
    let more = rows.len() > which.size;
    rows.truncate(which.size);
    let last = rows.last().filter(|_| more).map(|row| row.place);
    let next = last.map(|place| seal(cx, caller, &query, place, 0));
    Ok((rows.into_iter().map(|row| row.instance).collect(), next))
}

/// What tells a query apart from others; after which place it goes on, and what its first page counted.
fn continued(
    cx: &Context,
    caller: &Caller,
    asked: &Asked,
    token: Option<&str>,
) -> Result<(String, Option<(Place, i64)>)> {
    let query = serde_json::to_string(asked).map_err(|e| Error::Internal(e.to_string()))?;
    let Some(token) = token else { return Ok((query, None)) };
    let [time, thing, person, family, count] = page::open_place(cx, caller, &query, token)?;
    Ok((query, Some((Place { time, thing, person, family }, count))))
}

fn seal(cx: &Context, caller: &Caller, query: &str, place: Place, count: i64) -> String {
    let Place { time, thing, person, family } = place;
    page::seal_place(cx, caller, query, &[time, thing, person, family, count])
}

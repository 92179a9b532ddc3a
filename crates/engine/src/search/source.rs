//! The rows of a search in its order: which lists lead it, their merge, and what of it is wanted.
//!
//! Knows nothing of pages, nor of what a row stands for.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

use domain::inbox::Family;
use domain::limits::{GROUP_DEFINITIONS, SAME_EXTERNAL_ID, SEARCH_COUNTED};
use domain::search::{Kind, Leader, List, Place, Row, Thing, things_of_external, things_of_flow};
use domain::{InstanceId, PersonId, Refusal, TenantId};
use store::Tx;
use store::search as lists;

use super::Asked;
use crate::{Caller, Result};

/// A definition, or a flow by its number.
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
pub(super) struct Source {
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

/// Which way, and between which times.
#[derive(Clone, Copy)]
struct Order {
    ascending: bool,
    from: i64,
    to: i64,
}

impl Order {
    /// Before every place of the range: no thing has such a number.
    fn start(self) -> Place {
        let (time, thing) =
            if self.ascending { (self.from, i64::MIN) } else { (self.to, i64::MAX) };
        Place { time, thing, family: 0, person: 0 }
    }

    fn compare(self, a: Place, b: Place) -> Ordering {
        if self.ascending { a.cmp(&b) } else { b.cmp(&a) }
    }
}

impl Source {
    /// `None` where nothing can match.
    pub(super) fn new(
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
        let leaders: Vec<(Family, Leader)> = match (&instances, &people, &of) {
            (None, Some(people), _) => {
                let people = || people.iter().map(|person| Leader::Person(*person));
                Family::ALL.iter().flat_map(|f| people().map(move |led| (*f, led))).collect()
            }
            (None, None, of) => {
                let of = of.iter().flatten();
                of.map(|(family, id)| (*family, Leader::Definition(*id))).collect()
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
            let list = |(family, leader): &(Family, Leader), status: &i64| Stretch {
                list: List { family: *family, kind: asked.kind, leader: *leader, status: *status },
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
    pub(super) fn next(&mut self, tx: &mut Tx<'_>, size: usize) -> Result<Option<Row>> {
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
    pub(super) fn place_of(&self, row: &Row) -> Place {
        if !self.several {
            return row.place;
        }
        // Past the same thing under another id of the person.
        let person = if self.order.ascending { i64::MAX } else { i64::MIN };
        Place { person, ..row.place }
    }

    /// How many rows there are from the beginning on, as far as they are counted.
    pub(super) fn count(&self, tx: &mut Tx<'_>) -> Result<usize> {
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
        let start = Order { ascending: false, ..self.order }.start();
        for Stretch { list, .. } in stretches {
            if is_plain {
                count += lists::row_count_upto(tx, self.tenant, list, (from, start), left)?;
                left = SEARCH_COUNTED - count;
                continue;
            }
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
    pub(super) fn is_asked_for(&mut self, row: &Row) -> bool {
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
            let things = match family {
                Family::Flow => {
                    let stored = store::flow::instance_load(tx, tenant, *id)?;
                    stored.map(|stored| things_of_flow(&stored).into_iter().collect())
                }
                Family::External => {
                    let head = store::external::instance_head_by_id(tx, tenant, *id)?;
                    let stored = store::external::instance_load(tx, tenant, *id)?;
                    let both = head.zip(stored);
                    both.map(|(head, stored)| things_of_external(*id, head.definition, &stored))
                }
            };
            let things: Vec<Thing> = things.unwrap_or_default();
            let rows = things.iter().filter_map(|thing| thing.row(self.kind));
            wanted.extend(rows.filter(|row| self.wants(row)));
        }
        Ok(wanted)
    }

    fn wants(&self, row: &Row) -> bool {
        let person = PersonId(row.place.person);
        self.statuses.contains(&row.status)
            && self.people.is_none_or(|people| people.contains(&person))
    }
}

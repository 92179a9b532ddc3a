//! Listing the states of third-party tasks: pages of instances in the order in which they were
//! first accepted.
//!
//! A page costs the rows that it shows: the filter names lists that are kept in paging order, and a
//! page is a merge of them after a position. An instance that matches from the first page to the
//! last is seen exactly once, whatever is written in between.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use domain::filter::{FilterParts, TaskFilter};
use domain::person::AliasKind;
use domain::{InstanceId, PersonId};
use store::external::Head;
use store::list::List;
use store::list_glance::{Paged, Pages};

use crate::card::{self, Card, Choice};
use crate::copies::Rendered;
use crate::page::{self, PageFault, Query, Token};
use crate::view::View;
use crate::{Caller, Error, Result};

/// A page of instances.
#[derive(Debug)]
pub struct Page {
    /// The instances with their matching tasks.
    pub items: Items,
    /// Continues after the last one; `None` when there is no more.
    pub next: Option<String>,
}

/// Instances with their matching tasks, as they are shown.
#[derive(Debug)]
pub enum Items {
    /// So many of those that are kept.
    Kept(Arc<Rendered>, usize),
    /// Put together for one answer.
    Made(Vec<u8>),
}

impl Items {
    /// What is shown of all of them.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Kept(rendered, n) => rendered.first(*n),
            Self::Made(bytes) => bytes,
        }
    }
}

/// The page that `parts` ask for, or that `token` continues. `size` is 1 or more.
pub fn list(
    view: &mut View<'_, '_>,
    caller: &Caller,
    parts: &FilterParts,
    token: Option<&str>,
    size: usize,
) -> Result<Page> {
    let filter = || TaskFilter::new(parts.clone()).map_err(Error::Filter);
    let (asked, after, hash) = match token {
        None => (Asked::Names(filter()?), InstanceId(0), None),
        Some(token) => {
            let Token { query, position, hash } = page::open(view.context(), caller, token)?;
            if !parts.is_empty() && page::hash(&filter()?) != hash {
                return Err(PageFault::OtherFilter.into());
            }
            (Asked::Ids(query), position, Some(hash))
        }
    };
    let (query, items, last) = match at_a_glance(view, caller, &asked, after, size)? {
        Some(answer) => answer,
        None => step_by_step(view, caller, asked, after, size)?,
    };
    let next = match last {
        Some(position) => {
            let hash = hash.map_or_else(|| filter().map(|filter| page::hash(&filter)), Ok)?;
            Some(page::seal(view.context(), caller, &Token { hash, query, position }))
        }
        None => None,
    };
    Ok(Page { items, next })
}

/// What a page is asked for with.
enum Asked {
    /// The first one, with the caller's names.
    Names(TaskFilter),
    /// One after it, with the ids that a token holds.
    Ids(Query),
}

/// A query by ids, what is shown of its page, and the last of that where there is more.
type Answer = (Query, Items, Option<InstanceId>);

/// The answer with one statement, where that is of use.
fn at_a_glance(
    view: &mut View<'_, '_>,
    caller: &Caller,
    asked: &Asked,
    after: InstanceId,
    size: usize,
) -> Result<Option<Answer>> {
    fn texts(texts: &[String]) -> Vec<&str> {
        texts.iter().map(String::as_str).collect()
    }
    if view.keeps() {
        return Ok(None);
    }
    let (codes, users, status) = match asked {
        Asked::Names(TaskFilter::Status { codes, users, status }) => {
            (texts(codes), texts(users), *status)
        }
        Asked::Ids(Query { instances: None, status: Some(status), .. }) => {
            (Vec::new(), Vec::new(), *status)
        }
        _ => return Ok(None),
    };
    let (definitions, people) = match asked {
        Asked::Ids(Query { definitions, people, .. }) => (definitions.as_ref(), people.as_ref()),
        Asked::Names(_) => (None, None),
    };
    let pages = Pages {
        app: caller.app.id,
        codes: &codes,
        definitions: definitions.map_or(&[], Vec::as_slice),
        of_people: people.is_some() || !users.is_empty(),
        users: &users,
        people: people.map_or(&[], Vec::as_slice),
        status: status.code(),
        after,
        limit: size + 1,
    };
    let of_people = pages.of_people;
    let seen = store::list_glance::page_glance(view.tx()?, caller.tenant, &pages)?;
    let Some(Paged { definitions, people, rows, instances }) = seen else { return Ok(None) };
    let query = Query {
        instances: None,
        definitions: Some(definitions),
        people: of_people.then_some(people),
        status: Some(status),
    };
    let choice = Choice { status: Some(status), people: of_people.then_some(rows) };
    let found = card::of_rows(view, caller.tenant, instances, &Arc::new(choice))?;
    let (items, last) = show(view, found, size);
    Ok(Some((query, items, last)))
}

/// The answer from what is in memory, or statement by statement.
fn step_by_step(
    view: &mut View<'_, '_>,
    caller: &Caller,
    asked: Asked,
    after: InstanceId,
    size: usize,
) -> Result<Answer> {
    let mut cards = Vec::new();
    let query = match asked {
        Asked::Names(filter) => resolve(view, caller, &filter, &mut cards)?,
        Asked::Ids(query) => query,
    };
    let people = match &query.people {
        None => None,
        Some(people) => Some(rows_of(view, caller, people)?),
    };
    // One more than asked for tells whether there is more.
    let (items, last) = match &query.instances {
        Some(instances) => {
            let known = (instances.as_slice(), cards.as_slice());
            let found = named(view, caller, &query, people, known, after, size + 1)?;
            show(view, found, size)
        }
        None => listed(view, caller, &query, people, after, size)?,
    };
    Ok((query, items, last))
}

/// What is shown of the first `size`, and the last of them where there are more.
fn show(view: &View<'_, '_>, mut found: Found, size: usize) -> (Items, Option<InstanceId>) {
    let more = found.len() > size;
    found.truncate(size);
    let last = found.last().filter(|_| more).map(|(id, _)| *id);
    let cards = found.iter().map(|(_, card)| card);
    (Items::Made(card::show(view.context(), cards).0), last)
}

/// The ids behind the caller's names. What nobody knows matches nothing. Cards that come along are
/// put into `cards`, in the order of their ids.
fn resolve(
    view: &mut View<'_, '_>,
    caller: &Caller,
    filter: &TaskFilter,
    cards: &mut Vec<Known>,
) -> Result<Query> {
    let (tenant, app) = (caller.tenant, caller.app.id);
    let (instances, codes, users, status) = match filter {
        TaskFilter::Instances { instances, codes, users, status } => {
            (Some(instances), codes, users, *status)
        }
        TaskFilter::Status { codes, users, status } => (None, codes, users, Some(*status)),
    };
    let instances = match instances {
        None => None,
        Some(names) => {
            let named = view.named(tenant, app, names)?;
            let mut ids: Vec<InstanceId> = named.iter().map(|named| named.head.id).collect();
            ids.sort_unstable();
            cards.extend(named.into_iter().filter_map(|named| Some((named.head, named.card?))));
            cards.sort_unstable_by_key(|(head, _)| head.id);
            Some(ids)
        }
    };
    let mut definitions = Vec::new();
    for code in codes {
        definitions.extend(view.definition(tenant, app, code)?);
    }
    definitions.sort_unstable();
    definitions.dedup();
    let mut people = Vec::new();
    for user in users {
        let rows = view.rows_by_alias(tenant, AliasKind::UserId, user)?;
        people.extend(rows.and_then(|rows| rows.first().copied()));
    }
    people.sort_unstable();
    people.dedup();
    Ok(Query {
        instances,
        definitions: (!codes.is_empty()).then_some(definitions),
        people: (!users.is_empty()).then_some(people),
        status,
    })
}

/// Every id under which rows of `people` may stand today: a token outlives a join.
fn rows_of(view: &mut View<'_, '_>, caller: &Caller, people: &[PersonId]) -> Result<Vec<PersonId>> {
    let mut ids = Vec::with_capacity(people.len());
    for person in people {
        ids.extend(view.rows_of(caller.tenant, *person)?.iter());
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

type Found = Vec<(InstanceId, Card)>;

/// The bytes of a card.
type Bytes = Arc<[u8]>;

/// What came along with an instance's id.
type Known = (Head, Bytes);

fn find(known: &[Known], id: InstanceId) -> Option<&Known> {
    known.binary_search_by_key(&id, |(head, _)| head.id).ok().map(|at| &known[at])
}

/// Of the named instances those after `after` that match.
fn named(
    view: &mut View<'_, '_>,
    caller: &Caller,
    query: &Query,
    people: Option<Vec<PersonId>>,
    (instances, known): (&[InstanceId], &[Known]),
    after: InstanceId,
    limit: usize,
) -> Result<Found> {
    // Without a status or people an instance is listed with whatever tasks it has.
    let needs_task = query.status.is_some() || people.is_some();
    let choice = Arc::new(Choice { status: query.status, people });
    let mut ids: Vec<InstanceId> = instances.iter().copied().filter(|id| *id > after).collect();
    if let Some(definitions) = &query.definitions {
        let mut of_those = Vec::with_capacity(ids.len());
        for id in ids {
            let head = match find(known, id) {
                Some((head, _)) => Some(*head),
                None => view.head_by_id(caller.tenant, id)?,
            };
            of_those.extend(head.filter(|head| definitions.contains(&head.definition)).map(|_| id));
        }
        ids = of_those;
    }
    let cards = if known.is_empty() {
        card::read(view, caller.tenant, &ids, &choice)?
    } else {
        // What has no card among those that came along was purged.
        let choose = |(_, bytes): &Known| card::choose(Arc::clone(bytes), &choice);
        ids.iter().map(|id| find(known, *id).map(choose)).collect()
    };
    let found = ids.into_iter().zip(cards).filter_map(|(id, card)| Some((id, card?)));
    let matches = |(_, card): &(InstanceId, Card)| !needs_task || card.tasks().next().is_some();
    Ok(found.filter(matches).take(limit).collect())
}

/// The first `size` instances after `after` on any of the query's lists, and the last of them where
/// there are more.
fn listed(
    view: &mut View<'_, '_>,
    caller: &Caller,
    query: &Query,
    people: Option<Vec<PersonId>>,
    after: InstanceId,
    size: usize,
) -> Result<(Items, Option<InstanceId>)> {
    let status = query.status.map_or(0, domain::instance::TaskStatus::code);
    let definitions = query.definitions.as_deref().unwrap_or_default();
    let lists: Vec<List> = match &people {
        None => definitions.iter().map(|d| List::Status(*d, status)).collect(),
        Some(people) => people
            .iter()
            .flat_map(|p| definitions.iter().map(|d| List::Person(*p, status, *d)))
            .collect(),
    };
    let choice = Arc::new(Choice { status: query.status, people });
    if let ([list], true) = (lists.as_slice(), view.keeps()) {
        let rendered = view.rendered(caller.tenant, *list, after, size + 1, &choice)?;
        let last = rendered.last_of(size);
        return Ok((Items::Kept(rendered, size), last));
    }
    let found = merged(view, caller, &lists, &choice, after, size + 1)?;
    Ok(show(view, found, size))
}

/// The first `limit` instances after `after` on any of the lists.
fn merged(
    view: &mut View<'_, '_>,
    caller: &Caller,
    lists: &[List],
    choice: &Arc<Choice>,
    after: InstanceId,
    limit: usize,
) -> Result<Found> {
    if !view.keeps() {
        let fetch = |list, after, limit| {
            let ids = view.list_page(caller.tenant, list, after, limit)?;
            Ok(ids.into_iter().map(|id| (id, ())).collect())
        };
        let ids: Vec<InstanceId> =
            merge(lists, after, limit, fetch)?.into_iter().map(|(id, ())| id).collect();
        let cards = card::read(view, caller.tenant, &ids, choice)?;
        let there =
            |(id, card): (InstanceId, Option<Card>)| Ok((id, card.ok_or_else(|| gone(id))?));
        return ids.into_iter().zip(cards).map(there).collect();
    }
    let fetch = |list, after, limit| view.stretch(caller.tenant, list, after, limit);
    let found = merge(lists, after, limit, fetch)?;
    Ok(found.into_iter().map(|(id, bytes)| (id, card::choose(bytes, choice))).collect())
}

/// A list and what it lists contradict each other.
pub(crate) fn gone(id: InstanceId) -> Error {
    Error::Internal(format!("instance {id} is on a list but not there"))
}

/// The least entries that a list is asked for at once: a round trip costs more than a few rows.
const LEAST_CHUNK: usize = 8;

/// The first `limit` of all `lists` after `after`, in the order of their ids, each once. Lists are
/// read in chunks, so that many lists do not read a page each.
fn merge<T>(
    lists: &[List],
    after: InstanceId,
    limit: usize,
    mut fetch: impl FnMut(List, InstanceId, usize) -> Result<Vec<(InstanceId, T)>>,
) -> Result<Vec<(InstanceId, T)>> {
    let chunk = (2 * limit / lists.len().max(1)).clamp(LEAST_CHUNK.min(limit), limit);
    let mut buffers: Vec<VecDeque<(InstanceId, T)>> = Vec::with_capacity(lists.len());
    let mut heads = BinaryHeap::new();
    for (index, list) in lists.iter().enumerate() {
        let buffer = VecDeque::from(fetch(*list, after, chunk)?);
        heads.extend(buffer.front().map(|(id, _)| Reverse((*id, index))));
        buffers.push(buffer);
    }
    let mut merged: Vec<(InstanceId, T)> = Vec::with_capacity(limit);
    while let Some(Reverse((id, index))) = heads.pop() {
        let Some(next) = buffers[index].pop_front() else { continue };
        if merged.last().is_none_or(|(last, _)| *last != id) {
            merged.push(next);
            if merged.len() == limit {
                break;
            }
        }
        if buffers[index].is_empty() {
            buffers[index] = fetch(lists[index], id, chunk)?.into();
        }
        heads.extend(buffers[index].front().map(|(id, _)| Reverse((*id, index))));
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::DefinitionId;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_merge_is_the_sorted_union(
            contents in prop::collection::vec(prop::collection::btree_set(1_i64..60, 0..40), 0..6),
            after in 0_i64..60,
            limit in 1_usize..50,
        ) {
            let lists: Vec<_> = (0..contents.len())
                .map(|n| List::Status(DefinitionId(i64::try_from(n).unwrap()), 1))
                .collect();
            let merged = merge(&lists, InstanceId(after), limit, |list, after, limit| {
                let List::Status(DefinitionId(n), _) = list else { unreachable!() };
                let list = &contents[usize::try_from(n).unwrap()];
                let rest = list.iter().filter(|id| **id > after.get());
                Ok(rest.take(limit).map(|id| (InstanceId(*id), ())).collect())
            }).unwrap();
            let union: BTreeSet<_> = contents.iter().flatten().filter(|id| **id > after).collect();
            let union = union.into_iter().take(limit);
            let expected: Vec<_> = union.map(|id| (InstanceId(*id), ())).collect();
            prop_assert_eq!(merged, expected);
        }
    }
}

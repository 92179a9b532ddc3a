//! Searching tasks, instances and copies of both families: pages of merges of lists, each in the order
//! that was asked for.
//!
//! Whoever is named leads: instances, else a person, else definitions. What is asked beside is part of
//! a list (its status, a range of its time) or is looked at entry by entry. A request looks at so many
//! entries and no more; what it did not come to, its page token continues with.

mod source;

use std::sync::Arc;

use domain::inbox::Family;
use domain::instance::{InstanceStatus, ReadStatus, TaskStatus};
use domain::limits::SEARCH_EXAMINED;
use domain::person::AliasKind;
use domain::search::{Kind, Place, Row};
use domain::{InstanceId, Millis, PersonId, TaskId};
use serde::Serialize;
use store::Tx;

use crate::processes::{Copy, Process, Reader, Task};
use crate::{Caller, Context, Error, Result, page};
use source::Source;

pub(crate) use source::by_code;

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
    /// found it; [`domain::limits::SEARCH_COUNTED`] where there are more. With a title that of this page.
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
    let [time, thing, family, person, count] = page::open_place(cx, caller, &query, token)?;
    Ok((query, Some((Place { time, thing, family, person }, count))))
}

fn seal(cx: &Context, caller: &Caller, query: &str, place: Place, count: i64) -> String {
    let Place { time, thing, family, person } = place;
    page::seal_place(cx, caller, query, &[time, thing, family, person, count])
}

//! One person's tasks by topic, of both families: what waits for them, what they did, started or were
//! copied to. The lists are those of inboxes; a page continues after the last task of the one before.

use std::cmp::Reverse;
use std::sync::Arc;

use domain::inbox::{Entry, Family, Key, List, Relation, State};
use domain::instance::{ReadStatus, TaskStatus};
use domain::person::AliasKind;
use domain::{Millis, PersonId, TaskId, TenantId};
use store::Tx;
use store::inbox::{self as lists, Question};

use crate::processes::{Process, Reader, Said, Who};
use crate::{Caller, Context, Result, page};

/// Which of one person's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Those that wait for them.
    Todo,
    /// Those that no longer do.
    Done,
    /// Those of instances that they started.
    Started,
    /// Copies that they have not read. Nobody can mark a copy of a flow's task yet, so all are here.
    UnreadCopies,
    /// Copies that they have read.
    ReadCopies,
}

impl Topic {
    /// The lists whose merge it is, of one family.
    fn lists(self, family: Family) -> &'static [(Relation, State)] {
        match (self, family) {
            (Self::Todo, _) => &[(Relation::Assigned, State::Pending)],
            (Self::Done, _) => &[(Relation::Assigned, State::Archived)],
            (Self::Started, _) => {
                &[(Relation::Initiated, State::Pending), (Relation::Initiated, State::Archived)]
            }
            (Self::UnreadCopies, Family::External) => &[(Relation::Cc, State::Pending)],
            (Self::UnreadCopies, Family::Flow) => {
                &[(Relation::Cc, State::Pending), (Relation::Cc, State::Archived)]
            }
            (Self::ReadCopies, Family::External) => &[(Relation::Cc, State::Archived)],
            (Self::ReadCopies, Family::Flow) => &[],
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose tasks; answers name people by the same kind of id.
    pub user: (AliasKind, String),
    /// Which of them.
    pub topic: Topic,
    /// How many at most; 1 or more.
    pub size: usize,
    /// Continues after the page that it came with.
    pub token: Option<String>,
}

/// A task, an instance or a copy, as the topic has it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its place.
    pub entry: Entry,
    /// The instance.
    pub process: Arc<Process>,
    /// The source's id of the task or copy.
    pub external_id: Option<String>,
    /// What the source says of it.
    pub said: Said,
}

/// A page of a topic.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Whose it is.
    pub who: Arc<Who>,
    /// From the latest start to the earliest.
    pub tasks: Vec<Listed>,
    /// How many there are in all; with the first page alone.
    pub count: Option<i64>,
    /// Continues after it; `None` when there is no more.
    pub next: Option<String>,
}

/// A row, and the family of its list: two families may number tasks alike.
type Row = (Entry, Family);

/// The page that `asked` asks for.
pub fn query(tx: &mut Tx<'_>, cx: &Context, caller: &Caller, asked: &Asked) -> Result<Page> {
    let tenant = caller.tenant;
    let (kind, value) = (asked.user.0, &asked.user.1);
    let named = format!("{:?} {kind:?} {value}", asked.topic);
    let after = match &asked.token {
        None => None,
        Some(token) => {
            let [start, task, family] = page::open_place(cx, caller, &named, token)?;
            Some((Key { start, task }, family))
        }
    };
    let people = store::person::person_rows_by_alias(tx, tenant, kind, value)?;
    let Some(person) = people.first() else {
        return Ok(Page { count: asked.token.is_none().then_some(0), ..Page::default() });
    };
    let mut rows = rows(tx, tenant, (&people, asked.topic), after, asked.size + 1)?;
    let count = match asked.token {
        None => Some(count(tx, tenant, &people, asked.topic)?),
        Some(_) => None,
    };
    let more = rows.len() > asked.size;
    rows.truncate(asked.size);
    let next = rows.last().filter(|_| more).map(|(entry, family)| {
        let place = [entry.key.start, entry.key.task, family.code()];
        page::seal_place(cx, caller, &named, &place)
    });
    let mut reader = Reader::new(tx, tenant, kind, None);
    let who = reader.who(*person)?;
    let tasks = rows.into_iter().map(|row| read(&mut reader, asked.topic, row));
    Ok(Page { who, tasks: tasks.collect::<Result<_>>()?, count, next })
}

fn of(family: Family, person: PersonId, (relation, state): (Relation, State)) -> List {
    List { family, person, relation, state }
}

/// How many tasks there are. With several people who turned out to be one every row is read.
fn count(tx: &mut Tx<'_>, tenant: TenantId, people: &[PersonId], topic: Topic) -> Result<i64> {
    let mut count = 0;
    for family in Family::ALL {
        let kinds = topic.lists(*family);
        let all = people.iter().flat_map(|p| kinds.iter().map(|kind| of(*family, *p, *kind)));
        let all: Vec<List> = all.collect();
        if all.is_empty() {
            continue;
        }
        let question =
            Question { lists: all, flows: None, from: None, to: None, offset: 0, limit: 0 };
        let found = if people.len() > 1 {
            lists::ask_slowly(tx, tenant, &question)?
        } else {
            lists::ask(tx, tenant, &question)?
        };
        count += found.count;
    }
    Ok(count)
}

/// The greatest rows after a place, at most `limit`.
fn rows(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (people, topic): (&[PersonId], Topic),
    after: Option<(Key, i64)>,
    limit: usize,
) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for family in Family::ALL {
        let below = after.map(|(key, last)| below(key, last, *family));
        for (person, kind) in
            people.iter().flat_map(|p| topic.lists(*family).iter().map(move |kind| (p, kind)))
        {
            let list = of(*family, *person, *kind);
            let found = unsettled(tx, tenant, people, (topic, list), below, limit)?;
            rows.extend(found.into_iter().map(|entry| (entry, *family)));
        }
    }
    let place = |(entry, family): &Row| (entry.key, family.code());
    rows.sort_unstable_by_key(|row| Reverse(place(row)));
    rows.dedup_by(|a, b| place(a) == place(b));
    rows.truncate(limit);
    Ok(rows)
}

/// The key below which rows of a family come after a place: of one key the greater family is first.
fn below(key: Key, last: i64, family: Family) -> Key {
    if family.code() < last { Key { task: key.task.saturating_add(1), ..key } } else { key }
}

/// Rows of a list, but while somebody's rows have not all followed them: a task that waits for them
/// under another id is not done.
fn unsettled(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    people: &[PersonId],
    (topic, list): (Topic, List),
    below: Option<Key>,
    limit: usize,
) -> Result<Vec<Entry>> {
    let mut below = below;
    let mut kept = Vec::new();
    loop {
        let found = lists::rows_below(tx, tenant, list, below, limit)?;
        let whole = found.len() < limit;
        below = found.last().map(|entry| entry.key).or(below);
        for entry in found {
            let mut waits = false;
            if topic == Topic::Done && people.len() > 1 {
                for person in people.iter().filter(|person| **person != list.person) {
                    let open = List { person: *person, state: State::Pending, ..list };
                    waits = waits || lists::row_exists(tx, tenant, open, &entry)?;
                }
            }
            if !waits {
                kept.push(entry);
            }
        }
        if whole || kept.len() >= limit {
            return Ok(kept);
        }
    }
}

fn read(
    reader: &mut Reader<'_, '_>,
    topic: Topic,
    (entry, family): (Entry, Family),
) -> Result<Listed> {
    let process = reader.process(family, entry.instance)?;
    let (mut external_id, mut said) = (None, process.said.clone());
    if family == Family::External {
        // What a source keeps names its own person, status and start.
        let (nobody, start) = (PersonId(0), Millis(entry.key.start));
        match topic {
            Topic::Started => {}
            Topic::Todo | Topic::Done => {
                let whose = (nobody, TaskStatus::Pending);
                let task = reader.task(&process, TaskId(entry.key.task), whose, start)?;
                (external_id, said) = (task.external_id, task.said);
            }
            Topic::UnreadCopies | Topic::ReadCopies => {
                let whose = (nobody, ReadStatus::Unread);
                let copy = reader.copy(&process, entry.key.task, whose, start)?;
                (external_id, said) = (copy.external_id, copy.said);
            }
        }
    }
    Ok(Listed { entry, process, external_id, said })
}

//! One instance of either family, whole: its tasks, copies, and what happened to it in order.

use std::sync::Arc;

use domain::flow::{self, Logic};
use domain::inbox::Family;
use domain::instance::{InstanceStatus, Stored, TaskStatus};
use domain::person::AliasKind;
use domain::refusal::Role;
use domain::search::{Kind, things_of_flow};
use domain::{Millis, Refusal, TaskId};
use store::Tx;

use crate::processes::{Copy, Process, Reader, Task, Who};
use crate::{Caller, Result, search};

/// An instance, whole.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The instance itself.
    pub process: Arc<Process>,
    /// Its tasks, for each of their people.
    pub tasks: Vec<(Task, Logic)>,
    /// Its copies.
    pub copies: Vec<Copy>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It was started.
    Started,
    /// A task ended with this status.
    Decided(TaskStatus),
    /// It was copied to somebody.
    Copied,
    /// It was withdrawn.
    Canceled,
    /// It was deleted.
    Deleted,
}

/// An entry of the history of an instance.
#[derive(Clone, Debug)]
pub struct Event<'d> {
    /// What.
    pub what: Happened,
    /// When.
    pub at: Millis,
    /// Who did it; of a copy, who got it.
    pub who: Option<&'d Who>,
    /// The task that it was about.
    pub task: Option<&'d Task>,
}

impl Detail {
    /// What happened to it, oldest first, as far as its rows tell.
    pub fn history(&self) -> Vec<Event<'_>> {
        let Process { start, end, status, initiator, .. } = &*self.process;
        let own = |what, at| Event { what, at, who: initiator.as_deref(), task: None };
        let mut events = vec![own(Happened::Started, *start)];
        let ended = self.tasks.iter().filter(|(task, _)| task.status != TaskStatus::Pending);
        events.extend(ended.map(|(task, _)| Event {
            what: Happened::Decided(task.status),
            at: task.end,
            who: Some(&*task.person),
            task: Some(task),
        }));
        events.extend(self.copies.iter().map(|copy| Event {
            what: Happened::Copied,
            at: copy.made,
            who: Some(&*copy.person),
            task: None,
        }));
        match status {
            InstanceStatus::Canceled => events.push(own(Happened::Canceled, *end)),
            InstanceStatus::Deleted => events.push(own(Happened::Deleted, *end)),
            _ => {}
        }
        // Stable: what has the same time stays in the order above.
        events.sort_by_key(|event| event.at);
        events
    }
}

/// The instance with a code. `user` is whoever asks in person, who must be known.
pub fn detail(
    tx: &mut Tx<'_>,
    caller: &Caller,
    code: &str,
    user: Option<&(AliasKind, String)>,
    locale: Option<String>,
) -> Result<Detail> {
    let tenant = caller.tenant;
    let unknown = || Refusal::UnknownInstance(code.to_owned());
    let found = search::by_code(tx, tenant, code)?;
    let (family, id) = *found.first().ok_or_else(unknown)?;
    if let Some((kind, alias)) = user
        && store::person::person_by_alias(tx, tenant, *kind, alias)?.is_none()
    {
        let (role, kind, alias) = (Role::Initiator, *kind, alias.clone());
        return Err(Refusal::UnknownPerson { role, kind, alias }.into());
    }
    let stored = match family {
        Family::External => store::external::instance_load(tx, tenant, id)?,
        Family::Flow => None,
    };
    let run = match family {
        Family::External => None,
        Family::Flow => store::flow::instance_load(tx, tenant, id)?,
    };
    let mut reader = Reader::new(tx, tenant, AliasKind::UserId, locale);
    let process = reader.process_if_known(family, id)?.ok_or_else(unknown)?;
    match (stored, run) {
        (Some(stored), _) => of_external(&mut reader, process, &stored),
        (None, Some(run)) => of_flow(&mut reader, process, &run),
        (None, None) => Err(unknown().into()),
    }
}

fn of_external(
    reader: &mut Reader<'_, '_>,
    process: Arc<Process>,
    stored: &Stored,
) -> Result<Detail> {
    let (mut tasks, mut copies) = (Vec::new(), Vec::new());
    for task in &stored.tasks {
        // A source does not say how its people decide together.
        tasks.push((reader.external_task(&process, task)?, Logic::All));
    }
    for copy in &stored.ccs {
        copies.push(reader.external_copy(&process, copy)?);
    }
    Ok(Detail { process, tasks, copies })
}

fn of_flow(
    reader: &mut Reader<'_, '_>,
    process: Arc<Process>,
    run: &flow::Instance,
) -> Result<Detail> {
    let (mut tasks, mut copies) = (Vec::new(), Vec::new());
    for thing in things_of_flow(run) {
        let (id, start) = (TaskId(thing.id), Millis(thing.start));
        let Some(person) = thing.person else { continue };
        if thing.kind == Kind::Copy {
            let status = domain::instance::ReadStatus::Unread;
            copies.push(reader.copy(&process, id.get(), (person, status), start)?);
        }
        if thing.kind != Kind::Task {
            continue;
        }
        let Some(status) = TaskStatus::from_code(thing.status) else { continue };
        let mut task = reader.task(&process, id, (person, status), start)?;
        let node = run.tasks.iter().find(|task| task.id == id);
        task.node = node.map(|t| (t.node.clone(), t.node.clone())).unwrap_or_default();
        tasks.push((task, node.map_or(Logic::All, |task| task.logic)));
    }
    tasks.sort_by_key(|(task, _)| (task.start, task.id));
    Ok(Detail { process, tasks, copies })
}

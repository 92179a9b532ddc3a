//! Where a running instance stands: its tasks with the seats of those who decide, and which steps
//! have been passed.
//!
//! Plain data, kept whole as one text beside the rows that queries read; [`State::instance`] makes
//! these rows. Changes only through the functions of this module's siblings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::values::{Value, Values};
use crate::flow::{self, InstanceDetails, Logic, Status};
use crate::ids::{FlowId, InstanceId, PersonId, TaskId, TenantId};
use crate::time::Millis;

/// Stands in the key of an added step, and in no id of a node: these are names.
const ADDED: char = '+';

/// A running instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
    /// Of which flow.
    pub flow: FlowId,
    /// Of which version of it, for good.
    pub version: i64,
    /// Who started it.
    pub initiator: PersonId,
    /// With what.
    pub values: Values,
    /// What lists show of it.
    pub details: InstanceDetails,
    /// How it stands.
    pub status: Status,
    /// When it was started.
    pub start_time: Millis,
    /// How it ended.
    pub end: Option<End>,
    /// Every task so far, in the order in which they opened. The first is the start.
    pub tasks: Vec<Task>,
    /// The steps of the present lap: nodes, blocks and branches that have been reached.
    pub lap: BTreeMap<String, Visit>,
    /// Steps that people added in the present lap.
    pub added: Vec<Insertion>,
}

/// What became of a step in the present lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visit {
    /// Its task is open.
    Open(TaskId),
    /// Its task was agreed to.
    Passed(TaskId),
    /// Its condition holds (blocks and branches).
    Entered,
    /// It was left out.
    Skipped,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: Millis,
    /// By whom; nobody where the definition decided.
    pub by: Option<PersonId>,
}

/// A step that somebody added after a task of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insertion {
    /// By what the step is known; see [`node_of`].
    pub key: String,
    /// The step after which it comes.
    pub after: String,
    /// Who decides; everybody of them.
    pub people: Vec<PersonId>,
    /// The task after which it was added.
    pub task: TaskId,
}

/// A visit of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Which.
    pub id: TaskId,
    /// The step.
    pub key: String,
    /// Whose decisions it needs.
    pub logic: Logic,
    /// How it stands; a start to which nothing ever came back is not begun.
    pub status: Status,
    /// When it opened.
    pub start_time: Millis,
    /// How it ended.
    pub end: Option<End>,
    /// Where a roll back from here led.
    pub returned_to: Option<TaskId>,
    /// One for each decision that may be needed, in turn.
    pub seats: Vec<Seat>,
    /// To whom it was copied, in order of ids.
    pub ccs: Vec<PersonId>,
    /// How many reminders are past.
    pub reminded: usize,
    /// Whether what happens to an overdue task has happened.
    pub overdue: bool,
    /// When people were last urged.
    pub urged: BTreeMap<PersonId, Millis>,
}

/// One decision that a task may need, and who may make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Whose it is.
    pub holder: PersonId,
    /// Who may decide for them.
    pub stand_ins: Vec<StandIn>,
    /// Who had to do with it, and since when they no longer have.
    pub former: Vec<(PersonId, Millis)>,
    /// How it stands: not begun until it is in turn.
    pub status: Status,
    /// How it ended.
    pub end: Option<End>,
}

/// Somebody who may decide for the holder of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// Who.
    pub person: PersonId,
    /// Why.
    pub why: Why,
}

/// Why somebody may decide for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// As a substitute of somebody who is away.
    Substitute,
    /// As the leader of somebody who is late.
    Escalation,
}

/// One person's share of a task, as rows keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose, how it stands, and when it ended.
    pub part: flow::Part,
    /// For whom it is, where it is not their own.
    pub on_behalf_of: Option<PersonId>,
}

/// By what a step is known that is the `number`th to be added after another.
pub(super) fn added_key(after: &str, number: usize) -> String {
    format!("{after}{ADDED}{number}")
}

/// The node of the definition whose rules a step has, also one that was added and is gone again; the
/// start has its own name.
pub fn node_of(key: &str) -> &str {
    key.split_once(ADDED).map_or(key, |(node, _)| node)
}

/// Keeps the first entry of each person.
fn once<T>(entries: &mut Vec<T>, person: impl Fn(&T) -> PersonId) {
    let mut seen = Vec::new();
    entries.retain(|entry| {
        let person = person(entry);
        let new = !seen.contains(&person);
        seen.push(person);
        new
    });
}

impl Seat {
    pub(super) fn new(holder: PersonId) -> Self {
        let (stand_ins, former) = (Vec::new(), Vec::new());
        Self { holder, stand_ins, former, status: Status::Unstarted, end: None }
    }

    fn reassign(&mut self, change: impl Fn(&mut PersonId)) {
        change(&mut self.holder);
        self.end.iter_mut().filter_map(|end| end.by.as_mut()).for_each(&change);
        self.stand_ins.iter_mut().for_each(|one| change(&mut one.person));
        self.former.iter_mut().for_each(|(person, _)| change(person));
        // Nobody stands in for themself, or has gone from what is theirs.
        let holder = self.holder;
        self.stand_ins.retain(|one| one.person != holder);
        self.former.retain(|(person, _)| *person != holder);
        once(&mut self.stand_ins, |one| one.person);
        once(&mut self.former, |(person, _)| *person);
    }

    /// Whether its decision may be made now.
    pub fn in_turn(&self) -> bool {
        self.status == Status::InProcess
    }

    /// Whether its decision is still to come.
    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::InProcess | Status::Unstarted)
    }

    /// Everybody who may decide: the holder, then who stands in.
    pub fn deciders(&self) -> impl Iterator<Item = PersonId> {
        std::iter::once(self.holder).chain(self.stand_ins.iter().map(|one| one.person))
    }

    /// Whether a person may decide.
    pub fn is_for(&self, person: PersonId) -> bool {
        self.deciders().any(|decider| decider == person)
    }
}

impl Task {
    /// Whether anything is still to be decided.
    pub fn is_open(&self) -> bool {
        self.status == Status::InProcess
    }

    /// Everybody who may decide now, each once.
    pub fn waits_for(&self) -> Vec<PersonId> {
        let mut people = Vec::new();
        for person in self.seats.iter().filter(|seat| seat.in_turn()).flat_map(Seat::deciders) {
            if !people.contains(&person) {
                people.push(person);
            }
        }
        people
    }

    /// What a person decided, and when.
    pub fn decision_of(&self, person: PersonId) -> Option<(Status, Millis)> {
        self.seats.iter().find_map(|seat| {
            let end = seat.end.filter(|end| end.by == Some(person))?;
            let decided = matches!(seat.status, Status::Agreed | Status::Rejected);
            decided.then_some((seat.status, end.at))
        })
    }

    /// Its parts, one for everybody who has or had to do with a seat.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for seat in &self.seats {
            let end_time = seat.end.map_or(Millis(0), |end| end.at);
            let mut add = |person, status, end_time| {
                let on_behalf_of = (person != seat.holder).then_some(seat.holder);
                let part = flow::Part { person, status, end_time };
                parts.push(Part { part, on_behalf_of });
            };
            seat.deciders().for_each(|person| add(person, seat.status, end_time));
            for (person, at) in &seat.former {
                add(*person, Status::AutoEnd, *at);
            }
        }
        parts
    }
}

impl State {
    /// Whether anything can still happen.
    pub fn is_open(&self) -> bool {
        self.status == Status::InProcess
    }

    /// A task of it.
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// The tasks that wait for somebody.
    pub fn open_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.is_open())
    }

    /// Gives everything that `from` has to `into`, who turned out to be the same person. Nobody who had
    /// two seats of a task loses one: each may have been decided already.
    pub fn reassign(&mut self, from: PersonId, into: PersonId) {
        let change = |person: &mut PersonId| {
            if *person == from {
                *person = into;
            }
        };
        change(&mut self.initiator);
        for value in self.values.values_mut() {
            match value {
                Value::Person(person) => change(person),
                Value::People(people) => people.iter_mut().for_each(change),
                _ => {}
            }
        }
        self.end.iter_mut().filter_map(|end| end.by.as_mut()).for_each(change);
        for insertion in &mut self.added {
            insertion.people.iter_mut().for_each(change);
            once(&mut insertion.people, |person| *person);
        }
        for task in &mut self.tasks {
            task.end.iter_mut().filter_map(|end| end.by.as_mut()).for_each(change);
            task.seats.iter_mut().for_each(|seat| seat.reassign(change));
            task.ccs.iter_mut().for_each(change);
            task.ccs.sort_unstable();
            task.ccs.dedup();
            if let Some(before) = task.urged.remove(&from) {
                let at = task.urged.entry(into).or_insert(before);
                *at = (*at).max(before);
            }
        }
    }

    /// As queries, lists and cards see it.
    pub fn instance(&self) -> flow::Instance {
        let end = |end: Option<End>| end.map_or(Millis(0), |end| end.at);
        let task = |task: &Task| flow::Task {
            id: task.id,
            node: task.key.clone(),
            logic: task.logic,
            status: task.status,
            start_time: task.start_time,
            end_time: end(task.end),
            parts: task.parts().into_iter().map(|part| part.part).collect(),
            ccs: task.ccs.clone(),
        };
        flow::Instance {
            id: self.instance,
            flow: self.flow,
            initiator: self.initiator,
            status: self.status,
            start_time: self.start_time,
            end_time: end(self.end),
            details: self.details.clone(),
            tasks: self.tasks.iter().map(task).collect(),
        }
    }
}

//! Human-task flows: a flow, its instances, their tasks with parts and copies, and where each task
//! stands in the inboxes of people.
//!
//! Instances change by verbs (open, decide, transfer, copy, close); a verb is a function of the
//! instance alone. Who may use which, and what follows, is decided above.

use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::ids::{FlowId, InstanceId, PersonId, TaskId};
use crate::inbox::{Entry, Key, Place, Relation, State};
use crate::time::Millis;

coded! {
    /// How an instance, a task or a part stands.
    Status {
        /// Under way.
        InProcess = 1,
        /// Ended, agreed to.
        Agreed = 2,
        /// Ended, rejected.
        Rejected = 3,
        /// Withdrawn by the initiator.
        Canceled = 4,
        /// Ended by a roll back.
        Terminated = 5,
        /// Ended because others decided.
        AutoEnd = 6,
        /// Ended.
        Completed = 7,
        /// Ended by a fault.
        Failed = 8,
        /// Not yet begun, or not yet in turn.
        Unstarted = 9,
    }
}

coded! {
    /// Whose decisions a task needs.
    Logic {
        /// Everybody's.
        All = 1,
        /// The first one's.
        First = 2,
        /// Everybody's, in turn.
        Orderly = 3,
    }
}

/// Text in one language, by the decimal code that aPaaS uses (`2052` = zh-CN, `1033` = en-US).
pub type LangText = (String, String);

/// One line that sums up what an instance is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its name in several languages.
    pub key: Vec<LangText>,
    /// Its value in several languages.
    pub value: Vec<LangText>,
}

/// A flow that the hub runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowDetails {
    /// Its name in several languages.
    pub label: Vec<LangText>,
    /// The namespace of its application.
    pub namespace: String,
}

/// What is kept of an instance and shown, but never filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDetails {
    /// Its name in several languages.
    pub label: Vec<LangText>,
    /// What it is about.
    pub summaries: Vec<Summary>,
    /// The language in which a single text is shown.
    pub language: String,
}

/// Orders texts as every answer lists them: zh-CN, en-US, ja-JP, then by code.
pub fn order_texts(texts: &[LangText]) -> Vec<&LangText> {
    const FIRST: [&str; 3] = ["2052", "1033", "1041"];
    let rank = |code: &str| FIRST.iter().position(|first| *first == code).unwrap_or(FIRST.len());
    let mut ordered: Vec<&LangText> = texts.iter().collect();
    ordered.sort_by(|a, b| (rank(&a.0), &a.0).cmp(&(rank(&b.0), &b.0)));
    ordered
}

/// One person's share of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose it is.
    pub person: PersonId,
    /// How it stands.
    pub status: Status,
    /// When it ended; 0 while open.
    pub end_time: Millis,
}

/// A visit of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Which.
    pub id: TaskId,
    /// The node of the flow.
    pub node: String,
    /// Whose decisions it needs.
    pub logic: Logic,
    /// How it stands.
    pub status: Status,
    /// When it started.
    pub start_time: Millis,
    /// When it ended; 0 while open.
    pub end_time: Millis,
    /// Its parts, in turn.
    pub parts: Vec<Part>,
    /// To whom it was copied.
    pub ccs: Vec<PersonId>,
}

/// An instance of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Which.
    pub id: InstanceId,
    /// Of which flow.
    pub flow: FlowId,
    /// Who started it.
    pub initiator: PersonId,
    /// How it stands.
    pub status: Status,
    /// When it was started.
    pub start_time: Millis,
    /// When it ended; 0 while open.
    pub end_time: Millis,
    /// The rest.
    pub details: InstanceDetails,
    /// Its tasks, by id.
    pub tasks: Vec<Task>,
}

impl Task {
    /// Whether anything is still to be done.
    pub fn is_open(&self) -> bool {
        self.status == Status::InProcess
    }
}

impl Instance {
    /// Where its tasks stand in the inboxes of everybody who has to do with them.
    pub fn places(&self) -> Vec<Place> {
        self.tasks.iter().flat_map(|task| self.places_of(task)).collect()
    }

    fn places_of(&self, task: &Task) -> Vec<Place> {
        // A task that has not begun has no start, hence no place.
        if task.status == Status::Unstarted {
            return Vec::new();
        }
        let key = Key { start: task.start_time.get(), task: task.id.get() };
        let entry = Entry { key, flow: self.flow.get(), instance: self.id };
        let own = if task.is_open() { State::Pending } else { State::Archived };
        let place = |person, relation, state| Place { person, entry, relation, state };
        let mut places = vec![place(self.initiator, Relation::Initiated, own)];
        let mut seen = Vec::new();
        for person in &task.ccs {
            if !seen.contains(person) {
                seen.push(*person);
                places.push(place(*person, Relation::Cc, own));
            }
        }
        let mut assigned: Vec<(PersonId, State)> = Vec::new();
        for part in &task.parts {
            let open = task.is_open() && part.status == Status::InProcess;
            let state = if open { State::Pending } else { State::Archived };
            match assigned.iter_mut().find(|(person, _)| *person == part.person) {
                // Pending while any of their parts is.
                Some((_, known)) => *known = (*known).min(state),
                None => assigned.push((part.person, state)),
            }
        }
        places.extend(assigned.into_iter().map(|(p, state)| place(p, Relation::Assigned, state)));
        places
    }

    /// The task with an id.
    pub fn task_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.id == id)
    }

    /// Gives everything that `from` has to `into`, who turned out to be the same person.
    pub fn reassign(&mut self, from: PersonId, into: PersonId) {
        let change = |person: &mut PersonId| {
            if *person == from {
                *person = into;
            }
        };
        change(&mut self.initiator);
        for task in &mut self.tasks {
            task.parts.iter_mut().for_each(|part| change(&mut part.person));
            task.ccs.iter_mut().for_each(change);
            task.ccs.sort_unstable();
            task.ccs.dedup();
        }
    }

    /// Gives what is open for `from`, also before their turn, to `to`. Who has an open part in a task
    /// already gets no second one. Says how many tasks changed.
    pub fn hand_over(&mut self, from: PersonId, to: PersonId) -> usize {
        let open = self.tasks.iter_mut().filter(|task| task.is_open());
        open.map(|task| task.hand_over(from, to)).filter(|changed| *changed).count()
    }
}

impl Task {
    fn hand_over(&mut self, from: PersonId, to: PersonId) -> bool {
        let is_open = |part: &Part| matches!(part.status, Status::InProcess | Status::Unstarted);
        let (mut changed, mut was_in_turn) = (false, false);
        let mut known = self.parts.iter().any(|part| part.person == to && is_open(part));
        let mut kept = Vec::with_capacity(self.parts.len());
        for mut part in std::mem::take(&mut self.parts) {
            if part.person == from && from != to && is_open(&part) {
                changed = true;
                if known {
                    was_in_turn |= part.status == Status::InProcess;
                    continue;
                }
                part.person = to;
                known = true;
            }
            kept.push(part);
        }
        self.parts = kept;
        // In turn, whoever comes next is asked when a part before theirs is gone.
        let waits = self.parts.iter().any(|part| part.status == Status::InProcess);
        let next = self.parts.iter_mut().find(|part| part.status == Status::Unstarted);
        if let Some(next) = next.filter(|_| was_in_turn && !waits) {
            next.status = Status::InProcess;
        }
        changed
    }
}

/// A change of one task, as the flow engine makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// One person decides their part.
    Decide(PersonId, Status),
    /// Open parts of one person go to another.
    Transfer(PersonId, PersonId),
    /// One more part.
    AddAssignee(PersonId),
    /// A copy.
    Copy(PersonId),
    /// The whole task ends.
    Close(Status),
    /// An ended task is opened again.
    Reopen,
}

impl Task {
    /// Does `verb` at `now`. What does not apply (a part that is closed already) changes nothing.
    pub fn act(&mut self, verb: &Verb, now: Millis) {
        match verb {
            Verb::Decide(person, status) => {
                for part in self.open_parts_of(*person) {
                    (part.status, part.end_time) = (*status, now);
                }
            }
            Verb::Transfer(from, to) => {
                self.open_parts_of(*from).for_each(|part| part.person = *to);
            }
            Verb::AddAssignee(person) => {
                let end_time = Millis(0);
                self.parts.push(Part { person: *person, status: Status::InProcess, end_time });
            }
            Verb::Copy(person) => {
                if let Err(at) = self.ccs.binary_search(person) {
                    self.ccs.insert(at, *person);
                }
            }
            Verb::Close(status) => {
                (self.status, self.end_time) = (*status, now);
                let open = |part: &&mut Part| part.status == Status::InProcess;
                for part in self.parts.iter_mut().filter(open) {
                    (part.status, part.end_time) = (Status::AutoEnd, now);
                }
            }
            Verb::Reopen => {
                (self.status, self.end_time) = (Status::InProcess, Millis(0));
                for part in &mut self.parts {
                    (part.status, part.end_time) = (Status::InProcess, Millis(0));
                }
            }
        }
    }

    fn open_parts_of(&mut self, person: PersonId) -> impl Iterator<Item = &mut Part> {
        let open =
            move |part: &&mut Part| part.person == person && part.status == Status::InProcess;
        self.parts.iter_mut().filter(open)
    }
}

//! What is written down of every action: one entry, with everything that followed from it.
//!
//! Knows nothing of how entries are chained ([`super::chain`]) or kept.

use serde::{Deserialize, Serialize};

use super::authorise::Verb;
use super::state::Why;
use crate::flow::Status;
use crate::ids::{PersonId, TaskId};
use crate::time::Millis;

/// One action that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Millis,
    /// What.
    pub verb: Verb,
    /// By whom; nobody where time did it.
    pub by: Option<PersonId>,
    /// On which task.
    pub task: Option<TaskId>,
    /// What they said.
    pub opinion: String,
    /// What followed, in order. Never empty.
    pub events: Vec<Event>,
}

impl Entry {
    /// Everybody whom it names, maybe more than once.
    pub fn people(&self) -> Vec<PersonId> {
        self.by.into_iter().chain(self.events.iter().flat_map(Event::people)).collect()
    }
}

impl Event {
    /// Everybody whom it names.
    fn people(&self) -> Vec<PersonId> {
        match self {
            Self::Waits { person, on_behalf_of, .. } => {
                std::iter::once(*person).chain(*on_behalf_of).collect()
            }
            Self::Decided { seat, by, .. } => std::iter::once(*seat).chain(*by).collect(),
            Self::Moved { from, to, .. } => vec![*from, *to],
            Self::Added { person, .. }
            | Self::Copied { person, .. }
            | Self::Urged { person, .. } => vec![*person],
            Self::Inserted { people, .. } | Self::Reminded { people, .. } => people.clone(),
            Self::StandsIn { person, on_behalf_of, .. }
            | Self::StandsBack { person, on_behalf_of, .. } => vec![*person, *on_behalf_of],
            Self::Opened { .. }
            | Self::Skipped { .. }
            | Self::Talked { .. }
            | Self::Overdue { .. }
            | Self::Closed { .. }
            | Self::WentBack { .. }
            | Self::Ended { .. } => Vec::new(),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A task opened.
    Opened {
        /// Which.
        task: TaskId,
        /// At which step.
        node: String,
    },
    /// A task waits for somebody from now on: whom to tell.
    Waits {
        /// Which.
        task: TaskId,
        /// For whom.
        person: PersonId,
        /// Whose decision it is, where it is not their own.
        on_behalf_of: Option<PersonId>,
    },
    /// A seat was decided.
    Decided {
        /// Of which task.
        task: TaskId,
        /// Whose seat.
        seat: PersonId,
        /// By whom; nobody where the definition decided.
        by: Option<PersonId>,
        /// Agreed or rejected.
        status: Status,
        /// Nobody pressed a button for this one: the due time, or the same person's decision of an
        /// earlier turn.
        automatic: bool,
    },
    /// A step was left out.
    Skipped {
        /// Which.
        node: String,
        /// Why.
        reason: Skip,
    },
    /// A seat went from one person to another.
    Moved {
        /// Of which task.
        task: TaskId,
        /// From whom.
        from: PersonId,
        /// To whom.
        to: PersonId,
    },
    /// A seat was added.
    Added {
        /// To which task.
        task: TaskId,
        /// For whom.
        person: PersonId,
    },
    /// A step was added after a task.
    Inserted {
        /// After which task.
        task: TaskId,
        /// Which step.
        node: String,
        /// Who decides it.
        people: Vec<PersonId>,
    },
    /// A task was copied.
    Copied {
        /// Which.
        task: TaskId,
        /// To whom.
        person: PersonId,
    },
    /// Somebody was asked to hurry.
    Urged {
        /// About which task.
        task: TaskId,
        /// Who.
        person: PersonId,
    },
    /// A group in which people talk about a task was made or joined.
    Talked {
        /// About which task.
        task: TaskId,
        /// The id of the group.
        chat: String,
    },
    /// A reminder is due.
    Reminded {
        /// About which task.
        task: TaskId,
        /// Whom to remind.
        people: Vec<PersonId>,
    },
    /// A task is overdue.
    Overdue {
        /// Which.
        task: TaskId,
    },
    /// Somebody may decide for another from now on.
    StandsIn {
        /// At which task.
        task: TaskId,
        /// Who.
        person: PersonId,
        /// For whom.
        on_behalf_of: PersonId,
        /// Why.
        why: Why,
    },
    /// Somebody may no longer decide for another.
    StandsBack {
        /// At which task.
        task: TaskId,
        /// Who.
        person: PersonId,
        /// For whom.
        on_behalf_of: PersonId,
    },
    /// A task ended.
    Closed {
        /// Which.
        task: TaskId,
        /// How.
        status: Status,
    },
    /// The instance went back to an earlier step.
    WentBack {
        /// Which step.
        node: String,
    },
    /// The instance ended.
    Ended {
        /// How.
        status: Status,
        /// Why it failed.
        reason: String,
    },
}

/// Why a step was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Skip {
    /// Its condition does not hold.
    Condition,
    /// Nobody was found, and the definition lets it pass then.
    Nobody,
}

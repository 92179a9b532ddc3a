//! Why the rules refuse an action on a flow. Nothing was changed.
//!
//! Each says what a caller needs to know; codes and names of members are added where the wire is.

use thiserror::Error;

use super::authorise::Verb;
use super::values::ValueFault;
use crate::flow::Status;
use crate::ids::{PersonId, TaskId};
use crate::time::Millis;

/// Why an action is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Values that the flow does not take; all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Values(Vec<ValueFault>),
    /// The definition does not let this person start it.
    #[error("the flow may not be started by this person")]
    MayNotStart,
    /// It would fail at once.
    #[error("the flow cannot start: {0}")]
    CannotStart(String),
    /// There is no such task (or no such instance) for this caller.
    #[error("there is no such task")]
    NoSuchTask,
    /// The task is somebody else's.
    #[error("{verb} is not for this person: {}", verb.whose())]
    NotYours {
        /// What was asked for.
        verb: Verb,
    },
    /// Others decide first.
    #[error("it is not this person's turn yet; others decide first")]
    NotYourTurn {
        /// Whom the task waits for.
        first: Vec<PersonId>,
    },
    /// It was decided, or has ended otherwise, before.
    #[error("already {status:?}, by {}, at {at}", by.map_or("the flow".to_owned(), |p| p.to_string()))]
    AlreadyDecided {
        /// How it ended.
        status: Status,
        /// By whom; nobody where the definition decided.
        by: Option<PersonId>,
        /// When.
        at: Millis,
    },
    /// The definition does not allow it at this node.
    #[error("the flow does not allow {verb} at node {node}")]
    NotAllowedHere {
        /// What was asked for.
        verb: Verb,
        /// Where.
        node: String,
    },
    /// The task to go back to is none of the roll back points.
    #[error("task {0} is no point to roll back to")]
    NoSuchPoint(TaskId),
    /// The task does not wait for somebody who is named.
    #[error("the task does not wait for person {0}")]
    NotWaitingFor(PersonId),
    /// Somebody who is named is not with the company.
    #[error("person {0} is not known, or has left")]
    UnknownPerson(PersonId),
    /// As many people as named are not taken, or nobody is named.
    #[error("name 1 to {most} people")]
    HowMany {
        /// The most.
        most: usize,
    },
}

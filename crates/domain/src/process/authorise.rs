//! Who may do what: the one function that every way to an instance goes through.
//!
//! Decides by who somebody is to the instance and the task, never by where the call came from.

use std::fmt;

use super::definition::{Definition, Permission};
use super::refusal::Refusal;
use super::state::{Seat, State, Task, node_of};
use crate::flow::Status;
use crate::ids::{PersonId, TenantId};

/// What may be asked of a running instance.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Verb {
    /// Start it.
    Start,
    /// Agree to a task.
    Agree,
    /// Reject a task.
    Reject,
    /// Give a part of a task to others.
    Transfer,
    /// Ask others beside or after.
    AddAssignee,
    /// Copy a task to others.
    Copy,
    /// Urge those whom a task waits for.
    Urge,
    /// Go back to an earlier step, or ask to which one can.
    RollBack,
    /// Talk about a task in a group.
    Chat,
    /// Withdraw the instance.
    Cancel,
    /// Move everything of a leaver to another.
    HandOver,
    /// Let time pass: nobody's request.
    Tick,
}

impl Verb {
    /// Every verb that somebody can ask for.
    pub const ASKED: [Self; 10] = [
        Self::Agree,
        Self::Reject,
        Self::Transfer,
        Self::AddAssignee,
        Self::Copy,
        Self::Urge,
        Self::RollBack,
        Self::Chat,
        Self::Cancel,
        Self::HandOver,
    ];

    /// Whose it is, for people.
    pub(super) fn whose(self) -> &'static str {
        match self {
            Self::Agree | Self::Reject => "it is for those whose task it is",
            Self::Transfer | Self::AddAssignee | Self::RollBack => {
                "it is for those whose task it is, and for administrators"
            }
            Self::Copy => "it is for initiators, assignees and administrators",
            Self::Urge => "it is for initiators and administrators",
            Self::Chat => "it is for everybody who has to do with the task, and administrators",
            Self::Cancel => "it is for the initiator",
            Self::Start | Self::HandOver | Self::Tick => "it is for administrators",
        }
    }

    fn permission(self) -> Option<Permission> {
        match self {
            Self::Transfer => Some(Permission::Transfer),
            Self::AddAssignee => Some(Permission::AddAssignee),
            Self::Copy => Some(Permission::Copy),
            Self::RollBack => Some(Permission::RollBack),
            _ => None,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Agree => "agree",
            Self::Reject => "reject",
            Self::Transfer => "transfer",
            Self::AddAssignee => "add assignee",
            Self::Copy => "cc",
            Self::Urge => "urge",
            Self::RollBack => "roll back",
            Self::Chat => "chat",
            Self::Cancel => "cancel",
            Self::HandOver => "hand over",
            Self::Tick => "tick",
        })
    }
}

/// Somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Of which company.
    pub tenant: TenantId,
    /// Who.
    pub person: PersonId,
    /// Whether they administer the flows of their company.
    pub admin: bool,
}

/// Whether `actor` may do `verb` to a task, or to the whole instance where there is none.
///
/// Says nothing of whether it can still be done: somebody whose task it was learns from the action
/// who decided it.
pub fn authorise(
    definition: &Definition,
    state: &State,
    task: Option<&Task>,
    verb: Verb,
    actor: &Actor,
) -> Result<(), Refusal> {
    // Another company must not even learn that it exists.
    if actor.tenant != state.tenant {
        return Err(Refusal::NoSuchTask);
    }
    let initiator = actor.person == state.initiator;
    let standing = task.map_or(Standing::None, |task| standing(task, actor.person));
    let assignee = standing != Standing::None;
    let copied = task.is_some_and(|task| task.ccs.contains(&actor.person));
    let may = match verb {
        Verb::Agree | Verb::Reject => assignee,
        Verb::Transfer | Verb::AddAssignee | Verb::RollBack => assignee || actor.admin,
        Verb::Copy => assignee || initiator || actor.admin,
        Verb::Urge => initiator || actor.admin,
        Verb::Chat => assignee || initiator || copied || actor.admin,
        Verb::Cancel => initiator,
        Verb::HandOver => actor.admin,
        Verb::Start | Verb::Tick => false,
    };
    if !may {
        return Err(Refusal::NotYours { verb });
    }
    let own = matches!(
        verb,
        Verb::Agree | Verb::Reject | Verb::Transfer | Verb::AddAssignee | Verb::RollBack
    );
    if let Some(task) = task.filter(|_| own && !actor.admin && standing == Standing::Waiting) {
        return Err(Refusal::NotYourTurn { first: task.waits_for() });
    }
    match (task, verb.permission()) {
        (Some(task), Some(needed)) if !actor.admin => allowed(definition, task, verb, needed),
        _ => Ok(()),
    }
}

fn allowed(
    definition: &Definition,
    task: &Task,
    verb: Verb,
    needed: Permission,
) -> Result<(), Refusal> {
    let node = node_of(&task.key);
    match definition.approval(node) {
        Some(approval) if !approval.allow.contains(&needed) => {
            Err(Refusal::NotAllowedHere { verb, node: node.to_owned() })
        }
        // Whoever started it decides alone whether it goes on.
        None if verb != Verb::Copy => Err(Refusal::NotAllowedHere { verb, node: node.to_owned() }),
        _ => Ok(()),
    }
}

/// What a person is to the seats of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing.
    None,
    /// Their turn is still to come, and is the only one that they ever had.
    Waiting,
    /// They may decide now, or could once.
    Had,
}

fn standing(task: &Task, person: PersonId) -> Standing {
    let mut own = task.seats.iter().filter(|seat| seat.is_for(person)).peekable();
    let waits = own.peek().is_some();
    let begun = own.any(|seat| seat.status != Status::Unstarted);
    let former = |seat: &Seat| seat.former.iter().any(|(former, _)| *former == person);
    if begun || task.seats.iter().any(former) {
        Standing::Had
    } else if waits {
        Standing::Waiting
    } else {
        Standing::None
    }
}

//! The rules say no: every reason for which a well-formed request is not done.
//!
//! A refusal says what is wrong in the terms of the domain; wire codes and member names are added
//! where the wire is.

use thiserror::Error;

use crate::person::AliasKind;

/// As what somebody is named in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who started the instance.
    Initiator,
    /// Who is to act on a task.
    Assignee,
    /// Who is to know.
    Cc,
}

/// Why the rules refuse a request. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No definition of the calling app has this code.
    #[error("no definition of this app has the code `{0}`")]
    UnknownDefinition(String),
    /// No definition of third-party approvals and no flow of the tenant has this code.
    #[error("no definition and no flow has the code `{0}`")]
    UnknownApproval(String),
    /// No instance of the tenant has this code.
    #[error("no instance has the code `{0}`")]
    UnknownInstance(String),
    /// A group has more definitions than a search covers.
    #[error("the group `{group}` has more than {limit} definitions; ask by their codes")]
    LargeGroup {
        /// The group's code.
        group: String,
        /// How many a search covers.
        limit: usize,
    },
    /// The instance belongs to another definition, for good.
    #[error("instance `{instance}` belongs to the definition `{stored}`, which cannot change")]
    OtherDefinition {
        /// The caller's id of the instance.
        instance: String,
        /// The code of its definition.
        stored: String,
    },
    /// A task id stands twice in one payload.
    #[error("task id `{0}` is given more than once")]
    RepeatedTask(String),
    /// A cc id stands twice in one payload.
    #[error("cc id `{0}` is given more than once")]
    RepeatedCc(String),
    /// A key has no text in the default language.
    #[error("Default i18n has no key: {0}")]
    NoText(String),
    /// A new definition needs a group.
    #[error("Group code cannot be empty when create approval definition")]
    NoGroupCode,
    /// A new group needs a name.
    #[error("group `{0}` is new, so its name is needed")]
    NoGroupName(String),
    /// A definition must be usable on at least one kind of client.
    #[error("desktop and mobile support must not both be false")]
    NoClient,
    /// Two aliases belong to different people.
    #[error("user id `{user_id}` and open id `{open_id}` belong to different people")]
    PeopleDiffer {
        /// As what they were named.
        role: Role,
        /// The tenant's id that was given.
        user_id: String,
        /// The open id that was given.
        open_id: String,
    },
    /// Somebody has another alias of this kind already.
    #[error("`{given}` was given for a person who is known as `{held}`")]
    AliasTaken {
        /// What was given.
        given: String,
        /// What they have.
        held: String,
    },
    /// Nobody has this alias, and unknown people are not made.
    #[error("nobody is known as `{alias}`")]
    UnknownPerson {
        /// As what they were named.
        role: Role,
        /// Which kind of alias.
        kind: AliasKind,
        /// The alias.
        alias: String,
    },
}

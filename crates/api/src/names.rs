//! The words of the wire for the values of the domain.

use domain::flow::{Logic, Status};
use domain::inbox::{Relation, State};
use domain::instance::{
    DisplayMethod, FormPolicy, GenerateType, InstanceStatus, ReadStatus, TaskStatus,
};
use domain::person::AliasKind;
use domain::process::act::Place;
use domain::sync::Mode;

/// Words and what they mean, in the order of the documentation.
pub(crate) type Words<T> = &'static [(&'static str, T)];

pub(crate) const INSTANCE_STATUS: Words<InstanceStatus> = &[
    ("PENDING", InstanceStatus::Pending),
    ("APPROVED", InstanceStatus::Approved),
    ("REJECTED", InstanceStatus::Rejected),
    ("CANCELED", InstanceStatus::Canceled),
    ("DELETED", InstanceStatus::Deleted),
    ("HIDDEN", InstanceStatus::Hidden),
    ("TERMINATED", InstanceStatus::Terminated),
];

pub(crate) const TASK_STATUS: Words<TaskStatus> = &[
    ("PENDING", TaskStatus::Pending),
    ("APPROVED", TaskStatus::Approved),
    ("REJECTED", TaskStatus::Rejected),
    ("TRANSFERRED", TaskStatus::Transferred),
    ("DONE", TaskStatus::Done),
];

pub(crate) const READ_STATUS: Words<ReadStatus> =
    &[("READ", ReadStatus::Read), ("UNREAD", ReadStatus::Unread)];

pub(crate) const DISPLAY_METHOD: Words<DisplayMethod> = &[
    ("BROWSER", DisplayMethod::Browser),
    ("SIDEBAR", DisplayMethod::Sidebar),
    ("NORMAL", DisplayMethod::Normal),
    ("TRUSTEESHIP", DisplayMethod::Trusteeship),
];

pub(crate) const GENERATE_TYPE: Words<GenerateType> =
    &[("EXTERNAL_CONSIGN", GenerateType::ExternalConsign), ("DEFAULT", GenerateType::Default)];

pub(crate) const FORM_POLICY: Words<FormPolicy> = &[
    ("DISABLE", FormPolicy::Disable),
    ("IMMUTABLE", FormPolicy::Immutable),
    ("BY_NODE", FormPolicy::ByNode),
    ("BY_USER", FormPolicy::ByUser),
];

pub(crate) const UPDATE_MODE: Words<Mode> = &[("REPLACE", Mode::Replace), ("UPDATE", Mode::Update)];

pub(crate) const FLOW_STATUS: Words<Status> = &[
    ("in_process", Status::InProcess),
    ("agreed", Status::Agreed),
    ("rejected", Status::Rejected),
    ("canceled", Status::Canceled),
    ("terminated", Status::Terminated),
    ("auto_end", Status::AutoEnd),
    ("completed", Status::Completed),
    ("failed", Status::Failed),
    ("unstarted", Status::Unstarted),
];

pub(crate) const FLOW_LOGIC: Words<Logic> =
    &[("all", Logic::All), ("first", Logic::First), ("orderly", Logic::Orderly)];

pub(crate) const TASK_STATE: Words<State> =
    &[("pending", State::Pending), ("archived", State::Archived)];

pub(crate) const TASK_SOURCE: Words<Relation> =
    &[("fromMe", Relation::Initiated), ("assignMe", Relation::Assigned), ("CCMe", Relation::Cc)];

/// The first is the default.
pub(crate) const ASSIGNEE_PLACE: Words<Place> =
    &[("currentAndAddAssign", Place::Beside), ("afterAndAddAssign", Place::After)];

/// The first is the default.
pub(crate) const USER_ID_TYPE: Words<AliasKind> = &[
    ("open_id", AliasKind::OpenId),
    ("union_id", AliasKind::UnionId),
    ("user_id", AliasKind::UserId),
];

/// The first is the default. Departments are kept as given, so the type changes nothing.
pub(crate) const DEPARTMENT_ID_TYPE: Words<()> =
    &[("open_department_id", ()), ("department_id", ())];

/// The word for a value.
pub(crate) fn word<T: Copy + PartialEq>(words: Words<T>, value: T) -> &'static str {
    words.iter().find(|(_, v)| *v == value).map_or("", |(word, _)| word)
}

/// Kinds of ids of people in the admin API; the first is the default.
pub(crate) const ADMIN_ID_TYPE: Words<AliasKind> = &[
    ("user_id", AliasKind::UserId),
    ("open_id", AliasKind::OpenId),
    ("union_id", AliasKind::UnionId),
    ("kunlun_user_id", AliasKind::Kunlun),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_word() {
        let instance = INSTANCE_STATUS.iter().map(|(_, v)| *v);
        assert!(instance.eq(InstanceStatus::ALL.iter().copied()));
        assert!(TASK_STATUS.iter().map(|(_, v)| *v).eq(TaskStatus::ALL.iter().copied()));
        assert!(READ_STATUS.iter().map(|(_, v)| *v).eq(ReadStatus::ALL.iter().copied()));
        assert!(DISPLAY_METHOD.iter().map(|(_, v)| *v).eq(DisplayMethod::ALL.iter().copied()));
        assert!(GENERATE_TYPE.iter().map(|(_, v)| *v).eq(GenerateType::ALL.iter().copied()));
        assert!(FLOW_STATUS.iter().map(|(_, v)| *v).eq(Status::ALL.iter().copied()));
        assert!(FLOW_LOGIC.iter().map(|(_, v)| *v).eq(Logic::ALL.iter().copied()));
        assert!(FORM_POLICY.iter().map(|(_, v)| *v).eq(FormPolicy::ALL.iter().copied()));
    }
}

//! Faults as clients see them: one table of codes, and how what the rules refuse maps onto it.

use axum::http::StatusCode;
use domain::Refusal;
use domain::filter::{Fault as FilterFault, Part};
use domain::limits;
use domain::person::AliasKind;
use domain::refusal::Role;
use engine::Error;

use crate::flow_fault::{self, Places};

/// Every code that this server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    JsonType,
    TooLarge,
    RateLimit,
    NoToken,
    AppDisabled,
    InvalidToken,
    UserToken,
    TokenPrefix,
    CustomOnly,
    NoScope,
    Fields,
    Param,
    FlowParam,
    UnknownDefinition,
    UnknownPerson,
    AdminOff,
    AdminKey,
    AdminMissing,
    AdminRule,
    Busy,
    Unknown,
    Internal,
}

impl Code {
    /// Wire code, HTTP status, usual message. Sources: the platform's table of general codes and
    /// the pages of the endpoints; messages as measured where they were.
    pub(crate) fn row(self) -> (i64, StatusCode, &'static str) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        match self {
            Self::JsonType => (9499, BAD, "Invalid parameter type in json"),
            Self::TooLarge => {
                (9499, StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large")
            }
            Self::RateLimit => {
                (99_991_400, StatusCode::TOO_MANY_REQUESTS, "request trigger frequency limit")
            }
            Self::NoToken => (
                99_991_661,
                BAD,
                "Missing access token for authorization. Please make a request with token \
                 attached.",
            ),
            Self::AppDisabled => (99_991_662, BAD, "The app is not in use."),
            Self::InvalidToken => (99_991_663, BAD, INVALID_TOKEN),
            Self::UserToken => (99_991_668, BAD, INVALID_TOKEN),
            Self::TokenPrefix => (99_991_671, BAD, "Invalid token: must start with t-/u-"),
            Self::CustomOnly => {
                (99_991_673, BAD, "The app is not authorized: this call takes custom apps only.")
            }
            Self::NoScope => (99_991_672, BAD, "Access denied."),
            Self::Fields => (99_992_402, BAD, "field validation failed"),
            Self::Param => (1_390_001, BAD, "param is invalid"),
            Self::FlowParam => (2_320_001, BAD, "param is invalid"),
            Self::UnknownDefinition => (1_390_002, BAD, "approval code not found"),
            Self::UnknownPerson => (1_390_004, BAD, "user_id or open_id not found"),
            // Own figures, outside of what the platform uses.
            Self::AdminKey => (
                7_100_401,
                StatusCode::UNAUTHORIZED,
                "The admin API takes the server's admin key, as `Authorization: Bearer <key>`.",
            ),
            Self::AdminOff => (
                7_100_403,
                StatusCode::FORBIDDEN,
                "The admin API is off: an operator sets admin.key or admin.key_file.",
            ),
            Self::AdminMissing => (7_100_404, StatusCode::NOT_FOUND, "There is no such thing."),
            Self::AdminRule => (7_100_409, StatusCode::CONFLICT, "A rule does not allow this."),
            Self::Busy => (
                1_395_001,
                StatusCode::SERVICE_UNAVAILABLE,
                "There have been some errors. Please try again later",
            ),
            Self::Unknown => (
                1_395_001,
                StatusCode::SERVICE_UNAVAILABLE,
                "It is not known whether this was done. It is safe to send the request again",
            ),
            Self::Internal => (2200, StatusCode::INTERNAL_SERVER_ERROR, "Internal Error"),
        }
    }
}

const INVALID_TOKEN: &str = "Invalid access token for authorization. Please make a request with \
                             token attached.";

/// What is wrong with one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Its path; entries of arrays are written `[*]`.
    pub(crate) field: String,
    /// What was sent, shortened.
    pub(crate) value: Option<String>,
    /// What is allowed.
    pub(crate) description: String,
}

impl Violation {
    pub(crate) fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), value: None, description: description.into() }
    }

    pub(crate) fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }
}

/// A request that is not done: what the client is told, and what only the log is.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: i64,
    pub(crate) status: StatusCode,
    pub(crate) msg: String,
    pub(crate) violations: Vec<Violation>,
    pub(crate) scopes: &'static [&'static str],
    /// Never sent.
    pub(crate) log: Option<Box<str>>,
    /// Rate windows: limit and seconds.
    pub(crate) reset: Option<(u32, i64)>,
}

impl Fault {
    pub(crate) fn new(code: Code) -> Self {
        let (code, status, msg) = code.row();
        Self {
            code,
            status,
            msg: msg.to_owned(),
            violations: Vec::new(),
            scopes: &[],
            log: None,
            reset: None,
        }
    }

    pub(crate) fn msg(mut self, msg: impl Into<String>) -> Self {
        self.msg = msg.into();
        self
    }

    pub(crate) fn violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    pub(crate) fn violation(self, violation: Violation) -> Self {
        self.violations(vec![violation])
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Filter(faults) => {
                let violations = faults.into_iter().map(|(part, f)| describe(part, f)).collect();
                Self::new(Code::Param).violations(violations)
            }
            Error::Flow(fault) => flow_fault::fault(fault, &Places::default()),
            Error::Page(fault) => {
                let violation = Violation::new("page_token", fault.to_string());
                Self::new(Code::Param).violation(violation)
            }
            Error::Busy(reason) => Self { log: Some(reason.into()), ..Self::new(Code::Busy) },
            Error::Unknown(reason) => Self { log: Some(reason.into()), ..Self::new(Code::Unknown) },
            other => Self { log: Some(other.to_string().into()), ..Self::new(Code::Internal) },
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        let param =
            |field: &str| Self::new(Code::Param).msg(&text).violation(Violation::new(field, &text));
        match refusal {
            Refusal::UnknownDefinition(code) => Self::new(Code::UnknownDefinition)
                .violation(Violation::new("approval_code", text).with_value(code)),
            Refusal::UnknownPerson { role, kind, alias } => Self::new(Code::UnknownPerson)
                .violation(Violation::new(member_of(role, kind), text).with_value(alias)),
            Refusal::OtherDefinition { .. } => param("approval_code"),
            Refusal::RepeatedTask(_) => param("task_list[*].task_id"),
            Refusal::RepeatedCc(_) => param("cc_list[*].cc_id"),
            Refusal::NoText(_) => param("i18n_resources"),
            Refusal::NoGroupCode => param("group_code"),
            // The live text, which callers may know; the field tells the rest.
            Refusal::NoGroupName(_) => Self { msg: NO_GROUP.to_owned(), ..param("group_name") },
            Refusal::NoClient => param("external.support_pc"),
            Refusal::PeopleDiffer { role, .. } => param(&member_of(role, AliasKind::OpenId)),
            Refusal::AliasTaken { .. } => param("open_id"),
        }
    }
}

const NO_GROUP: &str = "审批分组Code和名称不匹配";

/// Where a payload of `external_instances` names somebody.
fn member_of(role: Role, kind: AliasKind) -> String {
    let place = match role {
        Role::Initiator => "",
        Role::Assignee => "task_list[*].",
        Role::Cc => "cc_list[*].",
    };
    let member = if kind == AliasKind::OpenId { "open_id" } else { "user_id" };
    format!("{place}{member}")
}

fn describe(part: Part, fault: FilterFault) -> Violation {
    let field = match part {
        Part::Codes => "approval_codes",
        Part::Instances | Part::Whole => "instance_ids",
        Part::Users => "user_ids",
        Part::Status => "status",
    };
    let description = match (part, fault) {
        (_, FilterFault::TooMany { limit }) => format!("the max len is {limit}"),
        (_, FilterFault::Empty) => {
            "one of these is required: instance_ids; approval_codes and status; approval_codes, \
             user_ids and status; page_token"
                .to_owned()
        }
        (Part::Codes, FilterFault::Needed) => format!(
            "approval_codes (at most {}) is required beside user_ids or status",
            limits::FILTER_CODES
        ),
        (_, FilterFault::Needed) => format!("{field} is required beside approval_codes"),
    };
    Violation::new(field, description)
}

//! The admin API: the company as its administrators describe it.
//!
//! Everybody who knows the server's admin key may do everything here, in whichever tenant a call names.
//! Owns what these endpoints share: the tenant, ids of people, pages, and how refusals are told.

pub(crate) mod changes;
pub(crate) mod departments;
mod endpoints;
pub(crate) mod hand_over;
pub(crate) mod instances;
pub(crate) mod people;
pub(crate) mod roles;
pub(crate) mod substitutes;

use domain::limits::{ID_CHARS, ORGANISATION_ID_CHARS};
use domain::organisation::{Fault as Reason, Named};
use domain::person::AliasKind;
use domain::{Millis, Refusal, TenantId};
use engine::Error;
use engine::organisation::{Card, Id, Leader};
use serde_json::{Value, json};

pub(crate) use endpoints::add_to;

use crate::fault::{Code, Fault, Violation};
use crate::fields::{Faults, Object, check_text};
use crate::gateway::Call;
use crate::names::ADMIN_ID_TYPE;

/// How much a page has without `page_size`, and at most (own figures).
pub(crate) const PAGE: usize = 50;
pub(crate) const LARGEST_PAGE: usize = 100;

/// A member of the query that is there and not empty.
pub(crate) fn given(call: &Call, name: &str) -> Option<String> {
    let mut members = call.query().into_iter();
    members.find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value)
}

/// The tenant that a call names, once everything else of it was read. Every call names one, so that
/// what it means does not change when the server gets a second tenant.
pub(crate) async fn tenant(call: &Call, faults: Faults) -> Result<TenantId, Fault> {
    let key = given(call, "tenant_key");
    if key.is_none() {
        faults.value(Violation::new("tenant_key", "tenant_key is required, in the query"));
    }
    faults.finish(Code::Fields)?;
    let key = key.unwrap_or_default();
    let wanted = key.clone();
    let read = call.hub().read(move |tx, _| engine::access::tenant_id(tx, &wanted));
    read.await?.ok_or_else(|| missing("tenant_key", &format!("there is no tenant `{key}`")))
}

/// What the path names is not there.
pub(crate) fn missing(field: &str, text: &str) -> Fault {
    Fault::new(Code::AdminMissing).msg(text).violation(Violation::new(field, text))
}

/// The kind of all ids of people in a call.
pub(crate) fn id_type(call: &Call, faults: &Faults) -> AliasKind {
    let Some(word) = given(call, "user_id_type") else { return ADMIN_ID_TYPE[0].1 };
    let known = ADMIN_ID_TYPE.iter().find(|(name, _)| *name == word);
    if known.is_none() {
        let options: Vec<_> = ADMIN_ID_TYPE.iter().map(|(name, _)| *name).collect();
        let description = format!("options: [{}]", options.join(","));
        faults.value(Violation::new("user_id_type", description).with_value(word));
    }
    known.unwrap_or(&ADMIN_ID_TYPE[0]).1
}

/// Whom the path names.
pub(crate) fn person(call: &Call, faults: &Faults) -> Id {
    let id = call.segment("person");
    check_text(faults, "person", &id, ID_CHARS);
    (id_type(call, faults), id)
}

/// Nobody is known as whom the path names.
pub(crate) fn nobody((_, id): &Id) -> Fault {
    missing("person", &format!("nobody is known as `{id}`"))
}

/// The number that the path names; 0, which nothing has, for anything else.
pub(crate) fn number(call: &Call, name: &str) -> i64 {
    call.segment(name).parse().unwrap_or_default()
}

/// The id of a department or role that the path names.
pub(crate) fn own_id(call: &Call, name: &str, faults: &Faults) -> String {
    let id = call.segment(name);
    check_text(faults, name, &id, ORGANISATION_ID_CHARS);
    id
}

/// Somebody in a body who must be named.
pub(crate) fn required_person(object: &Object<'_>, name: &str, kind: AliasKind) -> Id {
    (kind, object.required_text(name, ID_CHARS))
}

/// Who leads: absent keeps whoever does, empty means nobody.
pub(crate) fn leader(object: &Object<'_>, kind: AliasKind) -> Option<Leader> {
    let leader = object.text_up_to("leader", ID_CHARS)?;
    Some((!leader.is_empty()).then_some((kind, leader)))
}

/// How long a page is.
pub(crate) fn page_size(call: &Call, faults: &Faults) -> usize {
    let Some(text) = given(call, "page_size") else { return PAGE };
    let size = text.parse().ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
    if size.is_none() {
        let description = format!("must be a whole number from 1 to {LARGEST_PAGE}");
        faults.value(Violation::new("page_size", description).with_value(text));
    }
    size.unwrap_or(PAGE)
}

/// The number after which a page begins.
pub(crate) fn after_number(call: &Call, faults: &Faults) -> Option<i64> {
    let text = given(call, "page_token")?;
    let number = text.parse().ok().filter(|number| *number >= 0);
    if number.is_none() {
        let description = "must be a page_token that was answered before";
        faults.value(Violation::new("page_token", description).with_value(text));
    }
    number
}

/// The id after which a page begins; empty for the first.
pub(crate) fn after_id(call: &Call, faults: &Faults) -> String {
    let id = given(call, "page_token").unwrap_or_default();
    check_text(faults, "page_token", &id, ORGANISATION_ID_CHARS);
    id
}

/// A page of things, of which one more than asked for was read.
pub(crate) fn page<T>(
    name: &str,
    mut found: Vec<T>,
    size: usize,
    token: impl Fn(&T) -> String,
    show: impl Fn(&T) -> Value,
) -> Value {
    let has_more = found.len() > size;
    found.truncate(size);
    let mut page = json!({"has_more": has_more});
    page[name] = found.iter().map(show).collect();
    if let Some(last) = found.last().filter(|_| has_more) {
        page["page_token"] = token(last).into();
    }
    page
}

/// By what somebody is known.
pub(crate) fn card(card: &Card) -> Value {
    let mut shown = json!({"name": card.name});
    for (name, kind) in ADMIN_ID_TYPE {
        let alias = card.aliases.iter().find(|(known, _)| known == kind);
        shown[*name] = alias.map_or("", |(_, value)| value).into();
    }
    shown
}

/// The same of somebody who may be nobody.
pub(crate) fn card_or_null(who: Option<&Card>) -> Value {
    who.map_or(Value::Null, card)
}

/// A time, 0 for never.
pub(crate) fn time(at: Option<Millis>) -> String {
    at.map_or(0, Millis::get).to_string()
}

/// What the rules refuse, in the terms of these endpoints.
pub(crate) fn refused(error: Error) -> Fault {
    match error {
        Error::Organisation(reason) => organisation(&reason),
        Error::Refused(refusal @ Refusal::AliasTaken { .. }) => {
            let text = refusal.to_string();
            Fault::new(Code::AdminRule).msg(&text).violation(Violation::new("person", text))
        }
        other => other.into(),
    }
}

fn organisation(reason: &Reason) -> Fault {
    let named = |named: &Named| match named {
        Named::Leader => "leader",
        Named::Substitute => "substitute",
        Named::Successor => "to",
    };
    let (code, field) = match reason {
        Reason::UnknownPerson { named: who, .. }
        | Reason::HasLeft { named: who, .. }
        | Reason::SamePerson(who) => (Code::Fields, named(who)),
        Reason::UnknownDepartment(_) => (Code::Fields, "departments[*]"),
        Reason::UnknownParent(_) => (Code::Fields, "parent_department_id"),
        Reason::UnknownRole(_) => (Code::Fields, "roles[*]"),
        Reason::EmptyRange | Reason::RangeIsOver => (Code::Fields, "until"),
        Reason::Circle(_) | Reason::TooDeep(_) => (Code::AdminRule, "parent_department_id"),
        Reason::DepartmentInUse { .. } => (Code::AdminRule, "department_id"),
        Reason::RoleInUse(_) => (Code::AdminRule, "role_id"),
        Reason::RoleIsFull { .. } => (Code::AdminRule, "roles[*]"),
        Reason::TooManyRanges(_) => (Code::AdminRule, "person"),
    };
    let fault = Fault::new(code);
    let text = reason.to_string();
    let fault = if code == Code::AdminRule { fault.msg(&text) } else { fault };
    fault.violation(Violation::new(field, text))
}

//! The company as administrators describe it: people and their places; and the record of what
//! administrators changed.
//!
//! Whoever calls has shown already that they may. Flows ask about the same in `directory`.

use domain::limits::{DEPARTMENTS_PER_PERSON, ROLE_MEMBERS, ROLES_PER_PERSON};
use domain::organisation::{Fault, Named};
use domain::person::AliasKind;
use domain::{PersonId, TenantId};
use serde_json::{Value, json};
use store::Tx;
use store::change::{self, Change};
use store::department as departments;
use store::lock::{self, Aggregate};
use store::organisation as rows;
use store::person as people_rows;

use crate::people::{self, Imported, ImportedPerson};
use crate::{Context, Error, Result};

pub use store::change::Change as Recorded;
pub use store::organisation::{Card, Member};

/// Through which door a change came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The admin API.
    Api,
    /// A command on the data itself.
    Command,
    /// A job that one of the others began.
    Job,
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::Api => "admin_api",
            Self::Command => "command",
            Self::Job => "job",
        }
    }
}

/// Records a change in its own transaction.
pub(crate) fn record(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    (action, subject): (&str, &str),
    details: &Value,
) -> Result<()> {
    let change = Change {
        id: cx.ids.next(cx.now),
        at: cx.now,
        origin: origin.name().to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        details: details.to_string(),
    };
    Ok(change::change_insert(tx, tenant, &change)?)
}

/// At most `limit` changes before `before`, newest first.
pub fn changes(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    before: i64,
    limit: usize,
) -> Result<Vec<Recorded>> {
    Ok(change::changes_before(tx, tenant, before, limit)?)
}

/// How somebody is named: a kind of id, and the id.
pub type Id = (AliasKind, String);

/// Whoever is known by an id. Who writes afterwards holds who is whom in the tenant before.
pub fn find(tx: &mut Tx<'_>, tenant: TenantId, (kind, id): &Id) -> Result<Option<PersonId>> {
    Ok(people_rows::person_by_alias(tx, tenant, *kind, id)?)
}

/// Whoever is named beside somebody else, who must be known.
pub(crate) fn find_named(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    named: Named,
    id: &Id,
) -> Result<PersonId> {
    let unknown = || Fault::UnknownPerson { named, id: id.1.clone() };
    Ok(find(tx, tenant, id)?.ok_or_else(unknown)?)
}

/// The same, who must not have left either.
pub(crate) fn find_present(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    named: Named,
    id: &Id,
) -> Result<PersonId> {
    let person = find_named(tx, tenant, named, id)?;
    let left = rows::standing(tx, tenant, person)?.is_some_and(|s| s.left_at.is_some());
    if left { Err(Fault::HasLeft { named, id: id.1.clone() }.into()) } else { Ok(person) }
}

/// Who leads: nobody, or whoever has this id.
pub type Leader = Option<Id>;

pub(crate) fn find_leader(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    leader: &Leader,
) -> Result<Option<PersonId>> {
    let Some(id) = leader else { return Ok(None) };
    find_named(tx, tenant, Named::Leader, id).map(Some)
}

/// What is to be known of a person's place; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Their departments, the main one first.
    pub departments: Option<Vec<String>>,
    /// Their leader.
    pub leader: Option<Leader>,
    /// Their roles.
    pub roles: Option<Vec<String>>,
}

/// Adds a person, or changes what is known of them: the aliases, names and department as an import
/// does. Departments, leader and roles must be known.
pub fn person_put(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    (person, place): (&ImportedPerson, &Place),
) -> Result<(PersonId, Imported)> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let outcome = people::import(tx, cx, tenant, person)??;
    let first = person.aliases.first().ok_or_else(|| Error::Invalid("nobody is named".into()))?;
    let gone = || Error::Internal("who was just imported is not there".into());
    let id = find(tx, tenant, first)?.ok_or_else(gone)?;
    put_place(tx, tenant, id, place)?;
    let aliases: Vec<_> = person.aliases.iter().map(|(_, value)| value).collect();
    let details = json!({
        "ids": aliases, "name": person.name, "names": person.names,
        "departments": place.departments, "roles": place.roles,
        "leader": place.leader.as_ref().map(|leader| leader.as_ref().map(|(_, id)| id)),
    });
    let subject = id.to_string();
    record(tx, cx, tenant, origin, ("person.put", &subject), &details)?;
    Ok((id, outcome))
}

/// Changes somebody's place in the company.
pub(crate) fn put_place(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
    place: &Place,
) -> Result<()> {
    if let Some(departments) = &place.departments {
        put_departments(tx, tenant, id, departments)?;
    }
    if let Some(leader) = &place.leader {
        let leader = find_leader(tx, tenant, leader)?;
        rows::leader_put(tx, tenant, id, leader)?;
    }
    match &place.roles {
        Some(roles) => put_roles(tx, tenant, id, roles),
        None => Ok(()),
    }
}

fn put_departments(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
    departments: &[String],
) -> Result<()> {
    let departments = distinct(departments, DEPARTMENTS_PER_PERSON);
    for department in &departments {
        if departments::department_get(tx, tenant, department)?.is_none() {
            return Err(Fault::UnknownDepartment(department.clone()).into());
        }
    }
    let (main, further) = departments.split_first().map_or(("", &[][..]), |(m, f)| (m, f));
    rows::main_department_put(tx, tenant, id, main)?;
    Ok(rows::further_departments_put(tx, tenant, id, further)?)
}

fn put_roles(tx: &mut Tx<'_>, tenant: TenantId, id: PersonId, roles: &[String]) -> Result<()> {
    let wanted = distinct(roles, ROLES_PER_PERSON);
    let held = departments::roles_of(tx, tenant, id)?;
    for role in held.iter().filter(|role| !wanted.contains(role)) {
        departments::role_member_delete(tx, tenant, role, id)?;
    }
    for role in wanted.iter().filter(|role| !held.contains(role)) {
        if departments::role_get(tx, tenant, role)?.is_none() {
            return Err(Fault::UnknownRole(role.clone()).into());
        }
        let all = departments::role_members(tx, tenant, role, PersonId(0), ROLE_MEMBERS)?;
        if all.len() >= ROLE_MEMBERS {
            return Err(Fault::RoleIsFull { id: role.clone(), most: ROLE_MEMBERS }.into());
        }
        departments::role_member_insert(tx, tenant, role, id)?;
    }
    Ok(())
}

/// Each once, in order. How many may be is checked where they are read; no more than that are taken.
fn distinct(ids: &[String], most: usize) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for id in ids.iter().take(most) {
        if !once.contains(id) {
            once.push(id.clone());
        }
    }
    once
}

/// Says that a person has left, or is there again. `None`: nobody has the id.
pub fn person_left(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    (id, left): (&Id, bool),
) -> Result<Option<PersonId>> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let Some(person) = find(tx, tenant, id)? else { return Ok(None) };
    let standing = rows::standing(tx, tenant, person)?;
    // Who has left stays away since the first time.
    if standing.is_some_and(|standing| standing.left_at.is_some() != left) {
        rows::left_put(tx, tenant, person, left.then_some(cx.now))?;
        let action = if left { "person.deactivate" } else { "person.activate" };
        record(tx, cx, tenant, origin, (action, &person.to_string()), &json!({}))?;
    }
    Ok(Some(person))
}

/// A person as administrators see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The person and their place.
    pub member: Member,
    /// Their aliases.
    pub card: Card,
    /// By what their leader is known.
    pub leader: Option<Card>,
}

/// At most `limit` people after `after`.
pub fn people_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: PersonId,
    limit: usize,
) -> Result<Vec<Shown>> {
    let members = rows::members_after(tx, tenant, after, limit)?;
    show(tx, tenant, members)
}

/// Some people, by their ids.
pub fn people_by_id(tx: &mut Tx<'_>, tenant: TenantId, ids: &[PersonId]) -> Result<Vec<Shown>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let members = rows::members(tx, tenant, &ids)?;
    show(tx, tenant, members)
}

/// At most `limit` people with a role after `after`; `None`: there is no such role.
pub fn role_members(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    role: &str,
    after: PersonId,
    limit: usize,
) -> Result<Option<Vec<Shown>>> {
    if departments::role_get(tx, tenant, role)?.is_none() {
        return Ok(None);
    }
    let ids = departments::role_members(tx, tenant, role, after, limit)?;
    people_by_id(tx, tenant, &ids).map(Some)
}

fn show(tx: &mut Tx<'_>, tenant: TenantId, members: Vec<Member>) -> Result<Vec<Shown>> {
    let leaders = members.iter().filter_map(|member| member.position.leader);
    let own = members.iter().map(|member| member.person.id);
    let cards = cards(tx, tenant, own.chain(leaders))?;
    let card = |id: PersonId| find_card(&cards, id);
    let show = |member: Member| Shown {
        card: card(member.person.id).unwrap_or_default(),
        leader: member.position.leader.and_then(card),
        member,
    };
    Ok(members.into_iter().map(show).collect())
}

/// By what some people are known.
pub(crate) fn cards(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    ids: impl Iterator<Item = PersonId>,
) -> Result<Vec<(PersonId, Card)>> {
    let mut ids: Vec<i64> = ids.map(PersonId::get).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(rows::cards(tx, tenant, &ids)?)
}

pub(crate) fn find_card(cards: &[(PersonId, Card)], id: PersonId) -> Option<Card> {
    cards.iter().find(|(known, _)| *known == id).map(|(_, card)| card.clone())
}

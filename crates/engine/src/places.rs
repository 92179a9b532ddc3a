//! Where people stand in the company, as a file of people says it.
//!
//! Places come after all people of the file: a leader may stand below those whom they lead.

use domain::TenantId;
use domain::organisation::{Fault, Role};
use domain::person::AliasKind;
use serde_json::json;
use store::Tx;
use store::department::{department_get, department_put, role_get, role_put};
use store::lock::{self, Aggregate};
use store::organisation::standing;

use crate::departments::make_department;
use crate::organisation::{Id, Origin, Place, find, put_place, record};
use crate::{Context, Error, Result};

/// What a file of people says of somebody's place. Departments and roles that are not there are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedPlace {
    /// Departments beside the main one; `None` keeps what is stored.
    pub further_departments: Option<Vec<String>>,
    /// The user id of their leader; empty for nobody, `None` keeps what is stored.
    pub leader: Option<String>,
    /// Departments that they lead.
    pub leads: Vec<String>,
    /// Their roles; `None` keeps what is stored.
    pub roles: Option<Vec<String>>,
}

/// Imports the place of somebody who was imported before: leaders may stand further down in a file,
/// so places come after all people. A refusal changes nothing of it.
pub fn import_place(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    (aliases, given): (&[Id], &ImportedPlace),
) -> Result<Result<(), Fault>> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let done = tx.attempt(|tx| place_imported(tx, cx, tenant, aliases, given))?;
    match done {
        Ok(()) => Ok(Ok(())),
        Err(Error::Organisation(fault)) => Ok(Err(fault)),
        Err(other) => Err(other),
    }
}

fn place_imported(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    aliases: &[Id],
    given: &ImportedPlace,
) -> Result<()> {
    let first = aliases.first().ok_or_else(|| Error::Invalid("nobody is named".into()))?;
    let gone = || Error::Internal("who was just imported is not there".into());
    let id = find(tx, tenant, first)?.ok_or_else(gone)?;
    let main = standing(tx, tenant, id)?.map(|standing| standing.department);
    let named = given.further_departments.iter().flatten().chain(&given.leads);
    for department in named {
        make_department(tx, tenant, department)?;
    }
    for role in given.roles.iter().flatten() {
        if role_get(tx, tenant, role)?.is_none() {
            role_put(tx, tenant, &Role { id: role.clone(), name: role.clone() })?;
        }
    }
    let departments = given.further_departments.as_ref().map(|further| {
        let main = main.into_iter().filter(|main| !main.is_empty());
        main.chain(further.iter().cloned()).collect()
    });
    let named = |leader: &String| (!leader.is_empty()).then(|| (AliasKind::UserId, leader.clone()));
    let leader = given.leader.as_ref().map(named);
    let place = Place { departments, leader, roles: given.roles.clone() };
    put_place(tx, tenant, id, &place)?;
    for led in &given.leads {
        if let Some(mut department) = department_get(tx, tenant, led)? {
            department.leader = Some(id);
            department_put(tx, tenant, &department)?;
        }
    }
    let details = json!({
        "departments": place.departments, "leader": given.leader, "leads": given.leads,
        "roles": given.roles,
    });
    record(tx, cx, tenant, Origin::Command, ("person.import", &id.to_string()), &details)
}

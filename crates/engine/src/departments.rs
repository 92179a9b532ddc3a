//! Departments and roles as administrators describe them.
//!
//! Whoever calls has shown already that they may. Who is in a department or has a role is written with
//! the person.

use domain::limits::DEPARTMENT_DEPTH;
use domain::organisation::{Department, Fault, Role};
use domain::{PersonId, TenantId};
use serde_json::json;
use store::Tx;
use store::department as rows;
use store::lock::{self, Aggregate};

use crate::organisation::{Card, Leader, Origin, cards, find_card, find_leader, record};
use crate::{Context, Result};

/// What is to be known of a department; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewDepartment {
    /// The tenant's own id of it.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// The department above; empty for the top.
    pub parent: Option<String>,
    /// Who leads it.
    pub leader: Option<Leader>,
}

/// A department with the name of whoever leads it.
pub type ShownDepartment = (Department, Option<Card>);

/// Adds a department or changes it. Says whether it is new.
pub fn department_put(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    new: &NewDepartment,
) -> Result<bool> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let stored = rows::department_get(tx, tenant, &new.id)?;
    let created = stored.is_none();
    let mut department = stored.unwrap_or_else(|| Department {
        id: new.id.clone(),
        name: new.id.clone(),
        ..Department::default()
    });
    if let Some(name) = new.name.as_ref().filter(|name| !name.is_empty()) {
        department.name.clone_from(name);
    }
    if let Some(parent) = &new.parent {
        check_parent(tx, tenant, &new.id, parent)?;
        department.parent.clone_from(parent);
    }
    if let Some(leader) = &new.leader {
        department.leader = find_leader(tx, tenant, leader)?;
    }
    rows::department_put(tx, tenant, &department)?;
    let details = json!({
        "name": department.name, "parent": department.parent,
        "leader": department.leader.map(PersonId::get),
    });
    record(tx, cx, tenant, origin, ("department.put", &new.id), &details)?;
    Ok(created)
}

/// Whether `parent` may lie above `id`: it is there, `id` is not above it, and it is not too deep.
fn check_parent(tx: &mut Tx<'_>, tenant: TenantId, id: &str, parent: &str) -> Result<()> {
    let mut above = parent.to_owned();
    for _ in 0..DEPARTMENT_DEPTH {
        if above.is_empty() {
            return Ok(());
        }
        if above == id {
            return Err(Fault::Circle(id.to_owned()).into());
        }
        let Some(department) = rows::department_get(tx, tenant, &above)? else {
            return Err(Fault::UnknownParent(above).into());
        };
        above = department.parent;
    }
    Err(Fault::TooDeep(DEPARTMENT_DEPTH).into())
}

/// Removes a department that nobody is in and none is below. Says whether it was there.
pub fn department_delete(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    id: &str,
) -> Result<bool> {
    lock::hold(tx, tenant, Aggregate::People)?;
    if rows::department_get(tx, tenant, id)?.is_none() {
        return Ok(false);
    }
    let used = |what| Err(Fault::DepartmentInUse { id: id.to_owned(), what }.into());
    match rows::department_use(tx, tenant, id)? {
        (true, _) => return used("departments below it"),
        (_, true) => return used("people"),
        (false, false) => {}
    }
    rows::department_delete(tx, tenant, id)?;
    record(tx, cx, tenant, origin, ("department.delete", id), &json!({}))?;
    Ok(true)
}

/// A department. `None`: there is none.
pub fn department(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<Option<ShownDepartment>> {
    let found = rows::department_get(tx, tenant, id)?;
    Ok(show_departments(tx, tenant, found.into_iter().collect())?.pop())
}

/// At most `limit` departments after `after`, by id.
pub fn departments_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: &str,
    limit: usize,
) -> Result<Vec<ShownDepartment>> {
    let found = rows::departments_after(tx, tenant, after, limit)?;
    show_departments(tx, tenant, found)
}

fn show_departments(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    found: Vec<Department>,
) -> Result<Vec<ShownDepartment>> {
    let cards = cards(tx, tenant, found.iter().filter_map(|department| department.leader))?;
    let show = |department: Department| {
        let leader = department.leader.and_then(|leader| find_card(&cards, leader));
        (department, leader)
    };
    Ok(found.into_iter().map(show).collect())
}

/// Adds a role or changes its name; an empty one stays. Says whether it is new.
pub fn role_put(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    (id, name): (&str, &str),
) -> Result<bool> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let stored = rows::role_get(tx, tenant, id)?;
    let created = stored.is_none();
    let mut role = stored.unwrap_or_else(|| Role { id: id.to_owned(), name: id.to_owned() });
    if !name.is_empty() {
        name.clone_into(&mut role.name);
    }
    rows::role_put(tx, tenant, &role)?;
    record(tx, cx, tenant, origin, ("role.put", id), &json!({"name": role.name}))?;
    Ok(created)
}

/// Removes a role that nobody has. Says whether it was there.
pub fn role_delete(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    id: &str,
) -> Result<bool> {
    lock::hold(tx, tenant, Aggregate::People)?;
    if rows::role_get(tx, tenant, id)?.is_none() {
        return Ok(false);
    }
    if !rows::role_members(tx, tenant, id, PersonId(0), 1)?.is_empty() {
        return Err(Fault::RoleInUse(id.to_owned()).into());
    }
    rows::role_delete(tx, tenant, id)?;
    record(tx, cx, tenant, origin, ("role.delete", id), &json!({}))?;
    Ok(true)
}

/// A role. `None`: there is none.
pub fn role(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<Option<Role>> {
    Ok(rows::role_get(tx, tenant, id)?)
}

/// At most `limit` roles after `after`, by id.
pub fn roles_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: &str,
    limit: usize,
) -> Result<Vec<Role>> {
    Ok(rows::roles_after(tx, tenant, after, limit)?)
}

/// Adds a department that was only named so far, under that name.
pub(crate) fn make_department(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<()> {
    if rows::department_get(tx, tenant, id)?.is_none() {
        let (id, name) = (id.to_owned(), id.to_owned());
        rows::department_put(tx, tenant, &Department { id, name, ..Department::default() })?;
    }
    Ok(())
}

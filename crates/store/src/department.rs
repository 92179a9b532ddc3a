//! Departments, roles, and who has which role, row by row.
//!
//! Rows may name somebody who turned out to be somebody else: whoever reads gets who they are today.

use domain::organisation::{Department, Role};
use domain::{PersonId, TenantId};

use crate::value::Row;
use crate::{Result, Tx};

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn read_department(row: &Row<'_>) -> Result<Department> {
    Ok(Department {
        id: row.text(0)?,
        name: row.text(1)?,
        parent: row.text(2)?,
        leader: row.opt_int(3)?.map(PersonId),
    })
}

/// A department.
pub fn department_get(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<Option<Department>> {
    tx.query_one(
        "SELECT d.department_id, d.name, d.parent_id, coalesce(l.into_id, d.leader_id) \
         FROM department d LEFT JOIN person_join l ON l.tenant_id = $1 AND l.from_id = d.leader_id \
         WHERE d.tenant_id = $1 AND d.department_id = $2",
        &[tenant.into(), id.into()],
        read_department,
    )
}

/// At most `limit` departments after `after`, by id.
pub fn departments_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: &str,
    limit: usize,
) -> Result<Vec<Department>> {
    tx.query_all(
        "SELECT d.department_id, d.name, d.parent_id, coalesce(l.into_id, d.leader_id) \
         FROM department d LEFT JOIN person_join l ON l.tenant_id = $1 AND l.from_id = d.leader_id \
         WHERE d.tenant_id = $1 AND d.department_id > $2 ORDER BY d.department_id LIMIT $3",
        &[tenant.into(), after.into(), number(limit).into()],
        read_department,
    )
}

/// Adds a department or writes it anew.
pub fn department_put(tx: &mut Tx<'_>, tenant: TenantId, department: &Department) -> Result<()> {
    tx.execute(
        "INSERT INTO department (tenant_id, department_id, name, parent_id, leader_id) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, department_id) DO UPDATE SET \
         name = excluded.name, parent_id = excluded.parent_id, leader_id = excluded.leader_id",
        &[
            tenant.into(),
            (&department.id).into(),
            (&department.name).into(),
            (&department.parent).into(),
            department.leader.into(),
        ],
    )?;
    Ok(())
}

/// Removes a department.
pub fn department_delete(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM department WHERE tenant_id = $1 AND department_id = $2",
        &[tenant.into(), id.into()],
    )?;
    Ok(())
}

/// Whether a department has others below it, and whether it has people.
pub fn department_use(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<(bool, bool)> {
    let found = tx.query_one(
        "SELECT \
         (SELECT count(*) FROM (SELECT 1 FROM department WHERE tenant_id = $1 \
         AND parent_id = $2 LIMIT 1) AS below), \
         (SELECT count(*) FROM (SELECT 1 FROM person WHERE tenant_id = $1 \
         AND department = $2 LIMIT 1) AS main) + \
         (SELECT count(*) FROM (SELECT 1 FROM person_department WHERE tenant_id = $1 \
         AND department_id = $2 LIMIT 1) AS further)",
        &[tenant.into(), id.into()],
        |row| Ok((row.int(0)? > 0, row.int(1)? > 0)),
    )?;
    Ok(found.unwrap_or_default())
}

/// A role.
pub fn role_get(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<Option<Role>> {
    tx.query_one(
        "SELECT role_id, name FROM company_role WHERE tenant_id = $1 AND role_id = $2",
        &[tenant.into(), id.into()],
        |row| Ok(Role { id: row.text(0)?, name: row.text(1)? }),
    )
}

/// At most `limit` roles after `after`, by id.
pub fn roles_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: &str,
    limit: usize,
) -> Result<Vec<Role>> {
    tx.query_all(
        "SELECT role_id, name FROM company_role WHERE tenant_id = $1 AND role_id > $2 \
         ORDER BY role_id LIMIT $3",
        &[tenant.into(), after.into(), number(limit).into()],
        |row| Ok(Role { id: row.text(0)?, name: row.text(1)? }),
    )
}

/// Adds a role or writes it anew.
pub fn role_put(tx: &mut Tx<'_>, tenant: TenantId, role: &Role) -> Result<()> {
    tx.execute(
        "INSERT INTO company_role (tenant_id, role_id, name) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, role_id) DO UPDATE SET name = excluded.name",
        &[tenant.into(), (&role.id).into(), (&role.name).into()],
    )?;
    Ok(())
}

/// Removes a role.
pub fn role_delete(tx: &mut Tx<'_>, tenant: TenantId, id: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM company_role WHERE tenant_id = $1 AND role_id = $2",
        &[tenant.into(), id.into()],
    )?;
    Ok(())
}

/// At most `limit` people with a role after `after`, by id, those who have left among them.
pub fn role_members(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    role: &str,
    after: PersonId,
    limit: usize,
) -> Result<Vec<PersonId>> {
    tx.query_all(
        "SELECT person_id FROM role_member WHERE tenant_id = $1 AND role_id = $2 \
         AND person_id > $3 ORDER BY person_id LIMIT $4",
        &[tenant.into(), role.into(), after.into(), number(limit).into()],
        |row| Ok(PersonId(row.int(0)?)),
    )
}

/// At most `limit` people with a role who are there, by id: with one statement.
pub fn role_members_present(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    role: &str,
    limit: usize,
) -> Result<Vec<PersonId>> {
    tx.query_all(
        "SELECT m.person_id FROM role_member m {then join} person p ON p.tenant_id = $1 \
         AND p.person_id = m.person_id WHERE m.tenant_id = $1 AND m.role_id = $2 \
         AND p.left_at IS NULL ORDER BY m.person_id LIMIT $3",
        &[tenant.into(), role.into(), number(limit).into()],
        |row| Ok(PersonId(row.int(0)?)),
    )
}

/// The roles of a person, by id.
pub fn roles_of(tx: &mut Tx<'_>, tenant: TenantId, person: PersonId) -> Result<Vec<String>> {
    tx.query_all(
        "SELECT role_id FROM role_member WHERE tenant_id = $1 AND person_id = $2 ORDER BY role_id",
        &[tenant.into(), person.into()],
        |row| row.text(0),
    )
}

/// Gives somebody a role.
pub fn role_member_insert(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    role: &str,
    person: PersonId,
) -> Result<()> {
    tx.execute(
        "INSERT INTO role_member (tenant_id, role_id, person_id) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
        &[tenant.into(), role.into(), person.into()],
    )?;
    Ok(())
}

/// Takes a role from somebody.
pub fn role_member_delete(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    role: &str,
    person: PersonId,
) -> Result<()> {
    tx.execute(
        "DELETE FROM role_member WHERE tenant_id = $1 AND role_id = $2 AND person_id = $3",
        &[tenant.into(), role.into(), person.into()],
    )?;
    Ok(())
}

//! Where people stand in the company, row by row.
//!
//! Rows may name somebody who turned out to be somebody else: whoever reads gets who they are today.

use domain::organisation::Position;
use domain::person::AliasKind;
use domain::{Millis, PersonId, TenantId};

use crate::person::Person;
use crate::value::Row;
use crate::{Error, Result, Tx, department};

/// What is looked at of a person when flows ask about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who they are today.
    pub id: PersonId,
    /// Their main department; empty if there is none.
    pub department: String,
    /// Their leader.
    pub leader: Option<PersonId>,
    /// When they left, if they have.
    pub left_at: Option<Millis>,
}

/// A person as administrators see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub person: Person,
    /// When they left, if they have.
    pub left_at: Option<Millis>,
    /// Where they stand.
    pub position: Position,
}

/// By what a person is known: for lists that name people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Their name.
    pub name: String,
    /// Their aliases, by kind.
    pub aliases: Vec<(AliasKind, String)>,
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What flows ask of a person, under an id that they have or had. `None`: there is nobody.
pub fn standing(tx: &mut Tx<'_>, tenant: TenantId, id: PersonId) -> Result<Option<Standing>> {
    tx.query_one(
        "SELECT p.person_id, p.department, coalesce(l.into_id, p.leader_id), p.left_at \
         FROM person p LEFT JOIN person_join l ON l.tenant_id = $1 AND l.from_id = p.leader_id \
         WHERE p.tenant_id = $1 AND p.person_id = coalesce((SELECT j.into_id FROM person_join j \
         WHERE j.tenant_id = $1 AND j.from_id = $2), $2)",
        &[tenant.into(), id.into()],
        |row| {
            Ok(Standing {
                id: PersonId(row.int(0)?),
                department: row.text(1)?,
                leader: row.opt_int(2)?.map(PersonId),
                left_at: row.opt_int(3)?.map(Millis),
            })
        },
    )
}

/// At most `limit` people after `after`, by id, stubs and those who have left among them.
pub fn members_after(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    after: PersonId,
    limit: usize,
) -> Result<Vec<Member>> {
    let ids = tx.query_all(
        "SELECT person_id FROM person WHERE tenant_id = $1 AND person_id > $2 \
         ORDER BY person_id LIMIT $3",
        &[tenant.into(), after.into(), number(limit).into()],
        |row| row.int(0),
    )?;
    members(tx, tenant, &ids)
}

/// People by id, in the order of their ids; whoever is not there is left out.
pub fn members(tx: &mut Tx<'_>, tenant: TenantId, ids: &[i64]) -> Result<Vec<Member>> {
    use crate::value::Param::Ints;
    let mut found = tx.query_all(
        "SELECT p.person_id, p.name, p.names, p.department, p.stub, \
         coalesce(l.into_id, p.leader_id), p.left_at \
         FROM {each $2} {then join} person p ON p.tenant_id = $1 AND p.person_id = each.value \
         LEFT JOIN person_join l ON l.tenant_id = $1 AND l.from_id = p.leader_id \
         ORDER BY p.person_id",
        &[tenant.into(), Ints(ids)],
        |row| member(tenant, row),
    )?;
    let departments = tx.query_all(
        "SELECT d.person_id, d.department_id FROM {each $2} {then join} person_department d \
         ON d.tenant_id = $1 AND d.person_id = each.value ORDER BY d.person_id, d.place",
        &[tenant.into(), Ints(ids)],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )?;
    let roles = tx.query_all(
        "SELECT m.person_id, m.role_id FROM {each $2} {then join} role_member m \
         ON m.tenant_id = $1 AND m.person_id = each.value ORDER BY m.person_id, m.role_id",
        &[tenant.into(), Ints(ids)],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )?;
    for member in &mut found {
        let id = member.person.id.get();
        let own = |rows: &[(i64, String)]| -> Vec<String> {
            rows.iter().filter(|(of, _)| *of == id).map(|(_, what)| what.clone()).collect()
        };
        let main = member.person.department.clone();
        let further = own(&departments).into_iter().filter(|department| *department != main);
        member.position.departments.extend(further);
        member.position.roles = own(&roles);
    }
    Ok(found)
}

fn member(tenant: TenantId, row: &Row<'_>) -> Result<Member> {
    let id = PersonId(row.int(0)?);
    let names = serde_json::from_str(row.str(2)?).map_err(|e| Error::Corrupt {
        table: "person",
        column: "names",
        row: format!("{tenant}/{id}"),
        reason: e.to_string(),
    })?;
    let (name, department, stub) = (row.text(1)?, row.text(3)?, row.flag(4)?);
    let departments = Some(department.clone()).filter(|d| !d.is_empty()).into_iter().collect();
    let leader = row.opt_int(5)?.map(PersonId);
    Ok(Member {
        person: Person { id, name, names, department, stub },
        left_at: row.opt_int(6)?.map(Millis),
        position: Position { departments, leader, roles: Vec::new() },
    })
}

/// By what people are known, those who are there.
pub fn cards(tx: &mut Tx<'_>, tenant: TenantId, ids: &[i64]) -> Result<Vec<(PersonId, Card)>> {
    use crate::value::Param::Ints;
    let mut cards = tx.query_all(
        "SELECT p.person_id, p.name FROM {each $2} {then join} person p \
         ON p.tenant_id = $1 AND p.person_id = each.value ORDER BY p.person_id",
        &[tenant.into(), Ints(ids)],
        |row| Ok((PersonId(row.int(0)?), Card { name: row.text(1)?, aliases: Vec::new() })),
    )?;
    tx.query(
        "SELECT a.person_id, a.kind, a.value FROM {each $2} {then join} person_alias a \
         ON a.tenant_id = $1 AND a.person_id = each.value ORDER BY a.person_id, a.kind",
        &[tenant.into(), Ints(ids)],
        |row| {
            let id = PersonId(row.int(0)?);
            let kind = AliasKind::from_code(row.int(1)?).ok_or_else(|| Error::Corrupt {
                table: "person_alias",
                column: "kind",
                row: format!("{tenant}/{id}"),
                reason: "no such kind of alias".into(),
            })?;
            if let Some((_, card)) = cards.iter_mut().find(|(known, _)| *known == id) {
                card.aliases.push((kind, row.text(2)?));
            }
            Ok(())
        },
    )?;
    cards.dedup_by_key(|(id, _)| *id);
    Ok(cards)
}

/// Says who leads a person.
pub fn leader_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
    leader: Option<PersonId>,
) -> Result<()> {
    tx.execute(
        "UPDATE person SET leader_id = $3 WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), id.into(), leader.into()],
    )?;
    Ok(())
}

/// Says that a person has left, or is there again.
pub fn left_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
    left_at: Option<Millis>,
) -> Result<()> {
    tx.execute(
        "UPDATE person SET left_at = $3 WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), id.into(), left_at.into()],
    )?;
    Ok(())
}

/// The main department of a person; empty for none.
pub fn main_department_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
    department: &str,
) -> Result<()> {
    tx.execute(
        "UPDATE person SET department = $3 WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), id.into(), department.into()],
    )?;
    Ok(())
}

/// The departments of a person beside the main one, which is in their own row.
pub fn further_departments_put(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
    departments: &[String],
) -> Result<()> {
    tx.execute(
        "DELETE FROM person_department WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), id.into()],
    )?;
    for (place, department) in departments.iter().enumerate() {
        tx.execute(
            "INSERT INTO person_department (tenant_id, person_id, place, department_id) \
             VALUES ($1, $2, $3, $4)",
            &[tenant.into(), id.into(), number(place + 1).into(), department.into()],
        )?;
    }
    Ok(())
}

/// Gives what `from` is in the company to `into`, who turned out to be the same person: what both
/// have, `into` keeps. Rows that name `from` as somebody's leader or substitute stay, and are read as
/// naming `into`.
pub(crate) fn position_join(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    from: PersonId,
    into: PersonId,
) -> Result<()> {
    let found = members(tx, tenant, &[from.get(), into.get()])?;
    let of = |id: PersonId| found.iter().find(|member| member.person.id == id);
    let (Some(absorbed), Some(stays)) = (of(from), of(into)) else { return Ok(()) };
    for role in &absorbed.position.roles {
        department::role_member_delete(tx, tenant, role, from)?;
        department::role_member_insert(tx, tenant, role, into)?;
    }
    if absorbed.position.departments.len() > 1 {
        further_departments_put(tx, tenant, from, &[])?;
        if stays.position.departments.is_empty() {
            further_departments_put(tx, tenant, into, &absorbed.position.departments[1..])?;
        }
    }
    if let (Some(main), []) =
        (absorbed.position.departments.first(), &stays.position.departments[..])
    {
        main_department_put(tx, tenant, into, main)?;
    }
    if let (Some(leader), None) = (absorbed.position.leader, stays.position.leader) {
        leader_put(tx, tenant, into, Some(leader))?;
    }
    tx.execute(
        "UPDATE substitution SET person_id = $3 WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), from.into(), into.into()],
    )?;
    Ok(())
}

//! People, their aliases, and the record of who turned out to be whom.

use domain::person::{AliasKind, Identity};
use domain::{Millis, PersonId, TenantId};

use crate::lease::Work;
use crate::watch::Piece;
use crate::{Error, Result, Tx, organisation};

/// A person, without aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Whom.
    pub id: PersonId,
    /// The name shown where no translation fits.
    pub name: String,
    /// Language code and name.
    pub names: Vec<(String, String)>,
    /// The department's name or id, as imported.
    pub department: String,
    /// Made by a sync, not yet confirmed by an import.
    pub stub: bool,
}

/// Two people who are one: the job that moves the rows of `from`, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Whose rows move.
    pub from: PersonId,
    /// To whom.
    pub into: PersonId,
}

/// The person behind an alias.
pub fn person_by_alias(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    kind: AliasKind,
    value: &str,
) -> Result<Option<PersonId>> {
    tx.query_one(
        "SELECT person_id FROM person_alias WHERE tenant_id = $1 AND kind = $2 AND value = $3",
        &[tenant.into(), kind.code().into(), value.into()],
        |row| Ok(PersonId(row.int(0)?)),
    )
}

/// The person behind an alias, who has it until the end of the transaction: a join of two people
/// waits for that, and then finds what the transaction wrote. For use cases that write.
pub fn person_by_alias_held(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    kind: AliasKind,
    value: &str,
) -> Result<Option<PersonId>> {
    // The person stands in a unique index, so changing who it is changes a key.
    tx.query_one(
        "SELECT person_id FROM person_alias WHERE tenant_id = $1 AND kind = $2 AND value = $3 \
         {for key share}",
        &[tenant.into(), kind.code().into(), value.into()],
        |row| Ok(PersonId(row.int(0)?)),
    )
}

/// The person behind an alias, and everybody whose rows have not all followed to them yet, with one
/// statement. Empty when nobody has the alias.
pub fn person_rows_by_alias(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    kind: AliasKind,
    value: &str,
) -> Result<Vec<PersonId>> {
    let mut ids = Vec::new();
    tx.query(
        "SELECT a.person_id, j.from_id FROM person_alias a LEFT JOIN person_join j \
         ON j.tenant_id = $1 AND j.into_id = a.person_id AND j.finished_at IS NULL \
         WHERE a.tenant_id = $1 AND a.kind = $2 AND a.value = $3 ORDER BY j.from_id",
        &[tenant.into(), kind.code().into(), value.into()],
        |row| {
            if ids.is_empty() {
                ids.push(PersonId(row.int(0)?));
            }
            ids.extend(row.opt_int(1)?.map(PersonId));
            Ok(())
        },
    )?;
    Ok(ids)
}

/// A person by id.
pub fn person_get(tx: &mut Tx<'_>, tenant: TenantId, id: PersonId) -> Result<Option<Person>> {
    tx.query_one(
        "SELECT name, names, department, stub FROM person WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), id.into()],
        |row| {
            let names = serde_json::from_str(row.str(1)?).map_err(|e| Error::Corrupt {
                table: "person",
                column: "names",
                row: format!("{tenant}/{id}"),
                reason: e.to_string(),
            })?;
            let (name, department, stub) = (row.text(0)?, row.text(2)?, row.flag(3)?);
            Ok(Person { id, name, names, department, stub })
        },
    )
}

/// Every alias of a person, by kind.
pub fn person_aliases(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
) -> Result<Vec<(AliasKind, String)>> {
    tx.query_all(
        "SELECT kind, value FROM person_alias WHERE tenant_id = $1 AND person_id = $2 \
         ORDER BY kind",
        &[tenant.into(), id.into()],
        |row| {
            let kind = AliasKind::from_code(row.int(0)?).ok_or_else(|| Error::Corrupt {
                table: "person_alias",
                column: "kind",
                row: format!("{tenant}/{id}"),
                reason: "no such kind of alias".into(),
            })?;
            Ok((kind, row.text(1)?))
        },
    )
}

/// What is needed to tell whether somebody is somebody else.
pub fn person_identity(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
) -> Result<Option<Identity>> {
    let Some(person) = person_get(tx, tenant, id)? else { return Ok(None) };
    let aliases = person_aliases(tx, tenant, id)?;
    Ok(Some(Identity { id, stub: person.stub, aliases }))
}

/// Adds a person under an id that nobody has.
pub fn person_insert(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    person: &Person,
    now: Millis,
) -> Result<()> {
    let sql = "INSERT INTO person (tenant_id, person_id, name, names, department, stub, \
               created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    write(tx, sql, tenant, person, now)
}

/// Adds a person or writes them anew.
pub fn person_put(tx: &mut Tx<'_>, tenant: TenantId, person: &Person, now: Millis) -> Result<()> {
    let sql = "INSERT INTO person (tenant_id, person_id, name, names, department, stub, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) \
         ON CONFLICT (tenant_id, person_id) DO UPDATE SET name = excluded.name, \
         names = excluded.names, department = excluded.department, stub = excluded.stub, \
         updated_at = excluded.updated_at";
    write(tx, sql, tenant, person, now)
}

fn write(
    tx: &mut Tx<'_>,
    sql: &'static str,
    tenant: TenantId,
    person: &Person,
    now: Millis,
) -> Result<()> {
    let names = serde_json::to_string(&person.names).map_err(|e| Error::Engine(e.to_string()))?;
    tx.touch(tenant, Piece::Person(person.id));
    tx.execute(
        sql,
        &[
            tenant.into(),
            person.id.into(),
            (&person.name).into(),
            (&names).into(),
            (&person.department).into(),
            person.stub.into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// Gives a person an alias that nobody has.
pub fn alias_insert(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    kind: AliasKind,
    value: &str,
    person: PersonId,
) -> Result<()> {
    tx.touch(tenant, Piece::Person(person));
    tx.execute(
        "INSERT INTO person_alias (tenant_id, kind, value, person_id) VALUES ($1, $2, $3, $4)",
        &[tenant.into(), kind.code().into(), value.into(), person.into()],
    )?;
    Ok(())
}

/// Takes an alias away from whoever has it.
pub fn alias_delete(tx: &mut Tx<'_>, tenant: TenantId, kind: AliasKind, value: &str) -> Result<()> {
    let owner = tx.query_one(
        "DELETE FROM person_alias WHERE tenant_id = $1 AND kind = $2 AND value = $3 \
         RETURNING person_id",
        &[tenant.into(), kind.code().into(), value.into()],
        |row| Ok(PersonId(row.int(0)?)),
    )?;
    if let Some(owner) = owner {
        tx.touch(tenant, Piece::Person(owner));
    }
    Ok(())
}

/// Gives every alias of `from` that `into` lacks to `into`; the same alias on both is one row and
/// cannot happen. Records that they are one, so that the rows can follow.
pub fn person_join(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    join: &Join,
    evidence: &str,
    now: Millis,
) -> Result<()> {
    let (from, into) = (join.from, join.into);
    tx.touch(tenant, Piece::Person(from));
    tx.touch(tenant, Piece::Person(into));
    tx.left.push((tenant, Work::Joins));
    tx.execute(
        "UPDATE person_alias SET person_id = $3 WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), from.into(), into.into()],
    )?;
    // Whoever was absorbed by `from` before belongs to `into` now.
    tx.execute(
        "UPDATE person_join SET into_id = $3 WHERE tenant_id = $1 AND into_id = $2",
        &[tenant.into(), from.into(), into.into()],
    )?;
    tx.execute(
        "INSERT INTO person_join (tenant_id, from_id, into_id, evidence, joined_at, \
         moved_instances, finished_at) VALUES ($1, $2, $3, $4, $5, 0, NULL)",
        &[tenant.into(), from.into(), into.into(), evidence.into(), now.into()],
    )?;
    organisation::position_join(tx, tenant, from, into)?;
    tx.execute(
        "DELETE FROM person WHERE tenant_id = $1 AND person_id = $2",
        &[tenant.into(), from.into()],
    )?;
    Ok(())
}

/// Who `id` is today: the survivor, if they were absorbed.
pub fn person_today(tx: &mut Tx<'_>, tenant: TenantId, id: PersonId) -> Result<PersonId> {
    let into = tx.query_one(
        "SELECT into_id FROM person_join WHERE tenant_id = $1 AND from_id = $2",
        &[tenant.into(), id.into()],
        |row| Ok(PersonId(row.int(0)?)),
    )?;
    Ok(into.unwrap_or(id))
}

/// `id` and everybody whose rows have not all followed to `id` yet.
pub fn person_rows_of(tx: &mut Tx<'_>, tenant: TenantId, id: PersonId) -> Result<Vec<PersonId>> {
    let mut ids = vec![id];
    tx.query(
        "SELECT from_id FROM person_join \
         WHERE tenant_id = $1 AND into_id = $2 AND finished_at IS NULL ORDER BY from_id",
        &[tenant.into(), id.into()],
        |row| {
            ids.push(PersonId(row.int(0)?));
            Ok(())
        },
    )?;
    Ok(ids)
}

/// The joins of a tenant whose rows have not all followed, oldest first.
pub fn join_open(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Vec<Join>> {
    tx.query_all(
        "SELECT from_id, into_id FROM person_join \
         WHERE tenant_id = $1 AND finished_at IS NULL ORDER BY joined_at, from_id",
        &[tenant.into()],
        |row| Ok(Join { from: PersonId(row.int(0)?), into: PersonId(row.int(1)?) }),
    )
}

/// Tenants with joins whose rows have not all followed: a look at all, for what no hint names.
pub fn tenants_with_joins(tx: &mut Tx<'_>) -> Result<Vec<TenantId>> {
    tx.query_all(
        "SELECT DISTINCT tenant_id FROM person_join WHERE finished_at IS NULL",
        &[],
        |row| Ok(TenantId(row.int(0)?)),
    )
}

/// Notes that `moved` more instances followed, and whether that was all.
pub fn join_progress(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    from: PersonId,
    moved: i64,
    finished_at: Option<Millis>,
) -> Result<()> {
    let into = tx.query_one(
        "UPDATE person_join SET moved_instances = moved_instances + $3, finished_at = $4 \
         WHERE tenant_id = $1 AND from_id = $2 RETURNING into_id",
        &[tenant.into(), from.into(), moved.into(), finished_at.into()],
        |row| Ok(PersonId(row.int(0)?)),
    )?;
    if let Some(into) = into {
        tx.touch(tenant, Piece::Person(into));
    }
    Ok(())
}

/// How many people a tenant has, stubs among them.
pub fn person_count(tx: &mut Tx<'_>, tenant: TenantId) -> Result<(i64, i64)> {
    let counts = tx.query_one(
        "SELECT count(*), CAST(coalesce(sum(stub), 0) AS BIGINT) FROM person WHERE tenant_id = $1",
        &[tenant.into()],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    Ok(counts.unwrap_or_default())
}

//! Times in which one person stands in for another, and which of them next changes open tasks.

use domain::process::Substitution;
use domain::{InstanceId, Millis, PersonId, TenantId};

use crate::lease::Work;
use crate::value::Row;
use crate::{Result, Tx};

/// A range as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its id.
    pub id: i64,
    /// Who, for whom, and when.
    pub what: Substitution,
    /// When it next changes open tasks; `None` when it never will again.
    pub due_at: Option<Millis>,
    /// The instance up to which the change has come.
    pub cursor: InstanceId,
}

fn read(row: &Row<'_>) -> Result<Range> {
    Ok(Range {
        id: row.int(0)?,
        what: Substitution {
            person: PersonId(row.int(1)?),
            substitute: PersonId(row.int(2)?),
            from: Millis(row.int(3)?),
            until: Millis(row.int(4)?),
        },
        due_at: row.opt_int(5)?.map(Millis),
        cursor: InstanceId(row.int(6)?),
    })
}

/// Those who stand in for a person at a time, at most `limit`, in the order in which they were named.
pub fn substitutes_at(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    person: PersonId,
    at: Millis,
    limit: usize,
) -> Result<Vec<PersonId>> {
    tx.query_all(
        "SELECT coalesce(j.into_id, s.substitute_id) FROM substitution s LEFT JOIN person_join j \
         ON j.tenant_id = $1 AND j.from_id = s.substitute_id \
         WHERE s.tenant_id = $1 AND s.person_id = $2 AND s.until_at > $3 AND s.from_at <= $3 \
         ORDER BY s.substitution_id LIMIT $4",
        &[tenant.into(), person.into(), at.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| Ok(PersonId(row.int(0)?)),
    )
}

/// The ranges of a person that are not over at a time, at most `limit`, by id.
pub fn substitutions_of(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    person: PersonId,
    at: Millis,
    limit: usize,
) -> Result<Vec<Range>> {
    tx.query_all(
        "SELECT s.substitution_id, s.person_id, coalesce(j.into_id, s.substitute_id), s.from_at, \
         s.until_at, s.due_at, s.cursor_id FROM substitution s LEFT JOIN person_join j \
         ON j.tenant_id = $1 AND j.from_id = s.substitute_id \
         WHERE s.tenant_id = $1 AND s.person_id = $2 AND s.until_at > $3 \
         ORDER BY s.substitution_id LIMIT $4",
        &[tenant.into(), person.into(), at.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        read,
    )
}

/// A range.
pub fn substitution_get(tx: &mut Tx<'_>, tenant: TenantId, id: i64) -> Result<Option<Range>> {
    tx.query_one(
        "SELECT substitution_id, person_id, substitute_id, from_at, until_at, due_at, cursor_id \
         FROM substitution WHERE tenant_id = $1 AND substitution_id = $2",
        &[tenant.into(), id.into()],
        read,
    )
}

/// Adds a range or writes it anew.
pub fn substitution_put(tx: &mut Tx<'_>, tenant: TenantId, range: &Range) -> Result<()> {
    tx.left.push((tenant, Work::Substitutes));
    tx.execute(
        "INSERT INTO substitution (tenant_id, substitution_id, person_id, substitute_id, from_at, \
         until_at, due_at, cursor_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (tenant_id, substitution_id) DO UPDATE SET until_at = excluded.until_at, \
         due_at = excluded.due_at, cursor_id = excluded.cursor_id",
        &[
            tenant.into(),
            range.id.into(),
            range.what.person.into(),
            range.what.substitute.into(),
            range.what.from.into(),
            range.what.until.into(),
            range.due_at.into(),
            range.cursor.into(),
        ],
    )?;
    Ok(())
}

/// Removes a range.
pub fn substitution_delete(tx: &mut Tx<'_>, tenant: TenantId, id: i64) -> Result<()> {
    tx.execute(
        "DELETE FROM substitution WHERE tenant_id = $1 AND substitution_id = $2",
        &[tenant.into(), id.into()],
    )?;
    Ok(())
}

/// The range that next changes open tasks, whenever that is.
pub fn substitution_next(tx: &mut Tx<'_>, tenant: TenantId) -> Result<Option<Range>> {
    tx.query_one(
        "SELECT substitution_id, person_id, substitute_id, from_at, until_at, due_at, cursor_id \
         FROM substitution WHERE tenant_id = $1 AND due_at IS NOT NULL \
         ORDER BY due_at, substitution_id LIMIT 1",
        &[tenant.into()],
        read,
    )
}

/// Tenants with ranges that will still change something: a look at all, for what no hint names.
pub fn tenants_with_substitutions(tx: &mut Tx<'_>) -> Result<Vec<TenantId>> {
    tx.query_all(
        "SELECT DISTINCT tenant_id FROM substitution WHERE due_at IS NOT NULL",
        &[],
        |row| Ok(TenantId(row.int(0)?)),
    )
}

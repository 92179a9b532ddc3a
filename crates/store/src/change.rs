//! What administrators changed: one row a change, written in its transaction, never changed again.

use domain::{Millis, TenantId};

use crate::{Result, Tx};

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its id: later ones are greater.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// Through which door it came.
    pub origin: String,
    /// What was done.
    pub action: String,
    /// To what, by its id.
    pub subject: String,
    /// The rest, as JSON.
    pub details: String,
}

/// Adds a change.
pub fn change_insert(tx: &mut Tx<'_>, tenant: TenantId, change: &Change) -> Result<()> {
    tx.execute(
        "INSERT INTO admin_change (tenant_id, change_id, at, origin, action, subject, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            tenant.into(),
            change.id.into(),
            change.at.into(),
            (&change.origin).into(),
            (&change.action).into(),
            (&change.subject).into(),
            (&change.details).into(),
        ],
    )?;
    Ok(())
}

/// At most `limit` changes before `before`, newest first.
pub fn changes_before(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    before: i64,
    limit: usize,
) -> Result<Vec<Change>> {
    tx.query_all(
        "SELECT change_id, at, origin, action, subject, details FROM admin_change \
         WHERE tenant_id = $1 AND change_id < $2 ORDER BY change_id DESC LIMIT $3",
        &[tenant.into(), before.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| {
            Ok(Change {
                id: row.int(0)?,
                at: Millis(row.int(1)?),
                origin: row.text(2)?,
                action: row.text(3)?,
                subject: row.text(4)?,
                details: row.text(5)?,
            })
        },
    )
}

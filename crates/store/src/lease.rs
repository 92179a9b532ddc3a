//! Work that one of several processes does: which tenants may have some, and who does it until when.
//!
//! A hint is written after the transaction that made the work, so it may be lost with its process; a
//! look at every tenant from time to time finds what is left. Where there is one process nobody
//! needs a lease.

use domain::{Millis, TenantId};

use crate::{Result, Tx};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Folding changes of lists into their counts.
    Fold,
    /// Moving the rows of people who turned out to be somebody else.
    Joins,
    /// What time does to instances of flows.
    Timers,
    /// Anchors over the ends of histories.
    Anchors,
    /// Bringing open tasks up to date when somebody begins or ends to be away.
    Substitutes,
    /// Moving open tasks of people who leave.
    HandOvers,
}

impl Work {
    fn code(self) -> i64 {
        match self {
            Self::Fold => 1,
            Self::Joins => 2,
            Self::Timers => 3,
            Self::Anchors => 4,
            Self::Substitutes => 5,
            Self::HandOvers => 6,
        }
    }
}

/// Tenants that may have work.
pub fn hints(tx: &mut Tx<'_>, work: Work) -> Result<Vec<TenantId>> {
    if !tx.is_shared() {
        return Ok(Vec::new());
    }
    tx.query_all(
        "SELECT tenant_id FROM work_hint WHERE work = $1 ORDER BY tenant_id",
        &[work.code().into()],
        |row| Ok(TenantId(row.int(0)?)),
    )
}

/// The mark of the newest hint of one tenant.
pub fn hint_mark(tx: &mut Tx<'_>, tenant: TenantId, work: Work) -> Result<Option<i64>> {
    if !tx.is_shared() {
        return Ok(None);
    }
    tx.query_one(
        "SELECT mark FROM work_hint WHERE tenant_id = $1 AND work = $2",
        &[tenant.into(), work.code().into()],
        |row| row.int(0),
    )
}

/// Says that a tenant may have work. `mark` is a number that was not used before.
pub fn hint(tx: &mut Tx<'_>, tenant: TenantId, work: Work, mark: i64) -> Result<()> {
    if tx.is_shared() {
        tx.execute(
            "INSERT INTO work_hint (tenant_id, work, mark) VALUES ($1, $2, $3) \
             ON CONFLICT (tenant_id, work) DO UPDATE SET mark = excluded.mark",
            &[tenant.into(), work.code().into(), mark.into()],
        )?;
    }
    Ok(())
}

/// Takes a hint away, if it is still the one with this mark.
pub fn hint_done(tx: &mut Tx<'_>, tenant: TenantId, work: Work, mark: i64) -> Result<()> {
    tx.execute(
        "DELETE FROM work_hint WHERE tenant_id = $1 AND work = $2 AND mark = $3",
        &[tenant.into(), work.code().into(), mark.into()],
    )?;
    Ok(())
}

/// Takes the lease of a tenant's work until `until`, or prolongs it. Says whether `holder` has it:
/// not while another one's has not ended.
pub fn lease_take(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    work: Work,
    holder: i64,
    now: Millis,
    until: Millis,
) -> Result<bool> {
    if !tx.is_shared() {
        return Ok(true);
    }
    // The row is judged anew once it is locked, so of two who come at once one gets it.
    let taken = tx.execute(
        "INSERT INTO lease (tenant_id, work, holder, until) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, work) DO UPDATE SET holder = excluded.holder, \
         until = excluded.until WHERE lease.until <= $5 OR lease.holder = excluded.holder",
        &[tenant.into(), work.code().into(), holder.into(), until.into(), now.into()],
    )?;
    Ok(taken > 0)
}

/// Gives a lease back before its end.
pub fn lease_end(tx: &mut Tx<'_>, tenant: TenantId, work: Work, holder: i64) -> Result<()> {
    if tx.is_shared() {
        tx.execute(
            "UPDATE lease SET until = 0 WHERE tenant_id = $1 AND work = $2 AND holder = $3",
            &[tenant.into(), work.code().into(), holder.into()],
        )?;
    }
    Ok(())
}

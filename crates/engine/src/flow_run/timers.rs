//! What time does to running instances, as work that one process at a time does.
//!
//! A step that is done twice finds nothing to do the second time; one that was missed is caught up.

use domain::process;
use domain::{InstanceId, TenantId};
use store::Tx;
use store::flow_run::{run_next_due, runs_due};
use store::lease::Work;

use super::{ask, hold, save};
use crate::{Context, Hub, Result};

/// Instances that are looked up at once, each a transaction (own figure).
const SLICE: i64 = 100;

/// Lets time pass in one instance: whatever is due is done, and those who stand in for others are
/// brought up to date. Says whether anything changed.
pub fn tick(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId, instance: InstanceId) -> Result<bool> {
    let held = hold(tx, cx, tenant, instance)?;
    let state = &held.run.state;
    let outcome = ask(tx, cx, tenant, |world| process::tick(&held.definition, state, world))?;
    save(tx, cx, Some(&held.run), &held.definition, outcome)
}

impl Hub {
    /// Does what is due in every tenant; says in how many instances something changed.
    pub async fn run_timers(&self) -> Result<usize> {
        let mut changed = 0;
        for tenant in self.tenants_with(Work::Timers).await? {
            changed += self.run_timers_of(tenant).await?;
        }
        Ok(changed)
    }

    /// The same for one tenant. Nothing while another process does it.
    pub async fn run_timers_of(&self, tenant: TenantId) -> Result<usize> {
        let until = self.now();
        let next = move |tx: &mut Tx<'_>, _: &Context| Ok(run_next_due(tx, tenant)?);
        let due = self.read(next).await?;
        // Most often nothing is due yet, and then nobody needs a lease.
        if due.is_some_and(|due| due > until) {
            return Ok(0);
        }
        let Some(lease) = self.lease_if(due.is_some(), tenant, Work::Timers).await? else {
            return Ok(0);
        };
        let mut changed = 0;
        loop {
            let due = self.read(move |tx, _| Ok(runs_due(tx, tenant, until, SLICE)?)).await?;
            // What does not move although it is due waits for the next round.
            match self.tick_all(tenant, due).await? {
                0 => break,
                moved => changed += moved,
            }
            if !self.prolong(&lease).await? {
                return Ok(changed);
            }
        }
        match self.read(next).await? {
            // The hint stays for as long as a moment will come.
            Some(_) => self.release(lease).await?,
            None => self.end(lease).await?,
        }
        Ok(changed)
    }

    /// One instance that cannot go on does not hold up the others; but where none can, its failure is
    /// told.
    async fn tick_all(&self, tenant: TenantId, due: Vec<InstanceId>) -> Result<usize> {
        let (mut changed, mut failure) = (0, None);
        for instance in due {
            match self.write(move |tx, cx| tick(tx, cx, tenant, instance)).await {
                Ok(done) => changed += usize::from(done),
                Err(error) => {
                    tracing::warn!(%error, %instance, "time cannot pass in an instance");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if changed == 0 => Err(error),
            _ => Ok(changed),
        }
    }
}

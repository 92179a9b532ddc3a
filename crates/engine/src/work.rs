//! Work that is left for later: who does it where several processes could, and folding counts.
//!
//! A tenant's work is leased, so that processes do not do the same; what is done twice all the same
//! does no harm.

use domain::TenantId;
use store::lease::{self, Work};

use crate::{Hub, Result};

/// How long a process may take for a piece of work before another one takes it over. Own figure:
/// many times what a slice takes.
const LEASE_MS: i64 = 30_000;

/// How many lists are looked up at once, and folded before the lease is prolonged (own figure).
const LISTS: i64 = 200;

/// A tenant's work, held by this process.
pub(crate) struct Lease {
    tenant: TenantId,
    work: Work,
    /// The mark of the hint that was known before the work began.
    mark: Option<i64>,
}

impl Hub {
    /// Folds into their counts what changed in lists since the last time, where several processes
    /// write; says how many lists it were.
    pub async fn fold_counts(&self) -> Result<usize> {
        if !self.store.is_shared() {
            return Ok(0);
        }
        let mut folded = 0;
        for tenant in self.tenants_with(Work::Fold).await? {
            folded += self.fold_counts_of(tenant).await?;
        }
        Ok(folded)
    }

    /// The same for one tenant. Nothing while another process does it.
    pub async fn fold_counts_of(&self, tenant: TenantId) -> Result<usize> {
        let Some(lease) = self.lease(tenant, Work::Fold).await? else { return Ok(0) };
        let mut folded = 0;
        loop {
            let lists = self
                .read(move |tx, _| Ok(store::inbox::lists_with_deltas(tx, tenant, LISTS)?))
                .await?;
            if lists.is_empty() {
                break;
            }
            folded += lists.len();
            for list in lists {
                self.write_snapshot(move |tx, _| Ok(store::inbox::fold_deltas(tx, tenant, list)?))
                    .await?;
            }
            if !self.prolong(&lease).await? {
                return Ok(folded);
            }
        }
        self.end(lease).await?;
        Ok(folded)
    }

    /// Looks for work that no hint names: what a process left that ended in between. For the start.
    pub async fn find_lost_work(&self) -> Result<()> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let lost = self
            .read(|tx, _| {
                let mut lost = Vec::new();
                for tenant in store::inbox::tenants_with_deltas(tx)? {
                    lost.push((tenant, Work::Fold));
                }
                for tenant in store::person::tenants_with_joins(tx)? {
                    lost.push((tenant, Work::Joins));
                }
                for tenant in store::substitution::tenants_with_substitutions(tx)? {
                    lost.push((tenant, Work::Substitutes));
                }
                for tenant in store::hand_over::tenants_with_hand_overs(tx)? {
                    lost.push((tenant, Work::HandOvers));
                }
                for tenant in store::flow_run::tenants_with_timers(tx)? {
                    lost.push((tenant, Work::Timers));
                }
                for tenant in store::flow_run::tenants_to_anchor(tx)? {
                    lost.push((tenant, Work::Anchors));
                }
                Ok(lost)
            })
            .await?;
        self.tell(lost).await
    }

    async fn tell(&self, left: Vec<(TenantId, Work)>) -> Result<()> {
        if left.is_empty() {
            return Ok(());
        }
        self.write(move |tx, cx| {
            for (tenant, work) in &left {
                lease::hint(tx, *tenant, *work, cx.ids.next(cx.now))?;
            }
            Ok(())
        })
        .await
    }

    /// Tenants that may have work of a kind.
    pub(crate) async fn tenants_with(&self, work: Work) -> Result<Vec<TenantId>> {
        if !self.store.is_shared() {
            let tenants = self.read(|tx, _| Ok(store::access::tenant_all(tx)?)).await?;
            return Ok(tenants.into_iter().map(|tenant| tenant.id).collect());
        }
        self.tell(self.store.take_left().into_iter().collect()).await?;
        self.read(move |tx, _| Ok(lease::hints(tx, work)?)).await
    }

    /// Takes a tenant's work; `None` while another process has it.
    pub(crate) async fn lease(&self, tenant: TenantId, work: Work) -> Result<Option<Lease>> {
        if !self.store.is_shared() {
            return Ok(Some(Lease { tenant, work, mark: None }));
        }
        let mark = self.read(move |tx, _| Ok(lease::hint_mark(tx, tenant, work)?)).await?;
        let lease = Lease { tenant, work, mark };
        Ok(self.prolong(&lease).await?.then_some(lease))
    }

    /// The same for whoever has looked: where nothing waits, a lease only serves to take the hint away,
    /// and where there are no hints to nothing.
    pub(crate) async fn lease_if(
        &self,
        waits: bool,
        tenant: TenantId,
        work: Work,
    ) -> Result<Option<Lease>> {
        if !waits && !self.store.is_shared() {
            return Ok(None);
        }
        self.lease(tenant, work).await
    }

    /// Says whether this process still has the work.
    pub(crate) async fn prolong(&self, lease: &Lease) -> Result<bool> {
        if !self.store.is_shared() {
            return Ok(true);
        }
        let (tenant, work, holder) = (lease.tenant, lease.work, self.holder);
        self.write(move |tx, cx| {
            let until = cx.now.plus(LEASE_MS);
            Ok(lease::lease_take(tx, tenant, work, holder, cx.now, until)?)
        })
        .await
    }

    /// Gives the work back, and leaves the hint: there will be more.
    pub(crate) async fn release(&self, lease: Lease) -> Result<()> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let (Lease { tenant, work, .. }, holder) = (lease, self.holder);
        self.write(move |tx, _| Ok(lease::lease_end(tx, tenant, work, holder)?)).await
    }

    /// Gives the work back: all that the hint meant is done.
    pub(crate) async fn end(&self, lease: Lease) -> Result<()> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let Lease { tenant, work, mark } = lease;
        if let Some(mark) = mark {
            self.write(move |tx, _| Ok(lease::hint_done(tx, tenant, work, mark)?)).await?;
        }
        let holder = self.holder;
        self.write(move |tx, _| Ok(lease::lease_end(tx, tenant, work, holder)?)).await
    }
}

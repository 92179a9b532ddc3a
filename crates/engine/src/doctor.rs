//! `doctor`: reads everything once more and tells what does not fit.
//!
//! Lists and cards can be derived from the rows, so each is derived again and compared.

use domain::{InstanceId, TenantId};
use serde::Serialize;
use store::audit;

use crate::{Context, Hub, Result, Tx, card, sync};

/// What was read, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Tenants.
    pub tenants: usize,
    /// People.
    pub people: i64,
    /// People whom only syncs named.
    pub stubs: i64,
    /// Joins whose rows have not all followed yet: work in progress, not a fault.
    pub open_joins: usize,
    /// Third-party instances, without purged ones.
    pub instances: usize,
    /// Their tasks.
    pub tasks: usize,
    /// Entries of all lists.
    pub list_entries: i64,
    /// How many things do not fit.
    pub fault_count: usize,
    /// What does not fit, in words; the first hundred.
    pub faults: Vec<String>,
}

/// How many faults are told one by one.
const TOLD: usize = 100;
/// Instances in one read transaction, so that a long check does not hold back checkpoints.
const SLICE: i64 = 500;

impl Report {
    fn fault(&mut self, text: String) {
        self.fault_count += 1;
        if self.faults.len() < TOLD {
            self.faults.push(text);
        }
    }
}

impl Hub {
    /// Checks the file and everything in it. Run it while nothing writes, or run it again where it
    /// finds something: each slice is one snapshot, the whole is not.
    pub async fn doctor(&self) -> Result<Report> {
        let faults = self.read(|tx, _| Ok(audit::file_faults(tx)?)).await?;
        let mut report = Report { fault_count: faults.len(), faults, ..Report::default() };
        for tenant in self.read(|tx, _| Ok(store::access::tenant_all(tx)?)).await? {
            report.tenants += 1;
            self.examine(&mut report, tenant.id).await?;
        }
        Ok(report)
    }

    async fn examine(&self, report: &mut Report, tenant: TenantId) -> Result<()> {
        let (people, aliases, joins) = self
            .read(move |tx, _| {
                let people = store::person::person_count(tx, tenant)?;
                let joins = store::person::join_open(tx, tenant)?.len();
                Ok((people, audit::stray_aliases(tx, tenant)?, joins))
            })
            .await?;
        report.people += people.0;
        report.stubs += people.1;
        report.open_joins += joins;
        for alias in aliases {
            report.fault(format!("tenant {tenant}: the alias {alias} leads to nobody"));
        }
        let (mut after, mut expected) = (InstanceId(0), 0);
        loop {
            let slice = self.read(move |tx, cx| slice(tx, cx, tenant, after)).await?;
            let Some(last) = slice.last else { break };
            after = last;
            expected += slice.lists;
            report.instances += slice.instances;
            report.tasks += slice.tasks;
            for fault in slice.faults {
                report.fault(format!("tenant {tenant}: {fault}"));
            }
        }
        let entries = self.read(move |tx, _| Ok(audit::list_entries(tx, tenant)?)).await?;
        report.list_entries += entries;
        if entries != expected {
            report.fault(format!(
                "tenant {tenant}: the lists have {entries} entries, the instances ask for \
                 {expected}"
            ));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Slice {
    last: Option<InstanceId>,
    instances: usize,
    tasks: usize,
    lists: i64,
    faults: Vec<String>,
}

fn slice(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId, after: InstanceId) -> Result<Slice> {
    let mut slice = Slice::default();
    for id in audit::instances_after(tx, tenant, after, SLICE)? {
        slice.last = Some(id);
        let head = store::external::instance_head_by_id(tx, tenant, id)?;
        let stored = store::external::instance_load(tx, tenant, id)?;
        let (Some(head), Some(stored)) = (head, stored) else { continue };
        slice.instances += 1;
        slice.tasks += stored.tasks.len();
        for list in sync::lists(head.definition, &stored) {
            slice.lists += 1;
            if !audit::list_contains(tx, tenant, list, id)? {
                slice.faults.push(format!("instance {id} is missing on the list {list:?}"));
            }
        }
        let kept = store::external::card_get(tx, tenant, id)?;
        match kept {
            None => slice.faults.push(format!("instance {id} has no card")),
            Some((format, _)) if format != cx.render.format => {}
            Some((_, bytes)) if Some(&bytes) == card::render(tx, cx, tenant, id)?.as_ref() => {}
            Some(_) => slice.faults.push(format!("the card of instance {id} is not up to date")),
        }
    }
    Ok(slice)
}

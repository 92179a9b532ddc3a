//! `doctor`: reads everything once more and tells what does not fit.
//!
//! Lists and cards can be derived from the rows, so each is derived again and compared. What is an index
//! is the engine's business.

use std::collections::BTreeSet;

use domain::inbox::Family;
use domain::search::{Kind, things_of_flow};
use domain::{InstanceId, TenantId};
use serde::Serialize;
use store::audit;

use crate::{Context, Hub, Result, Tx, card, flow_run, sync};

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
    /// Entries of the lists behind task states.
    pub list_entries: i64,
    /// Instances of human-task flows.
    pub flow_instances: usize,
    /// Their tasks.
    pub flow_tasks: usize,
    /// Lists of all inboxes.
    pub inbox_lists: usize,
    /// Their rows.
    pub inbox_rows: i64,
    /// What people have of flows' tasks, as searches read it.
    pub search_rows: i64,
    /// Lists of inboxes whose counts were made anew.
    pub repaired: usize,
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
    /// With `repair`, inbox counts that do not add up are made anew from the rows.
    pub async fn doctor(&self, repair: bool) -> Result<Report> {
        let faults = self.read(|tx, _| Ok(audit::file_faults(tx)?)).await?;
        let mut report = Report { fault_count: faults.len(), faults, ..Report::default() };
        for tenant in self.read(|tx, _| Ok(store::access::tenant_all(tx)?)).await? {
            self.examine_tenant(&mut report, tenant.id, repair).await?;
        }
        Ok(report)
    }

    /// The same for some tenants alone, and without the file.
    pub async fn doctor_of(&self, tenants: &[TenantId], repair: bool) -> Result<Report> {
        let mut report = Report::default();
        for tenant in tenants {
            self.examine_tenant(&mut report, *tenant, repair).await?;
        }
        Ok(report)
    }

    async fn examine_tenant(
        &self,
        report: &mut Report,
        tenant: TenantId,
        repair: bool,
    ) -> Result<()> {
        report.tenants += 1;
        self.examine(report, tenant).await?;
        self.examine_inboxes(report, tenant).await?;
        self.recount(report, tenant, repair).await
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

impl Hub {
    /// Every row of every inbox is asked for by an instance, and none is missing.
    async fn examine_inboxes(&self, report: &mut Report, tenant: TenantId) -> Result<()> {
        for family in Family::ALL {
            let (mut after, mut expected, mut searched) = (InstanceId(0), 0, 0);
            loop {
                let slice =
                    self.read(move |tx, cx| inbox_slice(tx, cx, tenant, *family, after)).await?;
                let Some(last) = slice.last else { break };
                after = last;
                expected += slice.lists;
                searched += slice.searched;
                if *family == Family::Flow {
                    report.flow_instances += slice.instances;
                    report.flow_tasks += slice.tasks;
                }
                for fault in slice.faults {
                    report.fault(format!("tenant {tenant}: {fault}"));
                }
            }
            let count = move |tx: &mut Tx<'_>, _: &Context| {
                let inboxes = store::inbox::row_count(tx, tenant, *family)?;
                let searches = match family {
                    Family::Flow => store::search::share_count(tx, tenant)?,
                    Family::External => 0,
                };
                Ok((inboxes, searches))
            };
            let (rows, search_rows) = self.read(count).await?;
            report.inbox_rows += rows;
            report.search_rows += search_rows;
            if search_rows != searched {
                report.fault(format!(
                    "tenant {tenant}: searches have {search_rows} rows of flows, the instances ask \
                     for {searched}"
                ));
            }
            if rows != expected {
                report.fault(format!(
                    "tenant {tenant}: inboxes have {rows} rows of {family:?}, the instances ask \
                     for {expected}"
                ));
            }
        }
        Ok(())
    }

    /// Every list counts its rows, and every node of a long one.
    async fn recount(&self, report: &mut Report, tenant: TenantId, repair: bool) -> Result<()> {
        let mut after = None;
        loop {
            let lists = self
                .read(move |tx, _| Ok(store::inbox::lists_after(tx, tenant, after, SLICE)?))
                .await?;
            let Some(last) = lists.last() else { return Ok(()) };
            after = Some(*last);
            report.inbox_lists += lists.len();
            for list in lists {
                let check = move |tx: &mut Tx<'_>, _: &Context| {
                    Ok(store::inbox::recount(tx, tenant, list)?)
                };
                let faults = self.read(check).await?;
                if repair && !faults.is_empty() {
                    let mend = move |tx: &mut Tx<'_>, _: &Context| {
                        Ok(store::inbox::repair(tx, tenant, list)?)
                    };
                    self.write_snapshot(mend).await?;
                    report.repaired += 1;
                    continue;
                }
                for fault in faults {
                    report.fault(format!("tenant {tenant}: {fault}"));
                }
            }
        }
    }
}

fn inbox_slice(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    family: Family,
    after: InstanceId,
) -> Result<Slice> {
    let ids = match family {
        Family::Flow => store::flow::instances_after(tx, tenant, after, SLICE)?,
        Family::External => audit::instances_after(tx, tenant, after, SLICE)?,
    };
    let mut slice = Slice::default();
    for id in ids {
        slice.last = Some(id);
        let (rows, things) = match family {
            Family::Flow => {
                let Some(instance) = store::flow::instance_load(tx, tenant, id)? else { continue };
                slice.tasks += instance.tasks.len();
                let kept = store::flow::card_get(tx, tenant, id)?;
                let fresh = |format: i64, card: &[u8]| {
                    format != cx.render.format || card == (cx.render.flow)(&instance)
                };
                if !kept.is_some_and(|(_, format, card)| fresh(format, &card)) {
                    slice.faults.push(format!("the card of instance {id} is not up to date"));
                }
                slice.faults.extend(flow_run::faults(tx, cx, tenant, id, &instance)?);
                let rows = domain::inbox::rows(family, &instance.places());
                (rows, things_of_flow(&instance))
            }
            Family::External => {
                let head = store::external::instance_head_by_id(tx, tenant, id)?;
                let stored = store::external::instance_load(tx, tenant, id)?;
                let (Some(head), Some(stored)) = (head, stored) else { continue };
                (sync::inbox_rows(&head, &stored), BTreeSet::new())
            }
        };
        slice.instances += 1;
        for thing in things {
            slice.searched += i64::from(thing.kind != Kind::Instance);
            if !store::search::thing_is_listed(tx, tenant, &thing)? {
                slice.faults.push(format!("searches do not find {thing:?} of instance {id}"));
            }
        }
        for (list, entry) in rows {
            slice.lists += 1;
            if !store::inbox::row_exists(tx, tenant, list, &entry)? {
                slice.faults.push(format!("instance {id} is missing in the inbox {list:?}"));
            }
        }
    }
    Ok(slice)
}

#[derive(Default)]
struct Slice {
    last: Option<InstanceId>,
    instances: usize,
    tasks: usize,
    lists: i64,
    searched: i64,
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
    let last = slice.last.unwrap_or(after);
    for id in audit::stray_definitions(tx, tenant, after, last)? {
        slice.faults.push(format!("a task or copy of instance {id} has another definition"));
    }
    Ok(slice)
}

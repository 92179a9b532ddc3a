//! `audit`: histories of flows at a terminal.

use anyhow::{Result, bail};
use domain::{InstanceId, Millis};
use engine::flow_run::KnownAs;
use engine::flow_run::audit::{self, History, Told};
use serde_json::Value;
use store::access::tenant_all;

use crate::cli::{AuditCommand, Place};
use crate::open;
use crate::operate::{config, find_tenant};
use crate::output::Output;

/// Entries that are printed; more than any approval has (own figure).
const ENTRIES: i64 = 100_000;

pub(crate) async fn run(command: AuditCommand, output: Output) -> Result<()> {
    match command {
        AuditCommand::History { instance, tenant, place } => {
            history(InstanceId(instance), tenant, &place, output).await
        }
        AuditCommand::Verify { tenant, place } => verify(tenant, &place, output).await,
    }
}

async fn history(
    instance: InstanceId,
    tenant: String,
    place: &Place,
    output: Output,
) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let tenant = find_tenant(&hub, tenant).await?;
    let read = hub.read(move |tx, _| audit::history(tx, tenant, instance, 0, ENTRIES));
    let history = read.await?;
    let lines: Vec<_> = history.entries.iter().map(|entry| line(entry, &history)).collect();
    output.answer(&lines.join("\n"), &api::history(&history));
    Ok(())
}

fn line(told: &Told, history: &History) -> String {
    let name = |known: &KnownAs| format!("{} {}", known.name, known.id);
    let by = told.by.and_then(|person| history.people.get(&person)).map_or_else(String::new, name);
    let opinion = told.entry.as_ref().map_or("", |entry| &entry.opinion);
    let line = format!("{:>4}  {}  {}  {by}  {opinion}", told.seq, moment(told.at), told.action);
    line.trim_end().to_owned()
}

fn moment(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.get()).map(|time| time.to_string()).unwrap_or_default()
}

async fn verify(tenant: Option<String>, place: &Place, output: Output) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let tenants = if let Some(key) = tenant {
        vec![find_tenant(&hub, key).await?]
    } else {
        let all = hub.read(|tx, _| Ok(tenant_all(tx)?)).await?;
        all.into_iter().map(|tenant| tenant.id).collect()
    };
    let audit = hub.audit(&tenants).await?;
    let text = format!(
        "{} instances with {} entries, {} anchors",
        audit.instances, audit.entries, audit.anchors
    );
    let value: Value = serde_json::to_value(&audit)?;
    output.answer(&text, &value);
    if !audit.faults.is_empty() {
        bail!("{} faults:\n{}", audit.faults.len(), audit.faults.join("\n"));
    }
    output.note("every history is as it was written");
    Ok(())
}

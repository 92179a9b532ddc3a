//! What operators do with a data folder or database, one command a function.

use anyhow::{Context, Result, bail};
use domain::Millis;
use engine::access::tenant_create;
use engine::{Error, Hub};
use serde_json::json;
use store::access::tenant_all;

use crate::cli::{Operate, Place, ServeArgs, TenantCommand};
use crate::config::Config;
use crate::output::Output;
use crate::{apps, audit, copy, import, migrate, open, people};

pub(crate) async fn run(command: Operate, output: Output) -> Result<()> {
    match command {
        Operate::Tenant(TenantCommand::Create { key, name, place }) => {
            create_tenant(&place, key, name, output).await
        }
        Operate::Tenant(TenantCommand::List { place }) => list_tenants(&place, output).await,
        Operate::App(command) => apps::run(command, output).await,
        Operate::People(command) => people::run(command, output).await,
        Operate::Audit(command) => audit::run(command, output).await,
        Operate::Import { file, slice, tenant, place } => {
            import::run(config(&place)?, &file, tenant, slice, output).await
        }
        Operate::Backup { file, place } => backup(&place, &file, output).await,
        Operate::Copy(args) => copy::run(args, output).await,
        Operate::Migrate(args) => migrate::run(&args, output),
        Operate::Doctor { repair, tenant, place } => doctor(&place, tenant, repair, output).await,
    }
}

pub(crate) fn config(place: &Place) -> Result<Config> {
    Config::load(&ServeArgs { place: place.clone(), ..ServeArgs::default() })
}

async fn create_tenant(
    place: &Place,
    key: String,
    name: Option<String>,
    output: Output,
) -> Result<()> {
    // The first command on a new folder, so it may make one.
    let hub = open::hub(&config(place)?).await?;
    let name = name.unwrap_or_else(|| key.clone());
    let tenant = hub.write(move |tx, cx| tenant_create(tx, cx, &key, &name)).await?;
    output.answer(
        &format!("created the tenant {} ({})", tenant.key, tenant.name),
        &json!({"tenant_key": tenant.key, "name": tenant.name}),
    );
    Ok(())
}

async fn list_tenants(place: &Place, output: Output) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let tenants = hub.read(|tx, _| Ok(tenant_all(tx)?)).await?;
    let rows: Vec<_> = tenants.into_iter().map(|tenant| vec![tenant.key, tenant.name]).collect();
    output.table(&["tenant_key", "name"], &rows);
    Ok(())
}

pub(crate) fn date(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.get())
        .map(|time| time.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

pub(crate) async fn find_tenant(hub: &Hub, key: String) -> Result<domain::TenantId> {
    let tenant = hub.read(move |tx, _| {
        store::access::tenant_by_key(tx, &key)?
            .ok_or_else(|| Error::NotFound(format!("the tenant `{key}`")))
    });
    Ok(tenant.await?.id)
}

async fn backup(place: &Place, file: &std::path::Path, output: Output) -> Result<()> {
    let config = config(place)?;
    let hub = open::existing(&config).await?;
    hub.store().backup(file).with_context(|| format!("cannot back up to {}", file.display()))?;
    let key = config.data.dir.join("server.key");
    output.answer(
        &format!(
            "copied the data to {}\nKeep {} with it, in a safe place: without the key the copy's \
             app secrets and callback secrets are lost.",
            file.display(),
            key.display()
        ),
        &json!({"file": file, "key_file": key}),
    );
    Ok(())
}

async fn doctor(place: &Place, tenant: Option<String>, repair: bool, output: Output) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let report = match tenant {
        None => hub.doctor(repair).await?,
        Some(key) => hub.doctor_of(&[find_tenant(&hub, key).await?], repair).await?,
    };
    let text = format!(
        "{} tenants, {} people ({} known from syncs only), {} third-party instances with {} \
         tasks and {} list entries, {} flow instances with {} tasks, {} inbox lists with {} \
         rows, {} joins in progress, {} lists repaired",
        report.tenants,
        report.people,
        report.stubs,
        report.instances,
        report.tasks,
        report.list_entries,
        report.flow_instances,
        report.flow_tasks,
        report.inbox_lists,
        report.inbox_rows,
        report.open_joins,
        report.repaired,
    );
    output.answer(&text, &serde_json::to_value(&report)?);
    if !report.faults.is_empty() {
        bail!("{} faults:\n{}", report.fault_count, report.faults.join("\n"));
    }
    output.note("everything fits");
    Ok(())
}

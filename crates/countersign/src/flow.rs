//! `flow`: flows at a terminal: files, and the versions that a hub has.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::process::{self, Definition, Fault};
use engine::flow_run::definitions::{self, Change};
use serde_json::{Value, json};

use crate::cli::{FlowCommand, Place};
use crate::open;
use crate::operate::{config, date, find_tenant};
use crate::output::Output;

pub(crate) async fn run(command: FlowCommand, output: Output) -> Result<()> {
    match command {
        FlowCommand::Apply { files, tenant, place } => apply(&files, tenant, &place, output).await,
        FlowCommand::List { tenant, place } => list(tenant, &place, output).await,
        FlowCommand::Show { api_id, number, tenant, place } => {
            show(api_id, number, tenant, &place, output).await
        }
        FlowCommand::Check { files } => check(&files, output),
        FlowCommand::Diagram { file, out, language } => {
            let svg = process::diagram(&sound(&file)?, &language);
            let Some(out) = out else {
                output.answer(&svg, &json!({"svg": svg}));
                return Ok(());
            };
            fs::write(&out, &svg).with_context(|| format!("cannot write {}", out.display()))?;
            let text = format!("drew {} into {}", file.display(), out.display());
            output.answer(&text, &json!({"file": out}));
            Ok(())
        }
        FlowCommand::Schema => {
            let schema: Value = serde_json::from_str(process::SCHEMA).context("the schema")?;
            output.answer(process::SCHEMA.trim_end(), &schema);
            Ok(())
        }
    }
}

fn read(file: &Path) -> Result<Result<Definition, Vec<Fault>>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(process::check(&text))
}

/// The definition in a file without faults.
fn sound(file: &Path) -> Result<Definition> {
    read(file)?.map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| line(file, fault)).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })
}

/// As compilers write it, so that editors find the place.
fn line(file: &Path, fault: &Fault) -> String {
    format!("{}:{fault}", file.display())
}

fn check(files: &[impl AsRef<Path>], output: Output) -> Result<()> {
    let (mut lines, mut answers, mut wrong) = (Vec::new(), Vec::new(), 0);
    for file in files.iter().map(AsRef::as_ref) {
        let faults = match read(file)? {
            Ok(definition) => {
                lines.push(format!("{}: {} is sound", file.display(), definition.api_id));
                Vec::new()
            }
            Err(faults) => faults,
        };
        wrong += usize::from(!faults.is_empty());
        lines.extend(faults.iter().map(|fault| line(file, fault)));
        let faults = faults.iter().map(|fault| {
            json!({
                "line": fault.spot.line,
                "column": fault.spot.column,
                "path": fault.path,
                "message": fault.message,
            })
        });
        answers.push(json!({"file": file, "faults": faults.collect::<Value>()}));
    }
    output.answer(&lines.join("\n"), &Value::Array(answers));
    if wrong > 0 {
        bail!("{wrong} of {} files have faults", files.len());
    }
    Ok(())
}

async fn apply(
    files: &[impl AsRef<Path>],
    tenant: String,
    place: &Place,
    output: Output,
) -> Result<()> {
    let mut sources = Vec::new();
    for file in files.iter().map(AsRef::as_ref) {
        sound(file)?;
        let text = fs::read_to_string(file);
        sources.push(text.with_context(|| format!("cannot read {}", file.display()))?);
    }
    let hub = open::existing(&config(place)?).await?;
    let tenant = find_tenant(&hub, tenant).await?;
    let changes: Vec<Change> = hub
        .write(move |tx, cx| {
            sources.iter().map(|source| definitions::apply(tx, cx, tenant, source)).collect()
        })
        .await?;
    let line = |change: &Change| {
        let what = if change.new { "is new" } else { "was there already" };
        format!("{}: version {} {what}", change.api_id, change.version)
    };
    let lines: Vec<_> = changes.iter().map(line).collect();
    let values = changes.iter().map(
        |change| json!({"api_id": change.api_id, "version": change.version, "new": change.new}),
    );
    output.answer(&lines.join("\n"), &values.collect::<Value>());
    Ok(())
}

async fn list(tenant: String, place: &Place, output: Output) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let tenant = find_tenant(&hub, tenant).await?;
    let flows = hub.read(move |tx, _| definitions::list(tx, tenant)).await?;
    let row = |flow: &store::flow_version::Applied| {
        vec![flow.api_id.clone(), flow.version.to_string(), date(flow.at)]
    };
    let rows: Vec<_> = flows.iter().map(row).collect();
    output.table(&["api_id", "version", "applied"], &rows);
    Ok(())
}

async fn show(
    api_id: String,
    number: Option<i64>,
    tenant: String,
    place: &Place,
    output: Output,
) -> Result<()> {
    let hub = open::existing(&config(place)?).await?;
    let tenant = find_tenant(&hub, tenant).await?;
    let name = api_id.clone();
    let found = hub.read(move |tx, _| definitions::show(tx, tenant, &api_id, number)).await?;
    let value = json!({"api_id": name, "version": found.number, "source": found.source});
    output.answer(found.source.trim_end(), &value);
    Ok(())
}

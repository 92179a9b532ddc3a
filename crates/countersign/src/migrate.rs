//! `migrate`: the shape of the data, told, shown beforehand, or brought up to date.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use store::postgres::{self, Distributed};
use store::schema::Migration;

use crate::cli::MigrateArgs;
use crate::config::Config;
use crate::open;
use crate::operate::{config, date};
use crate::output::Output;

pub(crate) fn run(args: &MigrateArgs, output: Output) -> Result<()> {
    let config = config(&args.place)?;
    if args.distribute {
        return distribute(&config, output);
    }
    let known = open::migrations(&config)?;
    let missing: Vec<&Migration> = known.iter().filter(|m| m.applied_at.is_none()).collect();
    if args.status {
        status(&known, output);
    } else if args.dry_run {
        let text = missing.iter().flat_map(|m| m.statements.iter().map(|s| format!("{s};\n")));
        let list = missing.iter().map(|m| json!({"name": m.name, "statements": m.statements}));
        output.answer(text.collect::<String>().trim_end(), &list.collect());
    } else {
        // A server of the version before must not find its file changed.
        let _lock = open::lock(&config)?;
        open::store(&config)?;
        let names: Vec<&str> = missing.iter().map(|m| m.name).collect();
        let text = match names.as_slice() {
            [] => "nothing to do: the data has every migration".to_owned(),
            names => format!("applied {}", names.join(", ")),
        };
        output.answer(&text, &json!({"applied": names}));
    }
    Ok(())
}

fn distribute(config: &Config, output: Output) -> Result<()> {
    if !config.is_on_server() {
        bail!("a data folder has one node: name the coordinator of a cluster with --database");
    }
    open::store(config)?;
    let tables = postgres::distribute(&open::server(config))?;
    let row = |table: &Distributed| {
        let how = if table.by_tenant { "by tenant" } else { "on every node" };
        let since = if table.before { "before" } else { "now" };
        vec![table.table.clone(), how.to_owned(), since.to_owned()]
    };
    output.table(&["table", "distributed", "since"], &tables.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn status(known: &[Migration], output: Output) {
    if output.json {
        let row = |m: &Migration| json!({"name": m.name, "applied_at": m.applied_at.map(domain::Millis::get)});
        return output.answer("", &known.iter().map(row).collect::<Value>());
    }
    let row = |m: &Migration| {
        vec![m.name.to_owned(), m.applied_at.map_or_else(|| "missing".into(), date)]
    };
    output.table(&["migration", "applied"], &known.iter().map(row).collect::<Vec<_>>());
}

//! `copy`: all data from a folder or database into another, on whichever engine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use engine::transfer::{self, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::cli::{CopyArgs, Place, ServeArgs};
use crate::config::Config;
use crate::open;
use crate::output::Output;

/// How long the server may work on a statement, in milliseconds: counting a large table takes long
/// (own figure).
const STATEMENT_MS: u64 = 600_000;
/// How many connections: one reads while the other writes.
const POOL: usize = 2;

pub(crate) async fn run(args: CopyArgs, output: Output) -> Result<()> {
    let from = place(&args.from, args.config.as_deref()).context("--from")?;
    let to = place(&args.to, args.config.as_deref()).context("--to")?;
    open::check_data(&from).context("--from")?;
    // Nobody serves from either meanwhile, as far as that can be known.
    let _from = open::lock(&from)?;
    let _to = open::lock(&to)?;
    let name = name(&from)?;
    if name == self::name(&to)? {
        bail!("--from and --to name the same data");
    }
    let source = open::store(&from).context("--from")?;
    let target = open::store(&to).context("--to")?;
    let bar = bar(output);
    let told = |progress: Progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.done);
        bar.set_message(progress.table);
    };
    let done = transfer::copy(&source, &target, &name, told).await?;
    bar.finish_and_clear();
    output.answer(
        &format!(
            "copied {} rows of {} tenants, {} of which were there from before; counts and \
             checksums of every table and tenant are equal\nThe target needs the same server key.",
            done.rows, done.tenants, done.found
        ),
        &json!({"rows": done.rows, "tenants": done.tenants, "found": done.found}),
    );
    Ok(())
}

/// The settings for one side.
fn place(text: &str, config: Option<&Path>) -> Result<Config> {
    let mut place = Place { config: config.map(Path::to_owned), ..Place::default() };
    if let Some(folder) = text.strip_prefix("sqlite:") {
        place.data = Some(PathBuf::from(folder));
    } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        place.database = Some(text.to_owned());
    } else {
        bail!("write sqlite:FOLDER, with the data folder, or postgres://user:password@host/name");
    }
    let mut config = Config::load(&ServeArgs { place, ..ServeArgs::default() })?;
    if text.starts_with("sqlite:") {
        // The settings may name a database.
        config.database.url = SecretString::default();
    }
    config.database.statement_timeout_ms = STATEMENT_MS;
    config.database.patience_ms = STATEMENT_MS;
    config.database.pool = POOL;
    Ok(config)
}

/// What a target remembers of its source: enough to know it again, and no password.
fn name(config: &Config) -> Result<String> {
    if !config.is_on_server() {
        let folder = std::path::absolute(&config.data.dir)?;
        return Ok(format!("sqlite:{}", folder.display()));
    }
    let url = config.database.url.expose_secret();
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let shown: Vec<&str> = query.split('&').filter(|o| !o.starts_with("password=")).collect();
    Ok(format!("{scheme}://{place}?{}", shown.join("&")))
}

fn bar(output: Output) -> ProgressBar {
    if output.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows {msg} {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

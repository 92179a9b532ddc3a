//! Data folders to measure against: made once per size, kept under `target/bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rusqlite::Connection;
use serde_json::Value;

use crate::http::Place;
use crate::records;
use crate::steps::{run, target};

/// The tenant of every folder.
const TENANT: &str = "bench";
/// Raised when the records change, so that an older folder is made anew.
const VERSION: u32 = 2;

/// A data folder with `tasks` tasks of flows and as many of third-party approvals.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) data: PathBuf,
    pub(crate) tasks: usize,
    pub(crate) app_id: String,
    pub(crate) app_secret: String,
    /// A PostgreSQL database that holds the same.
    pub(crate) database: Option<String>,
}

impl Company {
    /// What is served.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { data: &self.data, database: self.database.as_deref() }
    }
}

/// The folder of a size, made by `binary` unless it is there. What was interrupted starts over.
pub(crate) fn company(binary: &Path, tasks: usize) -> Result<Company> {
    let folder = target().join("bench").join(format!("{tasks}-v{VERSION}"));
    let (data, app) = (folder.join("data"), folder.join("app.json"));
    if !app.is_file() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        make(binary, tasks, &data, &app)?;
    }
    let app: Value = serde_json::from_slice(&fs::read(&app)?)?;
    let text = |name: &str| app[name].as_str().map(str::to_owned).context("app.json is not whole");
    let (app_id, app_secret) = (text("app_id")?, text("app_secret")?);
    Ok(Company { data, tasks, app_id, app_secret, database: None })
}

fn make(binary: &Path, tasks: usize, data: &Path, app_file: &Path) -> Result<()> {
    let command = |args: &[&str]| {
        let mut command = Command::new(binary);
        command.arg("--json").args(args).arg("--data").arg(data);
        command
    };
    let quiet = |mut command: Command| -> Result<Vec<u8>> {
        let output = command.output().context("cannot start countersign")?;
        if !output.status.success() {
            bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(output.stdout)
    };
    quiet(command(&["tenant", "create", TENANT]))?;
    let app = quiet(command(&[
        "app", "create", "--tenant", TENANT, "--name", "bench", "--scope", "all",
    ]))?;
    let id: Value = serde_json::from_slice(&app)?;
    let id = id["app_id"].as_str().context("no app_id")?.to_owned();
    let file = app_file.with_extension("ndjson");
    let database = data.join("countersign.db");
    let lists = drop_search_lists(&database)?;
    for external in [false, true] {
        if external {
            records::externals(&file, tasks, &id)?;
        } else {
            records::flows(&file, tasks)?;
        }
        let mut import = Command::new(binary);
        run(import.arg("import").arg(&file).args(["--tenant", TENANT, "--data"]).arg(data))?;
    }
    fs::remove_file(&file)?;
    make_search_lists(&database, &lists)?;
    // Last: its being there says that the folder is whole.
    Ok(fs::write(app_file, app)?)
}

/// Takes the lists of searches off an empty file, as an operator would before a load of years. An
/// import reads none of them; kept in step, each would cost 1e7 rows a page of its own, far apart.
/// Answers how to make them.
fn drop_search_lists(database: &Path) -> Result<Vec<String>> {
    let file = Connection::open(database)?;
    let mut lists = file.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE INDEX %'
         AND tbl_name IN ('external_instance', 'external_task', 'external_cc', 'flow_instance',
           'flow_share')",
    )?;
    let rows = lists.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
    let (names, made): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    drop(lists);
    for name in names {
        file.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    Ok(made)
}

/// Makes them from sorted rows, which is what takes little.
fn make_search_lists(database: &Path, lists: &[String]) -> Result<()> {
    let file = Connection::open(database)?;
    // 1 GiB for sorting; what is larger is merged from files.
    file.pragma_update(None, "cache_size", -(1 << 20))?;
    for list in lists {
        println!("making {}", list.lines().next().unwrap_or(list));
        file.execute_batch(list)?;
    }
    let left: i64 = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if left != 0 {
        bail!("{} is in use", database.display());
    }
    Ok(())
}

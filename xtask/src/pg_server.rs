//! A PostgreSQL server of its own: on a free port, stopped at the end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps;

/// A running server. Stopped when dropped; a temporary folder is removed then.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    /// Where its data is.
    pub(crate) data: PathBuf,
    /// Removed with this.
    temporary: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts one with an empty database in a temporary folder.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("countersign-pg-").tempdir()?;
        let mut server = Self::at(programs, folder.path(), &[])?;
        server.temporary = Some(folder);
        Ok(server)
    }

    /// Starts one with what is in a folder, which is filled when it is empty.
    pub(crate) fn at(programs: &Path, folder: &Path, settings: &[&str]) -> Result<Self> {
        let data = folder.join("data");
        if !data.exists() {
            std::fs::create_dir_all(folder)?;
            if is_root()? {
                steps::run(Command::new("chown").arg("postgres").arg(folder))?;
            }
            let mut init = as_user(&programs.join("initdb"))?;
            init.args(["--auth=trust", "--username=postgres", "--encoding=UTF8"]);
            init.args(["--locale=C.UTF-8", "--no-sync", "-D"]).arg(&data).stdout(Stdio::null());
            steps::run(&mut init)?;
        }
        // Free until the server takes it, but for a race that only costs another start.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = as_user(&programs.join("postgres"))?;
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "max_connections=300"]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-k"]).arg(folder);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.context("cannot start postgres")?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let mut server = Self { child, url, data, temporary: None };
        server.wait()?;
        Ok(server)
    }

    /// The last line of its file says so when it takes connections; not every package has a program
    /// that asks.
    fn wait(&mut self) -> Result<()> {
        let own = self.child.id().to_string();
        let is_ready = |text: String| {
            // The file may be of a server that was killed.
            text.lines().next() == Some(&*own)
                && text.lines().last().is_some_and(|line| line.trim_end() == "ready")
        };
        while !std::fs::read_to_string(self.data.join("postmaster.pid")).is_ok_and(is_ready) {
            if let Some(status) = self.child.try_wait()? {
                bail!("postgres ended with {status}");
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Runs SQL with PostgreSQL's own client.
    pub(crate) fn psql(&self, sql: &str) -> Result<()> {
        let mut psql = Command::new("psql");
        psql.args(["-d", &self.url, "-v", "ON_ERROR_STOP=1", "-qc", sql]);
        steps::run(psql.stdout(Stdio::null()))
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
pub(crate) fn as_user(program: &Path) -> Result<Command> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command.current_dir("/");
    Ok(command)
}

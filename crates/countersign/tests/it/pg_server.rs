//! A PostgreSQL server of a test's own, which may be stopped, frozen and started again.
//!
//! `TEST_POSTGRES_PROGRAMS` names the folder with its programs; else Debian's newest is taken.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::process::text;

/// Debian keeps the programs of each major version in a folder.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A server with an empty database. Stopped and removed when dropped.
pub struct PgServer {
    programs: PathBuf,
    child: Option<Child>,
    folder: TempDir,
    port: u16,
}

fn programs() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TEST_POSTGRES_PROGRAMS") {
        return Some(named.into());
    }
    let versions = std::fs::read_dir(DEBIAN).ok()?.map(|entry| entry.unwrap().path().join("bin"));
    versions.filter(|programs| programs.join("initdb").is_file()).max()
}

/// The server refuses to run as root, so root runs it as the package's own user.
pub fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Makes that user the owner of files, if that may be done.
pub fn give(files: &[&Path]) {
    if is_root() {
        succeed(Command::new("chown").arg("postgres").args(files));
    }
}

/// Free until somebody takes it, but for a race that only costs another run.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn succeed(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", text(&done));
}

impl PgServer {
    /// Starts one; `None` where there are no programs, which in CI is a failure.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "no PostgreSQL under {DEBIAN}");
            eprintln!("skipped: there is no PostgreSQL under {DEBIAN}");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("countersign-pg-").tempdir().unwrap();
        give(&[folder.path()]);
        let mut init = as_user(&programs.join("initdb"));
        init.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
        succeed(init.arg("--no-sync").arg("-D").arg(folder.path().join("data")));
        let mut server = Self { programs, child: None, folder, port: free_port() };
        server.start_again();
        Some(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Puts a file that only it may read beside its data, and answers where.
    pub fn take(&self, name: &str, bytes: &[u8]) -> String {
        let file = self.folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        give(&[&file]);
        file.to_str().unwrap().to_owned()
    }

    /// Starts it again with more settings, and with other rules of who may come in.
    pub fn restart(&mut self, settings: &str, rules: &str) {
        self.stop("INT");
        let data = self.folder.path().join("data");
        let mut file = OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
        file.write_all(settings.as_bytes()).unwrap();
        std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
        self.start_again();
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it with the data that it had.
    pub fn start_again(&mut self) {
        let data = self.folder.path().join("data");
        let mut command = as_user(&self.programs.join("postgres"));
        command.arg("-D").arg(&data).args(["-p", &self.port.to_string(), "-k"]);
        command.arg(self.folder.path()).args(["-c", "listen_addresses=127.0.0.1"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = self.child.insert(command.spawn().unwrap());
        // Its last line says so when it takes connections.
        let pid_file = data.join("postmaster.pid");
        let own = child.id().to_string();
        let is_ready = |text: String| {
            text.lines().next() == Some(&*own)
                && text.lines().last().is_some_and(|line| line.trim_end() == "ready")
        };
        while !std::fs::read_to_string(&pid_file).is_ok_and(is_ready) {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "postgres ended: {ended:?}");
            std::thread::yield_now();
        }
    }

    /// Stops it: `INT` ends every connection first, `QUIT` is like a crash.
    pub fn stop(&mut self, signal: &str) {
        let mut child = self.child.take().unwrap();
        send(signal, &[child.id()]);
        child.wait().unwrap();
    }

    /// Every process of it stands still, with its connections open, until `thaw`.
    pub fn freeze(&self) -> Vec<u32> {
        let main = self.child.as_ref().unwrap().id();
        // The first makes no more of them.
        send("STOP", &[main]);
        let children = format!("/proc/{main}/task/{main}/children");
        let children = std::fs::read_to_string(children).unwrap();
        let mut all: Vec<u32> = children.split_whitespace().map(|p| p.parse().unwrap()).collect();
        send("STOP", &all);
        all.push(main);
        all
    }
}

/// Lets frozen processes go on.
pub fn thaw(processes: &[u32]) {
    send("CONT", processes);
}

fn send(signal: &str, processes: &[u32]) {
    let mut kill = Command::new("kill");
    kill.args(["-s", signal]).args(processes.iter().map(u32::to_string));
    // One of them may have ended by itself.
    kill.stderr(Stdio::null()).status().unwrap();
}

impl Drop for PgServer {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            // A test may have failed while it stood still.
            send("CONT", &[child.id()]);
            self.stop("QUIT");
        }
    }
}

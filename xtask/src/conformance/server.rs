//! The server that the clients are tried against: the demo company, and a crowd of instances.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::{built, folder};
use crate::steps::{run, target};

/// A demo server, stopped by the id of its process.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Makes a data folder with the demo company, imports the crowd into it, and serves it.
    pub(crate) fn start() -> Result<Self> {
        let data = built().join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        drop(Self::open(&data)?);
        let crowd = built().join("crowd.ndjson");
        let mut print = Command::new("python3");
        print.arg(folder().join("story/crowd.py")).env("PYTHONDONTWRITEBYTECODE", "1");
        run(print.stdout(File::create(&crowd)?))?;
        let mut import = Command::new(target().join("debug/countersign"));
        import.args(["--json", "import", "--tenant", "demo", "--data"]).arg(&data).arg(&crowd);
        run(import.stdout(Stdio::null()))?;
        Self::open(&data)
    }

    fn open(data: &Path) -> Result<Self> {
        let binary = target().join("debug/countersign");
        let mut command = Command::new(&binary);
        command.args(["--json", "dev", "--listen", "127.0.0.1:0", "--tasks", "400", "--data"]);
        let mut child = command
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut line = String::new();
        let out = child.stdout.take().context("the server has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let url = line.split('"').find(|part| part.starts_with("http://"));
        let url = url.with_context(|| format!("the server did not start: {line}"))?.to_owned();
        Ok(Self { child, url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

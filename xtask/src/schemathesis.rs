//! Schemathesis: requests made from the OpenAPI document, right and wrong ones, against a demo server.
//! No answer may be a failure of the server, and each must be as the document says.
//!
//! What is checked, and what is not and why, is in `xtask/schemathesis.toml`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::steps::{root, run, target};

/// Requests of each kind to an endpoint where nobody asks for more: about half a minute.
pub(crate) const SHORT: usize = 20;

/// The same requests at each run: a change of the server is what makes a difference.
const SEED: &str = "1";

fn environment() -> PathBuf {
    target().join("schemathesis")
}

/// Python packages in an environment of their own.
pub(crate) fn install() -> Result<()> {
    let python = environment().join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(environment()))?;
    }
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    run(pip.arg(root().join("xtask/schemathesis.txt")))
}

/// A demo server, stopped by the id of its process.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Result<Self> {
        let binary = target().join("debug/countersign");
        let mut command = Command::new(&binary);
        command.args(["--json", "dev", "--listen", "127.0.0.1:0", "--tasks", "100"]);
        let child = command.stdout(Stdio::piped()).spawn();
        let child = child.with_context(|| format!("cannot start {}", binary.display()))?;
        let mut server = Self { child, url: String::new() };
        let mut line = String::new();
        let out = server.child.stdout.take().context("the server has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let url = line.split('"').find(|part| part.starts_with("http://"));
        url.with_context(|| format!("the server did not start: {line}"))?
            .clone_into(&mut server.url);
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fails when an answer is not as the document says.
pub(crate) fn run_all(examples: usize) -> Result<()> {
    let server = Server::start()?;
    let folder = environment();
    let mut command = Command::new(folder.join("bin/schemathesis"));
    command.arg("--config-file").arg(root().join("xtask/schemathesis.toml"));
    command.arg("run").arg(format!("{}/openapi.json", server.url));
    command.args(["--seed", SEED, "--continue-on-failure", "--max-examples"]);
    // What it keeps between runs stays out of the repository.
    run(command.arg(examples.to_string()).current_dir(folder))?;
    println!("schemathesis: every answer is as the document says");
    Ok(())
}

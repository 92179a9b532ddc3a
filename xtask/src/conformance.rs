//! The official clients, unchanged, against a demo server: installs them, runs their stories side
//! by side, and compares what they saw.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps::{self, root, run, target};

fn folder() -> PathBuf {
    root().join("conformance")
}

fn python() -> PathBuf {
    target().join("conformance/python/bin/python")
}

/// Python in an environment of its own, Node beside its lock file, strace where it may be had.
pub(crate) fn install() -> Result<()> {
    // One test looks at system calls. Without strace it says so itself, so a failure is no error.
    let _ = steps::install("strace", "-V");
    let environment = target().join("conformance/python");
    if !python().exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let requirements = folder().join("python/requirements.txt");
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    run(pip.arg(requirements))?;
    run(Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(folder().join("node")))
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
        command.args(["--json", "dev", "--listen", "127.0.0.1:0", "--tasks", "400"]);
        let mut child = command
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

/// Runs every story at once and fails when one fails or when they saw different things.
pub(crate) fn run_all() -> Result<()> {
    let server = Server::start()?;
    let seen = target().join("conformance/seen");
    fs::create_dir_all(&seen)?;
    let start = |name: &str, program: &Path, story: PathBuf| -> Result<(String, PathBuf, Child)> {
        let file = seen.join(format!("{name}.json"));
        let child = Command::new(program)
            .arg(story)
            .env("COUNTERSIGN_URL", &server.url)
            .env("COUNTERSIGN_RUN", format!("{name}-{}", std::process::id()))
            .env("COUNTERSIGN_SEEN", &file)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the {name} story"))?;
        Ok((name.to_owned(), file, child))
    };
    let stories = [
        start("python", &python(), folder().join("python/story.py"))?,
        start("node", Path::new("node"), folder().join("node/story.mjs"))?,
    ];
    let mut failed = Vec::new();
    let mut records = Vec::new();
    for (name, file, child) in stories {
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let told = text.lines().filter(|line| !line.starts_with("ok "));
        println!("conformance, {name}:");
        told.for_each(|line| println!("  {line}"));
        if !output.status.success() {
            failed.push(name);
        }
        records.push(fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?);
    }
    if !failed.is_empty() {
        bail!("these stories failed: {}", failed.join(", "));
    }
    if records.windows(2).any(|pair| pair[0] != pair[1]) {
        bail!("the clients saw different things; compare the files in {}", seen.display());
    }
    println!("conformance: every client saw the same");
    Ok(())
}

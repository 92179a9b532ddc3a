//! The official clients, unchanged, against a demo server: has each tell the story and go through
//! many instances, and compares what they saw with each other and with what was accepted.

mod clients;
mod compatibility;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::steps::{self, root, target};
use clients::Client;
use server::Server;

fn folder() -> PathBuf {
    root().join("conformance")
}

/// Everything that is made for the suites. Their tools run elsewhere, so it is a whole path.
fn built() -> PathBuf {
    root().join(target()).join("conformance")
}

/// Installs and builds every client, and strace where it may be had.
pub(crate) fn install() -> Result<()> {
    // One test looks at system calls. Without strace it says so itself, so a failure is no error.
    let _ = steps::install("strace", "-V");
    clients::install()
}

/// Runs every client at once. Fails when one fails, when they saw different things, or when that is
/// not what was accepted; with `accept` it becomes what is. The server serves from a folder, or from
/// an empty PostgreSQL `database`.
pub(crate) fn run_all(accept: bool, database: Option<&str>) -> Result<()> {
    let server = Server::start(database)?;
    let (clients, skipped) = clients::ready();
    let ran: Vec<_> = thread::scope(|scope| {
        let run = |client| {
            let url = &server.url;
            scope.spawn(move || run_one(client, url))
        };
        let running: Vec<_> = clients.iter().map(run).collect();
        running.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut records = Vec::new();
    let mut failed = Vec::new();
    for (client, ran) in clients.iter().zip(ran) {
        let Ok(ran) = ran else { bail!("the thread of {} panicked", client.name) };
        let (record, told) = ran.with_context(|| client.name)?;
        println!("conformance, {}:", client.name);
        told.lines().for_each(|line| println!("  {line}"));
        match record {
            Some(record) => records.push((client.name, record)),
            None => failed.push(client.name),
        }
    }
    if !failed.is_empty() {
        bail!("these clients failed: {}", failed.join(", "));
    }
    compare(&records, accept)?;
    compatibility::check(&records, &skipped, accept)?;
    println!("conformance: every client saw the same");
    Ok(())
}

/// One client's story and traversal: its record, unless something failed, and what there is to tell.
fn run_one(client: &Client, url: &str) -> Result<(Option<Value>, String)> {
    let file = built().join("seen").join(format!("{}.json", client.name));
    fs::create_dir_all(built().join("seen"))?;
    let mut told = String::new();
    let mut passed = true;
    for program in ["story.py", "traversal.py"] {
        let mut command = Command::new("python3");
        command.arg(folder().join("story").join(program)).args(&client.command);
        command.env("COUNTERSIGN_URL", url).env_remove("COUNTERSIGN_SEEN");
        command.env("COUNTERSIGN_RUN", format!("{}-{}", client.name, std::process::id()));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        if program == "story.py" {
            command.env("COUNTERSIGN_SEEN", &file);
        }
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        passed &= output.status.success();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if !line.starts_with("ok ") {
                told.push_str(line);
                told.push('\n');
            }
        }
    }
    Ok((if passed { Some(read(&file)?) } else { None }, told))
}

fn read(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", file.display()))
}

/// Holds each client's story against the golden file, or, to accept it, against the first one's.
fn compare(records: &[(&str, Value)], accept: bool) -> Result<()> {
    let golden = folder().join("golden.json");
    let (_, first) = records.first().context("no client ran")?;
    let accepted = if accept { first["story"].clone() } else { read(&golden)? };
    for (name, record) in records {
        if let Some(difference) = difference(&accepted, &record["story"]) {
            bail!(
                "{name} saw something else than was accepted: {difference}\nIf that is meant, and \
                 the same for all: cargo xtask conformance --accept"
            );
        }
    }
    if accept {
        fs::write(&golden, serde_json::to_string_pretty(&accepted)? + "\n")?;
    }
    Ok(())
}

/// The first step that differs, and in what.
fn difference(accepted: &Value, seen: &Value) -> Option<String> {
    let none = Vec::new();
    let steps = |story: &Value| story.as_array().unwrap_or(&none).clone();
    let (accepted, seen) = (steps(accepted), steps(seen));
    for (one, other) in accepted.iter().zip(&seen) {
        if one["step"] != other["step"] {
            return Some(format!("the step {} instead of {}", other["step"], one["step"]));
        }
        if one != other {
            return Some(format!("{}: accepted {one}, seen {other}", one["step"]));
        }
    }
    let (one, other) = (accepted.len(), seen.len());
    (one != other).then(|| format!("{other} steps instead of {one}"))
}

#[cfg(test)]
mod tests {
    use super::difference;
    use serde_json::json;

    #[test]
    fn a_difference_names_the_step() {
        let story = |seen: &str| json!([{"step": "one", "seen": {"code": seen}}]);
        assert_eq!(difference(&story("0"), &story("0")), None);
        let told = difference(&story("0"), &story("1")).unwrap();
        assert!(told.contains("\"one\"") && told.contains("\"1\""), "{told}");
        assert_eq!(difference(&story("0"), &json!([])).unwrap(), "0 steps instead of 1");
    }
}

//! Whether the tests can fail: changes the rules one by one and runs what should notice.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, bail};

use crate::steps::{cargo, root, run, target};

/// Where a silent fault would do most harm, and a test inside the same crate can tell: what a sync
/// changes, which filters may be run, what a page token says, which stamps differ, how a flow goes on
/// and who may do what to it. Each is a pure function but for its edge, so that its package's own tests
/// notice in seconds. What only shows
/// with a store and HTTP around it is compared with a model by the tests of the boundary: minutes
/// for every change, too slow to run against each of hundreds.
const FILES: [&str; 24] = [
    "crates/domain/src/sync.rs",
    "crates/domain/src/filter.rs",
    "crates/domain/src/text.rs",
    "crates/engine/src/page.rs",
    "crates/engine/src/check.rs",
    "crates/domain/src/process/act.rs",
    "crates/domain/src/process/authorise.rs",
    "crates/domain/src/process/chain.rs",
    "crates/domain/src/process/directory.rs",
    "crates/domain/src/process/expression.rs",
    "crates/domain/src/process/read.rs",
    "crates/domain/src/process/route.rs",
    "crates/domain/src/process/run.rs",
    "crates/domain/src/process/seats.rs",
    "crates/domain/src/process/state.rs",
    "crates/domain/src/process/timers.rs",
    "crates/domain/src/process/values.rs",
    "crates/engine/src/flow_run/actions.rs",
    "crates/engine/src/flow_run/audit.rs",
    "crates/engine/src/flow_run/definitions.rs",
    "crates/engine/src/flow_run/execute.rs",
    "crates/engine/src/flow_run/mod.rs",
    "crates/engine/src/flow_run/timers.rs",
    "crates/engine/src/flow_run/values.rs",
];

/// Survivors that are known, each with a reason.
const KNOWN: &str = "mutants.known";

const VERSION: &str = "27.1.0";

pub(crate) fn run_all() -> Result<()> {
    let tool = target().join("tools/bin/cargo-mutants");
    if !tool.exists() {
        let tools = target().join("tools").display().to_string();
        cargo(&["install", "--locked", "cargo-mutants", "--version", VERSION, "--root", &tools])?;
    }
    let out = target().join("mutants");
    // What an earlier run found must not pass for what this one finds.
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("{}", out.display()))?;
    }
    let mut command = Command::new(tool);
    // Unchanged code is tested before, by `cargo xtask test`.
    command.args(["mutants", "--workspace", "--jobs", "1", "--baseline", "skip"]);
    command.args(["--timeout", "60", "--output"]);
    command.arg(&out).current_dir(root());
    for file in FILES {
        command.args(["--file", file]);
    }
    // The tests of the changed package alone, without its examples in comments.
    command.args(["--", "--lib", "--tests"]);
    // Survivors make the tool fail; they are compared with the known ones below.
    match run(&mut command) {
        Err(error) if !out.join("mutants.out/missed.txt").exists() => return Err(error),
        _ => {}
    }
    compare(&out.join("mutants.out/missed.txt"))
}

fn compare(missed: &PathBuf) -> Result<()> {
    let known = fs::read_to_string(root().join(KNOWN)).or_else(|e| match e.kind() {
        io::ErrorKind::NotFound => Ok(String::new()),
        _ => Err(e),
    })?;
    // Line and column move with every edit; what was changed does not.
    let name = |line: &str| -> String {
        let (place, change) = line.split_once(": ").unwrap_or((line, ""));
        let file = place.split(':').next().unwrap_or_default();
        format!("{file}: {change}")
    };
    let known: Vec<&str> = known
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split(" -- ").next().unwrap_or_default().trim())
        .collect();
    let missed = fs::read_to_string(missed).with_context(|| format!("{}", missed.display()))?;
    let new: Vec<String> =
        missed.lines().map(name).filter(|line| !known.contains(&line.as_str())).collect();
    if !new.is_empty() {
        bail!("no test noticed these; add one, or a reason to {KNOWN}:\n{}", new.join("\n"));
    }
    println!("every change was noticed, but for {} with a reason in {KNOWN}", known.len());
    Ok(())
}

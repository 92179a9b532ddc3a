//! Counting what the handlers execute: builds their bench, runs it under callgrind, reads what that
//! wrote. Knows no figures.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::steps::{root, run, target};

/// The functions of the bench at which a new count begins: the second ends the first.
const BEGIN: &str = "handlers::measured*";
const END: &str = "handlers::over*";

/// A thread that waits for work spins before it sleeps, for as long as it happens to take until there
/// is some. That is left out of the total: in the cheapest scenario it was two percent, now more, now
/// less.
const WAITING: [&str; 4] = [
    "crossbeam_channel::flavors::array::Channel<T>::recv",
    "crossbeam_channel::waker::",
    "std::thread::functions::park",
    "sched_yield",
];

/// What one function executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) own: u64,
    /// With everything that it called.
    pub(crate) whole: u64,
}

/// What was executed while requests were served, on all threads.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) total: u64,
    pub(crate) functions: HashMap<String, Cost>,
}

impl Counted {
    pub(crate) fn per_request(&self) -> u64 {
        self.total / self.requests.max(1)
    }
}

/// Builds the bench of the handlers under a cargo profile and answers where it is.
pub(crate) fn build(profile: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["bench", "-q", "--no-run", "-p", "countersign", "--bench", "handlers"]);
    command.args(["--profile", profile, "--message-format", "json"]);
    let output = command.current_dir(root()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the bench of the handlers cannot be built");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        // The binary is built along.
        .filter(|message| message["target"]["name"] == "handlers")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo did not say where the bench of the handlers is")
}

/// Makes the data that every scenario starts with.
pub(crate) fn fill(bench: &Path) -> Result<()> {
    let data = data();
    fs::create_dir_all(data.parent().unwrap_or(&data))?;
    if data.exists() {
        fs::remove_file(&data)?;
    }
    run(Command::new(bench).arg("fill").env("DATA", data))
}

fn data() -> PathBuf {
    target().join("callgrind/handlers.db")
}

/// Counts `requests` requests of a scenario, after `fill`.
pub(crate) fn count(bench: &Path, scenario: &str, requests: u64) -> Result<Counted> {
    let folder = target().join("callgrind");
    let out = folder.join(scenario);
    let option = |name: &str, value: &dyn AsRef<OsStr>| {
        let mut option = std::ffi::OsString::from(name);
        option.push("=");
        option.push(value.as_ref());
        option
    };
    let mut command = Command::new("valgrind");
    // One thread runs at a time; in turn, so that a thread that waits does not spin for long.
    command.args(["--tool=callgrind", "--fair-sched=try"]);
    command.args([option("--dump-before", &BEGIN), option("--dump-before", &END)]);
    command.arg(option("--callgrind-out-file", &out));
    command.arg(bench).args([scenario, &requests.to_string()]).env("DATA", data());
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // The first part is what came before, and what comes after has no number.
    let part = folder.join(format!("{scenario}.2"));
    let text = fs::read_to_string(&part).with_context(|| format!("{}", part.display()))?;
    let (total, functions) = read(&text).with_context(|| format!("{}", part.display()))?;
    Ok(Counted { requests, total, functions })
}

/// The total without waiting, and the functions, in a file of callgrind's format with its one kind of
/// event.
fn read(text: &str) -> Result<(u64, HashMap<String, Cost>)> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut functions: HashMap<String, Cost> = HashMap::new();
    let (mut total, mut current, mut is_call) = (None::<u64>, "", false);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("totals: ") {
            total = rest.trim().parse().ok();
        } else if let Some(rest) = line.strip_prefix("fn=") {
            current = name(&mut names, rest);
        } else if let Some(rest) = line.strip_prefix("cfn=") {
            name(&mut names, rest);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            let events = line.split_whitespace().nth(1).context("a line without a count")?;
            let events: u64 = events.parse()?;
            let cost = functions.entry(current.to_owned()).or_default();
            cost.whole += events;
            // The line after a call is what the called function executed.
            if !std::mem::take(&mut is_call) {
                cost.own += events;
            }
        }
    }
    let waits = |name: &str| WAITING.iter().any(|wait| name.starts_with(wait));
    let waited: u64 = functions.iter().filter(|(f, _)| waits(f)).map(|(_, cost)| cost.own).sum();
    Ok((total.context("no total")? - waited, functions))
}

/// The function behind `(7) its name`, which is `(7)` from its second appearance on.
fn name<'t>(names: &mut HashMap<&'t str, &'t str>, text: &'t str) -> &'t str {
    match text.split_once(' ') {
        Some((id, name)) => names.insert(id, name).map_or(name, |_| name),
        None => names.get(text).copied().unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_what_they_execute_and_what_they_call_and_waiting_is_nothing() {
        let file = "events: Ir\n\nfn=(1) outer\n10 5\n+1 2\ncfn=(2) inner\ncalls=3 20\n* 30\n\n\
                    fn=(2)\n20 30\n\nfn=(3) sched_yield\n1 100\n\ntotals: 137\n";
        let (total, functions) = read(file).unwrap();
        assert_eq!(total, 37);
        assert_eq!(functions["outer"], Cost { own: 7, whole: 37 });
        assert_eq!(functions["inner"], Cost { own: 30, whole: 30 });
    }
}

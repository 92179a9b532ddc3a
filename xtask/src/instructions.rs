//! How many instructions each of the main handlers executes for a request, compared with the figures
//! that were accepted. Unlike a time, a count is the same on a machine that is busy.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use crate::callgrind::{build, count, fill};
use crate::steps::{install, root};

/// The scenarios of the bench, the longest first, so that no core waits for the last one.
pub(crate) const SCENARIOS: [&str; 7] =
    ["check", "inbox-filtered", "sync", "inbox", "tasks-page", "tasks-ids", "gateway"];
/// How many requests are counted. The writer asks for a checkpoint every 64 writes, so a multiple of
/// that has its fair share of them.
const REQUESTS: u64 = 128;
/// What every request pays may be this much at most: a goal of the product.
const GATEWAY_GOAL: u64 = 20_000;

fn file() -> PathBuf {
    root().join("crates/countersign/benches/instructions.toml")
}

/// What the committed file says about itself.
const HEADER: &str = "# Instructions that one request takes, per scenario of handlers.rs: counted, \
                      compared and written\n# by `cargo xtask instructions` (`--accept`).\n\n";
const TOLERANCE: &str = "# Percent. Counts of the same code differ by less than 0.2; the rest is for \
                         what a compiler\n# inlines differently when code elsewhere changes.";

/// Per scenario.
type Figures = BTreeMap<String, u64>;

/// The committed file.
struct Accepted {
    compiler: String,
    /// By how many percent a figure may differ.
    tolerance: u64,
    figures: Figures,
}

/// Counts, prints, and compares, or takes the new figures.
pub(crate) fn run(accept: bool) -> Result<()> {
    if let Some(reason) = impossible() {
        // Where changes are checked, a check that is left out must not pass for one that passed.
        if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
            bail!("instructions cannot be counted: {reason}");
        }
        println!("instructions: skipped: {reason}");
        return Ok(());
    }
    let bench = build("bench")?;
    fill(&bench)?;
    let counted = count_all(&bench)?;
    let accepted = Accepted::read()?;
    println!("{}", table(&accepted.figures, &counted));
    let mut faults = accepted.faults(&counted);
    if accept {
        accepted.replace(&counted)?;
        println!("instructions: {} of the figures are new", faults.len());
        return Ok(());
    }
    match past_goal(&counted) {
        // Known: told, until it is reached for the first time.
        Some(past) if past_goal(&accepted.figures).is_some() => {
            println!("instructions: {past}");
        }
        past => faults.extend(past),
    }
    if !faults.is_empty() {
        bail!("instructions:\n{}{}", faults.join("\n"), accepted.other_compiler()?);
    }
    println!("instructions: within {} % of what was accepted", accepted.tolerance);
    Ok(())
}

/// The accepted figure of a scenario.
pub(crate) fn accepted(scenario: &str) -> Result<u64> {
    let figure = Accepted::read()?.figures.get(scenario).copied();
    figure.with_context(|| format!("{scenario} has no figure yet"))
}

fn impossible() -> Option<String> {
    if (std::env::consts::OS, std::env::consts::ARCH) != ("linux", "x86_64") {
        return Some("the accepted figures are those of Linux on x86_64".to_owned());
    }
    (!install("valgrind", "--version")).then(|| "there is no valgrind".to_owned())
}

/// Counts do not depend on what else runs, so every core counts.
fn count_all(bench: &Path) -> Result<Figures> {
    let next = AtomicUsize::new(0);
    let counted = Mutex::new(Ok(Figures::new()));
    let work = || {
        while let Some(scenario) = SCENARIOS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let figure = count(bench, scenario, REQUESTS).map(|counted| counted.per_request());
            let mut all = counted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match (figure, all.as_mut()) {
                (Ok(figure), Ok(all)) => drop(all.insert((*scenario).to_owned(), figure)),
                (Err(error), Ok(_)) => *all = Err(error),
                (_, Err(_)) => {}
            }
        }
    };
    let cores = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores.min(SCENARIOS.len()) {
            scope.spawn(work);
        }
    });
    counted.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn table(accepted: &Figures, counted: &Figures) -> String {
    let mut out = String::from("instructions a request    accepted     counted\n");
    for (scenario, figure) in counted {
        let before = accepted.get(scenario).map_or("-".to_owned(), u64::to_string);
        let _ = write!(out, "{scenario:22} {before:>11} {figure:>11}");
        if let Some(before) = accepted.get(scenario) {
            let _ = write!(out, " {:+7.2} %", (*figure as f64 / *before as f64 - 1.0) * 100.0);
        }
        out.push('\n');
    }
    out
}

/// What to say when the one figure that has a goal is above it.
fn past_goal(figures: &Figures) -> Option<String> {
    let figure = figures.get("gateway").filter(|figure| **figure > GATEWAY_GOAL)?;
    Some(format!("gateway takes {figure} instructions a request: the goal is {GATEWAY_GOAL}"))
}

impl Accepted {
    fn read() -> Result<Self> {
        let path = file();
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let table: toml::Table = text.parse()?;
        let number = |value: &toml::Value| value.as_integer().and_then(|n| u64::try_from(n).ok());
        let figures = table.get("instructions").and_then(toml::Value::as_table);
        let figures = figures.into_iter().flatten();
        let compiler = table.get("compiler").and_then(toml::Value::as_str).unwrap_or_default();
        Ok(Self {
            compiler: compiler.to_owned(),
            tolerance: table.get("tolerance").and_then(number).context("no tolerance")?,
            figures: figures.filter_map(|(name, n)| Some((name.clone(), number(n)?))).collect(),
        })
    }

    /// Whether a figure is near enough to the accepted one.
    fn is_near(&self, scenario: &str, figure: u64) -> bool {
        self.figures
            .get(scenario)
            .is_some_and(|accepted| figure.abs_diff(*accepted) * 100 <= accepted * self.tolerance)
    }

    /// A better figure is a fault too: while the old one stands, the next change could give back
    /// all that was gained, and nobody would be told.
    fn faults(&self, counted: &Figures) -> Vec<String> {
        let fault = |(scenario, figure): (&String, &u64)| {
            const ACCEPT: &str = "`cargo xtask instructions --accept` writes the new figures";
            if self.is_near(scenario, *figure) {
                return None;
            }
            let Some(accepted) = self.figures.get(scenario) else {
                return Some(format!("{scenario} takes {figure}, and has no figure yet: {ACCEPT}"));
            };
            let tolerance = self.tolerance;
            Some(if figure > accepted {
                format!(
                    "{scenario} takes {figure} instructions a request, more than {tolerance} % \
                     above the accepted {accepted}: make it cheaper, or if it is worth it, {ACCEPT}"
                )
            } else {
                format!(
                    "{scenario} takes {figure} instructions a request, more than {tolerance} % \
                     below the accepted {accepted}: so that it stays so, {ACCEPT}"
                )
            })
        };
        counted.iter().filter_map(fault).collect()
    }

    /// Another compiler is the likeliest reason why figures move without a change.
    fn other_compiler(&self) -> Result<String> {
        let here = compiler()?;
        Ok(if here == self.compiler {
            String::new()
        } else {
            format!("\nthe figures were accepted with {}, this is {here}", self.compiler)
        })
    }

    /// Writes the figures that are not near any more. The others stay as they are: taking each time
    /// what is a little more would let a figure creep upwards.
    fn replace(&self, counted: &Figures) -> Result<()> {
        let mut text = HEADER.to_owned();
        let _ = writeln!(text, "compiler = \"{}\"", compiler()?);
        let _ = writeln!(text, "{TOLERANCE}\ntolerance = {}\n\n[instructions]", self.tolerance);
        for (scenario, figure) in counted {
            let kept = self.figures.get(scenario).filter(|_| self.is_near(scenario, *figure));
            let _ = writeln!(text, "{scenario} = {}", kept.unwrap_or(figure));
        }
        Ok(fs::write(file(), text)?)
    }
}

fn compiler() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().context("cannot start rustc")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_outside_of_the_tolerance_is_a_fault_that_names_it() {
        let figures = Figures::from([("inbox".to_owned(), 1_000), ("sync".to_owned(), 1_000)]);
        let accepted = Accepted { compiler: String::new(), tolerance: 5, figures };
        let told = |inbox, sync| {
            accepted.faults(&Figures::from([("inbox".into(), inbox), ("sync".into(), sync)]))
        };
        assert!(told(1_050, 950).is_empty());
        let worse = told(1_051, 1_000);
        assert!(worse.len() == 1 && worse[0].starts_with("inbox takes 1051"), "{worse:?}");
        assert!(worse[0].contains("accepted 1000"), "{worse:?}");
        let better = told(1_000, 949);
        assert!(better.len() == 1 && better[0].contains("below"), "{better:?}");
    }
}

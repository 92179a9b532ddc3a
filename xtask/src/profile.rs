//! Where the time of one of the handlers goes: a flame graph of what perf sees, or, where perf may
//! not look, a table of what callgrind counts.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use inferno::collapse::Collapse;
use inferno::collapse::perf::Folder;
use inferno::flamegraph;

use crate::callgrind::{Cost, build, count, fill};
use crate::instructions::{SCENARIOS, accepted};
use crate::steps::{install, run, target};

/// As much as callgrind needs to see the same for each request.
const COUNTED: u64 = 128;
/// How many instructions are sampled: two seconds or so, which are thousands of samples.
const SAMPLED: u64 = 10_000_000_000;
/// All requests are made before the first is served, so there is a bound to what fits into memory.
const MOST: u64 = 100_000;

/// Profiles a scenario, with counts instead of samples if asked to, and prints the `top` functions.
pub(crate) fn run_one(scenario: &str, counts: bool, top: usize) -> Result<()> {
    if !SCENARIOS.contains(&scenario) {
        bail!("there is no scenario {scenario}: {}", SCENARIOS.join(", "));
    }
    let bench = build("profiling")?;
    if !counts && perf_works() {
        return sample(&bench, scenario, top);
    }
    if !counts {
        println!(
            "perf cannot sample here, so no flame graph: callgrind knows who called whom, but"
        );
        println!("no whole stacks");
    }
    if !install("valgrind", "--version") {
        bail!("there is no valgrind");
    }
    fill(&bench)?;
    let counted = count(&bench, scenario, COUNTED)?;
    println!("{scenario}: {} instructions a request", counted.per_request());
    print("instructions", counted.functions, counted.total, top);
    Ok(())
}

/// Containers often forbid it.
fn perf_works() -> bool {
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-g", "-o"]).arg("/dev/null").arg("true");
    perf.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn sample(bench: &Path, scenario: &str, top: usize) -> Result<()> {
    let folder = target().join("profile");
    fs::create_dir_all(&folder)?;
    let requests = (SAMPLED / accepted(scenario)?.max(1)).min(MOST).to_string();
    let file = |end: &str| folder.join(format!("{scenario}.{end}"));
    let (control, ack) = (file("control"), file("ack"));
    for pipe in [&control, &ack] {
        if pipe.exists() {
            fs::remove_file(pipe)?;
        }
        run(Command::new("mkfifo").arg(pipe))?;
    }
    // Virtual machines often have no counter of cycles, but every one has a clock.
    // It starts to sample when the bench says so, after the data is made. Whole stacks are copied,
    // because code without frame pointers cannot be walked otherwise.
    let mut record = Command::new("perf");
    record.args(["record", "-q", "-e", "cpu-clock", "-F", "1999", "--delay=-1"]);
    record.args(["--call-graph", "dwarf,16384"]);
    record.arg(format!("--control=fifo:{},{}", control.display(), ack.display()));
    record.arg("-o").arg(file("data")).arg(bench).args([scenario, &requests]);
    run(record.env("PERF_CONTROL", &control).env("PERF_ACK", &ack))?;
    fs::remove_file(control)?;
    fs::remove_file(ack)?;

    let mut script = Command::new("perf");
    script.args(["script", "--no-inline", "-i"]).arg(file("data"));
    let mut script = script.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stacks = BufReader::new(script.stdout.take().context("perf script has no output")?);
    let mut folded = Vec::new();
    Folder::default().collapse(stacks, &mut folded)?;
    if !script.wait()?.success() {
        bail!("perf cannot read what it recorded");
    }
    let mut options = flamegraph::Options::default();
    scenario.clone_into(&mut options.title);
    flamegraph::from_reader(&mut options, &folded[..], File::create(file("svg"))?)?;
    println!("{}", file("svg").display());
    let (functions, total) = functions(&String::from_utf8_lossy(&folded));
    print("nanoseconds", functions, total, top);
    Ok(())
}

/// What each function has of lines such as `outer;inner 7`, and the sum of all.
fn functions(folded: &str) -> (HashMap<String, Cost>, u64) {
    let mut functions: HashMap<String, Cost> = HashMap::new();
    let mut total = 0;
    for (stack, samples) in folded.lines().filter_map(|line| line.rsplit_once(' ')) {
        let samples = samples.parse().unwrap_or(0);
        total += samples;
        // A function that called itself has the sample once.
        for name in stack.split(';').collect::<BTreeSet<_>>() {
            functions.entry(name.to_owned()).or_default().whole += samples;
        }
        if let Some(last) = stack.rsplit(';').next() {
            functions.entry(last.to_owned()).or_default().own += samples;
        }
    }
    (functions, total)
}

/// The heaviest functions, by what they do themselves and by what is done for them.
fn print(unit: &str, functions: HashMap<String, Cost>, total: u64, top: usize) {
    let mut functions: Vec<_> = functions.into_iter().collect();
    let share = |part: u64| part as f64 * 100.0 / total.max(1) as f64;
    println!("{total} {unit}; the heaviest functions by their own part, and with what they call:");
    for by_own in [true, false] {
        functions
            .sort_by_key(|(_, cost)| std::cmp::Reverse(if by_own { cost.own } else { cost.whole }));
        for (name, cost) in functions.iter().take(top) {
            println!("  {:5.1} %  {:5.1} %  {name}", share(cost.own), share(cost.whole));
        }
        println!();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_its_own_samples_and_those_above_it_once() {
        let (functions, total) = functions("a;b;a 3\na;c 2\n");
        assert_eq!(total, 5);
        assert_eq!(functions["a"], Cost { own: 3, whole: 5 });
        assert_eq!(functions["c"], Cost { own: 2, whole: 2 });
    }
}

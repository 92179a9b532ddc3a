//! `bench agree`: decisions that open the next step, 128 callers at once and durable, beside exactly the
//! row changes that they made, in bulk; with few and with many instances open.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::http::median;
use crate::steps::{root, run, target};

/// How many tasks are decided in a round; a multiple of the callers.
const AGREES: usize = 8_192;
/// How many decide at once, and how many decisions a transaction of the bulk program makes.
const CALLERS: usize = 128;
const ROUNDS: usize = 5;
/// The table that a decision changes first.
const FIRST: &str = "flow_history";
/// The least of decisions a second, to the same in bulk.
const TO_BULK: f64 = 0.6;
/// The most by which a decision may cost more with the most instances open than with the fewest.
const GROWTH: f64 = 1.4;

#[derive(Deserialize)]
struct Ran {
    #[serde(alias = "syncs", alias = "done")]
    count: f64,
    seconds: f64,
    #[serde(default)]
    statements: u64,
    #[serde(default)]
    missed: u64,
}

impl Ran {
    fn rate(&self) -> f64 {
        self.count / self.seconds
    }
}

/// What is measured on: one folder for each size, and a copy of its file for each run.
struct Place {
    data: PathBuf,
    tasks: PathBuf,
    copy: PathBuf,
    changes: PathBuf,
}

/// Measures with so many instances open each.
pub(crate) fn agree(sizes: &[usize]) -> Result<()> {
    let mut places = Vec::new();
    for size in sizes {
        places.push(prepare(*size)?);
    }
    let mut rates = vec![Vec::new(); sizes.len()];
    let mut ratios = rates.clone();
    let mut statements = 0.0;
    for _ in 0..ROUNDS {
        // By turns, so that all sizes see the same machine.
        for (at, place) in places.iter().enumerate() {
            let product = place.decide(CALLERS)?;
            let bulk = place.program("syncs", &[("WHAT", "once")])?;
            if bulk.missed * 100 > bulk.statements {
                bail!("{} of {} statements found no row", bulk.missed, bulk.statements);
            }
            statements = bulk.statements as f64 / bulk.count;
            rates[at].push(product.rate());
            ratios[at].push(product.rate() / bulk.rate());
        }
    }
    for ((size, rates), ratios) in sizes.iter().zip(&rates).zip(&ratios) {
        println!(
            "{size} open: decisions to the same in bulk {:.3} (wanted >= {TO_BULK}), {:.0} a second, \
             {statements:.1} row changes each; of each round {ratios:.2?}",
            median(ratios),
            median(rates),
        );
    }
    if let [few, .., many] = &rates[..] {
        let growth: Vec<f64> = few.iter().zip(many).map(|(few, many)| few / many).collect();
        println!(
            "cost with the most open to the fewest {:.3} (wanted <= {GROWTH})",
            median(&growth)
        );
    }
    Ok(())
}

/// Makes the folder of a size unless it is there, and notes what its decisions change.
fn prepare(size: usize) -> Result<Place> {
    let folder = target().join("bench-agree").join(format!("{size}"));
    fs::create_dir_all(&folder)?;
    let file = |name: &str| folder.join(name);
    let place = Place {
        data: file("data.db"),
        tasks: file("tasks.txt"),
        copy: file("run.db"),
        changes: file("changes.db"),
    };
    if !place.tasks.is_file() {
        println!("{size} open: starting instances");
        remove(&place.data)?;
        let (open, agrees) = (size.to_string(), AGREES.to_string());
        let mut make = bench("countersign", "agree");
        make.env("WHAT", "make").env("DATA", &place.data).env("TASKS", &place.tasks);
        run(make.env("OPEN", open).env("AGREES", agrees))?;
    }
    println!("{size} open: noting what decisions change");
    place.fresh()?;
    place.program_on("syncs", &[("WHAT", "note")])?;
    place.decide_on(1)?;
    place.program_on("syncs", &[("WHAT", "keep")])?;
    Ok(place)
}

impl Place {
    /// A copy in which rows may be changed.
    fn fresh(&self) -> Result<()> {
        remove(&self.copy)?;
        fs::copy(&self.data, &self.copy)?;
        // Copied pages are written now, not while something is measured.
        run(&mut Command::new("sync"))
    }

    fn decide(&self, callers: usize) -> Result<Ran> {
        self.fresh()?;
        parsed(&self.decide_on(callers)?)
    }

    fn decide_on(&self, callers: usize) -> Result<String> {
        let mut run = bench("countersign", "agree");
        run.env("WHAT", "run").env("TASKS", &self.tasks).env("CALLERS", callers.to_string());
        output(run.env("DATA", &self.copy))
    }

    fn program(&self, name: &str, variables: &[(&str, &str)]) -> Result<Ran> {
        self.fresh()?;
        parsed(&self.program_on(name, variables)?)
    }

    fn program_on(&self, name: &str, variables: &[(&str, &str)]) -> Result<String> {
        let mut program = bench("store", name);
        program.envs(variables.iter().copied()).env("DATA", &self.copy).env("FIRST", FIRST);
        output(program.env("CHANGES", &self.changes).env("SYNCS", CALLERS.to_string()))
    }
}

fn bench(package: &str, name: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = Command::new(cargo);
    bench.args(["bench", "-q", "-p", package, "--bench", name]).current_dir(root());
    bench
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot start cargo bench")?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn parsed(text: &str) -> Result<Ran> {
    serde_json::from_str(text.trim()).with_context(|| text.to_owned())
}

/// Removes a data file with what SQLite keeps beside it.
fn remove(file: &Path) -> Result<()> {
    for name in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(name);
        match fs::remove_file(PathBuf::from(path)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

//! `bench http`: the product over HTTP beside a server that does nothing, in the same run, by turns.

mod client;
mod goals;
mod load;
mod machine;
mod recorded;
mod report;
mod requests;
mod rows;
mod run;
mod samples;
mod server;
mod shared;
mod writes;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::company::company;
use crate::steps::{cargo, root, target};
use load::Wrk;
use rows::{Kind, Mode, ROWS, Row, Under};
use samples::Results;
pub(crate) use samples::median;
pub(crate) use server::Place;

/// Which engine keeps the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    /// The data folder.
    #[default]
    Sqlite,
    /// A PostgreSQL server of the run's own.
    Postgres,
}

/// What is measured, and how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Which engine
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Rounds; the table has their medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rows, with commas between them; all without it
    #[arg(long, value_delimiter = ',', value_parser = Row::named)]
    rows: Vec<Row>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// On which cores
    #[arg(long, value_delimiter = ',', value_enum, default_value = "pinned,two")]
    modes: Vec<Mode>,
    /// What is written while rows of reads run
    #[arg(long, value_delimiter = ',', value_enum, default_value = "idle,writes,saturated")]
    under: Vec<Under>,
    /// The profile that is built
    #[arg(long, default_value = "dist")]
    profile: String,
    /// Append the tables to docs/benchmarks.md
    #[arg(long)]
    report: bool,
}

/// The programs of a run.
pub(crate) struct Programs {
    product: PathBuf,
    bare: PathBuf,
    writer: PathBuf,
    replay: PathBuf,
}

/// Measures every size, prints the tables and keeps all samples.
pub(crate) fn http(sizes: &[usize], options: &Options) -> Result<()> {
    let mut options = options.clone();
    if options.rows.is_empty() && options.engine == Engine::Sqlite {
        options.rows = ROWS.to_vec();
    }
    machine::two_cores()?;
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder)?;
    let wrk = Wrk::prepare(&folder)?;
    let programs = build(&options)?;
    let mut results = Results { engine: options.engine, ..Results::default() };
    let mut unchecked = Vec::new();
    for &size in sizes {
        if options.engine == Engine::Postgres {
            unchecked.push(shared::shared(&programs, &wrk, &mut options, size, &mut results)?);
            continue;
        }
        let company = company(&programs.product, size)?;
        run::Size::prepare(&programs, &wrk, &options, company)?.measure(&mut results)?;
    }
    report::report(&options, sizes, &results)?;
    unchecked.into_iter().try_for_each(|database| database.end(&programs))
}

fn build(options: &Options) -> Result<Programs> {
    let profile = options.profile.as_str();
    // Together, so that both servers have the same libraries.
    cargo(&[
        "build",
        "-q",
        "--profile",
        profile,
        "-p",
        "countersign",
        "-p",
        "xtask",
        "--bin",
        "countersign",
        "--bin",
        "bare",
        "--bin",
        "writer",
        "--bin",
        "replay",
    ])?;
    if options.rows.iter().any(|row| matches!(row.kind, Kind::Sync(_))) {
        cargo(&["bench", "-q", "-p", "store", "--bench", "syncs", "--no-run"])?;
    }
    let folder = target().join(profile);
    let program = |name: &str| {
        let path = folder.join(name).canonicalize();
        path.with_context(|| format!("{name} was not built in {}", folder.display()))
    };
    Ok(Programs {
        product: program("countersign")?,
        bare: program("bare")?,
        writer: program("writer")?,
        replay: program("replay")?,
    })
}

/// Sizes as people type them: `1e6` or `1000000`.
pub(crate) fn size(text: &str) -> Result<usize> {
    let (digits, zeros) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let size = digits.parse::<usize>().ok().zip(zeros.parse::<u32>().ok());
    let size = size.and_then(|(digits, zeros)| digits.checked_mul(10_usize.checked_pow(zeros)?));
    size.filter(|size| *size >= 10_000)
        .with_context(|| format!("{text} is not a number of tasks from 1e4, such as 1e6"))
}

/// Where the text about results is.
pub(crate) fn document() -> PathBuf {
    root().join("docs/benchmarks.md")
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_as_people_type_them() {
        assert_eq!(size("1e6").unwrap(), 1_000_000);
        assert_eq!(size("100000").unwrap(), 100_000);
        assert!(["", "e6", "1e", "1e99", "12", "1.5e6"].iter().all(|text| size(text).is_err()));
    }
}

//! Developer tasks: `cargo xtask test`. No logic of the product.

#![expect(clippy::print_stdout, reason = "a tool at a terminal")]

mod agree;
mod bench;
mod callgrind;
mod company;
mod conformance;
mod http;
mod instructions;
mod mutants;
mod openapi;
mod pg_server;
mod postgres;
mod profile;
mod records;
mod schemathesis;
mod steps;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
#[command(name = "xtask", about = "Developer tasks of Countersign")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what the tests need and run everything
    Test {
        /// Instead: change the rules one by one and see that a test fails each time
        #[arg(long, conflicts_with = "postgres")]
        mutants: bool,
        /// Only what runs on PostgreSQL
        #[arg(long)]
        postgres: bool,
    },
    /// Have the official clients tell their story, and compare what they saw with what is accepted
    Conformance {
        /// Accept what they saw, if it is the same for all: the golden file and the compatibility page
        #[arg(long)]
        accept: bool,
        /// Serve from this PostgreSQL database, which is empty, instead of a folder
        #[arg(long, value_name = "URL")]
        database: Option<String>,
    },
    /// Measure, in ratios to a reference in the same run
    Bench {
        /// What
        #[arg(value_enum, default_value = "http")]
        bench: Bench,
        /// How many tasks, such as 1e6; `http` takes several with commas between them
        #[arg(long, value_delimiter = ',', value_parser = http::size)]
        tasks: Vec<usize>,
        /// What `http` measures
        #[command(flatten)]
        options: http::Options,
    },
    /// Count the instructions of the main handlers and compare them with the accepted figures
    Instructions {
        /// Write the new figures
        #[arg(long)]
        accept: bool,
    },
    /// Write docs/openapi.json anew, from what the server serves
    Openapi,
    /// Send a server what its OpenAPI document allows and forbids, and see that it answers as it says
    Schemathesis {
        /// How many requests of each kind to an endpoint; more find more
        #[arg(long, default_value_t = schemathesis::SHORT, value_name = "N")]
        examples: usize,
    },
    /// Show where the time of one of these handlers goes, as a flame graph
    Profile {
        /// Which: a row of the table that `instructions` prints
        row: String,
        /// Count with callgrind instead of sampling with perf
        #[arg(long)]
        counts: bool,
        /// How many functions to print
        #[arg(long, default_value_t = 10)]
        top: usize,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bench {
    /// Every endpoint that is often called, beside a server that does nothing
    Http,
    /// One person's lists: how the cost of a question grows with them
    Lists,
    /// An import, beside a bare bulk insert of the same rows
    Import,
    /// Decisions in flows that open the next step, beside the same row changes in bulk; `tasks` is how
    /// many instances are open
    Agree,
    /// Only the data folder that is measured
    Data,
}

/// How many tasks `http` measures with.
const SIZES: [usize; 3] = [100_000, 1_000_000, 10_000_000];
/// How many instances are open while `agree` decides.
const OPEN: [usize; 2] = [10_000, 1_000_000];
/// How many the others do.
const SIZE: usize = 1_000_000;

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Bench { bench, tasks, options } => measure(bench, &tasks, &options),
        Task::Conformance { accept, database } => {
            steps::cargo(&["build", "--package", "countersign"])?;
            conformance::install()?;
            conformance::run_all(accept, database.as_deref())
        }
        Task::Instructions { accept } => instructions::run(accept),
        Task::Schemathesis { examples } => {
            schemathesis::install()?;
            steps::cargo(&["build"])?;
            schemathesis::run_all(examples)
        }
        Task::Openapi => openapi::accept(),
        Task::Profile { row, counts, top } => profile::run_one(&row, counts, top),
        Task::Test { mutants: true, .. } => mutants::run_all(),
        Task::Test { postgres: true, .. } => postgres::test(false),
        Task::Test { .. } => test(),
    }
}

fn measure(bench: Bench, tasks: &[usize], options: &http::Options) -> Result<()> {
    let size = tasks.first().copied().unwrap_or(SIZE);
    match bench {
        Bench::Http => http::http(if tasks.is_empty() { &SIZES } else { tasks }, options),
        Bench::Lists => bench::lists(size),
        Bench::Import => bench::import(size),
        Bench::Agree => agree::agree(if tasks.is_empty() { &OPEN } else { tasks }),
        Bench::Data => {
            let made = company::company(&steps::target().join("dist/countersign"), size)?;
            println!("{made:?}");
            Ok(())
        }
    }
}

/// Installing waits for the network while compiling needs the cores, so they go side by side.
fn test() -> Result<()> {
    let install =
        std::thread::spawn(|| conformance::install().and_then(|()| schemathesis::install()));
    let rust = steps::cargo(&["test", "--workspace"]);
    let install = install.join().map_err(|_| anyhow::anyhow!("the installation panicked"))?;
    rust?;
    install?;
    postgres::test(true)?;
    conformance::run_all(false, None)?;
    schemathesis::run_all(schemathesis::SHORT)?;
    instructions::run(false)
}

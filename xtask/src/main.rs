//! Developer tasks: `cargo xtask test`. No logic of the product.

#![expect(clippy::print_stdout, reason = "a tool at a terminal")]

mod conformance;
mod mutants;
mod steps;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
        #[arg(long)]
        mutants: bool,
    },
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Test { mutants: true } => mutants::run_all(),
        Task::Test { mutants: false } => test(),
    }
}

/// Installing waits for the network while compiling needs the cores, so they go side by side.
fn test() -> Result<()> {
    let install = std::thread::spawn(conformance::install);
    let rust = steps::cargo(&["test", "--workspace"]);
    let install = install.join().map_err(|_| anyhow::anyhow!("the installation panicked"))?;
    rust?;
    install?;
    conformance::run_all()
}

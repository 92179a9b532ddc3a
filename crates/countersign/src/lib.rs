//! Flags, settings, signals and wiring: everything between the operating system and the hub.
//!
//! Owns import formats and what is printed at a terminal. Knows no rules, no SQL and no member of
//! the wire.

mod apps;
mod audit;
pub mod cli;
mod clock;
pub mod config;
mod copy;
pub mod deliver;
mod dev;
mod flow;
mod import;
mod key;
mod migrate;
pub mod observe;
mod open;
mod operate;
mod output;
mod people;
mod people_csv;
mod serve;
pub mod server;
pub mod tls;

use std::process::ExitCode;

use cli::{Cli, Command};
use output::Output;

/// Runs a command and tells how it ended.
pub fn run(cli: Cli) -> ExitCode {
    let output = Output { json: cli.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failure(&error.into()),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Dev(args) => dev::run(args, output).await,
            Command::Serve(args) => serve::run(args, output).await,
            Command::Flow(command) => flow::run(command, output).await,
            Command::Completions { shell } => {
                output::completions(shell);
                Ok(())
            }
            Command::Operate(command) => operate::run(command, output).await,
        }
    });
    match done {
        Ok(()) => output::success(),
        Err(error) => output.failure(&error),
    }
}

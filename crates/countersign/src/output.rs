//! What is printed at a terminal: text for people, or one JSON value.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::CommandFactory;
use clap_complete::Shell;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::{Value, json};

use crate::cli::Cli;

/// How a command answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

#[expect(clippy::print_stderr, reason = "the one place that prints")]
impl Output {
    /// One answer in both forms.
    pub(crate) fn answer(self, text: &str, value: &Value) {
        if self.json { print(value) } else { print(&text) }
    }

    /// A table, or an array of objects with the same names.
    pub(crate) fn table(self, names: &[&str], rows: &[Vec<String>]) {
        if self.json {
            let object = |row: &Vec<String>| -> Value {
                names.iter().zip(row).map(|(n, v)| ((*n).to_owned(), json!(v))).collect()
            };
            return print(&rows.iter().map(object).collect::<Value>());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(names.to_vec()).add_rows(rows.to_vec());
        print(&table);
    }

    /// Something on the way to the answer, for people only.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// The end of a command that did not do what was asked.
    pub(crate) fn failure(self, error: &anyhow::Error) -> ExitCode {
        if self.json {
            eprintln!("{}", json!({"error": format!("{error:#}")}));
        } else {
            eprintln!("error: {error:#}");
        }
        ExitCode::FAILURE
    }
}

/// What a shell asks to complete commands.
pub(crate) fn completions(shell: Shell) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "countersign", &mut text);
    print(&String::from_utf8_lossy(&text).trim_end());
}

/// Whether an answer did not reach who asked.
static LOST: AtomicBool = AtomicBool::new(false);

/// How a command ends that did what was asked: no success when its answer (a secret, say) is lost.
pub(crate) fn success() -> ExitCode {
    if LOST.load(Ordering::Relaxed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Prints a line. Whoever reads may have had enough of it, as in `list | head`.
#[expect(clippy::print_stderr, reason = "the one place that prints")]
fn print(text: &dyn Display) {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: cannot print the answer: {error}");
            LOST.store(true, Ordering::Relaxed);
        }
        _ => {}
    }
}

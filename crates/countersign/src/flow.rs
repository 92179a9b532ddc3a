//! `flow`: flow files at a terminal. Knows no hub: a file says everything that is looked at here.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::process::{self, Definition, Fault};
use serde_json::{Value, json};

use crate::cli::FlowCommand;
use crate::output::Output;

pub(crate) fn run(command: FlowCommand, output: Output) -> Result<()> {
    match command {
        FlowCommand::Check { files } => check(&files, output),
        FlowCommand::Diagram { file, out, language } => {
            let svg = process::diagram(&sound(&file)?, &language);
            let Some(out) = out else {
                output.answer(&svg, &json!({"svg": svg}));
                return Ok(());
            };
            fs::write(&out, &svg).with_context(|| format!("cannot write {}", out.display()))?;
            let text = format!("drew {} into {}", file.display(), out.display());
            output.answer(&text, &json!({"file": out}));
            Ok(())
        }
        FlowCommand::Schema => {
            let schema: Value = serde_json::from_str(process::SCHEMA).context("the schema")?;
            output.answer(process::SCHEMA.trim_end(), &schema);
            Ok(())
        }
    }
}

fn read(file: &Path) -> Result<Result<Definition, Vec<Fault>>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(process::check(&text))
}

/// The definition in a file without faults.
fn sound(file: &Path) -> Result<Definition> {
    read(file)?.map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| line(file, fault)).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })
}

/// As compilers write it, so that editors find the place.
fn line(file: &Path, fault: &Fault) -> String {
    format!("{}:{fault}", file.display())
}

fn check(files: &[impl AsRef<Path>], output: Output) -> Result<()> {
    let (mut lines, mut answers, mut wrong) = (Vec::new(), Vec::new(), 0);
    for file in files.iter().map(AsRef::as_ref) {
        let faults = match read(file)? {
            Ok(definition) => {
                lines.push(format!("{}: {} is sound", file.display(), definition.api_id));
                Vec::new()
            }
            Err(faults) => faults,
        };
        wrong += usize::from(!faults.is_empty());
        lines.extend(faults.iter().map(|fault| line(file, fault)));
        let faults = faults.iter().map(|fault| {
            json!({
                "line": fault.spot.line,
                "column": fault.spot.column,
                "path": fault.path,
                "message": fault.message,
            })
        });
        answers.push(json!({"file": file, "faults": faults.collect::<Value>()}));
    }
    output.answer(&lines.join("\n"), &Value::Array(answers));
    if wrong > 0 {
        bail!("{wrong} of {} files have faults", files.len());
    }
    Ok(())
}

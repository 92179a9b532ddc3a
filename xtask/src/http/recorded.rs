//! What a PostgreSQL server was asked, from its own log: the transactions that wrote, statement by
//! statement with parameters, for `replay`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A statement with its parameters as text.
type Step = (String, Vec<Option<String>>);

/// What every transaction of interest writes.
const SYNC: &str = "external_instance";

/// Reads a log in JSON and writes one transaction a line. Answers how many.
pub(crate) fn transactions(log: &Path, file: &Path) -> Result<usize> {
    let mut open: HashMap<i64, Vec<Step>> = HashMap::new();
    let mut out = BufWriter::new(File::create(file)?);
    let mut count = 0;
    let lines = File::open(log).with_context(|| format!("no log {}", log.display()))?;
    for line in BufReader::new(lines).lines() {
        let entry: Value = serde_json::from_str(&line?)?;
        let (Some(pid), Some(message)) = (entry["pid"].as_i64(), entry["message"].as_str()) else {
            continue;
        };
        if let Some(command) = message.strip_prefix("statement: ") {
            if command.starts_with("BEGIN") {
                open.insert(pid, Vec::new());
            } else if let Some(steps) = open.remove(&pid)
                && command.starts_with("COMMIT")
                && steps.iter().any(|(text, _)| writes(text, SYNC))
            {
                serde_json::to_writer(&mut out, &steps)?;
                writeln!(out)?;
                count += 1;
            }
        } else if let Some(rest) = message.strip_prefix("execute ")
            && let Some((_, text)) = rest.split_once(": ")
            && let Some(steps) = open.get_mut(&pid)
        {
            let detail = entry["detail"].as_str().unwrap_or_default();
            steps.push((text.to_owned(), parameters(detail)?));
        }
    }
    out.flush()?;
    Ok(count)
}

fn writes(text: &str, table: &str) -> bool {
    let words = ["INSERT INTO ", "UPDATE "];
    words.iter().any(|word| {
        let rest = text.strip_prefix(word).and_then(|rest| rest.strip_prefix(table));
        rest.is_some_and(|rest| rest.starts_with(' '))
    })
}

/// `parameters: $1 = '7', $2 = NULL, $3 = 'it''s'`.
fn parameters(detail: &str) -> Result<Vec<Option<String>>> {
    let Some((_, mut rest)) = detail.split_once("arameters: ") else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    while let Some((_, value)) = rest.split_once(" = ") {
        if let Some(after) = value.strip_prefix("NULL") {
            all.push(None);
            rest = after;
            continue;
        }
        let Some(mut quoted) = value.strip_prefix('\'') else {
            bail!("cannot read the parameters {detail}");
        };
        let mut text = String::new();
        loop {
            let (part, after) = quoted.split_once('\'').context("a parameter without an end")?;
            text.push_str(part);
            quoted = after;
            // A quote in the text is doubled.
            let Some(after) = quoted.strip_prefix('\'') else { break };
            text.push('\'');
            quoted = after;
        }
        all.push(Some(text));
        rest = quoted;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_the_server_writes_them() {
        let detail = "parameters: $1 = '7', $2 = NULL, $3 = 'it''s, $4 = ''', $4 = ''";
        let some = |text: &str| Some(text.to_owned());
        let wanted = vec![some("7"), None, some("it's, $4 = '"), some("")];
        assert_eq!(parameters(detail).unwrap(), wanted);
        assert!(parameters("").unwrap().is_empty());
    }

    #[test]
    fn a_log_becomes_the_transactions_that_synced() {
        let folder = tempfile::tempdir().unwrap();
        let (log, file) = (folder.path().join("log.json"), folder.path().join("out"));
        let line = |pid: i64, message: &str, detail: &str| {
            serde_json::json!({"pid": pid, "message": message, "detail": detail}).to_string()
        };
        let lines = [
            line(1, "statement: BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", ""),
            line(2, "statement: BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", ""),
            line(2, "execute s1: UPDATE lease SET until = $1", "parameters: $1 = '5'"),
            line(
                1,
                "execute s0: INSERT INTO external_instance (a) VALUES ($1)",
                "parameters: $1 = '1'",
            ),
            line(2, "statement: COMMIT", ""),
            line(1, "statement: COMMIT", ""),
        ];
        std::fs::write(&log, lines.join("\n")).unwrap();
        assert_eq!(transactions(&log, &file).unwrap(), 1);
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text, "[[\"INSERT INTO external_instance (a) VALUES ($1)\",[\"1\"]]]\n");
    }
}

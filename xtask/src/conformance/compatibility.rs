//! docs/compatibility.md: which endpoint each client reaches and how, from what the clients recorded.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::steps::root;

/// What no record says. The tables come after it.
const HEAD: &str = include_str!("compatibility.md");

/// Fails when the page is not what the records say; with `accept` writes it.
pub(crate) fn check(records: &[(&str, Value)], skipped: &[&str], accept: bool) -> Result<()> {
    if !skipped.is_empty() {
        println!("skipped: docs/compatibility.md needs also {}", skipped.join(", "));
        return Ok(());
    }
    let api = fs::read_to_string(root().join("docs/api/README.md"))?;
    let page = page(&endpoints(&api), records)?;
    let file = root().join("docs/compatibility.md");
    if accept {
        fs::write(&file, &page)?;
    }
    if fs::read_to_string(&file).unwrap_or_default() != page {
        bail!(
            "docs/compatibility.md is not what the clients saw: cargo xtask conformance --accept"
        );
    }
    Ok(())
}

/// The page of endpoints that no story tells of: a ticket comes to a server of the caller's own.
const UNTOLD: &str = "(store_apps.md)";

/// The endpoints that there are, from the table of the API's pages: its first cells begin with a
/// method and a path in code.
fn endpoints(api: &str) -> Vec<&str> {
    api.lines()
        .filter(|line| !line.contains(UNTOLD))
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|code| code.contains(" /open-apis/"))
        .collect()
}

fn page(endpoints: &[&str], records: &[(&str, Value)]) -> Result<String> {
    let mut page = HEAD.to_owned();
    let names: Vec<_> = records.iter().map(|(name, _)| *name).collect();
    let header = format!("{} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));

    page.push_str("\n## Clients\n\n| | package | version | sent by |\n|---|---|---|---|\n");
    for (name, record) in records {
        let about =
            |member: &str| record["client"][member].as_str().unwrap_or("its own").to_owned();
        let (sdk, version, transport) = (about("sdk"), about("version"), about("transport"));
        writeln!(page, "| {name} | {sdk} | {version} | {transport} |")?;
    }

    writeln!(page, "\n## Endpoints\n\n| endpoint | {header}")?;
    for endpoint in endpoints {
        let mut row = format!("| `{endpoint}`");
        for (name, record) in records {
            let cell = ways(&record["ways"][*endpoint]);
            let cell = cell.with_context(|| format!("{name} never reached {endpoint}"))?;
            write!(row, " | {cell}")?;
        }
        writeln!(page, "{row} |")?;
    }

    writeln!(page, "\n## Refusals\n\n| code | {header}")?;
    let (_, first) = records.first().context("no client ran")?;
    for code in first["refusals"].as_object().context("no refusals")?.keys() {
        let mut row = format!("| {code}");
        for (name, record) in records {
            let parts = words(&record["refusals"][code]);
            let parts = parts.with_context(|| format!("{name} never met code {code}"))?;
            write!(row, " | {}", carried(&parts))?;
        }
        writeln!(page, "{row} |")?;
    }
    Ok(page)
}

/// How an endpoint was reached; the general call says nothing where there is one of its own.
fn ways(recorded: &Value) -> Option<String> {
    let mut ways = words(recorded)?;
    if ways.len() > 1 {
        ways.retain(|way| *way != "general call");
    }
    // The client's own ways first.
    ways.sort_by_key(|way| (*way != "own call", *way != "iterator", *way == "POST"));
    Some(ways.join(", "))
}

/// What a refusal carried beside its code. The log id in the body is told where the SDK does not find
/// the one in the header.
fn carried(parts: &[&str]) -> String {
    let log_id = if parts.contains(&"log id") { "log id" } else { "error.log_id" };
    let told = ["msg", log_id, "fields", "permissions"];
    told.into_iter().filter(|part| parts.contains(part)).collect::<Vec<_>>().join(", ")
}

fn words(recorded: &Value) -> Option<Vec<&str>> {
    let words: Vec<_> = recorded.as_array()?.iter().filter_map(Value::as_str).collect();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::{carried, endpoints, page, ways};
    use serde_json::json;

    #[test]
    fn an_endpoint_that_a_client_did_not_reach_is_an_error() {
        let record =
            json!({"client": {}, "ways": {"GET /open-apis/a": ["own call"]}, "refusals": {}});
        let api =
            "| `GET /open-apis/a` | [a](a.md) |\n| `POST /open-apis/b` (also `GET`) | [b](b.md) |";
        assert_eq!(endpoints(api), ["GET /open-apis/a", "POST /open-apis/b"]);
        let records = [("go", record)];
        assert!(page(&["GET /open-apis/a"], &records).unwrap().contains("| own call |"));
        let error = page(&endpoints(api), &records).unwrap_err();
        assert_eq!(error.to_string(), "go never reached POST /open-apis/b");
    }

    #[test]
    fn a_log_id_is_told_where_the_sdk_finds_it() {
        assert_eq!(
            carried(&["code", "error.log_id", "fields", "log id", "msg"]),
            "msg, log id, fields"
        );
        assert_eq!(carried(&["code", "error.log_id", "msg"]), "msg, error.log_id");
    }

    #[test]
    fn the_general_call_counts_where_there_is_no_other() {
        assert_eq!(ways(&json!(["general call", "own call"])).unwrap(), "own call");
        assert_eq!(ways(&json!(["general call"])).unwrap(), "general call");
        let all = json!(["POST", "general call", "iterator", "own call", "query"]);
        assert_eq!(ways(&all).unwrap(), "own call, iterator, query, POST");
        assert_eq!(ways(&json!(null)), None);
    }
}

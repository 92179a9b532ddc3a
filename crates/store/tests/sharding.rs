//! The rules that let one tenant live on one node of many: every key of a tenant's table starts with
//! the tenant, every statement on one names the tenant, and nothing needs what a cluster lacks.
//!
//! Read from the migrations and from the sources of this crate: a statement is a literal that starts as
//! one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Tables that belong to no tenant.
const GLOBAL: [&str; 7] =
    ["setting", "tenant", "app", "work_hint", "schema_migration", "store_app", "app_event"];

/// Statements over all tenants, none of which is part of a request.
const OVER_ALL: [(&str, &str); 7] = [
    ("SELECT max(newest) FROM", "once at start: ids go on above the newest"),
    ("SELECT DISTINCT tenant_id FROM inbox_delta", "once at start, and before a copy"),
    ("SELECT DISTINCT tenant_id FROM person_join", "once at start: joins that no hint names"),
    ("SELECT DISTINCT tenant_id FROM flow_run WHERE next", "once at start: timers no hint names"),
    ("SELECT DISTINCT tenant_id FROM flow_run WHERE seq", "once at start: histories to anchor"),
    ("SELECT DISTINCT tenant_id FROM substitution", "once at start: ranges that no hint names"),
    ("SELECT DISTINCT tenant_id FROM hand_over", "once at start: hand-overs that no hint names"),
];

/// Files whose statements are no requests: shapes, copies and engines' own.
const APART: [&str; 4] = ["catalogue.rs", "migrate.rs", "dialect.rs", "distribute.rs"];

/// What a cluster refuses, or answers otherwise on each node.
const FORBIDDEN: [&str; 18] = [
    "now()",
    "current_timestamp",
    "clock_timestamp",
    "random()",
    "gen_random",
    "nextval",
    "serial",
    "generated ",
    "create trigger",
    "references ",
    "foreign key",
    "deferrable",
    "advisory",
    "listen ",
    "notify ",
    "skip locked",
    "lock table",
    "create function",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
}

fn migrations() -> String {
    let mut found = Vec::new();
    files(&source().join("migrations"), ".sql", &mut found);
    found.sort();
    let text = found.iter().map(|file| std::fs::read_to_string(file).unwrap());
    let text = text.collect::<Vec<_>>().join("\n");
    let told = text.lines().filter(|line| !line.trim_start().starts_with("--"));
    told.collect::<Vec<_>>().join("\n")
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

/// Each table with the column lists of its keys and unique indexes.
fn keys() -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for statement in migrations().split(";\n") {
        let columns = |text: &str| text.split(['(', ')']).nth(1).unwrap().trim().to_owned();
        if let Some((_, made)) = statement.split_once("CREATE TABLE ") {
            let own = keys.entry(first_word(made).to_owned()).or_default();
            for line in made.lines().skip(1).map(str::trim) {
                if line.starts_with("PRIMARY KEY") || line.starts_with("UNIQUE") {
                    own.push(columns(line));
                } else if line.contains(" PRIMARY KEY") || line.contains(" UNIQUE") {
                    own.push(first_word(line).to_owned());
                }
            }
        }
        if let Some((_, made)) = statement.split_once("CREATE UNIQUE INDEX ") {
            let (_, on) = made.split_once(" ON ").or_else(|| made.split_once("ON ")).unwrap();
            keys.get_mut(first_word(on)).unwrap().push(columns(on));
        }
    }
    keys
}

#[test]
fn every_key_of_a_tenants_table_starts_with_the_tenant() {
    let keys = keys();
    assert!(keys.len() > 20, "{keys:?}");
    for (table, own) in keys.iter().filter(|(table, _)| !GLOBAL.contains(&&***table)) {
        assert!(!own.is_empty(), "{table} has no key");
        for columns in own {
            assert_eq!(first_word(columns), "tenant_id", "{table} ({columns})");
        }
    }
}

/// The literals of a source without its tests, in order, with what stands before each.
fn literals(text: &str) -> Vec<(String, String)> {
    let text = text.split("#[cfg(test)]").next().unwrap();
    let told = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = told.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('"') {
        // A character, not the start of a literal.
        if before.ends_with('\'') {
            rest = after;
            continue;
        }
        let mut end = 0;
        let bytes = after.as_bytes();
        while bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        // A line break that is escaped swallows what the next line begins with.
        let mut lines = after[..end].split("\\\n");
        let first = lines.next().unwrap().to_owned();
        let literal = lines.fold(first, |text, line| text + line.trim_start());
        found.push((before.to_owned(), literal));
        rest = &after[end + 1..];
    }
    found
}

fn is_statement(text: &str) -> bool {
    ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "]
        .iter()
        .any(|verb| text.starts_with(verb))
}

/// A macro that puts a statement together from literals: its parameters, and its text with `$name` for
/// each.
struct Template {
    name: String,
    parameters: Vec<String>,
    text: String,
}

/// Names behind a `$`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).map(first_word)
}

fn templates(text: &str) -> Vec<Template> {
    let macros = text.split("macro_rules! ").skip(1).filter_map(|made| {
        let (head, body) = made.split("\n}").next()?.split_once("concat!(")?;
        // Ends with an empty literal, so that what stands behind the last one is seen too.
        let mut text = String::new();
        for (before, literal) in literals(&format!("{body}\"\"")) {
            text.extend(variables(&before).flat_map(|name| ["$", name]));
            text += &literal;
        }
        let parameters = variables(head).map(str::to_owned).collect();
        Some(Template { name: first_word(made).to_owned(), parameters, text })
    });
    macros.collect()
}

/// Every statement, with its file.
fn statements() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&source(), ".rs", &mut found);
    let name = |file: &PathBuf| file.strip_prefix(source()).unwrap().to_str().unwrap().to_owned();
    found.retain(|file| {
        let name = name(file);
        !APART.iter().any(|apart| name.ends_with(apart)) && !name.ends_with("tests.rs")
    });
    let read = |file: &PathBuf| (name(file), std::fs::read_to_string(file).unwrap());
    let sources: Vec<(String, String)> = found.iter().map(read).collect();
    let mut all = Vec::new();
    for (name, text) in &sources {
        // A literal that starts a statement inside a macro is only a part of one.
        let whole = literals(text).into_iter().filter(|(_, text)| is_statement(text));
        let whole = whole.filter(|(before, _)| !before.trim_end().ends_with("concat!("));
        all.extend(whole.map(|(_, statement)| (name.clone(), statement)));
        for template in templates(text) {
            // `of_list` is called in the files beside it; other names stand for one macro a file.
            let folder = Path::new(name).parent();
            for (caller, text) in sources.iter().filter(|(n, _)| Path::new(n).parent() == folder) {
                if caller != name && template.name != "of_list" {
                    continue;
                }
                for call in text.split(&format!("{}!(", template.name)).skip(1) {
                    let given = literals(call).into_iter().zip(&template.parameters);
                    let statement = given
                        .fold(template.text.clone(), |text, ((_, given), name)| {
                            text.replace(&format!("${name}"), &given)
                        });
                    all.push((caller.clone(), statement));
                }
            }
        }
    }
    all
}

/// The tables that a statement reads or writes.
fn tables(statement: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for verb in [" FROM ", " JOIN ", "INSERT INTO ", "UPDATE ", " {then join} "] {
        found.extend(statement.split(verb).skip(1).map(first_word));
    }
    found
}

#[test]
fn every_statement_on_a_tenants_table_names_the_tenant() {
    let known = keys();
    let all = statements();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, statement) in &all {
        let own = tables(statement).into_iter().filter(|t| !GLOBAL.contains(t));
        let own: Vec<&str> = own.filter(|table| known.contains_key(*table)).collect();
        for table in &own {
            *seen.entry(table).or_default() += 1;
        }
        if own.is_empty() || OVER_ALL.iter().any(|(start, _)| statement.starts_with(start)) {
            continue;
        }
        let names = statement.contains("tenant_id = $")
            || statement.split_once(" (").is_some_and(|(_, columns)| {
                statement.starts_with("INSERT INTO ") && first_word(columns) == "tenant_id"
            });
        assert!(names, "{file}: {statement}");
    }
    // None was overlooked: every table is read or written by something that was looked at.
    for table in known.keys().filter(|table| !GLOBAL.contains(&&***table)) {
        assert!(seen.contains_key(&**table), "no statement on {table} was found");
    }
    for (start, why) in OVER_ALL {
        assert!(all.iter().any(|(_, text)| text.starts_with(start)), "{start} ({why}) is gone");
    }
}

#[test]
fn nothing_asks_for_what_a_cluster_lacks() {
    let texts = statements().into_iter().chain([("migrations".to_owned(), migrations())]);
    for (file, text) in texts {
        let text = text.to_lowercase();
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{file}: `{word}` in {text}");
        }
    }
}

#[test]
fn a_breach_would_be_seen() {
    let text = "tx.execute(\n    \"DELETE FROM flow \\\n     WHERE flow_id = $1\", &[])";
    let found = literals(text);
    assert_eq!(found[0].1, "DELETE FROM flow WHERE flow_id = $1");
    assert!(is_statement(&found[0].1));
    assert_eq!(tables(&found[0].1), ["flow"]);
    assert_eq!(
        tables("SELECT 1 FROM person p JOIN person_alias a ON 1"),
        ["person", "person_alias"]
    );
}

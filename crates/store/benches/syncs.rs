//! The bare minimum for syncs: exactly the row changes that syncs made, straight into a copy of the
//! same file, so many syncs in each transaction. No HTTP, no rules, nothing read before it is
//! written.
//!
//! `WHAT=note` has every change of a row in `DATA` noted from now on, `keep` moves the notes into the
//! file `CHANGES`, and `replay` makes the changes again for `SECONDS`, `SYNCS` in each transaction;
//! `once` makes each once. `FIRST` is the table whose change begins a sync, or whatever was noted.
//! Checkpoints are made inline (`wal_autocheckpoint` 1000, SQLite's default), commits are synced
//! (`synchronous` FULL), the file is mapped as the product does.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool at a terminal")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// The table whose row a sync changes first.
const INSTANCE: &str = "external_instance";
/// As many columns as the widest table has.
const COLUMNS: usize = 12;
/// What no sync writes, and what the notes are kept in.
const LEFT_OUT: &str = "'migration', 'setting', 'tenant', 'app', 'token_issue', 'bench_note'";
/// As the product maps it.
const MMAP_BYTES: i64 = 0x7fff_0000;

fn main() {
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let (data, changes) = (text("DATA"), text("CHANGES"));
    if data.is_empty() {
        println!("DATA names no file: nothing to do");
        return;
    }
    let conn = Connection::open(data).unwrap();
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
        conn.pragma_update(None, name, value).unwrap();
    }
    conn.pragma_update(None, "wal_autocheckpoint", 1_000).unwrap();
    conn.pragma_update(None, "mmap_size", MMAP_BYTES).unwrap();
    conn.set_prepared_statement_cache_capacity(64);
    match &*text("WHAT") {
        "note" => note(&conn),
        "keep" => keep(&conn, &changes),
        _ => {
            let (size, first) = (text("SYNCS").parse().unwrap(), text("FIRST"));
            let first = if first.is_empty() { INSTANCE } else { &first };
            let seconds = text("SECONDS").parse().map(Duration::from_secs).ok();
            replay(&conn, &syncs(&conn, &changes, first), size, seconds);
        }
    }
}

/// A table's columns, and how many of them, the first ones, are its key.
struct Table {
    columns: Vec<String>,
    key: usize,
}

fn tables(conn: &Connection) -> HashMap<String, Table> {
    let names = format!(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ({LEFT_OUT}) \
         AND name NOT LIKE 'sqlite%'"
    );
    let mut tables = HashMap::new();
    for name in texts(conn, &names) {
        let key = format!("SELECT name FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk");
        let all = format!("SELECT name FROM pragma_table_info('{name}') ORDER BY cid");
        let (key, columns) = (texts(conn, &key), texts(conn, &all));
        assert!(columns.starts_with(&key) && columns.len() <= COLUMNS, "{name}");
        tables.insert(name, Table { columns, key: key.len() });
    }
    tables
}

fn note(conn: &Connection) {
    let places: Vec<String> = (0..COLUMNS).map(|n| format!("c{n}")).collect();
    conn.execute_batch(&format!(
        "CREATE TABLE bench_note (seq INTEGER PRIMARY KEY, name TEXT, change TEXT, {})",
        places.join(", ")
    ))
    .unwrap();
    for (name, table) in tables(conn) {
        for (change, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")] {
            let (mut into, mut values) = (String::new(), String::new());
            for (place, column) in table.columns.iter().enumerate() {
                write!(into, ", c{place}").unwrap();
                write!(values, ", {row}.{column}").unwrap();
            }
            conn.execute_batch(&format!(
                "CREATE TRIGGER bench_{name}_{change} AFTER {change} ON {name} BEGIN \
                 INSERT INTO bench_note (name, change{into}) \
                 VALUES ('{name}', '{change}'{values}); END"
            ))
            .unwrap();
        }
    }
}

fn keep(conn: &Connection, changes: &str) {
    let _ = std::fs::remove_file(changes);
    conn.execute("ATTACH ?1 AS kept", [changes]).unwrap();
    conn.execute_batch("CREATE TABLE kept.note AS SELECT * FROM bench_note ORDER BY seq").unwrap();
    for trigger in texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'trigger'") {
        conn.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    conn.execute_batch("DROP TABLE bench_note; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// One change of a row: the statement, and what is bound.
type Change = (String, Vec<Value>);

/// The changes of each sync. The first one of a sync is its instance's.
fn syncs(conn: &Connection, changes: &str, first: &str) -> Vec<Vec<Change>> {
    let tables = tables(conn);
    let source = Connection::open(changes).unwrap();
    let mut read = source.prepare("SELECT * FROM note ORDER BY seq").unwrap();
    let mut cursor = read.query([]).unwrap();
    let mut syncs: Vec<Vec<Change>> = Vec::new();
    while let Some(row) = cursor.next().unwrap() {
        let (name, change): (String, String) = (row.get(1).unwrap(), row.get(2).unwrap());
        let table = &tables[&name];
        let bound = if change == "DELETE" { table.key } else { table.columns.len() };
        let values = (0..bound).map(|place| row.get(3 + place).unwrap()).collect();
        if name == first {
            syncs.push(Vec::new());
        }
        let sync = syncs.last_mut().expect("nothing else is written before the first sync");
        sync.push((statement(&name, table, &change), values));
    }
    syncs
}

fn statement(name: &str, table: &Table, change: &str) -> String {
    let given = |from: usize, to: usize, between: &str| {
        let columns = table.columns.iter().enumerate().take(to).skip(from);
        let each: Vec<String> = columns.map(|(n, name)| format!("{name} = ?{}", n + 1)).collect();
        each.join(between)
    };
    let key = given(0, table.key, " AND ");
    match change {
        "DELETE" => format!("DELETE FROM {name} WHERE {key}"),
        "UPDATE" => {
            let rest = given(table.key, table.columns.len(), ", ");
            format!("UPDATE {name} SET {rest} WHERE {key}")
        }
        _ => {
            let marks = vec!["?"; table.columns.len()].join(", ");
            // A list may have been divided otherwise the turn before.
            format!("INSERT OR REPLACE INTO {name} VALUES ({marks})")
        }
    }
}

/// Makes the changes again: for some time and to the end of a turn, or each once.
fn replay(conn: &Connection, syncs: &[Vec<Change>], size: usize, limit: Option<Duration>) {
    let (mut done, mut statements, mut missed) = (0, 0, 0);
    let mut batch = |conn: &Connection, syncs: &mut dyn Iterator<Item = &Vec<Change>>| {
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (sql, values) in syncs.flatten() {
            let rows = conn.prepare_cached(sql).unwrap().execute(params_from_iter(values)).unwrap();
            statements += 1;
            missed += usize::from(rows == 0);
        }
        conn.execute_batch("COMMIT").unwrap();
    };
    let mut turns = syncs.iter().cycle();
    let started = Instant::now();
    while limit.map_or(done < syncs.len(), |limit| started.elapsed() < limit) {
        batch(conn, &mut turns.by_ref().take(size));
        done += size;
    }
    let seconds = started.elapsed().as_secs_f64();
    // The rest of the turn, not measured: then the data is what it was.
    let rest = if limit.is_some() { (syncs.len() - done % syncs.len()) % syncs.len() } else { 0 };
    batch(conn, &mut turns.take(rest));
    println!(
        r#"{{"syncs":{done},"seconds":{seconds},"statements":{statements},"missed":{missed}}}"#
    );
}

fn texts(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

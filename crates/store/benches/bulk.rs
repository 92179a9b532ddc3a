//! The bare minimum for the rows of a data file: the same rows into an empty file of the same shape,
//! with prepared statements in large transactions, in the order in which they came and again in the
//! order of their tables. `DATA` names the file; prints seconds.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool at a terminal")]

use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Rows in one transaction: as many as a slice of an import writes.
const ROWS: usize = 5_000;

fn main() {
    let Ok(data) = std::env::var("DATA") else {
        println!("DATA names no file: nothing to do");
        return;
    };
    let source = Connection::open(data).unwrap();
    for (name, order) in [("bulk", "ORDER BY task_id"), ("sorted bulk", "")] {
        let (rows, seconds) = copy(&source, order);
        println!("{name}: {rows} rows in {seconds:.2} s");
    }
}

/// Copies every table, the rows of lists in a given order: others come in the order of their keys,
/// which are numbers given out one after the other. Answers rows, and seconds without the reading.
fn copy(source: &Connection, order_of_lists: &str) -> (usize, f64) {
    let folder = tempfile::tempdir().unwrap();
    let target = Connection::open(folder.path().join("bulk.db")).unwrap();
    for (name, value) in [("page_size", "2048"), ("journal_mode", "WAL"), ("synchronous", "FULL")] {
        target.pragma_update(None, name, value).unwrap();
    }
    let schema = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC";
    for sql in texts(source, schema) {
        target.execute_batch(&sql).unwrap();
    }
    let (mut seconds, mut rows) = (0.0, 0);
    for table in texts(source, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let order = if table == "inbox_row" { order_of_lists } else { "" };
        let mut read = source.prepare(&format!("SELECT * FROM {table} {order}")).unwrap();
        let columns = read.column_count();
        let marks = vec!["?"; columns].join(", ");
        let insert = format!("INSERT INTO {table} VALUES ({marks})");
        let mut cursor = read.query([]).unwrap();
        loop {
            let mut slice: Vec<Vec<Value>> = Vec::with_capacity(ROWS);
            while slice.len() < ROWS {
                let Some(row) = cursor.next().unwrap() else { break };
                slice.push((0..columns).map(|column| row.get(column).unwrap()).collect());
            }
            if slice.is_empty() {
                break;
            }
            rows += slice.len();
            let started = Instant::now();
            target.execute_batch("BEGIN").unwrap();
            let mut statement = target.prepare_cached(&insert).unwrap();
            for row in slice {
                statement.execute(params_from_iter(row)).unwrap();
            }
            target.execute_batch("COMMIT").unwrap();
            seconds += started.elapsed().as_secs_f64();
        }
    }
    (rows, seconds)
}

fn texts(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

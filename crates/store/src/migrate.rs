//! Brings data to the shape this version needs, and refuses what is newer.
//!
//! Owns the list of migrations, which both engines share, and how SQLite applies them.
//! A migration is a list of single statements under a name; names are never reused and files are
//! never edited once released. Each migration is one transaction.

use domain::Millis;
use rusqlite::Connection;

use crate::schema::Migration;
use crate::{Error, Result, dialect};

/// Marks the file as ours: "CSgn" as a number, in the header of every SQLite file.
const APPLICATION_ID: i32 = 0x4353_676e;

/// Name and text, oldest first.
pub(crate) const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_external", include_str!("migrations/0001_external.sql")),
    ("0002_inbox", include_str!("migrations/0002_inbox.sql")),
    ("0003_shared", include_str!("migrations/0003_shared.sql")),
    ("0004_store_apps", include_str!("migrations/0004_store_apps.sql")),
    ("0005_flows", include_str!("migrations/0005_flows.sql")),
    ("0006_organisation", include_str!("migrations/0006_organisation.sql")),
];

/// The table that says what was applied.
pub(crate) const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migration \
                                 (name TEXT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Applies what is missing. `now` is recorded beside each name, in Unix milliseconds.
pub(crate) fn run(conn: &Connection, now: i64) -> Result<()> {
    check_owner(conn)?;
    conn.execute_batch(RECORD)?;
    let applied = applied(conn)?;
    check_known(&applied)?;
    for (name, text) in MIGRATIONS {
        if applied.iter().any(|a| a == name) {
            continue;
        }
        tracing::info!(migration.name = name, "applying a migration");
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let done = apply(conn, name, text, now);
        conn.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done?;
    }
    Ok(())
}

/// What `run` would do, and what it did before.
pub(crate) fn plan(conn: &Connection, now: Millis) -> Result<Vec<Migration>> {
    let is_ours = is_ours(conn)?;
    let mut applied = Vec::new();
    if is_ours && table_exists(conn, "schema_migration")? {
        let mut statement = conn.prepare("SELECT name, applied_at FROM schema_migration")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, Millis(row.get(1)?))))?;
        applied = rows.collect::<Result<_, _>>()?;
    }
    let own = (!is_ours).then(|| format!("PRAGMA application_id = {APPLICATION_ID}"));
    let first = own.into_iter().chain([RECORD.to_owned()]).collect();
    steps(&applied, first, "BEGIN IMMEDIATE", dialect::sqlite_ddl, now)
}

/// Every migration with what applying it runs. `first` comes before all others, where none is
/// applied.
pub(crate) fn steps(
    applied: &[(String, Millis)],
    first: Vec<String>,
    begin: &str,
    spell: impl Fn(&str) -> Option<String>,
    now: Millis,
) -> Result<Vec<Migration>> {
    check_known(&applied.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())?;
    let mut before = if applied.is_empty() { first } else { Vec::new() };
    let step = |(name, text): &(&'static str, &str)| {
        let record = format!(
            "INSERT INTO schema_migration (name, applied_at) VALUES ('{name}', {})",
            now.get()
        );
        let mut run = std::mem::take(&mut before);
        run.extend([begin.to_owned(), record]);
        run.extend(statements(text).filter_map(&spell));
        run.push("COMMIT".into());
        let known = applied.iter().find(|(applied, _)| applied == name);
        Migration { name, applied_at: known.map(|(_, at)| *at), statements: run }
    };
    Ok(MIGRATIONS.iter().map(step).collect())
}

/// Refuses data that has a migration which this version does not know.
pub(crate) fn check_known(applied: &[String]) -> Result<()> {
    match applied.iter().find(|name| MIGRATIONS.iter().all(|(known, _)| known != name)) {
        Some(found) => Err(Error::TooNew { found: found.clone() }),
        None => Ok(()),
    }
}

/// Marks an empty file as ours; fails, changing nothing, where it is somebody else's.
fn check_owner(conn: &Connection) -> Result<()> {
    if !is_ours(conn)? {
        conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    Ok(())
}

/// Whether the file is ours already, and not an empty one; another program's is an error.
fn is_ours(conn: &Connection) -> Result<bool> {
    let id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id != APPLICATION_ID && tables > 0 {
        return Err(Error::Foreign(conn.path().unwrap_or("the file").to_owned()));
    }
    Ok(id == APPLICATION_ID)
}

fn table_exists(conn: &Connection, name: &str) -> Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    Ok(conn.query_row(sql, [name], |row| row.get::<_, i64>(0))? > 0)
}

fn applied(conn: &Connection) -> Result<Vec<String>> {
    let mut statement = conn.prepare("SELECT name FROM schema_migration ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn apply(conn: &Connection, name: &str, text: &str, now: i64) -> Result<()> {
    // Another process may have applied it while this one waited for the lock.
    let known: i64 =
        conn.query_row("SELECT count(*) FROM schema_migration WHERE name = ?1", [name], |row| {
            row.get(0)
        })?;
    if known > 0 {
        return Ok(());
    }
    for statement in statements(text).filter_map(dialect::sqlite_ddl) {
        conn.execute_batch(&statement)
            .map_err(|e| Error::Engine(format!("migration {name}: {e} in: {statement}")))?;
    }
    conn.execute("INSERT INTO schema_migration (name, applied_at) VALUES (?1, ?2)", (name, now))?;
    Ok(())
}

/// The single statements of a migration: each ends with a semicolon at the end of a line.
pub(crate) fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim).filter(|s| !s.is_empty())
}

//! Which migrations a place has, and what would be done to it: for operators who look first.
//!
//! Changes nothing. What is told here is what opening the place does.

use std::path::Path;

use domain::Millis;
use rusqlite::{Connection, OpenFlags};

use crate::{Result, migrate, postgres};

/// A migration, as one engine reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its name.
    pub name: &'static str,
    /// When it was applied; `None` when it is missing.
    pub applied_at: Option<Millis>,
    /// What applying it runs, one statement after the other, its transaction and its record too.
    pub statements: Vec<String>,
}

/// Every migration of this version, oldest first, against a SQLite file, which exists. `now` would be
/// recorded beside what is missing.
pub fn of_file(file: &Path, now: Millis) -> Result<Vec<Migration>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    migrate::plan(&Connection::open_with_flags(file, flags)?, now)
}

/// The same against a PostgreSQL database. Not from an async task: it waits for the server.
pub fn of_server(options: &postgres::Options, now: Millis) -> Result<Vec<Migration>> {
    postgres::plan(options, now)
}

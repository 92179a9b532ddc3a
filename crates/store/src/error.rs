//! What can go wrong below the rules. Each variant is a meaning, not a driver's code.

use thiserror::Error;

/// Why the store could not do what was asked. `Ok(None)` says "not there"; this never does.
#[derive(Debug, Error)]
pub enum Error {
    /// Too much waits already, or another process holds the file. Nothing was written; the same
    /// request may be sent again.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// The connection broke while a write was being committed: it may be done or not. Every write
    /// is made so that it may be sent again.
    #[error("the outcome of a write is not known, it may be sent again: {0}")]
    Unknown(String),
    /// This engine cannot do that; the text says what to do instead.
    #[error("{0}")]
    Unsupported(String),
    /// A unique key is taken. Nothing was written.
    #[error("a row with this key exists: {0}")]
    Conflict(String),
    /// A stored value cannot be what this program wrote.
    #[error("{table}.{column} of row {row} cannot be read: {reason}")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Which row, by its key.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data was written by a newer version of this program.
    #[error(
        "the data has the migration `{found}`, which this version does not know: \
         run the version that wrote it, or a newer one"
    )]
    TooNew {
        /// The unknown migration.
        found: String,
    },
    /// There is a database, but not one of this program's.
    #[error("{0} holds data, but not Countersign's")]
    Foreign(String),
    /// The use case panicked. Nothing of it was written.
    #[error("a use case panicked: {0}")]
    Panicked(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// Anything else the database said: disk full, I/O, a fault in a statement.
    #[error("the database failed: {0}")]
    Engine(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{ConstraintViolation, DatabaseBusy, DatabaseLocked};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy(error.to_string()),
            Some(ConstraintViolation) => Self::Conflict(error.to_string()),
            _ => Self::Engine(error.to_string()),
        }
    }
}

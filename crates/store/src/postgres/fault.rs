//! What an error of the server or of the connection means for the transaction that met it.

use std::error::Error as _;

use tokio_postgres::Error as Cause;
use tokio_postgres::error::SqlState;

use crate::Error;

/// Why a transaction cannot go on.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Somebody else was in the way: the use case is run again.
    Again(String),
    /// The connection is gone, or good for nothing: the use case is run again on a new one.
    Lost(String),
    /// A statement took too long.
    Slow(String),
    /// Nothing that another try would mend.
    Failed(String),
}

/// What the server says, or why it says nothing.
pub(super) fn text(error: &Cause) -> String {
    let told = error.as_db_error().map(|db| {
        let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        format!("{} {}{detail}", db.code().code(), db.message())
    });
    told.unwrap_or_else(|| match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

impl From<&Cause> for Fault {
    fn from(error: &Cause) -> Self {
        let text = text(error);
        let Some(code) = error.code() else {
            // A value that cannot be written or read is a fault of this program; everything else
            // without a code is the connection's.
            let own = error.to_string().contains("serializing") || is_conversion(error);
            return if own { Self::Failed(text) } else { Self::Lost(text) };
        };
        match *code {
            // Another transaction was first; two made the same new row, and the second run sees it;
            // a plan that was kept is of the table as it was before a migration.
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::UNIQUE_VIOLATION
            | SqlState::FEATURE_NOT_SUPPORTED => Self::Again(text),
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => Self::Slow(text),
            // A server that became a standby; a statement that a proxy sent to another server.
            SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::INVALID_SQL_STATEMENT_NAME
            | SqlState::DUPLICATE_PSTATEMENT => Self::Lost(text),
            // 08: connection; 53: too many of something; 57P: shut down by an administrator or a
            // crash, or not yet started; 58: the server's own system failed.
            _ if ["08", "53", "57P", "58"].iter().any(|class| code.code().starts_with(class)) => {
                Self::Lost(text)
            }
            _ => Self::Failed(text),
        }
    }
}

fn is_conversion(error: &Cause) -> bool {
    let text = error.to_string();
    text.contains("deserializing") || text.contains("invalid column")
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Again(text) | Fault::Lost(text) | Fault::Slow(text) => Self::Busy(text),
            Fault::Failed(text) => Self::Engine(text),
        }
    }
}

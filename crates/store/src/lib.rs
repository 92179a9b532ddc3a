//! Rows: the only crate with SQL.
//!
//! Use cases are plain synchronous functions over an opaque [`Tx`]; [`Store`] runs them on its own
//! database threads. Each noun has a module of functions named noun first (`person_by_alias`).
//! Knows no rules: it keeps what it is given and finds it again.

mod catalogue;
mod dialect;
mod error;
mod job;
mod migrate;
mod sqlite;
mod store;
mod tx;
mod value;

pub mod access;
pub mod audit;
pub mod change;
pub mod copy;
pub mod definition;
pub mod department;
pub mod external;
pub mod flow;
pub mod flow_history;
pub mod flow_run;
pub mod flow_version;
pub mod hand_over;
pub mod inbox;
pub mod lease;
pub mod list;
pub mod lock;
pub mod organisation;
pub mod person;
pub mod postgres;
pub mod schema;
pub mod store_app;
pub mod substitution;
pub mod watch;

pub use error::Error;
pub use sqlite::Options;
pub use store::Store;
pub use tx::Tx;

/// What every function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

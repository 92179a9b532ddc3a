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
pub mod copy;
pub mod definition;
pub mod external;
pub mod flow;
pub mod inbox;
pub mod lease;
pub mod list;
pub mod lock;
pub mod person;
pub mod postgres;
pub mod schema;
pub mod search;
pub mod store_app;
pub mod watch;

pub use error::Error;
pub use sqlite::Options;
pub use store::Store;
pub use tx::Tx;

/// What every function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

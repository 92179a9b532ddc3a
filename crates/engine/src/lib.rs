//! Verbs: the use cases of the hub, who may do them, what they change.
//!
//! A use case is a plain function over a transaction; [`Hub`] runs it on the store with the time,
//! ids and keys that it needs. No HTTP, no SQL, no wire names: how a card is rendered comes in from
//! outside.

pub mod access;
mod admin;
pub mod card;
pub mod check;
mod copies;
pub mod definitions;
pub mod demo;
mod demo_flows;
pub mod demo_organisation;
pub mod departments;
pub mod detail;
pub mod directory;
pub mod doctor;
mod error;
pub mod flow_run;
pub mod flows;
pub mod hand_over;
mod hot;
mod hub;
pub mod import;
pub mod inbox;
pub mod keys;
pub mod listed;
pub mod organisation;
mod page;
pub mod people;
pub mod places;
pub mod processes;
pub mod search;
pub mod store_apps;
pub mod substitutes;
pub mod sync;
pub mod tasks;
mod token;
pub mod transfer;
mod view;
mod work;

pub use access::{Caller, TokenFault};
pub use admin::{ADMIN_KEY_CHARS, AdminKey};
pub use copies::{FlowCard, Rendered, Shown};
pub use error::Error;
pub use hub::{Context, Hub, Settings};
pub use page::PageFault;
pub use store::postgres::Options as PostgresOptions;
pub use store::{Options, Store, Tx};
pub use view::View;

/// What every use case returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

//! HTTP JSON: Feishu's wire over the hub's use cases.
//!
//! Owns names of members, wire codes, paging bounds, limits and tokens' headers. Knows no rules and
//! no SQL: a handler reads its input, runs one use case and writes the answer.

mod admin;
mod cards;
mod endpoints;
mod events;
mod external_approvals;
mod external_instances;
mod external_instances_read;
mod external_tasks;
mod fault;
mod fields;
mod flow_actions;
mod flow_chat;
mod flow_execute;
mod flow_fault;
mod gateway;
mod history;
pub mod import;
mod limit;
mod log_id;
mod names;
mod observe;
mod openapi;
mod tokens;
mod user_task;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use engine::{AdminKey, Hub};

pub use cards::renderers;
pub use endpoints::{ALL_SCOPES, READ_SCOPES};
pub use events::ticket_event;
pub use flow_chat::ChatHook;
pub use history::history;
pub use limit::Limits;
pub use observe::router as observe_router;

/// What the API is served with.
pub struct Api {
    /// The hub behind it.
    pub hub: Arc<Hub>,
    /// The rate windows.
    pub limits: Limits,
    /// Requests that take this long are logged, in milliseconds.
    pub slow_ms: u64,
    /// Whether every request is logged.
    pub access_log: bool,
    /// What callers of the admin API must know; without it that API is off.
    pub admin: Option<AdminKey>,
    /// Makes groups in which people talk about a task; without it, who asks for one is told so.
    pub chat: Option<ChatHook>,
}

/// The address of a client, which a server puts into the extensions of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Every route of the API.
pub fn router(api: Api) -> Router {
    gateway::router(&Arc::new(api))
}

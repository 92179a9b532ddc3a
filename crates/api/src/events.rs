//! Events as receivers get them: the envelope of version 1 (page on events), and what is in it.

use engine::store_apps::TicketEvent;
use secrecy::ExposeSecret;
use serde_json::json;

/// The body of the request that brings a store app its ticket.
pub fn ticket_event(event: &TicketEvent) -> String {
    let at = event.at.get();
    json!({
        "ts": format!("{}.{:03}", at / 1_000, at % 1_000),
        "uuid": event.id.to_string(),
        "token": event.token.expose_secret(),
        "type": "event_callback",
        "event": {
            "type": "app_ticket",
            "app_id": event.app_key,
            "app_ticket": event.ticket.expose_secret(),
        },
    })
    .to_string()
}

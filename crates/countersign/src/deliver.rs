//! Sending what use cases left to be sent, after they were committed, until it is accepted.
//!
//! What is sent and when it is tried again is decided elsewhere; here are the socket and its limits.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use api::ChatHook;
use engine::Hub;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};

/// How long a receiver may take to be reached, and to answer (page on events).
const CONNECT: Duration = Duration::from_secs(2);
/// See [`CONNECT`].
const ANSWER: Duration = Duration::from_secs(3);

/// How much of a webhook's answer is read, in bytes: it is one id (own figure).
const ANSWER_BYTES: usize = 64 << 10;

/// How often it is looked for what is due (own figure).
const EVERY: Duration = Duration::from_secs(1);

/// What sends. One for a process.
pub fn client() -> Result<Client> {
    // The same as for TLS of the API. Somebody else may have chosen it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        // A receiver is where the operator said it is.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("cannot send events")
}

/// What makes groups to talk about tasks, by the webhook at a URL; `None` where the URL is empty.
pub fn chat_hook(url: &SecretString, client: &Client) -> Result<Option<ChatHook>> {
    let text = url.expose_secret();
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    // Without the URL, which may hold what nobody else should know.
    let url = url.context("flows.chat_webhook is no http or https URL")?;
    let client = client.clone();
    Ok(Some(Arc::new(move |body| {
        let request = client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body);
        Box::pin(async move {
            let told =
                |error: reqwest::Error| format!("{:#}", anyhow::Error::new(error.without_url()));
            let mut answer = request.send().await.map_err(told)?;
            if answer.status() != StatusCode::OK {
                return Err(format!("it answered {}", answer.status()));
            }
            let mut read = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(told)? {
                read.extend_from_slice(&chunk);
                if read.len() > ANSWER_BYTES {
                    return Err(format!("it answered more than {ANSWER_BYTES} bytes"));
                }
            }
            Ok(read)
        })
    })))
}

/// Sends what is due now. Says how much of it was accepted.
pub async fn deliver(hub: &Hub, client: &Client) -> engine::Result<usize> {
    hub.queue_tickets().await?;
    let mut accepted = 0;
    for event in hub.take_events().await? {
        let app = &event.app_key;
        let sent = client
            .post(&event.url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(api::ticket_event(&event))
            .send();
        let reason = match sent.await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                hub.event_done(&event).await?;
                accepted += 1;
                continue;
            }
            Ok(answer) => format!("the receiver answered {}", answer.status()),
            // Without the URL, which may hold what nobody else should know.
            Err(error) => format!("{:#}", anyhow::Error::new(error.without_url())),
        };
        if hub.event_failed(&event).await? {
            tracing::info!(app, reason, "an event will be sent again");
        } else {
            tracing::warn!(app, reason, "an event is given up");
        }
    }
    Ok(accepted)
}

/// Sends for as long as the server runs.
pub(crate) async fn follow(hub: Arc<Hub>, client: Client) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = deliver(&hub, &client).await {
            tracing::warn!(%error, "events are not sent and will be tried again");
        }
    }
}

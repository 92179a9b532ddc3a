//! `serve`: the server as operators run it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use api::Api;
use engine::Hub;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::cli::ServeArgs;
use crate::config::{Config, address};
use crate::output::Output;
use crate::server::{serve, stop_signal};
use crate::tls::Tls;
use crate::{deliver, key, observe, open};

pub(crate) async fn run(args: ServeArgs, output: Output) -> Result<()> {
    let config = Config::load(&args)?;
    observe::logs(&config.log)?;
    let metrics = observe::metrics()?;
    let asked = stop_signal()?;
    let admin = key::admin(&config.admin)?;
    let _lock = open::lock(&config)?;
    let hub = open::hub(&config).await?;

    let listener = listen(&config.server.listen, "server.listen").await?;
    let tls = config.server.tls()?.map(Tls::open).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    let (stop, stopped) = stop_channel();
    let mut observed = None;
    if !config.observe.listen.is_empty() {
        let second = listen(&config.observe.listen, "observe.listen").await?;
        let at = format!("http://{}", second.local_addr()?);
        tracing::info!(url = at, "health and metrics");
        let router = api::observe_router(Arc::clone(&hub), metrics.clone());
        tokio::spawn(serve(second, None, router, wait(stopped.clone())));
        observed = Some(at);
    }
    tokio::spawn(observe::upkeep(metrics));
    let joins = tokio::spawn(follow_joins(Arc::clone(&hub)));
    let handing = tokio::spawn(follow_hand_overs(Arc::clone(&hub)));
    let folding = tokio::spawn(fold_counts(Arc::clone(&hub)));
    let client = deliver::client()?;
    let chat = deliver::chat_hook(&config.flows.chat_webhook, &client)?;
    let sending = tokio::spawn(deliver::follow(Arc::clone(&hub), client));
    let timing = tokio::spawn(follow_time(Arc::clone(&hub)));
    if config.is_on_server() {
        tracing::info!(url, "serving from a database");
    } else {
        tracing::info!(url, data = %config.data.dir.display(), "serving");
    }
    output.answer(
        &format!("Countersign serves at {url}"),
        &json!({"url": url, "observe": observed, "pid": std::process::id()}),
    );
    tokio::spawn(async move {
        asked.await;
        tracing::info!("stopping");
        let _ = stop.send(true);
    });
    let api = Api {
        hub,
        limits: config.limits.windows(),
        slow_ms: config.log.slow_ms,
        access_log: config.log.access,
        admin,
        chat,
    };
    if let Some(tls) = &tls {
        tokio::spawn(tls.clone().follow());
    }
    serve(listener, tls, api::router(api), wait(stopped)).await;
    // The data is closed before the folder's lock goes.
    for task in [joins, handing, folding, sending, timing] {
        task.abort();
        let _ = task.await;
    }
    Ok(())
}

pub(crate) async fn listen(text: &str, setting: &str) -> Result<TcpListener> {
    let address = address(text, setting)?;
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

fn stop_channel() -> (watch::Sender<bool>, watch::Receiver<bool>) {
    watch::channel(false)
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// How often the rows of joined people are looked for. Queries are right meanwhile.
const JOINS_EVERY: Duration = Duration::from_secs(2);

/// Moves the rows of people who turned out to be one, for as long as the server runs.
pub(crate) async fn follow_joins(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(JOINS_EVERY);
    loop {
        ticks.tick().await;
        match hub.finish_joins().await {
            Ok(0) => {}
            Ok(instances) => tracing::info!(instances, "moved what joined people had"),
            Err(error) => tracing::warn!(%error, "joins are not finished and will be tried again"),
        }
    }
}

/// Moves open tasks of people who hand over, for as long as the server runs; as often as joins.
pub(crate) async fn follow_hand_overs(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(JOINS_EVERY);
    loop {
        ticks.tick().await;
        match hub.finish_hand_overs().await {
            Ok(0) => {}
            Ok(instances) => tracing::info!(instances, "handed over"),
            Err(error) => tracing::warn!(%error, "hand-overs are not done and will be tried again"),
        }
    }
}

/// How often changes of lists are folded into their counts, where several processes write. Queries
/// are right meanwhile, and cost a little more for each change that waits (own figure).
const FOLD_EVERY: Duration = Duration::from_millis(500);

/// Folds counts for as long as the server runs.
async fn fold_counts(hub: Arc<Hub>) {
    if !hub.store().is_shared() {
        return;
    }
    if let Err(error) = hub.find_lost_work().await {
        tracing::warn!(%error, "cannot look for work that was left");
    }
    let mut ticks = tokio::time::interval(FOLD_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match hub.fold_counts().await {
            Ok(0) => {}
            Ok(lists) => tracing::debug!(lists, "folded counts"),
            Err(error) => tracing::warn!(%error, "counts are not folded and will be tried again"),
        }
    }
}

/// How often it is looked for what is due in flows (own figure: due times count in seconds at least).
const TIME_EVERY: Duration = Duration::from_secs(2);

/// Does what time does to flows, and anchors their histories, for as long as the server runs.
pub(crate) async fn follow_time(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(TIME_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match hub.run_timers().await {
            Ok(0) => {}
            Ok(instances) => tracing::info!(instances, "did what was due in flows"),
            Err(error) => tracing::warn!(%error, "time stands still in flows; tried again"),
        }
        match hub.refresh_substitutes().await {
            Ok(0) => {}
            Ok(instances) => tracing::info!(instances, "substitutes come and go"),
            Err(error) => tracing::warn!(%error, "substitutes are not up to date; tried again"),
        }
        match hub.anchor().await {
            Ok(0) => {}
            Ok(histories) => tracing::info!(histories, "anchored histories"),
            Err(error) => tracing::warn!(%error, "histories are not anchored; tried again"),
        }
    }
}

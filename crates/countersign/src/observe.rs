//! Logs and metrics of the process.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging to standard error.
pub(crate) fn logs(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.level)
        .with_context(|| format!("log.level = \"{}\" is not a filter", log.level))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Request times, in seconds: from a hit in memory to a caller who gives up.
const SECONDS: &[f64] =
    &[0.0001, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0];
/// Writes in one commit: up to the largest batch.
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Starts collecting metrics.
pub fn metrics() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_batch_size".into()), BATCHES)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter, describe_histogram};
    describe_counter!("countersign_requests_total", "Requests by endpoint and wire code.");
    describe_histogram!("countersign_request_seconds", "Time from request to answer.");
    describe_histogram!("countersign_write_batch_size", "Writes that shared one commit.");
    describe_counter!("countersign_write_batches_rerun_total", "Batches run again one by one.");
    describe_counter!("countersign_wal_limit_reached_total", "Checkpoints made by the writer.");
    describe_counter!("countersign_database_reruns_total", "Transactions run again.");
    describe_counter!(
        "countersign_database_unknown_commits_total",
        "Writes whose outcome nobody knows."
    );
    describe_counter!("countersign_hot_set_hits_total", "Queries answered from memory.");
    describe_counter!("countersign_hot_set_misses_total", "Queries answered from the file.");
}

/// Lets histograms forget what was scraped; without it they grow for ever.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

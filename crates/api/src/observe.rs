//! For operators, on a listener of its own: health, readiness and metrics.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use engine::Hub;
use metrics_exporter_prometheus::PrometheusHandle;

/// `/healthz`: the process answers. `/readyz`: the data can be read. `/metrics`: Prometheus text.
pub fn router(hub: Arc<Hub>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || ready(Arc::clone(&hub))))
        .route("/metrics", get(move || async move { metrics.render() }))
}

async fn ready(hub: Arc<Hub>) -> (StatusCode, String) {
    match hub.ready().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the data cannot be read; see the log\n".to_owned())
        }
    }
}

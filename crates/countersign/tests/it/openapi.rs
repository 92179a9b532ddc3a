//! The OpenAPI document: that the committed one is the one that is served, and that it can be found
//! and shown without anything from elsewhere.
//!
//! That it has exactly the members and codes of the endpoints is told beside their tables.

use std::path::{Path, PathBuf};

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::support::TestHub;

/// Set by the task that writes the document anew.
const ACCEPT: &str = "COUNTERSIGN_ACCEPT_OPENAPI";

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

/// The document as it is served.
pub async fn document(hub: &TestHub) -> Value {
    hub.send(Method::GET, "/openapi.json", None, "").await.json()
}

#[tokio::test]
async fn the_committed_document_is_the_one_that_is_served() {
    let hub = TestHub::new().await;
    let served = hub.send(Method::GET, "/openapi.json", None, "").await;
    assert_eq!(served.status, StatusCode::OK);
    assert_eq!(served.headers["content-type"], "application/json; charset=utf-8");
    if std::env::var_os(ACCEPT).is_some() {
        std::fs::write(committed(), &served.text).unwrap();
    }
    let known = std::fs::read_to_string(committed()).unwrap_or_default();
    let same = known == served.text;
    assert!(same, "docs/openapi.json is not what is served: run `cargo xtask openapi`");
}

#[tokio::test]
async fn the_page_that_shows_it_asks_nobody_else() {
    let hub = TestHub::new().await;
    let page = hub.send(Method::GET, "/docs", None, "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.text.contains(r#"fetch("/openapi.json")"#));
    for elsewhere in ["http:", "https:", "src=", "@import", " url("] {
        assert!(!page.text.contains(elsewhere), "the page asks for {elsewhere}");
    }
}

#[tokio::test]
async fn every_operation_tells_its_scopes_its_limits_and_its_page() {
    let hub = TestHub::new().await;
    let document = document(&hub).await;
    let mut ids = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let scopes = operation["security"].as_array().map_or(0, Vec::len);
            assert_eq!(scopes == 0, path.contains("/auth/"), "{method} {path}");
            assert!(operation["x-rate-limit"]["per_minute"].as_i64().unwrap() > 0);
            let page = operation["externalDocs"]["url"].as_str().unwrap();
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            assert!(root.join(page).is_file(), "{page} of {method} {path} does not exist");
            ids.push(operation["operationId"].clone());
        }
    }
    let count = ids.len();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), count, "two operations share an id");
}

//! A database that fails under write load: what was acknowledged is there, and service comes back.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::pg_server::{PgServer, thaw};
use crate::postgres::{ask, command, define, found, pending, psql};
use crate::process::{Client, Server};
use crate::support::{INSTANCES, TASKS};

/// How many write at once.
const WRITERS: usize = 8;
/// How many more must be acknowledged before and after each fault.
const SOME: usize = 40;
/// "Busy", and "not known, safe to send again".
const AGAIN: i64 = 1_395_001;

/// Clients that sync one instance after the other, and each until it is acknowledged.
struct Load {
    acknowledged: Mutex<BTreeSet<String>>,
    /// How often somebody was told to send again.
    told_again: AtomicUsize,
    moved: Notify,
    stop: AtomicBool,
}

impl Load {
    fn start(client: &Client, code: &str) -> (Arc<Self>, Vec<JoinHandle<()>>) {
        let load = Arc::new(Self {
            acknowledged: Mutex::default(),
            told_again: AtomicUsize::new(0),
            moved: Notify::new(),
            stop: AtomicBool::new(false),
        });
        let writer = |writer| {
            let (load, client, code) = (Arc::clone(&load), client.clone(), code.to_owned());
            tokio::spawn(async move { load.write(writer, &client, &code).await })
        };
        let writers = (0..WRITERS).map(writer).collect();
        (load, writers)
    }

    async fn write(&self, writer: usize, client: &Client, code: &str) {
        for n in 0.. {
            let id = format!("w{writer}-{n}");
            // All writers meet at the same people.
            let payload = pending(code, &id, &format!("p{}", n % 3));
            loop {
                let answer = client.post(INSTANCES, &payload).await.unwrap();
                self.moved.notify_one();
                if answer["code"] == 0 {
                    break;
                }
                assert_eq!(answer["code"], AGAIN, "{answer}");
                self.told_again.fetch_add(1, Ordering::SeqCst);
                if self.stop.load(Ordering::SeqCst) {
                    return;
                }
            }
            self.acknowledged.lock().unwrap().insert(id);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until so many more were acknowledged.
    async fn more(&self) {
        let goal = self.count() + SOME;
        while self.count() < goal {
            self.moved.notified().await;
        }
    }

    /// Waits until each writer was told to send again, more or less.
    async fn refusals(&self) {
        let goal = self.told_again.load(Ordering::SeqCst) + WRITERS;
        while self.told_again.load(Ordering::SeqCst) < goal {
            self.moved.notified().await;
        }
    }
}

/// Every instance of the definition, with how often it is listed.
async fn listed(client: &Client, code: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut path = format!("{TASKS}?page_size=500");
    loop {
        let filter = json!({"approval_codes": [code], "status": "PENDING"});
        let page = client.post(&path, &filter).await.unwrap();
        let rows = page["data"]["data"].as_array().unwrap_or_else(|| panic!("{page}"));
        all.extend(rows.iter().map(|row| row["instance_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["data"]["page_token"].as_str() else { return all };
        path = format!("{TASKS}?page_size=500&page_token={next}");
    }
}

#[tokio::test]
async fn whatever_the_database_does_nothing_acknowledged_is_lost_and_service_comes_back() {
    let Some(mut database) = PgServer::start() else { return };
    let url = database.url();
    let (tenant, app) = found(&url);
    let mut serve = command(&url);
    serve.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
    serve.env("COUNTERSIGN_LIMITS__PROFILE", "off");
    // So that an outage is soon told.
    serve.env("COUNTERSIGN_DATABASE__PATIENCE_MS", "500");
    serve.env("COUNTERSIGN_DATABASE__STATEMENT_TIMEOUT_MS", "1000");
    let server = Server::start(serve);
    let client = Client::new(server.url(), &app).await;
    let code = define(&client).await;
    let (load, writers) = Load::start(&client, &code);
    load.more().await;

    // Every connection is cut, again and again.
    for _ in 0..3 {
        psql(
            &url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        );
        load.more().await;
    }
    // A crash, as a loss of power looks to the others, and at once a new start.
    database.stop("QUIT");
    database.start_again();
    load.more().await;
    // Nobody is there until everybody has noticed.
    database.stop("INT");
    load.refusals().await;
    database.start_again();
    load.more().await;
    // It stands still with its connections open until everybody has noticed.
    let frozen = database.freeze();
    load.refusals().await;
    thaw(&frozen);
    load.more().await;

    load.stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    let mut all = listed(&client, &code).await;
    let seen = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), seen, "an instance is there twice");
    let there: BTreeSet<String> = all.into_iter().collect();
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let lost: Vec<&String> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let report: Value = ask(&url, &["doctor", "--tenant", &tenant]);
    assert_eq!(report["faults"], json!([]));
    assert_eq!(report["instances"], json!(there.len()));
    assert!(server.stop());
}

//! What was acknowledged survives `kill -9`; nothing is answered before it is on disk.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::process::{Client, Server, ask, found, serve, without_settings};
use crate::support::{APPROVALS, INSTANCES, TASKS, definition, instance, task};

const ROUNDS: usize = 20;
const WRITERS: usize = 8;
/// A round is ended after this many acknowledged syncs, in the middle of the next ones.
const ACKNOWLEDGED: i64 = 60;

/// Version `n` of an instance: every stamp in it is `n`.
fn version(code: &str, id: &str, n: i64) -> Value {
    let mut payload = instance(code, id, "PENDING", n);
    let tasks = ["a", "b", "c"].map(|t| task(t, &format!("user-{t}"), "PENDING", n));
    payload["task_list"] = json!(tasks);
    payload
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_survives_kill_9_and_nothing_is_half() {
    let data = tempfile::tempdir().unwrap();
    let app = found(data.path());
    // The last version of each instance that was sent, and that was acknowledged.
    let sent: Arc<Mutex<Versions>> = Arc::default();
    let acknowledged: Arc<Mutex<Versions>> = Arc::default();
    let versions = Arc::new(AtomicI64::new(1));
    let mut code = String::new();
    for round in 0..ROUNDS {
        let server = Server::serve(data.path());
        let client = Client::new(server.url(), &app).await;
        if round == 0 {
            let made = client.post(APPROVALS, &definition("leave")).await.unwrap();
            made["data"]["approval_code"].as_str().unwrap().clone_into(&mut code);
        }
        verify(&client, copy(&sent), copy(&acknowledged)).await;

        let goal = ACKNOWLEDGED;
        let count = Arc::new(AtomicI64::new(0));
        let (enough, mut reached) = tokio::sync::mpsc::channel::<()>(WRITERS);
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (client, code, enough) = (client.clone(), code.clone(), enough.clone());
            let (sent, acknowledged) = (Arc::clone(&sent), Arc::clone(&acknowledged));
            let (count, versions) = (Arc::clone(&count), Arc::clone(&versions));
            writers.spawn(async move {
                for turn in 0_usize.. {
                    // Old instances are written again and new ones are made.
                    let id = format!("w{writer}-{}", (round * 7 + turn) % 40);
                    let n = versions.fetch_add(1, Ordering::SeqCst);
                    sent.lock().unwrap().insert(id.clone(), n);
                    let answer = client.post(INSTANCES, &version(&code, &id, n)).await;
                    let Ok(answer) = answer else { return };
                    assert_eq!(answer["code"], 0, "{answer}");
                    acknowledged.lock().unwrap().insert(id, n);
                    if count.fetch_add(1, Ordering::SeqCst) + 1 == goal {
                        let _ = enough.try_send(());
                    }
                }
            });
        }
        reached.recv().await.unwrap();
        server.kill();
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
    }
    let server = Server::serve(data.path());
    let client = Client::new(server.url(), &app).await;
    verify(&client, copy(&sent), copy(&acknowledged)).await;
    assert!(server.stop());
    let report = ask(&["doctor"], data.path());
    assert_eq!(report["faults"], json!([]));
    assert!(report["instances"].as_u64().unwrap() > 100, "{report}");
}

type Versions = HashMap<String, i64>;

fn copy(shared: &Mutex<Versions>) -> Versions {
    shared.lock().unwrap().clone()
}

/// Every instance is whole, and at least as new as what was acknowledged.
async fn verify(client: &Client, sent: Versions, acknowledged: Versions) {
    let ids: Vec<_> = sent.keys().cloned().collect();
    let mut listed = HashMap::new();
    for ids in ids.chunks(20) {
        let answer = client.post(TASKS, &json!({"instance_ids": ids})).await.unwrap();
        for row in answer["data"]["data"].as_array().unwrap() {
            let stamp = |v: &Value| v["update_time"].as_str().unwrap().parse::<i64>().unwrap();
            let tasks: Vec<_> = row["tasks"].as_array().unwrap().iter().map(stamp).collect();
            assert_eq!(tasks, [stamp(row); 3], "a half instance: {row}");
            listed.insert(row["instance_id"].as_str().unwrap().to_owned(), stamp(row));
        }
    }
    for (id, n) in acknowledged {
        let stored = listed.get(&id).unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
        assert!(*stored >= n && *stored <= sent[&id], "{id}: {stored}, acknowledged {n}");
    }
}

/// How many syncs are traced.
const TRACED: i64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_success_is_written_before_an_fdatasync_that_followed_the_last_page_write() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "strace is needed: install it");
        println!("skipped: strace is not installed");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let app = found(data.path());
    let trace = data.path().join("trace");
    let plain = serve(data.path());
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-s", "64", "-e"]);
    traced.arg("trace=pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync").arg("-o").arg(&trace);
    traced.arg(plain.get_program()).args(plain.get_args());
    without_settings(&mut traced);
    traced.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let server = Server::start(traced);
    let client = Client::new(server.url(), &app).await;
    let made = client.post(APPROVALS, &definition("leave")).await.unwrap();
    let code = made["data"]["approval_code"].as_str().unwrap().to_owned();
    for n in 1..=TRACED {
        let answer = client.post(INSTANCES, &version(&code, "i", n)).await.unwrap();
        assert_eq!(answer["code"], 0);
    }
    server.signal("TERM");
    server.wait();

    let (mut unsynced, mut syncing, mut answers, mut page_writes) = (false, HashSet::new(), 0, 0);
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        let pid = line.split_whitespace().next().unwrap_or_default().to_owned();
        let ended = line.trim_end().ends_with("= 0");
        let is_sync = line.contains("fdatasync(") || line.contains("fsync(");
        if line.contains("pwrite64(") && line.contains("-wal>") {
            unsynced = true;
            page_writes += 1;
        } else if is_sync && line.contains("-wal>") {
            if ended {
                unsynced = false;
            } else {
                syncing.insert(pid);
            }
        } else if line.contains("sync resumed>") && ended && syncing.remove(&pid) {
            unsynced = false;
        } else if line.contains("HTTP/1.1 200 OK") {
            answers += 1;
            assert!(!unsynced, "answered before the log was on disk: {line}");
        }
    }
    // The token, the definition and every sync; each of them wrote pages.
    assert_eq!(answers, 2 + TRACED);
    assert!(page_writes >= 2 + TRACED, "{page_writes}");
}

//! Copies of all data, between folders and databases: whole, refused, stopped and gone on with.

use std::path::Path;
use std::process::{Command, Output};

use engine::Store;
use engine::access::app_disable;
use engine::transfer::{Copied, Progress, copy};
use serde_json::{Value, json};

use crate::postgres::Schema;
use crate::process::{Client, Server, countersign, text};
use crate::support::{Setup, TASKS, TestHub, USER_TASKS, database, in_folder, instance, task};

fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.display())
}

/// A command on a folder or a database.
fn on(place: &str, key: &Path) -> Command {
    let mut command = countersign();
    command.env("COUNTERSIGN_SERVER__KEY_FILE", key).arg("--json");
    match place.strip_prefix("sqlite:") {
        Some(folder) => command.env("COUNTERSIGN_DATA", folder),
        None => command.env("COUNTERSIGN_DATABASE", place),
    };
    command
}

fn copied(from: &str, to: &str) -> Output {
    countersign().args(["--json", "copy", "--from", from, "--to", to]).output().unwrap()
}

/// What everybody is answered: every inbox in every view, and every third-party list.
async fn everything(url: &str, code: &str) -> Vec<Value> {
    let client = Client::new(url, &("cli_demo".into(), "demo-secret".into())).await;
    let mut answers = Vec::new();
    for person in 1..=20 {
        for kind in [None, Some("pending"), Some("archived")] {
            for source in [None, Some("fromMe"), Some("assignMe"), Some("CCMe")] {
                let mut body = json!({
                    "kunlun_user_id": format!("17000000000000{person:02}"), "limit": "50",
                });
                for (name, value) in [("type", kind), ("source", source)] {
                    if let Some(value) = value {
                        body[name] = value.into();
                    }
                }
                answers.push(client.post(USER_TASKS, &body).await.unwrap()["data"].clone());
            }
        }
    }
    for status in ["PENDING", "APPROVED", "REJECTED", "TRANSFERRED", "DONE"] {
        let filter = json!({"approval_codes": [code], "status": status});
        let page = client.post(&format!("{TASKS}?page_size=500"), &filter).await.unwrap();
        assert_eq!(page["data"]["has_more"], false, "{page}");
        answers.push(page["data"].clone());
    }
    answers
}

#[tokio::test]
async fn a_company_moves_to_postgres_and_back_and_nobody_sees_a_difference() {
    let Some(database) = database() else { return };
    let (first, schema) = (tempfile::tempdir().unwrap(), Schema::new(&database));
    let last = tempfile::tempdir().unwrap();
    let key = first.path().join("server.key");
    let places = [sqlite(first.path()), schema.url.clone(), sqlite(last.path())];
    let mut dev = countersign();
    dev.args(["--json", "dev", "--listen", "127.0.0.1:0", "--tasks", "300", "--data"]);
    let dev = Server::start({
        dev.arg(first.path());
        dev
    });
    let code = dev.ready["approval_code"].as_str().unwrap().to_owned();
    let expected = everything(dev.url(), &code).await;
    assert!(expected.iter().filter(|answer| answer["count"] != "0").count() > 100);
    assert!(dev.stop());

    let mut rows = Vec::new();
    for (from, to) in places.iter().zip(&places[1..]) {
        let done = copied(from, to);
        assert!(done.status.success(), "{}", text(&done));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((&told["tenants"], &told["found"]), (&json!(2), &json!(0)));
        rows.push(told["rows"].clone());
        let again = copied(from, to);
        assert!(text(&again).contains("the target holds data already"), "{}", text(&again));
    }
    assert_eq!(rows[0], rows[1]);
    for place in &places {
        let report = on(place, &key).arg("doctor").output().unwrap();
        assert!(report.status.success(), "{place}: {}", text(&report));
        let mut serve = on(place, &key);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--observe", ""]);
        serve.env("COUNTERSIGN_LIMITS__PROFILE", "off");
        let server = Server::start(serve);
        assert_eq!(everything(server.url(), &code).await, expected, "{place}");
        assert!(server.stop());
    }
}

/// Copies until rows have come, and stops; answers how many were there before.
async fn stop_copying(source: &Store, target: &Store) -> u64 {
    let (stop, mut found) = (tokio::sync::Notify::new(), None);
    let told = |progress: Progress| {
        if progress.done > *found.get_or_insert(progress.done) {
            stop.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = stop.notified() => {}
        done = copy(source, target, "there", told) => panic!("{done:?}, and not stopped"),
    }
    found.unwrap()
}

/// Copies with stops, then to the end.
async fn with_stops(source: &Store, target: &Store, stops: usize) -> Copied {
    let mut before = 0;
    for _ in 0..stops {
        let found = stop_copying(source, target).await;
        assert!(found >= before, "{found} {before}");
        before = found;
    }
    copy(source, target, "there", |_| {}).await.unwrap()
}

/// A hub with lists that have nodes, and with changes that no count has yet where that may be.
async fn busy_hub(database: Option<String>) -> (TestHub, String) {
    let hub = TestHub::with(Setup { node_size: (4, 2), database, ..Setup::default() }).await;
    let code = {
        let app = hub.app("cli_oa").await;
        let code = app.define("leave").await;
        for n in 0..60 {
            let mut payload = instance(&code, &format!("i{n}"), "PENDING", n);
            let who = format!("p{}", n % 3);
            payload["task_list"] =
                json!([task("a", &who, "PENDING", n), task("b", "z", "DONE", n)]);
            app.sync(&payload).await;
        }
        code
    };
    (hub, code)
}

#[tokio::test]
async fn a_copy_that_was_stopped_goes_on_and_holds_what_was_not_counted_yet() {
    for database in [None].into_iter().chain(database().map(Some)) {
        let schema = database.map(|url| Schema::new(&url));
        let (hub, code) = busy_hub(schema.as_ref().map(|schema| schema.url.clone())).await;
        let source = hub.hub.store();
        if let Some(schema) = &schema {
            assert_ne!(schema.psql("SELECT count(*) FROM inbox_delta"), "0");
        }
        let folder = tempfile::tempdir().unwrap();
        let target = in_folder(&folder, &Setup::default());
        let done = with_stops(source, &target, 6).await;
        assert!(done.found > 5 && done.rows > 500, "{done:?}");
        let report = hub.doctor().await;
        assert_eq!(report.faults, Vec::<String>::new());
        let copy = TestHub::over(target, &hub);
        assert_eq!(copy.doctor().await, report);
        let (here, there) = (hub.app("cli_oa").await, copy.app("cli_oa").await);
        let filter = json!({"instance_ids": ["i0", "i17", "i59"]});
        assert_eq!(there.walk(&filter, 2).await, here.walk(&filter, 2).await);
        // What comes next is counted on from there.
        let mut next = instance(&code, "i60", "PENDING", 60);
        next["task_list"] = json!([task("a", "p0", "PENDING", 60)]);
        there.sync(&next).await;
        assert_eq!(copy.doctor().await.faults, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_unfinished_copy_is_neither_served_nor_mixed_with_another() {
    let (hub, _) = busy_hub(None).await;
    let folder = tempfile::tempdir().unwrap();
    let target = in_folder(&folder, &Setup::default());
    stop_copying(hub.hub.store(), &target).await;
    let other = copy(hub.hub.store(), &target, "elsewhere", |_| {}).await.unwrap_err();
    assert!(other.to_string().contains("an unfinished copy of there"), "{other}");
    let further = tempfile::tempdir().unwrap();
    let next = in_folder(&further, &Setup::default());
    let chain = copy(&target, &next, "there", |_| {}).await.unwrap_err();
    assert!(chain.to_string().contains("itself an unfinished copy"), "{chain}");
    drop(target);
    let key = folder.path().join("server.key");
    std::fs::write(&key, "07".repeat(32)).unwrap();
    let served = on(&sqlite(folder.path()), &key).arg("doctor").output().unwrap();
    assert!(text(&served).contains("unfinished copy of there"), "{}", text(&served));
}

#[tokio::test]
async fn a_source_that_changed_meanwhile_is_told() {
    let (hub, _) = busy_hub(None).await;
    let folder = tempfile::tempdir().unwrap();
    let target = in_folder(&folder, &Setup::default());
    // Each gets one table further at least: tenants, apps, then people.
    for _ in 0..3 {
        stop_copying(hub.hub.store(), &target).await;
    }
    hub.hub.write(|tx, _| app_disable(tx, "cli_reader", true)).await.unwrap();
    let differs = copy(hub.hub.store(), &target, "there", |_| {}).await.unwrap_err();
    assert!(differs.to_string().contains("app: 4 rows, whose checksums differ"), "{differs}");
    let served = TestHub::over(target, &hub).hub.claim().await.unwrap_err();
    assert!(served.to_string().contains("unfinished copy"), "{served}");
}

#[test]
fn a_copy_says_what_it_wants() {
    let (folder, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, there) = (sqlite(folder.path()), sqlite(empty.path()));
    for (from, to, complaint) in [
        ("data", &*there, "write sqlite:FOLDER"),
        (&*here, "mysql://x", "write sqlite:FOLDER"),
        (&*here, &*there, "there is no data in"),
    ] {
        let done = copied(from, to);
        assert!(!done.status.success() && text(&done).contains(complaint), "{}", text(&done));
    }
    crate::process::found(folder.path());
    let same = copied(&here, &here);
    assert!(!same.status.success(), "{}", text(&same));
    let server = Server::serve(folder.path());
    let busy = copied(&here, &there);
    assert!(text(&busy).contains("another server runs"), "{}", text(&busy));
    assert!(server.stop());
}

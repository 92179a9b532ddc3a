//! Many clients of two servers on one database, who sync and query the same people: each sees its own
//! writes as the oracle has them, and in the end everybody sees all.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::oracle::{Filter, Names, Oracle, Outcome, Sync};
use crate::postgres::{ask, command, found};
use crate::process::{Client, Server};
use crate::properties::{DEFINITIONS, TASK_STATUSES, USERS, sync, without_id};
use crate::support::{APPROVALS, INSTANCES, TASKS, TestHub, database, definition, instance, task};

const CLIENTS: usize = 64;
/// How many syncs each tells, over how many instances of its own.
const SYNCS: usize = 8;
const OWN: usize = 3;

fn serve(url: &str) -> Server {
    let mut command = command(url);
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
    command.env("COUNTERSIGN_LIMITS__PROFILE", "off");
    // So many on a small machine take their time.
    command.env("COUNTERSIGN_DATABASE__PATIENCE_MS", "120000");
    command.env("COUNTERSIGN_DATABASE__STATEMENT_TIMEOUT_MS", "120000");
    Server::start(command)
}

/// Everything that a filter lists, with each page asked of the other server.
async fn walk(servers: &[Client; 2], filter: &Value) -> Vec<Value> {
    let (mut all, mut token) = (Vec::new(), String::new());
    for turn in 0.. {
        let path = format!("{TASKS}?page_size=50&page_token={token}");
        let page = servers[turn % 2].post(&path, filter).await.unwrap();
        let rows = page["data"]["data"].as_array().unwrap_or_else(|| panic!("{page}"));
        all.extend(rows.iter().map(without_id));
        match page["data"]["page_token"].as_str() {
            None => break,
            Some(next) => next.clone_into(&mut token),
        }
    }
    all
}

/// Everybody's tasks with a status, over all definitions.
fn crowd(status: &'static str) -> Filter {
    Filter {
        instances: None,
        definitions: Some((0..DEFINITIONS).collect()),
        users: Some((0..USERS).collect()),
        status: Some(status),
    }
}

/// What the oracle lists, as the wire has it.
fn expected(oracle: &Oracle, names: &Names, filter: &Filter) -> Vec<Value> {
    let listed = oracle.list(filter).into_iter();
    listed.map(|(id, tasks)| names.listed(oracle.get(id).unwrap(), &tasks)).collect()
}

/// Tells a history, each sync to the other server, and looks at it through the first.
async fn live(servers: [Client; 2], names: Names, history: Vec<Sync>) -> (Oracle, Names) {
    let mut oracle = Oracle::default();
    for (turn, sync) in history.iter().enumerate() {
        let answer = servers[turn % 2].post(INSTANCES, &names.payload(sync)).await.unwrap();
        match oracle.sync(sync) {
            Outcome::Refused => assert_eq!(answer["code"], 1_390_001, "{answer}"),
            Outcome::Done { .. } => assert_eq!(answer["code"], 0, "{answer}"),
        }
        let own: BTreeSet<String> = (0..OWN).map(|i| names.instance(i)).collect();
        let filter = crowd(TASK_STATUSES[turn % TASK_STATUSES.len()]);
        let mut listed = walk(&servers, &names.filter(&filter)).await;
        listed.retain(|row| own.contains(row["instance_id"].as_str().unwrap()));
        assert_eq!(listed, expected(&oracle, &names, &filter), "{sync:?}");
    }
    (oracle, names)
}

#[tokio::test]
async fn sixty_four_who_sync_and_query_the_same_people_see_what_the_oracle_has() {
    let Some(url) = database() else { return };
    let (tenant, app) = found(&url);
    let servers = [serve(&url), serve(&url)];
    let clients =
        [Client::new(servers[0].url(), &app).await, Client::new(servers[1].url(), &app).await];
    let mut codes = Vec::new();
    for n in 0..DEFINITIONS {
        let made = clients[n % 2].post(APPROVALS, &definition(&format!("d{n}"))).await.unwrap();
        codes.push(made["data"]["approval_code"].as_str().unwrap().to_owned());
    }
    // The same histories in every run; how they meet differs.
    let mut runner = TestRunner::deterministic();
    let (codes, one) = (Arc::new(codes), sync(OWN, 4));
    let lives: Vec<_> = (0..CLIENTS)
        .map(|run| {
            let names = Names { run, people: 0, codes: codes.to_vec() };
            let tell = |_| one.new_tree(&mut runner).unwrap().current();
            let history = (0..SYNCS).map(tell).collect();
            tokio::spawn(live(clients.clone(), names, history))
        })
        .collect();
    let mut ends = Vec::new();
    for life in lives {
        ends.push(life.await.unwrap());
    }
    for status in TASK_STATUSES {
        let filter = crowd(status);
        let sorted = |mut rows: Vec<Value>| {
            rows.sort_by_key(ToString::to_string);
            rows
        };
        let all: Vec<Value> =
            ends.iter().flat_map(|(oracle, names)| expected(oracle, names, &filter)).collect();
        let listed = walk(&clients, &ends[0].1.filter(&filter)).await;
        assert_eq!(sorted(listed), sorted(all), "{status}");
    }
    let report = ask(&url, &["doctor", "--tenant", &tenant]);
    assert_eq!(report["faults"], json!([]));
    // Everybody meant the same people.
    assert_eq!(report["people"], json!(USERS));
    assert!(servers.into_iter().all(Server::stop));
}

#[tokio::test]
async fn tasks_that_two_servers_add_stay_in_the_order_in_which_they_came() {
    if database().is_none() {
        return;
    }
    let hub = TestHub::new().await;
    let beside = TestHub::beside(&hub).await;
    let apps = [hub.app("cli_oa").await, beside.app("cli_oa").await];
    let defined = apps[0].post(APPROVALS, &definition("order")).await;
    let code = defined.data()["approval_code"].as_str().unwrap().to_owned();
    let names: Vec<String> = (0..12).map(|n| format!("t{n}")).collect();
    // All in one millisecond, by one server and the other in turn.
    for (turn, name) in names.iter().enumerate() {
        let at = i64::try_from(turn).unwrap() + 1;
        let mut payload = instance(&code, "i1", "PENDING", at);
        payload["task_list"] = json!([task(name, "ben", "PENDING", at)]);
        payload["update_mode"] = json!("UPDATE");
        assert_eq!(apps[turn % 2].post(INSTANCES, &payload).await.code(), 0);
    }
    let page = apps[0].post(TASKS, &json!({"approval_codes": [code], "status": "PENDING"})).await;
    let tasks = page.data()["data"][0]["tasks"].clone();
    let tasks = tasks.as_array().unwrap_or_else(|| panic!("{}", page.text)).clone();
    let listed: Vec<_> = tasks.iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(listed, names);
}

//! Flows that several processes run: steps stay in order, and what time does is done once, also when one
//! of them dies with the lease. Nothing to do without a shared database.
//!
//! What time does begins on a clock of last winter, and servers have the machine's: for them it is all
//! due.

use std::sync::{Arc, Barrier};

use domain::{Clock, InstanceId, Millis};
use serde_json::json;
use store::flow_run::run_next_due;
use store::lock::{Aggregate, hold};

use crate::flow_kit::{Company, Story, all_fits, kunlun};
use crate::flow_time::{ALL, FLOW, by_itself, file, names};
use crate::postgres::{Schema, command, serve};
use crate::process::Server;
use crate::support::{Setup, TestHub, database};

/// A database of its own: a server does what is due in every tenant that it finds.
async fn hub(schema: &Schema) -> TestHub {
    TestHub::with(Setup { database: Some(schema.url.clone()), ..Setup::default() }).await
}

/// Starts instances that decide by themselves one day, each a moment after the one before.
async fn started(hub: &TestHub, count: usize) -> Vec<InstanceId> {
    let company = Company::new(hub).await;
    company.apply(&file("agree")).await;
    let operator = json!({"_id": kunlun("ann")}).to_string();
    let body = json!({"operator": operator, "params": "{}"});
    let mut instances = Vec::new();
    for _ in 0..count {
        let id = company.execute(FLOW, &body).await.data()["execution_id"].clone();
        instances.push(InstanceId(id.as_str().unwrap().parse().unwrap()));
        hub.clock.advance(1);
    }
    instances
}

/// In how many instances time has done anything; all of it, where it has.
async fn done(hub: &TestHub, instances: &[InstanceId]) -> usize {
    let mut done = 0;
    for instance in instances {
        let told = by_itself(hub, *instance).await;
        assert!(told.len() <= 1, "{instance}: {told:?}");
        for events in told {
            assert_eq!(names(&events), ALL, "{instance}");
            done += 1;
        }
    }
    done
}

async fn anything_is_to_come(hub: &TestHub) -> bool {
    let acme = hub.acme;
    hub.hub.read(move |tx, _| Ok(run_next_due(tx, acme)?)).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_two_servers_open_in_the_same_moment_is_in_order() {
    if database().is_none() {
        return;
    }
    let hub = TestHub::new().await;
    let beside = TestHub::beside(&hub).await;
    let company = Company::new(&hub).await;
    let other = Company { hub: &beside, app: beside.app("cli_oa").await };
    let node =
        |n| format!("  - {{ id: n{n}, label: {{ zh-CN: 步 }}, assignees: [{{ person: ben }}] }}\n");
    let nodes: String = (1..=12).map(node).collect();
    let head = format!("api_id: {FLOW}\nnamespace: package_demo\nlabel: {{ zh-CN: 序 }}\nnodes:\n");
    company.apply(&(head + &nodes)).await;
    let story = company.start(FLOW, "ann", &json!({})).await;
    let newest = json!({"source": "fromMe", "limit": "1"});
    let mut opened = Vec::new();
    for turn in 0..12 {
        // Newest first, and of one moment the one with the greatest id.
        let task = company.query("ann", &newest).await["tasks"][0]["task_id"].clone();
        let task = task.as_str().unwrap().to_owned();
        assert!(!opened.contains(&task), "{task} is not the newest of {opened:?}");
        let by = if turn % 2 == 0 { &other } else { &company };
        let mut story = Story { company: by, instance: story.instance.clone(), tasks: vec![task] };
        crate::flow_kit::done(&story.agree(1, "ben").await);
        opened.append(&mut story.tasks);
    }
    all_fits(&hub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_do_each_thing_once() {
    let Some(url) = database() else { return };
    let schema = Schema::new(&url);
    let hub = hub(&schema).await;
    // More than one slice.
    let instances = started(&hub, 120).await;
    assert_eq!(done(&hub, &instances).await, 0);
    let servers = [serve(&schema.url), serve(&schema.url)];
    while anything_is_to_come(&hub).await {
        tokio::task::yield_now().await;
    }
    assert_eq!(done(&hub, &instances).await, instances.len());
    assert!(servers.into_iter().all(Server::stop));
    assert_eq!(done(&hub, &instances).await, instances.len());
    all_fits(&hub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_server_left_that_died_with_the_lease_is_done_by_another_when_it_ends() {
    let Some(url) = database() else { return };
    let schema = Schema::new(&url);
    let hub = hub(&schema).await;
    let instances = started(&hub, 20).await;
    // Somebody has the eleventh in hand, so the server stands still in the middle of its work.
    let (acme, held) = (hub.acme, instances[10]);
    let (gate, door) = (Arc::new(Barrier::new(2)), Arc::clone(&hub.hub));
    let inner = Arc::clone(&gate);
    let holding = tokio::spawn(async move {
        let wait = door.write(move |tx, _| {
            hold(tx, acme, Aggregate::FlowInstance(held))?;
            inner.wait();
            inner.wait();
            Ok(())
        });
        wait.await.unwrap();
    });
    gate.wait();
    let joint = if schema.url.ends_with('&') { "" } else { "&" };
    let server = serve_patiently(&format!("{}{joint}application_name=the_first", schema.url));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'the_first' \
                 AND wait_event_type = 'Lock'";
    while schema.psql(waits) == "0" {
        tokio::task::yield_now().await;
    }
    server.kill();
    gate.wait();
    holding.await.unwrap();
    assert_eq!(done(&hub, &instances).await, 10);

    let lease = format!("SELECT until FROM lease WHERE work = 3 AND tenant_id = {acme}");
    let until = Millis(schema.psql(&lease).parse().unwrap());
    hub.clock.advance(until.get() - 1 - hub.clock.now().get());
    assert_eq!(hub.hub.run_timers_of(acme).await.unwrap(), 0, "it is the dead one's still");
    assert_eq!(done(&hub, &instances).await, 10);
    hub.clock.advance(1);
    assert_eq!(hub.hub.run_timers_of(acme).await.unwrap(), 10);
    assert_eq!(hub.hub.run_timers_of(acme).await.unwrap(), 0);
    assert_eq!(done(&hub, &instances).await, 20);
    all_fits(&hub).await;
}

/// A server that waits for long, on however slow a machine.
fn serve_patiently(url: &str) -> Server {
    let mut command = command(url);
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
    command.env("COUNTERSIGN_DATABASE__PATIENCE_MS", "600000");
    command.env("COUNTERSIGN_DATABASE__STATEMENT_TIMEOUT_MS", "600000");
    Server::start(command)
}

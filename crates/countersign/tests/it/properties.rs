//! Random histories against the oracle: what is stored, what filters list, what a traversal sees
//! while others write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::oracle::{CcIn, Filter, Names, Oracle, Outcome, Sync, TaskIn, Title};
use crate::support::{
    App, CHECK, HOT_SETS, INSTANCES, Setup, TASKS, TestHub, assert_hot_sets_filled, histories,
};

const STATUSES: [&str; 7] =
    ["PENDING", "APPROVED", "REJECTED", "CANCELED", "DELETED", "HIDDEN", "TERMINATED"];
const TASK_STATUSES: [&str; 5] = ["PENDING", "APPROVED", "REJECTED", "TRANSFERRED", "DONE"];
const DEFINITIONS: usize = 2;
const USERS: usize = 4;

fn title() -> impl Strategy<Value = Title> {
    prop_oneof![Just(Title::Absent), Just(Title::Empty), Just(Title::Text("甲"))]
}

fn task(ids: usize) -> impl Strategy<Value = TaskIn> {
    let status = prop::sample::select(&TASK_STATUSES[..]);
    (0..ids, 0..USERS, status, 1_i64..5, title())
        .prop_map(|(id, user, status, time, title)| TaskIn { id, user, status, time, title })
}

fn cc() -> impl Strategy<Value = CcIn> {
    (0_usize..3, 0..USERS, any::<bool>(), 1_i64..5).prop_map(|(id, user, read, time)| CcIn {
        id,
        user,
        read,
        time,
    })
}

/// `instances` and `task_ids` say how often histories meet the same thing again.
fn sync(instances: usize, task_ids: usize) -> impl Strategy<Value = Sync> {
    let place = (any::<bool>(), 0..instances, prop::bool::weighted(0.05));
    let state = (prop::sample::select(&STATUSES[..]), 1_i64..7, title());
    let nobody = prop::bool::weighted(0.2);
    let tasks = prop::collection::vec(task(task_ids), 0..5);
    let ccs = prop::collection::vec(cc(), 0..3);
    (place, state, nobody, tasks, ccs).prop_map(
        |((update, instance, stray), (status, time, title), nobody, tasks, ccs)| {
            // Nearly always the instance's own definition.
            let definition = (instance + usize::from(stray)) % DEFINITIONS;
            // Only a purge may name nobody.
            let nobody = nobody && !update && status == "APPROVED";
            Sync { update, definition, instance, status, time, nobody, title, tasks, ccs }
        },
    )
}

fn subset(of: usize, least: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::sample::subsequence((0..of).collect::<Vec<_>>(), least..=of)
}

/// Every valid combination.
fn filter(instances: usize) -> impl Strategy<Value = Filter> {
    let status = prop::sample::select(&TASK_STATUSES[..]);
    let by_status = (subset(DEFINITIONS, 1), prop::option::of(subset(USERS, 1)), status.clone())
        .prop_map(|(definitions, users, status)| Filter {
            instances: None,
            definitions: Some(definitions),
            users,
            status: Some(status),
        });
    let named = (
        subset(instances, 1),
        prop::option::of(subset(DEFINITIONS, 1)),
        prop::option::of(subset(USERS, 1)),
        prop::option::of(status),
    )
        .prop_map(|(instances, definitions, users, status)| Filter {
            instances: Some(instances),
            definitions,
            users,
            status,
        });
    prop_oneof![by_status, named]
}

/// Histories share one server; each has names of its own.
struct Bench {
    runtime: Runtime,
    /// With each kind of hot set, in turn.
    hubs: Vec<TestHub>,
    runs: AtomicUsize,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let hub = |hot_set_bytes| {
            runtime.block_on(TestHub::with(Setup { hot_set_bytes, ..Setup::default() }))
        };
        let hubs = HOT_SETS.map(hub).into();
        Self { runtime, hubs, runs: AtomicUsize::new(0) }
    }

    async fn start(&self) -> (App<'_>, Names) {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let app = self.hubs[run % self.hubs.len()].app("cli_oa").await;
        let mut codes = Vec::new();
        for n in 0..DEFINITIONS {
            codes.push(app.define(&format!("r{run}-d{n}")).await);
        }
        (app, Names { run, codes })
    }

    fn check<S: Strategy>(&self, cases: u32, strategy: &S, test: &impl AsyncFn(&S::Value)) {
        // PROPTEST_CASES asks for more; a failing case prints itself, so no file is kept.
        let config = Config { failure_persistence: None, ..Config::default() };
        let cases = if config.cases == 256 { histories(cases) } else { config.cases };
        let mut runner = TestRunner::new(Config { cases, ..config });
        let done = runner.run(strategy, |value| {
            self.runtime.block_on(test(&value));
            Ok(())
        });
        done.unwrap_or_else(|error| panic!("{error}"));
        assert_hot_sets_filled(&self.hubs);
        for hub in &self.hubs {
            let report = self.runtime.block_on(hub.doctor());
            assert_eq!(report.faults, Vec::<String>::new());
        }
    }
}

/// Syncs once and compares the answer with the oracle's.
async fn step(app: &App<'_>, names: &Names, oracle: &mut Oracle, sync: &Sync) {
    let answer = app.post(INSTANCES, &names.payload(sync)).await;
    match oracle.sync(sync) {
        Outcome::Refused => assert_eq!(answer.code(), 1_390_001, "{sync:?}: {}", answer.text),
        Outcome::Done { instance, task, cc } => {
            let counts =
                |[i, u, d]: [usize; 3]| json!({"insert_num": i, "update_num": u, "delete_num": d});
            let expected =
                json!({"instance": counts(instance), "task": counts(task), "cc": counts(cc)});
            assert_eq!(answer.data()["process_record"], expected, "{sync:?}");
        }
    }
}

/// What is stored of an instance, by everything that shows it, is what the oracle has.
async fn compare_instance(app: &App<'_>, names: &Names, oracle: &Oracle, sync: &Sync) {
    let id = names.instance(sync.instance);
    let listed = app.get(TASKS, &json!({"instance_ids": [id]})).await.data();
    let known = oracle.get(sync.instance);
    let expected: Vec<Value> = known
        .iter()
        .map(|known| names.listed(known, &known.tasks.iter().map(|t| t.id).collect::<Vec<_>>()))
        .collect();
    let listed: Vec<Value> = listed["data"].as_array().unwrap().iter().map(without_id).collect();
    assert_eq!(listed, expected);

    // An answer to an ignored update shows what is stored, with copies and titles.
    let Some(known) = known else { return };
    let probe = Sync { update: true, time: 0, tasks: vec![], ccs: vec![], ..sync.clone() };
    let probe = Sync { definition: known.definition, nobody: false, ..probe };
    let stored = app.sync(&names.payload(&probe)).await["data"].clone();
    assert_eq!(stored["title"].as_str(), known.title);
    let tasks: Vec<_> = stored["task_list"].as_array().unwrap().iter().collect();
    let expected: Vec<_> = known.tasks.iter().collect();
    assert_eq!(tasks.len(), expected.len());
    for (task, expected) in tasks.iter().zip(expected) {
        assert_eq!(task["task_id"], format!("t{}", expected.id));
        assert_eq!(task["user_id"], names.user(expected.user));
        assert_eq!(task["title"].as_str(), expected.title);
    }
    let ccs: Vec<_> = stored["cc_list"].as_array().unwrap().clone();
    let expected: Vec<_> = known
        .ccs
        .iter()
        .map(|c| {
            let read = if c.read { "READ" } else { "UNREAD" };
            (format!("c{}", c.id), names.user(c.user), read.to_owned(), c.time.to_string())
        })
        .collect();
    let text = |cc: &Value, name: &str| cc[name].as_str().unwrap().to_owned();
    let shown: Vec<_> = ccs
        .iter()
        .map(|cc| {
            let (id, user) = (text(cc, "cc_id"), text(cc, "user_id"));
            (id, user, text(cc, "read_status"), text(cc, "update_time"))
        })
        .collect();
    assert_eq!(shown, expected);
}

/// The number of a definition is made by the server, so the oracle does not know it.
fn without_id(listed: &Value) -> Value {
    let mut listed = listed.clone();
    listed.as_object_mut().unwrap().remove("approval_id").unwrap();
    listed
}

#[test]
fn every_history_leaves_what_the_oracle_has() {
    let bench = Bench::new();
    let histories = prop::collection::vec(sync(2, 5), 1..8);
    bench.check(1_500, &histories, &async |history| {
        let (app, names) = bench.start().await;
        let mut oracle = Oracle::default();
        for sync in history {
            step(&app, &names, &mut oracle, sync).await;
            compare_instance(&app, &names, &oracle, sync).await;
        }
        // Stamps as stored are equal; a task that is unknown shows as such.
        for instance in oracle.instances.iter().filter(|i| !i.gone) {
            let tasks = instance.tasks.iter();
            let tasks: Vec<_> = tasks
                .map(|t| json!({"task_id": format!("t{}", t.id), "update_time": t.time}))
                .collect();
            let asked = json!({"instances": [{
                "instance_id": names.instance(instance.id),
                "update_time": instance.time,
                "tasks": tasks,
            }]});
            let different = app.post(CHECK, &asked).await.data()["diff_instances"].clone();
            assert_eq!(different, json!([]));
        }
    });
}

const MANY: usize = 14;

#[test]
fn every_filter_walked_in_pages_of_any_size_equals_the_oracles_list() {
    let bench = Bench::new();
    let histories = prop::collection::vec(sync(MANY, 4), 5..40);
    let filters = prop::collection::vec((filter(MANY), 1_usize..6), 8);
    bench.check(400, &(histories, filters), &async |(history, filters)| {
        let (app, names) = bench.start().await;
        let mut oracle = Oracle::default();
        for sync in history {
            step(&app, &names, &mut oracle, sync).await;
        }
        for (filter, page_size) in filters {
            let listed = app.walk(&names.filter(filter), *page_size).await;
            let listed: Vec<_> = listed.iter().map(without_id).collect();
            let expected: Vec<_> = oracle
                .list(filter)
                .iter()
                .map(|(id, tasks)| names.listed(oracle.get(*id).unwrap(), tasks))
                .collect();
            assert_eq!(listed, expected, "{filter:?}");
        }
    });
}

#[test]
fn a_traversal_sees_what_matches_throughout_exactly_once_while_others_write() {
    let bench = Bench::new();
    let histories = prop::collection::vec(sync(MANY, 3), 10..30);
    let between = prop::collection::vec(prop::collection::vec(sync(MANY, 3), 0..3), 12);
    bench.check(400, &(histories, between, filter(MANY), 1_usize..4), &async |(
        history,
        between,
        filter,
        page_size,
    )| {
        let (app, names) = bench.start().await;
        let mut oracle = Oracle::default();
        for sync in history {
            step(&app, &names, &mut oracle, sync).await;
        }
        let matching = |oracle: &Oracle| -> BTreeSet<String> {
            oracle.list(filter).iter().map(|(id, _)| names.instance(*id)).collect()
        };
        let mut throughout = matching(&oracle);
        let mut ever = throughout.clone();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut writes = between.iter();
        let mut path = format!("{TASKS}?page_size={page_size}");
        let mut body = names.filter(filter);
        loop {
            let data = app.get(&path, &body).await.data();
            for row in data["data"].as_array().unwrap() {
                *seen.entry(row["instance_id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            let Some(token) = data.get("page_token") else { break };
            // The token alone continues.
            path = format!("{TASKS}?page_size={page_size}&page_token={}", token.as_str().unwrap());
            body = Value::Null;
            for sync in writes.next().into_iter().flatten() {
                step(&app, &names, &mut oracle, sync).await;
                let now = matching(&oracle);
                throughout.retain(|id| now.contains(id));
                ever.extend(now);
            }
        }
        assert!(seen.values().all(|times| *times == 1), "{seen:?}");
        assert!(throughout.iter().all(|id| seen.contains_key(id)), "{throughout:?} {seen:?}");
        assert!(seen.keys().all(|id| ever.contains(id)), "{ever:?} {seen:?}");
    });
}

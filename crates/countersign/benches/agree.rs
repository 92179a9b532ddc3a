//! People who decide: agrees that open the next step, many callers at once, in process and durable.
//!
//! `WHAT=make` makes a file `DATA` with `OPEN` running instances, and the file `TASKS` with `AGREES` of
//! their tasks, spread over all of them; `WHAT=run` decides those, `CALLERS` at once. `cargo xtask bench
//! agree` calls both.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool at a terminal")]

use std::fmt::Write as _;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use domain::person::AliasKind;
use domain::time::ManualClock;
use domain::{AppId, Clock, Ids, Millis, TenantId};
use engine::access::tenant_create;
use engine::flow_run::Named;
use engine::flow_run::actions::{Asked, On, What, act};
use engine::flow_run::definitions::apply;
use engine::flow_run::execute::{Start, execute};
use engine::keys::Keyring;
use engine::people::{ImportedPerson, import};
use engine::{Caller, Hub, Options, Settings, Store};
use store::access::{App, tenant_by_key};
use store::flow::instance_load;

const FLOW: &str = "
api_id: leave
namespace: bench
label: { zh-CN: 请假 }
parameters:
  - { name: first, type: person, label: { zh-CN: 经理 } }
  - { name: second, type: person, label: { zh-CN: 人事 } }
nodes:
  - { id: manager, label: { zh-CN: 经理 }, assignees: [{ parameter: first }] }
  - { id: personnel, label: { zh-CN: 人事 }, assignees: [{ parameter: second }] }
";
/// How many instances a person starts, and how many tasks they have, in the mean.
const EACH: usize = 150;
/// How many instances one transaction starts.
const SLICE: usize = 200;
const NOW: Millis = Millis(1_767_574_800_000);
/// When they are decided: ids begin with the time, and a clock that stands still would give some again.
const LATER: Millis = Millis(NOW.0 + 86_400_000);

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let (data, tasks) = (text("DATA"), text("TASKS"));
    if data.is_empty() {
        println!("DATA names no file: nothing to do");
        return;
    }
    let number = |name: &str| text(name).parse::<usize>().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if text("WHAT") == "make" {
        let list =
            runtime.block_on(make(&hub(data.as_ref(), NOW), number("OPEN"), number("AGREES")));
        std::fs::write(tasks, list).unwrap();
    } else {
        let list = std::fs::read_to_string(tasks).unwrap();
        runtime.block_on(run(&hub(data.as_ref(), LATER), &list, number("CALLERS")));
    }
}

fn hub(file: &Path, now: Millis) -> Arc<Hub> {
    let store = Store::open(&Options::new(file), now).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now));
    let ids = Arc::new(Ids::new([1; 32]));
    let keys = Keyring::new([1; 32], &[]);
    Arc::new(Hub::new(store, clock, ids, keys, api::renderers(), Settings::default()))
}

fn caller(tenant: TenantId) -> Caller {
    let app = App {
        id: AppId(9),
        tenant: Some(tenant),
        key: "bench".into(),
        name: "bench".into(),
        secret_mac: Vec::new(),
        epoch: 0,
        scopes: Vec::new(),
        disabled: false,
        created_at: NOW,
    };
    Caller { tenant, app: Arc::new(app) }
}

fn named(person: &str) -> Named {
    Named { member: "user_id", ids: vec![person.to_owned()] }
}

/// Starts `open` instances; answers `agrees` of their first tasks, each with who decides it.
async fn make(hub: &Hub, open: usize, agrees: usize) -> String {
    let people = (open / EACH).max(20);
    let tenant = hub.write(|tx, cx| Ok(tenant_create(tx, cx, "bench", "Bench")?.id)).await.unwrap();
    hub.write(move |tx, cx| {
        for n in 0..people {
            let aliases = vec![(AliasKind::Kunlun, format!("k{n}"))];
            let name = format!("Person {n}");
            import(tx, cx, tenant, &ImportedPerson { aliases, name, ..Default::default() })??;
        }
        apply(tx, cx, tenant, FLOW).map(drop)
    })
    .await
    .unwrap();
    let (caller, every, mut list) = (caller(tenant), open / agrees, String::new());
    for from in (0..open).step_by(SLICE) {
        let caller = caller.clone();
        let slice = hub.write(move |tx, cx| {
            let mut lines = String::new();
            for n in from..open.min(from + SLICE) {
                // Neighbours in time have nobody in common.
                let who = |apart: usize| format!("k{}", n * apart % people);
                let params = [("first", who(7)), ("second", who(11))];
                let start = Start {
                    namespace: "bench".into(),
                    api_id: "leave".into(),
                    key: None,
                    operator: named(&who(13)),
                    params: params.map(|(name, id)| (name.to_owned(), id.into())).into(),
                };
                let started = execute(tx, cx, &caller, &start)?;
                if n % every == 0 {
                    let instance = instance_load(tx, tenant, started.instance)?.unwrap();
                    writeln!(lines, "{} {}", instance.tasks.last().unwrap().id, who(7)).unwrap();
                }
            }
            Ok(lines)
        });
        list += &slice.await.unwrap();
    }
    list
}

async fn run(hub: &Arc<Hub>, list: &str, callers: usize) {
    let tenant = hub.read(|tx, _| Ok(tenant_by_key(tx, "bench")?)).await.unwrap().unwrap().id;
    let split = |line: &str| line.split_once(' ').map(|(task, by)| (task.into(), by.into()));
    let mut tasks: Vec<(String, String)> = list.lines().filter_map(split).collect();
    // People do not decide in the order in which instances were started, side by side in the file.
    let chance = BuildHasherDefault::<DefaultHasher>::default();
    tasks.sort_by_cached_key(|task| chance.hash_one(task));
    let tasks = Arc::new(tasks);
    let (next, caller) = (Arc::new(AtomicUsize::new(0)), caller(tenant));
    let started = Instant::now();
    let all: Vec<_> = (0..callers)
        .map(|_| {
            let (hub, tasks, next) = (Arc::clone(hub), Arc::clone(&tasks), Arc::clone(&next));
            let caller = caller.clone();
            tokio::spawn(async move {
                while let Some((task, by)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (on, opinion) = (On::Task(task.clone()), String::new());
                    let asked = Asked { on, by: named(by), opinion, what: What::Agree };
                    let caller = caller.clone();
                    let done = hub.write(move |tx, cx| act(tx, cx, &caller, &asked)).await;
                    assert!(done.unwrap(), "task {task} was decided before");
                }
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(r#"{{"done":{},"seconds":{seconds}}}"#, tasks.len());
}

//! The main handlers, each served many times through the whole gateway, in process and without a
//! socket: what `cargo xtask instructions` counts and `cargo xtask profile` looks into.
//!
//!     handlers SCENARIO [COUNT]     with the data in the file DATA if that is set, else with its own
//!     handlers fill                 makes the file DATA: under callgrind it takes fifty times as long
//!
//! The same data, ids, time and requests in every run, one request at a time. What is measured runs
//! inside one function, `measured`, which the tools know by its name.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool at a terminal")]

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;

use api::{ALL_SCOPES, Api, Limits, Peer, READ_SCOPES};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use domain::flow::FlowDetails;
use domain::limits::FILTER_INSTANCES;
use domain::time::ManualClock;
use domain::{Clock, Ids, Millis};
use engine::demo::{APP, Plan, Sample};
use engine::keys::Keyring;
use engine::{Hub, Options, Settings, Store};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::Service;

/// As in the binary: allocations are part of what a request costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Two days after the demo begins: all of its tasks have started.
const NOW: Millis = Millis(DEMO_START + 48 * HOUR);
const DEMO_START: i64 = 1_767_574_800_000;
const HOUR: i64 = 3_600_000;
/// Enough that the busy person's lists have nodes above their rows, and that there are as many
/// third-party tasks as the demo makes at most.
const TASKS: usize = 8_000;
/// Served before the measurement: statements are prepared, the app is known, the log has its size.
const WARM_UP: usize = 64;
/// Checkpoints come every 64 writes, so a multiple has its fair share of them.
const COUNT: usize = 128;
/// How many flows a filtered inbox names: four of the demo and as many more as people tick.
const FLOWS: usize = 20;
const FLOW_NAMES: [&str; 4] = ["leave", "expense", "contract", "purchase"];
/// Instances in one `check`.
const CHECKED: usize = 100;

const TOKEN: &str = "/open-apis/auth/v3/tenant_access_token/internal";
const INSTANCES: &str = "/open-apis/approval/v4/external_instances";
const CHECK: &str = "/open-apis/approval/v4/external_instances/check";
const EXTERNAL_TASKS: &str = "/open-apis/approval/v4/external_tasks";
const USER_TASKS: &str = "/open-apis/apaas/v1/user_task/query";

/// What is asked again and again.
struct Scenario {
    method: Method,
    path: String,
    /// The body of the `n`th request.
    body: Box<dyn Fn(usize) -> Value>,
    /// Whether an answer is the one meant: a scenario that went wrong would be cheap.
    right: fn(&Value) -> bool,
}

impl Scenario {
    fn new(method: Method, path: &str, body: Value, right: fn(&Value) -> bool) -> Self {
        Self { method, path: path.to_owned(), body: Box::new(move |_| body.clone()), right }
    }

    fn requests(&self, token: &str, from: usize, count: usize) -> Vec<Request<Body>> {
        let body = |n| (self.body)(n).to_string();
        (from..from + count)
            .map(|n| request(self.method.clone(), &self.path, token, body(n)))
            .collect()
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let name = args.next().unwrap_or_else(|| "inbox".to_owned());
    let count = args.next().map_or(COUNT, |text| text.parse().unwrap());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let ready = std::env::var_os("DATA");
    if name == "fill" {
        runtime.block_on(fill(&hub(ready.unwrap().as_ref())));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handlers.db");
    if let Some(ready) = ready {
        std::fs::copy(ready, &file).unwrap();
    }
    // Counted and timed as in `serve`, whose recorder this is.
    let _metrics = countersign::observe::metrics().unwrap();
    let hub = hub(&file);
    let sample = runtime.block_on(fill(&hub));
    // The limiter counts every request, but nobody may be refused.
    let limits = Limits::own(u32::MAX, u32::MAX);
    let router = api::router(Api {
        hub,
        limits,
        slow_ms: u64::MAX,
        access_log: false,
        admin: None,
        chat: None,
    });
    let token = runtime.block_on(token(&router));

    let stamps = runtime.block_on(stamps(&router, &token));
    let scenario = scenario(&name, &sample, &stamps);
    for request in scenario.requests(&token, 0, WARM_UP) {
        let answer = runtime.block_on(answer(&router, request));
        let json: Value = serde_json::from_slice(&answer).unwrap();
        assert!((scenario.right)(&json), "{name} was answered {json}");
    }
    let requests = scenario.requests(&token, WARM_UP, count);
    begin_samples();
    let bytes = measured(&runtime, &router, requests);
    over(&name, count, bytes);
}

/// Tells perf, if it waits for that, to sample from now on.
fn begin_samples() {
    let path = |name: &str| std::env::var_os(name);
    if let (Some(control), Some(ack)) = (path("PERF_CONTROL"), path("PERF_ACK")) {
        std::fs::write(control, "enable\n").unwrap();
        // Its answer comes when it does.
        let _ = std::fs::File::open(ack).unwrap().read(&mut [0; 8]).unwrap();
    }
}

/// What is counted, and nothing else: callgrind is told to begin a new count where this begins.
#[inline(never)]
fn measured(runtime: &Runtime, router: &Router, requests: Vec<Request<Body>>) -> usize {
    runtime.block_on(async {
        let mut bytes = 0;
        for request in requests {
            bytes += black_box(answer(router, request).await).len();
        }
        bytes
    })
}

/// And where this begins, to end it.
#[inline(never)]
fn over(name: &str, count: usize, bytes: usize) {
    println!("{name}: {count} requests, {bytes} bytes");
}

/// One request from where the connection hands it over to the last byte of its answer.
async fn answer(router: &Router, request: Request<Body>) -> Bytes {
    let Ok(response) = router.clone().as_service().call(request).await;
    response.into_body().collect().await.unwrap().to_bytes()
}

fn request(method: Method, path: &str, token: &str, body: String) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let length = body.len();
    let mut request = request.header("content-length", length).body(Body::from(body)).unwrap();
    request.extensions_mut().insert(Peer(([127, 0, 0, 1], 4_000).into()));
    request
}

fn hub(file: &std::path::Path) -> Arc<Hub> {
    let mut options = Options::new(file);
    options.readers = 1;
    let store = Store::open(&options, NOW).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
    let keys = Keyring::new([1; 32], &[]);
    let ids = Arc::new(Ids::new([1; 32]));
    Arc::new(Hub::new(store, clock, ids, keys, api::renderers(), Settings::default()))
}

fn api_id(flow: usize) -> String {
    match FLOW_NAMES.get(flow) {
        Some(name) => format!("package_demo__c__{name}"),
        None => format!("package_demo__c__more{flow}"),
    }
}

/// The demo company, with more flows, unless it is there.
async fn fill(hub: &Hub) -> Sample {
    hub.claim().await.unwrap();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let (all_scopes, read_scopes) = (texts(ALL_SCOPES), texts(READ_SCOPES));
    let plan = Plan { seed: 1, tasks: TASKS, all_scopes, read_scopes };
    let sample = hub.demo(&plan, |_| ()).await.unwrap();
    hub.write(|tx, cx| {
        let app = store::access::app_by_key(tx, APP.0)?.unwrap();
        for flow in FLOW_NAMES.len()..FLOWS {
            let label = vec![("2052".to_owned(), format!("流程{flow}"))];
            let details = FlowDetails { label, namespace: "package_demo".to_owned() };
            engine::flows::define(tx, cx, app.tenant.unwrap(), &api_id(flow), &details)?;
        }
        Ok(())
    })
    .await
    .unwrap();
    sample
}

async fn token(router: &Router) -> String {
    let body = json!({"app_id": APP.0, "app_secret": APP.1}).to_string();
    let answer = answer(router, request(Method::POST, TOKEN, "", body)).await;
    let json: Value = serde_json::from_slice(&answer).unwrap();
    json["tenant_access_token"].as_str().unwrap().to_owned()
}

fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

fn instance_id(n: usize) -> String {
    format!("demo-{n:05}")
}

fn scenario(name: &str, sample: &Sample, stamps: &Value) -> Scenario {
    let person = &sample.kunlun_user_id;
    let ids: Vec<_> = (1..=FILTER_INSTANCES).map(instance_id).collect();
    match name {
        // The first page of the person with the longest lists.
        "inbox" => Scenario::new(
            Method::POST,
            USER_TASKS,
            json!({"kunlun_user_id": person, "type": "pending", "source": "assignMe"}),
            |answer| length(&answer["data"]["tasks"]) == 10,
        ),
        // The same, narrowed down by everything that a client can narrow it down by.
        "inbox-filtered" => Scenario::new(
            Method::POST,
            USER_TASKS,
            json!({
                "kunlun_user_id": person, "type": "pending", "source": "assignMe",
                "api_ids": (0..FLOWS).map(api_id).collect::<Vec<_>>(),
                "start_time": (DEMO_START + 5 * HOUR).to_string(),
                "end_time": (DEMO_START + 20 * HOUR).to_string(),
            }),
            |answer| length(&answer["data"]["tasks"]) == 10,
        ),
        "tasks-ids" => {
            Scenario::new(Method::GET, EXTERNAL_TASKS, json!({"instance_ids": ids}), |answer| {
                length(&answer["data"]["data"]) == 20
            })
        }
        "tasks-page" => Scenario::new(
            Method::GET,
            &format!("{EXTERNAL_TASKS}?page_size=50"),
            json!({"approval_codes": [sample.approval_code], "status": "PENDING"}),
            |answer| length(&answer["data"]["data"]) == 50,
        ),
        // Everything is as the caller thinks, as it is nearly always.
        "check" => Scenario::new(Method::POST, CHECK, stamps.clone(), |answer| {
            answer["code"] == 0 && length(&answer["data"]["diff_instances"]) == 0
        }),
        "sync" => Scenario {
            method: Method::POST,
            path: INSTANCES.to_owned(),
            body: synced(sample.approval_code.clone()),
            right: |answer| {
                let rows = &answer["data"]["process_record"]["task"];
                rows["update_num"] == 3 || rows["insert_num"] == 3
            },
        },
        // What every request pays: log id, route, token, rate, scope, body, answer, metrics. An upper
        // bound, and the cheapest one: this handler still reads its body and nothing from the store,
        // while whatever is refused before any read makes a longer answer.
        "gateway" => {
            Scenario::new(Method::POST, CHECK, json!({"instances": []}), |a| a["code"] == 0)
        }
        other => panic!("there is no scenario {other}"),
    }
}

/// The stamps of the first instances, as they are told by the hub itself.
async fn stamps(router: &Router, token: &str) -> Value {
    let mut instances = Vec::new();
    let ids: Vec<_> = (1..=CHECKED).map(instance_id).collect();
    for ids in ids.chunks(FILTER_INSTANCES) {
        let body = json!({"instance_ids": ids}).to_string();
        let answer = answer(router, request(Method::GET, EXTERNAL_TASKS, token, body)).await;
        let json: Value = serde_json::from_slice(&answer).unwrap();
        for instance in json["data"]["data"].as_array().unwrap() {
            let tasks = instance["tasks"].as_array().unwrap().iter();
            let tasks = tasks.map(|t| json!({"task_id": t["id"], "update_time": t["update_time"]}));
            instances.push(json!({
                "instance_id": instance["instance_id"],
                "update_time": instance["update_time"],
                "tasks": tasks.collect::<Vec<_>>(),
            }));
        }
    }
    assert_eq!(instances.len(), CHECKED);
    json!({"instances": instances})
}

/// Replacements of one instance: each time it moves on, one of its tasks changes state and all of
/// them have a new stamp.
fn synced(code: String) -> Box<dyn Fn(usize) -> Value> {
    Box::new(move |n| {
        let update_time = (NOW.get() + i64::try_from(n).unwrap()).to_string();
        let links = json!({"pc_link": "https://oa.example.com/instances/measured"});
        let task = |step: usize, status: &str, user: &str| {
            json!({
                "task_id": format!("measured-t{step}"), "user_id": user, "links": links,
                "status": status, "node_id": format!("node-{step}"), "node_name": "@i18n@node",
                "create_time": NOW.to_string(), "end_time": "0", "update_time": update_time,
            })
        };
        let last = ["PENDING", "TRANSFERRED"][n % 2];
        json!({
            "approval_code": code, "instance_id": "measured", "status": "PENDING",
            "links": links, "user_id": "wangfang", "title": "@i18n@title",
            "form": [{"name": "@i18n@title", "value": format!("CNY {n}.00")}],
            "start_time": NOW.to_string(), "end_time": "0", "update_time": update_time,
            "i18n_resources": [{"locale": "zh-CN", "is_default": true, "texts": [
                {"key": "@i18n@title", "value": "上海出差机票"},
                {"key": "@i18n@node", "value": "审批"},
            ]}],
            "task_list": [
                task(1, "APPROVED", "liwei"), task(2, last, "zhangmin"), task(3, "PENDING", "chenjing"),
            ],
        })
    })
}

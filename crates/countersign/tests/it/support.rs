//! A hub in this process, with a clock that moves when told, and callers that speak HTTP to it.
//!
//! Each has a file of its own, or, where `TEST_DATABASE_URL` names a PostgreSQL server, tenants of
//! its own in that database, which all tests share. There the apps and tenants of a test have a
//! suffix that callers neither send nor see.

use std::hash::{BuildHasher, RandomState};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::{ALL_SCOPES, Api, ChatHook, Limits, READ_SCOPES};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use domain::time::ManualClock;
use domain::{Ids, Millis, TenantId};
use engine::access::{NewApp, Owner, app_create, tenant_create};
use engine::keys::Keyring;
use engine::{AdminKey, Hub, Options, PostgresOptions, Settings, Store};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::process::piped;

/// Monday 2026-01-05, 09:00 in Shanghai.
pub const START: Millis = Millis(1_767_574_800_000);

pub const TOKEN: &str = "/open-apis/auth/v3/tenant_access_token/internal";
pub const APPROVALS: &str = "/open-apis/approval/v4/external_approvals";
pub const INSTANCES: &str = "/open-apis/approval/v4/external_instances";
pub const CHECK: &str = "/open-apis/approval/v4/external_instances/check";
pub const USER_TASKS: &str = "/open-apis/apaas/v1/user_task/query";
pub const TASKS: &str = "/open-apis/approval/v4/external_tasks";

/// The key of the admin API.
pub const ADMIN_KEY: &str = "0123456789abcdef0123456789abcdef";

/// A server in this process with two tenants and four apps.
pub struct TestHub {
    pub hub: Arc<Hub>,
    pub clock: Arc<ManualClock>,
    /// The first tenant, with the key `acme`, and the second one, `other`.
    pub acme: TenantId,
    pub other: TenantId,
    /// What apps and tenants are called beyond the names that tests give them.
    suffix: String,
    requests: AtomicUsize,
    router: Router,
    data: TempDir,
}

/// The server on which the tests run, if not on SQLite.
pub fn database() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// On a shared database counts are folded after so many requests: most answers count what is not
/// folded yet, and much is folded in the middle of each story.
const FOLD_AFTER: usize = 7;

/// How many random histories a test tells: a statement costs a round trip on a server, and there the
/// rules were told in full on SQLite before. At least one for each of the [`HOT_SETS`].
pub fn histories(on_sqlite: u32) -> u32 {
    if database().is_some() { on_sqlite.div_ceil(8).max(3) } else { on_sqlite }
}

/// The largest body that the server reads.
const LARGEST: u64 = 4 << 20;

/// How a test hub differs from the usual one.
pub struct Setup {
    pub limits: Limits,
    pub create_people: bool,
    /// How many rows, and how many nodes, a node of a long list covers.
    pub node_size: (i64, i64),
    pub hot_set_bytes: u64,
    /// Whether the admin API is on, with the key [`ADMIN_KEY`].
    pub admin: bool,
    /// The server with its data, if not a file.
    pub database: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::off(),
            create_people: true,
            node_size: (256, 64),
            hot_set_bytes: HOT_SETS[2],
            admin: true,
            database: database(),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {}", self.text))
    }

    pub fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap_or_else(|| panic!("no code in {}", self.text))
    }

    /// The `data` of a success.
    pub fn data(&self) -> Value {
        assert_eq!((self.status, self.code()), (StatusCode::OK, 0), "{}", self.text);
        self.json()["data"].clone()
    }

    /// The paths of all fields that are named as wrong.
    pub fn fields(&self) -> Vec<String> {
        let violations = self.json()["error"]["field_violations"].clone();
        let name = |v: &Value| v["field"].as_str().unwrap_or_default().to_owned();
        violations.as_array().into_iter().flatten().map(name).collect()
    }
}

/// No hot set, one that always lacks something, and one that holds everything: in bytes.
pub const HOT_SETS: [u64; 3] = [0, 20_000, 256 << 20];

/// Checks that hot sets of the sizes of [`HOT_SETS`] were used as they should.
pub fn assert_hot_sets_filled(hubs: &[TestHub]) {
    let weights: Vec<u64> = hubs.iter().map(|hub| hub.hub.hot_set_weight()).collect();
    if database().is_some() {
        assert_eq!(weights, [0, 0, 0], "nobody tells what others change");
        return;
    }
    assert!(weights[0] == 0 && weights[1] <= HOT_SETS[1], "{weights:?}");
    assert!(weights[2] > 0, "{weights:?}");
}

impl TestHub {
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START));
        let (store, suffix, seed) = match setup.database.clone() {
            None => (in_folder(&data, &setup), String::new(), [7; 32]),
            Some(url) => {
                // Others make ids and names in the same database at the same time.
                let unique = RandomState::new().hash_one(std::process::id());
                let mut seed = [7; 32];
                seed[..8].copy_from_slice(&unique.to_be_bytes());
                (on_server(url, &setup).await, format!("-{unique:016x}"), seed)
            }
        };
        let hub = hub(store, &clock, seed, &setup);
        let (acme, other) = found_companies(&hub, &suffix).await;
        let (requests, router) = (AtomicUsize::new(0), router(&hub, setup.limits, setup.admin));
        Self { hub, clock, acme, other, suffix, requests, router, data }
    }

    /// A hub over a copy of another one's data.
    pub fn over(store: Store, like: &Self) -> Self {
        Self::like(store, [8; 32], like)
    }

    /// Another server on the shared database, with the same time and ids of its own.
    pub async fn beside(like: &Self) -> Self {
        let store = on_server(database().unwrap(), &Setup::default()).await;
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&RandomState::new().hash_one(&like.suffix).to_be_bytes());
        Self::like(store, seed, like)
    }

    fn like(store: Store, seed: [u8; 32], like: &Self) -> Self {
        let hub = hub(store, &like.clock, seed, &Setup::default());
        Self {
            clock: Arc::clone(&like.clock),
            acme: like.acme,
            other: like.other,
            suffix: like.suffix.clone(),
            requests: AtomicUsize::new(0),
            router: router(&hub, Limits::off(), true),
            hub,
            data: tempfile::tempdir().unwrap(),
        }
    }

    /// The key under which the data knows an app or a tenant.
    pub fn key(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    /// Reads everything of this hub's tenants once more.
    pub async fn doctor(&self) -> engine::doctor::Report {
        let report = if self.suffix.is_empty() {
            self.hub.doctor(false).await
        } else {
            self.hub.doctor_of(&[self.acme, self.other], false).await
        };
        report.unwrap()
    }

    /// Runs a statement on the data with a program that is not ours.
    pub fn tamper(&self, sql: &str) {
        if let Some(url) = database() {
            crate::postgres::psql(&url, sql);
            return;
        }
        let script = "import sqlite3, sys\n\
            file = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
            file.execute(sys.stdin.read())";
        let file = self.data.path().join("countersign.db");
        piped(Command::new("python3").args(["-c", script]).arg(file), sql);
    }

    /// Moves the rows of joined people of this hub's tenants.
    pub async fn finish_joins(&self) -> usize {
        let acme = self.hub.finish_joins_of(self.acme).await.unwrap();
        acme + self.hub.finish_joins_of(self.other).await.unwrap()
    }

    /// Goes on with hand-overs of this hub's tenants.
    pub async fn finish_hand_overs(&self) -> i64 {
        let acme = self.hub.finish_hand_overs_of(self.acme).await.unwrap();
        acme + self.hub.finish_hand_overs_of(self.other).await.unwrap()
    }

    async fn fold_now_and_then(&self) {
        if !self.suffix.is_empty()
            && self.requests.fetch_add(1, Ordering::Relaxed) % FOLD_AFTER == FOLD_AFTER - 1
        {
            self.hub.fold_counts_of(self.acme).await.unwrap();
        }
    }

    /// One request; `token` goes into the Authorization header as it is, behind `Bearer `.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.request(request.body(body.into()).unwrap()).await
    }

    pub async fn request(&self, request: Request<Body>) -> Answer {
        self.fold_now_and_then().await;
        let request = self.with_suffix(request).await;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let mut text = String::from_utf8(bytes.to_vec()).unwrap();
        if !self.suffix.is_empty() {
            text = text.replace(&self.suffix, "");
        }
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// A request for a token names an app as the data knows it.
    async fn with_suffix(&self, request: Request<Body>) -> Request<Body> {
        // What is longer is about something else, and may not even be read.
        let is_short = request.body().size_hint().exact().is_some_and(|bytes| bytes <= LARGEST);
        if self.suffix.is_empty() || !is_short || !request.uri().path().contains("/auth/v3/") {
            return request;
        }
        let (mut parts, body) = request.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let Ok(mut body) = serde_json::from_slice::<Value>(&bytes) else {
            return Request::from_parts(parts, bytes.into());
        };
        match body["app_id"].as_str() {
            Some(name) if name.starts_with("cli_") && name != "cli_nobody" && is_plain(name) => {
                body["app_id"] = self.key(name).into();
                parts.headers.remove("content-length");
                Request::from_parts(parts, body.to_string().into())
            }
            _ => Request::from_parts(parts, bytes.into()),
        }
    }

    /// A call of the admin API in the tenant `acme`; `path` comes after its version.
    pub async fn admin(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.admin_of("acme", method, path, body).await
    }

    /// The same in a tenant.
    pub async fn admin_of(&self, tenant: &str, method: Method, path: &str, body: &Value) -> Answer {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("/admin/v1/{path}{joint}tenant_key={}", self.key(tenant));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &path, Some(ADMIN_KEY), body).await
    }

    /// A caller with a fresh token.
    pub async fn app<'h>(&'h self, key: &str) -> App<'h> {
        let body = json!({"app_id": key, "app_secret": "secret"}).to_string();
        let answer = self.send(Method::POST, TOKEN, None, body).await;
        let token = answer.json()["tenant_access_token"].as_str().unwrap().to_owned();
        App { hub: self, token }
    }
}

fn hub(store: Store, clock: &Arc<ManualClock>, seed: [u8; 32], setup: &Setup) -> Arc<Hub> {
    Arc::new(Hub::new(
        store,
        Arc::clone(clock) as Arc<dyn domain::Clock>,
        Arc::new(Ids::new(seed)),
        Keyring::new([7; 32], &[]),
        api::renderers(),
        Settings { create_people: setup.create_people, hot_set_bytes: setup.hot_set_bytes },
    ))
}

fn router(hub: &Arc<Hub>, limits: Limits, admin: bool) -> Router {
    api::router(Api {
        hub: Arc::clone(hub),
        limits,
        slow_ms: 60_000,
        access_log: false,
        admin: admin.then(|| AdminKey::new(&ADMIN_KEY.into())),
        chat: Some(chat()),
    })
}

/// A webhook that joins the group it is told, and makes `oc_new` where it is told none.
fn chat() -> ChatHook {
    Arc::new(|body| {
        let asked: Value = serde_json::from_str(&body).unwrap();
        let id = asked["chat_id"].as_str().filter(|id| !id.is_empty()).unwrap_or("oc_new");
        let answer = json!({"chat_id": id}).to_string().into_bytes();
        Box::pin(async move { Ok(answer) })
    })
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

pub fn in_folder(data: &TempDir, setup: &Setup) -> Store {
    let mut options = Options::new(data.path().join("countersign.db"));
    options.readers = 2;
    options.node_size = setup.node_size;
    Store::open(&options, START).unwrap()
}

async fn on_server(url: String, setup: &Setup) -> Store {
    let mut options = PostgresOptions::new(url);
    options.pool = 2;
    options.node_size = setup.node_size;
    // Many tests share a small machine.
    options.statement_timeout = Duration::from_mins(1);
    options.patience = Duration::from_mins(1);
    let connect = move || Store::connect(&options, START).unwrap();
    tokio::task::spawn_blocking(connect).await.unwrap()
}

async fn found_companies(hub: &Hub, suffix: &str) -> (TenantId, TenantId) {
    let suffix = suffix.to_owned();
    hub.write(move |tx, cx| {
        let key = |name: &str| format!("{name}{suffix}");
        let acme = tenant_create(tx, cx, &key("acme"), "Acme")?.id;
        let other = tenant_create(tx, cx, &key("other"), "Other")?.id;
        for (name, tenant, scopes) in [
            ("cli_oa", "acme", ALL_SCOPES),
            ("cli_erp", "acme", ALL_SCOPES),
            ("cli_reader", "acme", READ_SCOPES),
            ("cli_other", "other", ALL_SCOPES),
        ] {
            let new = NewApp {
                owner: Owner::Tenant(key(tenant)),
                name: name.to_owned(),
                scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
                key: Some(key(name)),
                secret: Some("secret".into()),
            };
            app_create(tx, cx, &new)?;
        }
        Ok((acme, other))
    })
    .await
    .unwrap()
}

/// An app that calls the hub.
pub struct App<'h> {
    pub hub: &'h TestHub,
    pub token: String,
}

impl App<'_> {
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.hub.send(Method::POST, path, Some(&self.token), body.to_string()).await
    }

    /// A GET with a body, as the official clients send it.
    pub async fn get(&self, path: &str, body: &Value) -> Answer {
        self.hub.send(Method::GET, path, Some(&self.token), body.to_string()).await
    }

    /// Registers a definition and answers its real code.
    pub async fn define(&self, code: &str) -> String {
        let answer = self.post(APPROVALS, &definition(code)).await;
        answer.data()["approval_code"].as_str().unwrap().to_owned()
    }

    /// Syncs an instance that must be accepted.
    pub async fn sync(&self, payload: &Value) -> Value {
        self.post(INSTANCES, payload).await.data()
    }

    /// Every instance that a filter lists, page by page.
    pub async fn walk(&self, filter: &Value, page_size: usize) -> Vec<Value> {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let path = format!("{TASKS}?page_size={page_size}&page_token={token}");
            let data = self.get(&path, filter).await.data();
            found.extend(data["data"].as_array().unwrap().iter().cloned());
            assert_eq!(data["has_more"].as_bool().unwrap(), data.get("page_token").is_some());
            match data.get("page_token") {
                None => return found,
                Some(next) => next.as_str().unwrap().clone_into(&mut token),
            }
        }
    }
}

/// A definition with everything that is required.
pub fn definition(code: &str) -> Value {
    json!({
        "approval_name": "@i18n@name",
        "approval_code": code,
        "group_code": "group",
        "group_name": "@i18n@group",
        "external": {"support_pc": true, "support_mobile": true},
        "i18n_resources": [{
            "locale": "zh-CN",
            "is_default": true,
            "texts": [
                {"key": "@i18n@name", "value": "报销"},
                {"key": "@i18n@group", "value": "财务"},
            ],
        }],
    })
}

/// An instance with everything that is required and no tasks.
pub fn instance(code: &str, id: &str, status: &str, update_time: i64) -> Value {
    json!({
        "approval_code": code,
        "instance_id": id,
        "status": status,
        "links": {"pc_link": "https://oa.example.com/i"},
        "user_id": "initiator",
        "start_time": "1000",
        "end_time": "0",
        "update_time": update_time.to_string(),
        "i18n_resources": [],
        "task_list": [],
    })
}

/// A task with everything that is required.
pub fn task(id: &str, user: &str, status: &str, update_time: i64) -> Value {
    json!({
        "task_id": id,
        "user_id": user,
        "links": {"pc_link": "https://oa.example.com/t"},
        "status": status,
        "create_time": "1000",
        "end_time": "0",
        "update_time": update_time.to_string(),
    })
}

/// A copy with everything that is required.
pub fn cc(id: &str, user: &str, update_time: i64) -> Value {
    json!({
        "cc_id": id,
        "user_id": user,
        "links": {"pc_link": "https://oa.example.com/c"},
        "read_status": "UNREAD",
        "create_time": "1000",
        "update_time": update_time.to_string(),
    })
}

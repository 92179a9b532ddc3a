//! Store apps: from a ticket to a token in each tenant that installed the app, and how tickets reach
//! it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use api::{ALL_SCOPES, Limits};
use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::post;
use countersign::deliver;
use engine::access::{NewApp, Owner, app_disable, app_reset_secret};
use engine::store_apps::{install, store_app_create, ticket, uninstall};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::process::{ask, run, text};
use crate::support::{APPROVALS, App, Setup, TASKS, TOKEN, TestHub, USER_TASKS};

const APP_TOKEN: &str = "/open-apis/auth/v3/app_access_token";
const TENANT_TOKEN: &str = "/open-apis/auth/v3/tenant_access_token";
const RESEND: &str = "/open-apis/auth/v3/app_ticket/resend";
const HOUR: i64 = 3_600_000;

/// A hub with a store app whose events go to `url`, installed in acme; and what its receiver
/// compares.
async fn hub_with_store_app(limits: Limits, url: &str) -> (TestHub, String) {
    let hub = TestHub::with(Setup { limits, ..Setup::default() }).await;
    let (key, acme, url) = (hub.key("cli_store"), hub.key("acme"), url.to_owned());
    let made = hub.hub.write(move |tx, cx| {
        let new = NewApp {
            owner: Owner::Store,
            name: "store".to_owned(),
            scopes: ALL_SCOPES.iter().map(|s| (*s).to_owned()).collect(),
            key: Some(key.clone()),
            secret: Some("secret".into()),
        };
        let (_, _, token) = store_app_create(tx, cx, &new, &url)?;
        assert!(install(tx, cx, &key, &acme)?);
        Ok(token)
    });
    let token = made.await.unwrap();
    (hub, token.expose_secret().to_owned())
}

async fn ask_auth(hub: &TestHub, path: &str, body: Value) -> Value {
    let answer = hub.send(Method::POST, path, None, body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

async fn current_ticket(hub: &TestHub) -> String {
    let key = hub.key("cli_store");
    let ticket = hub.hub.read(move |tx, cx| ticket(tx, cx, &key)).await.unwrap();
    ticket.expose_secret().to_owned()
}

async fn app_token(hub: &TestHub, ticket: &str) -> Value {
    let body = json!({"app_id": "cli_store", "app_secret": "secret", "app_ticket": ticket});
    ask_auth(hub, APP_TOKEN, body).await
}

async fn tenant_token(hub: &TestHub, app_token: &str, tenant: &str) -> Value {
    let body = json!({"app_access_token": app_token, "tenant_key": hub.key(tenant)});
    ask_auth(hub, TENANT_TOKEN, body).await
}

/// The store app as it calls in a tenant.
async fn store_app<'h>(hub: &'h TestHub, tenant: &str) -> App<'h> {
    let own = app_token(hub, &current_ticket(hub).await).await;
    let issued = tenant_token(hub, own["app_access_token"].as_str().unwrap(), tenant).await;
    let token = issued["tenant_access_token"].as_str().unwrap_or_else(|| panic!("{issued}"));
    App { hub, token: token.to_owned() }
}

#[tokio::test]
async fn a_ticket_leads_to_a_token_in_each_tenant_that_installed_the_app() {
    let (hub, _) = hub_with_store_app(Limits::off(), "").await;
    let own = app_token(&hub, &current_ticket(&hub).await).await;
    assert_eq!((&own["code"], &own["expire"]), (&json!(0), &json!(7_200)));
    let own = own["app_access_token"].as_str().unwrap();
    assert!(own.starts_with("a-"), "{own}");
    assert_eq!(tenant_token(&hub, own, "other").await["code"], 10_013);
    assert_eq!(tenant_token(&hub, own, "nowhere").await["code"], 10_013);

    let (key, other) = (hub.key("cli_store"), hub.key("other"));
    hub.hub.write(move |tx, cx| install(tx, cx, &key, &other)).await.unwrap();
    let (in_acme, in_other) = (store_app(&hub, "acme").await, store_app(&hub, "other").await);
    let code = in_acme.define("leave").await;
    let read = format!("{APPROVALS}/{code}");
    assert_eq!(in_acme.get(&read, &json!({})).await.code(), 0);
    // The same app, in another tenant: nothing of the one shows in the other.
    assert_eq!(in_other.get(&read, &json!({})).await.code(), 1_390_002);
    // Human tasks are for custom apps.
    let query = json!({"kunlun_user_id": "1234"});
    assert_eq!(in_acme.post(USER_TASKS, &query).await.code(), 99_991_673);
}

#[tokio::test]
async fn what_a_tenant_uninstalled_is_refused_there_and_finds_its_own_again() {
    let (hub, _) = hub_with_store_app(Limits::off(), "").await;
    let app = store_app(&hub, "acme").await;
    let read = format!("{APPROVALS}/{}", app.define("leave").await);
    let own = app_token(&hub, &current_ticket(&hub).await).await;
    let own = own["app_access_token"].as_str().unwrap();

    let (key, acme) = (hub.key("cli_store"), hub.key("acme"));
    assert!(hub.hub.write(move |tx, _| uninstall(tx, &key, &acme)).await.unwrap());
    // What is known of an app is at most a second old.
    hub.clock.advance(1_000);
    assert_eq!(app.get(&read, &json!({})).await.code(), 99_991_662);
    assert_eq!(tenant_token(&hub, own, "acme").await["code"], 10_013);

    let (key, acme) = (hub.key("cli_store"), hub.key("acme"));
    assert!(hub.hub.write(move |tx, cx| install(tx, cx, &key, &acme)).await.unwrap());
    hub.clock.advance(1_000);
    assert_eq!(app.get(&read, &json!({})).await.code(), 0);
}

#[tokio::test]
async fn each_thing_that_is_missing_on_the_way_to_a_token_has_a_code_of_its_own() {
    let (hub, _) = hub_with_store_app(Limits::off(), "").await;
    let ticket = current_ticket(&hub).await;
    for (app, secret, ticket, code) in [
        ("cli_nobody", "secret", &*ticket, 10_003),
        ("cli_store", "wrong", &ticket, 10_014),
        ("cli_store", "", &ticket, 10_003),
        ("cli_store", "secret", "", 10_012),
        ("cli_store", "secret", "no ticket", 10_012),
        ("cli_store", "secret", &ticket[1..], 10_012),
        // A custom app has no tickets.
        ("cli_oa", "secret", &ticket, 10_003),
    ] {
        let body = json!({"app_id": app, "app_secret": secret, "app_ticket": ticket});
        assert_eq!(ask_auth(&hub, APP_TOKEN, body).await["code"], code, "{app} {secret} {ticket}");
    }
    // A store app has no tenant of its own.
    for path in [TOKEN, "/open-apis/auth/v3/app_access_token/internal"] {
        let body = json!({"app_id": "cli_store", "app_secret": "secret"});
        assert_eq!(ask_auth(&hub, path, body).await["code"], 10_003);
    }
    let own = app_token(&hub, &ticket).await;
    let own = own["app_access_token"].as_str().unwrap();
    let app = store_app(&hub, "acme").await;
    for token in ["", "a-aaaa", &app.token, &app.token.replace("t-", "a-")] {
        assert_eq!(tenant_token(&hub, token, "acme").await["code"], 20_014, "{token}");
    }
    // An app's own token is none for calls, however it is spelled.
    for (token, code) in [(own.to_owned(), 99_991_671), (own.replace("a-", "t-"), 99_991_663)] {
        let answer = hub.send(Method::GET, TASKS, Some(&token), "").await;
        assert_eq!(answer.code(), code, "{token}");
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_twelve_hours_and_not_beyond_a_reset() {
    let (hub, _) = hub_with_store_app(Limits::off(), "").await;
    let ticket = current_ticket(&hub).await;
    hub.clock.advance(HOUR);
    assert_ne!(current_ticket(&hub).await, ticket);
    hub.clock.advance(11 * HOUR);
    assert_eq!(app_token(&hub, &ticket).await["code"], 0);
    hub.clock.advance(HOUR);
    assert_eq!(app_token(&hub, &ticket).await["code"], 10_012);

    let ticket = current_ticket(&hub).await;
    let own = app_token(&hub, &ticket).await;
    let own = own["app_access_token"].as_str().unwrap();
    let key = hub.key("cli_store");
    let reset = hub.hub.write(move |tx, cx| app_reset_secret(tx, cx, &key)).await.unwrap();
    let body = json!({
        "app_id": "cli_store",
        "app_secret": reset.1.expose_secret(),
        "app_ticket": ticket,
    });
    assert_eq!(ask_auth(&hub, APP_TOKEN, body).await["code"], 10_012);
    assert_eq!(tenant_token(&hub, own, "acme").await["code"], 20_014);

    let key = hub.key("cli_store");
    hub.hub.write(move |tx, _| app_disable(tx, &key, true)).await.unwrap();
    let body = json!({"app_id": "cli_store", "app_secret": reset.1.expose_secret()});
    assert_eq!(ask_auth(&hub, RESEND, body).await["code"], 10_005);
}

#[tokio::test]
async fn a_store_app_has_rate_windows_of_its_own_in_each_tenant() {
    let (hub, _) = hub_with_store_app(Limits::own(1, 1), "").await;
    let (key, other) = (hub.key("cli_store"), hub.key("other"));
    hub.hub.write(move |tx, cx| install(tx, cx, &key, &other)).await.unwrap();
    let in_acme = store_app(&hub, "acme").await;
    hub.clock.advance(60_000);
    let in_other = store_app(&hub, "other").await;
    let call = async |app: &App<'_>| app.get(TASKS, &json!({"instance_ids": ["x"]})).await.code();
    assert_eq!([call(&in_acme).await, call(&in_acme).await], [0, 99_991_400]);
    assert_eq!([call(&in_other).await, call(&in_other).await], [0, 99_991_400]);
}

/// Receives events, and answers what it was told to, 200 when nothing is left.
struct Receiver {
    url: String,
    answers: Arc<Mutex<VecDeque<u16>>>,
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    async fn start() -> Self {
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (next, seen) = (Arc::clone(&answers), Arc::clone(&bodies));
        let receive = async move |body: String| {
            seen.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            let status = next.lock().unwrap().pop_front().unwrap_or(200);
            StatusCode::from_u16(status).unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let router = Router::new().route("/events", post(receive));
        tokio::spawn(countersign::server::serve(listener, None, router, std::future::pending()));
        Self { url, answers, bodies }
    }

    fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut *self.bodies.lock().unwrap())
    }
}

// One test, since events of all hubs of a shared database are sent together.
#[tokio::test]
async fn a_ticket_is_pushed_every_hour_and_again_until_it_is_accepted() {
    let receiver = Receiver::start().await;
    let (hub, verification) = hub_with_store_app(Limits::off(), &receiver.url).await;
    let client = deliver::client().unwrap();
    let send = async || {
        deliver::deliver(&hub.hub, &client).await.unwrap();
        receiver.taken()
    };

    let pushed = send().await;
    assert_eq!(pushed.len(), 1, "{pushed:?}");
    let mut event = pushed[0].clone();
    assert_eq!(event["token"], verification);
    assert_eq!(event["event"]["app_id"], hub.key("cli_store"));
    let ticket = event["event"]["app_ticket"].as_str().unwrap();
    assert_eq!(app_token(&hub, ticket).await["code"], 0);
    for (member, stand_in) in [("uuid", "[uuid]"), ("token", "[token]")] {
        assert!(!event[member].as_str().unwrap().is_empty());
        event[member] = stand_in.into();
    }
    event["event"]["app_ticket"] = "[ticket]".into();
    event["event"]["app_id"] = "[app]".into();
    insta::assert_json_snapshot!(event, @r#"
    {
      "event": {
        "app_id": "[app]",
        "app_ticket": "[ticket]",
        "type": "app_ticket"
      },
      "token": "[token]",
      "ts": "1767574800.000",
      "type": "event_callback",
      "uuid": "[uuid]"
    }
    "#);
    // Once an hour is enough, and a resend asks for more.
    assert_eq!(send().await, Vec::<Value>::new());
    let credentials = json!({"app_id": "cli_store", "app_secret": "secret"});
    assert_eq!(
        ask_auth(&hub, RESEND, credentials.clone()).await,
        json!({"code": 0, "msg": "success"})
    );
    let again = send().await;
    assert_eq!(again[0]["event"], pushed[0]["event"]);
    assert_ne!(again[0]["uuid"], pushed[0]["uuid"]);

    // The next hour's is not accepted at once: it comes again after 15 seconds, then 5 minutes.
    hub.clock.advance(HOUR);
    receiver.answers.lock().unwrap().extend([500, 302]);
    let first = send().await;
    assert_eq!(first.len(), 1);
    for pause in [15_000, 300_000] {
        hub.clock.advance(pause - 1);
        assert_eq!(send().await, Vec::<Value>::new());
        hub.clock.advance(1);
        let repeated = send().await;
        assert_eq!(repeated[0]["uuid"], first[0]["uuid"]);
    }
    hub.clock.advance(HOUR / 2);
    assert_eq!(send().await, Vec::<Value>::new());

    // Who has nowhere to receive it is told so, and a custom app has no ticket.
    assert_eq!(
        ask_auth(&hub, RESEND, json!({"app_id": "cli_oa", "app_secret": "secret"})).await["code"],
        10_016
    );
    let key = hub.key("cli_store");
    let changed =
        hub.hub.write(move |tx, cx| engine::store_apps::store_app_events(tx, cx, &key, "")).await;
    assert_ne!(changed.unwrap().expose_secret(), verification);
    assert_eq!(ask_auth(&hub, RESEND, credentials).await["code"], 10_016);
    hub.clock.advance(HOUR);
    assert_eq!(send().await, Vec::<Value>::new());
}

#[test]
fn an_operator_makes_installs_and_uninstalls_a_store_app() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    ask(&["tenant", "create", "acme"], data);
    let made = ask(&["app", "create", "--store", "--name", "shop", "--scope", "all"], data);
    let app = made["app_id"].as_str().unwrap();
    assert!(made["app_secret"].is_string() && made["verification_token"].is_string());
    assert_eq!(ask(&["app", "install", app, "--tenant", "acme"], data)["changed"], true);
    assert_eq!(ask(&["app", "install", app, "--tenant", "acme"], data)["changed"], false);
    assert_eq!(ask(&["app", "ticket", app], data)["app_id"], app);
    let there = ask(&["app", "events", app, "--url", "https://shop.example.com/e"], data);
    assert_ne!(there["verification_token"], made["verification_token"]);
    assert_eq!(ask(&["app", "uninstall", app, "--tenant", "acme"], data)["changed"], true);
    assert_eq!(ask(&["app", "uninstall", app, "--tenant", "acme"], data)["changed"], false);
    let list = ask(&["app", "list"], data);
    assert_eq!(list[0]["tenant_key"], "(store)", "{list}");

    let refused = |args: &[&str], why: &str| {
        let done = run(args, data);
        assert!(!done.status.success() && text(&done).contains(why), "{}", text(&done));
    };
    refused(&["app", "events", app, "--url", "ftp://x"], "http or https URL");
    refused(&["app", "install", app, "--tenant", "nobody"], "the tenant `nobody`");
    refused(&["app", "create", "--name", "x", "--scope", "all"], "--tenant");
    let own = ask(&["app", "create", "--tenant", "acme", "--name", "x", "--scope", "all"], data);
    let own = own["app_id"].as_str().unwrap();
    refused(&["app", "ticket", own], "is a custom app");
    refused(&["app", "install", own, "--tenant", "acme"], "is a custom app");
}

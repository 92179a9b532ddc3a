//! Token endpoints: the flat answer, how long a token is handed out again, and what ends it.

use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{TASKS, TOKEN, TestHub};

const APP_TOKEN: &str = "/open-apis/auth/v3/app_access_token/internal";
const MINUTE: i64 = 60_000;

async fn issue(hub: &TestHub, path: &str, secret: &str) -> Value {
    let body = json!({"app_id": "cli_oa", "app_secret": secret}).to_string();
    let answer = hub.send(Method::POST, path, None, body).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

async fn accepted(hub: &TestHub, token: &str) -> i64 {
    let filter = json!({"instance_ids": ["none"]}).to_string();
    hub.send(Method::GET, TASKS, Some(token), filter).await.code()
}

#[tokio::test]
async fn both_endpoints_answer_the_same_token_with_and_without_a_slash() {
    let hub = TestHub::new().await;
    let tenant = issue(&hub, TOKEN, "secret").await;
    let slash = issue(&hub, &format!("{TOKEN}/"), "secret").await;
    let app = issue(&hub, &format!("{APP_TOKEN}/"), "secret").await;
    assert_eq!(tenant, slash);
    assert_eq!(
        (&tenant["code"], &tenant["msg"], &tenant["expire"]),
        (&json!(0), &json!("ok"), &json!(7200))
    );
    assert_eq!(app["app_access_token"], tenant["tenant_access_token"]);
    assert_eq!(app["tenant_access_token"], tenant["tenant_access_token"]);
    let token = tenant["tenant_access_token"].as_str().unwrap();
    assert!(token.starts_with("t-") && token.len() >= 32);
    assert_eq!(accepted(&hub, token).await, 0);
}

#[tokio::test]
async fn a_token_is_handed_out_again_until_half_an_hour_is_left_and_lives_to_its_end() {
    let hub = TestHub::new().await;
    let first = issue(&hub, TOKEN, "secret").await;
    hub.clock.advance(90 * MINUTE);
    let again = issue(&hub, TOKEN, "secret").await;
    assert_eq!(again["tenant_access_token"], first["tenant_access_token"]);
    assert_eq!(again["expire"], 1_800);
    hub.clock.advance(1);
    let second = issue(&hub, TOKEN, "secret").await;
    assert_ne!(second["tenant_access_token"], first["tenant_access_token"]);
    assert_eq!(second["expire"], 7_200);

    let first = first["tenant_access_token"].as_str().unwrap();
    hub.clock.advance(30 * MINUTE - 2);
    assert_eq!(accepted(&hub, first).await, 0);
    hub.clock.advance(1);
    assert_eq!(accepted(&hub, first).await, 99_991_663);
    assert_eq!(accepted(&hub, second["tenant_access_token"].as_str().unwrap()).await, 0);
}

#[tokio::test]
async fn the_clock_of_another_process_may_be_a_minute_ahead_but_not_more() {
    let hub = TestHub::new().await;
    hub.clock.advance(10 * MINUTE);
    let ahead = issue(&hub, TOKEN, "secret").await;
    let token = ahead["tenant_access_token"].as_str().unwrap();
    hub.clock.advance(-MINUTE);
    assert_eq!(accepted(&hub, token).await, 0);
    assert_eq!(issue(&hub, TOKEN, "secret").await, ahead);
    hub.clock.advance(-1);
    assert_eq!(accepted(&hub, token).await, 99_991_663);
    // Nobody is handed a token that would not be accepted.
    let fresh = issue(&hub, TOKEN, "secret").await;
    assert_eq!(accepted(&hub, fresh["tenant_access_token"].as_str().unwrap()).await, 0);
}

#[tokio::test]
async fn refusals_are_http_200_as_measured() {
    let hub = TestHub::new().await;
    assert_eq!(issue(&hub, TOKEN, "wrong").await["code"], 10_014);
    assert_eq!(issue(&hub, TOKEN, "").await["code"], 10_003);
    for body in [
        "",
        "null",
        "{}",
        "[]",
        "{",
        r#"{"app_id":1,"app_secret":2}"#,
        r#"{"app_id":"cli_none","app_secret":"secret"}"#,
    ] {
        let answer = hub.send(Method::POST, TOKEN, None, body).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::OK, 10_003), "{body}");
    }
}

#[tokio::test]
async fn a_reset_secret_ends_the_old_one_and_its_tokens_and_a_disabled_app_is_refused() {
    let hub = TestHub::new().await;
    let old = issue(&hub, TOKEN, "secret").await;
    let old = old["tenant_access_token"].as_str().unwrap();
    assert_eq!(accepted(&hub, old).await, 0);
    let key = hub.key("cli_oa");
    let reset = hub.hub.write(move |tx, cx| engine::access::app_reset_secret(tx, cx, &key));
    let (_, secret) = reset.await.unwrap();
    // What is known of an app is at most a second old.
    hub.clock.advance(1_000);
    assert_eq!(accepted(&hub, old).await, 99_991_663);
    assert_eq!(issue(&hub, TOKEN, "secret").await["code"], 10_014);
    let secret = secrecy::ExposeSecret::expose_secret(&secret).to_owned();
    let new = issue(&hub, TOKEN, &secret).await;
    let new = new["tenant_access_token"].as_str().unwrap();
    assert_eq!(accepted(&hub, new).await, 0);

    let key = hub.key("cli_oa");
    hub.hub.write(move |tx, _| engine::access::app_disable(tx, &key, true)).await.unwrap();
    hub.clock.advance(1_000);
    assert_eq!(accepted(&hub, new).await, 99_991_662);
    assert_eq!(issue(&hub, TOKEN, &secret).await["code"], 10_005);
}

#[tokio::test]
async fn only_a_bearer_token_of_a_tenant_is_a_token() {
    let hub = TestHub::new().await;
    assert_eq!(hub.send(Method::GET, TASKS, None, "").await.code(), 99_991_661);
    for (header, code) in [
        ("", 99_991_661),
        ("t-abc", 99_991_661),
        ("Bearer ", 99_991_661),
        ("Bearer t-abc", 99_991_663),
        ("Bearer u-abc", 99_991_668),
        ("Bearer eyJabc", 99_991_668),
        ("Bearer abc", 99_991_671),
    ] {
        let request = Request::get(TASKS).header("authorization", header);
        let answer = hub.request(request.body("".into()).unwrap()).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, code), "{header}");
    }
}

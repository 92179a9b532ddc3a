//! The gateway: routes, order of checks, limits, scopes, and what every answer carries.

use api::Limits;
use axum::http::{Method, StatusCode};
use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{
    APPROVALS, Answer, CHECK, INSTANCES, Setup, TASKS, TOKEN, TestHub, USER_TASKS, definition,
    instance, task,
};

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn an_unknown_path_or_method_is_plain_text_404_before_anything_else() {
    let hub = TestHub::new().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/open-apis/approval/v4/nothing"),
        (Method::GET, TOKEN),
        (Method::DELETE, TASKS),
        (Method::PUT, INSTANCES),
        (Method::GET, CHECK),
    ] {
        let answer = hub.send(method, path, Some("t-bad"), "").await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::NOT_FOUND, "404 page not found"));
        assert_eq!(header(&answer, "content-type"), "text/plain");
        assert_eq!(header(&answer, "x-tt-logid").len(), 32);
    }
}

#[tokio::test]
async fn every_answer_names_its_log_id_and_is_json_in_utf8() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    for answer in [
        app.get(TASKS, &json!({"instance_ids": ["x"]})).await,
        app.get(TASKS, &json!({})).await,
        hub.send(Method::GET, TASKS, None, "").await,
        hub.send(Method::POST, TOKEN, None, "{}").await,
    ] {
        assert_eq!(header(&answer, "content-type"), "application/json; charset=utf-8");
        let log_id = header(&answer, "x-tt-logid");
        assert!(log_id.len() == 32 && log_id.starts_with("20260105010000"), "{log_id}");
        if let Some(named) = answer.json()["error"]["log_id"].as_str() {
            assert_eq!(named, log_id);
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_told_with_what_would_do() {
    let hub = TestHub::new().await;
    let reader = hub.app("cli_reader").await;
    let answer = reader.post(INSTANCES, &json!("not even an object")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let mut body = answer.json();
    body["error"]["log_id"] = "[log id]".into();
    body["error"]["troubleshooter"] = "[text]".into();
    assert_json_snapshot!(body, @r#"
    {
      "code": 99991672,
      "error": {
        "log_id": "[log id]",
        "permission_violations": [
          {
            "subject": "approval:approval",
            "type": "action_scope_required"
          },
          {
            "subject": "approval:external_instance",
            "type": "action_scope_required"
          }
        ],
        "troubleshooter": "[text]"
      },
      "msg": "Access denied. One of the following scopes is required: [approval:approval, approval:external_instance]. 应用尚未开通所需的权限：[approval:approval, approval:external_instance]。 An operator can set the scopes of cli_reader with `countersign app scopes`."
    }
    "#);
    // A reader may read.
    assert_eq!(reader.get(TASKS, &json!({"instance_ids": ["x"]})).await.code(), 0);
    assert_eq!(reader.post(CHECK, &json!({"instances": []})).await.code(), 0);
    assert_eq!(reader.post(APPROVALS, &definition("x")).await.code(), 99_991_672);
    assert_eq!(reader.get(&format!("{APPROVALS}/x"), &json!({})).await.code(), 99_991_672);
}

#[tokio::test]
async fn the_51st_call_of_a_second_and_the_1001st_of_a_minute_are_too_many() {
    let hub = TestHub::with(Setup { limits: Limits::feishu(), ..Setup::default() }).await;
    let app = hub.app("cli_oa").await;
    let erp = hub.app("cli_erp").await;
    let call = async || app.get(TASKS, &json!({"instance_ids": ["x"]})).await;
    for second in 0..20 {
        for _ in 0..50 {
            assert_eq!(call().await.code(), 0);
        }
        let answer = call().await;
        assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, 99_991_400));
        let window =
            (header(&answer, "x-ogw-ratelimit-limit"), header(&answer, "x-ogw-ratelimit-reset"));
        assert_eq!(window, if second < 19 { ("50", "1") } else { ("1000", "41") });
        assert_eq!(answer.json()["msg"], "request trigger frequency limit");
        hub.clock.advance(1_000);
    }
    // Another endpoint and another app have windows of their own.
    assert_eq!(app.post(CHECK, &json!({"instances": []})).await.code(), 0);
    assert_eq!(erp.get(TASKS, &json!({"instance_ids": ["x"]})).await.code(), 0);
    hub.clock.advance(40_000);
    assert_eq!(call().await.code(), 0);
}

#[tokio::test]
async fn the_101st_query_of_human_tasks_in_a_minute_is_too_many() {
    let hub = TestHub::with(Setup { limits: Limits::feishu(), ..Setup::default() }).await;
    let (app, reader) = (hub.app("cli_oa").await, hub.app("cli_reader").await);
    let other = hub.app("cli_other").await;
    let query = json!({"kunlun_user_id": "1234"});
    hub.clock.advance(12_345);
    for _ in 0..100 {
        assert_eq!(app.post(USER_TASKS, &query).await.code(), 0);
    }
    let answer = app.post(USER_TASKS, &query).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, 99_991_400));
    assert_eq!(header(&answer, "x-ogw-ratelimit-limit"), "100");
    assert_eq!(header(&answer, "x-ogw-ratelimit-reset"), "48");
    // Neither another app of the tenant nor one of another tenant notices.
    for stranger in [&reader, &other] {
        assert_eq!(stranger.post(USER_TASKS, &query).await.code(), 0);
    }
    hub.clock.advance(47_654);
    assert_eq!(app.post(USER_TASKS, &query).await.code(), 99_991_400);
    hub.clock.advance(1);
    assert_eq!(app.post(USER_TASKS, &query).await.code(), 0);
}

#[tokio::test]
async fn every_endpoint_has_the_limits_that_its_description_tells() {
    let hub = TestHub::with(Setup { limits: Limits::feishu(), ..Setup::default() }).await;
    let app = hub.app("cli_oa").await;
    let document = crate::openapi::document(&hub).await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // A window of its own for each: two methods of one path share theirs.
            hub.clock.advance(60_000);
            let rate = &operation["x-rate-limit"];
            let most = rate["per_second"].as_u64().unwrap();
            let call = async || {
                let method = method.to_uppercase().parse().unwrap();
                hub.send(method, &path.replace('{', "x").replace('}', ""), Some(&app.token), "")
                    .await
            };
            for _ in 0..most {
                assert_ne!(call().await.status, StatusCode::TOO_MANY_REQUESTS, "{method} {path}");
            }
            let answer = call().await;
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{method} {path}");
            assert_eq!(header(&answer, "x-ogw-ratelimit-limit"), most.to_string());
        }
    }
}

#[tokio::test]
async fn every_path_takes_a_slash_at_its_end() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let document = crate::openapi::document(&hub).await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace('{', "x").replace('}', "");
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut codes = Vec::new();
            for path in [path.clone(), format!("{path}/")] {
                let answer = hub.send(method.clone(), &path, Some(&app.token), "").await;
                assert_ne!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
                assert_eq!(header(&answer, "x-request-id"), header(&answer, "x-tt-logid"));
                codes.push(answer.code());
            }
            assert_eq!(codes[0], codes[1], "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_checks_come_in_order_token_rate_scope_json_members_rules() {
    let limits = Limits::own(5, 5);
    let hub = TestHub::with(Setup { limits, ..Setup::default() }).await;
    let (app, reader) = (hub.app("cli_oa").await, hub.app("cli_reader").await);
    let send = async |token: Option<&str>, body: &str| {
        hub.send(Method::POST, INSTANCES, token, body.to_owned()).await.code()
    };
    assert_eq!(send(None, "{").await, 99_991_661);
    assert_eq!(send(Some(&app.token), "{").await, 9_499);
    assert_eq!(send(Some(&app.token), r#"{"status":5}"#).await, 9_499);
    assert_eq!(send(Some(&app.token), "{}").await, 99_992_402);
    let unknown = instance("none", "1", "PENDING", 1).to_string();
    assert_eq!(send(Some(&app.token), &unknown).await, 1_390_002);
    assert_eq!(send(Some(&app.token), &unknown).await, 1_390_002);
    assert_eq!(send(Some(&app.token), "{").await, 99_991_400);
    for _ in 0..5 {
        assert_eq!(send(Some(&reader.token), "{").await, 99_991_672);
    }
    assert_eq!(send(Some(&reader.token), "{").await, 99_991_400);
}

#[tokio::test]
async fn nothing_of_one_app_or_tenant_shows_in_another() {
    let hub = TestHub::new().await;
    let (oa, erp, other) =
        (hub.app("cli_oa").await, hub.app("cli_erp").await, hub.app("cli_other").await);
    let code = oa.define("leave").await;
    let mut payload = instance(&code, "1", "PENDING", 1);
    payload["task_list"] = json!([task("t", "alice", "PENDING", 1)]);
    oa.sync(&payload).await;
    let by_user = json!({"approval_codes": [code], "user_ids": ["alice"], "status": "PENDING"});
    assert_eq!(oa.walk(&by_user, 10).await.len(), 1);
    for stranger in [&erp, &other] {
        assert_eq!(
            stranger.get(&format!("{APPROVALS}/{code}"), &json!({})).await.code(),
            1_390_002
        );
        assert_eq!(stranger.post(INSTANCES, &payload).await.code(), 1_390_002);
        assert!(stranger.walk(&json!({"instance_ids": ["1"]}), 10).await.is_empty());
        assert!(stranger.walk(&by_user, 10).await.is_empty());
        let stamps = json!({"instances": [{"instance_id": "1", "update_time": "1", "tasks": []}]});
        let different = stranger.post(CHECK, &stamps).await.data();
        assert_eq!(different["diff_instances"][0]["update_time"], "0");
        // The same own code and the same ids are nobody else's business.
        let theirs = stranger.define("leave").await;
        assert_ne!(theirs, code);
        let mut own = payload.clone();
        own["approval_code"] = theirs.into();
        assert_eq!(stranger.sync(&own).await["process_record"]["instance"]["insert_num"], 1);
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let answer =
        hub.send(Method::HEAD, &format!("{TASKS}?instance_ids=x"), Some(&app.token), "").await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, ""));
}

//! What the admin API refuses: whoever lacks its key, at every endpoint of the OpenAPI document, and
//! every bad member.

use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::openapi::document;
use crate::support::{ADMIN_KEY, Setup, TestHub, USER_TASKS};

/// Method and path of every endpoint of the admin API, with something for each parameter.
async fn endpoints(hub: &TestHub) -> Vec<(Method, String)> {
    let document = document(hub).await;
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if path.starts_with("/admin/") {
                assert_eq!(operation["security"], json!([{"admin_key": []}]), "{path}");
                let path = path.split('/').map(|s| if s.starts_with('{') { "1" } else { s });
                let path = path.collect::<Vec<_>>().join("/");
                found.push((method.to_uppercase().parse().unwrap(), path));
            }
        }
    }
    assert!(found.len() >= 20, "{found:?}");
    found
}

#[tokio::test]
async fn no_endpoint_opens_without_the_key_and_the_key_opens_nothing_else() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await.token;
    let (longer, shorter) = (format!("{ADMIN_KEY}0"), &ADMIN_KEY[1..]);
    for (method, path) in endpoints(&hub).await {
        let path = format!("{path}?tenant_key={}", hub.key("acme"));
        for token in [None, Some(""), Some("key"), Some(&*app), Some(&*longer), Some(shorter)] {
            let answer = hub.send(method.clone(), &path, token, "{}").await;
            let seen = (answer.status.as_u16(), answer.code());
            assert_eq!(seen, (401, 7_100_401), "{method} {path} with {token:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert!(answer.json().get("data").is_none() && !answer.text.contains(ADMIN_KEY));
        }
        // The key goes into its header, nowhere else.
        let elsewhere = format!("{path}&key={ADMIN_KEY}");
        let request = Request::builder().method(method.clone()).uri(elsewhere);
        let request = request.header("authorization", format!("Basic {ADMIN_KEY}"));
        let answer = hub.request(request.body("{}".into()).unwrap()).await;
        assert_eq!(answer.code(), 7_100_401, "{method} {path}");
    }
    assert_eq!(hub.admin(Method::GET, "changes", &Value::Null).await.data()["changes"], json!([]));
    let answer = hub.send(Method::POST, USER_TASKS, Some(ADMIN_KEY), "{}").await;
    assert_eq!(answer.code(), 99_991_671, "{}", answer.text);
}

#[tokio::test]
async fn without_a_key_in_the_settings_the_api_is_off_for_everybody() {
    let hub = TestHub::with(Setup { admin: false, ..Setup::default() }).await;
    for (method, path) in endpoints(&hub).await {
        for token in [None, Some(ADMIN_KEY)] {
            let answer = hub.send(method.clone(), &path, token, "{}").await;
            assert_eq!((answer.status.as_u16(), answer.code()), (403, 7_100_403), "{path}");
            assert!(answer.text.contains("admin.key"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_call_names_a_tenant_that_is_there() {
    let hub = TestHub::new().await;
    for (method, path) in endpoints(&hub).await {
        for query in ["", "?tenant_key="] {
            let path = format!("{path}{query}");
            let answer = hub.send(method.clone(), &path, Some(ADMIN_KEY), "{}").await;
            assert_eq!((answer.status.as_u16(), answer.code()), (400, 99_992_402), "{path}");
            assert!(answer.fields().contains(&"tenant_key".to_owned()), "{}", answer.text);
        }
    }
    let answer = hub.admin_of("nobody", Method::GET, "people", &Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (404, 7_100_404));
    assert_eq!(answer.fields(), ["tenant_key"]);
}

/// Method, path, body; code; the member that is told of.
type Row = (&'static str, String, Value, i64, &'static str);

const TYPE: i64 = 9_499;
const VALUE: i64 = 99_992_402;
const MISSING: i64 = 7_100_404;
const RULE: i64 = 7_100_409;

fn row(method: &'static str, path: &str, body: Value, code: i64, field: &'static str) -> Row {
    (method, path.to_owned(), body, code, field)
}

fn rows_of_people() -> Vec<Row> {
    let put = |body: Value, code, field| row("PUT", "people/ann", body, code, field);
    let long = "x".repeat(257);
    vec![
        put(json!({"name": 1}), TYPE, "name"),
        put(json!([]), TYPE, "body"),
        put(json!({"name": "x".repeat(8_193)}), VALUE, "name"),
        put(json!({"name": "\u{0}"}), VALUE, "name"),
        put(json!({"user_id": "other"}), VALUE, "user_id"),
        put(json!({"open_id": long}), VALUE, "open_id"),
        put(json!({"union_id": true}), TYPE, "union_id"),
        put(json!({"kunlun_user_id": long}), VALUE, "kunlun_user_id"),
        put(json!({"names": [{"text": "x"}]}), VALUE, "names[*].language_code"),
        put(json!({"names": [{"language_code": "1033"}]}), VALUE, "names[*].text"),
        put(json!({"departments": "finance"}), TYPE, "departments"),
        put(json!({"departments": [""]}), VALUE, "departments[*]"),
        put(json!({"departments": ["none"]}), VALUE, "departments[*]"),
        put(json!({"departments": vec!["finance"; 51]}), VALUE, "departments"),
        put(json!({"roles": ["none"]}), VALUE, "roles[*]"),
        put(json!({"roles": [1]}), TYPE, "roles[*]"),
        put(json!({"roles": vec!["cashier"; 101]}), VALUE, "roles"),
        put(json!({"leader": "none"}), VALUE, "leader"),
        put(json!({"leader": 1}), TYPE, "leader"),
        put(json!({"open_id": "ou_bob"}), RULE, "person"),
        row("PUT", &format!("people/{long}"), json!({}), VALUE, "person"),
        row("PUT", "people/a%00b", json!({}), VALUE, "person"),
        row("PUT", "people/ann?user_id_type=name", json!({}), VALUE, "user_id_type"),
        row("GET", "people/none", Value::Null, MISSING, "person"),
        row("GET", "people/a%00b", Value::Null, VALUE, "person"),
        row("GET", "people/ann?user_id_type=open_id", Value::Null, MISSING, "person"),
        row("GET", "people?page_size=0", Value::Null, VALUE, "page_size"),
        row("GET", "people?page_size=101", Value::Null, VALUE, "page_size"),
        row("GET", "people?page_size=x", Value::Null, VALUE, "page_size"),
        row("GET", "people?page_token=x", Value::Null, VALUE, "page_token"),
        row("GET", "people?page_token=-1", Value::Null, VALUE, "page_token"),
        row("POST", "people/none/deactivate", Value::Null, MISSING, "person"),
        row("POST", "people/none/activate", Value::Null, MISSING, "person"),
    ]
}

fn rows_of_the_rest() -> Vec<Row> {
    let department = |body: Value, code, field| row("PUT", "departments/new", body, code, field);
    let add = |body: Value, code, field| row("POST", "people/ann/substitutes", body, code, field);
    let range = |substitute: &str, from: i64, until: i64| json!({"substitute": substitute, "from": from, "until": until});
    let over = |body: Value, code, field| row("POST", "people/ann/hand_over", body, code, field);
    let far = 4_000_000_000_000;
    vec![
        department(json!({"name": 1}), TYPE, "name"),
        department(json!({"leader": "none"}), VALUE, "leader"),
        department(json!({"parent_department_id": "none"}), VALUE, "parent_department_id"),
        department(json!({"parent_department_id": "new"}), RULE, "parent_department_id"),
        row(
            "PUT",
            "departments/finance",
            json!({"parent_department_id": "below"}),
            RULE,
            "parent_department_id",
        ),
        row("PUT", &format!("departments/{}", "x".repeat(257)), json!({}), VALUE, "department_id"),
        row("GET", "departments/none", Value::Null, MISSING, "department_id"),
        row("DELETE", "departments/none", Value::Null, MISSING, "department_id"),
        row("DELETE", "departments/finance", Value::Null, RULE, "department_id"),
        row("GET", "departments?page_token=%00", Value::Null, VALUE, "page_token"),
        row("PUT", "roles/new", json!({"name": []}), TYPE, "name"),
        row("PUT", &format!("roles/{}", "x".repeat(257)), json!({}), VALUE, "role_id"),
        row("GET", "roles/none", Value::Null, MISSING, "role_id"),
        row("GET", "roles/none/members", Value::Null, MISSING, "role_id"),
        row("DELETE", "roles/none", Value::Null, MISSING, "role_id"),
        row("DELETE", "roles/cashier", Value::Null, RULE, "role_id"),
        add(json!({"from": 1, "until": 2}), VALUE, "substitute"),
        add(json!({"substitute": "bob", "until": 1}), VALUE, "from"),
        add(json!({"substitute": "bob", "from": 1}), VALUE, "until"),
        add(json!({"substitute": "bob", "from": "x", "until": 1}), VALUE, "from"),
        add(json!({"substitute": "bob", "from": [], "until": 1}), TYPE, "from"),
        add(range("none", 0, far), VALUE, "substitute"),
        add(range("gone", 0, far), VALUE, "substitute"),
        add(range("ann", 0, far), VALUE, "substitute"),
        add(range("bob", far, far), VALUE, "until"),
        add(range("bob", 0, 1), VALUE, "until"),
        row("POST", "people/none/substitutes", range("bob", 0, far), MISSING, "person"),
        row("GET", "people/none/substitutes", Value::Null, MISSING, "person"),
        row("DELETE", "substitutes/7", Value::Null, MISSING, "substitute_id"),
        row("DELETE", "substitutes/x", Value::Null, MISSING, "substitute_id"),
        over(json!({}), VALUE, "to"),
        over(json!({"to": 1}), TYPE, "to"),
        over(json!({"to": "bob", "dry_run": "yes"}), TYPE, "dry_run"),
        over(json!({"to": "none"}), VALUE, "to"),
        over(json!({"to": "gone", "dry_run": true}), VALUE, "to"),
        over(json!({"to": "ann"}), VALUE, "to"),
        row("POST", "people/none/hand_over", json!({"to": "bob"}), MISSING, "person"),
        row("GET", "hand_overs/7", Value::Null, MISSING, "hand_over_id"),
        row("GET", "hand_overs/x", Value::Null, MISSING, "hand_over_id"),
        row("GET", "instances/7/history", Value::Null, MISSING, "instance_id"),
        row("GET", "instances/x/history", Value::Null, MISSING, "instance_id"),
        row("GET", "changes?page_token=x", Value::Null, VALUE, "page_token"),
    ]
}

#[tokio::test]
async fn every_bad_member_is_named_and_changes_nothing() {
    let hub = TestHub::new().await;
    for (path, body) in [
        ("departments/finance", json!({})),
        ("departments/below", json!({"parent_department_id": "finance"})),
        ("roles/cashier", json!({})),
        ("people/ann", json!({"name": "Ann", "open_id": "ou_ann", "roles": ["cashier"]})),
        ("people/bob", json!({"name": "Bob", "open_id": "ou_bob"})),
        ("people/gone", json!({"name": "Gone"})),
    ] {
        hub.admin(Method::PUT, path, &body).await.data();
    }
    hub.admin(Method::POST, "people/gone/deactivate", &Value::Null).await.data();
    let mut before = Vec::new();
    for list in ["people", "departments", "roles", "changes", "people/ann/substitutes"] {
        before.push((list, hub.admin(Method::GET, list, &Value::Null).await.data()));
    }
    for (method, path, body, code, field) in [rows_of_people(), rows_of_the_rest()].concat() {
        let answer = hub.admin(method.parse().unwrap(), &path, &body).await;
        let status = match code {
            MISSING => 404,
            RULE => 409,
            _ => 400,
        };
        let seen = (answer.status.as_u16(), answer.code(), answer.fields());
        assert_eq!(seen, (status, code, vec![field.to_owned()]), "{method} {path} {body}");
        let told = &answer.json()["error"]["field_violations"][0]["description"];
        assert!(told.as_str().is_some_and(|text| !text.is_empty()), "{}", answer.text);
    }
    for (list, was) in before {
        assert_eq!(hub.admin(Method::GET, list, &Value::Null).await.data(), was, "{list}");
    }
}

#[tokio::test]
async fn all_faults_of_a_call_are_told_together() {
    let hub = TestHub::new().await;
    let body = json!({"name": "x".repeat(8_193), "departments": [""], "user_id": "other"});
    let answer = hub.admin(Method::PUT, "people/ann?user_id_type=x", &body).await;
    let mut fields = answer.fields();
    fields.sort();
    assert_eq!(fields, ["departments[*]", "name", "user_id", "user_id_type"]);
}

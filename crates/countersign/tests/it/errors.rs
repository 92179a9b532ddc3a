//! Requests that are refused: how each is answered, and that none of them leaves a trace.
//!
//! Which request is refused how is in the tables, and how one is sent and compared in the notation.
//! Sends only what is wrong, or what is just right beside it: what a good request does is told
//! elsewhere.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

#[path = "errors_notation.rs"]
mod notation;
#[path = "errors_table.rs"]
mod table;

use std::cell::OnceCell;
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Request, StatusCode};
use engine::access::{NewApp, Owner, app_create};
use hyper::body::Frame;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{
    APPROVALS, Answer, CHECK, INSTANCES, Setup, TASKS, TestHub, USER_TASKS, cc, database,
    definition, instance, task,
};
use notation::{
    Edit, FIELD, FLOW, FLOW_PARAM, KUNLUN, Kind, NO_APP, PARAM, Row, TYPE, Table, To, World,
    envelope, pointer, set, without,
};
use table::{members_of_the_contract, table};

impl World {
    fn table(&self, to: To) -> Table {
        table(to, &self.names)
    }

    fn tables(&self) -> impl Iterator<Item = Table> {
        To::ALL.into_iter().map(|to| self.table(to))
    }
}

/// The rows of one table, each answered as it says.
async fn refuses(to: To) {
    let world = World::new().await;
    let differences = world.all_differences(&world.table(to).rows).await;
    assert!(differences.is_empty(), "{differences}");
}

/// What is just right is taken.
async fn accepts(to: To) {
    let world = World::new().await;
    let table = world.table(to);
    let valid = world.send(&table.accepted()).await;
    assert_eq!((valid.status, valid.code()), (StatusCode::OK, 0), "{}", valid.text);
    let differences = world.all_differences(&table.fits).await;
    assert!(differences.is_empty(), "{differences}");
}

#[tokio::test]
async fn every_fault_of_a_token_request_is_answered_flat() {
    refuses(To::TenantToken).await;
    refuses(To::AppToken).await;
}

#[tokio::test]
async fn every_fault_of_a_definition_is_named() {
    refuses(To::Define).await;
}

#[tokio::test]
async fn every_fault_in_reading_a_definition_is_named() {
    refuses(To::Read).await;
}

#[tokio::test]
async fn every_fault_of_a_sync_is_named() {
    refuses(To::Sync).await;
}

#[tokio::test]
async fn every_fault_of_a_check_is_named() {
    refuses(To::Check).await;
}

#[tokio::test]
async fn every_fault_of_a_filter_is_named_wherever_it_comes_from() {
    refuses(To::List).await;
    refuses(To::ListByPost).await;
}

#[tokio::test]
async fn every_fault_of_a_filter_in_the_query_is_named() {
    refuses(To::ListByQuery).await;
}

#[tokio::test]
async fn every_fault_of_a_query_of_human_tasks_is_named() {
    refuses(To::UserTasks).await;
}

#[tokio::test]
async fn a_definition_takes_what_is_just_within_the_limits() {
    accepts(To::Define).await;
}

#[tokio::test]
async fn a_sync_takes_what_is_just_within_the_limits() {
    accepts(To::Sync).await;
}

#[tokio::test]
async fn reads_take_what_is_just_within_the_limits() {
    for to in [To::Read, To::Check, To::List, To::ListByPost, To::ListByQuery, To::UserTasks] {
        accepts(to).await;
    }
    accepts(To::TenantToken).await;
    accepts(To::AppToken).await;
}

/// Entries of an array are told of as the array's own member.
fn member(field: &str) -> String {
    field.strip_suffix("[*]").unwrap_or(field).to_owned()
}

#[tokio::test]
async fn the_tables_forget_no_member() {
    let world = World::new().await;
    for Table { to, rows, .. } in world.tables() {
        // The token endpoints name no field, so what counts there is what a row changes.
        let named = |row: &Row| if to.is_auth() { row.edited.clone() } else { row.fields.clone() };
        let mut covered: BTreeSet<_> = rows.iter().flat_map(named).map(|f| member(&f)).collect();
        covered.remove("body");
        assert_eq!(covered, members_of_the_contract(to), "{to:?}");
        if to.takes_body() {
            let types = rows.iter().filter(|row| row.code == TYPE);
            let covered: BTreeSet<_> =
                types.flat_map(|row| &row.fields).map(|field| member(field)).collect();
            let in_query = ["user_id_type", "department_id_type", "page_size", "page_token"];
            let mut in_body = members_of_the_contract(to);
            in_body.retain(|member| !in_query.contains(&member.as_str()));
            assert_eq!(covered, in_body, "wrong types of {to:?}");
        }
    }
}

/// The paths of all members of a schema.
fn members_of_a_schema(schema: &Value, path: &str, into: &mut BTreeSet<String>) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let full = format!("{path}{name}");
        members_of_a_schema(member, &format!("{full}."), into);
        members_of_a_schema(&member["items"], &format!("{full}[*]."), into);
        into.insert(full);
    }
}

/// What the OpenAPI document says of an endpoint.
fn described(document: &Value, to: To) -> &Value {
    let segment = if to == To::Read { "/{approval_code}" } else { "" };
    let path = format!("{}{segment}", to.path());
    &document["paths"][path][to.method().as_str().to_ascii_lowercase()]
}

#[tokio::test]
async fn the_openapi_document_has_exactly_the_members_that_are_read() {
    let world = World::new().await;
    let document = crate::openapi::document(&world.hub).await;
    for to in To::ALL {
        let operation = described(&document, to);
        let mut found = BTreeSet::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            found.insert(parameter["name"].as_str().unwrap().to_owned());
        }
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        members_of_a_schema(body, "", &mut found);
        let mut contract = members_of_the_contract(to);
        if matches!(to, To::Define | To::Sync) {
            // The tables name it by its members.
            contract.insert("i18n_resources".to_owned());
        }
        assert_eq!(found, contract, "{to:?}");
    }
}

#[tokio::test]
async fn the_openapi_document_knows_every_code_that_is_answered() {
    let world = World::new().await;
    let document = crate::openapi::document(&world.hub).await;
    for Table { to, rows, .. } in world.tables() {
        let responses = &described(&document, to)["responses"];
        for row in rows {
            let answer = world.send(&row).await;
            let response = &responses[answer.status.as_str()];
            let schema = &response["content"]["application/json"]["schema"];
            let codes = if to.is_auth() {
                &schema["anyOf"][1]["properties"]["code"]["enum"]
            } else {
                &schema["properties"]["code"]["enum"]
            };
            let known = codes.as_array().is_some_and(|codes| codes.contains(&answer.code().into()));
            assert!(known, "{to:?}: {} {}", answer.status, answer.text);
        }
    }
}

#[tokio::test]
async fn what_is_refused_leaves_no_trace() {
    let world = World::new().await;
    let before = world.hub.doctor().await;
    for row in world.tables().flat_map(|table| table.rows) {
        assert_ne!(row.code, 0);
        world.send(&row).await;
    }
    // People, instances, tasks and the entries of all lists.
    assert_eq!(world.hub.doctor().await, before);
    assert_eq!(before.faults, Vec::<String>::new());

    let oa = world.oa();
    let asked = json!({"instances": [
        {"instance_id": "table", "update_time": "10", "tasks": []},
        {"instance_id": "kept", "update_time": "7", "tasks": [
            {"task_id": "kept task", "update_time": "7"},
        ]},
    ]});
    let unknown = json!([{"instance_id": "table", "update_time": "0", "tasks": []}]);
    assert_eq!(oa.post(CHECK, &asked).await.data()["diff_instances"], unknown);
    let filter = json!({"instance_ids": ["table"]});
    assert_eq!(oa.get(TASKS, &filter).await.data()["data"], json!([]));

    // Only a new definition needs a group, and only a new group needs a name.
    let mut body = definition("table");
    body.as_object_mut().unwrap().remove("group_code");
    assert_eq!(oa.post(APPROVALS, &body).await.fields(), ["group_code"]);
    body["group_code"] = "table group".into();
    body.as_object_mut().unwrap().remove("group_name");
    assert_eq!(oa.post(APPROVALS, &body).await.fields(), ["group_name"]);
}

#[tokio::test]
async fn every_refusal_of_the_gateway_carries_its_log_id() {
    let world = World::new().await;
    let reader = world.hub.app("cli_reader").await;
    for to in To::ALL.into_iter().filter(|to| !to.is_auth()) {
        let path = world.path(to);
        for token in [None, Some(""), Some("t-unknown"), Some("x-unknown"), Some("eyJ.a.b")] {
            let answer = world.hub.send(to.method(), &path, token, "{}").await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{to:?} {token:?}");
            assert_eq!(envelope(&answer), Ok(()), "{to:?} {token:?}");
        }
    }
    for answer in [
        reader.post(APPROVALS, &json!(5)).await,
        reader.post(INSTANCES, &json!([])).await,
        reader.get(&world.path(To::Read), &json!({})).await,
    ] {
        // The scope is looked at before the body is.
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, 99_991_672));
        assert_eq!(envelope(&answer), Ok(()));
    }
}

#[tokio::test]
async fn human_tasks_are_told_only_to_an_app_with_their_one_scope() {
    const SCOPE: &str = "app_engine:approval:read";
    let world = World::new().await;
    let names = ["acme", "cli_others", "cli_none", "cli_flows"];
    let keys = names.map(|name| world.hub.key(name));
    let apps = world.hub.hub.write(move |tx, cx| {
        let [acme, others, none, flows] = &keys;
        let all = || api::ALL_SCOPES.iter().copied();
        for (key, scopes) in [
            (others, all().filter(|scope| *scope != SCOPE).collect()),
            (none, vec![]),
            (flows, vec![SCOPE]),
        ] {
            let new = NewApp {
                owner: Owner::Tenant(acme.clone()),
                name: key.clone(),
                scopes: scopes.into_iter().map(str::to_owned).collect(),
                key: Some(key.clone()),
                secret: Some("secret".into()),
            };
            app_create(tx, cx, &new)?;
        }
        Ok(())
    });
    apps.await.unwrap();
    let valid = json!({"kunlun_user_id": KUNLUN});
    for key in ["cli_others", "cli_none"] {
        let app = world.hub.app(key).await;
        // The scope is looked at before the body is.
        for body in [&valid, &json!({}), &json!(5)] {
            let answer = app.post(USER_TASKS, body).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, 99_991_672));
            assert_eq!(envelope(&answer), Ok(()));
            let missing = json!([{"type": "action_scope_required", "subject": SCOPE}]);
            assert_eq!(answer.json()["error"]["permission_violations"], missing, "{key}");
        }
    }
    let app = world.hub.app("cli_flows").await;
    assert_eq!(app.post(USER_TASKS, &valid).await.data()["count"], "2");
    assert_eq!(app.post(USER_TASKS, &json!({})).await.code(), FLOW_PARAM);
}

/// A request with every member of a kind set to what `bad` makes of it, and all their names.
fn all_at_once(table: &Table, bad: impl Fn(Kind) -> Option<Value>) -> (Value, BTreeSet<String>) {
    let bad: Vec<_> =
        table.members.iter().filter_map(|(name, kind, _)| Some((name, bad(*kind)?))).collect();
    let edit = bad.iter().fold(Edit::default(), |edit, (name, value)| {
        // What is wrong inside an array is reached through its entries.
        edit.set(name, value.clone())
    });
    (edit.apply(&table.valid), bad.into_iter().map(|(name, _)| name.clone()).collect())
}

fn is_leaf(kind: Kind) -> bool {
    !matches!(kind, Kind::Object | Kind::List(_))
}

#[tokio::test]
async fn all_faults_of_a_request_are_named_together() {
    let world = World::new().await;
    let mut differences = Vec::new();
    for table in world.tables().filter(|table| table.to.takes_body()) {
        let wrong = |kind: Kind| is_leaf(kind).then(|| kind.wrong_types().remove(0));
        let bad = |kind: Kind| Some(kind.bad_values().into_iter().next()?.0);
        for (body, expected) in [all_at_once(&table, wrong), all_at_once(&table, bad)] {
            let answer = world.body(table.to, body.to_string()).await;
            let named: BTreeSet<_> = answer.fields().into_iter().collect();
            let missing: Vec<_> = expected.difference(&named).collect();
            if !missing.is_empty() {
                let (to, named, of) = (table.to, named.len(), expected.len());
                differences.push(format!("{to:?}: {named} of {of} named, not {missing:?}"));
            }
            assert!(named.is_subset(&expected), "{:?} names {named:?}", table.to);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn everything_that_is_missing_is_named_together() {
    let world = World::new().await;
    for (to, fields) in [
        (To::Define, &["approval_name", "approval_code", "external"][..]),
        (
            To::Sync,
            &[
                "approval_code",
                "instance_id",
                "status",
                "links",
                "user_id",
                "start_time",
                "end_time",
                "update_time",
                "i18n_resources",
            ],
        ),
        (To::Check, &["instances"]),
        (To::UserTasks, &["kunlun_user_id"]),
    ] {
        let answer = world.body(to, "{}").await;
        let named: BTreeSet<_> = answer.fields().into_iter().collect();
        let expected: BTreeSet<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        assert_eq!((answer.code(), named), (to.bad_value(), expected), "{to:?}");
    }
    // Everything that an entry lacks is named along with what is missing around it.
    let table = world.table(To::Sync);
    let required: Vec<_> = table.members.iter().filter(|(_, _, needed)| *needed).collect();
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    let inside = |name: &str| required.iter().any(|(outer, ..)| within(name, outer));
    let names: Vec<_> = required.iter().map(|(name, ..)| name).filter(|n| !inside(n)).collect();
    let edit = names.iter().fold(Edit::default(), |edit, name| edit.without(name));
    let answer = world.body(To::Sync, edit.apply(&table.valid).to_string()).await;
    let named: BTreeSet<_> = answer.fields().into_iter().collect();
    assert_eq!(named, names.into_iter().cloned().collect());
}

#[tokio::test]
async fn many_faults_of_one_member_hide_no_other_member() {
    let world = World::new().await;
    let mut body = instance(&world.names.home, "table", "PENDING", 10);
    let tasks = (0..300).map(|n| task(&format!("t{n}"), "tim", &format!("STATUS {n}"), 10));
    body["task_list"] = tasks.collect();
    body["cc_list"] = json!([cc("", "cat", 10)]);
    let answer = world.body(To::Sync, body.to_string()).await;
    let named: BTreeSet<_> = answer.fields().into_iter().collect();
    let expected = ["cc_list[*].cc_id", "task_list[*].status"].map(str::to_owned);
    assert_eq!((answer.code(), named), (FIELD, expected.into()));
}

#[tokio::test]
async fn a_wrong_type_hides_bad_values_and_broken_rules() {
    let world = World::new().await;
    let of_sync = set("task_list[*].links", 5)
        .set("task_list[*].status", "NONSENSE")
        .set("approval_code", "nothing")
        .without("instance_id");
    let of_definition = set("managers", json!(["ou_1", 5])).without("approval_name");
    let of_check = set("instances[*].tasks", "x").without("instances[*].instance_id");
    let of_filter = set("user_ids", "x").set("status", "NONSENSE");
    let of_tasks = set("api_ids", json!(["x", 5])).set("limit", 0).without("kunlun_user_id");
    for (to, edit, field, query) in [
        (To::Sync, of_sync, "task_list[*].links", ""),
        (To::Define, of_definition, "managers[*]", "?user_id_type=nobody"),
        (To::Check, of_check, "instances[*].tasks", ""),
        (To::List, of_filter.clone(), "user_ids", "?page_size=0&page_token=forged"),
        (To::ListByPost, of_filter, "user_ids", "?page_size=0&status=NONSENSE"),
        (To::UserTasks, of_tasks, "api_ids[*]", ""),
    ] {
        let body = edit.apply(&world.table(to).valid).to_string();
        let answer = world.raw(to, &format!("{}{query}", to.path()), body).await;
        assert_eq!((answer.code(), answer.fields()), (TYPE, vec![field.to_owned()]), "{to:?}");
    }
}

#[tokio::test]
async fn a_bad_value_hides_broken_rules() {
    let world = World::new().await;
    let edit = set("approval_code", "nothing").set("status", "NONSENSE");
    let body = edit.apply(&world.table(To::Sync).valid).to_string();
    let answer = world.body(To::Sync, body).await;
    assert_eq!((answer.code(), answer.fields()), (FIELD, vec!["status".to_owned()]));
}

#[tokio::test]
async fn where_nobody_is_made_an_unknown_person_is_named() {
    let hub = TestHub::with(Setup { create_people: false, ..Setup::default() }).await;
    let oa = hub.app("cli_oa").await;
    let code = oa.define("home").await;
    let by_nobody = instance(&code, "i", "PENDING", 10);
    // An initiator who is no person leaves only the entries to name somebody.
    let started = without("user_id").set("user_name", "系统");
    let task = started.clone().set("task_list", json!([task("t", "nobody", "PENDING", 10)]));
    let copy = without("user_id").set("open_id", "ou_nobody").apply(&cc("c", "", 10));
    let copy = started.clone().set("cc_list", json!([copy]));
    assert_eq!(oa.post(INSTANCES, &started.apply(&by_nobody)).await.code(), 0);
    let found = [
        oa.post(INSTANCES, &by_nobody).await,
        oa.post(INSTANCES, &task.apply(&by_nobody)).await,
        oa.post(INSTANCES, &copy.apply(&by_nobody)).await,
    ];
    let answers: Vec<_> = found.iter().map(|answer| (answer.code(), answer.fields())).collect();
    let expected = ["user_id", "task_list[*].user_id", "cc_list[*].open_id"];
    assert_eq!(answers, expected.map(|field| (1_390_004, vec![field.to_owned()])));
}

#[tokio::test]
async fn a_page_token_is_taken_only_whole_from_its_own_app_and_for_its_own_filter() {
    let world = World::new().await;
    let (oa, erp) = (world.oa(), world.hub.app("cli_erp").await);
    for id in ["i1", "i2", "i3"] {
        let mut body = instance(&world.names.home, id, "PENDING", 1);
        body["task_list"] = json!([task("t", "tim", "PENDING", 1)]);
        oa.sync(&body).await;
    }
    let filter = json!({"approval_codes": ["home"], "status": "PENDING"});
    let first = oa.get(&format!("{TASKS}?page_size=1"), &filter).await.data();
    let token = first["page_token"].as_str().unwrap();
    let next = format!("{TASKS}?page_token={token}");
    let refused = |answer: &Answer| (answer.code(), answer.fields());
    let bad = (PARAM, vec!["page_token".to_owned()]);
    let other = json!({"approval_codes": ["home"], "status": "DONE"});
    assert_eq!(refused(&oa.get(&next, &other).await), bad);
    assert_eq!(refused(&oa.post(&next, &other).await), bad);
    assert_eq!(refused(&oa.get(&format!("{next}&instance_ids=i1"), &json!({})).await), bad);
    assert_eq!(refused(&erp.get(&next, &json!({})).await), bad);
    for length in [1, token.len() / 2, token.len() - 1] {
        let cut = format!("{TASKS}?page_token={}", &token[..length]);
        assert_eq!(refused(&oa.get(&cut, &json!({})).await), bad, "{length}");
    }
    assert_eq!(refused(&oa.get(&format!("{next}A"), &json!({})).await), bad);
    // Beside a token a filter still has to be one.
    let half = json!({"approval_codes": ["home"]});
    assert_eq!(oa.get(&next, &half).await.code(), PARAM);
    assert_eq!(oa.get(&next, &filter).await.data(), oa.get(&next, &json!({})).await.data());
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_a_wrong_type() {
    let world = World::new().await;
    let deep = b"[".repeat(100_000);
    let deep_and_closed = [deep.clone(), b"]".repeat(100_000)].concat();
    let bodies: [&[u8]; 16] = [
        b"{",
        b"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{} {}",
        b"{'a':1}",
        b"{\"a\":NaN}",
        b"{\"a\":01}",
        b"a=1&b=2",
        b"[]",
        b"[{}]",
        b"\"x\"",
        b"5",
        b"{\"approval_code\":\"\xff\"}",
        &deep,
        &deep_and_closed,
    ];
    for to in To::ALL {
        for body in bodies {
            let answer = world.body(to, body.to_vec()).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
            assert_eq!(envelope(&answer), Ok(()), "{to:?} {shown}");
            if to.takes_body() {
                let told = (answer.code(), answer.fields(), answer.status);
                let expected = (TYPE, vec!["body".to_owned()], StatusCode::BAD_REQUEST);
                assert_eq!(told, expected, "{to:?} {shown}");
            } else if to.is_auth() {
                assert_eq!((answer.code(), answer.status), (NO_APP, StatusCode::OK), "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn no_oddity_of_json_is_the_servers_fault() {
    let world = World::new().await;
    let nested = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let within = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let digits = "9".repeat(10_000);
    // The values go where each endpoint expects something.
    let names = "app_id approval_code status update_time instances links limit kunlun_user_id";
    let odd = [
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud83d\ude00""#,
        r#""\u0000""#,
        "\"\u{7f}\u{202e}\u{feff}\"",
        "\"\n\"",
        "1e999",
        "-1e999",
        "1e-999",
        "-0",
        "-0.0",
        "1E+2",
        &digits,
        "0.1e1",
    ];
    let mut bodies = vec![nested, within, "null".into(), String::new(), " \n\t".into()];
    bodies.extend(["\u{feff}{}", "{\"\":1}", "{\"\u{0}\":1}", "\u{0}"].map(str::to_owned));
    for value in odd {
        for name in names.split(' ') {
            bodies.push(format!("{{\"{name}\":{value}}}"));
            // The last of several wins, or the body is refused.
            bodies.push(format!("{{\"{name}\":\"a\",\"{name}\":{value},\"{name}\":5}}"));
        }
        bodies.push(format!("{{\"instance_ids\":[{value},{value}],\"task_list\":[{value}]}}"));
        bodies.push(format!("{{\"kunlun_user_id\":\"{KUNLUN}\",\"api_ids\":[{value},{value}]}}"));
        bodies.push(format!(
            "{{\"kunlun_user_id\":\"{KUNLUN}\",\"offset\":{value},\"start_time\":{value}}}"
        ));
        bodies.push(format!("{{{value}:1}}"));
    }
    for to in To::ALL {
        for body in &bodies {
            let answer = world.body(to, body.clone()).await;
            let shown: String = body.chars().take(60).collect();
            assert_eq!(envelope(&answer), Ok(()), "{to:?} {shown}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn repeated_members_never_smuggle_a_fault_past_the_checks() {
    let world = World::new().await;
    for (to, more, code) in [
        (To::Sync, r#""status":"NONSENSE""#, FIELD),
        (To::Sync, r#""links":5"#, TYPE),
        (To::UserTasks, r#""limit":51"#, FLOW_PARAM),
        (To::UserTasks, r#""api_ids":"x""#, TYPE),
    ] {
        let valid = world.table(to).valid.to_string();
        let twice = format!("{},{more}}}", valid.strip_suffix('}').unwrap());
        assert_eq!(world.body(to, twice).await.code(), code);
    }
}

/// A body that counts how often it is asked for more.
struct Watched {
    chunks: VecDeque<Bytes>,
    asked: Arc<AtomicUsize>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(self.chunks.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// The largest body that is taken, and how much of one is sent at once.
const LIMIT: usize = 4 << 20;
const CHUNK: usize = 1 << 20;

impl World {
    /// Sends `body` in chunks under headers of its own; answers how many were asked for, too.
    async fn stream(&self, to: To, body: &[u8], headers: &HeaderMap) -> (Answer, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let chunks = body.chunks(CHUNK).map(Bytes::copy_from_slice).collect();
        let body = Watched { chunks, asked: Arc::clone(&asked) };
        let mut request = Request::builder().method(to.method()).uri(self.path(to));
        *request.headers_mut().unwrap() = headers.clone();
        if !to.is_auth() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let answer = self.hub.request(request.body(Body::new(body)).unwrap()).await;
        (answer, asked.load(Ordering::SeqCst))
    }
}

fn content_length(length: &str) -> HeaderMap {
    [("content-length".parse().unwrap(), length.parse().unwrap())].into_iter().collect()
}

fn too_large(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text);
    assert_eq!(envelope(answer), Ok(()));
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_unread() {
    let world = World::new().await;
    for to in To::ALL {
        for length in [&(LIMIT + 1).to_string(), "99999999999"] {
            let (answer, asked) = world.stream(to, b"{}", &content_length(length)).await;
            too_large(&answer);
            assert_eq!(asked, 0, "{to:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_left_at_the_limit() {
    let world = World::new().await;
    let body = vec![b' '; 3 * LIMIT];
    for to in To::ALL {
        // Chunked bodies have no length, and a length may be a lie.
        for headers in [HeaderMap::new(), content_length("2"), content_length("many")] {
            let (answer, asked) = world.stream(to, &body, &headers).await;
            too_large(&answer);
            assert!(asked <= LIMIT / CHUNK + 1, "{to:?}: {asked} chunks were read");
        }
    }
    let (answer, _) = world.stream(To::Check, &body[..=LIMIT], &HeaderMap::new()).await;
    too_large(&answer);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let world = World::new().await;
    // Where apps have a suffix it cannot be put into a stream.
    let asked = |to: &To| !to.is_auth() || database().is_none();
    for to in To::ALL.into_iter().filter(asked) {
        let table = world.table(to);
        let mut body = table.valid.to_string().into_bytes();
        if !to.is_auth() && !to.takes_body() {
            body.clear();
        }
        body.resize(LIMIT, b' ');
        for headers in [HeaderMap::new(), content_length(&LIMIT.to_string())] {
            let (answer, asked) = world.stream(to, &body, &headers).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::OK, 0), "{to:?}");
            assert!(asked >= LIMIT / CHUNK, "{to:?}: only {asked} chunks were read");
        }
    }
}

/// Texts that mean something somewhere.
const WORDS: &[&str] = &[
    "",
    "PENDING",
    "APPROVED",
    "REPLACE",
    "UPDATE",
    "READ",
    "USER",
    "home",
    "kept",
    "ann",
    "ou_bob",
    "cli_oa",
    "secret",
    "assignMe",
    "archived",
    KUNLUN,
    FLOW,
    "@i18n@",
    "@i18n@title",
    "0",
    "10",
    "9223372036854775808",
    "-1",
    "\0",
    "\u{202e}",
    "https://oa.example.com",
];

fn any_text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(WORDS).prop_map(str::to_owned);
    prop_oneof![2 => known, 1 => any::<String>()]
}

/// Any JSON; members of objects are often called what some endpoint knows.
fn any_json() -> impl Strategy<Value = Value> {
    let known = To::ALL.into_iter().flat_map(members_of_the_contract);
    let known: BTreeSet<_> =
        known.map(|path| path.rsplit('.').next().unwrap_or_default().to_owned()).collect();
    let known = known.into_iter().collect::<Vec<_>>();
    let name = prop_oneof![6 => prop::sample::select(known), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        let entries = prop::collection::vec(inner.clone(), 0..6);
        let members = prop::collection::btree_map(name.clone(), inner, 0..10);
        prop_oneof![
            entries.prop_map(Value::from),
            members.prop_map(|members| Map::from_iter(members).into()),
        ]
    })
}

/// A world for properties, which are not async.
struct Fuzzed {
    world: World,
    runtime: tokio::runtime::Runtime,
}

impl Fuzzed {
    /// Whether a request is answered decently.
    fn decent(&self, to: To, path: &str, body: &[u8]) -> Result<(), TestCaseError> {
        let answer = self.runtime.block_on(self.world.raw(to, path, body.to_vec()));
        envelope(&answer).map_err(|fault| {
            let body = String::from_utf8_lossy(body);
            TestCaseError::fail(format!("{fault}: {to:?} {path} {body}: {}", answer.text))
        })
    }
}

/// Runs `test` for a few hundred values against one hub.
fn for_any<S: Strategy>(
    strategy: &S,
    test: impl Fn(&Fuzzed, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let fuzzed = Fuzzed { world, runtime };
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, |value| test(&fuzzed, value)).unwrap();
    // What was accepted on the way was written whole.
    let report = fuzzed.runtime.block_on(fuzzed.world.hub.doctor());
    assert_eq!(report.faults, Vec::<String>::new());
}

#[test]
fn any_json_is_answered_decently_by_every_endpoint() {
    for_any(&any_json(), |fuzzed, body| {
        let body = body.to_string();
        To::ALL
            .into_iter()
            .try_for_each(|to| fuzzed.decent(to, &fuzzed.world.path(to), body.as_bytes()))
    });
}

#[test]
fn any_value_of_any_member_is_answered_decently() {
    let picks = prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..3);
    let tables = OnceCell::new();
    for_any(&picks, |fuzzed, picks| {
        let valid = |table: Table| (table.to, table.valid, table.members);
        let tables: &Vec<_> = tables.get_or_init(|| {
            fuzzed.world.tables().filter(|table| table.to.takes_body()).map(valid).collect()
        });
        tables.iter().try_for_each(|(to, valid, members)| {
            let body = picks.iter().fold(valid.clone(), |body, (pick, value)| {
                let (member, ..) = pick.get(members);
                place(body, member, value)
            });
            fuzzed.decent(*to, to.path(), body.to_string().as_bytes())
        })
    });
}

/// `body` with another value of `member`, if the place for it is still there.
fn place(body: Value, member: &str, value: &Value) -> Value {
    let holder = member.rsplit_once('.').map_or("", |(holder, _)| holder);
    let there = body.pointer(&pointer(holder)).is_some_and(Value::is_object);
    if there { set(member, value.clone()).apply(&body) } else { body }
}

#[test]
fn any_bytes_are_answered_decently_as_a_body_and_as_a_query() {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap();
    let each = |byte: u8| ['%', digit(byte >> 4), digit(byte & 15)];
    let encode = |bytes: &[u8]| bytes.iter().copied().flat_map(each).collect::<String>();
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let strategy = (bytes, any_text(), any::<prop::sample::Index>());
    for_any(&strategy, |fuzzed, (bytes, text, pick)| {
        To::ALL.into_iter().try_for_each(|to| {
            let names: Vec<_> = members_of_the_contract(to).into_iter().collect();
            let (name, path) = (pick.get(&names), fuzzed.world.path(to));
            let and = if path.contains('?') { '&' } else { '?' };
            let query = format!("{name}={}&{}", encode(text.as_bytes()), encode(&bytes));
            fuzzed.decent(to, &format!("{path}{and}{query}"), &bytes)
        })?;
        // An empty code would be another path.
        let code = format!("{}/{}x", To::Read.path(), encode(&bytes));
        fuzzed.decent(To::Read, &code, b"")
    });
}

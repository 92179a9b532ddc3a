//! The life of definitions and instances, told by the callers who register and sync them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{APPROVALS, CHECK, INSTANCES, TASKS, TestHub, cc, definition, instance, task};

fn texts() -> Value {
    json!([
        {"locale": "zh-CN", "is_default": true, "texts": [
            {"key": "@i18n@title", "value": "出差"}, {"key": "@i18n@node", "value": "经理审批"},
        ]},
        {"locale": "en-US", "is_default": false, "texts": [
            {"key": "@i18n@title", "value": "Travel"},
        ]},
    ])
}

/// Every member that the page has, with times as strings, as they are given back.
fn everything(code: &str) -> Value {
    let links =
        json!({"pc_link": "https://oa.example.com/1", "mobile_link": "https://m.example.com/1"});
    json!({
        "approval_code": code,
        "instance_id": "i-1",
        "status": "PENDING",
        "extra": "{\"business_key\":\"T-1\"}",
        "links": links,
        "title": "@i18n@title",
        "form": [{"name": "@i18n@title", "value": "plain"}, {"name": "a", "value": "b"}],
        "user_id": "alice",
        "open_id": "ou_alice",
        "user_name": "@i18n@title",
        "department_id": "",
        "department_name": "@i18n@title",
        "start_time": "1700000000000",
        "end_time": "0",
        "update_time": "1700000000001",
        "display_method": "TRUSTEESHIP",
        "trusteeship_url_token": "token",
        "trusteeship_user_id_type": "user_id",
        "trusteeship_urls": {
            "form_detail_url": "https://t.example.com/1",
            "action_definition_url": "https://t.example.com/2",
            "approval_node_url": "https://t.example.com/3",
            "action_callback_url": "https://t.example.com/4",
            "pull_business_data_url": "https://t.example.com/5",
        },
        "trusteeship_cache_config": {
            "form_policy": "BY_NODE", "form_vary_with_locale": true, "form_version": "7",
        },
        "resource_region": "cn",
        "task_list": [{
            "task_id": "t-1",
            "user_id": "bob",
            "open_id": "ou_bob",
            "title": "@i18n@title",
            "links": links,
            "status": "PENDING",
            "extra": "{\"complete_reason\":\"add\"}",
            "create_time": "1700000000000",
            "end_time": "0",
            "update_time": "1700000000002",
            "action_context": "context",
            "action_configs": [
                {"action_type": "APPROVE", "is_need_reason": true, "is_reason_required": false,
                 "is_need_attachment": true},
                {"action_type": "LATER", "action_name": "@i18n@title"},
            ],
            "display_method": "BROWSER",
            "exclude_statistics": true,
            "node_id": "n-1",
            "node_name": "@i18n@node",
            "generate_type": "EXTERNAL_CONSIGN",
        }],
        "cc_list": [{
            "cc_id": "c-1",
            "user_id": "carol",
            "open_id": "ou_carol",
            "links": links,
            "read_status": "UNREAD",
            "extra": "{}",
            "title": "@i18n@title",
            "create_time": "1700000000000",
            "update_time": "1700000000003",
            "display_method": "SIDEBAR",
        }],
        "i18n_resources": texts(),
    })
}

#[tokio::test]
async fn every_member_of_an_instance_is_stored_and_given_back() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("travel").await;
    let sent = everything(&code);
    assert_eq!(app.sync(&sent).await["data"], sent);
    // The same again changes nothing, in either mode; an ignored update shows what is stored.
    for mode in ["REPLACE", "UPDATE"] {
        let mut again = sent.clone();
        again["update_mode"] = mode.into();
        let done = app.sync(&again).await;
        assert_eq!(done["data"], sent);
        let nothing = json!({"insert_num": 0, "update_num": 0, "delete_num": 0});
        let record = json!({"instance": nothing, "task": nothing, "cc": nothing});
        assert_eq!(done["process_record"], record, "{mode}");
    }
    // Times may come as numbers and go out as strings.
    let mut numbers = sent.clone();
    for pointer in ["/start_time", "/end_time", "/update_time", "/task_list/0/update_time"] {
        let time: i64 = numbers.pointer(pointer).unwrap().as_str().unwrap().parse().unwrap();
        *numbers.pointer_mut(pointer).unwrap() = time.into();
    }
    assert_eq!(app.sync(&numbers).await["data"], sent);
}

#[tokio::test]
async fn an_update_keeps_what_is_absent_clears_what_is_empty_and_never_moves_what_is_fixed() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("travel").await;
    let first = everything(&code);
    app.sync(&first).await;

    let mut update = json!({
        "approval_code": code, "instance_id": "i-1", "status": "APPROVED",
        "update_mode": "UPDATE", "links": first["links"], "user_id": "alice", "open_id": "ou_alice",
        "start_time": "1700000000000", "end_time": "1700000000009",
        "update_time": "1700000000009", "i18n_resources": [],
        "extra": "", "form": [], "department_id": "moved", "department_name": "moved",
    });
    let mut moved = task("t-1", "mallory", "APPROVED", 1_700_000_000_009);
    moved["create_time"] = "5".into();
    moved["node_id"] = "other".into();
    moved["title"] = "".into();
    update["task_list"] = json!([moved, task("t-2", "dave", "PENDING", 1)]);
    let mut read = cc("c-1", "mallory", 1_700_000_000_009);
    read["read_status"] = "READ".into();
    update["cc_list"] = json!([read]);
    let stored = app.sync(&update).await["data"].clone();

    let mut expected = first.clone();
    for (name, value) in
        [("status", "APPROVED"), ("end_time", "1700000000009"), ("update_time", "1700000000009")]
    {
        expected[name] = value.into();
    }
    for cleared in ["extra", "form"] {
        expected.as_object_mut().unwrap().remove(cleared);
    }
    let known = &mut expected["task_list"][0];
    known["status"] = "APPROVED".into();
    known["update_time"] = "1700000000009".into();
    known["links"] = json!({"pc_link": "https://oa.example.com/t"});
    known.as_object_mut().unwrap().remove("title");
    let new = task("t-2", "dave", "PENDING", 1);
    expected["task_list"].as_array_mut().unwrap().push(new);
    let copy = &mut expected["cc_list"][0];
    copy["read_status"] = "READ".into();
    copy["update_time"] = "1700000000009".into();
    copy["links"] = json!({"pc_link": "https://oa.example.com/c"});
    // Texts that are still used stay, though none were sent; the order of members is of no matter.
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn keys_need_texts_and_node_names_must_be_keys() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("travel").await;
    let refused = async |edit: &dyn Fn(&mut Value)| {
        let mut payload = everything(&code);
        edit(&mut payload);
        let answer = app.post(INSTANCES, &payload).await;
        let msg = answer.json()["msg"].as_str().unwrap().to_owned();
        (answer.code(), msg)
    };
    let no = |key: &str| (1_390_001, format!("Default i18n has no key: {key}"));
    assert_eq!(refused(&|p| p["title"] = "@i18n@none".into()).await, no("@i18n@none"));
    assert_eq!(refused(&|p| p["form"][1]["value"] = "@i18n@x".into()).await, no("@i18n@x"));
    assert_eq!(refused(&|p| p["task_list"][0]["title"] = "@i18n@x".into()).await, no("@i18n@x"));
    assert_eq!(refused(&|p| p["cc_list"][0]["title"] = "@i18n@x".into()).await, no("@i18n@x"));
    let button = "/task_list/0/action_configs/1/action_name";
    let edit = |p: &mut Value| *p.pointer_mut(button).unwrap() = "@i18n@x".into();
    assert_eq!(refused(&edit).await, no("@i18n@x"));
    assert_eq!(
        refused(&|p| p["task_list"][0]["node_name"] = "Manager".into()).await,
        no("Manager")
    );
    // Without a default language no key has a text.
    assert_eq!(
        refused(&|p| p["i18n_resources"][0]["is_default"] = false.into()).await.0,
        1_390_001
    );
    assert_eq!(refused(&|p| p["title"] = "plain".into()).await.0, 0);
}

#[tokio::test]
async fn a_purged_instance_is_gone_and_comes_back_in_its_old_place() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("travel").await;
    for id in ["a", "b", "c"] {
        let mut payload = instance(&code, id, "PENDING", 5);
        payload["task_list"] = json!([task("t", "bob", "PENDING", 5)]);
        app.sync(&payload).await;
    }
    let pending = json!({"approval_codes": [code], "status": "PENDING"});
    let before = app.walk(&pending, 1).await;

    let mut purge = instance(&code, "b", "APPROVED", 1);
    purge.as_object_mut().unwrap().remove("user_id");
    let record = app.sync(&purge).await["process_record"].clone();
    assert_eq!(
        (&record["instance"]["delete_num"], &record["task"]["delete_num"]),
        (&json!(1), &json!(1))
    );
    let ids = |rows: &[Value]| rows.iter().map(|r| r["instance_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&app.walk(&pending, 1).await), ["a", "c"]);
    assert!(app.walk(&json!({"instance_ids": ["b"]}), 1).await.is_empty());
    let stamps = json!({"instances": [{"instance_id": "b", "update_time": "5", "tasks": []}]});
    let unknown = json!([{"instance_id": "b", "update_time": "0", "tasks": []}]);
    assert_eq!(app.post(CHECK, &stamps).await.data()["diff_instances"], unknown);
    // Twice is once; and an unknown instance is purged without a trace.
    assert_eq!(app.sync(&purge).await["process_record"]["instance"]["delete_num"], 0);

    let mut back = instance(&code, "b", "PENDING", 5);
    back["task_list"] = json!([task("t", "bob", "PENDING", 5)]);
    // Nothing is stored to be newer than.
    back["update_mode"] = "UPDATE".into();
    assert_eq!(app.sync(&back).await["process_record"]["instance"]["insert_num"], 1);
    assert_eq!(app.walk(&pending, 1).await, before);
    assert_eq!(hub.doctor().await.faults, Vec::<String>::new());
}

#[tokio::test]
async fn an_instance_stays_with_its_definition_and_shared_ids_are_warned_of() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let (code, other) = (app.define("travel").await, app.define("leave").await);
    app.sync(&instance(&code, "i", "PENDING", 1)).await;
    for mode in ["REPLACE", "UPDATE"] {
        let mut moved = instance(&other, "i", "PENDING", 2);
        moved["update_mode"] = mode.into();
        let answer = app.post(INSTANCES, &moved).await;
        assert_eq!((answer.code(), answer.fields()), (1_390_001, vec!["approval_code".to_owned()]));
    }
    let mut shared = instance(&code, "i", "PENDING", 2);
    shared["task_list"] = json!([task("i", "bob", "PENDING", 1), task("x", "bob", "PENDING", 1)]);
    shared["cc_list"] = json!([cc("x", "bob", 1)]);
    let answer = app.post(INSTANCES, &shared).await;
    assert_eq!(answer.code(), 0);
    let warning = answer.headers["x-countersign-warning"].to_str().unwrap();
    assert_eq!(warning, "ids used for several things of one instance: i, x");
    assert_eq!(app.walk(&json!({"instance_ids": ["i"]}), 9).await[0]["tasks"][1]["id"], "x");
}

#[tokio::test]
async fn a_definition_has_two_codes_and_gives_everything_back() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let mut sent = json!({
        "approval_name": "@i18n@name",
        "approval_code": "travel",
        "group_code": "group",
        "group_name": "@i18n@group",
        "description": "@i18n@name",
        "external": {
            "biz_name": "@i18n@name", "biz_type": "permission",
            "create_link_mobile": "https://m.example.com", "create_link_pc": "https://example.com",
            "support_pc": true, "support_mobile": false, "support_batch_read": true,
            "enable_mark_readed": true, "enable_quick_operate": true,
            "action_callback_url": "http://10.0.0.1:9/callback",
            "action_callback_token": "the token", "action_callback_key": "the key",
            "allow_batch_operate": true, "exclude_efficiency_statistics": true,
        },
        "viewers": [
            {"viewer_type": "USER", "viewer_user_id": "alice"},
            {"viewer_type": "DEPARTMENT", "viewer_department_id": "od-1"},
            {"viewer_type": "TENANT"}, {"viewer_type": "NONE"},
        ],
        "i18n_resources": definition("travel")["i18n_resources"],
        "managers": ["alice", "bob"],
    });
    let path = format!("{APPROVALS}?user_id_type=user_id&department_id_type=department_id");
    let real = app.post(&path, &sent).await.data()["approval_code"].clone();
    let real = real.as_str().unwrap();
    assert!(real.len() == 36 && real.to_ascii_uppercase() == *real, "{real}");
    let read = |code: &str, by: &str| format!("{APPROVALS}/{code}?user_id_type={by}");
    let got = app.get(&read(real, "user_id"), &Value::Null).await.data();
    assert_eq!(got, sent);
    assert_eq!(app.get(&read("travel", "user_id"), &Value::Null).await.code(), 1_390_002);

    // By another kind of id only those are shown who are known by it.
    let code = real.to_owned();
    app.sync(&{
        let mut known = instance(&code, "i", "PENDING", 1);
        known["user_id"] = "alice".into();
        known["open_id"] = "ou_alice".into();
        known
    })
    .await;
    let got = app.get(&read(real, "open_id"), &Value::Null).await.data();
    assert_eq!(got["managers"], json!(["ou_alice"]));
    assert_eq!(got["viewers"][0]["viewer_user_id"], "ou_alice");

    // The own code finds it again; flags left out are false, a group left out stays.
    sent["external"] = json!({"support_mobile": true});
    for name in ["group_code", "group_name", "viewers", "managers"] {
        sent.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(app.post(&path, &sent).await.data()["approval_code"], real);
    let got = app.get(&read(real, "user_id"), &Value::Null).await.data();
    assert_eq!(
        (&got["group_code"], &got["external"]["support_pc"]),
        (&json!("group"), &json!(false))
    );
    assert_eq!(
        (&got["viewers"], &got["external"]["action_callback_key"]),
        (&json!([]), &json!(""))
    );
    // The real code given as an own code is another definition.
    let mut by_real = definition(real);
    by_real["approval_code"] = real.into();
    assert_ne!(app.post(APPROVALS, &by_real).await.data()["approval_code"], real);
}

#[tokio::test]
async fn a_plain_name_becomes_a_key_and_groups_are_made_and_renamed() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let mut plain = definition("travel");
    plain["approval_name"] = "出差申请".into();
    let code = app.post(APPROVALS, &plain).await.data()["approval_code"].clone();
    let path = format!("{APPROVALS}/{}", code.as_str().unwrap());
    let got = app.get(&path, &Value::Null).await.data();
    let key = got["approval_name"].as_str().unwrap();
    assert!(key.starts_with("@i18n@") && key.len() == 42, "{key}");
    let texts = got["i18n_resources"][0]["texts"].as_array().unwrap();
    assert!(texts.contains(&json!({"key": key, "value": "出差申请"})));
    // The same again keeps its key.
    app.post(APPROVALS, &plain).await.data();
    assert_eq!(app.get(&path, &Value::Null).await.data()["approval_name"], key);

    let mut no_group = definition("other");
    no_group.as_object_mut().unwrap().remove("group_code");
    assert_eq!(app.post(APPROVALS, &no_group).await.fields(), ["group_code"]);
    let mut new_group = definition("other");
    new_group["group_code"] = "new".into();
    new_group.as_object_mut().unwrap().remove("group_name");
    assert_eq!(app.post(APPROVALS, &new_group).await.fields(), ["group_name"]);
    let mut renamed = definition("other");
    renamed["group_name"] = "Finance and tax".into();
    app.post(APPROVALS, &renamed).await.data();
    assert_eq!(app.get(&path, &Value::Null).await.data()["group_name"], "Finance and tax");
}

#[tokio::test]
async fn a_filter_may_come_in_the_body_the_query_or_a_post_and_a_token_keeps_it() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("travel").await;
    for id in ["a", "b", "c"] {
        let mut payload = instance(&code, id, "PENDING", 5);
        payload["task_list"] =
            json!([task("1", "bob", "PENDING", 5), task("2", "alice", "DONE", 5),]);
        app.sync(&payload).await;
    }
    let body = json!({"approval_codes": [code], "user_ids": ["bob", "alice"], "status": "PENDING"});
    let path = format!("{TASKS}?page_size=2");
    let expected = app.get(&path, &body).await.data();
    let query = format!("{path}&approval_codes={code}&user_ids=bob,alice&user_ids=&status=PENDING");
    let same = async |answer: crate::support::Answer| {
        let mut data = answer.data();
        let next = data["page_token"].take();
        assert_eq!((&data["data"], data["has_more"].as_bool()), (&expected["data"], Some(true)));
        next.as_str().unwrap().to_owned()
    };
    let token = same(app.post(&path, &body).await).await;
    same(hub.send(Method::GET, &query, Some(&app.token), "").await).await;
    same(hub.send(Method::GET, &query, Some(&app.token), "null").await).await;
    same(app.get(&query, &body).await).await;
    assert!(token.len() <= 1_600);
    assert_eq!(expected["data"][0]["tasks"].as_array().unwrap().len(), 1);

    let mut other = body.clone();
    other["user_ids"] = json!(["bob"]);
    let answer = app.get(&query, &other).await;
    assert_eq!((answer.code(), answer.fields()), (1_390_001, vec!["body".to_owned()]));
    let next = format!("{TASKS}?page_size=2&page_token={token}");
    for body in [&body, &json!({}), &Value::Null] {
        assert_eq!(app.get(&next, body).await.data()["data"][0]["instance_id"], "c");
    }
    assert_eq!(app.get(&next, &other).await.fields(), ["page_token"]);
    // Nobody else continues it, and not one letter of it may change.
    assert_eq!(hub.app("cli_erp").await.get(&next, &json!({})).await.fields(), ["page_token"]);
    assert_eq!(hub.app("cli_other").await.get(&next, &json!({})).await.code(), 1_390_001);
    for at in 0..token.len() {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        let answer = app.get(&format!("{TASKS}?page_token={forged}"), &json!({})).await;
        assert_eq!(answer.fields(), ["page_token"], "letter {at}");
        let cut = app.get(&format!("{TASKS}?page_token={}", &token[..at]), &json!({})).await;
        // Nothing at all is no token, and then there is no filter.
        assert_eq!(cut.code(), 1_390_001);
    }
}

#[tokio::test]
async fn the_longest_filter_fits_into_a_token() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let mut codes = Vec::new();
    for n in 0..20 {
        codes.push(app.define(&format!("definition-{n}")).await);
    }
    let users: Vec<_> = (0..100).map(|n| format!("user-{n:03}")).collect();
    for id in ["a", "b"] {
        let mut payload = instance(&codes[19], id, "PENDING", 1);
        let tasks = users.iter().map(|user| task(user, user, "PENDING", 1));
        payload["task_list"] = tasks.collect();
        app.sync(&payload).await;
    }
    let filter = json!({"approval_codes": codes, "user_ids": users, "status": "PENDING"});
    let data = app.get(&format!("{TASKS}?page_size=1"), &filter).await.data();
    let token = data["page_token"].as_str().unwrap();
    assert!((1_000..=1_600).contains(&token.len()), "{}", token.len());
    let rows = app.walk(&filter, 1).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["tasks"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn cards_of_another_version_are_rendered_from_the_rows() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("travel").await;
    let mut payload = instance(&code, "i", "PENDING", 1);
    payload["task_list"] = json!([task("t", "bob", "PENDING", 1), task("u", "bob", "DONE", 1)]);
    app.sync(&payload).await;
    let filter = json!({"approval_codes": [code], "user_ids": ["bob"], "status": "DONE"});
    let before = app.walk(&filter, 1).await;
    let (tenant, key) = (hub.acme, hub.key("cli_oa"));
    hub.hub
        .write(move |tx, _| {
            let app = store::access::app_by_key(tx, &key)?.unwrap().id;
            let head = store::external::instance_head(tx, tenant, app, "i")?.unwrap();
            Ok(store::external::card_put(tx, tenant, head.id, 0, b"another form")?)
        })
        .await
        .unwrap();
    assert_eq!(app.walk(&filter, 1).await, before);
}

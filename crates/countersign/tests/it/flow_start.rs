//! Starting flows: keys, parameters, versions, and who may.

use serde_json::{Value, json};

use crate::flow_kit::{Company, all_fits, done, kunlun, refused};
use crate::support::{Answer, TestHub};

const FLOW: &str = "package_demo__c__start";

/// A flow with a parameter of each kind, whose second version has another step.
fn file(node: &str) -> String {
    format!(
        "
api_id: {FLOW}
namespace: package_demo
label: {{ zh-CN: 发起, en-US: Start }}
may_start: initiator.user_id != 'leo'
parameters:
  - {{ name: text, type: text, required: false, label: {{ zh-CN: 文 }} }}
  - {{ name: whole, type: integer, required: false, label: {{ zh-CN: 整 }} }}
  - {{ name: number, type: number, required: false, label: {{ zh-CN: 数 }} }}
  - {{ name: flag, type: boolean, required: false, label: {{ zh-CN: 是 }} }}
  - {{ name: day, type: date, required: false, label: {{ zh-CN: 日 }} }}
  - {{ name: kind, type: choice, options: [a, b], required: false, label: {{ zh-CN: 类 }} }}
  - {{ name: one, type: person, required: false, label: {{ zh-CN: 人 }} }}
  - {{ name: many, type: people, required: false, label: {{ zh-CN: 众 }} }}
nodes:
  - {{ id: {node}, label: {{ zh-CN: 步 }}, nobody: pass, assignees: [{{ parameter: one }}, {{ parameter: many }}] }}
"
    )
}

fn by(person: &str) -> String {
    json!({"_id": kunlun(person)}).to_string()
}

async fn start(company: &Company<'_>, params: &Value) -> Answer {
    let body = json!({"operator": by("ann"), "params": params.to_string()});
    company.execute(FLOW, &body).await
}

#[tokio::test]
async fn every_kind_of_parameter_is_taken_in_each_of_its_forms() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(&file("only")).await;
    let (ben, cat): (i64, String) = (kunlun("ben").parse().unwrap(), kunlun("cat"));
    let params = json!({
        "text": "文", "whole": "7", "number": 0.5, "flag": true, "day": "2028-02-29", "kind": "b",
        "one": ben, "many": [{"_id": cat}, kunlun("dan")],
    });
    let mut story = company.start(FLOW, "ann", &params).await;
    story.shows("in_process", &["ann from 1", "ben todo 1", "cat todo 1", "dan todo 1"]).await;
    // The form of answers is taken as well, and what is empty is absent.
    let list = json!([{"api_name": "one", "value": {"_id": ben}}, {"api_name": "many", "value": []},
        {"api_name": "kind", "value": ""}, {"api_name": "whole", "value": null}]);
    let mut story = company.start(FLOW, "ann", &list).await;
    story.shows("in_process", &["ann from 1", "ben todo 1"]).await;
    all_fits(&hub).await;
}

#[tokio::test]
async fn every_parameter_that_is_wrong_is_told_at_once() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(&file("only")).await;
    let params = json!({
        "text": 5, "whole": 1.5, "number": "x", "flag": "true", "day": "2026-02-30", "kind": "c",
        "one": [1], "many": [true], "hours": 1,
    });
    let answer = start(&company, &params).await;
    assert_eq!((answer.code(), &answer.json()["msg"]), (2_320_001, &json!("param is invalid")));
    let mut fields = answer.fields();
    fields.sort();
    let mut names: Vec<_> =
        ["text", "whole", "number", "flag", "day", "kind", "one", "many", "hours"]
            .iter()
            .map(|name| format!("params.{name}"))
            .collect();
    names.sort();
    assert_eq!(fields, names, "{}", answer.text);
    assert!(answer.text.contains("the flow has no such parameter"), "{}", answer.text);
    let people: Vec<Value> = (0..201).map(Value::from).collect();
    let answer = start(&company, &json!({"many": people})).await;
    assert_eq!(answer.fields(), ["params.many"]);
}

#[tokio::test]
async fn a_key_starts_one_instance_in_thirty_days_for_each_app_and_flow() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(&file("only")).await;
    company.apply(&file("only").replace("c__start", "c__other")).await;
    let params = json!({"one": kunlun("ben")}).to_string();
    let body = json!({"operator": by("ann"), "params": params, "idempotent_key": "k-1"});
    let first = company.execute(FLOW, &body).await.data();
    let id = first["execution_id"].as_str().unwrap();
    let again = company.execute(FLOW, &body).await;
    refused(&again, "idempotent_key", &[id, "2026-01-05T01:00:00Z"]);
    // The key is taken whatever else is asked for, and nothing was started twice.
    let other_body = json!({"operator": by("cat"), "idempotent_key": "k-1"});
    refused(&company.execute(FLOW, &other_body).await, "idempotent_key", &[id]);
    assert_eq!(company.query("ben", &json!({})).await["count"], "1");
    // Another flow and another app have keys of their own.
    company.execute("package_demo__c__other", &body).await.data();
    let erp = Company { hub: &hub, app: hub.app("cli_erp").await };
    erp.execute(FLOW, &body).await.data();
    // What was refused took no key.
    let wrong = json!({"operator": by("leo"), "idempotent_key": "k-2"});
    refused(&company.execute(FLOW, &wrong).await, "operator", &["may not be started"]);
    let right = json!({"operator": by("ann"), "params": params, "idempotent_key": "k-2"});
    company.execute(FLOW, &right).await.data();
    hub.clock.advance(30 * 86_400_000 - 1);
    let company = company.again().await;
    refused(&company.execute(FLOW, &body).await, "idempotent_key", &[id]);
    hub.clock.advance(1);
    let later = company.execute(FLOW, &body).await.data();
    assert_ne!(later["execution_id"], first["execution_id"]);
    all_fits(&hub).await;
}

#[tokio::test]
async fn the_answer_tells_how_it_stands_unless_nobody_waits_for_it() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(&file("only")).await;
    // Nobody is found, so it passes, and ends at once.
    let ended = start(&company, &json!({})).await.data();
    let id = ended["execution_id"].as_str().unwrap();
    let out: Value = serde_json::from_str(ended["out_params"].as_str().unwrap()).unwrap();
    let expected = json!([
        {"api_name": "instance_id", "value": id},
        {"api_name": "status", "value": "agreed"},
    ]);
    assert_eq!(out, expected);
    let rest = json!({"status": ended["status"], "code": ended["code"], "msg": ended["error_msg"]});
    assert_eq!(rest, json!({"status": "end", "code": "0", "msg": ""}));
    let params = json!({"one": kunlun("ben")}).to_string();
    let body =
        json!({"operator": by("ann"), "params": params, "is_async": true, "loop_masks": ["m"]});
    let started = company.execute(FLOW, &body).await.data();
    assert_eq!((&started["status"], &started["out_params"]), (&json!("running"), &json!("[]")));
    // Its task is there all the same.
    let tasks = company.query("ben", &json!({"source": "assignMe", "type": "pending"})).await;
    assert_eq!(tasks["tasks"][0]["workflow_instance"]["id"], started["execution_id"]);
}

#[tokio::test]
async fn a_new_version_is_for_new_instances() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    assert_eq!(company.apply(&file("first")).await.version, 1);
    let params = json!({"one": kunlun("ben")});
    let mut old = company.start(FLOW, "ann", &params).await;
    assert!(!company.apply(&file("first")).await.new, "the same text is no new version");
    let second = file("second").replace("{ parameter: one }", "{ person: cat }");
    assert_eq!(company.apply(&second).await.version, 2);
    let mut new = company.start(FLOW, "ann", &params).await;
    old.shows("in_process", &["ann from 1", "ben todo 1"]).await;
    new.shows("in_process", &["ann from 1", "cat todo 1"]).await;
    done(&old.agree(1, "ben").await);
    done(&new.agree(1, "cat").await);
    old.shows("agreed", &["ann from-done 1", "ben done 1"]).await;
    all_fits(&hub).await;
}

#[tokio::test]
async fn whoever_is_named_and_unknown_becomes_a_person_but_nobody_starts_who_is_unknown() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(&file("only")).await;
    start(&company, &json!({"one": "9999"})).await.data();
    let body = json!({"kunlun_user_id": "9999", "type": "pending"});
    let stub = company.app.post(crate::support::USER_TASKS, &body).await.data();
    assert_eq!(stub["count"], "1");
    let stranger = json!({"operator": json!({"_id": "8888"}).to_string()});
    refused(&company.execute(FLOW, &stranger).await, "operator", &["nobody has the id `8888`"]);
    for (flow, namespace) in [("package_demo__c__none", "package_demo"), (FLOW, "package_else")] {
        let path =
            format!("{}/applications/{namespace}/flows/{flow}/execute", crate::flow_kit::APAAS);
        let answer = company.app.post(&path, &json!({"operator": by("ann")})).await;
        refused(&answer, "flow_id", &["has no flow"]);
    }
}

#[tokio::test]
async fn what_is_no_json_text_or_of_another_type_is_refused() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(&file("only")).await;
    let ann = by("ann");
    for (body, code, field) in [
        (json!({}), 2_320_001, "operator"),
        (json!({"operator": ""}), 2_320_001, "operator"),
        (json!({"operator": {"_id": 1}}), 9_499, "operator"),
        (json!({"operator": "ann"}), 2_320_001, "operator"),
        (json!({"operator": "{}"}), 2_320_001, "operator"),
        (json!({"operator": "{\"_id\":true}"}), 2_320_001, "operator"),
        (json!({"operator": "{\"email\":\"ann@example.com\"}"}), 2_320_001, "operator"),
        (json!({"operator": ann, "params": {}}), 9_499, "params"),
        (json!({"operator": ann, "params": "{"}), 2_320_001, "params"),
        (json!({"operator": ann, "params": "5"}), 2_320_001, "params"),
        (json!({"operator": ann, "params": "[5]"}), 2_320_001, "params"),
        (json!({"operator": ann, "is_async": "true"}), 9_499, "is_async"),
        (json!({"operator": ann, "idempotent_key": 5}), 9_499, "idempotent_key"),
        (json!({"operator": ann, "idempotent_key": "k".repeat(257)}), 2_320_001, "idempotent_key"),
        (json!({"operator": ann, "idempotent_key": "k\0"}), 2_320_001, "idempotent_key"),
        (json!({"operator": ann, "loop_masks": "m"}), 9_499, "loop_masks"),
        (json!({"operator": ann, "loop_masks": vec!["m"; 21]}), 2_320_001, "loop_masks"),
        (json!({"operator": ann, "loop_masks": [5]}), 9_499, "loop_masks[*]"),
    ] {
        let answer = company.execute(FLOW, &body).await;
        assert_eq!((answer.code(), answer.fields()), (code, vec![field.to_owned()]), "{body}");
    }
    assert_eq!(company.query("ann", &json!({})).await["count"], "0", "nothing was started");
}

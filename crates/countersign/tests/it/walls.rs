//! The walls between tenants and between apps: every endpoint of the OpenAPI document, called by
//! everybody who should learn nothing.

use std::collections::BTreeMap;

use api::ALL_SCOPES;
use axum::http::{Method, Request};
use domain::flow::{FlowDetails, Instance, InstanceDetails, Logic, Part, Status, Task};
use domain::person::AliasKind;
use domain::{InstanceId, Millis, TaskId};
use engine::access::{NewApp, Owner, app_create};
use engine::flows;
use engine::people::{ImportedPerson, import};
use serde_json::{Value, json};

use crate::flow_kit::Company;
use crate::openapi::document;
use crate::support::{Answer, App, TestHub, cc, definition, instance, task};

/// Whose human tasks are asked for.
const KUNLUN: &str = "walled-person";
const FLOW: &str = "package_b40c28__c__action_walled";
/// The flow that runs, and its people.
const RUNNING: &str = "package_demo__c__walled";
const FLOW_FILE: &str = "
api_id: package_demo__c__walled
namespace: package_demo
label: { zh-CN: 墙 }
nodes:
  - { id: only, label: { zh-CN: 唯一 }, assignees: [{ person: ben }] }
";
const ANN: &str = "1700000000000100";
const BEN: &str = "1700000000000101";
const CAT: &str = "1700000000000102";

/// An operation of the document.
struct Operation {
    id: String,
    method: Method,
    path: String,
    needs_token: bool,
}

async fn operations(hub: &TestHub) -> Vec<Operation> {
    let document = document(hub).await;
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                needs_token: operation["security"][0]["tenant_access_token"].is_array(),
            });
        }
    }
    operations
}

/// What acme's `cli_oa` has: its definition's real code.
async fn furnish(hub: &TestHub) -> String {
    let oa = hub.app("cli_oa").await;
    let code = oa.define("walled").await;
    oa.sync(&payload(&code)).await;
    let acme = hub.acme;
    hub.hub
        .write(move |tx, cx| {
            let aliases = vec![(AliasKind::Kunlun, KUNLUN.to_owned())];
            import(tx, cx, acme, &ImportedPerson { aliases, ..ImportedPerson::default() })??;
            let person = store::person::person_by_alias(tx, acme, AliasKind::Kunlun, KUNLUN)?;
            let (status, end_time) = (Status::InProcess, Millis(0));
            let label = vec![("2052".to_owned(), "walled label".to_owned())];
            let details = FlowDetails { label: label.clone(), namespace: "package".to_owned() };
            let part = Part { person: person.unwrap(), status, end_time };
            let task = Task {
                id: TaskId(777_001),
                node: "node".to_owned(),
                logic: Logic::All,
                status,
                start_time: Millis(10),
                end_time,
                parts: vec![part],
                ccs: Vec::new(),
            };
            let instance = Instance {
                id: InstanceId(777_000),
                flow: flows::define(tx, cx, acme, FLOW, &details)?,
                initiator: person.unwrap(),
                status,
                start_time: Millis(1),
                end_time,
                details: InstanceDetails { label, ..InstanceDetails::default() },
                tasks: vec![task],
            };
            flows::put(tx, cx, acme, &instance)
        })
        .await
        .unwrap();
    code
}

fn payload(code: &str) -> Value {
    let mut payload = instance(code, "walled", "PENDING", 7_000_007);
    payload["task_list"] = json!([task("walled-task", "alice", "PENDING", 7_000_007)]);
    payload["cc_list"] = json!([cc("walled-cc", "bob", 7_000_007)]);
    payload
}

/// What is acme's: a definition of its `cli_oa`, and an instance of a flow for each endpoint that acts.
struct Owned {
    code: String,
    /// Instance and open task, by endpoint.
    flows: BTreeMap<String, (String, String)>,
    /// The task with which the instance that is rolled back began.
    start: String,
}

impl Owned {
    fn path(&self, operation: &Operation) -> String {
        let (instance, task) = self.flows.get(&operation.id).cloned().unwrap_or_default();
        let path = operation.path.replace("{approval_code}", &self.code);
        let path = path.replace("{namespace}", "package_demo").replace("{flow_id}", RUNNING);
        let path = path.replace("{approval_instance_id}", &instance);
        path.replace("{approval_task_id}", &task).replace("{task_id}", &task)
    }
}

/// Starts an instance for each endpoint that acts on one.
async fn start_flows(hub: &TestHub, code: String) -> Owned {
    let company = Company::new(hub).await;
    company.apply(FLOW_FILE).await;
    let (mut flows, mut start) = (BTreeMap::new(), String::new());
    for operation in operations(hub).await.iter().filter(|one| one.path.contains("_id}/")) {
        let mut story = company.start(RUNNING, "ann", &json!({})).await;
        if operation.id == "user_tasks.rollback" {
            let body = json!({"operator_user_id": BEN});
            let points = story.user_task(1, "rollback_points", body).await.data();
            points["tasks"][0]["id"].as_str().unwrap().clone_into(&mut start);
        }
        flows.insert(operation.id.clone(), (story.instance.clone(), story.task(1).to_owned()));
    }
    Owned { code, flows, start }
}

/// A request for what acme's `cli_oa` has, and something in its answer that only those may see to
/// whom it belongs. A new endpoint needs a row.
fn request(id: &str, code: &str) -> (Value, String) {
    let filter = json!({"instance_ids": ["walled"]});
    let (body, told) = match id {
        "external_approvals.create" => (definition("walled"), code),
        "external_approvals.get" => (Value::Null, "报销"),
        "external_instances.create" => (payload(code), "process_record"),
        "external_instances.check" => {
            let stamps = json!({"instance_id": "walled", "update_time": "1", "tasks": []});
            (json!({"instances": [stamps]}), "7000007")
        }
        "external_tasks.list" | "external_tasks.list.post" => (filter, "walled-task"),
        "user_task.query" => (json!({"kunlun_user_id": KUNLUN}), "walled label"),
        "user_tasks.chat_group" => (json!({"operator_user_id": ANN}), "oc_new"),
        "user_tasks.rollback_points" => (json!({"operator_user_id": BEN}), "is_start"),
        "flows.execute" => {
            let operator = json!({"_id": ANN}).to_string();
            (json!({"operator": operator}), "execution_id")
        }
        _ => (acting(id), "success"),
    };
    (body, told.to_owned())
}

/// What changes something once, and then has no further effect.
fn acting(id: &str) -> Value {
    match id {
        "approval_tasks.agree" | "approval_tasks.reject" => json!({"user_id": BEN}),
        "approval_tasks.transfer" => json!({"user_id": BEN, "to_user_ids": [CAT]}),
        "approval_tasks.add_assignee" => json!({"user_id": BEN, "approvers": [CAT]}),
        "approval_instances.cancel" => json!({"user_id": ANN, "opinion": "never mind"}),
        "user_tasks.cc" => json!({"operator_user_id": ANN, "cc_user_ids": [CAT]}),
        "user_tasks.expediting" => {
            json!({"operator_user_id": ANN, "expediting_user_ids": [BEN]})
        }
        "user_tasks.rollback" => {
            json!({"operator_user_id": BEN, "to_task_id": "START", "opinion": "again"})
        }
        other => panic!("{other} is a new endpoint: what would it show to a stranger?"),
    }
}

async fn call(app: &App<'_>, operation: &Operation, owned: &Owned) -> (Answer, String) {
    let (mut body, told) = request(&operation.id, &owned.code);
    if body["to_task_id"] == "START" {
        body["to_task_id"] = owned.start.as_str().into();
    }
    let path = owned.path(operation);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    (app.hub.send(operation.method.clone(), &path, Some(&app.token), body).await, told)
}

/// Decided so: these are the tenant's, the others the app's own.
fn is_tenant_wide(operation: &Operation) -> bool {
    operation.path.starts_with("/open-apis/apaas/")
}

#[tokio::test]
async fn nobody_learns_through_any_endpoint_what_is_not_theirs() {
    let hub = TestHub::new().await;
    let owned = start_flows(&hub, furnish(&hub).await).await;
    let expired = hub.app("cli_oa").await.token;
    hub.clock.advance(7_200_000);
    let (oa, erp, other) =
        (hub.app("cli_oa").await, hub.app("cli_erp").await, hub.app("cli_other").await);
    let operations = operations(&hub).await;
    assert!(operations.len() > 6);
    for operation in operations.iter().filter(|operation| operation.needs_token) {
        let id = &operation.id;
        let (answer, told) = call(&oa, operation, &owned).await;
        assert!(answer.code() == 0 && answer.text.contains(&told), "{id}: {}", answer.text);

        let (answer, told) = call(&other, operation, &owned).await;
        assert!(!answer.text.contains(&told), "{id} tells another tenant: {}", answer.text);
        let (answer, told) = call(&erp, operation, &owned).await;
        let tells = answer.text.contains(&told);
        assert_eq!(tells, is_tenant_wide(operation), "{id}, another app: {}", answer.text);

        for (token, refused) in [
            ("t-aaaa", 99_991_663),
            (&*expired, 99_991_663),
            (&format!("{}a", oa.token), 99_991_663),
            ("u-aaaa", 99_991_668),
            ("aaaa", 99_991_671),
        ] {
            let caller = App { hub: &hub, token: token.to_owned() };
            let (answer, _) = call(&caller, operation, &owned).await;
            assert_eq!(answer.code(), refused, "{id} with {token}: {}", answer.text);
            assert!(answer.json().get("data").is_none());
        }
        let path = owned.path(operation);
        let request = Request::builder().method(operation.method.clone()).uri(path);
        let answer = hub.request(request.body("{}".into()).unwrap()).await;
        assert_eq!(answer.code(), 99_991_661, "{id} without a token");
    }
    // Nor did anybody change it.
    for operation in operations.iter().filter(|operation| operation.needs_token) {
        let (answer, told) = call(&oa, operation, &owned).await;
        assert!(answer.text.contains(&told), "{}: {}", operation.id, answer.text);
    }
}

#[tokio::test]
async fn every_endpoint_takes_each_of_its_scopes_and_no_other() {
    let hub = TestHub::new().await;
    let owned = start_flows(&hub, furnish(&hub).await).await;
    let document = document(&hub).await;
    let (acme, all) = (hub.key("acme"), ALL_SCOPES);
    let keys: Vec<String> = (0..=all.len()).map(|n| hub.key(&format!("cli_scope_{n}_"))).collect();
    let made = keys.clone();
    hub.hub
        .write(move |tx, cx| {
            for (n, key) in made.iter().enumerate() {
                // The last holds none.
                let scopes = all.get(n).map(|scope| (*scope).to_owned()).into_iter().collect();
                let new = NewApp {
                    owner: Owner::Tenant(acme.clone()),
                    name: key.clone(),
                    scopes,
                    key: Some(key.clone()),
                    secret: Some("secret".into()),
                };
                app_create(tx, cx, &new)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    for (n, key) in keys.iter().enumerate() {
        let issued = hub.hub.issue_token(key.clone(), "secret".into()).await.unwrap().unwrap();
        let token = secrecy::ExposeSecret::expose_secret(&issued.token).to_owned();
        let caller = App { hub: &hub, token };
        for operation in operations(&hub).await.iter().filter(|operation| operation.needs_token) {
            let method = operation.method.as_str().to_lowercase();
            let listed = &document["paths"][&operation.path][method]["security"];
            let scopes: Vec<&str> = listed
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|one| one["tenant_access_token"].as_array().unwrap())
                .map(|scope| scope.as_str().unwrap())
                .collect();
            let may = all.get(n).is_some_and(|scope| scopes.contains(scope));
            let (answer, _) = call(&caller, operation, &owned).await;
            assert_eq!(answer.code() != 99_991_672, may, "{} with {:?}", operation.id, all.get(n));
        }
    }
}

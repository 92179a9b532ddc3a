//! Running flows in a company as administrators describe it: who is found, who stands in, and what is
//! handed over.

use axum::http::Method;
use serde_json::{Value, json};

use crate::flow_kit::{Company, all_fits, done};
use crate::support::{START, TestHub};

/// The initiator's leader, whoever leads sales, the cashiers.
const BY_PLACE: &str = "
api_id: package_demo__c__place
namespace: package_demo
label: { zh-CN: 三步, en-US: Three steps }
nodes:
  - { id: leader, label: { zh-CN: 上级, en-US: Leader }, assignees: [{ leader: 2 }] }
  - { id: head, label: { zh-CN: 部门, en-US: Head }, assignees: [{ department_leader: sales }] }
  - { id: cash, label: { zh-CN: 出纳, en-US: Cashier }, assignees: [{ role: cashier }] }
";
const PLACE: &str = "package_demo__c__place";

/// Ben, then Cat before Ben.
const BY_NAME: &str = "
api_id: package_demo__c__name
namespace: package_demo
label: { zh-CN: 两步, en-US: Two steps }
nodes:
  - { id: first, label: { zh-CN: 第一步, en-US: First }, assignees: [{ person: ben }] }
  - { id: second, logic: orderly, label: { zh-CN: 第二步, en-US: Second },
      assignees: [{ person: cat }, { person: ben }] }
";
const NAME: &str = "package_demo__c__name";

async fn put(hub: &TestHub, path: &str, body: &Value) {
    hub.admin(Method::PUT, path, body).await.data();
}

async fn post(hub: &TestHub, path: &str, body: &Value) -> Value {
    hub.admin(Method::POST, path, body).await.data()
}

/// How many tasks wait for each of some people.
async fn todo<const N: usize>(company: &Company<'_>, people: [&str; N]) -> [String; N] {
    let mut counts = people.map(str::to_owned);
    for (count, person) in counts.iter_mut().zip(people) {
        let filter = json!({"source": "assignMe", "type": "pending"});
        let answer = company.query(person, &filter).await;
        answer["count"].as_str().unwrap().clone_into(count);
    }
    counts
}

/// Starts instances without looking at them.
async fn start_many(company: &Company<'_>, count: usize) {
    let operator = json!({"_id": crate::flow_kit::kunlun("ann")}).to_string();
    for _ in 0..count {
        let body = json!({"operator": operator, "params": "{}"});
        company.execute(NAME, &body).await.data();
    }
}

#[tokio::test]
async fn flows_go_to_leaders_heads_of_departments_and_roles() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(BY_PLACE).await;
    put(&hub, "roles/cashier", &json!({})).await;
    for (person, body) in [
        ("ann", json!({"leader": "ben"})),
        ("ben", json!({"leader": "cat"})),
        ("dan", json!({"roles": ["cashier"]})),
        ("eve", json!({"roles": ["cashier"]})),
        ("fay", json!({"roles": ["cashier"]})),
    ] {
        put(&hub, &format!("people/{person}"), &body).await;
    }
    put(&hub, "departments/sales", &json!({"leader": "gus"})).await;
    post(&hub, "people/fay/deactivate", &Value::Null).await;

    let mut story = company.start(PLACE, "ann", &json!({})).await;
    story.shows("in_process", &["ann from 1", "cat todo 1"]).await;
    done(&story.agree(1, "cat").await);
    let third = ["ann from 2", "ann from-done 1", "cat done 1", "gus todo 2"];
    story.shows("in_process", &third).await;
    // Who was found stays, whoever leads from now on.
    put(&hub, "departments/sales", &json!({"leader": "hal"})).await;
    done(&story.agree(2, "gus").await);
    let fourth =
        ["ann from 3", "ann from-done 1 2", "cat done 1", "gus done 2", "dan todo 3", "eve todo 3"];
    story.shows("in_process", &fourth).await;
    all_fits(&hub).await;
}

#[tokio::test]
async fn substitutes_have_what_is_open_for_as_long_as_somebody_is_away() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(BY_NAME).await;
    // More than one slice.
    start_many(&company, 104).await;
    let at = |seconds: i64| START.plus(seconds * 1_000).get();
    for (person, substitute, from) in [("ben", "cat", 1), ("cat", "dan", 3)] {
        let range = json!({"substitute": substitute, "from": at(from), "until": at(6)});
        post(&hub, &format!("people/{person}/substitutes"), &range).await;
    }
    let people = ["ben", "cat", "dan"];
    let refresh = async || hub.hub.refresh_substitutes_of(hub.acme).await.unwrap();
    assert_eq!(refresh().await, 0, "nothing is due yet");
    assert_eq!(todo(&company, people).await, ["104", "0", "0"]);

    hub.clock.advance(2_000);
    assert_eq!(refresh().await, 104);
    assert_eq!(todo(&company, people).await, ["104", "104", "0"]);
    assert_eq!(refresh().await, 0, "the start is done once");
    // What begins meanwhile has its substitutes at once.
    let mut story = company.start(NAME, "ann", &json!({})).await;
    assert_eq!(todo(&company, people).await, ["105", "105", "0"]);

    hub.clock.advance(2_000);
    assert_eq!(refresh().await, 105, "whoever stands in may be away too");
    assert_eq!(todo(&company, people).await, ["105", "105", "105"]);
    done(&story.agree(1, "dan").await);
    assert_eq!(todo(&company, people).await, ["104", "105", "105"], "Cat's own turn is next");

    hub.clock.advance(60_000);
    assert_eq!(refresh().await, 105, "a late end is caught up");
    assert_eq!(todo(&company, people).await, ["104", "1", "0"]);
    assert_eq!(refresh().await, 0);
    all_fits(&hub).await;
}

#[tokio::test]
async fn whoever_takes_a_range_back_early_is_alone_again() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(BY_NAME).await;
    start_many(&company, 2).await;
    let range = json!({"substitute": "cat", "from": 0, "until": START.plus(9_000_000).get()});
    let added = post(&hub, "people/ben/substitutes", &range).await;
    hub.hub.refresh_substitutes_of(hub.acme).await.unwrap();
    assert_eq!(todo(&company, ["ben", "cat"]).await, ["2", "2"], "a range may have begun before");
    let path = format!("substitutes/{}", added["substitute_id"].as_str().unwrap());
    hub.clock.advance(1_000);
    hub.admin(Method::DELETE, &path, &Value::Null).await.data();
    hub.hub.refresh_substitutes_of(hub.acme).await.unwrap();
    assert_eq!(todo(&company, ["ben", "cat"]).await, ["2", "0"]);
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_leavers_tasks_go_on_with_their_successor_and_the_history_tells() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(BY_NAME).await;
    let mut first = company.start(NAME, "ann", &json!({})).await;
    let mut second = company.start(NAME, "ann", &json!({})).await;
    done(&second.agree(1, "ben").await);
    let waits = ["ann from 2", "ann from-done 1", "ben done 1 2", "cat todo 2"];
    second.shows("in_process", &waits).await;

    post(&hub, "people/ben/deactivate", &Value::Null).await;
    let plan = post(&hub, "people/ben/hand_over", &json!({"to": "eve", "dry_run": true})).await;
    assert_eq!((&plan["instances"], &plan["tasks"]), (&json!(2), &json!(2)));
    let job = post(&hub, "people/ben/hand_over", &json!({"to": "eve"})).await;
    assert_eq!(hub.finish_hand_overs().await, 2);
    let path = format!("hand_overs/{}", job["hand_over_id"].as_str().unwrap());
    let told = hub.admin(Method::GET, &path, &Value::Null).await.data()["hand_over"].clone();
    assert_eq!((&told["moved_tasks"], &told["refused_instances"]), (&json!(2), &json!(0)));

    first.shows("in_process", &["ann from 1", "ben done 1", "eve todo 1"]).await;
    done(&first.agree(1, "eve").await);
    done(&second.agree(2, "cat").await);
    done(&second.agree(2, "eve").await);
    let (status, _) = second.views().await;
    assert_eq!(status, "agreed");
    let path = format!("instances/{}/history", second.instance);
    let history = hub.admin(Method::GET, &path, &Value::Null).await.data();
    let entries = history["entries"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["action"] == "hand over").unwrap();
    assert_eq!(entry["operator"], Value::Null, "an administrator is not a person of the company");
    assert!(entry["events"].to_string().contains("eve"), "{entry}");
    let elsewhere = hub.admin_of("other", Method::GET, &path, &Value::Null).await;
    assert_eq!(elsewhere.code(), 7_100_404);
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_flow_that_cannot_take_the_successor_refuses_and_the_others_go_on() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(BY_NAME).await;
    start_many(&company, 3).await;
    let job = post(&hub, "people/ben/hand_over", &json!({"to": "eve"})).await;
    // Between asking and doing the successor leaves as well.
    post(&hub, "people/eve/deactivate", &Value::Null).await;
    assert_eq!(hub.finish_hand_overs().await, 0);
    let path = format!("hand_overs/{}", job["hand_over_id"].as_str().unwrap());
    let told = hub.admin(Method::GET, &path, &Value::Null).await.data()["hand_over"].clone();
    assert_eq!((&told["refused_instances"], &told["moved_tasks"]), (&json!(3), &json!(0)));
    assert_ne!(told["finished_at"], "0");
    assert_eq!(todo(&company, ["ben", "eve"]).await, ["3", "0"]);
    all_fits(&hub).await;
}

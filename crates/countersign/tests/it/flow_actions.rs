//! What people can do to the tasks of a flow, one action after the other, each told by what everybody
//! sees afterwards.

use domain::person::AliasKind;
use engine::people::{ImportedPerson, import};
use serde_json::{Value, json};

use crate::flow_kit::{APAAS, Company, all_fits, done, kunlun, refused};
use crate::support::{TestHub, USER_TASKS};

/// Two steps: ben, then cat and dan both.
const TWO_STEPS: &str = "
api_id: package_demo__c__two
namespace: package_demo
label: { zh-CN: 两步, en-US: Two steps }
parameters:
  - { name: days, type: integer, label: { zh-CN: 天数 }, required: false }
summary:
  - { label: { zh-CN: 天数 }, value: \"params.days == null ? '-' : string(params.days)\" }
nodes:
  - { id: first, label: { zh-CN: 第一步, en-US: First }, assignees: [{ person: ben }] }
  - { id: second, label: { zh-CN: 第二步, en-US: Second }, assignees: [{ person: cat }, { person: dan }] }
";
const TWO: &str = "package_demo__c__two";

#[tokio::test]
async fn an_instance_goes_from_step_to_step_before_everybodys_eyes() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(TWO_STEPS).await;
    let mut story = company.start(TWO, "ann", &json!({"days": 3})).await;
    story.shows("in_process", &["ann from 1", "ben todo 1"]).await;
    done(&story.agree(1, "ben").await);
    story
        .shows(
            "in_process",
            &["ann from 2", "ann from-done 1", "ben done 1", "cat todo 2", "dan todo 2"],
        )
        .await;
    done(&story.agree(2, "dan").await);
    story
        .shows(
            "in_process",
            &["ann from 2", "ann from-done 1", "ben done 1", "cat todo 2", "dan done 2"],
        )
        .await;
    done(&story.agree(2, "cat").await);
    let end = ["ann from-done 1 2", "ben done 1", "cat done 2", "dan done 2"];
    story.shows("agreed", &end).await;

    // Each once more changes nothing; the opposite hears who decided what, and when.
    for (task, person) in [(1, "ben"), (2, "cat"), (2, "dan")] {
        done(&story.agree(task, person).await);
        let words = ["already agreed by", person, &kunlun(person), "2026-01-05T01:00:00Z"];
        refused(&story.reject(task, person).await, "approval_task_id", &words);
    }
    refused(
        &story.cancel("ann").await,
        "approval_instance_id",
        &["already agreed by the flow itself"],
    );
    refused(&story.agree(1, "eve").await, "user_id", &["it is for those whose task it is"]);
    story.shows("agreed", &end).await;
    all_fits(&hub).await;
}

fn people(names: &[&str]) -> Value {
    names.iter().map(|name| kunlun(name)).collect()
}

#[tokio::test]
async fn a_part_that_is_given_away_is_the_others() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(TWO_STEPS).await;
    let mut story = company.start(TWO, "ann", &json!({})).await;
    let give = json!({"user_id": kunlun("ben"), "to_user_ids": people(&["eve", "fay"]), "opinion": "away"});
    for _ in 0..2 {
        done(&story.approval(1, "transfer", give.clone()).await);
        story.shows("in_process", &["ann from 1", "ben done 1", "eve todo 1", "fay todo 1"]).await;
    }
    refused(&story.agree(1, "ben").await, "user_id", &["it is for those whose task it is"]);
    done(&story.agree(1, "eve").await);
    // Who has decided gets no part of another's.
    let back = json!({"user_id": kunlun("fay"), "to_user_ids": people(&["eve"])});
    refused(
        &story.approval(1, "transfer", back).await,
        "approval_task_id",
        &["already agreed by eve"],
    );
    let of_another = json!({"user_id": kunlun("fay"), "from_user_ids": people(&["gus"]), "to_user_ids": people(&["hal"])});
    refused(
        &story.approval(1, "transfer", of_another).await,
        "from_user_ids",
        &["does not wait for gus"],
    );
    let to_nobody = json!({"user_id": kunlun("fay"), "to_user_ids": []});
    refused(
        &story.approval(1, "transfer", to_nobody).await,
        "to_user_ids",
        &["name 1 to 20 people"],
    );
    let named = json!({"user_id": kunlun("fay"), "from_user_ids": people(&["fay"]), "to_user_ids": people(&["gus"])});
    done(&story.approval(1, "transfer", named).await);
    done(&story.agree(1, "gus").await);
    let next = [
        "ann from 2",
        "ann from-done 1",
        "ben done 1",
        "cat todo 2",
        "dan todo 2",
        "eve done 1",
        "fay done 1",
        "gus done 1",
    ];
    story.shows("in_process", &next).await;
    all_fits(&hub).await;
}

#[tokio::test]
async fn others_are_asked_beside_a_task_or_after_it() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(TWO_STEPS).await;
    let mut story = company.start(TWO, "ann", &json!({})).await;
    // As one of the official clients writes ids.
    let number: i64 = kunlun("eve").parse().unwrap();
    let beside = json!({"user_id": kunlun("ben"), "approvers": [number], "add_assignee_type": "currentAndAddAssign"});
    let after = json!({"user_id": kunlun("ben"), "approvers": people(&["fay"]), "add_assignee_type": "afterAndAddAssign"});
    for _ in 0..2 {
        done(&story.approval(1, "add_assignee", beside.clone()).await);
        done(&story.approval(1, "add_assignee", after.clone()).await);
    }
    story.shows("in_process", &["ann from 1", "ben todo 1", "eve todo 1"]).await;
    done(&story.agree(1, "ben").await);
    done(&story.agree(1, "eve").await);
    let added = ["ann from 2", "ann from-done 1", "ben done 1", "eve done 1", "fay todo 2"];
    story.shows("in_process", &added).await;
    done(&story.agree(2, "fay").await);
    let (_, views) = story.views().await;
    assert!(views.contains(&"cat todo 3".to_owned()), "{views:?}");
    let nobody = json!({"user_id": kunlun("cat"), "approvers": []});
    refused(&story.approval(3, "add_assignee", nobody).await, "approvers", &["name 1 to 20"]);
    let unknown = json!({"user_id": kunlun("cat"), "approvers": ["404"]});
    refused(&story.approval(3, "add_assignee", unknown).await, "approvers", &["`404`"]);
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_task_is_copied_urged_talked_about_and_rolled_back() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(TWO_STEPS).await;
    let mut story = company.start(TWO, "ann", &json!({})).await;
    let copy = json!({"operator_user_id": kunlun("ann"), "cc_user_ids": people(&["gus", "hal"])});
    for _ in 0..2 {
        done(&story.user_task(1, "cc", copy.clone()).await);
    }
    story.shows("in_process", &["ann from 1", "ben todo 1", "gus cc 1", "hal cc 1"]).await;
    let urge = |by: &str, whom: &str| json!({"operator_user_id": kunlun(by), "expediting_user_ids": people(&[whom]), "opinion": "please"});
    done(&story.user_task(1, "expediting", urge("ann", "ben")).await);
    done(&story.user_task(1, "expediting", urge("ann", "ben")).await);
    refused(
        &story.user_task(1, "expediting", urge("ann", "cat")).await,
        "expediting_user_ids",
        &["does not wait for cat"],
    );
    refused(
        &story.user_task(1, "expediting", urge("ben", "ben")).await,
        "operator_user_id",
        &["initiators"],
    );

    let chat = |by: &str, id: &str| json!({"operator_user_id": kunlun(by), "chat_id": id, "chat_name": "两步"});
    assert_eq!(
        story.user_task(1, "chat_group", chat("gus", "")).await.data(),
        json!({"chat_id": "oc_new"})
    );
    assert_eq!(
        story.user_task(1, "chat_group", chat("ben", "oc_1")).await.data(),
        json!({"chat_id": "oc_1"})
    );
    refused(
        &story.user_task(1, "chat_group", chat("ida", "")).await,
        "operator_user_id",
        &["has to do with"],
    );

    done(&story.agree(1, "ben").await);
    let by = json!({"operator_user_id": kunlun("cat")});
    let points = story.user_task(2, "rollback_points", by).await.data();
    let label = |zh: &str, en: &str| json!([{"language_code": "2052", "text": zh}, {"language_code": "1033", "text": en}]);
    assert_eq!(points["tasks"][0]["is_start"], true);
    assert_eq!(points["tasks"][0]["activity_label"], label("发起", "Start"));
    let first =
        json!({"id": story.task(1), "is_start": false, "activity_label": label("第一步", "First")});
    assert_eq!(points["tasks"][1], first);
    let back =
        |to: &str| json!({"operator_user_id": kunlun("cat"), "to_task_id": to, "opinion": "again"});
    refused(&story.user_task(2, "rollback", back("1")).await, "to_task_id", &["rollback_points"]);
    let to = story.task(1).to_owned();
    for _ in 0..2 {
        done(&story.user_task(2, "rollback", back(&to)).await);
    }
    let again = [
        "ann from 3",
        "ann from-done 1 2",
        "ben done 1",
        "ben todo 3",
        "cat done 2",
        "dan done 2",
        "gus cc-done 1",
        "hal cc-done 1",
    ];
    story.shows("in_process", &again).await;
    refused(&story.agree(2, "dan").await, "approval_task_id", &["already terminated by cat"]);
    let start = points["tasks"][0]["id"].as_str().unwrap();
    let by_ben =
        json!({"operator_user_id": kunlun("ben"), "to_task_id": start, "opinion": "all of it"});
    done(&story.user_task(3, "rollback", by_ben).await);
    let (_, views) = story.views().await;
    assert!(views.contains(&"ann todo 4".to_owned()), "{views:?}");
    refused(&story.cancel("ben").await, "user_id", &["it is for the initiator"]);
    for _ in 0..2 {
        done(&story.cancel("ann").await);
    }
    let (status, _) = story.views().await;
    assert_eq!(status, "canceled");
    let instance = domain::InstanceId(story.instance.parse().unwrap());
    let acme = hub.acme;
    let read =
        hub.hub.read(move |tx, _| engine::flow_run::audit::history(tx, acme, instance, 0, 100));
    let told: Vec<_> = read.await.unwrap().entries.into_iter().map(|entry| entry.action).collect();
    let once = ["start", "cc", "urge", "chat", "chat", "agree", "roll back", "roll back", "cancel"];
    assert_eq!(told, once, "what was repeated is not told twice");
    all_fits(&hub).await;
}

#[tokio::test]
async fn what_is_not_there_or_not_run_here_is_told_so() {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    company.apply(TWO_STEPS).await;
    let story = company.start(TWO, "ann", &json!({})).await;
    let body = json!({"user_id": kunlun("ben"), "opinion": "?"});
    for id in ["1", "x", "-1", "99999999999999999999", "%00"] {
        let answer = company.app.post(&format!("{APAAS}/approval_tasks/{id}/agree"), &body).await;
        refused(&answer, "approval_task_id", &["no such task"]);
        let path = format!("{APAAS}/approval_instances/{id}/cancel");
        refused(
            &company.app.post(&path, &body).await,
            "approval_instance_id",
            &["no such instance"],
        );
    }
    let other = hub.app("cli_other").await;
    let path = format!("{APAAS}/approval_tasks/{}/agree", story.task(1));
    refused(&other.post(&path, &body).await, "approval_task_id", &["no such task"]);
    // An instance that was imported has no state to go on from.
    let acme = hub.acme;
    let put = move |tx: &mut engine::Tx<'_>, cx: &engine::Context| {
        let (status, end_time) = (domain::flow::Status::InProcess, domain::Millis(0));
        let kind = domain::person::AliasKind::Kunlun;
        let ben = store::person::person_by_alias(tx, acme, kind, &kunlun("ben"))?.unwrap();
        let flow = store::flow::flow_by_api_id(tx, acme, TWO)?.unwrap();
        let part = domain::flow::Part { person: ben, status, end_time };
        let task = domain::flow::Task {
            id: domain::TaskId(777_001),
            node: "first".to_owned(),
            logic: domain::flow::Logic::All,
            status,
            start_time: domain::Millis(10),
            end_time,
            parts: vec![part],
            ccs: Vec::new(),
        };
        let instance = domain::flow::Instance {
            id: domain::InstanceId(777_000),
            flow,
            initiator: ben,
            status,
            start_time: domain::Millis(10),
            end_time,
            details: domain::flow::InstanceDetails::default(),
            tasks: vec![task],
        };
        engine::flows::put(tx, cx, acme, &instance)
    };
    hub.hub.write(put).await.unwrap();
    let answer = company.app.post(&format!("{APAAS}/approval_tasks/777001/agree"), &body).await;
    refused(&answer, "approval_task_id", &["imported"]);
    let answer =
        company.app.post(&format!("{APAAS}/approval_instances/777000/cancel"), &body).await;
    refused(&answer, "approval_instance_id", &["imported"]);
    all_fits(&hub).await;
}

#[tokio::test]
async fn a_person_who_turned_out_to_be_another_has_their_tasks_at_once() {
    for after in [false, true] {
        joined(after).await;
    }
}

async fn joined(after: bool) {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    let by_parameter = TWO_STEPS.replace("{ person: ben }", "{ parameter: who }").replace(
        "parameters:",
        "parameters:\n  - { name: who, type: person, label: { zh-CN: 谁 } }",
    );
    company.apply(&by_parameter).await;
    // A stub, who turns out to be somebody whom the company knows by another id.
    let mut story = company.start(TWO, "ann", &json!({"who": "4711"})).await;
    let acme = hub.acme;
    hub.hub
        .write(move |tx, cx| {
            let known = (AliasKind::UserId, "newcomer".to_owned());
            let stub = (AliasKind::Kunlun, "4711".to_owned());
            for aliases in [vec![known.clone()], vec![known.clone(), stub.clone()]] {
                let person = ImportedPerson { aliases, ..ImportedPerson::default() };
                import(tx, cx, acme, &person)??;
            }
            Ok(())
        })
        .await
        .unwrap();
    let body = json!({"kunlun_user_id": "4711", "type": "pending", "source": "assignMe"});
    assert_eq!(company.app.post(USER_TASKS, &body).await.data()["count"], "1");
    // Before the rows have followed, and after.
    let points = story.user_task(1, "rollback_points", json!({"operator_user_id": "4711"})).await;
    assert_eq!(points.data()["tasks"][0]["is_start"], true);
    if after {
        assert_eq!(hub.finish_joins().await, 1);
    }
    let agree = json!({"user_id": "4711"});
    done(&story.approval(1, "agree", agree.clone()).await);
    assert_eq!(hub.finish_joins().await, 0, "what acted has followed already");
    done(&story.approval(1, "agree", agree).await);
    assert_eq!(company.app.post(USER_TASKS, &body).await.data()["count"], "0");
    all_fits(&hub).await;
}

//! Histories that cannot be changed unnoticed: each kind of tampering, done behind the server's back,
//! and what the audit says of it.

use domain::{InstanceId, TenantId};
use serde_json::{Value, json};

use crate::flow_kit::{Company, all_fits, done, kunlun};
use crate::process::{Client, Server, ask, countersign, run, text};
use crate::support::TestHub;

const FLOW: &str = "package_demo__c__told";
const FILE: &str = "
api_id: package_demo__c__told
namespace: package_demo
label: { zh-CN: 历史 }
nodes:
  - { id: first, label: { zh-CN: 一 }, assignees: [{ person: ben }] }
  - { id: second, label: { zh-CN: 二 }, assignees: [{ person: cat }] }
";

/// An instance with three entries that an anchor knows, and one after it.
async fn told(hub: &TestHub) -> InstanceId {
    let company = Company::new(hub).await;
    company.apply(FILE).await;
    let mut story = company.start(FLOW, "ann", &json!({})).await;
    let copy = json!({"operator_user_id": kunlun("ann"), "cc_user_ids": [kunlun("dan")]});
    done(&story.user_task(1, "cc", copy).await);
    done(&story.agree(1, "ben").await);
    assert_eq!(anchor(hub).await, 1);
    assert_eq!(anchor(hub).await, 0, "one an hour, and nothing moved");
    done(&story.agree(2, "cat").await);
    assert_eq!(anchor(hub).await, 0, "one an hour");
    InstanceId(story.instance.parse().unwrap())
}

async fn anchor(hub: &TestHub) -> usize {
    hub.hub.anchor_of(hub.acme).await.unwrap()
}

async fn faults(hub: &TestHub) -> Vec<String> {
    hub.hub.audit(&[hub.acme]).await.unwrap().faults
}

/// Statements against one instance, and what the audit says then.
fn tamperings(tenant: TenantId, id: InstanceId) -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let of = |table: &str| format!("{table} WHERE tenant_id = {tenant} AND instance_id = {id}");
    let history = |set: &str, seq: i64| {
        let place = format!("WHERE tenant_id = {tenant} AND instance_id = {id} AND seq = {seq}");
        vec![format!("UPDATE flow_history SET {set} {place}")]
    };
    let changed =
        |seq: i64| vec![format!("instance {id}: entry {seq} was changed, or the one before it")];
    let missing = |seq: i64| vec![format!("instance {id}: entry {seq} is missing")];
    let delete = |seq: i64| format!("DELETE FROM {} AND seq = {seq}", of("flow_history"));
    let everything = ["flow_history", "flow_run", "flow_instance", "flow_task", "flow_part"];
    let gone = format!("anchor 1 knows entry 3 of instance {id}, which is not there");
    let set_back = format!(
        "UPDATE flow_run SET seq = 2, hash = (SELECT h.hash FROM flow_history h \
         WHERE h.tenant_id = {tenant} AND h.instance_id = {id} AND h.seq = 2) \
         WHERE tenant_id = {tenant} AND instance_id = {id}"
    );
    let copied = format!(
        "INSERT INTO flow_history (tenant_id, instance_id, seq, at, action, person_id, details, \
         hash) SELECT tenant_id, instance_id, 5, at, action, person_id, details, hash FROM {} \
         AND seq = 4",
        of("flow_history")
    );
    let anchors = format!("flow_anchor WHERE tenant_id = {tenant}");
    vec![
        ("what was said", history("details = replace(details, 'fine', 'well')", 3), changed(3)),
        ("who did it", history("person_id = person_id + 1", 3), changed(3)),
        ("what was done", history("action = 'reject'", 4), changed(4)),
        ("when", history("at = at - 1", 1), changed(1)),
        ("no hash", history("hash = NULL", 2), changed(2)),
        ("an entry in between", vec![delete(2)], missing(2)),
        ("the last entry", vec![delete(4)], missing(4)),
        ("one entry more", vec![copied], changed(5)),
        ("the end, and the note of it", vec![delete(4), delete(3), set_back], vec![gone.clone()]),
        (
            "a whole instance",
            everything.iter().map(|table| format!("DELETE FROM {}", of(table))).collect(),
            vec![gone],
        ),
        (
            "an anchor",
            vec![format!("UPDATE flow_anchor SET at = at + 1 WHERE tenant_id = {tenant}")],
            vec!["anchor 1 was changed, or the one before it".to_owned()],
        ),
        (
            "the first of two anchors",
            vec![format!("DELETE FROM {anchors} AND number = 1")],
            vec!["anchor 1 is missing".to_owned()],
        ),
    ]
}

#[tokio::test]
async fn each_kind_of_tampering_is_found_and_named() {
    let kinds = tamperings(TenantId(1), InstanceId(1)).len();
    for kind in 0..kinds {
        let hub = TestHub::new().await;
        let id = told(&hub).await;
        let (what, statements, expected) = tamperings(hub.acme, id).swap_remove(kind);
        if what.contains("two anchors") {
            hub.clock.advance(3_600_000);
            assert_eq!(anchor(&hub).await, 1);
        }
        all_fits(&hub).await;
        for sql in &statements {
            hub.tamper(sql);
        }
        assert_eq!(faults(&hub).await, expected, "{what}");
    }
}

#[tokio::test]
async fn a_state_that_its_rows_do_not_follow_is_found_by_doctor() {
    for (set, says) in [
        ("flow_part SET status = 3", "are not as its state says"),
        ("flow_task SET node = 'elsewhere'", "are not as its state says"),
        ("flow_run SET next_due = 5", "is not due when its state says"),
        ("flow_run SET seq = 3", "does not end as noted"),
        ("flow_run SET anchored = 1", ""),
    ] {
        let hub = TestHub::new().await;
        let id = told(&hub).await;
        assert_eq!(hub.doctor().await.faults, Vec::<String>::new());
        hub.tamper(&format!("UPDATE {set} WHERE tenant_id = {} AND instance_id = {id}", hub.acme));
        let faults = hub.doctor().await.faults;
        assert_eq!(faults.is_empty(), says.is_empty(), "{set}: {faults:?}");
        // Lists that were made from the rows before follow them no more.
        let listed = ["inbox", "search"];
        let is_known =
            |fault: &String| fault.contains(says) || listed.iter().any(|list| fault.contains(list));
        assert!(faults.iter().all(is_known), "{faults:?}");
    }
}

#[tokio::test]
async fn operators_apply_flows_and_read_and_verify_histories_at_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = countersign();
    command.args(["--json", "dev", "--listen", "127.0.0.1:0", "--tasks", "20", "--data"]);
    command.arg(folder.path());
    let server = Server::start(command);
    let demo = ["--tenant", "demo"];
    let flows = ask(&[&["flow", "list"][..], &demo].concat(), folder.path());
    let ids: Vec<_> =
        flows.as_array().unwrap().iter().map(|flow| flow["api_id"].as_str().unwrap()).collect();
    let all = ["contract", "expense", "leave", "purchase"];
    assert_eq!(ids, all.map(|name| format!("package_demo__c__{name}")));

    let file = folder.path().join("leave.yaml");
    let show = ["flow", "show", "package_demo__c__leave"];
    let first = ask(&[&show[..], &demo].concat(), folder.path());
    let text_of = |shown: &Value| shown["source"].as_str().unwrap().to_owned();
    let second = text_of(&first).replace("{ leader: 1 }", "{ person: liwei }");
    std::fs::write(&file, &second).unwrap();
    let apply = [&["flow", "apply", file.to_str().unwrap()][..], &demo].concat();
    let version =
        |new: bool| json!([{"api_id": "package_demo__c__leave", "version": 2, "new": new}]);
    assert_eq!(ask(&apply, folder.path()), version(true));
    assert_eq!(ask(&apply, folder.path()), version(false));
    assert_eq!(text_of(&ask(&[&show[..], &demo].concat(), folder.path())), second);
    assert_eq!(ask(&[&show[..], &["1"], &demo].concat(), folder.path()), first);
    std::fs::write(&file, second.replace("type: date", "type: day")).unwrap();
    let done = run(&apply, folder.path());
    assert!(!done.status.success() && text(&done).contains("leave.yaml:"), "{}", text(&done));

    let client = Client::new(server.url(), &("cli_demo".into(), "demo-secret".into())).await;
    let body = json!({
        "operator": json!({"_id": "1700000000000001"}).to_string(),
        "params": json!({"kind": "sick", "from": "2026-03-02", "days": 1}).to_string(),
    });
    let path = "/open-apis/apaas/v1/applications/package_demo/flows/package_demo__c__leave/execute";
    let started = client.post(path, &body).await.unwrap();
    let id = started["data"]["execution_id"].as_str().unwrap_or_else(|| panic!("{started}"));
    let history = ask(&[&["audit", "history", id][..], &demo].concat(), folder.path());
    let entry = &history["entries"][0];
    assert_eq!((&entry["seq"], &entry["action"]), (&json!(1), &json!("start")));
    assert_eq!(entry["operator"]["user_id"], "1700000000000001");
    assert_eq!(entry["events"][1]["event"], "waits");
    assert_eq!(entry["events"][1]["person"]["name"], "李伟");
    let verified = ask(&["audit", "verify"], folder.path());
    assert_eq!((&verified["instances"], &verified["faults"]), (&json!(1), &json!([])));
    let missing = run(&[&["audit", "history", "5"][..], &demo].concat(), folder.path());
    assert!(
        !missing.status.success() && text(&missing).contains("instance 5"),
        "{}",
        text(&missing)
    );
    assert!(server.stop());
}

//! Bodies of the endpoints that act on flows: what is wrong with each member is told before anything is
//! looked up.

use serde_json::{Value, json};

use crate::flow_kit::{APAAS, Company};
use crate::support::TestHub;

/// Path, body, code, and the member that is named.
type Row = (&'static str, Value, i64, &'static str);

async fn refuses(rows: &[Row]) {
    let hub = TestHub::new().await;
    let company = Company::new(&hub).await;
    for (path, body, code, field) in rows {
        let answer = company.app.post(&format!("{APAAS}/{path}"), body).await;
        let told = (answer.code(), answer.fields());
        assert_eq!(told, (*code, vec![(*field).to_owned()]), "{path} {body}");
    }
}

#[tokio::test]
async fn bodies_for_approval_tasks_and_instances_are_checked() {
    let long = "x".repeat(8_193);
    let many = vec!["1"; 21];
    refuses(&[
        ("approval_tasks/1/agree", json!({}), 2_320_001, "user_id"),
        ("approval_tasks/1/agree", json!({"user_id": 5}), 9_499, "user_id"),
        ("approval_tasks/1/agree", json!({"user_id": "1", "opinion": long}), 2_320_001, "opinion"),
        ("approval_tasks/1/reject", json!({"user_id": ""}), 2_320_001, "user_id"),
        ("approval_tasks/1/reject", json!({"user_id": "1", "opinion": 5}), 9_499, "opinion"),
        (
            "approval_tasks/1/transfer",
            json!({"user_id": "1", "to_user_ids": many}),
            2_320_001,
            "to_user_ids",
        ),
        (
            "approval_tasks/1/transfer",
            json!({"user_id": "1", "from_user_ids": [1]}),
            9_499,
            "from_user_ids[*]",
        ),
        (
            "approval_tasks/1/add_assignee",
            json!({"user_id": "1", "approvers": many}),
            2_320_001,
            "approvers",
        ),
        (
            "approval_tasks/1/add_assignee",
            json!({"user_id": "1", "approvers": [true]}),
            9_499,
            "approvers[*]",
        ),
        (
            "approval_tasks/1/add_assignee",
            json!({"user_id": "1", "approvers": [-1]}),
            9_499,
            "approvers[*]",
        ),
        (
            "approval_tasks/1/add_assignee",
            json!({"user_id": "1", "add_assignee_type": "before"}),
            2_320_001,
            "add_assignee_type",
        ),
        ("approval_instances/1/cancel", json!({"user_id": "1"}), 2_320_001, "opinion"),
        ("approval_instances/1/cancel", json!({"opinion": "x"}), 2_320_001, "user_id"),
        ("user_tasks/1/cc", json!({"operator_user_id": "1"}), 2_320_001, "cc_user_ids"),
    ])
    .await;
}

#[tokio::test]
async fn bodies_for_user_tasks_are_checked() {
    let many = vec!["1"; 21];
    refuses(&[
        (
            "user_tasks/1/cc",
            json!({"operator_user_id": "1", "cc_user_ids": &many[..11]}),
            2_320_001,
            "cc_user_ids",
        ),
        (
            "user_tasks/1/expediting",
            json!({"operator_user_id": "1"}),
            2_320_001,
            "expediting_user_ids",
        ),
        (
            "user_tasks/1/expediting",
            json!({"operator_user_id": "1", "expediting_user_ids": many}),
            2_320_001,
            "expediting_user_ids",
        ),
        (
            "user_tasks/1/rollback",
            json!({"operator_user_id": "1", "opinion": "x"}),
            2_320_001,
            "to_task_id",
        ),
        (
            "user_tasks/1/rollback",
            json!({"operator_user_id": "1", "to_task_id": "1"}),
            2_320_001,
            "opinion",
        ),
        ("user_tasks/1/rollback_points", json!({}), 2_320_001, "operator_user_id"),
        (
            "user_tasks/1/chat_group",
            json!({"operator_user_id": "1", "invite_user_ids": []}),
            2_320_001,
            "invite_user_ids",
        ),
        (
            "user_tasks/1/chat_group",
            json!({"operator_user_id": "1", "invite_user_ids": many}),
            2_320_001,
            "invite_user_ids",
        ),
        (
            "user_tasks/1/chat_group",
            json!({"operator_user_id": "1", "chat_id": 5}),
            9_499,
            "chat_id",
        ),
        (
            "user_tasks/1/chat_group",
            json!({"operator_user_id": "1", "chat_name": "x".repeat(257)}),
            2_320_001,
            "chat_name",
        ),
    ])
    .await;
}

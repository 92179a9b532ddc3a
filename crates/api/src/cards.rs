//! The bytes of cards: what `external_tasks` answers for an instance and for each of its tasks.

use domain::instance::Task;
use engine::card::{Head, Renderers};
use serde_json::Value;

use crate::names::{INSTANCE_STATUS, TASK_STATUS, word};

/// Raised whenever a byte below changes.
const FORMAT: i64 = 1;

/// How this wire renders cards; the binary hands it to the engine.
pub fn renderers() -> Renderers {
    Renderers { format: FORMAT, head, task }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// An instance up to the opening of its list of tasks.
fn head(head: &Head<'_>) -> Vec<u8> {
    format!(
        r#"{{"instance_id":{},"approval_id":"{}","approval_code":{},"status":"{}","update_time":"{}","tasks":["#,
        quoted(head.instance_id),
        head.definition,
        quoted(head.code),
        word(INSTANCE_STATUS, head.status),
        head.update_time,
    )
    .into_bytes()
}

/// What closes what `head` opened.
pub(crate) const TAIL: &[u8] = b"]}";

fn task(task: &Task) -> Vec<u8> {
    format!(
        r#"{{"id":{},"status":"{}","update_time":"{}"}}"#,
        quoted(&task.external_id),
        word(TASK_STATUS, task.status),
        task.update_time,
    )
    .into_bytes()
}

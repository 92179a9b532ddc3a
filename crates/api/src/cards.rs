//! The bytes of cards: what `external_tasks` answers for an instance and for each of its tasks.

use domain::flow::{self, LangText, order_texts};
use domain::instance::Task;
use engine::card::{Card, Head, Renderers};
use serde_json::{Value, json};

use crate::names::{FLOW_STATUS, INSTANCE_STATUS, TASK_STATUS, word};

/// Raised whenever a byte below changes.
const FORMAT: i64 = 1;

/// How this wire renders cards; the binary hands it to the engine.
pub fn renderers() -> Renderers {
    Renderers { format: FORMAT, head, task, listed, flow, initiator }
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

fn task(task: &Task) -> Vec<u8> {
    format!(
        r#"{{"id":{},"status":"{}","update_time":"{}"}}"#,
        quoted(&task.external_id),
        word(TASK_STATUS, task.status),
        task.update_time,
    )
    .into_bytes()
}

/// An instance with its tasks, as a member of a list.
fn listed(out: &mut Vec<u8>, card: &Card) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(card.head());
    for (index, task) in card.tasks().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(task);
    }
    out.extend_from_slice(b"]}");
}

pub(crate) fn texts(texts: &[LangText]) -> Vec<Value> {
    let text = |(code, text): &LangText| json!({"language_code": code, "text": text});
    order_texts(texts).into_iter().map(text).collect()
}

/// One text, in the language asked for if it is there.
fn text_in(texts: &[LangText], language: &str) -> Value {
    let found = texts.iter().find(|(code, _)| code == language);
    match found.or_else(|| order_texts(texts).first().copied()) {
        Some((code, text)) => json!({"language_code": code, "text": text}),
        None => json!({"language_code": language, "text": ""}),
    }
}

/// The member of a human task that names who started its instance.
fn initiator(kunlun_id: &str, name: &str) -> Vec<u8> {
    let (id, name) = (quoted(kunlun_id), quoted(name));
    format!(r#""initiator":{{"user_id":{id},"name":{name}}}"#).into_bytes()
}

/// The members of a human task that belong to its instance, without the braces around them.
fn flow(instance: &flow::Instance) -> Vec<u8> {
    let details = &instance.details;
    let summaries = details.summaries.iter().map(|summary| {
        json!({
            "file_key": text_in(&summary.key, &details.language),
            "file_value": texts(&summary.value),
        })
    });
    let about = json!({
        "id": instance.id.to_string(),
        "label": texts(&details.label),
        "status": word(FLOW_STATUS, instance.status),
    });
    let summaries: Value = summaries.collect();
    format!(r#""workflow_instance":{about},"summarys":{summaries}"#).into_bytes()
}

//! `tasks/query`: one person's tasks by topic.

use domain::instance::InstanceStatus;
use domain::limits::{ID_CHARS, TEXT_CHARS};
use engine::listed::{self, Asked, Listed, Page, Topic};
use serde_json::{Value, json};

use crate::fault::{Code, Fault};
use crate::fields::Faults;
use crate::gateway::{Call, Reply};
use crate::names::{PROCESS_STATUS, TOPIC, USER_ID_TYPE, word};
use crate::query::Query;

/// Least, usual and most entries of a page (page of the endpoint).
pub(crate) const PAGE: (usize, usize, usize) = (1, 100, 200);
/// From so many on they are not told exactly, and this is answered (same page).
const COUNTED: i64 = 1_000;
const MORE_THAN_COUNTED: i64 = 999;

pub(crate) async fn query(call: Call) -> Result<Reply, Fault> {
    let asked = asked(&call)?;
    let (caller, topic) = (call.caller(), asked.topic);
    let page = call.hub().read(move |tx, cx| listed::query(tx, cx, &caller, &asked)).await?;
    Ok(Reply::data(&render(&page, topic)))
}

fn asked(call: &Call) -> Result<Asked, Fault> {
    let faults = Faults::default();
    let query = Query { members: call.query(), faults: &faults };
    let kind = query.choice("user_id_type", USER_ID_TYPE).unwrap_or(USER_ID_TYPE[0].1);
    let asked = Asked {
        user: (kind, query.required_text("user_id", ID_CHARS)),
        topic: query.required_choice("topic", TOPIC),
        size: query.size(PAGE),
        token: query.text("page_token", TEXT_CHARS),
    };
    faults.finish(Code::Fields)?;
    Ok(asked)
}

fn render(page: &Page, topic: Topic) -> Value {
    let tasks: Vec<Value> = page.tasks.iter().map(|task| entry(task, page, topic)).collect();
    let mut data = json!({"tasks": tasks, "has_more": page.next.is_some()});
    if let Some(token) = &page.next {
        data["page_token"] = token.as_str().into();
    }
    if let Some(count) = page.count {
        let many = count >= COUNTED;
        let total = if many { MORE_THAN_COUNTED } else { count };
        data["count"] = json!({"total": total, "has_more": many});
    }
    data
}

fn entry(task: &Listed, page: &Page, topic: Topic) -> Value {
    let Listed { process, said, .. } = task;
    let approval = &process.approval;
    let initiator = process.initiator.as_deref();
    let names = initiator.map(|who| &who.name).or(process.initiator_name.as_ref());
    let link = |link: &Option<String>| link.clone().unwrap_or_default();
    let title = if said.title.is_empty() { process.label() } else { &said.title };
    json!({
        "topic": word(TOPIC, topic),
        "user_id": page.who.id,
        "title": title,
        "urls": {
            "helpdesk": "",
            "mobile": link(&said.links.mobile),
            "pc": link(&said.links.pc),
        },
        "process_external_id": process.external_id.as_deref().unwrap_or_default(),
        "task_external_id": task.external_id.as_deref().unwrap_or_default(),
        "status": status(topic, process.status),
        "process_status": word(PROCESS_STATUS, process.status),
        "definition_code": approval.code,
        "initiators": initiator.map(|who| &who.id).into_iter().collect::<Vec<_>>(),
        "initiator_names": names.into_iter().collect::<Vec<_>>(),
        "task_id": task.entry.key.task.to_string(),
        "process_id": process.id.to_string(),
        "process_code": process.id.to_string(),
        "definition_group_id": approval.group_code,
        "definition_group_name": approval.group_name,
        "definition_id": approval.id.to_string(),
        "definition_name": approval.name,
    })
}

/// What the person sees of it: digits, as the page numbers them.
fn status(topic: Topic, process: InstanceStatus) -> &'static str {
    match (topic, process) {
        (Topic::Todo, _) => "1",
        (Topic::UnreadCopies, _) => "17",
        (Topic::ReadCopies, _) => "18",
        (Topic::Started, InstanceStatus::Pending) => "33",
        (Topic::Started, InstanceStatus::Canceled) => "34",
        (Topic::Done | Topic::Started, _) => "2",
    }
}

/// Every word of `status`, for the document.
pub(crate) const STATUSES: [&str; 6] = ["1", "2", "17", "18", "33", "34"];

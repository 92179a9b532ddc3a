//! `instances`: one instance by its code, and the codes of a definition's.

use domain::instance::TaskStatus;
use domain::limits::{CODE_CHARS, ID_CHARS, TEXT_CHARS};
use domain::person::AliasKind;
use engine::detail::{self, Detail, Event, Happened};
use engine::processes::Who;
use engine::search::{self, Codes};
use serde_json::{Value, json};

use crate::fault::{Code, Fault, Violation};
use crate::fields::Faults;
use crate::gateway::{Call, Reply};
use crate::names::{DETAIL_STATUS, DETAIL_TYPE, LOCALE, TASK_STATUS, USER_ID_TYPE, word};
use crate::query::Query;

/// Least, usual and most entries of a page (page of the endpoint).
pub(crate) const PAGE: (usize, usize, usize) = (1, 100, 100);

pub(crate) async fn get(call: Call) -> Result<Reply, Fault> {
    let (user, locale) = reader(&call)?;
    let (caller, code) = (call.caller(), call.segment("instance_id"));
    let found = call
        .hub()
        .read(move |tx, _| detail::detail(tx, &caller, &code, user.as_ref(), locale.clone()));
    Ok(Reply::data(&render(&found.await?)))
}

/// Who reads, by one of their ids, and in which language.
type Reader = (Option<(AliasKind, String)>, Option<String>);

fn reader(call: &Call) -> Result<Reader, Fault> {
    let faults = Faults::default();
    let query = Query { members: call.query(), faults: &faults };
    let kind = query.choice("user_id_type", USER_ID_TYPE).unwrap_or(USER_ID_TYPE[0].1);
    let locale = query.choice("locale", LOCALE).map(str::to_owned);
    let user = query.text("user_id", ID_CHARS).map(|user| (kind, user));
    query.choice("nested_mutable_group", &[("true", ()), ("false", ())]);
    faults.finish(Code::Fields)?;
    Ok((user, locale))
}

pub(crate) async fn list(call: Call) -> Result<Reply, Fault> {
    let asked = asked(&call)?;
    let caller = call.caller();
    let found = call.hub().read(move |tx, cx| search::codes(tx, cx, &caller, &asked));
    let (codes, next) = found.await?;
    let codes: Vec<String> = codes.into_iter().map(|code| code.to_string()).collect();
    let mut data = json!({"instance_code_list": codes, "has_more": next.is_some()});
    if let Some(token) = next {
        data["page_token"] = token.into();
    }
    Ok(Reply::data(&data))
}

fn asked(call: &Call) -> Result<Codes, Fault> {
    let faults = Faults::default();
    let query = Query { members: call.query(), faults: &faults };
    let asked = Codes {
        of: query.required_text("approval_code", CODE_CHARS),
        from: query.required_time("start_time"),
        to: query.required_time("end_time"),
        size: query.size(PAGE),
        token: query.text("page_token", TEXT_CHARS),
    };
    faults.finish(Code::Fields)?;
    if asked.from > asked.to {
        let violation = Violation::new("start_time", "must not be after end_time");
        return Err(Fault::new(Code::Param).violation(violation));
    }
    Ok(asked)
}

fn ids(who: Option<&Who>) -> (&str, &str) {
    who.map_or(("", ""), |who| (&who.user_id, &who.open_id))
}

fn render(found: &Detail) -> Value {
    let process = &*found.process;
    let (user_id, open_id) = ids(process.initiator.as_deref());
    let form = process.form.iter().map(|(name, value)| json!({"name": name, "value": value}));
    let tasks = found.tasks.iter().map(|(task, logic)| {
        json!({
            "id": task.id.to_string(),
            "user_id": task.person.user_id,
            "open_id": task.person.open_id,
            "status": word(TASK_STATUS, task.status),
            "node_id": task.node.0,
            "node_name": task.node.1,
            "custom_node_id": task.node.0,
            "type": word(DETAIL_TYPE, *logic),
            "start_time": task.start.to_string(),
            "end_time": task.end.to_string(),
        })
    });
    json!({
        "approval_name": process.approval.name,
        "approval_code": process.approval.code,
        "instance_code": process.id.to_string(),
        "start_time": process.start.to_string(),
        "end_time": process.end.to_string(),
        "user_id": user_id,
        "open_id": open_id,
        "serial_number": process.id.to_string(),
        "department_id": process.department.as_deref().unwrap_or_default(),
        "status": word(DETAIL_STATUS, process.status),
        "uuid": process.external_id.as_deref().unwrap_or_default(),
        "form": form.collect::<Value>().to_string(),
        "task_list": tasks.collect::<Value>(),
        "comment_list": [],
        "timeline": found.history().iter().map(event).collect::<Value>(),
        "modified_instance_code": "",
        "reverted_instance_code": "",
        "reverted": false,
    })
}

/// Every word of `timeline[].type`.
pub(crate) const EVENTS: [&str; 8] =
    ["START", "PASS", "REJECT", "TRANSFER", "AUTO_PASS", "CC", "CANCEL", "DELETE"];

fn event(event: &Event<'_>) -> Value {
    let [start, pass, reject, transfer, auto, cc, cancel, delete] = EVENTS;
    let what = match event.what {
        Happened::Started => start,
        Happened::Decided(TaskStatus::Rejected) => reject,
        Happened::Decided(TaskStatus::Transferred) => transfer,
        Happened::Decided(TaskStatus::Done) => auto,
        Happened::Decided(_) => pass,
        Happened::Copied => cc,
        Happened::Canceled => cancel,
        Happened::Deleted => delete,
    };
    let (user_id, open_id) = ids(event.who);
    let mut shown = json!({
        "type": what,
        "create_time": event.at.to_string(),
        "ext": "{}",
    });
    if event.what == Happened::Copied {
        shown["cc_user_list"] = json!([{"user_id": user_id, "cc_id": "", "open_id": open_id}]);
    } else {
        shown["user_id"] = user_id.into();
        shown["open_id"] = open_id.into();
    }
    if let Some(task) = event.task {
        shown["task_id"] = task.id.to_string().into();
        shown["node_key"] = task.node.0.as_str().into();
    }
    shown
}

//! `tasks/search`, `instances/query` and `instances/search_cc`: one kind of filter, three kinds of
//! entries.

use std::collections::BTreeSet;

use domain::instance::{ReadStatus, TaskStatus};
use domain::limits::{CODE_CHARS, ID_CHARS, SEARCH_SPAN_MS, TEXT_CHARS};
use domain::search::Kind;
use engine::processes::{Process, Said};
use engine::search::{self, Asked, Entry, Page, Shape, Thing};
use serde_json::{Value, json};

use crate::fault::{Code, Fault, Violation};
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};
use crate::names::{
    EVERY_STATUS, FOUND_INSTANCE_STATUS, FOUND_READ_STATUS, FOUND_TASK_STATUS, LOCALE,
    SEARCH_INSTANCE_STATUS, SEARCH_READ_STATUS, SEARCH_TASK_STATUS, USER_ID_TYPE, Words, word,
};
use crate::query::Query;

/// Least, usual and most entries of a page (pages of the searches).
pub(crate) const PAGE: (usize, usize, usize) = (5, 10, 200);
/// The greatest `order` (page of `tasks/search`).
pub(crate) const ORDERS: i64 = 3;
/// Guards the server: there are seven words.
const STATUS_ENTRIES: usize = 100;

pub(crate) async fn tasks(call: Call) -> Result<Reply, Fault> {
    let wanted = |object: &Object<'_>, asked: &mut Asked| {
        let order = object.int("order").unwrap_or(2);
        if !(0..=ORDERS).contains(&order) {
            object.refuse("order", &order.to_string(), "options: [0,1,2,3]");
        }
        asked.kind = if order < 2 { Kind::TaskByUpdate } else { Kind::Task };
        asked.ascending = order % 2 == 1;
        asked.with_revoked = object.flag("with_revoked_instance").unwrap_or(false);
        let one = statuses(object, "task_status", SEARCH_TASK_STATUS);
        asked.statuses = list_of_statuses(object).or(one).map(|words| {
            let codes = words.into_iter().flatten().map(TaskStatus::code);
            // Each once: a status is a list to be merged.
            codes.collect::<BTreeSet<_>>().into_iter().collect()
        });
    };
    let names =
        Names { title: "task_title", from: "task_start_time_from", to: "task_start_time_to" };
    answer(call, Kind::Task, &names, wanted, "task_list").await
}

pub(crate) async fn instances(call: Call) -> Result<Reply, Fault> {
    let wanted = |object: &Object<'_>, asked: &mut Asked| {
        let words = statuses(object, "instance_status", SEARCH_INSTANCE_STATUS);
        let codes = |words: Vec<&[domain::instance::InstanceStatus]>| {
            words.into_iter().flatten().map(|status| status.code()).collect()
        };
        asked.statuses = words.map(codes);
    };
    let names = Names {
        title: "instance_title",
        from: "instance_start_time_from",
        to: "instance_start_time_to",
    };
    answer(call, Kind::Instance, &names, wanted, "instance_list").await
}

pub(crate) async fn copies(call: Call) -> Result<Reply, Fault> {
    let wanted = |object: &Object<'_>, asked: &mut Asked| {
        let words = statuses(object, "read_status", SEARCH_READ_STATUS);
        asked.statuses = words.map(|words| words.into_iter().map(ReadStatus::code).collect());
    };
    let names = Names { title: "cc_title", from: "cc_create_time_from", to: "cc_create_time_to" };
    answer(call, Kind::Copy, &names, wanted, "cc_list").await
}

/// Members that each of the three calls in its own way.
struct Names {
    title: &'static str,
    from: &'static str,
    to: &'static str,
}

async fn answer(
    call: Call,
    kind: Kind,
    names: &Names,
    wanted: impl Fn(&Object<'_>, &mut Asked),
    list: &'static str,
) -> Result<Reply, Fault> {
    let (asked, shape) = asked(&call, kind, names, wanted)?;
    let caller = call.caller();
    let page = call.hub().read(move |tx, cx| search::search(tx, cx, &caller, &asked, &shape));
    Ok(Reply::data(&render(&page.await?, list)))
}

fn asked(
    call: &Call,
    kind: Kind,
    names: &Names,
    wanted: impl Fn(&Object<'_>, &mut Asked),
) -> Result<(Asked, Shape), Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let query = Query { members: call.query(), faults: &faults };
    let ids = query.choice("user_id_type", USER_ID_TYPE).unwrap_or(USER_ID_TYPE[0].1);
    let (size, token) = (query.size(PAGE), query.text("page_token", TEXT_CHARS));
    let object = Object::new(&members, &faults);
    let text =
        |name: &str, max: usize| object.text_up_to(name, max).filter(|text| !text.is_empty());
    let mut asked = Asked {
        kind,
        ascending: false,
        user: text("user_id", ID_CHARS).map(|user| (ids, user)),
        code: text("approval_code", CODE_CHARS),
        group: text("group_external_id", ID_CHARS),
        instance: text("instance_code", ID_CHARS),
        external_id: text("instance_external_id", ID_CHARS),
        title: text(names.title, TEXT_CHARS),
        statuses: None,
        from: object.int(names.from),
        to: object.int(names.to),
        with_revoked: true,
    };
    wanted(&object, &mut asked);
    let locale = object.choice("locale", LOCALE).map(str::to_owned);
    faults.finish(Code::Fields)?;
    rules(&asked, names)?;
    Ok((asked, Shape { ids, locale, size, token }))
}

/// What the members must fulfil together.
fn rules(asked: &Asked, names: &Names) -> Result<(), Fault> {
    let mut broken = Vec::new();
    let named = [&asked.code, &asked.group, &asked.instance, &asked.external_id];
    if asked.user.is_none() && named.into_iter().all(Option::is_none) {
        broken.push(Violation::new(
            "user_id",
            "one of these is required: user_id, approval_code, instance_code, \
             instance_external_id, group_external_id",
        ));
    }
    let days = SEARCH_SPAN_MS / 86_400_000;
    match (asked.from, asked.to) {
        (Some(_), None) => {
            broken.push(Violation::new(names.to, format!("is required beside {}", names.from)));
        }
        (None, Some(_)) => {
            broken.push(Violation::new(names.from, format!("is required beside {}", names.to)));
        }
        (Some(from), Some(to)) if from > to => {
            broken.push(Violation::new(names.from, format!("must not be after {}", names.to)));
        }
        (Some(from), Some(to)) if to - from > SEARCH_SPAN_MS => {
            let description = format!("must be at most {days} days before {}", names.to);
            broken.push(Violation::new(names.from, description));
        }
        _ => {}
    }
    if broken.is_empty() { Ok(()) } else { Err(Fault::new(Code::Param).violations(broken)) }
}

/// One word, or the word for all of them, which is the same as none.
fn statuses<T: Copy>(object: &Object<'_>, name: &str, words: Words<T>) -> Option<Vec<T>> {
    let all = [(EVERY_STATUS, None)].into_iter();
    let options: Vec<(&str, Option<T>)> =
        words.iter().map(|(word, value)| (*word, Some(*value))).chain(all).collect();
    object.choice(name, &options).flatten().map(|status| vec![status])
}

/// The statuses of `task_status_list`, which goes before `task_status`; empty is the same as absent.
fn list_of_statuses(object: &Object<'_>) -> Option<Vec<Option<TaskStatus>>> {
    let name = "task_status_list";
    let given = object.texts(name, STATUS_ENTRIES, TEXT_CHARS)?;
    let known = |text: &String| SEARCH_TASK_STATUS.iter().find(|(word, _)| word == text);
    if let Some(bad) = given.iter().find(|text| known(text).is_none()) {
        let options: Vec<_> = SEARCH_TASK_STATUS.iter().map(|(word, _)| *word).collect();
        let options = format!("options: [{}]", options.join(","));
        object.refuse("task_status_list[*]", bad, options);
    }
    let found = given.iter().filter_map(known).map(|(_, status)| *status).collect();
    (!given.is_empty()).then_some(found)
}

fn render(page: &Page, list: &str) -> Value {
    let entries: Vec<Value> = page.entries.iter().map(entry).collect();
    let mut data = json!({"count": page.count, "has_more": page.next.is_some()});
    data[list] = entries.into();
    if let Some(token) = &page.next {
        data["page_token"] = token.as_str().into();
    }
    data
}

fn entry(entry: &Entry) -> Value {
    let process = &*entry.process;
    let approval = &process.approval;
    let mut shown = json!({
        "approval": {
            "code": approval.code,
            "name": approval.name,
            "is_external": approval.is_external,
            "external": {"batch_cc_read": approval.batch_read},
            "approval_id": approval.id.to_string(),
            "icon": "",
        },
        "group": {"external_id": approval.group_code, "name": approval.group_name},
        "instance": instance(process),
    });
    match &entry.thing {
        Thing::Instance => {}
        Thing::Task(task) => {
            shown["task"] = said(&task.said);
            shown["task"]["user_id"] = task.person.id.as_str().into();
            shown["task"]["start_time"] = task.start.to_string().into();
            shown["task"]["end_time"] = task.end.to_string().into();
            shown["task"]["update_time"] = task.update.to_string().into();
            shown["task"]["status"] = word(FOUND_TASK_STATUS, task.status).into();
            shown["task"]["task_id"] = task.id.to_string().into();
            let external = task.external_id.as_deref().unwrap_or_default();
            shown["task"]["task_external_id"] = external.into();
        }
        Thing::Copy(copy) => {
            shown["cc"] = said(&copy.said);
            shown["cc"]["user_id"] = copy.person.id.as_str().into();
            shown["cc"]["create_time"] = copy.made.to_string().into();
            shown["cc"]["read_status"] = word(FOUND_READ_STATUS, copy.status).into();
        }
    }
    shown
}

fn instance(process: &Process) -> Value {
    let mut instance = said(&process.said);
    let initiator = process.initiator.as_ref().map_or("", |who| &who.id);
    instance["code"] = process.id.to_string().into();
    instance["external_id"] = process.external_id.as_deref().unwrap_or_default().into();
    instance["user_id"] = initiator.into();
    instance["start_time"] = process.start.to_string().into();
    instance["end_time"] = process.end.to_string().into();
    instance["status"] = word(FOUND_INSTANCE_STATUS, process.status).into();
    instance["serial_id"] = process.id.to_string().into();
    instance
}

/// What a source says; empty for what it does not run.
fn said(said: &Said) -> Value {
    json!({
        "title": said.title,
        "extra": said.extra,
        "link": {
            "pc_link": said.links.pc.as_deref().unwrap_or_default(),
            "mobile_link": said.links.mobile.as_deref().unwrap_or_default(),
        },
    })
}

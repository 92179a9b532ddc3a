//! What the searches over both families take and answer.

use domain::limits::{CODE_CHARS, ID_CHARS, TEXT_CHARS};
use serde_json::{Value, json};

use super::members::{COUNT, Kind, Member, TIME, all, list, maybe, needed, words};
use super::{Answer, Operation};
use crate::fault::Code;
use crate::names::{
    DETAIL_STATUS, DETAIL_TYPE, EVERY_STATUS, FOUND_INSTANCE_STATUS, FOUND_READ_STATUS,
    FOUND_TASK_STATUS, LOCALE, PROCESS_STATUS, SEARCH_INSTANCE_STATUS, SEARCH_READ_STATUS,
    SEARCH_TASK_STATUS, TASK_STATUS, TOPIC, USER_ID_TYPE, Words,
};
use crate::{instances, searches, tasks_query};

const ID: Kind = Kind::Text(ID_CHARS);
const TEXT: Kind = Kind::AnyText(TEXT_CHARS);
const ANY: Kind = Kind::AnyText(usize::MAX);

fn of_page((min, usual, max): (usize, usize, usize)) -> [Member; 2] {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let size = Kind::Number { min: number(min), max: number(max) };
    let usual = match usual {
        10 => "10 without it.",
        _ => "100 without it.",
    };
    [
        maybe("page_size", size).about(usual),
        maybe("page_token", Kind::Text(TEXT_CHARS)).about("As the page before answered it."),
    ]
}

fn users() -> Member {
    maybe("user_id_type", words(USER_ID_TYPE)).about("open_id without it.")
}

fn more() -> [Member; 2] {
    [
        needed("has_more", Kind::Flag),
        maybe("page_token", Kind::Text(TEXT_CHARS)).about("Only when there is more."),
    ]
}

/// The words of a table, each once.
fn distinct<T>(table: Words<T>) -> Kind {
    let mut known: Vec<&'static str> = Vec::new();
    for (word, _) in table {
        if !known.contains(word) {
            known.push(word);
        }
    }
    Kind::Words(known)
}

fn or_all<T>(table: Words<T>) -> Kind {
    Kind::Words(table.iter().map(|(word, _)| *word).chain([EVERY_STATUS]).collect())
}

pub(crate) fn query_tasks() -> Operation {
    let link = || needed("pc", ANY);
    let urls = vec![needed("helpdesk", ANY), needed("mobile", ANY), link()];
    let task = vec![
        needed("topic", words(TOPIC)),
        needed("user_id", ANY),
        needed("title", ANY),
        needed("urls", Kind::Object(urls)),
        needed("process_external_id", ANY).about("The source's id of the instance."),
        needed("task_external_id", ANY).about("The source's id of the task or copy."),
        needed("status", Kind::Words(tasks_query::STATUSES.into())),
        needed("process_status", distinct(PROCESS_STATUS)),
        needed("definition_code", ANY),
        needed("initiators", all(ANY)),
        needed("initiator_names", all(ANY)),
        needed("task_id", ANY),
        needed("process_id", ANY),
        needed("process_code", ANY),
        needed("definition_group_id", ANY),
        needed("definition_group_name", ANY),
        needed("definition_id", ANY),
        needed("definition_name", ANY),
    ];
    let count = vec![
        needed("total", COUNT).about("999 where there are 1,000 or more."),
        needed("has_more", Kind::Flag).about("Whether there are."),
    ];
    let mut query = vec![
        needed("user_id", ID).about("Whose."),
        needed("topic", words(TOPIC))
            .about("1 to do, 2 done, 3 started, 17 unread copies, 18 read ones."),
        users(),
    ];
    query.extend(of_page(tasks_query::PAGE));
    let mut data = vec![
        needed("tasks", all(Kind::Object(task))),
        maybe("count", Kind::Object(count)).about("With the first page alone."),
    ];
    data.extend(more());
    Operation {
        summary: "One person's tasks by topic, of both families",
        page: "tasks_query",
        segments: &[],
        query,
        body: None,
        example: json!(null),
        answer: Answer::Data(data),
        codes: &[Code::Fields, Code::Param],
    }
}

/// What all three take.
fn filter(title: &'static str, from: &'static str, to: &'static str) -> Vec<Member> {
    vec![
        maybe("user_id", ID).about("One of this and the next four is needed."),
        maybe("approval_code", Kind::Text(CODE_CHARS)),
        maybe("instance_code", ID),
        maybe("instance_external_id", ID).about("The source's id of the instance."),
        maybe("group_external_id", ID).about("The code of a group of definitions."),
        maybe(title, TEXT).about("A part of the title that a source gave."),
        maybe(from, TIME).about("Both or neither, at most 30 days."),
        maybe(to, TIME),
        maybe("locale", words(LOCALE)).about("Of texts."),
    ]
}

fn link() -> Member {
    needed("link", Kind::Object(vec![needed("pc_link", ANY), needed("mobile_link", ANY)]))
}

fn entry(beside: Option<Member>) -> Kind {
    let external = Kind::Object(vec![needed("batch_cc_read", Kind::Flag)]);
    let approval = vec![
        needed("code", ANY),
        needed("name", ANY),
        needed("is_external", Kind::Flag),
        needed("external", external),
        needed("approval_id", ANY),
        needed("icon", ANY),
    ];
    let instance = vec![
        needed("code", ANY),
        needed("external_id", ANY),
        needed("user_id", ANY),
        needed("start_time", TIME),
        needed("end_time", TIME),
        needed("status", distinct(FOUND_INSTANCE_STATUS)),
        needed("title", ANY),
        needed("extra", ANY),
        needed("serial_id", ANY),
        link(),
    ];
    let group = vec![needed("external_id", ANY), needed("name", ANY)];
    let mut members = vec![
        needed("approval", Kind::Object(approval)),
        needed("group", Kind::Object(group)),
        needed("instance", Kind::Object(instance)),
    ];
    members.extend(beside);
    Kind::Object(members)
}

fn search(
    summary: &'static str,
    body: Vec<Member>,
    (name, entry): (&'static str, Kind),
) -> Operation {
    let mut query = vec![users()];
    query.extend(of_page(searches::PAGE));
    let mut data = vec![
        needed("count", COUNT).about("Of all pages, 1,000 where there are more."),
        needed(name, all(entry)),
    ];
    data.extend(more());
    Operation {
        summary,
        page: "searches",
        segments: &[],
        query,
        body: Some(body),
        example: example(),
        answer: Answer::Data(data),
        codes: &[Code::Fields, Code::Param, Code::UnknownDefinition, Code::UnknownInstance],
    }
}

fn example() -> Value {
    json!({"approval_code": "demo_expense"})
}

pub(crate) fn search_tasks() -> Operation {
    let mut body = filter("task_title", "task_start_time_from", "task_start_time_to");
    let order = Kind::Int { min: 0, max: searches::ORDERS };
    body.extend([
        maybe("task_status", or_all(SEARCH_TASK_STATUS)).about("All without it."),
        maybe("task_status_list", list(Kind::StrictWords(strict()), 100))
            .about("Goes before task_status."),
        maybe("order", order)
            .about("0 latest change first, 1 last, 2 latest start first (default), 3 last."),
        maybe("with_revoked_instance", Kind::Flag).about("Tasks of withdrawn instances too."),
    ]);
    let task = vec![
        needed("user_id", ANY),
        needed("start_time", TIME),
        needed("end_time", TIME),
        needed("update_time", TIME),
        needed("status", words(FOUND_TASK_STATUS)),
        needed("title", ANY),
        needed("extra", ANY),
        needed("task_id", ANY),
        needed("task_external_id", ANY),
        link(),
    ];
    let task = entry(Some(needed("task", Kind::Object(task))));
    search("Tasks of the tenant that match", body, ("task_list", task))
}

fn strict() -> Vec<&'static str> {
    SEARCH_TASK_STATUS.iter().map(|(word, _)| *word).collect()
}

pub(crate) fn search_instances() -> Operation {
    let mut body = filter("instance_title", "instance_start_time_from", "instance_start_time_to");
    body.push(maybe("instance_status", or_all(SEARCH_INSTANCE_STATUS)).about("All without it."));
    search("Instances of the tenant that match", body, ("instance_list", entry(None)))
}

pub(crate) fn search_copies() -> Operation {
    let mut body = filter("cc_title", "cc_create_time_from", "cc_create_time_to");
    body.push(maybe("read_status", or_all(SEARCH_READ_STATUS)).about("All without it."));
    let copy = vec![
        needed("user_id", ANY),
        needed("create_time", TIME),
        needed("read_status", words(FOUND_READ_STATUS)),
        needed("title", ANY),
        needed("extra", ANY),
        link(),
    ];
    let copy = entry(Some(needed("cc", Kind::Object(copy))));
    search("Copies of the tenant that match", body, ("cc_list", copy))
}

pub(crate) fn get_instance() -> Operation {
    let person = || [needed("user_id", ANY), needed("open_id", ANY)];
    let mut task = vec![
        needed("id", ANY),
        needed("status", words(TASK_STATUS)),
        needed("node_id", ANY),
        needed("node_name", ANY),
        needed("custom_node_id", ANY),
        needed("type", words(DETAIL_TYPE)),
        needed("start_time", TIME),
        needed("end_time", TIME),
    ];
    task.extend(person());
    let mut copied = vec![needed("cc_id", ANY)];
    copied.extend(person());
    let event = vec![
        needed("type", Kind::Words(instances::EVENTS.into())),
        needed("create_time", TIME),
        maybe("user_id", ANY),
        maybe("open_id", ANY),
        maybe("task_id", ANY),
        maybe("cc_user_list", all(Kind::Object(copied))),
        needed("ext", ANY),
        maybe("node_key", ANY),
    ];
    let mut data = vec![
        needed("approval_name", ANY),
        needed("approval_code", ANY),
        needed("instance_code", ANY),
        needed("start_time", TIME),
        needed("end_time", TIME),
        needed("serial_number", ANY),
        needed("department_id", ANY),
        needed("status", distinct(DETAIL_STATUS)),
        needed("uuid", ANY).about("The source's id."),
        needed("form", ANY).about("JSON text."),
        needed("task_list", all(Kind::Object(task))),
        needed("comment_list", all(ANY)),
        needed("timeline", all(Kind::Object(event))),
        needed("modified_instance_code", ANY),
        needed("reverted_instance_code", ANY),
        needed("reverted", Kind::Flag),
    ];
    data.extend(person());
    Operation {
        summary: "One instance, whole",
        page: "instances",
        segments: &["The code of the instance."],
        query: vec![
            maybe("locale", words(LOCALE)).about("Of texts."),
            maybe("user_id", ID).about("Must be known."),
            users(),
            maybe("nested_mutable_group", Kind::Words(vec!["true", "false"]))
                .about("Changes nothing."),
        ],
        body: None,
        example: json!(null),
        answer: Answer::Data(data),
        codes: &[Code::Fields, Code::UnknownInstance, Code::UnknownPerson],
    }
}

pub(crate) fn list_instances() -> Operation {
    let mut query = vec![
        needed("approval_code", Kind::Text(CODE_CHARS)),
        needed("start_time", TIME).about("The least start, included."),
        needed("end_time", TIME).about("The greatest start, included."),
    ];
    query.extend(of_page(instances::PAGE));
    let mut data = vec![needed("instance_code_list", all(ANY))];
    data.extend(more());
    Operation {
        summary: "The codes of a definition's instances",
        page: "instances",
        segments: &[],
        query,
        body: None,
        example: json!(null),
        answer: Answer::Data(data),
        codes: &[Code::Fields, Code::Param, Code::UnknownDefinition],
    }
}

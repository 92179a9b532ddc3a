//! What the queries take and answer.

use domain::limits::{API_IDS, FILTER_CODES, FILTER_INSTANCES, FILTER_USERS, ID_CHARS, TEXT_CHARS};
use serde_json::json;

use super::members::{Kind, Member, TIME, all, list, maybe, needed, words};
use super::{Answer, Operation};
use crate::external_tasks::LARGEST_PAGE;
use crate::fault::Code;
use crate::names::{FLOW_STATUS, INSTANCE_STATUS, TASK_SOURCE, TASK_STATE, TASK_STATUS};
use crate::user_task::LARGEST_LIMIT;

fn filter() -> Vec<Member> {
    let ids = |max| list(Kind::Text(TEXT_CHARS), max);
    vec![
        maybe("approval_codes", ids(FILTER_CODES))
            .about("Definitions, by real or own code. Needs status."),
        maybe("instance_ids", ids(FILTER_INSTANCES)).about("Instances, by their source's ids."),
        maybe("user_ids", ids(FILTER_USERS))
            .about("Assignees, by user_id. Needs approval_codes and status."),
        maybe("status", words(TASK_STATUS)).about("Of the task."),
    ]
}

pub(crate) fn list_tasks() -> Operation {
    let page = Kind::Number { min: 1, max: i64::try_from(LARGEST_PAGE).unwrap_or(i64::MAX) };
    let mut query = vec![
        maybe("page_size", page).about("50 without it."),
        maybe("page_token", Kind::Text(TEXT_CHARS)).about("As the page before answered it."),
    ];
    query.extend(filter());
    let task = Kind::Object(vec![
        needed("id", Kind::Text(ID_CHARS)),
        needed("status", words(TASK_STATUS)),
        needed("update_time", TIME),
    ]);
    let row = Kind::Object(vec![
        needed("instance_id", Kind::Text(ID_CHARS)),
        needed("approval_id", Kind::Text(ID_CHARS)),
        needed("approval_code", Kind::Text(ID_CHARS)).about("The real code."),
        needed("status", words(INSTANCE_STATUS)),
        needed("update_time", TIME),
        needed("tasks", all(task)).about("Those that match, in the order they came in."),
    ]);
    Operation {
        summary: "States of third-party tasks, page by page",
        page: "external_tasks",
        segments: &[],
        query,
        body: Some(filter()),
        example: json!({"approval_codes": ["demo_expense"], "status": "PENDING"}),
        answer: Answer::Data(vec![
            needed("data", all(row)),
            needed("has_more", Kind::Flag),
            maybe("page_token", Kind::Text(TEXT_CHARS)).about("Only when there is more."),
        ]),
        codes: &[Code::Param],
    }
}

pub(super) fn text_in_a_language() -> Vec<Member> {
    vec![
        needed("language_code", Kind::Text(ID_CHARS)).about("2052, 1033, 1041, …"),
        needed("text", Kind::Text(TEXT_CHARS)),
    ]
}

pub(crate) fn query_user_tasks() -> Operation {
    let text = || Kind::Object(text_in_a_language());
    let task = Kind::Object(vec![
        needed("task_id", Kind::Text(ID_CHARS)),
        needed("task_start_time", TIME),
        needed(
            "initiator",
            Kind::Object(vec![
                needed("user_id", Kind::Text(ID_CHARS)),
                needed("name", Kind::Text(TEXT_CHARS)),
            ]),
        ),
        needed(
            "workflow_instance",
            Kind::Object(vec![
                needed("id", Kind::Text(ID_CHARS)),
                needed("label", all(text())),
                needed("status", words(FLOW_STATUS)),
            ]),
        ),
        needed(
            "summarys",
            all(Kind::Object(vec![needed("file_key", text()), needed("file_value", all(text()))])),
        ),
    ]);
    let api_ids = Kind::List { of: Box::new(Kind::Text(ID_CHARS)), min: 1, max: API_IDS };
    Operation {
        summary: "One person's human tasks: how many, and a page of them",
        page: "user_task_query",
        segments: &[],
        query: Vec::new(),
        body: Some(vec![
            needed("kunlun_user_id", Kind::Text(ID_CHARS)).about("Whose tasks."),
            maybe("type", words(TASK_STATE)).about("The state for this person."),
            maybe("source", words(TASK_SOURCE)).about("What they have to do with the task."),
            maybe("api_ids", api_ids).about("Only tasks of these flows."),
            maybe("start_time", TIME).about("Tasks that started then or later."),
            maybe("end_time", TIME).about("Tasks that started then or earlier."),
            maybe("limit", Kind::Int { min: 1, max: LARGEST_LIMIT }).about("10 without it."),
            maybe("offset", TIME).about("How many tasks to leave out."),
        ]),
        example: json!({"kunlun_user_id": "1700000000000001", "type": "pending"}),
        answer: Answer::Data(vec![
            needed("count", TIME).about("All tasks that match."),
            needed("tasks", all(task)),
        ]),
        codes: &[Code::FlowParam],
    }
}

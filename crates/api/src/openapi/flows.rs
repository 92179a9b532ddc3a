//! What starting a flow and acting on its tasks take and answer.

use domain::limits::{COPIES_PER_ACTION, ID_CHARS, PEOPLE_PER_ACTION, TEXT_CHARS};
use serde_json::{Value, json};

use super::members::{Kind, Member, all, list, maybe, needed, words};
use super::operations::text_in_a_language;
use super::{Answer, Operation};
use crate::fault::Code;
use crate::flow_chat::NAME_CHARS;
use crate::flow_execute::{LOOP_MASKS, PARAMS_CHARS};
use crate::names::ASSIGNEE_PLACE;

const ID: Kind = Kind::Text(ID_CHARS);
/// Text that an answer always has, if only an empty one.
const TEXT: Kind = Kind::AnyText(TEXT_CHARS);

const TASK: &[&str] = &["The task_id of user_task/query."];

/// One that does something to a task or an instance. Which ones there are depends on what was started.
fn operation(
    summary: &'static str,
    segments: &'static [&'static str],
    body: Vec<Member>,
    example: Value,
) -> Operation {
    Operation {
        summary,
        page: "flow_tasks",
        segments,
        query: Vec::new(),
        body: Some(body),
        example,
        answer: Answer::Data(Vec::new()),
        codes: &[Code::FlowParam],
    }
}

fn user() -> Member {
    needed("user_id", ID).about("Who acts, by kunlun_user_id.")
}

fn operator() -> Member {
    needed("operator_user_id", ID).about("Who acts, by kunlun_user_id.")
}

fn opinion() -> Member {
    maybe("opinion", Kind::Text(TEXT_CHARS)).about("What they say; the history keeps it.")
}

fn needed_opinion() -> Member {
    needed("opinion", Kind::Text(TEXT_CHARS)).about("What they say; the history keeps it.")
}

fn some_people(most: usize) -> Kind {
    Kind::List { of: Box::new(ID), min: 1, max: most }
}

pub(crate) fn execute() -> Operation {
    let params = maybe("params", Kind::Text(PARAMS_CHARS));
    Operation {
        summary: "Start an instance of a flow",
        page: "flows_execute",
        segments: &["The application of the flow.", "The api_id of the flow."],
        query: Vec::new(),
        body: Some(vec![
            needed("operator", Kind::Text(TEXT_CHARS))
                .about("Who starts it: JSON text of an object with _id, a kunlun_user_id."),
            params.about("JSON text: an object by parameter, or a list of {api_name, value}."),
            maybe("is_async", Kind::Flag).about("Without it, the answer has the outcome."),
            maybe("idempotent_key", ID).about("A second call with it within 30 days is refused."),
            maybe("loop_masks", list(ID, LOOP_MASKS)).about("Checked, and without effect."),
        ]),
        example: json!({
            "operator": "{\"_id\":\"1700000000000001\"}",
            "params": "{\"kind\":\"annual\",\"from\":\"2026-03-02\",\"days\":2}",
        }),
        answer: Answer::Data(vec![
            needed("status", Kind::Words(vec!["end", "running"])),
            needed("out_params", TEXT).about("JSON text: a list of {api_name, value}."),
            needed("execution_id", ID).about("The id of the instance."),
            needed("error_msg", TEXT),
            needed("code", TEXT),
        ]),
        codes: &[Code::FlowParam],
    }
}

pub(crate) fn agree() -> Operation {
    operation("Agree to a task", TASK, vec![user(), opinion()], by_user())
}

pub(crate) fn reject() -> Operation {
    operation("Reject a task", TASK, vec![user(), opinion()], by_user())
}

fn by_user() -> Value {
    json!({"user_id": "1700000000000001", "opinion": "好"})
}

pub(crate) fn transfer() -> Operation {
    let people = |name| maybe(name, list(ID, PEOPLE_PER_ACTION));
    let body = vec![
        user(),
        people("from_user_ids").about("Whose parts; without any, the caller's own."),
        people("to_user_ids").about("To whom; at least one."),
        opinion(),
    ];
    let example = json!({"user_id": "1700000000000001", "to_user_ids": ["1700000000000002"]});
    operation("Give parts of a task to others", TASK, body, example)
}

pub(crate) fn add_assignee() -> Operation {
    let approvers = list(Kind::IdOrNumber(ID_CHARS), PEOPLE_PER_ACTION);
    let body = vec![
        user(),
        maybe("approvers", approvers).about("Whom to ask; at least one."),
        maybe("add_assignee_type", words(ASSIGNEE_PLACE)).about("currentAndAddAssign without it."),
        opinion(),
    ];
    let example = json!({"user_id": "1700000000000001", "approvers": ["1700000000000002"]});
    operation("Ask others beside a task's people, or after them", TASK, body, example)
}

pub(crate) fn cancel() -> Operation {
    const INSTANCE: &[&str] = &["The workflow_instance.id of user_task/query."];
    let body = vec![user(), needed_opinion()];
    operation("Withdraw an instance", INSTANCE, body, by_user())
}

fn by_operator() -> Value {
    json!({"operator_user_id": "1700000000000001"})
}

pub(crate) fn cc() -> Operation {
    let body =
        vec![operator(), needed("cc_user_ids", some_people(COPIES_PER_ACTION)).about("To whom.")];
    let mut example = by_operator();
    example["cc_user_ids"] = json!(["1700000000000002"]);
    operation("Copy a task to others", TASK, body, example)
}

pub(crate) fn expediting() -> Operation {
    let whom = needed("expediting_user_ids", some_people(PEOPLE_PER_ACTION));
    let body = vec![operator(), whom.about("Whom to urge: the task waits for them."), opinion()];
    let mut example = by_operator();
    example["expediting_user_ids"] = json!(["1700000000000002"]);
    operation("Urge those whom a task waits for", TASK, body, example)
}

pub(crate) fn rollback() -> Operation {
    let to = needed("to_task_id", ID).about("One of rollback_points.");
    let mut example = by_operator();
    example["to_task_id"] = "1".into();
    example["opinion"] = "重做".into();
    let body = vec![operator(), to, needed_opinion()];
    operation("Go back to an earlier step", TASK, body, example)
}

pub(crate) fn rollback_points() -> Operation {
    let task = Kind::Object(vec![
        needed("id", ID),
        needed("activity_label", all(Kind::Object(text_in_a_language()))).about("Its step."),
        needed("is_start", Kind::Flag),
    ]);
    Operation {
        answer: Answer::Data(vec![needed("tasks", all(task)).about("In order.")]),
        ..operation("The tasks to which one can go back", TASK, vec![operator()], by_operator())
    }
}

pub(crate) fn chat_group() -> Operation {
    let invited = maybe("invite_user_ids", some_people(PEOPLE_PER_ACTION));
    let body = vec![
        operator(),
        invited.about("Whom to invite; without it, those whom the task waits for."),
        maybe("chat_id", ID).about("A group that is there; without it, a new one is made."),
        maybe("chat_name", Kind::Text(NAME_CHARS)).about("What a new one is called."),
    ];
    Operation {
        answer: Answer::Data(vec![needed("chat_id", ID)]),
        ..operation("A group to talk about a task", TASK, body, by_operator())
    }
}

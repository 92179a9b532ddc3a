//! What the admin API takes and answers.

use domain::limits::{
    DEPARTMENTS_PER_PERSON, ID_CHARS, ORGANISATION_ID_CHARS, ROLES_PER_PERSON, TEXT_CHARS,
};
use serde_json::{Value, json};

use super::members::{COUNT, Kind, Member, TIME, all, list, maybe, needed, words};
use super::{Answer, Operation};
use crate::admin::LARGEST_PAGE;
use crate::fault::Code;
use crate::import::LANGUAGES;
use crate::names::ADMIN_ID_TYPE;

const TEXT: Kind = Kind::Text(TEXT_CHARS);
const ID: Kind = Kind::Text(ID_CHARS);
const OWN_ID: Kind = Kind::Text(ORGANISATION_ID_CHARS);

/// The members of the query that every call has.
fn named() -> Vec<Member> {
    vec![needed("tenant_key", ID).about("The tenant, by its key.")]
}

/// The same where people are named.
fn with_ids() -> Vec<Member> {
    let mut query = named();
    let kinds = maybe("user_id_type", words(ADMIN_ID_TYPE));
    query.push(kinds.about("The kind of all ids of people in the call; user_id without it."));
    query
}

/// The same of a list.
fn of_pages() -> Vec<Member> {
    let mut query = named();
    let most = i64::try_from(LARGEST_PAGE).unwrap_or(i64::MAX);
    query.push(maybe("page_size", Kind::Number { min: 1, max: most }).about("50 without it."));
    query.push(maybe("page_token", OWN_ID).about("Where the page before ended."));
    query
}

fn read(summary: &'static str, query: Vec<Member>, answer: Vec<Member>) -> Operation {
    Operation {
        summary,
        page: "admin",
        segments: &["Its id."],
        query,
        body: None,
        example: Value::Null,
        answer: Answer::Data(answer),
        codes: &[Code::Fields],
    }
}

fn write(
    summary: &'static str,
    query: Vec<Member>,
    (body, example): (Vec<Member>, Value),
    answer: Vec<Member>,
) -> Operation {
    let codes = &[Code::Fields, Code::AdminRule];
    Operation { body: Some(body), example, codes, ..read(summary, query, answer) }
}

/// A page of things.
fn pages(name: &'static str, of: Vec<Member>) -> Vec<Member> {
    vec![
        needed(name, all(Kind::Object(of))),
        needed("has_more", Kind::Flag),
        maybe("page_token", ID).about("There where has_more is true."),
    ]
}

fn texts() -> Kind {
    let text = vec![needed("language_code", ID), needed("text", TEXT)];
    list(Kind::Object(text), LANGUAGES)
}

/// By what somebody is known.
fn card() -> Vec<Member> {
    let mut members = vec![needed("name", TEXT)];
    members.extend(ADMIN_ID_TYPE.iter().map(|(name, _)| needed(name, ID)));
    members
}

fn person() -> Vec<Member> {
    let mut members = card();
    members.extend([
        needed("names", texts()),
        needed("departments", all(OWN_ID)).about("The main one first."),
        needed("leader", Kind::Object(card())).or_null(),
        needed("roles", all(OWN_ID)),
        needed("confirmed", Kind::Flag).about("False for whom only syncs named."),
        needed("left_at", TIME).about("0 for whoever is there."),
    ]);
    members
}

fn department() -> Vec<Member> {
    vec![
        needed("department_id", OWN_ID),
        needed("name", TEXT),
        needed("parent_department_id", OWN_ID).about("Empty at the top."),
        needed("leader", Kind::Object(card())).or_null(),
    ]
}

fn role() -> Vec<Member> {
    vec![needed("role_id", OWN_ID), needed("name", TEXT)]
}

fn one(name: &'static str, of: Vec<Member>) -> Vec<Member> {
    vec![needed(name, Kind::Object(of))]
}

fn put(name: &'static str, of: Vec<Member>) -> Vec<Member> {
    vec![needed(name, Kind::Object(of)), needed("created", Kind::Flag)]
}

pub(crate) fn list_people() -> Operation {
    read("Everybody, a page at a time", of_pages(), pages("people", person()))
}

pub(crate) fn get_person() -> Operation {
    read("A person and their place", with_ids(), one("person", person()))
}

pub(crate) fn put_person() -> Operation {
    let mut body: Vec<Member> = ADMIN_ID_TYPE.iter().map(|(name, _)| maybe(name, ID)).collect();
    body.extend([
        maybe("name", TEXT),
        maybe("names", texts()),
        maybe("departments", list(OWN_ID, DEPARTMENTS_PER_PERSON)).about("The main one first."),
        maybe("leader", ID).about("Empty for nobody."),
        maybe("roles", list(OWN_ID, ROLES_PER_PERSON)),
    ]);
    let example = json!({"name": "王芳"});
    let summary = "Add a person, or change what is known of them";
    write(summary, with_ids(), (body, example), put("person", person()))
}

pub(crate) fn deactivate_person() -> Operation {
    read("Note that a person has left", with_ids(), one("person", person()))
}

pub(crate) fn activate_person() -> Operation {
    read("Note that a person is there again", with_ids(), one("person", person()))
}

pub(crate) fn hand_over() -> Operation {
    let body = vec![
        needed("to", ID).about("Who gets it."),
        maybe("dry_run", Kind::Flag).about("Only tell what would move."),
    ];
    let answer = vec![
        needed("instances", COUNT).about("Instances with open tasks that move."),
        needed("tasks", COUNT).about("Those tasks."),
        needed("external_tasks", COUNT).about("Open tasks of source systems, which stay."),
        needed("instance_ids", all(ID)).about("The first twenty of the instances."),
        maybe("hand_over_id", ID).about("Not there after a dry run."),
    ];
    let example = json!({"to": "nobody", "dry_run": true});
    write("Hand everything open over to another", with_ids(), (body, example), answer)
}

pub(crate) fn get_hand_over() -> Operation {
    let job = vec![
        needed("hand_over_id", ID),
        needed("from", Kind::Object(card())),
        needed("to", Kind::Object(card())),
        needed("begun_at", TIME),
        needed("moved_instances", COUNT),
        needed("moved_tasks", COUNT),
        needed("refused_instances", COUNT).about("Instances whose flow refused it."),
        needed("finished_at", TIME).about("0 while it is at work."),
    ];
    read("How far a hand-over is", named(), one("hand_over", job))
}

pub(crate) fn list_substitutes() -> Operation {
    let substitute = vec![
        needed("substitute_id", ID),
        needed("substitute", Kind::Object(card())),
        needed("from", TIME),
        needed("until", TIME),
    ];
    let answer = vec![needed("substitutes", all(Kind::Object(substitute)))];
    read("Who stands in for a person, now and later", with_ids(), answer)
}

pub(crate) fn add_substitute() -> Operation {
    let body = vec![
        needed("substitute", ID).about("Who stands in."),
        needed("from", TIME).about("The first moment."),
        needed("until", TIME).about("The first moment after."),
    ];
    let example = json!({"substitute": "nobody", "from": "0", "until": "4102444800000"});
    let answer = vec![needed("substitute_id", ID)];
    write("Let one stand in for another", with_ids(), (body, example), answer)
}

pub(crate) fn end_substitute() -> Operation {
    read("End a time to be away", named(), Vec::new())
}

pub(crate) fn list_departments() -> Operation {
    read("Every department, a page at a time", of_pages(), pages("departments", department()))
}

pub(crate) fn get_department() -> Operation {
    read("A department", named(), one("department", department()))
}

pub(crate) fn put_department() -> Operation {
    let body = vec![
        maybe("name", TEXT).about("Its id, for a new one without it."),
        maybe("parent_department_id", OWN_ID).about("Empty for the top."),
        maybe("leader", ID).about("Empty for nobody."),
    ];
    let example = json!({"name": "Finance"});
    let answer = put("department", department());
    write("Add a department or change it", with_ids(), (body, example), answer)
}

pub(crate) fn delete_department() -> Operation {
    let codes = &[Code::Fields, Code::AdminRule];
    Operation { codes, ..read("Remove a department that is empty", named(), Vec::new()) }
}

pub(crate) fn list_roles() -> Operation {
    read("Every role, a page at a time", of_pages(), pages("roles", role()))
}

pub(crate) fn get_role() -> Operation {
    read("A role", named(), one("role", role()))
}

pub(crate) fn put_role() -> Operation {
    let body = vec![maybe("name", TEXT).about("Its id, for a new one without it.")];
    let example = json!({"name": "Cashier"});
    write("Add a role or change it", named(), (body, example), put("role", role()))
}

pub(crate) fn delete_role() -> Operation {
    let codes = &[Code::Fields, Code::AdminRule];
    Operation { codes, ..read("Remove a role that nobody has", named(), Vec::new()) }
}

pub(crate) fn list_members() -> Operation {
    read("Everybody with a role, a page at a time", of_pages(), pages("people", person()))
}

pub(crate) fn list_changes() -> Operation {
    let change = vec![
        needed("change_id", ID),
        needed("at", TIME),
        needed("origin", ID).about("admin_api, command or job."),
        needed("action", ID),
        needed("subject", ID).about("The id of what was changed."),
        needed("details", TEXT).about("JSON, as text."),
    ];
    read("What administrators changed, newest first", of_pages(), pages("changes", change))
}

pub(crate) fn get_history() -> Operation {
    let operator = Kind::Object(vec![needed("user_id", ID), needed("name", TEXT)]);
    let entry = vec![
        needed("seq", COUNT).about("Its number, from 1."),
        needed("time", TIME),
        needed("action", ID),
        needed("operator", operator).or_null().about("Null where time or an administrator did it."),
        needed("hash", ID).or_null().about("Null in imported instances, which have no chain."),
        maybe("task_id", ID).or_null(),
        maybe("opinion", TEXT),
        maybe("events", all(Kind::Object(Vec::new()))).about("What followed from it."),
    ];
    let answer = pages("entries", entry);
    read("The history of an instance of a flow, oldest entries first", of_pages(), answer)
}

//! Reading the records of an import: one JSON object a line, members as on the wire.
//!
//! `docs/import.md` documents each record.

use domain::flow::{FlowDetails, LangText, Status, Summary};
use domain::limits::{ID_CHARS, TASKS_PER_SYNC, TEXT_CHARS};
use domain::person::AliasKind;
use engine::import::{FlowInstance, FlowTask, Record};
use engine::people::ImportedPerson;

use crate::external_approvals::request;
use crate::external_instances_read::payload;
use crate::fault::Code;
use crate::fields::{Faults, Object, body};
use crate::names::{FLOW_LOGIC, FLOW_STATUS, Words};

#[derive(Clone, Copy)]
enum Kind {
    Person,
    Definition,
    External,
    Flow,
    FlowInstance,
}

const KINDS: Words<Kind> = &[
    ("person", Kind::Person),
    ("external_approval", Kind::Definition),
    ("external_instance", Kind::External),
    ("flow", Kind::Flow),
    ("flow_instance", Kind::FlowInstance),
];

/// Most languages of one text. Own figure.
pub(crate) const LANGUAGES: usize = 50;
/// Most lines that sum up an instance (documentation of the clients).
const SUMMARIES: usize = 20;

/// The record in a line, or what is wrong with each bad member of it.
pub fn read(line: &[u8]) -> Result<Record, Vec<(String, String)>> {
    let told = |fault: crate::fault::Fault| {
        let each = fault.violations.into_iter();
        each.map(|violation| (violation.field, violation.description)).collect::<Vec<_>>()
    };
    let members = body(line).map_err(told)?;
    let faults = Faults::default();
    let object = Object::new(&members, &faults);
    let kind = object.required_choice("record", KINDS);
    if faults.any() {
        // What members such a record has, nobody knows.
        faults.finish(Code::Fields).map_err(told)?;
        return Err(Vec::new());
    }
    let record = match kind {
        Kind::Person => Record::Person(person(&object)),
        Kind::Definition => {
            let app = object.required_text("app_id", ID_CHARS);
            Record::Definition(app, Box::new(request(&object, AliasKind::UserId)))
        }
        Kind::External => {
            let app = object.required_text("app_id", ID_CHARS);
            let (code, payload) = payload(&object);
            Record::External(app, code, Box::new(payload))
        }
        Kind::Flow => {
            let namespace = object.text("namespace").unwrap_or_default();
            let details = FlowDetails { label: texts(&object, "label"), namespace };
            Record::Flow(object.required_text("api_id", ID_CHARS), details)
        }
        Kind::FlowInstance => Record::FlowInstance(Box::new(flow_instance(&object))),
    };
    faults.finish(Code::Fields).map_err(told)?;
    Ok(record)
}

fn person(object: &Object<'_>) -> ImportedPerson {
    let mut person = ImportedPerson::default();
    for (name, kind) in [
        ("user_id", AliasKind::UserId),
        ("open_id", AliasKind::OpenId),
        ("union_id", AliasKind::UnionId),
        ("kunlun_user_id", AliasKind::Kunlun),
    ] {
        let alias = object.text_up_to(name, ID_CHARS).filter(|alias| !alias.is_empty());
        person.aliases.extend(alias.map(|alias| (kind, alias)));
    }
    if person.aliases.is_empty() {
        object.required("user_id");
    }
    person.name = object.text("name").unwrap_or_default();
    person.names = texts(object, "names");
    person.department = object.text("department").unwrap_or_default();
    person
}

pub(crate) fn texts(object: &Object<'_>, name: &str) -> Vec<LangText> {
    let read = |text: &Object<'_>| {
        let code = text.required_text("language_code", ID_CHARS);
        (code, text.required_text("text", TEXT_CHARS))
    };
    object.list(name, LANGUAGES, read).unwrap_or_default()
}

/// An id: a whole number from 1.
fn id(object: &Object<'_>) -> i64 {
    match object.int("id") {
        Some(id) if id > 0 => id,
        Some(id) => {
            object.refuse("id", &id.to_string(), "must be a whole number from 1");
            0
        }
        None => {
            if !object.has("id") {
                object.required("id");
            }
            0
        }
    }
}

fn flow_instance(object: &Object<'_>) -> FlowInstance {
    let summaries = object.list("summarys", SUMMARIES, |summary| Summary {
        key: texts(summary, "file_key"),
        value: texts(summary, "file_value"),
    });
    FlowInstance {
        id: id(object),
        api_id: object.required_text("api_id", ID_CHARS),
        initiator: object.required_text("initiator", ID_CHARS),
        status: object.required_choice("status", FLOW_STATUS),
        start_time: object.required_time("start_time"),
        end_time: domain::Millis(object.int("end_time").unwrap_or_default()),
        language: object.text("language").unwrap_or_else(|| "2052".to_owned()),
        label: texts(object, "label"),
        summaries: summaries.unwrap_or_default(),
        tasks: object.list("tasks", TASKS_PER_SYNC, flow_task).unwrap_or_default(),
    }
}

fn flow_task(object: &Object<'_>) -> FlowTask {
    let parts = object.list("assignees", TASKS_PER_SYNC, |part| {
        let whose = part.required_text("kunlun_user_id", ID_CHARS);
        let status = part.choice("status", FLOW_STATUS).unwrap_or(Status::InProcess);
        (whose, status, domain::Millis(part.int("end_time").unwrap_or_default()))
    });
    FlowTask {
        id: id(object),
        node: object.text_up_to("node", ID_CHARS).unwrap_or_default(),
        logic: object.choice("logic", FLOW_LOGIC).unwrap_or(domain::flow::Logic::All),
        status: object.required_choice("status", FLOW_STATUS),
        start_time: object.required_time("start_time"),
        end_time: domain::Millis(object.int("end_time").unwrap_or_default()),
        parts: parts.unwrap_or_default(),
        ccs: object.texts("cc", TASKS_PER_SYNC, ID_CHARS).unwrap_or_default(),
    }
}

//! What the endpoints of third-party definitions and instances take and answer.

use domain::limits::{
    ACTIONS_PER_TASK, CCS_PER_SYNC, CHECK_INSTANCES, CHECK_TASKS, CODE_CHARS, FORM_PAIRS, ID_CHARS,
    LINK_CHARS, LOCALES, TASKS_PER_SYNC, TEXT_CHARS, TEXTS_PER_LOCALE, VIEWERS,
};
use serde_json::json;

use super::members::{COUNT, Kind, Member, TIME, list, maybe, needed, words};
use super::{Answer, Operation};
use crate::external_approvals::VIEWER_TYPE;
use crate::fault::Code;
use crate::names::{
    DEPARTMENT_ID_TYPE, DISPLAY_METHOD, FORM_POLICY, GENERATE_TYPE, INSTANCE_STATUS, READ_STATUS,
    TASK_STATUS, UPDATE_MODE, USER_ID_TYPE, word,
};

const TEXT: Kind = Kind::Text(TEXT_CHARS);
const ID: Kind = Kind::Text(ID_CHARS);
const LINK: Kind = Kind::Text(LINK_CHARS);

fn resources() -> Kind {
    let text = Kind::Object(vec![needed("key", TEXT), needed("value", Kind::AnyText(TEXT_CHARS))]);
    let resource = Kind::Object(vec![
        needed("locale", ID),
        needed("is_default", Kind::Flag),
        needed("texts", list(text, TEXTS_PER_LOCALE)),
    ]);
    list(resource, LOCALES)
}

fn users() -> Member {
    maybe("user_id_type", words(USER_ID_TYPE))
        .about("The kind of people's ids; open_id without it.")
}

fn definition() -> Vec<Member> {
    let viewer = Kind::Object(vec![
        maybe("viewer_type", words(VIEWER_TYPE)),
        maybe("viewer_user_id", ID).or_null(),
        maybe("viewer_department_id", ID),
    ]);
    let external = Kind::Object(vec![
        maybe("biz_name", TEXT),
        maybe("biz_type", TEXT),
        maybe("create_link_mobile", LINK),
        maybe("create_link_pc", LINK),
        maybe("support_pc", Kind::Flag).about("This or support_mobile is true."),
        maybe("support_mobile", Kind::Flag),
        maybe("support_batch_read", Kind::Flag),
        maybe("enable_mark_readed", Kind::Flag),
        maybe("enable_quick_operate", Kind::Flag),
        maybe("action_callback_url", LINK),
        maybe("action_callback_token", TEXT),
        maybe("action_callback_key", TEXT),
        maybe("allow_batch_operate", Kind::Flag),
        maybe("exclude_efficiency_statistics", Kind::Flag),
    ]);
    vec![
        needed("approval_name", TEXT).about("A key (@i18n@…) or plain text."),
        needed("approval_code", Kind::Text(CODE_CHARS)).about("The caller's own code."),
        maybe("group_code", ID).about("Needed to create."),
        maybe("group_name", TEXT).about("Needed for a new group."),
        maybe("description", TEXT),
        needed("external", external),
        maybe("viewers", list(viewer, VIEWERS)),
        maybe("i18n_resources", resources()),
        maybe("managers", list(ID, VIEWERS)),
    ]
}

pub(crate) fn put_approval() -> Operation {
    let departments = maybe("department_id_type", words(DEPARTMENT_ID_TYPE));
    Operation {
        summary: "Create or update a definition",
        page: "external_approvals",
        segments: &[],
        query: vec![users(), departments.about("Changes nothing: departments are kept as given.")],
        body: Some(definition()),
        example: json!({
            "approval_code": "my_leave",
            "approval_name": "Leave",
            "group_code": "hr",
            "group_name": "HR",
            "external": {"support_pc": true},
        }),
        answer: Answer::Data(vec![needed("approval_code", ID).about("The real code.")]),
        codes: &[Code::Fields, Code::Param],
    }
}

pub(crate) fn get_approval() -> Operation {
    Operation {
        summary: "Read a definition",
        page: "external_approvals",
        segments: &["The real code."],
        query: vec![users()],
        body: None,
        example: json!(null),
        answer: Answer::Data(definition()),
        codes: &[Code::Fields, Code::UnknownDefinition],
    }
}

fn links() -> Member {
    let links = vec![
        maybe("pc_link", LINK).about("This or mobile_link is needed."),
        maybe("mobile_link", LINK),
    ];
    needed("links", Kind::Object(links))
}

fn person() -> [Member; 2] {
    let about = "Who. One of user_id and open_id is needed.";
    [maybe("user_id", ID).about(about), maybe("open_id", ID)]
}

fn task() -> Kind {
    let action = Kind::Object(vec![
        needed("action_type", ID).about("APPROVE, REJECT or a key of the caller's."),
        maybe("action_name", TEXT).about("Needed for a key of the caller's."),
        maybe("is_need_reason", Kind::Flag),
        maybe("is_reason_required", Kind::Flag),
        maybe("is_need_attachment", Kind::Flag),
    ]);
    let generate = GENERATE_TYPE.iter().map(|(_, value)| word(GENERATE_TYPE, *value));
    let mut members = vec![
        needed("task_id", ID),
        maybe("title", TEXT),
        links(),
        needed("status", words(TASK_STATUS)),
        maybe("extra", TEXT),
        needed("create_time", TIME),
        needed("end_time", TIME).about("0 while open."),
        needed("update_time", TIME).about("The version stamp."),
        maybe("action_context", TEXT),
        maybe("action_configs", list(action, ACTIONS_PER_TASK)),
        maybe("display_method", words(DISPLAY_METHOD)),
        maybe("exclude_statistics", Kind::Flag),
        maybe("node_id", ID),
        maybe("node_name", TEXT),
        maybe("generate_type", Kind::StrictWords(generate.collect())),
    ];
    members.extend(person());
    Kind::Object(members)
}

fn cc() -> Kind {
    let mut members = vec![
        needed("cc_id", ID),
        links(),
        needed("read_status", words(READ_STATUS)),
        maybe("extra", TEXT),
        maybe("title", TEXT),
        needed("create_time", TIME),
        needed("update_time", TIME).about("The version stamp."),
        maybe("display_method", words(DISPLAY_METHOD)),
    ];
    members.extend(person());
    Kind::Object(members)
}

fn trusteeship() -> [Member; 4] {
    let urls = Kind::Object(vec![
        maybe("form_detail_url", LINK),
        maybe("action_definition_url", LINK),
        maybe("approval_node_url", LINK),
        maybe("action_callback_url", LINK),
        maybe("pull_business_data_url", LINK),
    ]);
    let cache = Kind::Object(vec![
        maybe("form_policy", words(FORM_POLICY)),
        maybe("form_vary_with_locale", Kind::Flag),
        maybe("form_version", TIME),
    ]);
    [
        maybe("trusteeship_url_token", TEXT),
        maybe("trusteeship_user_id_type", Kind::Words(vec!["user_id"])),
        maybe("trusteeship_urls", urls),
        maybe("trusteeship_cache_config", cache),
    ]
}

/// What an instance has in either direction.
fn instance() -> Vec<Member> {
    let pair = Kind::Object(vec![maybe("name", TEXT), maybe("value", TEXT)]);
    let mut members = vec![
        needed("approval_code", Kind::Text(CODE_CHARS)).about("The definition's real code."),
        needed("status", words(INSTANCE_STATUS)),
        maybe("extra", TEXT),
        needed("instance_id", ID).about("The caller's id."),
        links(),
        maybe("title", TEXT),
        maybe("form", list(pair, FORM_PAIRS)).about("2,048 characters in all."),
        maybe("user_name", TEXT).about("An initiator who is not a person."),
        maybe("department_id", ID),
        maybe("department_name", TEXT),
        needed("start_time", TIME),
        needed("end_time", TIME).about("0 while open."),
        needed("update_time", TIME).about("The version stamp."),
        maybe("display_method", words(DISPLAY_METHOD)),
        maybe("task_list", list(task(), TASKS_PER_SYNC)),
        maybe("cc_list", list(cc(), CCS_PER_SYNC)),
        needed("i18n_resources", resources()),
        maybe("resource_region", TEXT),
    ];
    members.extend(person());
    members.extend(trusteeship());
    members
}

pub(crate) fn sync_instance() -> Operation {
    let counts = || {
        Kind::Object(vec![
            needed("insert_num", COUNT),
            needed("update_num", COUNT),
            needed("delete_num", COUNT),
        ])
    };
    let record = Kind::Object(vec![
        needed("instance", counts()),
        needed("task", counts()),
        needed("cc", counts()),
    ]);
    let mut body = instance();
    body.push(maybe("update_mode", words(UPDATE_MODE)).about("REPLACE without it."));
    Operation {
        summary: "Sync an instance with its tasks and copies",
        page: "external_instances",
        segments: &[],
        query: Vec::new(),
        body: Some(body),
        example: json!({
            "approval_code": "00000000-0000-0000-0000-000000000000",
            "instance_id": "my-1",
            "status": "PENDING",
            "links": {"pc_link": "https://oa.example.com/1"},
            "user_id": "wangfang",
            "start_time": "1767574800000",
            "end_time": "0",
            "update_time": "1767574800000",
            "i18n_resources": [],
            "task_list": [{
                "task_id": "my-1-1",
                "user_id": "liwei",
                "links": {"pc_link": "https://oa.example.com/1"},
                "status": "PENDING",
                "create_time": "1767574800000",
                "end_time": "0",
                "update_time": "1767574800000",
            }],
        }),
        answer: Answer::Data(vec![
            needed("data", Kind::Object(instance())).about("The instance as it is stored."),
            needed("process_record", record).about("What changed."),
        ]),
        codes: &[Code::Fields, Code::Param, Code::UnknownDefinition, Code::UnknownPerson],
    }
}

pub(crate) fn check_instances() -> Operation {
    let instances = || {
        let task = Kind::Object(vec![needed("task_id", ID), needed("update_time", TIME)]);
        let instance = Kind::Object(vec![
            needed("instance_id", ID),
            needed("update_time", TIME),
            needed("tasks", list(task, CHECK_TASKS)),
        ]);
        list(instance, CHECK_INSTANCES)
    };
    Operation {
        summary: "Compare version stamps",
        page: "external_instances_check",
        segments: &[],
        query: Vec::new(),
        body: Some(vec![needed("instances", instances())]),
        example: json!({
            "instances": [{"instance_id": "demo-00001", "update_time": "1", "tasks": []}],
        }),
        answer: Answer::Data(vec![needed("diff_instances", instances())]),
        codes: &[Code::Fields],
    }
}

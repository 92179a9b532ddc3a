//! Which requests are refused, and how: a row for every parameter of every endpoint.
//!
//! The expectations are those of the platform's pages and of this server's own limits; how a row is
//! written, sent and compared is no business of this file.

use std::collections::BTreeSet;

use domain::limits::{
    ACTIONS_PER_TASK, API_IDS, CCS_PER_SYNC, CHECK_INSTANCES, CHECK_TASKS, CODE_CHARS,
    FILTER_CODES, FILTER_INSTANCES, FILTER_USERS, FORM_CHARS, FORM_PAIRS, ID_CHARS, LINK_CHARS,
    LOCALES, TASKS_PER_SYNC, TEXT_CHARS, TEXTS_PER_LOCALE, VIEWERS,
};
use serde_json::{Value, json};

use super::notation::Kind::{
    Between, Flag, List, Name, Object, OneOf, Part, Text, Texts, Whole, Word,
};
use super::notation::{
    Edit, FIELD, FLOW, FLOW_PARAM, KUNLUN, NO_APP, NO_SECRET, Names, PARAM, STARTS, TYPE, Table,
    To, UNKNOWN, copies, long, max_len, query, segment, set, whole, with, without,
};
use crate::support::{cc, definition, instance, task};

/// The rows of an endpoint.
pub(super) fn table(to: To, names: &Names) -> Table {
    match to {
        To::TenantToken | To::AppToken => token(to),
        To::Define => define(),
        To::Read => read(names),
        To::Sync => sync(names),
        To::Check => check(),
        To::List | To::ListByPost => list(to),
        To::ListByQuery => list_by_query(),
        To::UserTasks => user_tasks(),
    }
}

/// Everything that is wrong with an id is an unknown app, and with a secret a wrong one.
fn token(to: To) -> Table {
    let mut t = Table::new(to, json!({"app_id": "cli_oa", "app_secret": "secret"}));
    for member in ["app_id", "app_secret"] {
        t.row(without(member), NO_APP, "");
        for value in Text(0).wrong_types() {
            t.row(set(member, value), NO_APP, "");
        }
        t.row(set(member, Value::Null), NO_APP, "");
        t.row(set(member, ""), NO_APP, "");
    }
    for value in [json!("cli_nobody"), json!("CLI_OA"), json!("cli_oa "), json!("cli_oa\0")] {
        t.row(set("app_id", value), NO_APP, "").says("invalid param");
    }
    for value in [json!("Secret"), json!("secret "), json!("secret\0"), json!("s")] {
        t.row(set("app_secret", value), NO_SECRET, "").says("app secret invalid");
    }
    t.row(set("app_id", long(TEXT_CHARS + 1)), NO_APP, "");
    t.row(set("app_secret", long(TEXT_CHARS + 1)), NO_SECRET, "");
    t.row(set("app_id", "cli_erp").set("app_secret", "Secret"), NO_SECRET, "");
    t.row(whole(json!({})), NO_APP, "");
    t.fits(set("unknown", 5));
    t
}

/// Texts for every key that the tables use.
fn resources(keys: &[&str]) -> Value {
    let texts = keys.iter().map(|key| json!({"key": key, "value": "文"})).collect::<Value>();
    json!([{"locale": "zh-CN", "is_default": true, "texts": texts}])
}

fn define() -> Table {
    let keys = ["@i18n@name", "@i18n@group", "@i18n@about", "@i18n@biz"];
    let more = json!({
        "group_code": "table group",
        "description": "@i18n@about",
        "external": {
            "biz_name": "@i18n@biz",
            "biz_type": "finance",
            "create_link_mobile": "https://oa.example.com/m",
            "create_link_pc": "https://oa.example.com/p",
            "support_pc": true,
            "support_mobile": true,
            "support_batch_read": true,
            "enable_mark_readed": true,
            "enable_quick_operate": true,
            "action_callback_url": "https://oa.example.com/callback",
            "action_callback_token": "token",
            "action_callback_key": "key",
            "allow_batch_operate": true,
            "exclude_efficiency_statistics": true,
        },
        "viewers": [
            {"viewer_type": "USER", "viewer_user_id": "ou_1", "viewer_department_id": "od_1"},
        ],
        "i18n_resources": resources(&keys),
        "managers": ["ou_1"],
    });
    let mut t = Table::new(To::Define, with(definition("table"), &more));
    t.must("approval_name", Text(TEXT_CHARS));
    t.must("approval_code", Text(CODE_CHARS));
    t.depends("group_code", Text(ID_CHARS));
    t.depends("group_name", Text(TEXT_CHARS));
    t.may("description", Text(TEXT_CHARS));
    t.must("external", Object);
    for text in ["biz_name", "biz_type", "action_callback_token", "action_callback_key"] {
        t.may(&format!("external.{text}"), Text(TEXT_CHARS));
    }
    for link in ["create_link_mobile", "create_link_pc", "action_callback_url"] {
        t.may(&format!("external.{link}"), Text(LINK_CHARS));
    }
    t.may("external.support_pc", Flag);
    t.may("external.support_mobile", Flag);
    t.may("external.support_batch_read", Flag);
    t.may("external.enable_mark_readed", Flag);
    t.may("external.enable_quick_operate", Flag);
    t.may("external.allow_batch_operate", Flag);
    t.may("external.exclude_efficiency_statistics", Flag);
    t.may("viewers", List(VIEWERS));
    t.depends("viewers[*].viewer_type", Word);
    t.depends("viewers[*].viewer_user_id", Text(ID_CHARS));
    t.may("viewers[*].viewer_department_id", Text(ID_CHARS));
    t.depends("i18n_resources", List(LOCALES));
    texts(&mut t);
    t.may("managers", Texts(VIEWERS, ID_CHARS));

    t.row(query("user_id_type=nobody"), FIELD, "user_id_type").says("options: [");
    t.row(query("user_id_type=OPEN_ID"), FIELD, "user_id_type");
    t.row(query("department_id_type=open_id"), FIELD, "department_id_type").says("options: [");
    t.row(query("user_id_type=a&department_id_type=b"), FIELD, "user_id_type, department_id_type");
    t.row(set("approval_name", "@i18n@ab"), FIELD, "approval_name").says("the min len is 9");
    // On an update the group may stay unsaid, so these are about a code that nobody else uses.
    for edit in [without("group_code"), set("group_code", Value::Null), set("group_code", "")] {
        t.row(edit.set("approval_code", "groupless"), PARAM, "group_code")
            .says("Group code cannot be empty when create approval definition");
    }
    for edit in [without("group_name"), set("group_name", Value::Null), set("group_name", "")] {
        t.row(edit.set("group_code", "nameless group"), PARAM, "group_name")
            .says("审批分组Code和名称不匹配");
    }
    t.row(set("external", json!({})), PARAM, "external.support_pc");
    let no_client = set("external.support_pc", false).set("external.support_mobile", false);
    t.row(no_client, PARAM, "external.support_pc");
    for edit in [without("viewers[*].viewer_user_id"), set("viewers[*].viewer_user_id", "")] {
        t.row(edit, FIELD, "viewers[*].viewer_user_id").says("is required");
    }
    let no_department =
        set("viewers[*].viewer_type", "DEPARTMENT").set("viewers[*].viewer_department_id", "");
    t.row(no_department, FIELD, "viewers[*].viewer_department_id").says("is required");
    for member in ["approval_name", "group_name", "description", "external.biz_name"] {
        no_text(&mut t, member);
    }
    t.row(without("i18n_resources"), PARAM, "i18n_resources");
    // A language that nobody falls back to helps nobody.
    t.row(set("i18n_resources[*].is_default", false), PARAM, "i18n_resources");

    t.fits(query("user_id_type=&department_id_type="));
    t.fits(query("user_id_type=user_id&department_id_type=department_id&unknown=5"));
    let shortest = [&["@i18n@abc"], &keys[..]].concat();
    t.fits(set("approval_name", "@i18n@abc").set("i18n_resources", resources(&shortest)));
    t.fits(set("approval_name", "报销"));
    t.fits(set("group_code", long(ID_CHARS)));
    t.fits(set("group_name", long(TEXT_CHARS)));
    t.fits(set("viewers[*].viewer_user_id", long(ID_CHARS)));
    for viewer in ["TENANT", "NONE"] {
        t.fits(set("viewers", json!([{"viewer_type": viewer}])));
    }
    t.fits(set("viewers", json!([{"viewer_type": "DEPARTMENT", "viewer_department_id": "od"}])));
    // The page asks for no member of a viewer.
    t.fits(without("viewers[*].viewer_type"));
    t.fits(set("i18n_resources[*].locale", "xx-YY"));
    t.fits(set("unknown", 5).set("external.unknown", json!({})));
    t
}

/// The members of `i18n_resources`, which are the same everywhere.
fn texts(t: &mut Table) {
    t.must("i18n_resources[*].locale", Text(ID_CHARS));
    t.needs("i18n_resources[*].texts", List(TEXTS_PER_LOCALE));
    t.needs("i18n_resources[*].texts[*].key", Name(TEXT_CHARS));
    t.depends("i18n_resources[*].texts[*].value", Text(TEXT_CHARS));
    t.must("i18n_resources[*].is_default", Flag);
    // An empty text is a text.
    let value = "i18n_resources[*].texts[*].value";
    for edit in [without(value), set(value, Value::Null)] {
        t.row(edit, FIELD, value).says(format!("{value} is required"));
    }
    t.fits(set(value, ""));
    t.fits(set(value, long(TEXT_CHARS)));
    let resource = t.entry("i18n_resources");
    t.fits(set("i18n_resources", copies(&resource, LOCALES)));
    let mut texts = resource["texts"].as_array().unwrap().clone();
    texts.resize(TEXTS_PER_LOCALE, json!({"key": "@i18n@unused", "value": "文"}));
    t.fits(set("i18n_resources[*].texts", texts));
    let map = json!({"@i18n@name": "报销"});
    t.row(set("i18n_resources[*].texts", map), TYPE, "i18n_resources[*].texts")
        .says("Invalid parameter type in json: texts");
}

/// A key without a text in the default language.
fn no_text(t: &mut Table, member: &str) {
    let row = t.row(set(member, "@i18n@none"), PARAM, "i18n_resources");
    row.says("Default i18n has no key: @i18n@none");
}

fn read(names: &Names) -> Table {
    let mut t = Table::new(To::Read, json!({}));
    t.segment = Some(names.home.clone());
    for code in ["home", "nothing", "%00", "%ff", "%E5%AD%97", &names.foreign] {
        t.row(segment(code), UNKNOWN, "approval_code");
    }
    t.row(segment("x".repeat(TEXT_CHARS)), UNKNOWN, "approval_code");
    t.row(query("user_id_type=nobody"), FIELD, "user_id_type").says("options: [");
    t.row(query("user_id_type=%00"), FIELD, "user_id_type");
    t.row(segment("nothing").query("user_id_type=nobody"), FIELD, "user_id_type");
    t.fits(query("user_id_type=union_id"));
    t.fits(query("user_id_type=&unknown=5"));
    t
}

fn sync(names: &Names) -> Table {
    let links =
        json!({"pc_link": "https://oa.example.com/p", "mobile_link": "https://oa.example.com/m"});
    let keys = ["@i18n@title", "@i18n@f", "@i18n@node", "@i18n@button", "@i18n@department"];
    let more = json!({
        "links": links,
        "user_id": "ann",
        "extra": "{}",
        "title": "@i18n@title",
        "form": [{"name": "@i18n@f", "value": "v"}],
        "department_id": "d",
        "department_name": "@i18n@department",
        "display_method": "BROWSER",
        "update_mode": "REPLACE",
        "trusteeship_url_token": "token",
        "trusteeship_user_id_type": "user_id",
        "trusteeship_urls": {
            "form_detail_url": "https://oa.example.com/1",
            "action_definition_url": "https://oa.example.com/2",
            "approval_node_url": "https://oa.example.com/3",
            "action_callback_url": "https://oa.example.com/4",
            "pull_business_data_url": "https://oa.example.com/5",
        },
        "trusteeship_cache_config":
            {"form_policy": "DISABLE", "form_vary_with_locale": true, "form_version": "1"},
        "resource_region": "cn",
        "task_list": [with(task("t1", "tim", "PENDING", 10), &json!({
            "links": links,
            "title": "@i18n@title",
            "extra": "{}",
            "action_context": "context",
            "action_configs": [{
                "action_type": "ASK",
                "action_name": "@i18n@button",
                "is_need_reason": true,
                "is_reason_required": true,
                "is_need_attachment": true,
            }],
            "display_method": "SIDEBAR",
            "exclude_statistics": true,
            "node_id": "n1",
            "node_name": "@i18n@node",
            "generate_type": "DEFAULT",
        }))],
        "cc_list": [with(cc("c1", "cat", 10), &json!({
            "links": links,
            "extra": "{}",
            "title": "@i18n@title",
            "display_method": "NORMAL",
        }))],
        "i18n_resources": resources(&keys),
    });
    let valid = with(instance(&names.home, "table", "PENDING", 10), &more);
    let mut t = Table::new(To::Sync, valid);
    sync_instance(&mut t, names);
    sync_task(&mut t);
    sync_cc(&mut t);
    t
}

fn sync_instance(t: &mut Table, names: &Names) {
    t.needs("approval_code", Name(CODE_CHARS));
    t.must("instance_id", Text(ID_CHARS));
    t.must("status", Word);
    t.may("extra", Text(TEXT_CHARS));
    links(t, "");
    t.may("title", Text(TEXT_CHARS));
    t.may("form", List(FORM_PAIRS));
    for member in ["form[*].name", "form[*].value"] {
        t.may(member, Part);
    }
    person(t, "", "user_name");
    t.may("user_name", Text(TEXT_CHARS));
    t.may("department_id", Text(ID_CHARS));
    t.may("department_name", Text(TEXT_CHARS));
    for time in ["start_time", "end_time", "update_time"] {
        t.must(time, Whole);
    }
    t.may("display_method", Word);
    t.may("update_mode", Word);
    t.may("task_list", List(TASKS_PER_SYNC));
    t.may("cc_list", List(CCS_PER_SYNC));
    t.depends("i18n_resources", List(LOCALES));
    for edit in [without("i18n_resources"), set("i18n_resources", Value::Null)] {
        t.row(edit, FIELD, "i18n_resources").says("i18n_resources is required");
    }
    texts(t);
    t.may("trusteeship_url_token", Text(TEXT_CHARS));
    t.may("trusteeship_user_id_type", Word);
    t.row(set("trusteeship_user_id_type", "open_id"), FIELD, "trusteeship_user_id_type");
    t.may("trusteeship_urls", Object);
    for url in ["form_detail", "action_definition", "approval_node", "action_callback"] {
        t.may(&format!("trusteeship_urls.{url}_url"), Text(LINK_CHARS));
    }
    t.may("trusteeship_urls.pull_business_data_url", Text(LINK_CHARS));
    t.may("trusteeship_cache_config", Object);
    t.may("trusteeship_cache_config.form_policy", Word);
    t.may("trusteeship_cache_config.form_vary_with_locale", Flag);
    t.may("trusteeship_cache_config.form_version", Whole);
    t.may("resource_region", Text(TEXT_CHARS));

    for code in ["nothing", "home", &names.foreign] {
        t.row(set("approval_code", code), UNKNOWN, "approval_code");
    }
    // `kept` was synced under another definition, which no mode can change.
    t.row(set("instance_id", "kept"), PARAM, "approval_code");
    t.row(set("instance_id", "kept").set("update_mode", "UPDATE"), PARAM, "approval_code");
    for member in ["title", "form[*].name", "form[*].value", "user_name", "department_name"] {
        no_text(t, member);
    }
    t.row(set("i18n_resources", json!([])), PARAM, "i18n_resources");
    t.row(set("i18n_resources[*].is_default", false), PARAM, "i18n_resources");
    let pair = |name: usize, value: usize| json!([{"name": long(name), "value": long(value)}]);
    t.row(set("form", pair(1_024, 1_025)), FIELD, "form").says(max_len(FORM_CHARS));
    t.row(set("form[*].name", long(FORM_CHARS + 1)), FIELD, "form").says(max_len(FORM_CHARS));
    t.fits(set("form", pair(1_024, 1_024)));
    // The documented way to forget an instance names nobody.
    t.fits(without("user_id").set("status", "APPROVED"));
    t.row(without("user_id").set("status", "REJECTED"), FIELD, "user_id");
    let update = without("user_id").set("status", "APPROVED").set("update_mode", "UPDATE");
    t.row(update, FIELD, "user_id");
    t.fits(set("i18n_resources[*].locale", "xx-YY"));
    t.fits(set("unknown", 5).set("task_list[*].unknown", json!({})));
}

/// At least one of two links.
fn links(t: &mut Table, at: &str) {
    let links = format!("{at}links");
    let [pc, mobile] = ["pc", "mobile"].map(|link| format!("{links}.{link}_link"));
    t.must(&links, Object);
    t.may(&pc, Text(LINK_CHARS));
    t.may(&mobile, Text(LINK_CHARS));
    for edit in [without(&pc).without(&mobile), set(&pc, "").set(&mobile, "")] {
        t.row(edit, FIELD, &pc).says("is required");
    }
    t.row(set(&links, json!({"unknown": "https://oa.example.com"})), FIELD, &pc);
}

/// One of two ids, or something else that takes their place.
fn person(t: &mut Table, at: &str, instead: &str) {
    let [user, open] = ["user_id", "open_id"].map(|id| format!("{at}{id}"));
    t.depends(&user, Text(ID_CHARS));
    t.depends(&open, Text(ID_CHARS));
    for edit in [without(&user), set(&user, Value::Null), set(&user, "").set(&open, "")] {
        t.row(edit, FIELD, &user).says("is required");
    }
    // `ou_bob` is Bob's, and Ann is somebody else.
    t.row(set(&user, "ann").set(&open, "ou_bob"), PARAM, &open);
    t.row(set(&user, "nobody yet").set(&open, "ou_bob"), PARAM, &open);
    t.fits(set(&user, long(ID_CHARS)));
    t.fits(without(&user).set(&open, "o".repeat(ID_CHARS)));
    if !instead.is_empty() {
        t.fits(without(&user).set(instead, "系统"));
    }
}

fn sync_task(t: &mut Table) {
    t.must("task_list[*].task_id", Text(ID_CHARS));
    person(t, "task_list[*].", "");
    t.may("task_list[*].title", Text(TEXT_CHARS));
    links(t, "task_list[*].");
    t.must("task_list[*].status", Word);
    t.may("task_list[*].extra", Text(TEXT_CHARS));
    for time in ["create_time", "end_time", "update_time"] {
        t.must(&format!("task_list[*].{time}"), Whole);
    }
    t.may("task_list[*].action_context", Text(TEXT_CHARS));
    t.may("task_list[*].action_configs", List(ACTIONS_PER_TASK));
    t.must("task_list[*].action_configs[*].action_type", Text(ID_CHARS));
    t.depends("task_list[*].action_configs[*].action_name", Text(TEXT_CHARS));
    for flag in ["is_need_reason", "is_reason_required", "is_need_attachment"] {
        t.may(&format!("task_list[*].action_configs[*].{flag}"), Flag);
    }
    t.may("task_list[*].display_method", Word);
    t.may("task_list[*].exclude_statistics", Flag);
    t.may("task_list[*].node_id", Text(ID_CHARS));
    t.may("task_list[*].node_name", Name(TEXT_CHARS));
    t.depends("task_list[*].generate_type", Word);

    let [kind, name] =
        ["action_type", "action_name"].map(|part| format!("task_list[*].action_configs[*].{part}"));
    let (kind, name) = (kind.as_str(), name.as_str());
    t.row(without(name), FIELD, name).says("is required");
    t.row(set(name, ""), FIELD, name).says("is required");
    for word in ["APPROVE", "REJECT"] {
        t.fits(set(kind, word).without(name));
    }
    t.fits(set(name, long(TEXT_CHARS)));
    // Empty is no word here, unlike for other members.
    t.row(set("task_list[*].generate_type", ""), FIELD, "task_list[*].generate_type");
    t.fits(without("task_list[*].generate_type"));
    t.fits(set("task_list[*].generate_type", Value::Null));
    for member in ["task_list[*].title", "task_list[*].node_name", name] {
        no_text(t, member);
    }
    // A node's name is always a key, also when it does not look like one.
    t.row(set("task_list[*].node_name", "i18n@node"), PARAM, "i18n_resources");
    let twice = set("task_list[1]", task("t1", "tom", "PENDING", 10));
    t.row(twice, PARAM, "task_list[*].task_id");
}

fn sync_cc(t: &mut Table) {
    t.must("cc_list[*].cc_id", Text(ID_CHARS));
    person(t, "cc_list[*].", "");
    links(t, "cc_list[*].");
    t.must("cc_list[*].read_status", Word);
    t.may("cc_list[*].extra", Text(TEXT_CHARS));
    t.may("cc_list[*].title", Text(TEXT_CHARS));
    t.must("cc_list[*].create_time", Whole);
    t.must("cc_list[*].update_time", Whole);
    t.may("cc_list[*].display_method", Word);
    no_text(t, "cc_list[*].title");
    t.row(set("cc_list[1]", cc("c1", "tom", 10)), PARAM, "cc_list[*].cc_id");
    // One id for several things is accepted, since the platform does.
    t.fits(set("cc_list[*].cc_id", "t1"));
}

fn check() -> Table {
    let stamps = json!({"instance_id": "table", "update_time": "10", "tasks": [
        {"task_id": "t1", "update_time": "10"},
    ]});
    let mut t = Table::new(To::Check, json!({"instances": [stamps]}));
    t.must("instances", List(CHECK_INSTANCES));
    t.must("instances[*].instance_id", Text(ID_CHARS));
    t.must("instances[*].update_time", Whole);
    t.must("instances[*].tasks", List(CHECK_TASKS));
    t.must("instances[*].tasks[*].task_id", Text(ID_CHARS));
    t.must("instances[*].tasks[*].update_time", Whole);
    let stamp = t.entry("instances[*].tasks");
    let half = |count| with(t.entry("instances"), &json!({"tasks": copies(&stamp, count)}));
    let (fits, too_many) = (half(CHECK_TASKS / 2), half(CHECK_TASKS / 2 + 1));
    t.fits(set("instances", json!([fits, fits])));
    t.row(set("instances", json!([fits, too_many])), FIELD, "instances");
    t.fits(set("instances[*].tasks", json!([])));
    t.fits(set("unknown", 5));
    t
}

/// The filter in a body.
fn list(to: To) -> Table {
    let valid = json!({
        "approval_codes": ["home"],
        "instance_ids": ["kept"],
        "user_ids": ["bob"],
        "status": "PENDING",
    });
    let mut t = Table::new(to, valid);
    t.may("approval_codes", Texts(FILTER_CODES, TEXT_CHARS));
    t.may("instance_ids", Texts(FILTER_INSTANCES, TEXT_CHARS));
    t.may("user_ids", Texts(FILTER_USERS, TEXT_CHARS));
    t.may("status", Word);
    paging(&mut t, "");

    t.row(query("status=APPROVED"), PARAM, "body");
    t.row(query("user_ids=ann"), PARAM, "body");
    t.fits(query("approval_codes=home&instance_ids=kept&user_ids=bob&status=PENDING"));
    for (filter, fields) in incomplete() {
        t.row(whole(filter), PARAM, fields);
    }
    t.row(whole(Value::Null), PARAM, "instance_ids");
    t.row(set("instance_ids", json!([])).without("status"), PARAM, "status");
    t.row(set("instance_ids", json!([])).set("status", ""), PARAM, "status");
    t.row(set("instance_ids", json!([])).set("approval_codes", json!([])), PARAM, "approval_codes");
    t.fits(whole(json!({"instance_ids": ["kept"]})));
    t.fits(whole(json!({"approval_codes": ["home"], "status": "DONE"})));
    t.fits(set("unknown", 5));
    t
}

/// Combinations that ask for nothing that can be listed, and what each one lacks.
fn incomplete() -> [(Value, &'static str); 6] {
    [
        (json!({}), "instance_ids"),
        (json!({"approval_codes": [], "instance_ids": [], "user_ids": []}), "instance_ids"),
        (json!({"approval_codes": ["home"]}), "status"),
        (json!({"approval_codes": ["home"], "user_ids": ["bob"]}), "status"),
        (json!({"status": "PENDING", "user_ids": ["bob"]}), "approval_codes"),
        (json!({"user_ids": ["bob"]}), "approval_codes, status"),
    ]
}

/// The members that are always in the query; `filter` goes in front of them.
fn paging(t: &mut Table, filter: &str) {
    for size in ["0", "501", "-1", "1.5", "1e1", "abc", "%00", "99999999999999999999", "%2010"] {
        t.row(query(format!("{filter}page_size={size}")), PARAM, "page_size");
    }
    let forged =
        ["abc", "!!!", "%00", "%E5%AD%97", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"];
    for token in forged.into_iter().chain([&*"A".repeat(TEXT_CHARS)]) {
        t.row(query(format!("{filter}page_token={token}")), PARAM, "page_token");
    }
    for query in ["page_size=1", "page_size=500", "page_size=", "page_token=", "unknown=5"] {
        t.fits(self::query(format!("{filter}{query}")));
    }
}

/// The filter in the query.
fn list_by_query() -> Table {
    const VALID: [&str; 3] = ["status=PENDING", "approval_codes=home", "instance_ids=kept"];
    let mut t = Table::new(To::ListByQuery, json!({}));
    t.query = VALID.join("&");
    paging(&mut t, &format!("{}&", VALID.join("&")));
    for (list, max) in [
        ("approval_codes", FILTER_CODES),
        ("instance_ids", FILTER_INSTANCES),
        ("user_ids", FILTER_USERS),
    ] {
        // What else the query needs.
        let rest = VALID.into_iter().filter(|member| !member.starts_with(list));
        let rest = rest.collect::<Vec<_>>().join("&");
        let entries = |count: usize| (0..count).map(|n| format!("x{n}")).collect::<Vec<_>>();
        let repeated =
            |count| query(format!("{rest}&{list}={}", entries(count).join(&format!("&{list}="))));
        let joined = |count| query(format!("{list}={}&{rest}", entries(count).join(",")));
        t.row(repeated(max + 1), PARAM, list).says(max_len(max));
        t.row(joined(max + 1), PARAM, list).says(max_len(max));
        t.fits(repeated(max));
        t.fits(joined(max));
        // A text has the same bounds, wherever it comes from.
        let each = format!("{list}[*]");
        t.row(query(format!("{list}=a%00b&{rest}")), PARAM, &each).says("U+0000");
        let long = "x".repeat(TEXT_CHARS + 1);
        t.row(query(format!("{list}={long}&{rest}")), PARAM, &each).says(max_len(TEXT_CHARS));
    }
    for status in ["NONSENSE", "pending", "%00", "PENDING%20", "1"] {
        let row = t.row(query(format!("instance_ids=kept&status={status}")), PARAM, "status");
        row.says("options: [");
    }
    t.row(query(""), PARAM, "instance_ids");
    t.row(query("unknown=5"), PARAM, "instance_ids");
    t.row(query("approval_codes=&instance_ids=,&user_ids="), PARAM, "instance_ids");
    t.row(query("approval_codes=home"), PARAM, "status");
    t.row(query("approval_codes=home&user_ids=bob"), PARAM, "status");
    t.row(query("approval_codes=home&status="), PARAM, "status");
    t.row(query("status=PENDING"), PARAM, "approval_codes");
    t.row(query("status=PENDING&user_ids=bob"), PARAM, "approval_codes");
    t.row(query("user_ids=bob"), PARAM, "approval_codes, status");
    t.fits(query("approval_codes=home&status=PENDING"));
    t.fits(query("instance_ids=kept"));
    t
}

/// One person's human tasks.
fn user_tasks() -> Table {
    const WINDOW: &str = "start_time";
    const NONE: &str = r#""count":"0","tasks":[]"#;
    // The widest window that there is, so that each end of it can be each end of all numbers.
    let valid = json!({
        "type": "pending",
        "source": "assignMe",
        "limit": "10",
        "offset": "0",
        "start_time": "0",
        "end_time": i64::MAX.to_string(),
        "api_ids": [FLOW],
        "kunlun_user_id": KUNLUN,
    });
    let mut t = Table::new(To::UserTasks, valid);
    t.may("type", OneOf(&["archived", "pending"]));
    t.may("source", OneOf(&["fromMe", "assignMe", "CCMe"]));
    t.may("limit", Between(1, 50));
    t.may("offset", Whole);
    t.may("start_time", Whole);
    t.may("end_time", Whole);
    t.depends("api_ids", Texts(API_IDS, ID_CHARS));
    t.edges("api_ids", Texts(API_IDS, ID_CHARS));
    t.must("kunlun_user_id", Text(ID_CHARS));

    t.row(set("api_ids", json!([])), FLOW_PARAM, "api_ids").says("the min len is 1");
    t.row(set("api_ids", json!([FLOW, 5])), TYPE, "api_ids[*]");
    t.row(set("api_ids", json!([FLOW, null])), TYPE, "api_ids[*]");
    for (from, to) in [(11, 10), (1, 0), (i64::MAX, 0), (i64::MAX, i64::MAX - 1)] {
        t.row(set("start_time", from).set("end_time", to), FLOW_PARAM, WINDOW);
        let texts = set("start_time", from.to_string()).set("end_time", to.to_string());
        t.row(texts, FLOW_PARAM, WINDOW);
    }
    t.row(set("start_time", "20").set("end_time", 10), FLOW_PARAM, WINDOW);
    t.row(set("start_time", 10).set("end_time", "9"), FLOW_PARAM, WINDOW);
    t.row(set("start_time", "x").set("end_time", "y"), FLOW_PARAM, "start_time, end_time");
    t.row(whole(json!({})), FLOW_PARAM, "kunlun_user_id");
    t.row(whole(json!({"Kunlun_user_id": KUNLUN})), FLOW_PARAM, "kunlun_user_id");
    let everything = json!({
        "type": "open",
        "source": "ccMe",
        "limit": 51,
        "offset": -1,
        "start_time": 2,
        "end_time": 1,
        "api_ids": [],
    });
    let all = "type, source, limit, offset, start_time, api_ids, kunlun_user_id";
    t.row(whole(everything), FLOW_PARAM, all);
    // Nobody is known by this id, and what is wrong is wrong all the same.
    t.row(set("kunlun_user_id", "nobody").set("limit", 0), FLOW_PARAM, "limit");

    let both = r#""count":"2","tasks":[{"#;
    t.fits(Edit::default()).says(both);
    t.fits(whole(json!({"kunlun_user_id": KUNLUN}))).says(both);
    let members = ["type", "source", "limit", "offset", "start_time", "end_time", "api_ids"];
    let nulls = members.into_iter().fold(Edit::default(), |e, member| e.set(member, Value::Null));
    t.fits(nulls).says(both);
    for limit in [1, 50] {
        t.fits(set("limit", limit)).says(both);
        t.fits(set("limit", limit.to_string())).says(both);
    }
    t.fits(set("offset", 1)).says(both);
    for offset in [2, 3, i64::MAX] {
        t.fits(set("offset", offset)).says(r#""count":"2","tasks":[]"#);
        t.fits(set("offset", offset.to_string())).says(r#""count":"2","tasks":[]"#);
    }
    for start in STARTS {
        let one = r#""count":"1","tasks":[{"#;
        t.fits(set("start_time", start).set("end_time", start.to_string())).says(one);
        t.fits(set("start_time", start.to_string()).set("end_time", start)).says(one);
    }
    t.fits(set("start_time", STARTS[0]).set("end_time", STARTS[1])).says(both);
    t.fits(set("start_time", STARTS[0] + 1).set("end_time", STARTS[1] - 1)).says(NONE);
    t.fits(set("start_time", i64::MAX)).says(NONE);
    t.fits(set("end_time", 0)).says(NONE);
    t.fits(without("api_ids")).says(both);
    t.fits(set("api_ids", Value::Null)).says(both);
    t.fits(set("api_ids", json!([FLOW, FLOW, "nothing"]))).says(both);
    t.fits(set("api_ids", json!(["nothing", FLOW.to_uppercase()]))).says(NONE);
    t.fits(set("api_ids", json!([long(ID_CHARS)]))).says(NONE);
    for person in ["nobody", "01234", "1234 "] {
        t.fits(set("kunlun_user_id", person)).says(NONE);
    }
    t.fits(set("kunlun_user_id", "nobody").set("api_ids", json!(["nothing"]))).says(NONE);
    t.fits(set("unknown", 5).set("page_size", "x"));
    t
}

/// Every member of the pages, written down once more, so that the tables forget none.
pub(super) fn members_of_the_contract(to: To) -> BTreeSet<String> {
    let members: &[&str] = match to {
        To::TenantToken | To::AppToken => &["app_id app_secret"],
        To::Define => &[
            "user_id_type department_id_type",
            "approval_name approval_code group_code group_name description external viewers \
             i18n_resources managers",
            "external.biz_name external.biz_type external.create_link_mobile \
             external.create_link_pc external.support_pc external.support_mobile \
             external.support_batch_read external.enable_mark_readed \
             external.enable_quick_operate external.action_callback_url \
             external.action_callback_token external.action_callback_key \
             external.allow_batch_operate external.exclude_efficiency_statistics",
            "viewers[*].viewer_type viewers[*].viewer_user_id viewers[*].viewer_department_id",
            RESOURCES,
        ],
        To::Read => &["approval_code user_id_type"],
        To::Sync => &[
            "approval_code status extra instance_id links links.pc_link links.mobile_link title \
             form form[*].name form[*].value user_id open_id user_name department_id \
             department_name start_time end_time update_time display_method update_mode task_list \
             cc_list i18n_resources trusteeship_url_token trusteeship_user_id_type \
             trusteeship_urls trusteeship_cache_config resource_region",
            "trusteeship_urls.form_detail_url trusteeship_urls.action_definition_url \
             trusteeship_urls.approval_node_url trusteeship_urls.action_callback_url \
             trusteeship_urls.pull_business_data_url",
            "trusteeship_cache_config.form_policy trusteeship_cache_config.form_vary_with_locale \
             trusteeship_cache_config.form_version",
            "task_list[*].task_id task_list[*].user_id task_list[*].open_id task_list[*].title \
             task_list[*].links task_list[*].links.pc_link task_list[*].links.mobile_link \
             task_list[*].status task_list[*].extra task_list[*].create_time \
             task_list[*].end_time task_list[*].update_time task_list[*].action_context \
             task_list[*].action_configs task_list[*].display_method \
             task_list[*].exclude_statistics task_list[*].node_id task_list[*].node_name \
             task_list[*].generate_type",
            "task_list[*].action_configs[*].action_type \
             task_list[*].action_configs[*].action_name \
             task_list[*].action_configs[*].is_need_reason \
             task_list[*].action_configs[*].is_reason_required \
             task_list[*].action_configs[*].is_need_attachment",
            "cc_list[*].cc_id cc_list[*].user_id cc_list[*].open_id cc_list[*].links \
             cc_list[*].links.pc_link cc_list[*].links.mobile_link cc_list[*].read_status \
             cc_list[*].extra cc_list[*].title cc_list[*].create_time cc_list[*].update_time \
             cc_list[*].display_method",
            RESOURCES,
        ],
        To::Check => {
            &["instances instances[*].instance_id instances[*].update_time instances[*].tasks \
             instances[*].tasks[*].task_id instances[*].tasks[*].update_time"]
        }
        To::List | To::ListByPost | To::ListByQuery => {
            &["page_size page_token approval_codes instance_ids user_ids status"]
        }
        To::UserTasks => &["type source limit offset start_time end_time api_ids kunlun_user_id"],
    };
    members.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect()
}

const RESOURCES: &str = "i18n_resources[*].locale i18n_resources[*].texts \
                         i18n_resources[*].texts[*].key i18n_resources[*].texts[*].value \
                         i18n_resources[*].is_default";

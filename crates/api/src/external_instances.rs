//! `external_instances`: syncing an instance, and `check`: comparing version stamps.

use domain::instance::{ActionConfig, Cc, Instance, Links, Task};
use domain::limits;
use domain::person::PersonRef;
use domain::text::Resource;
use engine::check::{self, Stamps};
use engine::sync::{Counts, Synced, sync_instance};
use serde_json::{Map, Value, json};

use crate::external_instances_read::payload;
use crate::fault::{Code, Fault};
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};
use crate::names::{
    DISPLAY_METHOD, FORM_POLICY, GENERATE_TYPE, INSTANCE_STATUS, READ_STATUS, TASK_STATUS, word,
};

pub(crate) async fn sync(call: Call) -> Result<Reply, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let (code, payload) = payload(&Object::new(&members, &faults));
    faults.finish(Code::Fields)?;
    let caller = call.caller();
    let write = call.hub().write(move |tx, cx| sync_instance(tx, cx, &caller, &code, &payload));
    let done = write.await?;
    let warning = (!done.shared_ids.is_empty()).then(|| warning(&done.shared_ids));
    let data = json!({
        "data": instance_json(&done),
        "process_record": {
            "instance": counts_json(done.instance_rows),
            "task": counts_json(done.task_rows),
            "cc": counts_json(done.cc_rows),
        },
    });
    Ok(Reply::data(&data).warn(warning))
}

pub(crate) async fn check(call: Call) -> Result<Reply, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let asked = asked(&Object::new(&members, &faults));
    faults.finish(Code::Fields)?;
    if asked.is_empty() {
        return Ok(Reply::raw(r#"{"code":0,"msg":"success","data":{"diff_instances":[]}}"#));
    }
    let caller = call.caller();
    let different = call.hub().read(move |tx, _| check::check(tx, &caller, &asked)).await?;
    let instances: Vec<Value> = different
        .into_iter()
        .map(|instance| {
            let tasks = instance.tasks.iter();
            let tasks = tasks.map(|(id, t)| json!({"task_id": id, "update_time": t.to_string()}));
            json!({
                "instance_id": instance.instance_id,
                "update_time": instance.update_time.to_string(),
                "tasks": tasks.collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(Reply::data(&json!({"diff_instances": instances})))
}

/// How many ids the warning names, and how much of each: clients bound their headers.
const WARNED_IDS: usize = 10;
const WARNED_CHARS: usize = 40;

fn warning(ids: &[String]) -> String {
    let short = |id: &String| {
        id.chars().take(WARNED_CHARS).flat_map(char::escape_default).collect::<String>()
    };
    let named: Vec<_> = ids.iter().take(WARNED_IDS).map(short).collect();
    let more = ids.len().saturating_sub(WARNED_IDS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("ids used for several things of one instance: {}{more}", named.join(", "))
}

fn asked(object: &Object<'_>) -> Vec<Stamps> {
    if !object.has("instances") {
        object.required("instances");
    }
    let instances = object.list("instances", limits::CHECK_INSTANCES, |instance| {
        if !instance.has("tasks") {
            instance.required("tasks");
        }
        let tasks = instance.list("tasks", limits::CHECK_TASKS, |task| {
            (task.required_text("task_id", limits::ID_CHARS), task.required_time("update_time"))
        });
        Stamps {
            instance_id: instance.required_text("instance_id", limits::ID_CHARS),
            update_time: instance.required_time("update_time"),
            tasks: tasks.unwrap_or_default(),
        }
    });
    let instances = instances.unwrap_or_default();
    let tasks: usize = instances.iter().map(|instance| instance.tasks.len()).sum();
    if tasks > limits::CHECK_TASKS {
        let description = format!("the tasks of all instances are at most {}", limits::CHECK_TASKS);
        object.refuse("instances", &tasks.to_string(), description);
    }
    instances
}

fn counts_json(counts: Counts) -> Value {
    json!({
        "insert_num": counts.inserted,
        "update_num": counts.updated,
        "delete_num": counts.deleted,
    })
}

/// An object under construction: members that are not set are left out.
struct Out(Map<String, Value>);

impl Out {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn opt<T: Into<Value>>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn person(&mut self, person: &PersonRef) {
        self.opt("user_id", person.user_id.clone());
        self.opt("open_id", person.open_id.clone());
    }
}

fn instance_json(done: &Synced) -> Value {
    let Instance { details: d, .. } = &done.instance;
    let mut out = Out(Map::new());
    out.put("approval_code", done.code.clone());
    out.put("instance_id", done.instance.external_id.clone());
    out.put("status", word(INSTANCE_STATUS, done.instance.status));
    out.person(&done.instance.initiator);
    out.put("start_time", done.instance.start_time.to_string());
    out.put("end_time", done.instance.end_time.to_string());
    out.put("update_time", done.instance.update_time.to_string());
    out.opt("extra", d.extra.clone());
    out.put("links", links_json(&d.links));
    out.opt("title", d.title.clone());
    let form = d.form.as_ref();
    out.opt("form", form.map(|form| form.iter().map(pair_json).collect::<Vec<_>>()));
    out.opt("user_name", d.initiator_name.clone());
    out.opt("department_id", d.department_id.clone());
    out.opt("department_name", d.department_name.clone());
    out.opt("display_method", d.display_method.get().map(|m| word(DISPLAY_METHOD, m)));
    out.opt("trusteeship_url_token", d.trusteeship_url_token.clone());
    out.opt("trusteeship_user_id_type", d.trusteeship_user_id_type.clone());
    if let Some(urls) = &d.trusteeship_urls {
        let mut inner = Out(Map::new());
        inner.opt("form_detail_url", urls.form_detail.clone());
        inner.opt("action_definition_url", urls.action_definition.clone());
        inner.opt("approval_node_url", urls.approval_node.clone());
        inner.opt("action_callback_url", urls.action_callback.clone());
        inner.opt("pull_business_data_url", urls.pull_business_data.clone());
        out.put("trusteeship_urls", inner.0);
    }
    if let Some(cache) = &d.trusteeship_cache {
        let mut inner = Out(Map::new());
        inner.opt("form_policy", cache.form_policy.map(|p| word(FORM_POLICY, p)));
        inner.opt("form_vary_with_locale", cache.form_vary_with_locale);
        inner.opt("form_version", cache.form_version.map(|v| v.to_string()));
        out.put("trusteeship_cache_config", inner.0);
    }
    out.opt("resource_region", d.resource_region.clone());
    out.put("task_list", done.tasks.iter().map(task_json).collect::<Vec<_>>());
    out.put("cc_list", done.ccs.iter().map(cc_json).collect::<Vec<_>>());
    out.put("i18n_resources", resources_json(&d.resources));
    out.0.into()
}

fn pair_json((name, value): &(Option<String>, Option<String>)) -> Value {
    let mut out = Out(Map::new());
    out.opt("name", name.clone());
    out.opt("value", value.clone());
    out.0.into()
}

fn links_json(links: &Links) -> Value {
    let mut out = Out(Map::new());
    out.opt("pc_link", links.pc.clone());
    out.opt("mobile_link", links.mobile.clone());
    out.0.into()
}

fn task_json(task: &Task) -> Value {
    let d = &task.details;
    let mut out = Out(Map::new());
    out.put("task_id", task.external_id.clone());
    out.person(&task.assignee);
    out.opt("title", d.title.clone());
    out.put("links", links_json(&d.links));
    out.put("status", word(TASK_STATUS, task.status));
    out.opt("extra", d.extra.clone());
    out.put("create_time", task.create_time.to_string());
    out.put("end_time", task.end_time.to_string());
    out.put("update_time", task.update_time.to_string());
    out.opt("action_context", d.action_context.clone());
    let actions = d.actions.as_ref();
    out.opt("action_configs", actions.map(|a| a.iter().map(action_json).collect::<Vec<_>>()));
    out.opt("display_method", d.display_method.get().map(|m| word(DISPLAY_METHOD, m)));
    out.opt("exclude_statistics", d.exclude_statistics);
    out.opt("node_id", d.node_id.clone());
    out.opt("node_name", d.node_name.clone());
    out.opt("generate_type", d.generate_type.map(|g| word(GENERATE_TYPE, g)));
    out.0.into()
}

fn action_json(action: &ActionConfig) -> Value {
    let mut out = Out(Map::new());
    out.put("action_type", action.action_type.clone());
    out.opt("action_name", action.name.clone());
    out.opt("is_need_reason", action.need_reason);
    out.opt("is_reason_required", action.reason_required);
    out.opt("is_need_attachment", action.need_attachment);
    out.0.into()
}

fn cc_json(cc: &Cc) -> Value {
    let d = &cc.details;
    let mut out = Out(Map::new());
    out.put("cc_id", cc.external_id.clone());
    out.person(&cc.person);
    out.put("links", links_json(&d.links));
    out.put("read_status", word(READ_STATUS, cc.read_status));
    out.opt("extra", d.extra.clone());
    out.opt("title", d.title.clone());
    out.put("create_time", cc.create_time.to_string());
    out.put("update_time", cc.update_time.to_string());
    out.opt("display_method", d.display_method.get().map(|m| word(DISPLAY_METHOD, m)));
    out.0.into()
}

/// Texts by language, shared with definitions.
pub(crate) fn resources_json(resources: &[Resource]) -> Value {
    let resource = |resource: &Resource| {
        let texts = resource.texts.iter().map(|(key, value)| json!({"key": key, "value": value}));
        json!({
            "locale": resource.locale,
            "texts": texts.collect::<Vec<_>>(),
            "is_default": resource.is_default,
        })
    };
    resources.iter().map(resource).collect()
}

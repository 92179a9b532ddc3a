//! Reading the body of `external_instances`: members, their types and their bounds.

use domain::instance::{
    ActionConfig, Cc, CcDetails, Instance, InstanceDetails, InstanceStatus, Links, Task,
    TaskDetails, TrusteeshipCache, TrusteeshipUrls,
};
use domain::limits::{self, CCS_PER_SYNC, ID_CHARS, LINK_CHARS, TASKS_PER_SYNC};
use domain::person::PersonRef;
use domain::sync::{Mode, Payload};
use domain::text::Resource;

use crate::fields::Object;
use crate::names::{
    DISPLAY_METHOD, FORM_POLICY, GENERATE_TYPE, INSTANCE_STATUS, READ_STATUS, TASK_STATUS,
    UPDATE_MODE,
};

/// The code of the definition, and what to sync.
pub(crate) fn payload(object: &Object<'_>) -> (String, Payload) {
    let code = object.required_text("approval_code", limits::CODE_CHARS);
    let mode = object.choice("update_mode", UPDATE_MODE).unwrap_or_default();
    let instance = instance(object, mode);
    let tasks = object.list("task_list", TASKS_PER_SYNC, task).unwrap_or_default();
    let ccs = object.list("cc_list", CCS_PER_SYNC, cc).unwrap_or_default();
    (code, Payload { mode, instance, tasks, ccs })
}

fn instance(object: &Object<'_>, mode: Mode) -> Instance {
    let external_id = object.required_text("instance_id", ID_CHARS);
    let status = object.required_choice("status", INSTANCE_STATUS);
    let initiator = person(object);
    let initiator_name = object.text("user_name");
    // An approved replacement of nobody is the documented way to purge.
    let may_be_nobody = mode == Mode::Replace && status == InstanceStatus::Approved;
    let named = !initiator.is_empty() || initiator_name.as_deref().is_some_and(|n| !n.is_empty());
    if !named && !may_be_nobody {
        object.required("user_id");
    }
    Instance {
        external_id,
        status,
        initiator,
        start_time: object.required_time("start_time"),
        end_time: object.required_time("end_time"),
        update_time: object.required_time("update_time"),
        details: InstanceDetails {
            extra: object.text("extra"),
            links: links(object),
            title: object.text("title"),
            form: form(object),
            initiator_name,
            department_id: object.text_up_to("department_id", ID_CHARS),
            department_name: object.text("department_name"),
            display_method: object.given("display_method", DISPLAY_METHOD),
            trusteeship_url_token: object.text("trusteeship_url_token"),
            trusteeship_user_id_type: trusteeship_user_id_type(object),
            trusteeship_urls: object.object("trusteeship_urls").as_ref().map(trusteeship_urls),
            trusteeship_cache: object
                .object("trusteeship_cache_config")
                .as_ref()
                .map(trusteeship_cache),
            resource_region: object.text("resource_region"),
            resources: required_i18n_resources(object),
        },
    }
}

/// One word or empty, which clears it.
fn trusteeship_user_id_type(object: &Object<'_>) -> Option<String> {
    object.choice("trusteeship_user_id_type", &[("user_id", ())]);
    object.text("trusteeship_user_id_type")
}

fn trusteeship_urls(object: &Object<'_>) -> TrusteeshipUrls {
    let link = |name: &str| object.text_up_to(name, LINK_CHARS);
    TrusteeshipUrls {
        form_detail: link("form_detail_url"),
        action_definition: link("action_definition_url"),
        approval_node: link("approval_node_url"),
        action_callback: link("action_callback_url"),
        pull_business_data: link("pull_business_data_url"),
    }
}

fn trusteeship_cache(object: &Object<'_>) -> TrusteeshipCache {
    TrusteeshipCache {
        form_policy: object.choice("form_policy", FORM_POLICY),
        form_vary_with_locale: object.flag("form_vary_with_locale"),
        form_version: object.int("form_version"),
    }
}

/// Whoever is named; empty is the same as absent.
fn person(object: &Object<'_>) -> PersonRef {
    let id = |name: &str| object.text_up_to(name, ID_CHARS).filter(|id| !id.is_empty());
    PersonRef { user_id: id("user_id"), open_id: id("open_id") }
}

fn required_person(object: &Object<'_>) -> PersonRef {
    let person = person(object);
    if person.is_empty() {
        object.required("user_id");
    }
    person
}

fn links(object: &Object<'_>) -> Links {
    if !object.has("links") {
        object.required("links");
    }
    let Some(inner) = object.object("links") else { return Links::default() };
    let link = |name: &str| inner.text_up_to(name, LINK_CHARS).filter(|link| !link.is_empty());
    let links = Links { pc: link("pc_link"), mobile: link("mobile_link") };
    if links == Links::default() {
        inner.required("pc_link");
    }
    links
}

/// Name and value; all of them together are bounded.
fn form(object: &Object<'_>) -> Option<Vec<(Option<String>, Option<String>)>> {
    let form =
        object.list("form", limits::FORM_PAIRS, |pair| (pair.text("name"), pair.text("value")))?;
    let texts = form.iter().flat_map(|(name, value)| [name, value]).flatten();
    let length: usize = texts.map(|text| text.chars().count()).sum();
    if length > limits::FORM_CHARS {
        let max = limits::FORM_CHARS;
        object.refuse("form", &length.to_string(), format!("the max len is {max}"));
    }
    Some(form)
}

fn task(object: &Object<'_>) -> Task {
    Task {
        external_id: object.required_text("task_id", ID_CHARS),
        assignee: required_person(object),
        status: object.required_choice("status", TASK_STATUS),
        create_time: object.required_time("create_time"),
        end_time: object.required_time("end_time"),
        update_time: object.required_time("update_time"),
        details: TaskDetails {
            title: object.text("title"),
            links: links(object),
            extra: object.text("extra"),
            action_context: object.text("action_context"),
            actions: object.list("action_configs", limits::ACTIONS_PER_TASK, action),
            display_method: object.given("display_method", DISPLAY_METHOD),
            exclude_statistics: object.flag("exclude_statistics"),
            node_id: object.text_up_to("node_id", ID_CHARS),
            node_name: object.text("node_name"),
            generate_type: generate_type(object),
        },
    }
}

/// The page says that an empty string is not allowed here, unlike for other words.
fn generate_type(object: &Object<'_>) -> Option<domain::instance::GenerateType> {
    if object.is_empty_text("generate_type") {
        object.refuse("generate_type", "", "options: [EXTERNAL_CONSIGN,DEFAULT]");
    }
    object.choice("generate_type", GENERATE_TYPE)
}

fn action(object: &Object<'_>) -> ActionConfig {
    let action_type = object.required_text("action_type", ID_CHARS);
    let name = object.text("action_name").filter(|name| !name.is_empty());
    if name.is_none() && !["APPROVE", "REJECT", ""].contains(&action_type.as_str()) {
        object.required("action_name");
    }
    ActionConfig {
        action_type,
        name,
        need_reason: object.flag("is_need_reason"),
        reason_required: object.flag("is_reason_required"),
        need_attachment: object.flag("is_need_attachment"),
    }
}

fn cc(object: &Object<'_>) -> Cc {
    Cc {
        external_id: object.required_text("cc_id", ID_CHARS),
        person: required_person(object),
        read_status: object.required_choice("read_status", READ_STATUS),
        create_time: object.required_time("create_time"),
        update_time: object.required_time("update_time"),
        details: CcDetails {
            title: object.text("title"),
            links: links(object),
            extra: object.text("extra"),
            display_method: object.given("display_method", DISPLAY_METHOD),
        },
    }
}

fn required_i18n_resources(object: &Object<'_>) -> Vec<Resource> {
    if !object.has("i18n_resources") {
        object.required("i18n_resources");
    }
    i18n_resources(object)
}

/// Texts by language, shared with definitions.
pub(crate) fn i18n_resources(object: &Object<'_>) -> Vec<Resource> {
    let read = |resource: &Object<'_>| {
        let locale = resource.required_text("locale", ID_CHARS);
        for name in ["texts", "is_default"] {
            if !resource.has(name) {
                resource.required(name);
            }
        }
        let texts = resource.list("texts", limits::TEXTS_PER_LOCALE, |text| {
            let key = text.required_text("key", limits::TEXT_CHARS);
            if !text.has("value") {
                text.required("value");
            }
            (key, text.text("value").unwrap_or_default())
        });
        let is_default = resource.flag("is_default").unwrap_or_default();
        Resource { locale, texts: texts.unwrap_or_default(), is_default }
    };
    object.list("i18n_resources", limits::LOCALES, read).unwrap_or_default()
}

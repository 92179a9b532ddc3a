//! `external_approvals`: registering and reading a definition.

use domain::definition::{CallbackSecrets, DefinitionRequest, External, Viewer};
use domain::limits;
use domain::person::AliasKind;
use domain::text;
use engine::definitions::{self, Read};
use serde_json::{Value, json};

use crate::external_instances_read::i18n_resources;
use crate::fault::{Code, Fault, Violation};
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};
use crate::names::{DEPARTMENT_ID_TYPE, USER_ID_TYPE, Words};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ViewerType {
    Tenant,
    Department,
    User,
    None,
}

pub(crate) const VIEWER_TYPE: Words<ViewerType> = &[
    ("TENANT", ViewerType::Tenant),
    ("DEPARTMENT", ViewerType::Department),
    ("USER", ViewerType::User),
    ("NONE", ViewerType::None),
];

pub(crate) async fn put(call: Call) -> Result<Reply, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let users = query_choice(&call, &faults, "user_id_type", USER_ID_TYPE);
    query_choice(&call, &faults, "department_id_type", DEPARTMENT_ID_TYPE);
    let request = request(&Object::new(&members, &faults), users);
    faults.finish(Code::Fields)?;
    let caller = call.caller();
    let code = call.hub().write(move |tx, cx| definitions::put(tx, cx, &caller, &request)).await?;
    Ok(Reply::data(&json!({"approval_code": code})))
}

pub(crate) async fn get(call: Call) -> Result<Reply, Fault> {
    let faults = Faults::default();
    let users = query_choice(&call, &faults, "user_id_type", USER_ID_TYPE);
    faults.finish(Code::Fields)?;
    let (caller, code) = (call.caller(), call.segment("approval_code"));
    let data = call.hub().read(move |tx, cx| {
        let read = definitions::get(tx, cx, &caller, &code)?;
        let mut show = |kind: AliasKind, value: &str| {
            definitions::translate(tx, &caller, (kind, value), users)
        };
        let mut managers = Vec::new();
        for (kind, value) in &read.details.managers {
            managers.extend(show(*kind, value)?);
        }
        let mut viewers = Vec::new();
        for viewer in &read.details.viewers {
            viewers.push(match viewer {
                Viewer::Tenant => json!({"viewer_type": "TENANT"}),
                Viewer::None => json!({"viewer_type": "NONE"}),
                Viewer::Department(id) => {
                    json!({"viewer_type": "DEPARTMENT", "viewer_department_id": id})
                }
                Viewer::User(kind, value) => {
                    json!({"viewer_type": "USER", "viewer_user_id": show(*kind, value)?})
                }
            });
        }
        Ok(definition_json(&read, &viewers, &managers))
    });
    Ok(Reply::data(&data.await?))
}

/// A word in the query; the first is the default.
fn query_choice<T: Copy>(call: &Call, faults: &Faults, name: &str, words: Words<T>) -> T {
    let given = call.query().into_iter().find(|(n, value)| n == name && !value.is_empty());
    let Some((_, given)) = given else { return words[0].1 };
    let found = words.iter().find(|(word, _)| *word == given);
    if found.is_none() {
        let options: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let description = format!("options: [{}]", options.join(","));
        faults.value(Violation::new(name, description).with_value(given));
    }
    found.unwrap_or(&words[0]).1
}

pub(crate) fn request(object: &Object<'_>, users: AliasKind) -> DefinitionRequest {
    let name = object.required_text("approval_name", limits::TEXT_CHARS);
    if text::is_key(&name) && name.chars().count() < limits::NAME_KEY_MIN_CHARS {
        let min = limits::NAME_KEY_MIN_CHARS;
        object.refuse("approval_name", &name, format!("the min len is {min}"));
    }
    if !object.has("external") {
        object.required("external");
    }
    let external = object.object("external");
    let (source, secrets) = external.as_ref().map(read_external).unwrap_or_default();
    let managers = object.texts("managers", limits::VIEWERS, limits::ID_CHARS).unwrap_or_default();
    DefinitionRequest {
        custom_code: object.required_text("approval_code", limits::CODE_CHARS),
        name,
        group_code: object.text_up_to("group_code", limits::ID_CHARS),
        group_name: object.text("group_name"),
        description: object.text("description").filter(|text| !text.is_empty()),
        external: source,
        secrets,
        viewers: object
            .list("viewers", limits::VIEWERS, |viewer| read_viewer(viewer, users))
            .unwrap_or_default(),
        resources: i18n_resources(object),
        managers: managers.into_iter().map(|id| (users, id)).collect(),
    }
}

fn read_external(object: &Object<'_>) -> (External, CallbackSecrets) {
    let text = |name: &str| object.text(name).filter(|text| !text.is_empty());
    let link =
        |name: &str| object.text_up_to(name, limits::LINK_CHARS).filter(|text| !text.is_empty());
    let flag = |name: &str| object.flag(name).unwrap_or_default();
    let external = External {
        biz_name: text("biz_name"),
        biz_type: text("biz_type"),
        create_link_mobile: link("create_link_mobile"),
        create_link_pc: link("create_link_pc"),
        support_pc: flag("support_pc"),
        support_mobile: flag("support_mobile"),
        support_batch_read: flag("support_batch_read"),
        enable_mark_readed: flag("enable_mark_readed"),
        enable_quick_operate: flag("enable_quick_operate"),
        action_callback_url: link("action_callback_url"),
        allow_batch_operate: flag("allow_batch_operate"),
        exclude_efficiency_statistics: flag("exclude_efficiency_statistics"),
    };
    let secrets =
        CallbackSecrets { token: text("action_callback_token"), key: text("action_callback_key") };
    (external, secrets)
}

fn read_viewer(object: &Object<'_>, users: AliasKind) -> Viewer {
    let user = object.text_up_to("viewer_user_id", limits::ID_CHARS);
    let department = object.text_up_to("viewer_department_id", limits::ID_CHARS);
    // The page stars no member of a viewer: without a type, the id that is given tells it.
    let told = match (&user, &department) {
        (Some(_), _) => ViewerType::User,
        (None, Some(_)) => ViewerType::Department,
        (None, None) => ViewerType::Tenant,
    };
    if told == ViewerType::Tenant && !object.has("viewer_type") {
        object.required("viewer_type");
    }
    match object.choice("viewer_type", VIEWER_TYPE).unwrap_or(told) {
        ViewerType::Tenant => Viewer::Tenant,
        ViewerType::None => Viewer::None,
        ViewerType::Department => {
            if department.as_deref().unwrap_or_default().is_empty() {
                object.required("viewer_department_id");
            }
            Viewer::Department(department)
        }
        ViewerType::User => {
            let user = user.filter(|user| !user.is_empty());
            if user.is_none() {
                object.required("viewer_user_id");
            }
            Viewer::User(users, user.unwrap_or_default())
        }
    }
}

fn definition_json(read: &Read, viewers: &[Value], managers: &[String]) -> Value {
    let (details, external) = (&read.details, &read.details.external);
    json!({
        "approval_name": details.name,
        "approval_code": read.custom_code,
        "group_code": details.group_code,
        "group_name": read.group_name,
        "description": details.description.as_deref().unwrap_or_default(),
        "external": {
            "biz_name": external.biz_name.as_deref().unwrap_or_default(),
            "biz_type": external.biz_type.as_deref().unwrap_or_default(),
            "create_link_mobile": external.create_link_mobile.as_deref().unwrap_or_default(),
            "create_link_pc": external.create_link_pc.as_deref().unwrap_or_default(),
            "support_pc": external.support_pc,
            "support_mobile": external.support_mobile,
            "support_batch_read": external.support_batch_read,
            "enable_mark_readed": external.enable_mark_readed,
            "enable_quick_operate": external.enable_quick_operate,
            "action_callback_url": external.action_callback_url.as_deref().unwrap_or_default(),
            "action_callback_token": read.secrets.token.as_deref().unwrap_or_default(),
            "action_callback_key": read.secrets.key.as_deref().unwrap_or_default(),
            "allow_batch_operate": external.allow_batch_operate,
            "exclude_efficiency_statistics": external.exclude_efficiency_statistics,
        },
        "viewers": viewers,
        "i18n_resources": crate::external_instances::resources_json(&details.resources),
        "managers": managers,
    })
}

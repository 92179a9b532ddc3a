//! `flows/:flow_id/execute`: starting an instance of a flow.

use domain::limits::{ID_CHARS, TEXT_CHARS};
use engine::flow_run::Named;
use engine::flow_run::execute::{self, Start, Started};
use serde_json::{Value, json};

use crate::fault::{Code, Fault};
use crate::fields::{Faults, Object, body};
use crate::flow_actions::refused;
use crate::flow_fault::Places;
use crate::gateway::{Call, Reply};
use crate::names::{FLOW_STATUS, word};

/// Most masks (page of the endpoint).
pub(crate) const LOOP_MASKS: usize = 20;
/// Longest text of parameters, in characters. Own figure: two hundred long texts do not fit, which no
/// form has.
pub(crate) const PARAMS_CHARS: usize = 1 << 20;

const PLACES: Places = Places { on: "flow_id", by: "operator" };

pub(crate) async fn execute(call: Call) -> Result<Reply, Fault> {
    let (start, is_async) = read(&call)?;
    let caller = call.caller();
    let started = call.hub().write(move |tx, cx| execute::execute(tx, cx, &caller, &start)).await;
    let started = started.map_err(|error| refused(error, PLACES))?;
    Ok(Reply::data(&answer(&started, is_async)))
}

/// What is asked for, and whether the caller does not wait for the outcome.
fn read(call: &Call) -> Result<(Start, bool), Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let object = Object::new(&members, &faults);
    let is_async = object.flag("is_async").unwrap_or_default();
    // Masks keep the original's triggers from calling each other. Flows here have no triggers.
    object.texts("loop_masks", LOOP_MASKS, ID_CHARS);
    let start = Start {
        namespace: call.segment("namespace"),
        api_id: call.segment("flow_id"),
        key: object.text_up_to("idempotent_key", ID_CHARS).filter(|key| !key.is_empty()),
        operator: Named { member: PLACES.by, ids: operator(&object) },
        params: params(&object),
    };
    faults.finish(Code::FlowParam)?;
    Ok((start, is_async))
}

/// Both are started before they are answered; who does not wait for the outcome is not told it.
fn answer(started: &Started, is_async: bool) -> Value {
    let id = started.instance.to_string();
    let out = if is_async {
        json!([])
    } else {
        json!([
            {"api_name": "instance_id", "value": id},
            {"api_name": "status", "value": word(FLOW_STATUS, started.status)},
        ])
    };
    json!({
        "status": if is_async { "running" } else { "end" },
        "out_params": out.to_string(),
        "execution_id": id,
        "error_msg": "",
        "code": "0",
    })
}

/// JSON in a text. `None` where it is absent, or was refused.
fn json_in(object: &Object<'_>, name: &str, max: usize) -> Option<Value> {
    let text = object.text_up_to(name, max).filter(|text| !text.is_empty())?;
    serde_json::from_str(&text)
        .map_err(|error| object.refuse(name, &text, format!("is not valid JSON: {error}")))
        .ok()
}

/// Who starts it: JSON text with `_id`.
fn operator(object: &Object<'_>) -> Vec<String> {
    const FORM: &str = "must be the text of a JSON object such as {\"_id\":\"1700000000000001\"}";
    if !object.has("operator") || object.is_empty_text("operator") {
        object.required("operator");
        return Vec::new();
    }
    let Some(value) = json_in(object, "operator", TEXT_CHARS) else { return Vec::new() };
    let id = match value.get("_id") {
        Some(Value::String(text)) if !text.is_empty() && text.chars().count() <= ID_CHARS => {
            Some(text.clone())
        }
        Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
        _ => None,
    };
    if id.is_none() {
        let has_email = value.get("email").is_some_and(Value::is_string);
        let reason = if has_email && value.get("_id").is_none() {
            "people are not known by email on this server: give their _id"
        } else {
            FORM
        };
        object.refuse("operator", &value.to_string(), reason);
    }
    id.into_iter().collect()
}

/// The parameters: JSON text of an object, or of a list of names and values as answers have it.
fn params(object: &Object<'_>) -> Vec<(String, Value)> {
    match json_in(object, "params", PARAMS_CHARS) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(members)) => members.into_iter().collect(),
        Some(Value::Array(entries)) => {
            let pair = |entry: &Value| {
                let name = entry.get("api_name")?.as_str()?.to_owned();
                Some((name, entry.get("value").cloned().unwrap_or_default()))
            };
            let pairs: Option<Vec<_>> = entries.iter().map(pair).collect();
            pairs.unwrap_or_else(|| {
                object.refuse("params", "", "each entry of a list needs an api_name");
                Vec::new()
            })
        }
        Some(other) => {
            let description = "must be the text of a JSON object, or of a list of \
                               {\"api_name\", \"value\"}";
            object.refuse("params", &other.to_string(), description);
            Vec::new()
        }
    }
}

//! What callers start a flow with: JSON made into values of the flow's parameters, people resolved.

use domain::TenantId;
use domain::process::definition::Parameter;
use domain::process::values::{self, Kind, Value, ValueFault, Values};
use serde_json::Value as Json;
use store::Tx;

use super::FlowFault;
use crate::{Context, Result, people};

/// The values in `given`, by name of the parameter; every fault at once. Absent is the same as null and as
/// an empty text.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    parameters: &[Parameter],
    given: &[(String, Json)],
) -> Result<Values> {
    let (mut values, mut faults) = (Values::new(), Vec::new());
    for (name, json) in given.iter().filter(|(_, json)| !is_nothing(json)) {
        let Some(parameter) = parameters.iter().find(|parameter| parameter.name == *name) else {
            // The rules say so, whatever its value is.
            values.insert(name.clone(), Value::Boolean(false));
            continue;
        };
        match value(tx, cx, tenant, &parameter.kind, json)? {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err(reason) => faults.push(ValueFault { name: name.clone(), reason }),
        }
    }
    let others = values::faults(parameters, &values);
    let told: Vec<_> = faults.iter().map(|fault: &ValueFault| fault.name.clone()).collect();
    faults.extend(others.into_iter().filter(|fault| !told.contains(&fault.name)));
    if faults.is_empty() { Ok(values) } else { Err(FlowFault::values(faults).into()) }
}

fn is_nothing(json: &Json) -> bool {
    json.is_null() || json.as_str() == Some("") || json.as_array().is_some_and(Vec::is_empty)
}

fn value(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    kind: &Kind,
    json: &Json,
) -> Result<Result<Value, String>> {
    let wrong = || format!("the value must be of type {}", kind.word());
    Ok(match kind {
        Kind::Text | Kind::Date | Kind::Choice(_) | Kind::Department => match json {
            Json::String(text) if text.contains('\0') => {
                Err("must not contain the character U+0000".to_owned())
            }
            Json::String(text) => Ok(Value::Text(text.clone())),
            _ => Err(wrong()),
        },
        Kind::Integer => {
            let parsed = json.as_i64().or_else(|| json.as_str()?.parse().ok());
            parsed.map(Value::Integer).ok_or_else(wrong)
        }
        Kind::Number => {
            let parsed = json.as_f64().or_else(|| json.as_str()?.parse().ok());
            parsed.filter(|number| number.is_finite()).map(Value::Number).ok_or_else(wrong)
        }
        Kind::Boolean => json.as_bool().map(Value::Boolean).ok_or_else(wrong),
        Kind::Person => match alias(json) {
            Some(id) => person(tx, cx, tenant, &id)?.map(Value::Person),
            None => Err(wrong()),
        },
        Kind::People => {
            let one = std::slice::from_ref(json);
            let entries = json.as_array().map_or(one, Vec::as_slice);
            if entries.len() > domain::limits::ASSIGNEES {
                let most = domain::limits::ASSIGNEES;
                return Ok(Err(format!("at most {most} people are allowed")));
            }
            let mut found = Vec::with_capacity(entries.len());
            for entry in entries {
                let Some(id) = alias(entry) else { return Ok(Err(wrong())) };
                match person(tx, cx, tenant, &id)? {
                    Ok(id) => found.push(id),
                    Err(reason) => return Ok(Err(reason)),
                }
            }
            Ok(Value::People(found))
        }
    })
}

/// A person's id: digits as text or as a number, or an object that holds them as `_id`.
pub(crate) fn alias(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Json::Number(number) => number.as_u64().map(|number| number.to_string()),
        Json::Object(members) => {
            let id = members.get("_id").filter(|id| !id.is_object())?;
            alias(id)
        }
        _ => None,
    }
}

fn person(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: &str,
) -> Result<Result<domain::PersonId, String>> {
    let long = id.chars().count() > domain::limits::ID_CHARS || id.contains('\0');
    let found = if long { None } else { people::participant(tx, cx, tenant, id)? };
    Ok(found
        .ok_or_else(|| format!("nobody has the id `{}`", id.chars().take(50).collect::<String>())))
}

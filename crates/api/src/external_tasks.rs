//! `external_tasks`: the states of tasks, page by page.
//!
//! The filters come in the body of a GET, as documented; in the query, or in the body of a POST,
//! for clients that refuse a body on GET.

use domain::filter::FilterParts;
use domain::limits::TEXT_CHARS;
use engine::tasks::{self, Page};
use serde_json::Value;

use crate::fault::{Code, Fault, Violation};
use crate::fields::{Faults, Object, body, check_text};
use crate::gateway::{Call, Reply};
use crate::names::TASK_STATUS;

/// Page of the endpoint.
const DEFAULT_PAGE: usize = 50;
pub(crate) const LARGEST_PAGE: usize = 500;
/// Guards the server; the rules of filters have bounds of their own, which name the limit.
const ENTRIES: usize = 10_000;

pub(crate) async fn list(call: Call) -> Result<Reply, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let in_body = body_parts(&Object::new(&members, &faults));
    let query = call.query();
    let in_query = query_parts(&query, &faults);
    let size = page_size(&query, &faults);
    let token = value_of(&query, "page_token").map(str::to_owned);
    faults.finish(Code::Param)?;
    let parts = match (in_body.is_empty(), in_query.is_empty()) {
        (_, true) => in_body,
        (true, false) => in_query,
        (false, false) if sorted(in_body.clone()) == sorted(in_query) => in_body,
        (false, false) => {
            return Err(Fault::new(Code::Param).violation(Violation::new(
                "body",
                "the filters in the body and in the query differ; send them in one place",
            )));
        }
    };
    let caller = call.caller();
    let read =
        call.hub().look(move |view| tasks::list(view, &caller, &parts, token.as_deref(), size));
    Ok(Reply::raw(render(&read.await?)))
}

fn body_parts(object: &Object<'_>) -> FilterParts {
    FilterParts {
        codes: object.texts("approval_codes", ENTRIES, TEXT_CHARS).unwrap_or_default(),
        instances: object.texts("instance_ids", ENTRIES, TEXT_CHARS).unwrap_or_default(),
        users: object.texts("user_ids", ENTRIES, TEXT_CHARS).unwrap_or_default(),
        status: object.choice("status", TASK_STATUS),
    }
}

/// Lists in the query are repeated members or separated by commas.
fn query_parts(query: &[(String, String)], faults: &Faults) -> FilterParts {
    let list = |name: &str| -> Vec<String> {
        let values = query.iter().filter(|(n, _)| n == name).flat_map(|(_, v)| v.split(','));
        let values = values.filter(|value| !value.is_empty());
        values
            .inspect(|value| check_text(faults, &format!("{name}[*]"), value, TEXT_CHARS))
            .map(str::to_owned)
            .collect()
    };
    let status = value_of(query, "status").and_then(|given| {
        let found = TASK_STATUS.iter().find(|(word, _)| *word == given);
        if found.is_none() {
            let options: Vec<_> = TASK_STATUS.iter().map(|(word, _)| *word).collect();
            let description = format!("options: [{}]", options.join(","));
            faults.value(Violation::new("status", description).with_value(given));
        }
        found.map(|(_, status)| *status)
    });
    FilterParts {
        codes: list("approval_codes"),
        instances: list("instance_ids"),
        users: list("user_ids"),
        status,
    }
}

fn sorted(mut parts: FilterParts) -> FilterParts {
    for list in [&mut parts.codes, &mut parts.instances, &mut parts.users] {
        list.sort_unstable();
        list.dedup();
    }
    parts
}

/// A member of the query; empty is the same as absent.
fn value_of<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    let found = query.iter().find(|(n, value)| n == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

fn page_size(query: &[(String, String)], faults: &Faults) -> usize {
    let Some(given) = value_of(query, "page_size") else { return DEFAULT_PAGE };
    match given.parse() {
        Ok(size) if (1..=LARGEST_PAGE).contains(&size) => size,
        _ => {
            let description = format!("must be a whole number from 1 to {LARGEST_PAGE}");
            faults.value(Violation::new("page_size", description).with_value(given));
            DEFAULT_PAGE
        }
    }
}

/// The answer around its instances.
fn render(page: &Page) -> Vec<u8> {
    let items = page.items.bytes();
    // Room for what stands around them: a token has at most 1,600 characters.
    let mut out = Vec::with_capacity(items.len() + 2_048);
    out.extend_from_slice(br#"{"code":0,"msg":"success","data":{"data":["#);
    out.extend_from_slice(items);
    out.extend_from_slice(b"],");
    if let Some(token) = &page.next {
        out.extend_from_slice(br#""page_token":"#);
        out.extend_from_slice(Value::from(token.as_str()).to_string().as_bytes());
        out.push(b',');
    }
    let more: &[u8] =
        if page.next.is_some() { br#""has_more":true}}"# } else { br#""has_more":false}}"# };
    out.extend_from_slice(more);
    out
}

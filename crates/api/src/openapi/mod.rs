//! The OpenAPI document: built from the table of endpoints that requests are routed by, the limits
//! of the rules and the table of codes, so that it says what the server does.
//!
//! What each endpoint takes and answers is described in `tokens.rs`, `external.rs`, `flows.rs`,
//! `operations.rs` and `admin.rs`.

pub(crate) mod admin;
mod external;
mod flows;
mod members;
mod operations;
mod tokens;

use serde_json::{Map, Value, json};

use crate::endpoints::Endpoint;
use crate::fault::Code;
use crate::limit::Tier;
use members::Member;

pub(crate) use external::{check_instances, get_approval, put_approval, sync_instance};
pub(crate) use flows::{
    add_assignee, agree, cancel, cc, chat_group, execute, expediting, reject, rollback,
    rollback_points, transfer,
};
pub(crate) use operations::{list_tasks, query_user_tasks};
pub(crate) use tokens::{
    app_token, resend_ticket, store_app_token, store_tenant_token, tenant_token,
};

/// The page that shows the document. It loads nothing from anywhere else.
pub(crate) const PAGE: &str = include_str!("page.html");

/// What an endpoint is for, takes and answers.
pub(crate) struct Operation {
    /// One line.
    summary: &'static str,
    /// The page of `docs/api` that tells the rest, without its ending.
    page: &'static str,
    /// What each parameter of the path is, in order.
    segments: &'static [&'static str],
    query: Vec<Member>,
    /// `None`: what is sent as a body is not read.
    body: Option<Vec<Member>>,
    /// A body that the demo company answers with success, but for what depends on its seed.
    example: Value,
    answer: Answer,
    /// Which codes it answers beside those of every endpoint.
    codes: &'static [Code],
}

/// How success looks.
enum Answer {
    /// `data` has these members.
    Data(Vec<Member>),
    /// The members stand beside `code`, and refusals have HTTP 200 with these codes.
    Flat(Vec<Member>, &'static [i64]),
}

/// What any endpoint answers once a request is there.
const COMMON: &[Code] =
    &[Code::JsonType, Code::TooLarge, Code::RateLimit, Code::Busy, Code::Internal];
/// What one that needs a token answers beside.
const GUARDED: &[Code] = &[
    Code::NoToken,
    Code::AppDisabled,
    Code::InvalidToken,
    Code::UserToken,
    Code::TokenPrefix,
    Code::NoScope,
];
/// What the admin API answers beside.
const ADMINISTRATORS: &[Code] = &[Code::AdminKey, Code::AdminOff, Code::AdminMissing];

/// What the server below answers without reading on, so without a body or a log id.
const TOO_LONG: &[(&str, &str)] =
    &[("414", "The path and query are too long."), ("431", "The headers are too long.")];

/// Name of the way in which callers say who they are.
const TOKEN: &str = "tenant_access_token";
const ADMIN_KEY: &str = "admin_key";

const LOG_ID: &str = "#/components/headers/LogId";

/// The document for these endpoints.
pub(crate) fn document(endpoints: &[&'static Endpoint]) -> String {
    let mut paths = Map::new();
    for (place, endpoint) in endpoints.iter().enumerate() {
        // Two methods of one path share a name, which is counted and logged; ids are told apart.
        let repeats = endpoints[..place].iter().any(|other| other.name == endpoint.name);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        let method = endpoint.method.as_str().to_ascii_lowercase();
        let id =
            if repeats { format!("{}.{method}", endpoint.name) } else { endpoint.name.to_owned() };
        path[method] = operation(endpoint, &id, &(endpoint.about)());
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
            "description": INTRODUCTION,
        },
        "paths": paths,
        "components": {
            "schemas": {"Fault": fault()},
            "headers": {"LogId": log_id()},
            "securitySchemes": {TOKEN: {
                "type": "http",
                "scheme": "bearer",
                "description": "A tenant access token. The roles listed by an operation are \
                                scopes of the app; any one of them is enough.",
            }, ADMIN_KEY: {
                "type": "http",
                "scheme": "bearer",
                "description": "The server's admin key, which its operator sets.",
            }},
        },
    });
    // For people to read and to compare.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

const INTRODUCTION: &str = "The approval and human-task API of the Feishu open platform, as this \
server speaks it. A slash at the end of a path is accepted. Absent, empty and null bodies are the \
same as {}; null for a member is the same as leaving it out; unknown members are ignored. Text must \
not contain the character U+0000. Every answer carries X-Tt-Logid.";

fn operation(endpoint: &'static Endpoint, id: &str, about: &Operation) -> Value {
    let mut operation = json!({
        "operationId": id,
        "summary": about.summary,
        "tags": [endpoint.path.split('/').nth(2).unwrap_or_default()],
        "externalDocs": {"url": format!("docs/api/{}.md", about.page)},
        "x-rate-limit": rate(endpoint.tier),
        "responses": responses(endpoint, about),
    });
    if let Some(scopes) = endpoint.scopes {
        operation["security"] = scopes.iter().map(|scope| json!({TOKEN: [scope]})).collect();
    }
    if endpoint.is_admin() {
        operation["security"] = json!([{ADMIN_KEY: []}]);
    }
    let mut parameters: Vec<Value> = Vec::new();
    let names = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{'));
    for (name, meaning) in names.zip(about.segments) {
        parameters.push(json!({
            "name": name.trim_end_matches('}'),
            "in": "path",
            "required": true,
            "description": meaning,
            "schema": {"type": "string", "minLength": 1},
        }));
    }
    parameters.extend(about.query.iter().map(Member::in_query));
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(members) = &about.body {
        let (mut schema, required) = (members::asked(members), members::any_needed(members));
        if !required {
            schema["type"] = json!(["object", "null"]);
        }
        operation["requestBody"] = json!({
            "required": required,
            "content": {"application/json": {
                "schema": schema,
                "example": about.example,
            }},
        });
    }
    operation
}

fn rate(tier: Tier) -> Value {
    let (per_minute, per_second) = tier.figures();
    json!({
        "per_minute": per_minute,
        "per_second": per_second,
        "counted_per": if tier == Tier::Token { "address" } else { "app and tenant" },
    })
}

fn responses(endpoint: &Endpoint, about: &Operation) -> Value {
    let guarded = if endpoint.scopes.is_some() { GUARDED } else { &[] };
    let custom: &[Code] = if endpoint.takes_custom_apps_only() { &[Code::CustomOnly] } else { &[] };
    let admin = if endpoint.is_admin() { ADMINISTRATORS } else { &[] };
    let codes = COMMON.iter().chain(guarded).chain(custom).chain(admin).chain(about.codes);
    let mut by_status: Map<String, Value> = Map::new();
    for code in codes {
        let (number, status, msg) = code.row();
        let entry = by_status.entry(status.as_str()).or_insert_with(|| json!({}));
        entry[number.to_string()] = msg.into();
    }
    let mut responses: Map<String, Value> =
        by_status.into_iter().map(|(status, codes)| (status, refusal(&codes))).collect();
    responses["429"]["headers"] = json!({
        "X-Ogw-Ratelimit-Limit": header("integer", "The figure that was reached."),
        "X-Ogw-Ratelimit-Reset": header("integer", "Seconds until the window ends."),
    });
    responses["429"]["headers"]["X-Tt-Logid"] = json!({"$ref": LOG_ID});
    responses["503"]["headers"]["Retry-After"] = header("integer", "Seconds.");
    responses.insert("200".to_owned(), success(&about.answer));
    for (status, about) in TOO_LONG {
        responses.insert((*status).to_owned(), json!({"description": about}));
    }
    if endpoint.path.contains('{') {
        let text = json!({"schema": {"type": "string", "const": "404 page not found"}});
        let lost = responses
            .entry("404")
            .or_insert_with(|| json!({"description": "The path has other segments."}));
        lost["content"]["text/plain"] = text;
    }
    responses.into()
}

fn header(kind: &str, about: &str) -> Value {
    json!({"description": about, "required": true, "schema": {"type": kind}})
}

fn log_id() -> Value {
    let mut header = header("string", "What the operator searches the log for.");
    header["schema"]["pattern"] = "^[0-9]{14}[0-9A-F]{18}$".into();
    header
}

fn success(answer: &Answer) -> Value {
    let schema = match answer {
        Answer::Data(members) => json!({
            "type": "object",
            "properties": {
                "code": {"const": 0},
                "msg": {"const": "success"},
                "data": members::answered(members),
            },
            "required": ["code", "msg", "data"],
        }),
        Answer::Flat(members, codes) => {
            let mut done = members::answered(members);
            done["properties"]["code"] = json!({"const": 0});
            let refused = json!({
                "type": "object",
                "properties": {"code": {"enum": codes}, "msg": {"type": "string"}},
                "required": ["code", "msg"],
            });
            json!({"anyOf": [done, refused]})
        }
    };
    json!({
        "description": "Success, code 0.",
        "headers": {"X-Tt-Logid": {"$ref": LOG_ID}},
        "content": {"application/json": {"schema": schema}},
    })
}

fn refusal(codes: &Value) -> Value {
    let empty = Map::new();
    let table = codes.as_object().unwrap_or(&empty);
    let rows: Vec<_> =
        table.iter().map(|(code, msg)| format!("{code} {msg}", msg = text(msg))).collect();
    let numbers: Vec<i64> = table.keys().filter_map(|code| code.parse().ok()).collect();
    json!({
        "description": format!("Refused: {}", rows.join("; ")),
        "headers": {"X-Tt-Logid": {"$ref": LOG_ID}},
        "content": {"application/json": {"schema": {
            "allOf": [{"$ref": "#/components/schemas/Fault"}],
            "properties": {"code": {"enum": numbers}},
        }}},
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn fault() -> Value {
    let text = json!({"type": "string"});
    let field = json!({
        "type": "object",
        "properties": {"field": text, "value": text, "description": text},
        "required": ["field", "description"],
    });
    let permission = json!({
        "type": "object",
        "properties": {"type": {"const": "action_scope_required"}, "subject": text},
        "required": ["type", "subject"],
    });
    json!({
        "type": "object",
        "properties": {
            "code": {"type": "integer", "description": "Tell faults apart by it, never by msg."},
            "msg": text,
            "error": {
                "type": "object",
                "properties": {
                    "log_id": {"type": "string", "description": "The same as X-Tt-Logid."},
                    "troubleshooter": text,
                    "field_violations": {"type": "array", "items": field},
                    "permission_violations": {"type": "array", "items": permission},
                },
                "required": ["log_id", "troubleshooter"],
            },
        },
        "required": ["code", "msg", "error"],
    })
}

//! What the token endpoints take and answer.

use serde_json::{Value, json};

use super::members::{COUNT, Kind, Member, needed};
use super::{Answer, Operation};

const TEXT: Kind = Kind::Text(usize::MAX);

fn credentials() -> Vec<Member> {
    vec![
        needed("app_id", TEXT).about("The app's id."),
        needed("app_secret", TEXT).about("Its secret."),
    ]
}

/// Refusals have HTTP 200, with these codes.
fn operation(
    page: &'static str,
    summary: &'static str,
    body: Vec<Member>,
    example: Value,
    answer: Vec<Member>,
    refused: &'static [i64],
) -> Operation {
    let mut members = vec![needed("msg", TEXT)];
    members.extend(answer);
    Operation {
        summary,
        page,
        segments: &[],
        query: Vec::new(),
        body: Some(body),
        example,
        answer: Answer::Flat(members, refused),
        codes: &[],
    }
}

fn issued(tokens: &[&'static str]) -> Vec<Member> {
    let expire = needed("expire", COUNT);
    let mut answer = vec![expire.about("Whole seconds for which the token is still accepted.")];
    answer.extend(tokens.iter().map(|name| needed(name, TEXT)));
    answer
}

fn of_the_demo() -> Value {
    json!({"app_id": "cli_demo", "app_secret": "demo-secret"})
}

pub(crate) fn tenant_token() -> Operation {
    let summary = "The token of a custom app in its tenant";
    let answer = issued(&["tenant_access_token"]);
    let refused = &[10_003, 10_005, 10_014];
    operation("tokens", summary, credentials(), of_the_demo(), answer, refused)
}

pub(crate) fn app_token() -> Operation {
    let summary = "The token of a custom app, under both names";
    let answer = issued(&["app_access_token", "tenant_access_token"]);
    let refused = &[10_003, 10_005, 10_014];
    operation("tokens", summary, credentials(), of_the_demo(), answer, refused)
}

pub(crate) fn store_app_token() -> Operation {
    let mut body = credentials();
    body.push(needed("app_ticket", TEXT).about("As it was pushed last."));
    let example = json!({"app_id": "cli_store", "app_secret": "secret", "app_ticket": "aaaabg3k"});
    operation(
        "store_apps",
        "A store app's own token, for a ticket",
        body,
        example,
        issued(&["app_access_token"]),
        &[10_003, 10_005, 10_012, 10_014],
    )
}

pub(crate) fn store_tenant_token() -> Operation {
    let body = vec![
        needed("app_access_token", TEXT).about("The app's own token (a-…)."),
        needed("tenant_key", TEXT).about("A tenant that installed the app."),
    ];
    operation(
        "store_apps",
        "A store app's token in a tenant that installed it",
        body,
        json!({"app_access_token": "a-aaaa", "tenant_key": "demo"}),
        issued(&["tenant_access_token"]),
        &[10_005, 10_013, 20_014],
    )
}

pub(crate) fn resend_ticket() -> Operation {
    operation(
        "store_apps",
        "Push a store app's ticket once more",
        credentials(),
        of_the_demo(),
        Vec::new(),
        &[10_003, 10_005, 10_014, 10_016],
    )
}

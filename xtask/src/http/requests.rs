//! What each row of reads asks: a few thousand requests that differ, always the same ones for a size.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::{Client, token_request};
use super::rows::Read;
use crate::company::Company;
use crate::records::{self, CODES, Dice, FLOWS, START, STEP, TASKS_PER_INSTANCE};

const INBOX: &str = "/open-apis/apaas/v1/user_task/query";
const TASKS: &str = "/open-apis/approval/v4/external_tasks";
const CHECK: &str = "/open-apis/approval/v4/external_instances/check";
pub(crate) const SYNC: &str = "/open-apis/approval/v4/external_instances";

/// Where nothing is to be kept: enough to meet most people of a large folder.
const MANY: usize = 20_000;
/// Elsewhere.
const SOME: usize = 4_000;
/// How many people the hot set is asked for.
const HOT: usize = 64;
/// How many pages of a list are walked to get tokens.
const PAGES: usize = 8;
/// The lists that callers ask for, the first most often.
const LISTS: [(&str, &str); 5] = [
    ("pending", "assignMe"),
    ("pending", "assignMe"),
    ("pending", "assignMe"),
    ("archived", "assignMe"),
    ("pending", "fromMe"),
];

/// A request, without its token.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self { method: "POST", path: path.to_owned(), body: body.to_string() }
    }

    /// The same for the bare server: as long, and answered with so many bytes.
    pub(crate) fn bare(&self, bytes: usize) -> Self {
        let mut path = format!("/{bytes}/");
        let missing = self.path.len().saturating_sub(path.len());
        path.extend(std::iter::repeat_n('x', missing));
        Self { path, ..self.clone() }
    }
}

/// Writes requests as the load generators read them.
pub(crate) fn save(file: &Path, requests: impl IntoIterator<Item = Request>) -> Result<()> {
    let mut text = String::new();
    for Request { method, path, body } in requests {
        writeln!(text, "{method}\t{path}\t{body}")?;
    }
    Ok(std::fs::write(file, text)?)
}

/// The requests of a row. Asks the server where they depend on what it holds.
pub(crate) fn requests(read: Read, company: &Company, client: &Client) -> Result<Vec<Request>> {
    let people = records::people(company.tasks);
    let mut dice = Dice(3);
    let light = |dice: &mut Dice| 1 + dice.roll(people - 1);
    let mut inbox = |count: usize, mut person: Box<dyn FnMut(&mut Dice) -> usize + '_>| {
        (0..count).map(|_| ask_inbox(&mut dice, &mut person)).collect()
    };
    Ok(match read {
        // Spread over all people, so that they do not share pages of the file.
        Read::InboxHot => {
            let step = (people / HOT).max(1);
            inbox(
                SOME,
                Box::new(move |dice| 1 + dice.roll(HOT.min(people - 1)) * step % (people - 1)),
            )
        }
        Read::InboxMissed => inbox(MANY, Box::new(light)),
        Read::InboxMixed => {
            let fifth = (people / 5).max(1);
            inbox(
                MANY,
                Box::new(move |dice| {
                    let often = dice.roll(5) != 0;
                    // Every fifth person is one of the frequent ones.
                    if often {
                        1 + dice.roll(fifth) * 5 % (people - 1)
                    } else {
                        1 + dice.roll(people - 1)
                    }
                }),
            )
        }
        Read::InboxHeavyFirst => inbox(SOME, Box::new(|_| 0)),
        Read::InboxHeavyDeep => heavy_deep(client)?,
        Read::InboxFiltered => (0..SOME).map(|_| filtered(&mut dice, company.tasks)).collect(),
        Read::TasksByIds => (0..SOME).map(|_| by_ids(&mut dice, company.tasks)).collect(),
        Read::TasksPage(size) => pages(client, size)?,
        Read::TasksByUsers => (0..SOME).map(|_| by_users(&mut dice, people)).collect(),
        Read::Check => (0..SOME).map(|_| check(&mut dice, company.tasks)).collect(),
        Read::Token => vec![token_request(company)],
    })
}

/// The first page of what waits for a person.
pub(crate) fn inbox_of(person: usize) -> Request {
    let person = records::kunlun(person);
    Request::post(
        INBOX,
        &json!({"kunlun_user_id": person, "type": "pending", "source": "assignMe", "limit": "10"}),
    )
}

fn ask_inbox(dice: &mut Dice, person: &mut dyn FnMut(&mut Dice) -> usize) -> Request {
    let (state, source) = LISTS[dice.roll(LISTS.len())];
    let person = records::kunlun(person(dice));
    Request::post(
        INBOX,
        &json!({"kunlun_user_id": person, "type": state, "source": source, "limit": "10"}),
    )
}

fn heavy_deep(client: &Client) -> Result<Vec<Request>> {
    let mut dice = Dice(4);
    let mut all = Vec::with_capacity(SOME);
    for (state, source) in LISTS {
        let ask = |offset: usize| {
            let (person, offset) = (records::kunlun(0), offset.to_string());
            Request::post(
                INBOX,
                &json!({"kunlun_user_id": person, "type": state, "source": source, "limit": "10",
                        "offset": offset}),
            )
        };
        let count = client.ask(&ask(0))?.json["data"]["count"].clone();
        let count: usize = count.as_str().context("no count")?.parse()?;
        // From 78 to 82 parts of a hundred.
        let offset = |dice: &mut Dice| count * 78 / 100 + dice.roll((count * 4 / 100).max(1));
        all.extend((0..SOME / LISTS.len()).map(|_| ask(offset(&mut dice))));
    }
    Ok(all)
}

/// Twenty flows and half of the time. One in ten is the heavy person's, as one in ten tasks is.
fn filtered(dice: &mut Dice, tasks: usize) -> Request {
    let people = records::people(tasks);
    let person = if dice.roll(10) == 0 { 0 } else { 1 + dice.roll(people - 1) };
    let first = dice.roll(FLOWS);
    let flows: Vec<String> = (0..20).map(|n| format!("flow_{}", (first + n) % FLOWS)).collect();
    let (state, source) = LISTS[dice.roll(LISTS.len())];
    let start = START + dice.roll(tasks / 2) * STEP;
    let end = start + tasks / 2 * STEP;
    Request::post(
        INBOX,
        &json!({"kunlun_user_id": records::kunlun(person), "type": state, "source": source,
                "limit": "10", "api_ids": flows, "start_time": start.to_string(),
                "end_time": end.to_string()}),
    )
}

fn by_ids(dice: &mut Dice, tasks: usize) -> Request {
    let instances = tasks / TASKS_PER_INSTANCE;
    let ids: Vec<String> = (0..20).map(|_| format!("i{}", dice.roll(instances))).collect();
    Request::post(TASKS, &json!({"instance_ids": ids}))
}

/// First pages and those after them, of every definition.
fn pages(client: &Client, size: usize) -> Result<Vec<Request>> {
    let path = format!("{TASKS}?page_size={size}");
    let mut all = Vec::new();
    for code in 0..CODES {
        for status in ["PENDING", "APPROVED"] {
            let filter = json!({"approval_codes": [format!("code_{code}")], "status": status});
            let mut request = Request::post(&path, &filter);
            for _ in 0..PAGES {
                let answer = client.ask(&request)?.json;
                all.push(request);
                let Some(token) = answer["data"]["page_token"].as_str() else { break };
                request = Request::post(&format!("{path}&page_token={token}"), &filter);
            }
        }
    }
    // So that neighbours are not of one list.
    let mut dice = Dice(5);
    for n in (1..all.len()).rev() {
        all.swap(n, dice.roll(n + 1));
    }
    Ok(all)
}

fn by_users(dice: &mut Dice, people: usize) -> Request {
    let users: Vec<String> = (0..10).map(|_| format!("u{}", 1 + dice.roll(people - 1))).collect();
    let status = if dice.roll(2) == 0 { "PENDING" } else { "APPROVED" };
    // A third of all instances are of the first definition.
    Request::post(
        TASKS,
        &json!({"approval_codes": ["code_0"], "user_ids": users, "status": status}),
    )
}

/// A hundred instances with their tasks. Every tenth has another stamp than the server.
fn check(dice: &mut Dice, tasks: usize) -> Request {
    let instances: Vec<Value> = (0..100)
        .map(|place| {
            let n = dice.roll(tasks / TASKS_PER_INSTANCE);
            let stamp = (START + n * STEP).to_string();
            let tasks: Vec<Value> = (0..TASKS_PER_INSTANCE)
                .map(|task| json!({"task_id": format!("i{n}-{task}"), "update_time": stamp}))
                .collect();
            let own = if place % 10 == 0 { "1".to_owned() } else { stamp };
            json!({"instance_id": format!("i{n}"), "update_time": own, "tasks": tasks})
        })
        .collect();
    Request::post(CHECK, &json!({"instances": instances}))
}

/// Whether an answer shows anything. A measurement of empty answers would be worthless.
pub(crate) fn shows_something(read: Read, answer: &Value) -> bool {
    let list = match read {
        Read::Token => return answer["tenant_access_token"].is_string(),
        Read::Check => &answer["data"]["diff_instances"],
        Read::TasksByIds | Read::TasksPage(_) | Read::TasksByUsers => &answer["data"]["data"],
        _ => &answer["data"]["tasks"],
    };
    list.as_array().is_some_and(|list| !list.is_empty())
}

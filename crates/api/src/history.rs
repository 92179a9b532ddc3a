//! The history of an instance, as `/admin` and commands answer it.

use std::collections::BTreeMap;

use domain::PersonId;
use domain::process::{Event, history};
use engine::flow_run::KnownAs;
use engine::flow_run::audit::{History, Told};
use serde_json::{Map, Value, json};

use crate::names::{FLOW_STATUS, word};

type People = BTreeMap<PersonId, KnownAs>;

/// Every entry with what followed from it, people by the ids that callers know.
pub fn history(history: &History) -> Value {
    let entry = |told: &Told| entry(told, &history.people);
    json!({"entries": history.entries.iter().map(entry).collect::<Value>()})
}

fn entry(told: &Told, people: &People) -> Value {
    let mut entry = json!({
        "seq": told.seq,
        "time": told.at.to_string(),
        "action": told.action,
        "operator": told.by.map(|person| known(person, people)),
        "hash": told.hash.map(|hash| hash.to_string()),
    });
    if let Some(whole) = &told.entry {
        entry["task_id"] = whole.task.map(|task| task.to_string()).into();
        entry["opinion"] = whole.opinion.as_str().into();
        entry["events"] = whole.events.iter().map(|one| event(one, people)).collect();
    }
    entry
}

fn known(person: PersonId, people: &People) -> Value {
    let known = people.get(&person).cloned().unwrap_or_default();
    json!({"user_id": known.id, "name": known.name})
}

/// What happened, in a word, with what it happened to.
fn event(event: &Event, people: &People) -> Value {
    let one = |person: &PersonId| known(*person, people);
    let all = |persons: &[PersonId]| persons.iter().map(one).collect::<Value>();
    let (kind, about) = match event {
        Event::Opened { task, node } => ("opened", json!({"task_id": id(*task), "node": node})),
        Event::Waits { task, person, on_behalf_of } => (
            "waits",
            json!({
                "task_id": id(*task),
                "person": one(person),
                "on_behalf_of": on_behalf_of.as_ref().map(one),
            }),
        ),
        Event::Decided { task, seat, by, status, automatic } => (
            "decided",
            json!({
                "task_id": id(*task),
                "part_of": one(seat),
                "by": by.as_ref().map(one),
                "status": word(FLOW_STATUS, *status),
                "automatic": automatic,
            }),
        ),
        Event::Skipped { node, reason } => {
            ("skipped", json!({"node": node, "reason": skipped(*reason)}))
        }
        Event::Moved { task, from, to } => {
            ("moved", json!({"task_id": id(*task), "from": one(from), "to": one(to)}))
        }
        Event::Added { task, person } => {
            ("added", json!({"task_id": id(*task), "person": one(person)}))
        }
        Event::Inserted { task, node, people } => {
            ("inserted", json!({"task_id": id(*task), "node": node, "people": all(people)}))
        }
        Event::Copied { task, person } => {
            ("copied", json!({"task_id": id(*task), "person": one(person)}))
        }
        Event::Urged { task, person } => {
            ("urged", json!({"task_id": id(*task), "person": one(person)}))
        }
        Event::Talked { task, chat } => ("talked", json!({"task_id": id(*task), "chat_id": chat})),
        Event::Reminded { task, people } => {
            ("reminded", json!({"task_id": id(*task), "people": all(people)}))
        }
        Event::Overdue { task } => ("overdue", json!({"task_id": id(*task)})),
        Event::StandsIn { task, person, on_behalf_of, why } => (
            "stands_in",
            json!({
                "task_id": id(*task),
                "person": one(person),
                "on_behalf_of": one(on_behalf_of),
                "reason": why_of(*why),
            }),
        ),
        Event::StandsBack { task, person, on_behalf_of } => (
            "stands_back",
            json!({
                "task_id": id(*task),
                "person": one(person),
                "on_behalf_of": one(on_behalf_of),
            }),
        ),
        Event::Closed { task, status } => {
            ("closed", json!({"task_id": id(*task), "status": word(FLOW_STATUS, *status)}))
        }
        Event::WentBack { node } => ("went_back", json!({"node": node})),
        Event::Ended { status, reason } => {
            ("ended", json!({"status": word(FLOW_STATUS, *status), "reason": reason}))
        }
    };
    let mut told = Map::from_iter([("event".to_owned(), Value::from(kind))]);
    if let Value::Object(about) = about {
        told.extend(about);
    }
    told.into()
}

fn id(task: domain::TaskId) -> String {
    task.to_string()
}

fn skipped(reason: history::Skip) -> &'static str {
    match reason {
        history::Skip::Condition => "condition",
        history::Skip::Nobody => "nobody",
    }
}

fn why_of(why: domain::process::state::Why) -> &'static str {
    match why {
        domain::process::state::Why::Substitute => "substitute",
        domain::process::state::Why::Escalation => "escalation",
    }
}

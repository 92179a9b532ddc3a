//! `user_task/query`: one person's human tasks.

use domain::limits::{API_IDS, ID_CHARS};
use engine::inbox::{self, Asked, UserTask};

use crate::fault::{Code, Fault};
use crate::fields::{Faults, Object, body};
use crate::gateway::{Call, Reply};
use crate::names::{TASK_SOURCE, TASK_STATE};

/// Page of the endpoint, and of its sample where that is silent.
const DEFAULT_LIMIT: i64 = 10;
pub(crate) const LARGEST_LIMIT: i64 = 50;

pub(crate) async fn query(call: Call) -> Result<Reply, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let asked = asked(&Object::new(&members, &faults));
    faults.finish(Code::FlowParam)?;
    let caller = call.caller();
    let read = call.hub().look(move |view| inbox::user_tasks(view, &caller, &asked));
    let (count, tasks) = read.await?;
    Ok(Reply::raw(render(count, &tasks)))
}

fn asked(object: &Object<'_>) -> Asked {
    let limit = object.int("limit").unwrap_or(DEFAULT_LIMIT);
    if !(1..=LARGEST_LIMIT).contains(&limit) {
        let description = format!("must be a whole number from 1 to {LARGEST_LIMIT}");
        object.refuse("limit", &limit.to_string(), description);
    }
    let (from, to) = (object.int("start_time"), object.int("end_time"));
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        object.refuse("start_time", &from.to_string(), "must not be after end_time");
    }
    let api_ids = object.texts("api_ids", API_IDS, ID_CHARS);
    if api_ids.as_ref().is_some_and(Vec::is_empty) && object.has("api_ids") {
        object.refuse("api_ids", "[]", "the min len is 1");
    }
    Asked {
        kunlun_id: object.required_text("kunlun_user_id", ID_CHARS),
        state: object.choice("type", TASK_STATE),
        relation: object.choice("source", TASK_SOURCE),
        api_ids,
        from,
        to,
        offset: object.int("offset").unwrap_or(0),
        limit: usize::try_from(limit).unwrap_or_default(),
    }
}

/// What a task has beside its cards, in bytes: member names and two numbers.
const AROUND: usize = 90;

/// The answer, copied together from the bytes of cards.
fn render(count: i64, tasks: &[UserTask]) -> Vec<u8> {
    let size = |task: &UserTask| task.card.bytes.len() + task.initiator.bytes.len() + AROUND;
    let mut out = Vec::with_capacity(tasks.iter().map(size).sum::<usize>() + AROUND);
    let mut number = itoa::Buffer::new();
    out.extend_from_slice(br#"{"code":0,"msg":"success","data":{"count":""#);
    out.extend_from_slice(number.format(count).as_bytes());
    out.extend_from_slice(br#"","tasks":["#);
    for (index, task) in tasks.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"task_id":""#);
        out.extend_from_slice(number.format(task.entry.key.task).as_bytes());
        out.extend_from_slice(br#"","task_start_time":""#);
        out.extend_from_slice(number.format(task.entry.key.start).as_bytes());
        out.extend_from_slice(br#"","#);
        out.extend_from_slice(&task.initiator.bytes);
        out.push(b',');
        out.extend_from_slice(&task.card.bytes);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}}");
    out
}

//! What people do to the tasks of flows: `approval_tasks`, `approval_instances` and `user_tasks`.

use domain::limits::{COPIES_PER_ACTION, ID_CHARS, PEOPLE_PER_ACTION, TEXT_CHARS};
use engine::flow_run::Named;
use engine::flow_run::actions::{self, Asked, On, What};
use serde_json::{Value, json};

use crate::cards::texts;
use crate::fault::{Code, Fault};
use crate::fields::{Faults, Object, body};
use crate::flow_fault::{self, Places};
use crate::gateway::{Call, Reply};
use crate::names::ASSIGNEE_PLACE;

/// Whether an endpoint takes what somebody says.
#[derive(Clone, Copy, PartialEq)]
enum Opinion {
    No,
    Maybe,
    Needed,
}

const APPROVAL_TASK: Places = Places { on: "approval_task_id", by: "user_id" };
const APPROVAL_INSTANCE: Places = Places { on: "approval_instance_id", by: "user_id" };
pub(crate) const USER_TASK: Places = Places { on: "task_id", by: "operator_user_id" };

pub(crate) async fn agree(call: Call) -> Result<Reply, Fault> {
    act(call, APPROVAL_TASK, Opinion::Maybe, |_| What::Agree).await
}

pub(crate) async fn reject(call: Call) -> Result<Reply, Fault> {
    act(call, APPROVAL_TASK, Opinion::Maybe, |_| What::Reject).await
}

pub(crate) async fn transfer(call: Call) -> Result<Reply, Fault> {
    act(call, APPROVAL_TASK, Opinion::Maybe, |object| What::Transfer {
        from: people(object, "from_user_ids", PEOPLE_PER_ACTION),
        to: people(object, "to_user_ids", PEOPLE_PER_ACTION),
    })
    .await
}

pub(crate) async fn add_assignee(call: Call) -> Result<Reply, Fault> {
    act(call, APPROVAL_TASK, Opinion::Maybe, |object| {
        let place = object.choice("add_assignee_type", ASSIGNEE_PLACE);
        let ids = object.ids("approvers", PEOPLE_PER_ACTION, ID_CHARS).unwrap_or_default();
        let place = place.unwrap_or(ASSIGNEE_PLACE[0].1);
        What::AddAssignee(Named { member: "approvers", ids }, place)
    })
    .await
}

pub(crate) async fn cancel(call: Call) -> Result<Reply, Fault> {
    act(call, APPROVAL_INSTANCE, Opinion::Needed, |_| What::Cancel).await
}

pub(crate) async fn cc(call: Call) -> Result<Reply, Fault> {
    act(call, USER_TASK, Opinion::No, |object| {
        What::Copy(needed_people(object, "cc_user_ids", COPIES_PER_ACTION))
    })
    .await
}

pub(crate) async fn expediting(call: Call) -> Result<Reply, Fault> {
    act(call, USER_TASK, Opinion::Maybe, |object| {
        What::Urge(needed_people(object, "expediting_user_ids", PEOPLE_PER_ACTION))
    })
    .await
}

pub(crate) async fn rollback(call: Call) -> Result<Reply, Fault> {
    act(call, USER_TASK, Opinion::Needed, |object| {
        What::RollBack(object.required_text("to_task_id", ID_CHARS))
    })
    .await
}

pub(crate) async fn rollback_points(call: Call) -> Result<Reply, Fault> {
    let by = whoever_asks(&call)?;
    let (caller, on) = (call.caller(), on(&call, USER_TASK));
    let points =
        call.hub().read(move |tx, cx| actions::rollback_points(tx, cx, &caller, &on, &by)).await;
    let tasks = points.map_err(|error| refused(error, USER_TASK))?.into_iter().map(|point| {
        json!({
            "id": point.task.to_string(),
            "activity_label": texts(&point.label),
            "is_start": point.is_start,
        })
    });
    Ok(Reply::data(&json!({"tasks": tasks.collect::<Value>()})))
}

fn whoever_asks(call: &Call) -> Result<Named, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let by = one(&Object::new(&members, &faults), USER_TASK.by);
    faults.finish(Code::FlowParam)?;
    Ok(by)
}

async fn act(
    call: Call,
    places: Places,
    opinion: Opinion,
    what: impl FnOnce(&Object<'_>) -> What,
) -> Result<Reply, Fault> {
    let asked = asked(&call, places, opinion, what)?;
    let caller = call.caller();
    let done = call.hub().write(move |tx, cx| actions::act(tx, cx, &caller, &asked)).await;
    done.map_err(|error| refused(error, places))?;
    Ok(Reply::data(&json!({})))
}

fn asked(
    call: &Call,
    places: Places,
    opinion: Opinion,
    what: impl FnOnce(&Object<'_>) -> What,
) -> Result<Asked, Fault> {
    let members = body(&call.body)?;
    let faults = Faults::default();
    let object = Object::new(&members, &faults);
    let opinion = match opinion {
        Opinion::No => String::new(),
        Opinion::Maybe => object.text("opinion").unwrap_or_default(),
        Opinion::Needed => object.required_text("opinion", TEXT_CHARS),
    };
    let (by, what) = (one(&object, places.by), what(&object));
    faults.finish(Code::FlowParam)?;
    Ok(Asked { on: on(call, places), by, opinion, what })
}

/// The thing in the path.
pub(crate) fn on(call: &Call, places: Places) -> On {
    let id = call.segment(places.on);
    if places.on == APPROVAL_INSTANCE.on { On::Instance(id) } else { On::Task(id) }
}

/// The fault, in the endpoint's own words.
pub(crate) fn refused(error: engine::Error, places: Places) -> Fault {
    match error {
        engine::Error::Flow(fault) => flow_fault::fault(fault, &places),
        other => other.into(),
    }
}

/// Whoever acts.
pub(crate) fn one(object: &Object<'_>, member: &'static str) -> Named {
    Named { member, ids: vec![object.required_text(member, ID_CHARS)] }
}

pub(crate) fn people(object: &Object<'_>, member: &'static str, max: usize) -> Named {
    Named { member, ids: object.texts(member, max, ID_CHARS).unwrap_or_default() }
}

fn needed_people(object: &Object<'_>, member: &'static str, max: usize) -> Named {
    if !object.has(member) {
        object.required(member);
    }
    people(object, member, max)
}

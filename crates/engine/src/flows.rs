//! Human-task flows: defining them, and writing their instances, whoever runs these.
//!
//! Whatever changes an instance goes through one function that compares it with what is stored and
//! writes what differs: rows, inboxes, card and history.

use std::collections::BTreeSet;

use domain::flow::{FlowDetails, Instance, Verb};
use domain::inbox::{Family, rows};
use domain::search::{Kind, Thing, things_of_flow};
use domain::{FlowId, InstanceId, PersonId, TaskId, TenantId};
use store::Tx;
use store::flow as table;
use store::lock::{self, Aggregate};

use crate::{Context, Error, Result, flow_run, inbox};

/// Adds a flow or changes its name.
pub fn define(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    api_id: &str,
    details: &FlowDetails,
) -> Result<FlowId> {
    lock::hold(tx, tenant, Aggregate::Flows)?;
    if let Some(id) = table::flow_by_api_id(tx, tenant, api_id)?
        && table::flow_details(tx, tenant, id)?.as_ref() == Some(details)
    {
        return Ok(id);
    }
    Ok(table::flow_put(tx, tenant, api_id, details, cx.now)?)
}

/// Makes the stored instance equal to `instance`. Says whether anything differed.
pub fn put(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId, instance: &Instance) -> Result<bool> {
    lock::hold(tx, tenant, Aggregate::FlowInstance(instance.id))?;
    let before = table::instance_load(tx, tenant, instance.id)?;
    if before.is_some() && store::flow_run::run_exists(tx, tenant, instance.id)? {
        let id = instance.id;
        return Err(Error::Exists(format!("the instance {id}, which this server runs itself,")));
    }
    let changed = save(tx, cx, tenant, before.as_ref(), instance)?;
    let (id, by) = (instance.id, instance.initiator);
    match before {
        None => table::history_begin(tx, tenant, id, cx.now, "start", by)?,
        Some(_) if changed => {
            table::history_append(tx, tenant, id, cx.now, "replace", Some(by), "")?;
        }
        Some(_) => {}
    }
    Ok(changed)
}

/// Does `verb` to a task. Who may do so is decided before.
pub fn act(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    task: TaskId,
    verb: &Verb,
) -> Result<bool> {
    let missing = || Error::NotFound(format!("the task {task}"));
    let id = table::instance_of_task(tx, tenant, task)?.ok_or_else(missing)?;
    lock::hold(tx, tenant, Aggregate::FlowInstance(id))?;
    let before = table::instance_load(tx, tenant, id)?.ok_or_else(missing)?;
    let mut after = before.clone();
    after.task_mut(task).ok_or_else(missing)?.act(verb, cx.now);
    let changed = save(tx, cx, tenant, Some(&before), &after)?;
    if changed {
        let (action, by) = match verb {
            Verb::Decide(by, _) => ("decide", Some(*by)),
            Verb::Transfer(by, _) => ("transfer", Some(*by)),
            Verb::AddAssignee(_) => ("add_assignee", None),
            Verb::Copy(_) => ("cc", None),
            Verb::Close(_) => ("close", None),
            Verb::Reopen => ("reopen", None),
        };
        let details = format!("{{\"task\":{task}}}");
        table::history_append(tx, tenant, id, cx.now, action, by, &details)?;
    }
    Ok(changed)
}

/// Gives everything that `from` has in an instance to `into`, who turned out to be the same person.
/// Says whether there was an instance.
pub(crate) fn reassign(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    from: PersonId,
    into: PersonId,
) -> Result<bool> {
    if flow_run::reassign(tx, cx, tenant, id, from, into)? {
        return Ok(true);
    }
    let Some(before) = table::instance_load(tx, tenant, id)? else { return Ok(false) };
    let mut after = before.clone();
    after.reassign(from, into);
    save(tx, cx, tenant, Some(&before), &after)?;
    Ok(true)
}

/// Gives what waits for `from` in an instance, or will, to `to`. Says how many tasks that were; `None`:
/// its flow refuses it.
pub(crate) fn hand_over(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    (from, to): (PersonId, PersonId),
) -> Result<Option<i64>> {
    lock::hold(tx, tenant, Aggregate::FlowInstance(id))?;
    if store::flow_run::run_exists(tx, tenant, id)? {
        return flow_run::hand_over::hand_over(tx, cx, tenant, id, (from, to));
    }
    let Some(before) = table::instance_load(tx, tenant, id)? else { return Ok(Some(0)) };
    let mut after = before.clone();
    let tasks = after.hand_over(from, to);
    if tasks > 0 {
        save(tx, cx, tenant, Some(&before), &after)?;
        let details = format!("{{\"from\":{from},\"to\":{to}}}");
        table::history_append(tx, tenant, id, cx.now, "hand_over", None, &details)?;
    }
    Ok(Some(i64::try_from(tasks).unwrap_or(i64::MAX)))
}

pub(crate) fn save(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    before: Option<&Instance>,
    after: &Instance,
) -> Result<bool> {
    if before == Some(after) {
        return Ok(false);
    }
    let own = |i: &Instance| Instance { tasks: Vec::new(), ..i.clone() };
    if before.map(own) != Some(own(after)) {
        let card = (cx.render.flow)(after);
        table::instance_put(tx, tenant, after, (cx.render.format, &card))?;
    }
    save_tasks(tx, tenant, before, after)?;
    let was = before.map(|before| rows(Family::Flow, &before.places())).unwrap_or_default();
    inbox::move_rows(tx, tenant, &was, &rows(Family::Flow, &after.places()))?;
    save_shares(tx, tenant, before, after)?;
    Ok(true)
}

/// What people have of the tasks, for searches. The instance itself is one row already.
fn save_shares(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    before: Option<&Instance>,
    after: &Instance,
) -> Result<()> {
    let (was, is) = (before.map(things_of_flow).unwrap_or_default(), things_of_flow(after));
    let is_share = |thing: &&Thing| thing.kind != Kind::Instance;
    let same = |thing: &Thing| (thing.kind, thing.id, thing.person);
    let kept: BTreeSet<_> = is.iter().map(same).collect();
    for gone in was.iter().filter(is_share).filter(|share| !kept.contains(&same(share))) {
        store::search::share_delete(tx, tenant, gone)?;
    }
    for new in is.difference(&was).filter(is_share) {
        store::search::share_put(tx, tenant, new)?;
    }
    Ok(())
}

fn save_tasks(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    before: Option<&Instance>,
    after: &Instance,
) -> Result<()> {
    let known = before.map_or(&[][..], |before| &before.tasks);
    for gone in known.iter().filter(|old| after.tasks.iter().all(|new| new.id != old.id)) {
        table::task_delete(tx, tenant, after.id, gone)?;
    }
    for new in &after.tasks {
        let old = known.iter().find(|old| old.id == new.id);
        if old == Some(new) {
            continue;
        }
        let place = (after.id, new.id);
        let same_row = old.is_some_and(|old| {
            let bare = |t: &domain::flow::Task| domain::flow::Task {
                parts: Vec::new(),
                ccs: Vec::new(),
                ..t.clone()
            };
            bare(old) == bare(new)
        });
        if !same_row {
            table::task_put(tx, tenant, after.id, new)?;
        }
        let (old_parts, old_ccs) =
            old.map_or((&[][..], &[][..]), |old| (&old.parts[..], &old.ccs[..]));
        for (turn, part) in new.parts.iter().enumerate() {
            if old_parts.get(turn) != Some(part) {
                table::part_put(tx, tenant, place, turn, part)?;
            }
        }
        for turn in new.parts.len()..old_parts.len() {
            table::part_delete(tx, tenant, place, turn)?;
        }
        for person in old_ccs.iter().filter(|person| !new.ccs.contains(person)) {
            table::cc_delete(tx, tenant, place, *person)?;
        }
        for person in new.ccs.iter().filter(|person| !old_ccs.contains(person)) {
            table::cc_put(tx, tenant, place, *person)?;
        }
    }
    Ok(())
}

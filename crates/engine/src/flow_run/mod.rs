//! Flows that the hub runs: one step of an instance, from what is stored to what is stored next.
//!
//! Every way to change a running instance goes through the three functions here: it is held, the
//! rules are asked, and state, rows, inboxes, card and history are written in one transaction. What
//! the rules are is no business of this module.

pub mod actions;
pub mod audit;
pub mod definitions;
pub mod execute;
mod fault;
pub(crate) mod hand_over;
#[cfg(test)]
mod tests;
pub mod timers;
mod values;

use std::sync::Arc;

use domain::process::chain::{self, Hash, Head};
use domain::process::{self, Definition, Entry, Outcome, State, World};
use domain::{InstanceId, PersonId, TaskId, TenantId};
use store::Tx;
use store::flow_history::entry_insert;
use store::flow_run::{self as rows, Run};
use store::lock::{self, Aggregate};

use crate::directory::Company;
use crate::{Context, Error, Result, flows};

pub use fault::{FlowFault, KnownAs, Named, Refused};

/// An instance that the hub runs, with its version of the flow.
pub(crate) struct Running {
    pub(crate) run: Run,
    pub(crate) definition: Arc<Definition>,
}

/// Holds an instance. A fault where it is unknown, or is not run here.
pub(crate) fn hold(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Running> {
    lock::hold(tx, tenant, Aggregate::FlowInstance(id))?;
    let running = load(tx, cx, tenant, id)?;
    // Rows are in the order of ids. Another process may have opened the last task, in this very
    // millisecond or by a clock that is ahead.
    if let Some(task) = running.run.state.tasks.last() {
        cx.ids.above(task.id.get());
    }
    Ok(running)
}

/// The same for whoever only reads.
pub(crate) fn load(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
) -> Result<Running> {
    let Some(run) = rows::run_get(tx, tenant, id)? else {
        let known = store::flow::card_get(tx, tenant, id)?.is_some();
        let fault = if known { FlowFault::NotRun(id) } else { FlowFault::NoInstance };
        return Err(fault.into());
    };
    let (flow, version) = (run.state.flow, run.state.version);
    let definition = definitions::version(tx, cx, tenant, flow, version)?;
    Ok(Running { run, definition })
}

/// Lets the rules make the next state, and says what came of it: nothing is written yet.
pub(crate) fn ask<T>(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    rules: impl FnOnce(&mut World<'_>) -> T,
) -> Result<T> {
    let people = Company::new(tx, tenant);
    let mut next_id = || TaskId(cx.ids.next(cx.now));
    let done = rules(&mut World { now: cx.now, next_id: &mut next_id, directory: &people });
    people.finish()?;
    Ok(done)
}

/// Writes what came of a request. Says whether anything changed.
pub(crate) fn save(
    tx: &mut Tx<'_>,
    cx: &Context,
    before: Option<&Run>,
    definition: &Definition,
    outcome: Outcome,
) -> Result<bool> {
    let Outcome { state, entry: Some(entry) } = outcome else { return Ok(false) };
    let (tenant, id) = (state.tenant, state.instance);
    let begin = Head { instance: id, seq: 0, hash: Hash::NONE };
    let head = seal(tx, tenant, before.map_or(begin, |run| run.head), &entry)?;
    let next_due = process::next_due(definition, &state);
    let was = before.map(|run| run.state.instance());
    flows::save(tx, cx, tenant, was.as_ref(), &state.instance())?;
    let run = Run { state, next_due, head };
    match before {
        Some(_) => rows::run_update(tx, &run)?,
        None => rows::run_insert(tx, &run)?,
    }
    Ok(true)
}

/// Adds an entry to a history, chained to what is there.
fn seal(tx: &mut Tx<'_>, tenant: TenantId, last: Head, entry: &Entry) -> Result<Head> {
    let details = serde_json::to_string(entry).map_err(|e| Error::Internal(e.to_string()))?;
    let (instance, seq) = (last.instance, last.seq + 1);
    let action = entry.verb.to_string();
    let row = chain::Row { tenant, instance, seq, at: entry.at, action, person: entry.by, details };
    let hash = chain::seal(last.hash, &row);
    entry_insert(tx, &row, hash)?;
    Ok(Head { instance, seq, hash })
}

/// Everything that `from` has in a running instance goes to `into`, who turned out to be the same
/// person. No action of anybody, so the history does not tell it; the record of joins does. Says
/// whether the instance is run here.
pub(crate) fn reassign(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    from: PersonId,
    into: PersonId,
) -> Result<bool> {
    lock::hold(tx, tenant, Aggregate::FlowInstance(id))?;
    let Some(mut run) = rows::run_get(tx, tenant, id)? else { return Ok(false) };
    let was = run.state.instance();
    run.state.reassign(from, into);
    flows::save(tx, cx, tenant, Some(&was), &run.state.instance())?;
    rows::run_update(tx, &run)?;
    Ok(true)
}

/// Whether what is stored of a running instance agrees with where it stands: its rows, when it is due
/// and its history's end. What does not, in words. For `doctor`.
pub(crate) fn faults(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    rows_say: &domain::flow::Instance,
) -> Result<Vec<String>> {
    let Some(run) = rows::run_get(tx, tenant, id)? else { return Ok(Vec::new()) };
    let State { flow, version, .. } = run.state;
    let mut faults = Vec::new();
    if run.state.instance() != *rows_say {
        faults.push(format!("the rows of instance {id} are not as its state says"));
    }
    match definitions::find(tx, cx, tenant, flow, version)? {
        None => faults.push(format!("version {version} of the flow of instance {id} is missing")),
        Some(definition) if process::next_due(&definition, &run.state) != run.next_due => {
            faults.push(format!("instance {id} is not due when its state says"));
        }
        Some(_) => {}
    }
    let Head { seq, hash, .. } = run.head;
    if store::flow_history::entry_hash(tx, tenant, id, seq)? != Some(hash) {
        faults.push(format!("the history of instance {id} does not end as noted"));
    }
    Ok(faults)
}

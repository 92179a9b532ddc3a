//! Handing over in one running instance: everything that waits for somebody, or will, goes to another.

use std::collections::BTreeSet;

use domain::process::{self, Action, Actor, Event, Request};
use domain::{InstanceId, PersonId, TaskId, TenantId};
use store::Tx;

use super::{ask, hold, save};
use crate::{Context, Result};

/// Hands over, and says how many tasks changed; `None`: the rules refuse it.
pub(crate) fn hand_over(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    id: InstanceId,
    (from, to): (PersonId, PersonId),
) -> Result<Option<i64>> {
    let held = hold(tx, cx, tenant, id)?;
    // An administrator need not be a person of the company; what closes by it was the leaver's.
    let by = Actor { tenant, person: from, admin: true };
    let action = Action::HandOver { from, to };
    let request = Request { by, opinion: String::new(), action };
    let state = &held.run.state;
    let done = ask(tx, cx, tenant, |world| process::act(&held.definition, state, &request, world))?;
    let mut outcome = match done {
        Ok(outcome) => outcome,
        Err(refusal) => {
            tracing::info!(%refusal, instance = %id, "a flow refuses a hand-over");
            return Ok(None);
        }
    };
    let mut tasks: BTreeSet<TaskId> = BTreeSet::new();
    if let Some(entry) = &mut outcome.entry {
        // The leaver did nothing: the record of what administrators changed says who did.
        entry.by = None;
        tasks.extend(entry.events.iter().filter_map(|event| match event {
            Event::Moved { task, .. } => Some(*task),
            _ => None,
        }));
    }
    save(tx, cx, Some(&held.run), &held.definition, outcome)?;
    Ok(Some(i64::try_from(tasks.len()).unwrap_or(i64::MAX)))
}

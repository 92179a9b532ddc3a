//! Handing over: all open tasks of somebody who leaves go to another, as one job in slices that can
//! stop anywhere and go on.
//!
//! Only tasks of flows move. Those of source systems are mirrors: they move there.

use domain::inbox::{Family, List, Relation, State};
use domain::organisation::{Fault, Named};
use domain::{InstanceId, PersonId, TenantId};
use serde_json::json;
use store::Tx;
use store::hand_over::{
    self as rows, HandOver, hand_over_get, hand_over_put, hand_overs_open, instances_waiting_for,
};
use store::inbox::{Question, ask};
use store::lease::Work;
use store::lock::{self, Aggregate};
use store::person::{person_rows_of, person_today};

use crate::organisation::{self, Card, Id, Origin};
use crate::{Context, Hub, Result, flows};

/// What a hand-over would move, and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Instances with open tasks that would move.
    pub instances: i64,
    /// Those tasks, also those in which it is not yet the person's turn.
    pub tasks: i64,
    /// Open tasks of source systems, which stay.
    pub external_tasks: i64,
    /// The first of the instances, by id.
    pub first: Vec<InstanceId>,
}

/// How many instances a preview names (own figure: a page of a screen).
pub const NAMED: usize = 20;

/// A job with by what its people are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The job.
    pub job: HandOver,
    /// Whose tasks move.
    pub from: Card,
    /// To whom.
    pub to: Card,
}

/// Both people of a hand-over: whoever gives may have left, whoever gets may not. `None`: nobody is
/// known as the first.
fn both(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    (from, to): (&Id, &Id),
) -> Result<Option<(PersonId, PersonId)>> {
    let Some(from) = organisation::find(tx, tenant, from)? else { return Ok(None) };
    let to = organisation::find_present(tx, tenant, Named::Successor, to)?;
    if from == to {
        return Err(Fault::SamePerson(Named::Successor).into());
    }
    Ok(Some((from, to)))
}

/// What handing over would do. `None`: nobody is known as the first.
pub fn preview(tx: &mut Tx<'_>, tenant: TenantId, people: (&Id, &Id)) -> Result<Option<Preview>> {
    let Some((from, _)) = both(tx, tenant, people)? else { return Ok(None) };
    let (instances, tasks) = rows::waiting_for(tx, tenant, from)?;
    let mut external_tasks = 0;
    for person in person_rows_of(tx, tenant, from)? {
        let (family, relation, state) = (Family::External, Relation::Assigned, State::Pending);
        let lists = vec![List { family, person, relation, state }];
        let question = Question { lists, flows: None, from: None, to: None, offset: 0, limit: 0 };
        external_tasks += ask(tx, tenant, &question)?.count;
    }
    let first = instances_waiting_for(tx, tenant, from, InstanceId(0), NAMED)?;
    Ok(Some(Preview { instances, tasks, external_tasks, first }))
}

/// Begins a hand-over; the rows follow in slices. One between the same people that is not done yet is
/// the same. `None`: nobody is known as the first.
pub fn begin(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    people: (&Id, &Id),
) -> Result<Option<HandOver>> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let Some((from, to)) = both(tx, tenant, people)? else { return Ok(None) };
    let open = hand_overs_open(tx, tenant)?;
    if let Some(same) = open.into_iter().find(|job| (job.from, job.to) == (from, to)) {
        return Ok(Some(same));
    }
    let job = HandOver {
        id: cx.ids.next(cx.now),
        from,
        to,
        begun_at: cx.now,
        cursor: InstanceId(0),
        moved_instances: 0,
        moved_tasks: 0,
        refused_instances: 0,
        finished_at: None,
    };
    hand_over_put(tx, tenant, &job)?;
    let details = json!({"hand_over": job.id, "from": from.get(), "to": to.get()});
    let subject = from.to_string();
    organisation::record(tx, cx, tenant, origin, ("person.hand_over", &subject), &details)?;
    Ok(Some(job))
}

/// A hand-over and how far it is. `None`: there is none.
pub fn get(tx: &mut Tx<'_>, tenant: TenantId, id: i64) -> Result<Option<Shown>> {
    let Some(job) = hand_over_get(tx, tenant, id)? else { return Ok(None) };
    let from = person_today(tx, tenant, job.from)?;
    let to = person_today(tx, tenant, job.to)?;
    let cards = organisation::cards(tx, tenant, [from, to].into_iter())?;
    let card = |person| organisation::find_card(&cards, person).unwrap_or_default();
    Ok(Some(Shown { job, from: card(from), to: card(to) }))
}

/// How many instances one slice moves (as many as one of a join).
const SLICE: usize = 100;

impl Hub {
    /// Goes on with hand-overs until all are done, and says how many instances were moved. Safe to
    /// stop and to run again at any point.
    pub async fn finish_hand_overs(&self) -> Result<i64> {
        let mut moved = 0;
        for tenant in self.tenants_with(Work::HandOvers).await? {
            moved += self.finish_hand_overs_of(tenant).await?;
        }
        Ok(moved)
    }

    /// The same for one tenant. Nothing while another process does it.
    pub async fn finish_hand_overs_of(&self, tenant: TenantId) -> Result<i64> {
        let open = self.read(move |tx, _| Ok(hand_overs_open(tx, tenant)?)).await?;
        if open.is_empty() && !self.store.is_shared() {
            return Ok(0);
        }
        // What somebody had under another id is theirs first.
        self.finish_joins_of(tenant).await?;
        let Some(lease) = self.lease(tenant, Work::HandOvers).await? else { return Ok(0) };
        let mut moved = 0;
        for job in open {
            while let Some(count) = self.write(move |tx, cx| slice(tx, cx, tenant, job.id)).await? {
                moved += count;
                if !self.prolong(&lease).await? {
                    return Ok(moved);
                }
            }
        }
        self.end(lease).await?;
        Ok(moved)
    }
}

/// Moves what waits in some instances, or notes the end. Answers how many were moved; `None`: the job
/// is done.
fn slice(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId, id: i64) -> Result<Option<i64>> {
    // Either may be joined with another person meanwhile.
    lock::hold(tx, tenant, Aggregate::People)?;
    let job = hand_over_get(tx, tenant, id)?.filter(|job| job.finished_at.is_none());
    let Some(mut job) = job else { return Ok(None) };
    let (from, to) = (person_today(tx, tenant, job.from)?, person_today(tx, tenant, job.to)?);
    let found = instances_waiting_for(tx, tenant, from, job.cursor, SLICE)?;
    let before = job.moved_instances;
    for instance in &found {
        // Two who turned out to be one have nothing to give each other.
        match tx.attempt(|tx| flows::hand_over(tx, cx, tenant, *instance, (from, to)))? {
            Ok(Some(0)) => {}
            Ok(Some(tasks)) => {
                job.moved_instances += 1;
                job.moved_tasks += tasks;
            }
            Ok(None) => job.refused_instances += 1,
            Err(error) if error.is_passing() => return Err(error),
            // One that cannot go on does not hold up the others.
            Err(error) => {
                tracing::warn!(%error, %instance, "an instance cannot be handed over");
                job.refused_instances += 1;
            }
        }
    }
    if let Some(last) = found.last() {
        job.cursor = *last;
    }
    if found.len() < SLICE {
        job.finished_at = Some(cx.now);
        let details = json!({
            "hand_over": job.id, "instances": job.moved_instances, "tasks": job.moved_tasks,
            "refused_instances": job.refused_instances,
        });
        let what = ("person.hand_over.done", &*from.to_string());
        organisation::record(tx, cx, tenant, Origin::Job, what, &details)?;
    }
    hand_over_put(tx, tenant, &job)?;
    Ok(Some(job.moved_instances - before))
}

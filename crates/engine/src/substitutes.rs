//! Who stands in for whom, and bringing open tasks up to date when such a time begins or ends.
//!
//! The rules find substitutes themselves when a task opens. What is open already is brought up to
//! date here: at the start and at the end of each range, in slices, by one process.

use domain::limits::SUBSTITUTIONS;
use domain::organisation::{Fault, Named, next_moment};
use domain::process::Substitution;
use domain::{InstanceId, Millis, PersonId, TenantId};
use serde_json::json;
use store::Tx;
use store::hand_over::instances_waiting_for;
use store::lease::Work;
use store::lock::{self, Aggregate};
use store::substitution::{self as rows, Range};

use crate::flow_run::timers::tick;
use crate::organisation::{self, Card, Id, Origin};
use crate::{Context, Hub, Result};

/// A range with by what its people are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The range.
    pub range: Range,
    /// Who stands in.
    pub substitute: Card,
}

/// Notes that `substitute` stands in for `person` from `from` until `until`. Answers its id.
/// `None`: nobody is known as `person`.
pub fn add(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    (person, substitute): (&Id, &Id),
    (from, until): (Millis, Millis),
) -> Result<Option<i64>> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let Some(person) = organisation::find(tx, tenant, person)? else { return Ok(None) };
    let substitute = organisation::find_present(tx, tenant, Named::Substitute, substitute)?;
    if person == substitute {
        return Err(Fault::SamePerson(Named::Substitute).into());
    }
    if from >= until {
        return Err(Fault::EmptyRange.into());
    }
    if until <= cx.now {
        return Err(Fault::RangeIsOver.into());
    }
    let known = rows::substitutions_of(tx, tenant, person, cx.now, SUBSTITUTIONS)?;
    let what = Substitution { person, substitute, from, until };
    // The same call again has no second effect.
    if let Some(same) = known.iter().find(|range| range.what == what) {
        return Ok(Some(same.id));
    }
    if known.len() >= SUBSTITUTIONS {
        return Err(Fault::TooManyRanges(SUBSTITUTIONS).into());
    }
    let (id, due_at) = (cx.ids.next(cx.now), next_moment(&what, None));
    rows::substitution_put(tx, tenant, &Range { id, what, due_at, cursor: InstanceId(0) })?;
    let details = json!({
        "person": person.get(), "substitute": substitute.get(),
        "from": from.get(), "until": until.get(),
    });
    let subject = id.to_string();
    organisation::record(tx, cx, tenant, origin, ("substitute.add", &subject), &details)?;
    Ok(Some(id))
}

/// Ends a range now, or takes it back if it has not begun. Says whether there was one.
pub fn end(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    origin: Origin,
    id: i64,
) -> Result<bool> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let Some(range) = rows::substitution_get(tx, tenant, id)? else { return Ok(false) };
    if range.what.until <= cx.now {
        return Ok(true);
    }
    if range.what.from > cx.now {
        rows::substitution_delete(tx, tenant, id)?;
    } else {
        let what = Substitution { until: cx.now, ..range.what };
        let due_at = Some(cx.now);
        rows::substitution_put(tx, tenant, &Range { id, what, due_at, cursor: InstanceId(0) })?;
    }
    organisation::record(tx, cx, tenant, origin, ("substitute.end", &id.to_string()), &json!({}))?;
    Ok(true)
}

/// The ranges of a person that are not over. `None`: nobody has the id.
pub fn of(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    person: &Id,
) -> Result<Option<Vec<Shown>>> {
    let Some(person) = organisation::find(tx, tenant, person)? else { return Ok(None) };
    let found = rows::substitutions_of(tx, tenant, person, cx.now, SUBSTITUTIONS)?;
    let named = found.iter().map(|range| range.what.substitute);
    let cards = organisation::cards(tx, tenant, named)?;
    let show = |range: Range| {
        let card = organisation::find_card(&cards, range.what.substitute);
        Shown { range, substitute: card.unwrap_or_default() }
    };
    Ok(Some(found.into_iter().map(show).collect()))
}

/// How many instances one slice brings up to date (as many as one of a join).
const SLICE: usize = 100;

impl Hub {
    /// Brings open tasks up to date for everybody who begins or ends to be away, and says how many
    /// instances changed. Safe to stop and to run again at any point; what was missed is caught up.
    pub async fn refresh_substitutes(&self) -> Result<usize> {
        let mut changed = 0;
        for tenant in self.tenants_with(Work::Substitutes).await? {
            changed += self.refresh_substitutes_of(tenant).await?;
        }
        Ok(changed)
    }

    /// The same for one tenant. Nothing while another process does it.
    pub async fn refresh_substitutes_of(&self, tenant: TenantId) -> Result<usize> {
        let next = self.next_substitution(tenant).await?;
        // Nothing is leased for what is still to come.
        if next.is_some_and(|at| at > self.now()) {
            return Ok(0);
        }
        let Some(lease) = self.lease(tenant, Work::Substitutes).await? else { return Ok(0) };
        let mut changed = 0;
        while let Some(count) = self.write(move |tx, cx| slice(tx, cx, tenant)).await? {
            changed += count;
            if !self.prolong(&lease).await? {
                return Ok(changed);
            }
        }
        // While something is to come the tenant stays among those with work.
        match self.next_substitution(tenant).await? {
            Some(_) => self.release(lease).await?,
            None => self.end(lease).await?,
        }
        Ok(changed)
    }

    async fn next_substitution(&self, tenant: TenantId) -> Result<Option<Millis>> {
        self.read(move |tx, _| {
            let next = rows::substitution_next(tx, tenant)?;
            Ok(next.and_then(|range| range.due_at))
        })
        .await
    }
}

/// Brings one instance up to date, and says whether that changed anything: in imported ones their
/// source said whose each part is. One that cannot go on does not hold up the others.
fn refresh(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId, id: InstanceId) -> Result<bool> {
    if !store::flow_run::run_exists(tx, tenant, id)? {
        return Ok(false);
    }
    match tx.attempt(|tx| tick(tx, cx, tenant, id))? {
        Err(error) if !error.is_passing() => {
            tracing::warn!(%error, instance = %id, "substitutes cannot be brought up to date");
            Ok(false)
        }
        done => done,
    }
}

/// Brings some instances of whoever is next up to date, and says how many changed. `None`: nothing is
/// due.
fn slice(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId) -> Result<Option<usize>> {
    // Somebody may end the range meanwhile, or be joined with another.
    lock::hold(tx, tenant, Aggregate::People)?;
    let next = rows::substitution_next(tx, tenant)?;
    let Some(mut range) = next.filter(|range| range.due_at <= Some(cx.now)) else {
        return Ok(None);
    };
    let (person, after): (PersonId, _) = (range.what.person, range.cursor);
    let instances = instances_waiting_for(tx, tenant, person, after, SLICE)?;
    let mut changed = 0;
    for id in &instances {
        changed += usize::from(refresh(tx, cx, tenant, *id)?);
    }
    match instances.last() {
        Some(last) if instances.len() == SLICE => range.cursor = *last,
        _ => {
            range.cursor = InstanceId(0);
            range.due_at = next_moment(&range.what, range.due_at);
        }
    }
    rows::substitution_put(tx, tenant, &range)?;
    Ok(Some(changed))
}

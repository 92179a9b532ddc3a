//! People: who is behind an alias, and what happens when two turn out to be one.
//!
//! Only a sync that names a participant makes a stub; queries and operators never do. When two are
//! one, the aliases move first, in the transaction that shows it; the rows follow in slices.

use std::collections::HashMap;

use domain::inbox::Family;
use domain::person::{AliasKind, Evidence, PersonRef, join};
use domain::refusal::Role;
use domain::{PersonId, Refusal, TenantId};
use serde::Serialize;
use store::Tx;
use store::lease::Work;
use store::lock::{self, Aggregate};
use store::person::{self as rows, Join, Person};

use crate::departments::make_department;
use crate::{Context, Error, Hub, Result, flows, sync};

/// Resolves the people of one payload, each only once.
#[derive(Default)]
pub(crate) struct Resolver(HashMap<PersonRef, PersonId>);

impl Resolver {
    /// Who `named` is; made as a stub when nobody has the alias. `named` is not empty.
    pub(crate) fn person(
        &mut self,
        tx: &mut Tx<'_>,
        cx: &Context,
        tenant: TenantId,
        role: Role,
        named: &PersonRef,
    ) -> Result<PersonId> {
        if let Some(id) = self.0.get(named) {
            return Ok(*id);
        }
        let id = resolve(tx, cx, tenant, role, named)?;
        // A join made others of whoever was resolved before.
        let joined = named.user_id.is_some() && named.open_id.is_some();
        if joined {
            self.0.clear();
        }
        self.0.insert(named.clone(), id);
        Ok(id)
    }
}

fn resolve(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    role: Role,
    named: &PersonRef,
) -> Result<PersonId> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for (kind, value) in named.aliases() {
        match rows::person_by_alias_held(tx, tenant, kind, value)? {
            Some(id) => found.push(id),
            None => unknown.push((kind, value)),
        }
    }
    found.dedup();
    match found[..] {
        [] => create_stub(tx, cx, tenant, role, &unknown),
        [id] => {
            if !unknown.is_empty() {
                learn(tx, tenant, id, role, named, &unknown)?;
            }
            Ok(id)
        }
        [a, b, ..] => match join_two(tx, cx, tenant, (a, b), Evidence::Payload)? {
            Some(id) => Ok(id),
            None => Err(differ(role, named).into()),
        },
    }
}

fn differ(role: Role, named: &PersonRef) -> Refusal {
    let text = |alias: &Option<String>| alias.clone().unwrap_or_default();
    Refusal::PeopleDiffer { role, user_id: text(&named.user_id), open_id: text(&named.open_id) }
}

fn create_stub(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    role: Role,
    aliases: &[(AliasKind, &str)],
) -> Result<PersonId> {
    let (kind, shown) = aliases.first().copied().unwrap_or((AliasKind::UserId, ""));
    if !cx.settings.create_people {
        return Err(Refusal::UnknownPerson { role, kind, alias: shown.to_owned() }.into());
    }
    let id = PersonId(cx.ids.next(cx.now));
    let person = Person {
        id,
        name: shown.to_owned(),
        names: Vec::new(),
        department: String::new(),
        stub: true,
    };
    rows::person_insert(tx, tenant, &person, cx.now)?;
    for (kind, value) in aliases {
        rows::alias_insert(tx, tenant, *kind, value, id)?;
    }
    Ok(id)
}

/// Whoever takes part in a flow, by the alias that flows use; made as a stub when nobody has it, if the
/// operator lets that be.
pub(crate) fn participant(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    kunlun_id: &str,
) -> Result<Option<PersonId>> {
    let known = rows::person_by_alias_held(tx, tenant, AliasKind::Kunlun, kunlun_id)?;
    if known.is_some() || !cx.settings.create_people {
        return Ok(known);
    }
    let alias = [(AliasKind::Kunlun, kunlun_id)];
    create_stub(tx, cx, tenant, Role::Assignee, &alias).map(Some)
}

/// A payload gave a further alias of somebody known.
fn learn(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    id: PersonId,
    role: Role,
    named: &PersonRef,
    unknown: &[(AliasKind, &str)],
) -> Result<()> {
    let held = rows::person_aliases(tx, tenant, id)?;
    for (kind, value) in unknown {
        if held.iter().any(|(k, _)| k == kind) {
            return Err(differ(role, named).into());
        }
        rows::alias_insert(tx, tenant, *kind, value, id)?;
    }
    Ok(())
}

/// Makes one of two, if the evidence is enough, and says who stays.
fn join_two(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    (a, b): (PersonId, PersonId),
    evidence: Evidence,
) -> Result<Option<PersonId>> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let a = rows::person_identity(tx, tenant, a)?;
    let b = rows::person_identity(tx, tenant, b)?;
    let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
    let Some((stays, goes)) = join(&a, &b, evidence) else { return Ok(None) };
    let told_by = match evidence {
        Evidence::Payload => "payload",
        Evidence::Import => "import",
    };
    let join = Join { from: goes.id, into: stays.id };
    rows::person_join(tx, tenant, &join, told_by, cx.now)?;
    Ok(Some(stays.id))
}

/// A person as an operator describes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedPerson {
    /// At least one.
    pub aliases: Vec<(AliasKind, String)>,
    /// The name shown where no translation fits; empty keeps what is stored.
    pub name: String,
    /// Language code and name; empty keeps what is stored.
    pub names: Vec<(String, String)>,
    /// The department; empty keeps what is stored.
    pub department: String,
}

/// What an import did with one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Imported {
    /// Was unknown.
    Created,
    /// Was known.
    Updated,
    /// Several who were known turned out to be one.
    Joined,
}

/// Imports one person. A refusal changes nothing of them, so that others in the same transaction
/// can go on.
pub fn import(
    tx: &mut Tx<'_>,
    cx: &Context,
    tenant: TenantId,
    person: &ImportedPerson,
) -> Result<Result<Imported, Refusal>> {
    lock::hold(tx, tenant, Aggregate::People)?;
    let mut found: Vec<PersonId> = Vec::new();
    for (kind, value) in &person.aliases {
        let known = rows::person_by_alias_held(tx, tenant, *kind, value)?;
        found.extend(known.filter(|id| !found.contains(id)));
    }
    if let Err(refusal) = agree(tx, tenant, &found, person)? {
        return Ok(Err(refusal));
    }
    let outcome = match found.len() {
        0 => Imported::Created,
        1 => Imported::Updated,
        _ => Imported::Joined,
    };
    let mut id = found.first().copied().unwrap_or_else(|| PersonId(cx.ids.next(cx.now)));
    for other in found.iter().skip(1) {
        if let Some(stays) = join_two(tx, cx, tenant, (id, *other), Evidence::Import)? {
            id = stays;
        }
    }
    let stored = rows::person_get(tx, tenant, id)?;
    if stored.is_none() {
        // Its row first: an id that another process made too is found out by it.
        let (name, names, department) = Default::default();
        rows::person_insert(
            tx,
            tenant,
            &Person { id, name, names, department, stub: true },
            cx.now,
        )?;
    }
    let held = rows::person_aliases(tx, tenant, id)?;
    for (kind, value) in &person.aliases {
        if !held.iter().any(|(k, _)| k == kind) {
            rows::alias_insert(tx, tenant, *kind, value, id)?;
        }
    }
    let keep = |new: &str, old: Option<&String>| {
        if new.is_empty() { old.cloned().unwrap_or_default() } else { new.to_owned() }
    };
    let names = if person.names.is_empty() {
        stored.as_ref().map(|s| s.names.clone()).unwrap_or_default()
    } else {
        person.names.clone()
    };
    let merged = Person {
        id,
        name: keep(&person.name, stored.as_ref().map(|s| &s.name)),
        names,
        department: keep(&person.department, stored.as_ref().map(|s| &s.department)),
        stub: false,
    };
    if stored.as_ref().map_or("", |stored| &stored.department) != merged.department {
        make_department(tx, tenant, &merged.department)?;
    }
    rows::person_put(tx, tenant, &merged, cx.now)?;
    Ok(Ok(outcome))
}

/// Whether everybody found, and the import itself, can be one person: no kind of alias with two
/// values.
fn agree(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    found: &[PersonId],
    person: &ImportedPerson,
) -> Result<Result<(), Refusal>> {
    let mut values: HashMap<AliasKind, String> = person.aliases.iter().cloned().collect();
    for id in found {
        for (kind, value) in rows::person_aliases(tx, tenant, *id)? {
            let known = values.entry(kind).or_insert_with(|| value.clone());
            if *known != value {
                let (a, b) = (known.clone(), value);
                return Ok(Err(Refusal::AliasTaken { given: a, held: b }));
            }
        }
    }
    Ok(Ok(()))
}

/// How many instances one slice of a join moves.
const SLICE: usize = 100;

impl Hub {
    /// Moves the rows of everybody who turned out to be somebody else, slice by slice, and says how
    /// many instances were touched. Safe to stop and to run again at any point.
    pub async fn finish_joins(&self) -> Result<usize> {
        let mut moved = 0;
        for tenant in self.tenants_with(Work::Joins).await? {
            moved += self.finish_joins_of(tenant).await?;
        }
        Ok(moved)
    }

    /// The same for one tenant. Nothing while another process does it.
    pub async fn finish_joins_of(&self, tenant: TenantId) -> Result<usize> {
        let Some(lease) = self.lease(tenant, Work::Joins).await? else { return Ok(0) };
        let mut moved = 0;
        for join in self.read(move |tx, _| Ok(rows::join_open(tx, tenant)?)).await? {
            loop {
                let join = join.clone();
                let slice = self.write(move |tx, cx| move_slice(tx, cx, tenant, &join));
                match slice.await? {
                    0 => break,
                    count => moved += count,
                }
                if !self.prolong(&lease).await? {
                    return Ok(moved);
                }
            }
        }
        self.end(lease).await?;
        Ok(moved)
    }
}

/// Moves the rows of some instances, or notes the end. Answers how many instances it moved.
fn move_slice(tx: &mut Tx<'_>, cx: &Context, tenant: TenantId, join: &Join) -> Result<usize> {
    // The survivor may have been absorbed in the meantime, and may not be now.
    lock::hold(tx, tenant, Aggregate::People)?;
    let into = rows::person_today(tx, tenant, join.from)?;
    let instances = store::list::list_of_person(tx, tenant, join.from, SLICE)?;
    let mut moved = 0;
    for id in &instances {
        moved += usize::from(sync::reassign(tx, cx, tenant, *id, join.from, into)?);
    }
    let limit = i64::try_from(SLICE).unwrap_or(i64::MAX);
    let flows = store::inbox::instances_of(tx, tenant, Family::Flow, join.from, limit)?;
    for id in &flows {
        moved += usize::from(flows::reassign(tx, cx, tenant, *id, join.from, into)?);
    }
    let found = instances.len() + flows.len();
    if found > 0 && moved == 0 {
        let first = instances.first().or(flows.first()).map_or(0, |id| id.get());
        return Err(Error::Internal(format!("instance {first} is on a list but not there")));
    }
    let finished = (found == 0).then_some(cx.now);
    let count = i64::try_from(moved).unwrap_or(i64::MAX);
    rows::join_progress(tx, tenant, join.from, count, finished)?;
    Ok(moved)
}

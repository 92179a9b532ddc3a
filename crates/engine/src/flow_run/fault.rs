//! Why something is not done to a flow, with everything that a caller needs to hear about people.
//!
//! The rules know people by internal numbers, which nobody outside has ever seen.

use std::collections::BTreeMap;

use domain::person::AliasKind;
use domain::process::Refusal;
use domain::process::values::ValueFault;
use domain::{InstanceId, Millis, PersonId, TaskId, TenantId};
use store::Tx;
use store::person as rows;
use thiserror::Error;

use crate::Result;

/// People as a caller names them, and under which name: it comes back where one of them is the fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// What the caller calls this list. Only handed back.
    pub member: &'static str,
    /// Aliases that flows use.
    pub ids: Vec<String>,
}

/// How somebody is known outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownAs {
    /// Their name; may be empty.
    pub name: String,
    /// The alias that flows use; empty if they have none.
    pub id: String,
}

/// Why something is not done to a flow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FlowFault {
    /// The application has no flow of this name that was applied.
    #[error("the application has no flow `{0}`, or no version of it was applied")]
    NoFlow(String),
    /// There is no such task for this caller.
    #[error("there is no such task")]
    NoTask,
    /// There is no such instance for this caller.
    #[error("there is no such instance")]
    NoInstance,
    /// It was imported with its history elsewhere.
    #[error("the instance {0} was imported and is not run here, so nobody can act on it")]
    NotRun(InstanceId),
    /// An alias that nobody has.
    #[error("nobody has the id `{id}`")]
    Nobody {
        /// Where the caller named them.
        member: &'static str,
        /// The alias.
        id: String,
    },
    /// The call was made before.
    #[error("the key started the execution {instance} before, at {at}")]
    KeyUsed {
        /// What it started.
        instance: InstanceId,
        /// When.
        at: Millis,
    },
    /// The rules say no.
    #[error("{}", .0.refusal)]
    Rules(Box<Refused>),
}

/// What the rules refuse, with those who have to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What they say.
    pub refusal: Refusal,
    /// Everybody whom the refusal names.
    pub people: BTreeMap<PersonId, KnownAs>,
    /// Where the caller named somebody who is the fault.
    pub member: Option<&'static str>,
}

impl FlowFault {
    /// A refusal of values alone, which names nobody.
    pub(crate) fn values(faults: Vec<ValueFault>) -> Self {
        Self::Rules(Box::new(Refused {
            refusal: Refusal::Values(faults),
            people: BTreeMap::new(),
            member: None,
        }))
    }
}

/// Who the rules speak of.
fn named_in(refusal: &Refusal) -> Vec<PersonId> {
    match refusal {
        Refusal::NotYourTurn { first } => first.clone(),
        Refusal::AlreadyDecided { by, .. } => by.iter().copied().collect(),
        Refusal::NotWaitingFor(person) | Refusal::UnknownPerson(person) => vec![*person],
        _ => Vec::new(),
    }
}

/// The refusal as a fault, with how people are known.
pub(crate) fn explain(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    refusal: Refusal,
    asked: &[(&'static str, Vec<PersonId>)],
) -> Result<FlowFault> {
    let mut people = BTreeMap::new();
    for person in named_in(&refusal) {
        people.insert(person, known_as(tx, tenant, person)?);
    }
    let member = match &refusal {
        Refusal::NotWaitingFor(person) | Refusal::UnknownPerson(person) => {
            asked.iter().find(|(_, ids)| ids.contains(person))
        }
        Refusal::HowMany { most } => {
            let counts = |ids: &Vec<PersonId>| ids.is_empty() || ids.len() > *most;
            asked.iter().rev().find(|(_, ids)| counts(ids)).or(asked.last())
        }
        _ => None,
    };
    let member = member.map(|(member, _)| *member);
    Ok(FlowFault::Rules(Box::new(Refused { refusal, people, member })))
}

/// How a person is known outside.
pub(crate) fn known_as(tx: &mut Tx<'_>, tenant: TenantId, person: PersonId) -> Result<KnownAs> {
    let today = rows::person_today(tx, tenant, person)?;
    let name = rows::person_get(tx, tenant, today)?.map(|found| found.name).unwrap_or_default();
    let aliases = rows::person_aliases(tx, tenant, today)?;
    let kunlun = aliases.into_iter().find(|(kind, _)| *kind == AliasKind::Kunlun);
    Ok(KnownAs { name, id: kunlun.map(|(_, value)| value).unwrap_or_default() })
}

/// The people behind aliases. `held`: who stay so until the end of the transaction, for use cases that
/// write.
pub(crate) fn resolve(
    tx: &mut Tx<'_>,
    tenant: TenantId,
    named: &Named,
    held: bool,
) -> Result<(&'static str, Vec<PersonId>)> {
    let find = if held { rows::person_by_alias_held } else { rows::person_by_alias };
    let member = named.member;
    let mut people = Vec::with_capacity(named.ids.len());
    for id in &named.ids {
        let found = find(tx, tenant, AliasKind::Kunlun, id)?;
        people.push(found.ok_or_else(|| FlowFault::Nobody { member, id: id.clone() })?);
    }
    Ok((member, people))
}

/// A task by the digits that callers have.
pub(crate) fn task_id(text: &str) -> Result<TaskId> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let id = text.parse().ok().filter(|_| digits);
    Ok(TaskId(id.ok_or(FlowFault::NoTask)?))
}

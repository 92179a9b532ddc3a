//! The company as flows ask about it, answered from rows.
//!
//! The rules take a directory that cannot fail, so the first failure of the store is kept, everything
//! after it is answered "nobody", and whoever gave the directory to the rules takes the failure
//! afterwards and throws their outcome away.
//!
//! Each question is one statement, and a person is read once. Chains are bounded by who asks.

use std::cell::RefCell;
use std::collections::HashMap;

use domain::limits::{ROLE_MEMBERS, STAND_INS};
use domain::person::AliasKind;
use domain::process::{Directory, Profile};
use domain::{Millis, PersonId, TenantId};
use store::department::{department_get, role_members_present, roles_of};
use store::organisation::standing;
use store::person::person_by_alias;
use store::substitution::substitutes_at;
use store::{Error, Tx};

use crate::Result;

/// A tenant's people within one transaction.
pub struct Company<'c, 't> {
    inner: RefCell<Inner<'c, 't>>,
    tenant: TenantId,
}

struct Inner<'c, 't> {
    tx: &'c mut Tx<'t>,
    known: HashMap<PersonId, Option<Profile>>,
    fault: Option<Error>,
}

impl<'c, 't> Company<'c, 't> {
    /// The people of a tenant, as the transaction sees them.
    pub fn new(tx: &'c mut Tx<'t>, tenant: TenantId) -> Self {
        let inner = Inner { tx, known: HashMap::new(), fault: None };
        Self { inner: RefCell::new(inner), tenant }
    }

    /// Whether every question was answered. What the rules made of the answers counts only then.
    pub fn finish(self) -> Result<()> {
        self.inner.into_inner().fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Asks the store, unless it has failed before.
    fn ask<T: Default>(
        &self,
        question: impl FnOnce(&mut Tx<'_>, TenantId) -> store::Result<T>,
    ) -> T {
        let mut inner = self.inner.borrow_mut();
        if inner.fault.is_some() {
            return T::default();
        }
        question(inner.tx, self.tenant).unwrap_or_else(|fault| {
            inner.fault = Some(fault);
            T::default()
        })
    }
}

impl Directory for Company<'_, '_> {
    fn person(&self, user_id: &str) -> Option<PersonId> {
        self.ask(|tx, tenant| person_by_alias(tx, tenant, AliasKind::UserId, user_id))
    }

    fn profile(&self, person: PersonId) -> Option<Profile> {
        if let Some(known) = self.inner.borrow().known.get(&person) {
            return known.clone();
        }
        let profile = self.ask(|tx, tenant| profile(tx, tenant, person));
        self.inner.borrow_mut().known.insert(person, profile.clone());
        profile
    }

    fn department_leader(&self, department: &str) -> Option<PersonId> {
        self.ask(|tx, tenant| department_get(tx, tenant, department))?.leader
    }

    fn role(&self, role: &str) -> Vec<PersonId> {
        self.ask(|tx, tenant| role_members_present(tx, tenant, role, ROLE_MEMBERS))
    }

    fn substitutes(&self, person: PersonId, at: Millis) -> Vec<PersonId> {
        self.ask(|tx, tenant| substitutes_at(tx, tenant, person, at, STAND_INS))
    }
}

fn profile(tx: &mut Tx<'_>, tenant: TenantId, person: PersonId) -> store::Result<Option<Profile>> {
    let present = standing(tx, tenant, person)?.filter(|standing| standing.left_at.is_none());
    let Some(standing) = present else { return Ok(None) };
    let aliases = store::person::person_aliases(tx, tenant, standing.id)?;
    let user_id = aliases.into_iter().find(|(kind, _)| *kind == AliasKind::UserId);
    Ok(Some(Profile {
        user_id: user_id.map(|(_, value)| value).unwrap_or_default(),
        department: standing.department,
        leader: standing.leader,
        roles: roles_of(tx, tenant, standing.id)?,
    }))
}

//! Who is who, asked while a flow moves on: the rules' questions about people, answered from rows.
//!
//! The rules cannot hear that a read failed. The first failure is kept here, "nobody" is answered,
//! and whoever asked the rules takes the failure afterwards and throws the outcome away.

use std::cell::RefCell;
use std::collections::HashMap;

use domain::person::AliasKind;
use domain::process::{Directory, Profile};
use domain::{Millis, PersonId, TenantId};
use store::Tx;
use store::person as rows;

use crate::{Error, Result};

/// The people of one tenant, for one use case.
pub(crate) struct People<'a, 't>(RefCell<Asked<'a, 't>>);

struct Asked<'a, 't> {
    tx: &'a mut Tx<'t>,
    tenant: TenantId,
    /// The rules ask about the same people again and again.
    profiles: HashMap<PersonId, Option<Profile>>,
    failure: Option<Error>,
}

impl<'a, 't> People<'a, 't> {
    pub(crate) fn new(tx: &'a mut Tx<'t>, tenant: TenantId) -> Self {
        let profiles = HashMap::new();
        Self(RefCell::new(Asked { tx, tenant, profiles, failure: None }))
    }

    /// To be asked before anything that followed from the answers is used.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.into_inner().failure.map_or(Ok(()), Err)
    }
}

impl Asked<'_, '_> {
    fn ask<T: Default>(
        &mut self,
        read: impl FnOnce(&mut Tx<'_>, TenantId) -> store::Result<T>,
    ) -> T {
        if self.failure.is_some() {
            return T::default();
        }
        read(self.tx, self.tenant).unwrap_or_else(|error| {
            self.failure = Some(error.into());
            T::default()
        })
    }
}

impl Directory for People<'_, '_> {
    fn person(&self, user_id: &str) -> Option<PersonId> {
        self.0
            .borrow_mut()
            .ask(|tx, tenant| rows::person_by_alias(tx, tenant, AliasKind::UserId, user_id))
    }

    fn profile(&self, person: PersonId) -> Option<Profile> {
        let mut asked = self.0.borrow_mut();
        if let Some(known) = asked.profiles.get(&person) {
            return known.clone();
        }
        let profile = asked.ask(|tx, tenant| {
            let Some(found) = rows::person_get(tx, tenant, person)? else { return Ok(None) };
            let aliases = rows::person_aliases(tx, tenant, person)?;
            let own = aliases.into_iter().find(|(kind, _)| *kind == AliasKind::UserId);
            let user_id = own.map(|(_, value)| value).unwrap_or_default();
            Ok(Some(Profile { user_id, department: found.department, ..Profile::default() }))
        });
        asked.profiles.insert(person, profile.clone());
        profile
    }

    fn department_leader(&self, _: &str) -> Option<PersonId> {
        None
    }

    fn role(&self, _: &str) -> Vec<PersonId> {
        Vec::new()
    }

    fn substitutes(&self, _: PersonId, _: Millis) -> Vec<PersonId> {
        Vec::new()
    }
}

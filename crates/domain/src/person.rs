//! People and the names by which systems know them.
//!
//! A person has at most one alias of each kind. A sync that names an unknown one makes a *stub*;
//! an import, or a later payload that gives two aliases at once, may show that two are one.

use serde::{Deserialize, Serialize};

use crate::ids::PersonId;

/// The kinds of alias. The number is what stores keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AliasKind {
    /// The tenant's own id of a person (employee number and the like).
    UserId = 1,
    /// The id of a person in one application.
    OpenId = 2,
    /// The id of a person over the applications of one vendor.
    UnionId = 3,
    /// The id of a person in human-task flows: decimal digits.
    Kunlun = 4,
}

impl AliasKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::UserId, Self::OpenId, Self::UnionId, Self::Kunlun];

    /// The number that stores keep.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// The kind behind a stored number.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// How a payload names a person. Empty strings count as absent and never get here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PersonRef {
    /// The tenant's own id.
    pub user_id: Option<String>,
    /// The id in one application.
    pub open_id: Option<String>,
}

impl PersonRef {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.user_id.is_none() && self.open_id.is_none()
    }

    /// The aliases that are given.
    pub fn aliases(&self) -> impl Iterator<Item = (AliasKind, &str)> {
        let user = self.user_id.as_deref().map(|v| (AliasKind::UserId, v));
        let open = self.open_id.as_deref().map(|v| (AliasKind::OpenId, v));
        user.into_iter().chain(open)
    }
}

/// What is needed to tell whether two people can be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whom.
    pub id: PersonId,
    /// Made by a sync, not yet confirmed by an import.
    pub stub: bool,
    /// Every alias.
    pub aliases: Vec<(AliasKind, String)>,
}

impl Identity {
    /// The alias of one kind.
    pub fn alias(&self, kind: AliasKind) -> Option<&str> {
        self.aliases.iter().find(|(k, _)| *k == kind).map(|(_, value)| value.as_str())
    }
}

/// Who says that two people are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A caller's payload: enough for a stub, not for two people that an operator confirmed.
    Payload,
    /// An operator's import.
    Import,
}

/// Who stays and who is absorbed when `a` and `b` turn out to be one person; `None` when they
/// cannot be: they have different aliases of one kind, or both are confirmed and only a payload
/// says so.
///
/// The confirmed one stays; between two alike, the older.
pub fn join<'a>(
    a: &'a Identity,
    b: &'a Identity,
    evidence: Evidence,
) -> Option<(&'a Identity, &'a Identity)> {
    let contradict = AliasKind::ALL
        .into_iter()
        .any(|kind| matches!((a.alias(kind), b.alias(kind)), (Some(x), Some(y)) if x != y));
    let both_confirmed = !a.stub && !b.stub;
    if contradict || (both_confirmed && evidence == Evidence::Payload) {
        return None;
    }
    let a_stays = (a.stub, a.id) <= (b.stub, b.id);
    Some(if a_stays { (a, b) } else { (b, a) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(id: i64, stub: bool, aliases: &[(AliasKind, &str)]) -> Identity {
        let aliases = aliases.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        Identity { id: PersonId(id), stub, aliases }
    }

    #[test]
    fn a_stub_joins_a_confirmed_person_whatever_is_older() {
        let stub = identity(1, true, &[(AliasKind::OpenId, "ou")]);
        let known = identity(2, false, &[(AliasKind::UserId, "u")]);
        assert_eq!(join(&stub, &known, Evidence::Payload), Some((&known, &stub)));
        assert_eq!(join(&known, &stub, Evidence::Payload), Some((&known, &stub)));
    }

    #[test]
    fn the_older_of_two_stubs_stays() {
        let old = identity(1, true, &[(AliasKind::OpenId, "ou")]);
        let new = identity(2, true, &[(AliasKind::UserId, "u")]);
        assert_eq!(join(&new, &old, Evidence::Payload), Some((&old, &new)));
        assert_eq!(join(&old, &new, Evidence::Payload), Some((&old, &new)));
    }

    #[test]
    fn contradicting_aliases_never_join_and_confirmed_people_only_by_import() {
        let a = identity(1, false, &[(AliasKind::UserId, "u")]);
        let b = identity(2, false, &[(AliasKind::OpenId, "ou")]);
        assert_eq!(join(&a, &b, Evidence::Payload), None);
        assert_eq!(join(&b, &a, Evidence::Import), Some((&a, &b)));
        let c = identity(3, true, &[(AliasKind::UserId, "other")]);
        assert_eq!(join(&a, &c, Evidence::Import), None);
    }

    #[test]
    fn kinds_survive_their_numbers() {
        for kind in AliasKind::ALL {
            assert_eq!(AliasKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(AliasKind::from_code(0), None);
    }
}

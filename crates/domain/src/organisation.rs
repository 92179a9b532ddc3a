//! The company as administrators describe it: departments, roles, who leads, who stands in for whom,
//! and why a change of it is refused.
//!
//! What flows ask about it is in `process::directory`. Knows no wire and no store.

use thiserror::Error;

use crate::ids::PersonId;
use crate::process::directory::Substitution;

/// A part of the company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Department {
    /// The tenant's own id of it, which flow files name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The department above; empty at the top.
    pub parent: String,
    /// Who leads it.
    pub leader: Option<PersonId>,
}

/// What some people are asked to do, whoever they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The tenant's own id of it, which flow files name.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// Where a person stands in the company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Their departments, the main one first.
    pub departments: Vec<String>,
    /// Who leads them.
    pub leader: Option<PersonId>,
    /// Their roles, by id.
    pub roles: Vec<String>,
}

/// What is named where something is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Whoever leads.
    Leader,
    /// Whoever stands in.
    Substitute,
    /// Whoever gets what another had.
    Successor,
}

/// Why a change of the organisation is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Nobody has this id.
    #[error("nobody is known as `{id}`")]
    UnknownPerson {
        /// As what they were named.
        named: Named,
        /// What was given.
        id: String,
    },
    /// There is no such department.
    #[error("there is no department `{0}`")]
    UnknownDepartment(String),
    /// There is no such department to be above another.
    #[error("there is no department `{0}`")]
    UnknownParent(String),
    /// There is no such role.
    #[error("there is no role `{0}`")]
    UnknownRole(String),
    /// A department would lie above itself.
    #[error("the department `{0}` would lie above itself")]
    Circle(String),
    /// Too many departments would lie above one another.
    #[error("at most {0} departments may lie above one another")]
    TooDeep(usize),
    /// Something still belongs to the department.
    #[error("the department `{id}` still has {what}")]
    DepartmentInUse {
        /// Which.
        id: String,
        /// What belongs to it.
        what: &'static str,
    },
    /// Somebody still has the role.
    #[error("somebody still has the role `{0}`")]
    RoleInUse(String),
    /// More people would have a role than may.
    #[error("at most {most} people may have the role `{id}`")]
    RoleIsFull {
        /// Which.
        id: String,
        /// How many may.
        most: usize,
    },
    /// One person, where two are needed.
    #[error("somebody else is needed: nobody stands in for, or hands over to, themself")]
    SamePerson(Named),
    /// Whoever is named has left.
    #[error("`{id}` has left the company")]
    HasLeft {
        /// As what they were named.
        named: Named,
        /// What was given.
        id: String,
    },
    /// A time that ends before it begins.
    #[error("a range ends after it begins")]
    EmptyRange,
    /// A time that is over already.
    #[error("a range must not be over already")]
    RangeIsOver,
    /// More times to be away than are kept.
    #[error("at most {0} times to be away that are not over are kept for a person")]
    TooManyRanges(usize),
}

/// When a time of one person to be away next changes what is open: at its start, then at its end.
/// `None` after that.
pub fn next_moment(range: &Substitution, done: Option<crate::Millis>) -> Option<crate::Millis> {
    [range.from, range.until].into_iter().find(|moment| done.is_none_or(|done| done < *moment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Millis;

    #[test]
    fn a_range_has_two_moments_and_both_may_be_caught_up_at_once() {
        let (person, substitute) = (PersonId(1), PersonId(2));
        let range = Substitution { person, substitute, from: Millis(10), until: Millis(20) };
        assert_eq!(next_moment(&range, None), Some(Millis(10)));
        assert_eq!(next_moment(&range, Some(Millis(10))), Some(Millis(20)));
        assert_eq!(next_moment(&range, Some(Millis(25))), None);
    }
}

//! Who is who: what the rules ask about people, and how the people of a node are found.
//!
//! Where the answers come from is the caller's business. One that may fail to answer keeps its
//! first failure, answers "nobody", and throws the outcome away afterwards.

use super::definition::Who;
use super::expression::{self, Scope};
use super::values::Value;
use crate::ids::PersonId;
use crate::limits;
use crate::time::Millis;

/// What the rules need to know of a person who is with the company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The tenant's own id; empty if there is none.
    pub user_id: String,
    /// The id of their department; empty if there is none.
    pub department: String,
    /// Their leader.
    pub leader: Option<PersonId>,
    /// Their roles.
    pub roles: Vec<String>,
}

/// Answers about the people of one tenant.
pub trait Directory {
    /// The person with an id of the tenant's own.
    fn person(&self, user_id: &str) -> Option<PersonId>;
    /// What is known of a person; nothing of strangers and of those who have left.
    fn profile(&self, person: PersonId) -> Option<Profile>;
    /// Who leads a department.
    fn department_leader(&self, department: &str) -> Option<PersonId>;
    /// Everybody with a role, in a fixed order.
    fn role(&self, role: &str) -> Vec<PersonId>;
    /// Those whom a person has named to stand in for them at a time, themselves not asked further.
    fn substitutes(&self, person: PersonId, at: Millis) -> Vec<PersonId>;
}

/// A time in which one person stands in for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Substitution {
    /// Who is away.
    pub person: PersonId,
    /// Who stands in.
    pub substitute: PersonId,
    /// The first moment.
    pub from: Millis,
    /// The first moment after; a range that follows may begin with it.
    pub until: Millis,
}

impl Substitution {
    /// Whether it holds at a time.
    pub fn covers(&self, at: Millis) -> bool {
        self.from <= at && at < self.until
    }
}

/// Everybody who stands in for `person` at a time, nearest first: their substitutes, the
/// substitutes of these, and so on. Nobody twice, never the person, none of `except`, whose own
/// substitutes are not asked either: a chain must not lead around a rule.
pub fn stand_ins(
    directory: &dyn Directory,
    person: PersonId,
    at: Millis,
    except: &[PersonId],
) -> Vec<PersonId> {
    let mut found: Vec<PersonId> = Vec::new();
    let mut asked = 0;
    let mut ask = Some(person);
    while let Some(absent) = ask {
        for substitute in directory.substitutes(absent, at) {
            let known = substitute == person || found.contains(&substitute);
            let present = directory.profile(substitute).is_some();
            if !known && present && !except.contains(&substitute) {
                found.push(substitute);
            }
        }
        found.truncate(limits::STAND_INS);
        ask = found.get(asked).copied();
        asked += 1;
    }
    found
}

/// The people whom `who` finds, each once, in the order of the text. Those who have left are not
/// among them. `Err` says why an expression could not be computed.
pub fn resolve(
    who: &[Who],
    scope: &Scope<'_>,
    directory: &dyn Directory,
) -> Result<Vec<PersonId>, String> {
    let mut people: Vec<PersonId> = Vec::new();
    for one in who {
        for person in found(one, scope, directory)? {
            if !people.contains(&person) && directory.profile(person).is_some() {
                people.push(person);
            }
        }
    }
    if people.len() > limits::ASSIGNEES {
        return Err(format!("{} people were found, at most {} may be", people.len(), {
            limits::ASSIGNEES
        }));
    }
    Ok(people)
}

fn found(who: &Who, scope: &Scope<'_>, directory: &dyn Directory) -> Result<Vec<PersonId>, String> {
    let one = |person: Option<PersonId>| person.into_iter().collect();
    Ok(match who {
        Who::Person(user_id) => one(directory.person(user_id)),
        Who::Initiator => vec![scope.initiator],
        Who::Leader(levels) => one(leader(directory, scope.initiator, *levels)),
        Who::DepartmentLeader(department) => one(directory.department_leader(department)),
        Who::Role(role) => directory.role(role),
        Who::Parameter(name) => match scope.values.get(name) {
            Some(Value::Person(person)) => vec![*person],
            Some(Value::People(people)) => people.clone(),
            Some(Value::Text(department)) => one(directory.department_leader(department)),
            _ => Vec::new(),
        },
        Who::Expression(text) => expression::people(text, scope, directory)?,
    })
}

/// The leader so many levels above a person. Whoever leads themself is at the top, and so is
/// nobody's leader.
fn leader(directory: &dyn Directory, person: PersonId, levels: u32) -> Option<PersonId> {
    (0..levels).try_fold(person, |person, _| {
        directory.profile(person)?.leader.filter(|leader| *leader != person)
    })
}

//! Where a task stands in the inboxes of people: lists, and the keys that order them.
//!
//! A task is on a list of each person who has to do with it, one per relation, under the state that
//! it has for that person. Pages over several relations show a task once, so where one person has
//! several relations to a task, the extra ones are also on lists of *repeats*, which counts
//! subtract.

use std::collections::BTreeSet;

use crate::coded::coded;
use crate::ids::{InstanceId, PersonId};

coded! {
    /// Who runs the flow behind a task.
    Family {
        /// The hub itself.
        Flow = 1,
        /// A source system that syncs.
        External = 2,
    }
}

coded! {
    /// What a person has to do with a task.
    Relation {
        /// They started its instance.
        Initiated = 1,
        /// A part of it is or was theirs.
        Assigned = 2,
        /// It was copied to them.
        Cc = 3,
        /// The first repeat of a task in a merge of relations.
        Repeat = 4,
        /// The second repeat of a task.
        SecondRepeat = 5,
    }
}

impl Relation {
    /// The three that people have.
    pub const REAL: [Self; 3] = [Self::Initiated, Self::Assigned, Self::Cc];
    /// The two that only counts have.
    pub const REPEATS: [Self; 2] = [Self::Repeat, Self::SecondRepeat];
}

coded! {
    /// The state of a task for one person.
    State {
        /// To be done, or still under way.
        Pending = 1,
        /// Done with.
        Archived = 2,
        /// Only for repeats: of merges over both states.
        Any = 3,
    }
}

/// One list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List {
    /// Who runs the flows.
    pub family: Family,
    /// Whose list it is.
    pub person: PersonId,
    /// What they have to do with the tasks.
    pub relation: Relation,
    /// The state for them.
    pub state: State,
}

/// The place of a task in a list. Pages go from the greatest to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// When the task started, in Unix milliseconds.
    pub start: i64,
    /// The task.
    pub task: i64,
}

/// A row of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Its place.
    pub key: Key,
    /// The number of the flow, or of the definition.
    pub flow: i64,
    /// The instance of the task.
    pub instance: InstanceId,
}

/// What one person has to do with one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Who.
    pub person: PersonId,
    /// Which task, and where it stands.
    pub entry: Entry,
    /// What they have to do with it.
    pub relation: Relation,
    /// Its state for them.
    pub state: State,
}

/// Every row that `places` ask for, repeats included. A person has at most one place per task and
/// relation.
pub fn rows(family: Family, places: &[Place]) -> BTreeSet<(List, Entry)> {
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    let mut rows = BTreeSet::new();
    for group in sorted.chunk_by(|a, b| (a.person, a.entry) == (b.person, b.entry)) {
        let Some(&Place { person, entry, .. }) = group.first() else { continue };
        let list = |relation, state| List { family, person, relation, state };
        for place in group {
            rows.insert((list(place.relation, place.state), entry));
        }
        for scope in State::ALL {
            let within = group.iter().filter(|p| *scope == State::Any || p.state == *scope);
            // One place is the task itself; each further one is a repeat.
            for (_, repeat) in within.skip(1).zip(Relation::REPEATS) {
                rows.insert((list(repeat, *scope), entry));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(relation: Relation, state: State) -> Place {
        let key = Key { start: 1, task: 2 };
        let entry = Entry { key, flow: 3, instance: InstanceId(4) };
        Place { person: PersonId(5), entry, relation, state }
    }

    fn kinds(places: &[Place]) -> Vec<(Relation, State)> {
        rows(Family::Flow, places).iter().map(|(l, _)| (l.relation, l.state)).collect()
    }

    #[test]
    fn one_relation_has_no_repeats() {
        let one = [place(Relation::Cc, State::Archived)];
        assert_eq!(kinds(&one), [(Relation::Cc, State::Archived)]);
    }

    #[test]
    fn two_relations_repeat_in_their_state_and_over_both() {
        use Relation::{Assigned, Initiated, Repeat};
        use State::{Any, Archived, Pending};
        let same = [place(Initiated, Pending), place(Assigned, Pending)];
        let expected =
            [(Initiated, Pending), (Assigned, Pending), (Repeat, Pending), (Repeat, Any)];
        assert_eq!(kinds(&same), expected);
        let apart = [place(Initiated, Pending), place(Assigned, Archived)];
        assert_eq!(kinds(&apart), [(Initiated, Pending), (Assigned, Archived), (Repeat, Any)]);
    }

    #[test]
    fn three_relations_repeat_twice() {
        let all = Relation::REAL.map(|relation| place(relation, State::Pending));
        let repeats: Vec<_> =
            kinds(&all).into_iter().filter(|(r, _)| Relation::REPEATS.contains(r)).collect();
        let expected = [
            (Relation::Repeat, State::Pending),
            (Relation::Repeat, State::Any),
            (Relation::SecondRepeat, State::Pending),
            (Relation::SecondRepeat, State::Any),
        ];
        assert_eq!(repeats, expected);
    }
}

//! Which lists a search reads, and where a thing stands on them: tasks, instances and copies of either
//! family, behind whoever they concern or the definition that they are of.
//!
//! A list is of one status and in the order of one time, so that a search reads little but what it
//! shows. Unlike inboxes these lists have every status, an instance once, and nothing is hidden.

use std::collections::{BTreeMap, BTreeSet};

use crate::coded::coded;
use crate::flow;
use crate::ids::{DefinitionId, InstanceId, PersonId};
use crate::inbox::Family;
use crate::instance::{InstanceStatus, ReadStatus, Stored, TaskStatus};
use crate::time::Millis;

coded! {
    /// What stands on a list, and by which time.
    Kind {
        /// Tasks, by their start.
        Task = 1,
        /// Tasks, by their last change.
        TaskByUpdate = 2,
        /// Instances, by their start.
        Instance = 3,
        /// Copies, by when they were made.
        Copy = 4,
    }
}

impl Kind {
    /// Every status that things of this kind have, as stores keep it.
    pub fn statuses(self) -> Vec<i64> {
        match self {
            Self::Task | Self::TaskByUpdate => TaskStatus::ALL.iter().map(|s| s.code()).collect(),
            Self::Instance => InstanceStatus::ALL.iter().map(|s| s.code()).collect(),
            Self::Copy => ReadStatus::ALL.iter().map(|s| s.code()).collect(),
        }
    }
}

/// What all things on a list have in common beside their status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leader {
    /// The assignee of a task, the initiator of an instance, the receiver of a copy.
    Person(PersonId),
    /// A definition, or a flow by its number.
    Definition(i64),
}

/// One list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List {
    /// Who runs what is on it.
    pub family: Family,
    /// What is on it.
    pub kind: Kind,
    /// Whose it is.
    pub leader: Leader,
    /// The status of all that is on it: a code of [`TaskStatus`], [`InstanceStatus`] or
    /// [`ReadStatus`].
    pub status: i64,
}

/// The place of a thing among others of both families. No two things of a kind share one, and within a
/// list of third parties no two share a time and a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The time by which the list is sorted, in Unix milliseconds.
    pub time: i64,
    /// The task, instance or copy; of a copy of a flow's task, that task.
    pub thing: i64,
    /// The code of the family.
    pub family: i64,
    /// Whom it concerns; 0 where nobody is known.
    pub person: i64,
}

/// A row of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// The definition, or the number of the flow.
    pub definition: i64,
    /// The instance.
    pub instance: InstanceId,
    /// The status, which is the list's.
    pub status: i64,
    /// When it started, in Unix milliseconds.
    pub start: i64,
}

/// Puts things of one instance onto their lists.
struct Shelf {
    family: Family,
    definition: i64,
    instance: InstanceId,
    rows: BTreeSet<(List, Row)>,
}

impl Shelf {
    fn add(
        &mut self,
        kind: Kind,
        (thing, status): (i64, i64),
        person: Option<PersonId>,
        start: Millis,
        time: Millis,
    ) {
        let (start, time) = (start.get(), time.get());
        let whose = person.map_or(0, PersonId::get);
        let (family, definition, instance) = (self.family, self.definition, self.instance);
        let place = Place { time, thing, family: family.code(), person: whose };
        let row = Row { place, definition, instance, status, start };
        let of_definition = Leader::Definition(definition);
        for leader in person.map(Leader::Person).into_iter().chain([of_definition]) {
            self.rows.insert((List { family, kind, leader, status }, row));
        }
    }

    fn add_task(&mut self, thing: (i64, i64), person: PersonId, start: Millis, update: Millis) {
        self.add(Kind::Task, thing, Some(person), start, start);
        self.add(Kind::TaskByUpdate, thing, Some(person), start, update);
    }
}

/// Every row of a third-party instance, on each of its lists.
pub fn rows_of_external(
    id: InstanceId,
    definition: DefinitionId,
    stored: &Stored,
) -> BTreeSet<(List, Row)> {
    let rows = BTreeSet::new();
    let definition = definition.get();
    let mut shelf = Shelf { family: Family::External, definition, instance: id, rows };
    let Stored { instance, initiator, tasks, ccs } = stored;
    let thing = (id.get(), instance.status.code());
    shelf.add(Kind::Instance, thing, *initiator, instance.start_time, instance.start_time);
    for task in tasks {
        let thing = (task.id.get(), task.item.status.code());
        let (create_time, update_time) = (task.item.create_time, task.item.update_time);
        shelf.add_task(thing, task.person, create_time, update_time);
    }
    for cc in ccs {
        let thing = (cc.id.get(), cc.item.read_status.code());
        shelf.add(Kind::Copy, thing, Some(cc.person), cc.item.create_time, cc.item.create_time);
    }
    shelf.rows
}

/// Every row that an instance of a flow asks for: one for each task and person with a part in it.
pub fn rows_of_flow(instance: &flow::Instance) -> BTreeSet<(List, Row)> {
    let mut shelf = Shelf {
        family: Family::Flow,
        definition: instance.flow.get(),
        instance: instance.id,
        rows: BTreeSet::new(),
    };
    let thing = (instance.id.get(), status_of_flow(instance.status).code());
    let started = instance.start_time;
    shelf.add(Kind::Instance, thing, Some(instance.initiator), started, started);
    // A task that has not begun has no start, hence no place.
    for task in instance.tasks.iter().filter(|task| task.status != flow::Status::Unstarted) {
        let start = task.start_time;
        for (person, (status, ended)) in parts_by_person(task) {
            let thing = (task.id.get(), status.code());
            shelf.add_task(thing, person, start, start.max(ended));
        }
        for person in BTreeSet::from_iter(&task.ccs) {
            // Nobody can mark a copy of a flow's task as read yet.
            let thing = (task.id.get(), ReadStatus::Unread.code());
            shelf.add(Kind::Copy, thing, Some(*person), start, start);
        }
    }
    shelf.rows
}

/// The status of each person's share of a task, and when it ended: what is still open counts before
/// what is not, else the last part does. Whose turn has not come has none.
fn parts_by_person(task: &flow::Task) -> BTreeMap<PersonId, (TaskStatus, Millis)> {
    let mut shares = BTreeMap::new();
    for part in &task.parts {
        let Some(status) = status_of_part(task, part.status) else { continue };
        let open = shares.get(&part.person).is_some_and(|(s, _)| *s == TaskStatus::Pending);
        if !open || status == TaskStatus::Pending {
            shares.insert(part.person, (status, part.end_time));
        }
    }
    shares
}

fn status_of_part(task: &flow::Task, part: flow::Status) -> Option<TaskStatus> {
    match part {
        flow::Status::InProcess if task.is_open() => Some(TaskStatus::Pending),
        flow::Status::Unstarted if task.is_open() => None,
        flow::Status::Agreed => Some(TaskStatus::Approved),
        flow::Status::Rejected => Some(TaskStatus::Rejected),
        _ => Some(TaskStatus::Done),
    }
}

/// How an instance of a flow stands, in the words that third-party ones have.
pub fn status_of_flow(status: flow::Status) -> InstanceStatus {
    match status {
        flow::Status::InProcess | flow::Status::Unstarted => InstanceStatus::Pending,
        flow::Status::Agreed | flow::Status::Completed => InstanceStatus::Approved,
        flow::Status::Rejected => InstanceStatus::Rejected,
        flow::Status::Canceled => InstanceStatus::Canceled,
        flow::Status::Terminated | flow::Status::AutoEnd | flow::Status::Failed => {
            InstanceStatus::Terminated
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Logic, Part, Status, Task};
    use crate::ids::TaskId;

    fn task(status: Status, parts: &[(i64, Status)]) -> Task {
        let part = |(person, status): &(i64, Status)| Part {
            person: PersonId(*person),
            status: *status,
            end_time: Millis(0),
        };
        Task {
            id: TaskId(1),
            node: String::new(),
            logic: Logic::All,
            status,
            start_time: Millis(5),
            end_time: Millis(0),
            parts: parts.iter().map(part).collect(),
            ccs: Vec::new(),
        }
    }

    fn shares(task: &Task) -> Vec<(i64, TaskStatus)> {
        parts_by_person(task).into_iter().map(|(person, (s, _))| (person.get(), s)).collect()
    }

    #[test]
    fn what_is_open_counts_before_what_came_later() {
        let open = task(Status::InProcess, &[(1, Status::InProcess), (1, Status::Agreed)]);
        assert_eq!(shares(&open), [(1, TaskStatus::Pending)]);
        let both = task(Status::InProcess, &[(1, Status::Agreed), (1, Status::Rejected)]);
        assert_eq!(shares(&both), [(1, TaskStatus::Rejected)]);
    }

    #[test]
    fn who_waits_for_their_turn_has_no_task_until_it_ends() {
        let parts = [(1, Status::InProcess), (2, Status::Unstarted)];
        assert_eq!(shares(&task(Status::InProcess, &parts)), [(1, TaskStatus::Pending)]);
        let ended = task(Status::Rejected, &[(1, Status::Rejected), (2, Status::Unstarted)]);
        assert_eq!(shares(&ended), [(1, TaskStatus::Rejected), (2, TaskStatus::Done)]);
    }
}

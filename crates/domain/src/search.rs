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

/// The place of a thing among others of both families. No two things of a kind share one; on a list only
/// what several people have of a flow's task has the same time and thing.
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

/// A task, instance or copy, for one of those whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thing {
    /// What it is: [`Kind::TaskByUpdate`] is no kind of thing.
    pub kind: Kind,
    /// The task, instance or copy; of a copy of a flow's task, that task.
    pub id: i64,
    /// Whom it concerns, if they are known.
    pub person: Option<PersonId>,
    /// Who runs the flow.
    pub family: Family,
    /// The definition, or the number of the flow.
    pub definition: i64,
    /// The instance.
    pub instance: InstanceId,
    /// A code of [`TaskStatus`], [`InstanceStatus`] or [`ReadStatus`].
    pub status: i64,
    /// When it started, in Unix milliseconds.
    pub start: i64,
    /// When it last changed, as far as lists care; its start where they do not.
    pub update: i64,
}

impl Thing {
    /// Its row on lists of a kind; `None` where it is on none.
    pub fn row(&self, kind: Kind) -> Option<Row> {
        let (of, time) = match kind {
            Kind::TaskByUpdate => (Kind::Task, self.update),
            of => (of, self.start),
        };
        let person = self.person.map_or(0, PersonId::get);
        let place = Place { time, thing: self.id, family: self.family.code(), person };
        let Self { definition, instance, status, start, .. } = *self;
        (self.kind == of).then_some(Row { place, definition, instance, status, start })
    }
}

/// All things of a third-party instance, with itself.
pub fn things_of_external(id: InstanceId, definition: DefinitionId, stored: &Stored) -> Vec<Thing> {
    let Stored { instance, initiator, tasks, ccs } = stored;
    let own = Thing {
        kind: Kind::Instance,
        id: id.get(),
        person: *initiator,
        family: Family::External,
        definition: definition.get(),
        instance: id,
        status: instance.status.code(),
        start: instance.start_time.get(),
        update: instance.start_time.get(),
    };
    let tasks = tasks.iter().map(|task| Thing {
        kind: Kind::Task,
        id: task.id.get(),
        person: Some(task.person),
        status: task.item.status.code(),
        start: task.item.create_time.get(),
        update: task.item.update_time.get(),
        ..own
    });
    let copies = ccs.iter().map(|cc| Thing {
        kind: Kind::Copy,
        id: cc.id.get(),
        person: Some(cc.person),
        status: cc.item.read_status.code(),
        start: cc.item.create_time.get(),
        update: cc.item.create_time.get(),
        ..own
    });
    [own].into_iter().chain(tasks).chain(copies).collect()
}

/// All things of an instance of a flow, with itself: a task once for each person with a part in it.
pub fn things_of_flow(instance: &flow::Instance) -> BTreeSet<Thing> {
    let own = Thing {
        kind: Kind::Instance,
        id: instance.id.get(),
        person: Some(instance.initiator),
        family: Family::Flow,
        definition: instance.flow.get(),
        instance: instance.id,
        status: status_of_flow(instance.status).code(),
        start: instance.start_time.get(),
        update: instance.start_time.get(),
    };
    let mut things = BTreeSet::from([own]);
    // A task that has not begun has no start, hence no place.
    for task in instance.tasks.iter().filter(|task| task.status != flow::Status::Unstarted) {
        let (id, start) = (task.id.get(), task.start_time.get());
        things.extend(parts_by_person(task).into_iter().map(|(person, (status, ended))| Thing {
            kind: Kind::Task,
            id,
            person: Some(person),
            status: status.code(),
            start,
            update: start.max(ended.get()),
            ..own
        }));
        things.extend(task.ccs.iter().map(|person| Thing {
            kind: Kind::Copy,
            id,
            person: Some(*person),
            // Nobody can mark a copy of a flow's task as read yet.
            status: ReadStatus::Unread.code(),
            start,
            update: start,
            ..own
        }));
    }
    things
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

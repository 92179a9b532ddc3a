//! How an instance moves on by itself: steps open, tasks are settled by the decisions of their
//! seats, and the instance ends or goes back.
//!
//! Every function here leaves the state such that no task is open that waits for nobody. Who may
//! do what is decided before ([`super::authorise`]); which action does what is in [`super::act`].

use super::definition::{Approval, Definition, Expression, Nobody, OnReject, START, Who};
use super::directory::{Directory, resolve, stand_ins};
use super::expression::{self, Scope};
use super::history::{Event, Skip};
use super::route::{Lane, Route, Step};
use super::state::{End, Seat, StandIn, State, Task, Visit, Why, node_of};
use crate::flow::{Logic, Status};
use crate::ids::{PersonId, TaskId};
use crate::time::Millis;

/// What an action may use: the time, new ids, and who is who.
pub struct World<'a> {
    /// The time.
    pub now: Millis,
    /// Makes ids of tasks, each greater than the one before.
    pub next_id: &'a mut dyn FnMut() -> TaskId,
    /// Who is who.
    pub directory: &'a dyn Directory,
}

/// An action under way: the state as it is becoming, and what happened so far.
pub(super) struct Run<'a, 'w> {
    pub(super) definition: &'a Definition,
    pub(super) state: State,
    pub(super) world: &'a mut World<'w>,
    pub(super) events: Vec<Event>,
}

/// Whether a sequence has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It has.
    Through,
    /// A task is open in it.
    Waits,
    /// The instance has ended.
    Over,
}

impl Run<'_, '_> {
    /// Opens what can open. Ends the instance when nothing is left.
    pub(super) fn proceed(&mut self) {
        let route = Route::new(self.definition, &self.state.added);
        if self.state.is_open() && self.walk(&route.0) == Way::Through {
            self.finish(Status::Agreed, None, "");
        }
    }

    fn walk(&mut self, steps: &[Step]) -> Way {
        for step in steps {
            let way = match step {
                Step::Node(key) => self.reach(key),
                Step::Parallel { id, when, branches } => match self.enter(id, when.as_ref()) {
                    Some(true) => self.walk_all(branches),
                    Some(false) => Way::Through,
                    None => Way::Over,
                },
            };
            if way != Way::Through {
                return way;
            }
        }
        Way::Through
    }

    fn walk_all(&mut self, lanes: &[Lane]) -> Way {
        let mut joined = Way::Through;
        for lane in lanes {
            let way = match self.enter(&lane.id, lane.when.as_ref()) {
                Some(true) => self.walk(&lane.steps),
                Some(false) => Way::Through,
                None => Way::Over,
            };
            match way {
                Way::Over => return Way::Over,
                Way::Waits => joined = Way::Waits,
                Way::Through => {}
            }
        }
        joined
    }

    /// Whether a block or branch is gone through: asked once in a lap, since the organisation may
    /// change meanwhile. `None` when the instance failed.
    fn enter(&mut self, id: &str, when: Option<&Expression>) -> Option<bool> {
        match self.state.lap.get(id) {
            Some(Visit::Skipped) => return Some(false),
            Some(_) => return Some(true),
            None => {}
        }
        let holds = self.condition(id, when)?;
        if holds {
            self.state.lap.insert(id.to_owned(), Visit::Entered);
        }
        Some(holds)
    }

    /// Whether the condition of a step holds. Where it does not, the step is marked as left out.
    fn condition(&mut self, id: &str, when: Option<&Expression>) -> Option<bool> {
        let Some(when) = when else { return Some(true) };
        match expression::holds(when, &self.scope(), self.world.directory) {
            Ok(true) => Some(true),
            Ok(false) => {
                self.skip(id, Skip::Condition);
                Some(false)
            }
            Err(reason) => {
                self.finish(Status::Failed, None, &format!("condition of {id}: {reason}"));
                None
            }
        }
    }

    fn skip(&mut self, id: &str, reason: Skip) {
        self.state.lap.insert(id.to_owned(), Visit::Skipped);
        self.events.push(Event::Skipped { node: id.to_owned(), reason });
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            parameters: &self.definition.parameters,
            values: &self.state.values,
            initiator: self.state.initiator,
        }
    }

    fn reach(&mut self, key: &str) -> Way {
        match self.state.lap.get(key) {
            Some(Visit::Open(_)) => return Way::Waits,
            Some(_) => return Way::Through,
            None => {}
        }
        if key == START {
            // Whoever started it decides whether it goes on, wherever they are now.
            let initiator = self.state.initiator;
            return self.open(key, Logic::All, &[initiator], &[]);
        }
        let definition = self.definition;
        let Some(approval) = definition.approval(node_of(key)) else {
            self.finish(Status::Failed, None, &format!("the flow has no node {key}"));
            return Way::Over;
        };
        let added = self.state.added.iter().find(|insertion| insertion.key == key);
        match added.map(|insertion| insertion.people.clone()) {
            Some(people) => self.open_added(key, approval, people),
            None => self.open_node(approval),
        }
    }

    /// A step that somebody added: its people were named, and may have left since.
    fn open_added(&mut self, key: &str, approval: &Approval, people: Vec<PersonId>) -> Way {
        let directory = self.world.directory;
        let present: Vec<_> =
            people.into_iter().filter(|person| directory.profile(*person).is_some()).collect();
        match self.or_others(key, approval, present) {
            Ok(people) => self.open(key, Logic::All, &people, &[]),
            Err(way) => way,
        }
    }

    fn open_node(&mut self, approval: &Approval) -> Way {
        let key = &*approval.id;
        match self.condition(key, approval.when.as_ref()) {
            Some(true) => {}
            Some(false) => return Way::Through,
            None => return Way::Over,
        }
        let found = self.find(key, &approval.assignees);
        let found = found.and_then(|found| self.or_others(key, approval, found));
        let copies = found.and_then(|found| Ok((found, self.find(key, &approval.cc)?)));
        match copies {
            Ok((people, ccs)) => self.open(key, approval.logic, &people, &ccs),
            Err(way) => way,
        }
    }

    fn find(&mut self, key: &str, who: &[Who]) -> Result<Vec<PersonId>, Way> {
        resolve(who, &self.scope(), self.world.directory).map_err(|reason| {
            self.finish(Status::Failed, None, &format!("people of {key}: {reason}"));
            Way::Over
        })
    }

    /// Those who were found, or whom the definition says to ask instead.
    fn or_others(
        &mut self,
        key: &str,
        approval: &Approval,
        found: Vec<PersonId>,
    ) -> Result<Vec<PersonId>, Way> {
        if !found.is_empty() {
            return Ok(found);
        }
        let others = match &approval.nobody {
            Nobody::Pass => {
                self.skip(key, Skip::Nobody);
                return Err(Way::Through);
            }
            Nobody::Fail => Vec::new(),
            Nobody::Ask(who) => self.find(key, who)?,
        };
        if others.is_empty() {
            self.finish(Status::Failed, None, &format!("nobody was found for {key}"));
            return Err(Way::Over);
        }
        Ok(others)
    }

    fn open(&mut self, key: &str, logic: Logic, people: &[PersonId], ccs: &[PersonId]) -> Way {
        let id = (self.world.next_id)();
        let mut task = Task::new(id, key, logic, self.world.now);
        task.seats = people.iter().copied().map(Seat::new).collect();
        self.state.tasks.push(task);
        self.state.lap.insert(key.to_owned(), Visit::Open(id));
        self.events.push(Event::Opened { task: id, node: key.to_owned() });
        for person in ccs {
            self.copy(id, *person);
        }
        self.seat(id);
        Way::Waits
    }

    /// Copies a task to somebody who has no copy yet.
    pub(super) fn copy(&mut self, id: TaskId, person: PersonId) {
        let task = self.task(id);
        if let Err(at) = task.ccs.binary_search(&person) {
            task.ccs.insert(at, person);
            self.events.push(Event::Copied { task: id, person });
        }
    }

    /// A task that is known to be there: callers have its id from the state.
    pub(super) fn task(&mut self, id: TaskId) -> &mut Task {
        let task = self.state.tasks.iter_mut().find(|task| task.id == id);
        task.expect("ids of tasks come from the state, which never loses one")
    }

    /// Lets those begin whose turn it is: all of them, or the first who is not done.
    fn seat(&mut self, id: TaskId) {
        loop {
            let task = self.task(id);
            let orderly = task.logic == Logic::Orderly;
            if orderly && task.seats.iter().any(Seat::in_turn) {
                return;
            }
            let next = task.seats.iter().position(|seat| seat.status == Status::Unstarted);
            let Some(index) = next else { return };
            self.begin(id, index);
        }
    }

    /// Begins one seat. Who has agreed to the task in an earlier turn need not do so again: a
    /// person decides a task once, so that a repeated call never counts as a second decision.
    pub(super) fn begin(&mut self, id: TaskId, index: usize) {
        let (now, directory, initiator) =
            (self.world.now, self.world.directory, self.state.initiator);
        let task = self.task(id);
        let holder = task.seats[index].holder;
        // Nobody decides on their own request in the name of another.
        let people = stand_ins(directory, holder, now, &[initiator]);
        let why = Why::Substitute;
        let seat = &mut task.seats[index];
        seat.status = Status::InProcess;
        seat.stand_ins = people.into_iter().map(|person| StandIn { person, why }).collect();
        let deciders: Vec<_> = seat.deciders().collect();
        let agreed = deciders.iter().copied().find(|person| task.decision_of(*person).is_some());
        if let Some(person) = agreed {
            self.decide_seat(id, index, Status::Agreed, Some(person), true);
            return;
        }
        for person in deciders {
            let on_behalf_of = (person != holder).then_some(holder);
            self.events.push(Event::Waits { task: id, person, on_behalf_of });
        }
    }

    /// Writes a decision into a seat. [`Self::settle`] draws the consequences.
    pub(super) fn decide_seat(
        &mut self,
        id: TaskId,
        index: usize,
        status: Status,
        by: Option<PersonId>,
        automatic: bool,
    ) {
        let at = self.world.now;
        let seat = &mut self.task(id).seats[index];
        (seat.status, seat.end) = (status, Some(End { at, by }));
        let holder = seat.holder;
        self.events.push(Event::Decided { task: id, seat: holder, by, status, automatic });
    }

    /// Ends a task whose seats have decided it, or lets the next one begin. `by` is who acted.
    pub(super) fn settle(&mut self, id: TaskId, by: Option<PersonId>) {
        self.seat(id);
        let task = self.task(id);
        let of = |status| task.seats.iter().filter(move |seat| seat.status == status).count();
        if of(Status::Rejected) > 0 {
            self.close(id, Status::Rejected, by);
            self.rejected(id, by);
        } else if of(Status::Agreed) == task.seats.len()
            || task.logic == Logic::First && of(Status::Agreed) > 0
        {
            self.pass(id, by);
        }
    }

    /// Ends a task as agreed to, and goes on.
    pub(super) fn pass(&mut self, id: TaskId, by: Option<PersonId>) {
        self.close(id, Status::Agreed, by);
        let key = self.task(id).key.clone();
        self.state.lap.insert(key, Visit::Passed(id));
        self.proceed();
    }

    /// What the definition says of a rejected task.
    pub(super) fn rejected(&mut self, id: TaskId, by: Option<PersonId>) {
        let key = self.task(id).key.clone();
        let rule = self.definition.approval(node_of(&key)).map(|node| &node.on_reject);
        let target = match rule {
            Some(OnReject::Start) => START.to_owned(),
            Some(OnReject::Node(node)) => node.clone(),
            Some(OnReject::Previous) => self.previous(&key),
            // Who rejects their own start withdraws what came back.
            Some(OnReject::End) | None => {
                self.finish(Status::Rejected, by, "");
                return;
            }
        };
        self.go_back(&target, by);
    }

    fn previous(&self, key: &str) -> String {
        let route = Route::new(self.definition, &self.state.added);
        let earlier = route.earlier(key).unwrap_or_default();
        let visited = |key: &&&str| matches!(self.state.lap.get(**key), Some(Visit::Passed(_)));
        earlier.iter().rev().find(visited).map_or(START, |key| *key).to_owned()
    }

    /// Forgets a step and everything after it, ends what is open there, and opens it again. Sibling
    /// branches stay as they are where the step is inside a branch.
    pub(super) fn go_back(&mut self, key: &str, by: Option<PersonId>) {
        let route = Route::new(self.definition, &self.state.added);
        let mut gone = route.later(key);
        gone.push(key.to_owned());
        for step in &gone {
            if let Some(Visit::Open(id)) = self.state.lap.remove(step) {
                self.close(id, Status::Terminated, by);
            }
        }
        // What was added belongs to the lap that ends here.
        self.state.added.retain(|insertion| !gone.contains(&insertion.key) || insertion.key == key);
        self.events.push(Event::WentBack { node: key.to_owned() });
        self.proceed();
    }

    /// Ends an open task with everything in it that is still open.
    pub(super) fn close(&mut self, id: TaskId, status: Status, by: Option<PersonId>) {
        let end = Some(End { at: self.world.now, by });
        let task = self.task(id);
        if !task.is_open() {
            return;
        }
        (task.status, task.end) = (status, end);
        let rest = match status {
            Status::Canceled | Status::Terminated => status,
            _ => Status::AutoEnd,
        };
        for seat in task.seats.iter_mut().filter(|seat| seat.is_open()) {
            (seat.status, seat.end) = (rest, end);
        }
        self.events.push(Event::Closed { task: id, status });
    }

    /// Ends the instance, and what is open in it.
    pub(super) fn finish(&mut self, status: Status, by: Option<PersonId>, reason: &str) {
        let open: Vec<_> = self.state.open_tasks().map(|task| task.id).collect();
        let rest = if status == Status::Canceled { status } else { Status::AutoEnd };
        for id in open {
            self.close(id, rest, by);
        }
        self.state.status = status;
        self.state.end = Some(End { at: self.world.now, by });
        self.events.push(Event::Ended { status, reason: reason.to_owned() });
    }
}

impl Task {
    pub(super) fn new(id: TaskId, key: &str, logic: Logic, now: Millis) -> Self {
        Self {
            id,
            key: key.to_owned(),
            logic,
            status: Status::InProcess,
            start_time: now,
            end: None,
            returned_to: None,
            seats: Vec::new(),
            ccs: Vec::new(),
            reminded: 0,
            overdue: false,
            urged: std::collections::BTreeMap::new(),
        }
    }
}

//! What time does: reminders, overdue tasks, and people who are away from now on or back again.
//!
//! One function does everything that is due, however late it is called: a missed call is caught up
//! by the next, and a repeated one finds nothing to do.

use super::act::Outcome;
use super::authorise::Verb;
use super::definition::{Definition, Due, OnDue};
use super::directory::stand_ins;
use super::history::Event;
use super::run::{Run, World};
use super::seats::remember;
use super::state::{Seat, StandIn, State, Task, Why};
use crate::flow::Status;
use crate::ids::TaskId;
use crate::time::Millis;

/// Does everything that is due. To be called when [`next_due`] is reached, and when somebody for
/// whom an open task waits begins or ends to be away.
pub fn tick(definition: &Definition, state: &State, world: &mut World<'_>) -> Outcome {
    let mut run = Run { definition, state: state.clone(), world, events: Vec::new() };
    let open: Vec<_> = state.open_tasks().map(|task| task.id).collect();
    for id in open {
        run.refresh(id);
        run.due(id);
    }
    run.done(Verb::Tick, None, None, "")
}

/// When time next does something by itself; never, where nothing is open or nothing is due.
pub fn next_due(definition: &Definition, state: &State) -> Option<Millis> {
    let next = |task: &Task| {
        let due = due_of(definition, task)?;
        let reminder = due.remind.get(task.reminded).copied();
        let overdue = (!task.overdue).then_some(due.after);
        let after = reminder.into_iter().chain(overdue).min()?;
        Some(task.start_time.plus(after))
    };
    state.open_tasks().filter_map(next).min()
}

/// The times of the node that a task visits. The start, and steps that people added, are no nodes:
/// they have none.
fn due_of<'d>(definition: &'d Definition, task: &Task) -> Option<&'d Due> {
    definition.approval(&task.key)?.due.as_ref()
}

impl Run<'_, '_> {
    /// Brings those who stand in for others up to date.
    fn refresh(&mut self, id: TaskId) {
        let (now, directory, initiator) =
            (self.world.now, self.world.directory, self.state.initiator);
        let task = self.task(id);
        let mut events = Vec::new();
        for index in 0..task.seats.len() {
            if !task.seats[index].in_turn() {
                continue;
            }
            let holder = task.seats[index].holder;
            let mut wanted = stand_ins(directory, holder, now, &[initiator]);
            // Who has decided already would decide twice.
            wanted.retain(|person| task.decision_of(*person).is_none());
            let seat = &mut task.seats[index];
            let stays = |one: &StandIn| one.why == Why::Escalation || wanted.contains(&one.person);
            let (kept, gone): (Vec<_>, Vec<_>) = seat.stand_ins.iter().partition(|one| stays(one));
            for StandIn { person, .. } in gone {
                remember(seat, std::iter::once((person, now)));
                events.push(Event::StandsBack { task: id, person, on_behalf_of: holder });
            }
            seat.stand_ins = kept;
            for person in wanted {
                events.extend(join(seat, id, person, Why::Substitute));
            }
        }
        self.events.append(&mut events);
    }

    fn due(&mut self, id: TaskId) {
        let definition = self.definition;
        let Some(task) = self.state.task(id).filter(|task| task.is_open()) else { return };
        let Some(due) = due_of(definition, task) else { return };
        let past = self.world.now.get().saturating_sub(task.start_time.get());
        let task = self.task(id);
        let reminded = due.remind.iter().take_while(|after| **after <= past).count();
        if reminded > task.reminded {
            task.reminded = reminded;
            let people = task.waits_for();
            self.events.push(Event::Reminded { task: id, people });
        }
        let task = self.task(id);
        if task.overdue || past < due.after {
            return;
        }
        task.overdue = true;
        self.events.push(Event::Overdue { task: id });
        match due.then {
            OnDue::Notify => {}
            OnDue::Escalate => self.escalate(id),
            OnDue::Agree => self.decide_all(id, Status::Agreed),
            OnDue::Reject => self.decide_all(id, Status::Rejected),
        }
    }

    /// The leader of everybody whom a task waits for may decide too.
    fn escalate(&mut self, id: TaskId) {
        let (directory, initiator) = (self.world.directory, self.state.initiator);
        let task = self.task(id);
        let mut events = Vec::new();
        for index in 0..task.seats.len() {
            let seat = &task.seats[index];
            let leader = directory.profile(seat.holder).and_then(|profile| profile.leader);
            let fit = leader.filter(|leader| {
                // Nobody decides on their own request in the name of another, or twice.
                let present = directory.profile(*leader).is_some();
                present && *leader != initiator && task.decision_of(*leader).is_none()
            });
            if let Some(leader) = fit.filter(|_| seat.in_turn()) {
                events.extend(join(&mut task.seats[index], id, leader, Why::Escalation));
            }
        }
        self.events.append(&mut events);
    }

    /// The definition decides for everybody who has not.
    fn decide_all(&mut self, id: TaskId, status: Status) {
        for index in 0..self.task(id).seats.len() {
            if self.task(id).seats[index].is_open() {
                self.decide_seat(id, index, status, None, true);
            }
        }
        self.settle(id, None);
    }
}

/// Lets somebody decide for the holder of a seat, unless they may already.
fn join(seat: &mut Seat, task: TaskId, person: crate::ids::PersonId, why: Why) -> Option<Event> {
    if seat.is_for(person) {
        return None;
    }
    seat.stand_ins.push(StandIn { person, why });
    let on_behalf_of = seat.holder;
    Some(Event::StandsIn { task, person, on_behalf_of, why })
}

//! Who decides a task, after it opened: parts that go to others, and people who are added.

use super::act::{lost, still_open};
use super::authorise::{Actor, Verb};
use super::definition::START;
use super::history::Event;
use super::refusal::Refusal;
use super::run::Run;
use super::state::{Insertion, Seat, Task, added_key, node_of};
use crate::ids::{PersonId, TaskId};
use crate::limits;
use crate::time::Millis;

impl Run<'_, '_> {
    pub(super) fn transfer(
        &mut self,
        id: TaskId,
        by: &Actor,
        from: &[PersonId],
        to: &[PersonId],
    ) -> Result<(), Refusal> {
        self.known(to, limits::PEOPLE_PER_ACTION)?;
        if from.len() > limits::PEOPLE_PER_ACTION {
            return Err(Refusal::HowMany { most: limits::PEOPLE_PER_ACTION });
        }
        let to = distinct(to);
        let task = self.task(id);
        let mut holders = if from.is_empty() { own(task, by) } else { distinct(from) };
        let before = if from.is_empty() {
            given(task, by.person, &to)
        } else {
            // Whose part is there already is not asked for another.
            let there = |holder| !holds(task, holder) && given(task, holder, &to);
            holders.retain(|holder| !there(*holder) && !stays(task, *holder, &to));
            holders.is_empty()
        };
        if before {
            return Ok(());
        }
        still_open(task)?;
        if holders.is_empty() {
            return Err(lost(task, by.person, Verb::Transfer));
        }
        for holder in &holders {
            may_move(task, by, *holder)?;
        }
        // Else somebody's agreement would be taken for a part that they have not seen.
        for person in to.iter().filter(|person| !holders.contains(person)) {
            if let Some((status, at)) = task.decision_of(*person) {
                return Err(Refusal::AlreadyDecided { status, by: Some(*person), at });
            }
        }
        for holder in holders {
            self.move_seat(id, holder, &to);
        }
        room(self.task(id).seats.len())?;
        self.settle(id, Some(by.person));
        Ok(())
    }

    /// Gives the open seat of `holder` to others. Who has a seat already gets no second one.
    fn move_seat(&mut self, id: TaskId, holder: PersonId, to: &[PersonId]) {
        let now = self.world.now;
        let task = self.task(id);
        let open = |seat: &Seat| seat.holder == holder && seat.is_open();
        let Some(index) = task.seats.iter().position(open) else { return };
        if stays(task, holder, to) {
            return;
        }
        let old = task.seats.remove(index);
        let mut former = old.former.clone();
        former.extend(old.deciders().map(|person| (person, now)));
        let mut next = index;
        for person in to {
            let known = task.seats.iter().position(|seat| seat.holder == *person);
            let place = known.unwrap_or(next);
            if known.is_none() {
                task.seats.insert(next, Seat::new(*person));
                next += 1;
            }
            remember(&mut task.seats[place], former.iter().copied());
        }
        let moved = |to: &PersonId| Event::Moved { task: id, from: holder, to: *to };
        self.events.extend(to.iter().map(moved));
    }

    pub(super) fn add_beside(
        &mut self,
        id: TaskId,
        by: &Actor,
        people: &[PersonId],
    ) -> Result<(), Refusal> {
        self.known(people, limits::PEOPLE_PER_ACTION)?;
        let task = self.task(id);
        let new: Vec<_> = distinct(people)
            .into_iter()
            .filter(|person| task.seats.iter().all(|seat| seat.holder != *person))
            .filter(|person| task.decision_of(*person).is_none())
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        still_open(task)?;
        let turn = |seat: &Seat| seat.in_turn() && seat.is_for(by.person);
        let at = match task.seats.iter().rposition(turn) {
            Some(index) => index + 1,
            None if by.admin => task.seats.len(),
            None => return Err(lost(task, by.person, Verb::AddAssignee)),
        };
        room(task.seats.len() + new.len())?;
        for (index, person) in new.iter().enumerate() {
            task.seats.insert(at + index, Seat::new(*person));
        }
        self.events.extend(new.into_iter().map(|person| Event::Added { task: id, person }));
        self.settle(id, Some(by.person));
        Ok(())
    }

    pub(super) fn add_after(
        &mut self,
        id: TaskId,
        by: &Actor,
        people: &[PersonId],
    ) -> Result<(), Refusal> {
        self.known(people, limits::PEOPLE_PER_ACTION)?;
        let before = self.state.added.iter().filter(|insertion| insertion.task == id);
        let asked: Vec<_> = before.flat_map(|insertion| &insertion.people).copied().collect();
        let mut people = distinct(people);
        people.retain(|person| !asked.contains(person));
        if people.is_empty() {
            return Ok(());
        }
        room(asked.len() + people.len())?;
        let task = self.task(id);
        still_open(task)?;
        if !by.admin && !task.waits_for().contains(&by.person) {
            return Err(lost(task, by.person, Verb::AddAssignee));
        }
        let after = task.key.clone();
        let node = node_of(&after);
        if node == START {
            let (verb, node) = (Verb::AddAssignee, node.to_owned());
            return Err(Refusal::NotAllowedHere { verb, node });
        }
        let number = self.state.added.iter().filter(|other| other.after == after).count() + 1;
        let key = added_key(&after, number);
        self.events.push(Event::Inserted { task: id, node: key.clone(), people: people.clone() });
        self.state.added.push(Insertion { key, after, people, task: id });
        Ok(())
    }

    /// Everything that waits for `from`, or will, goes to `to`.
    pub(super) fn hand_over(
        &mut self,
        by: &Actor,
        from: PersonId,
        to: PersonId,
    ) -> Result<(), Refusal> {
        self.known(&[to], 1)?;
        if from == to {
            return Ok(());
        }
        for insertion in &mut self.state.added {
            let opened = self.state.lap.contains_key(&insertion.key);
            if !opened && insertion.people.contains(&from) {
                insertion.people.iter_mut().filter(|person| **person == from).for_each(|p| *p = to);
                insertion.people = distinct(&insertion.people);
                self.events.push(Event::Moved { task: insertion.task, from, to });
            }
        }
        let open: Vec<_> = self.state.open_tasks().map(|task| task.id).collect();
        for id in open {
            // What settles one task may end another.
            if self.task(id).is_open() {
                self.move_seat(id, from, &[to]);
                self.settle(id, Some(by.person));
            }
        }
        Ok(())
    }
}

/// Adds people to those who had to do with a seat, each once. Also those who stand in there now: by
/// this a repeated call knows that theirs is gone.
pub(super) fn remember(seat: &mut Seat, people: impl Iterator<Item = (PersonId, Millis)>) {
    for (person, at) in people {
        if seat.holder != person && seat.former.iter().all(|(known, _)| *known != person) {
            seat.former.push((person, at));
        }
    }
}

fn distinct(people: &[PersonId]) -> Vec<PersonId> {
    let mut once = Vec::new();
    for person in people {
        if !once.contains(person) {
            once.push(*person);
        }
    }
    once
}

fn room(people: usize) -> Result<(), Refusal> {
    let most = limits::ASSIGNEES;
    if people > most { Err(Refusal::HowMany { most }) } else { Ok(()) }
}

/// Whose seats somebody gives away when they do not say: their own, else those in which they stand
/// in for others.
fn own(task: &Task, by: &Actor) -> Vec<PersonId> {
    let mine = |seat: &&Seat| seat.in_turn() && seat.is_for(by.person);
    let holders: Vec<_> = task.seats.iter().filter(mine).map(|seat| seat.holder).collect();
    if holders.contains(&by.person) { vec![by.person] } else { holders }
}

/// Whether a person has given to these people before: they had a seat that is another's now, and
/// the others have or had one. So who gives away what is theirs, and calls again, does not give away
/// what came next; for that they say whose it is.
fn given(task: &Task, person: PersonId, to: &[PersonId]) -> bool {
    let had =
        |person: PersonId, seat: &Seat| seat.former.iter().any(|(former, _)| *former == person);
    let got = |one: &PersonId| task.seats.iter().any(|seat| seat.holder == *one || had(*one, seat));
    task.seats.iter().any(|seat| had(person, seat)) && to.iter().all(got)
}

/// Whether there is nothing to give away: the holder stays, and the others are there.
fn stays(task: &Task, holder: PersonId, to: &[PersonId]) -> bool {
    let here = |person: &PersonId| task.seats.iter().any(|seat| seat.holder == *person);
    to.contains(&holder) && to.iter().all(here)
}

fn holds(task: &Task, person: PersonId) -> bool {
    task.seats.iter().any(|seat| seat.holder == person && seat.is_open())
}

/// Whether `by` may give away the seat of `holder`.
fn may_move(task: &Task, by: &Actor, holder: PersonId) -> Result<(), Refusal> {
    let mut held = task.seats.iter().filter(|seat| seat.holder == holder && seat.is_open());
    let Some(seat) = held.next() else { return Err(Refusal::NotWaitingFor(holder)) };
    if by.admin || seat.in_turn() && seat.is_for(by.person) {
        return Ok(());
    }
    if seat.is_for(by.person) {
        return Err(Refusal::NotYourTurn { first: task.waits_for() });
    }
    Err(Refusal::NotYours { verb: Verb::Transfer })
}

//! Random definitions, people and actions, step by step against the model of `oracle`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use domain::flow::Status;
use domain::process::{Action, Place, Refusal};
use domain::{PersonId, TaskId};
use proptest::prelude::*;

use super::dice::{Dice, PEOPLE, write};
use super::oracle::{Expect, Model, Who};
use super::support::*;

fn ids(people: &[Who]) -> Vec<PersonId> {
    people.iter().copied().map(PersonId).collect()
}

/// The story and the model of it.
struct Both {
    story: Story,
    model: Model,
    /// What was done so far, for whoever reads a failure.
    log: String,
}

impl Both {
    fn new(dice: &mut Dice) -> Self {
        let plans = dice.plans(2, &mut 0);
        let initiator = dice.who(PEOPLE);
        let mut company = Company::plain();
        let mut subs: BTreeMap<Who, Vec<Who>> = BTreeMap::new();
        for _ in 0..dice.below(5) {
            let (person, other) = (dice.who(PEOPLE), dice.who(PEOPLE));
            company.stands_in(PersonId(other), PersonId(person), 0, i64::MAX);
            subs.entry(person).or_default().push(other);
        }
        let mut nodes = String::new();
        write(&plans, &|person| format!("p{person}"), &mut 0, &mut nodes);
        let text = format!("{{api_id: a, namespace: n, label: {{en-US: x}}, nodes: {nodes}}}");
        let story = Story::start(read(&text), company, PersonId(initiator));
        let log = format!("{text}\n{initiator} starts, substitutes: {subs:?}\n");
        let mut both = Self { story, model: Model::new(plans, initiator, subs), log };
        both.compare();
        both
    }

    /// Any task, open or not: a call may come late. Mostly an open one.
    fn task(&self, dice: &mut Dice) -> TaskId {
        let open: Vec<_> = self.story.state.open_tasks().map(|task| task.id).collect();
        let all: Vec<_> = self.story.state.tasks.iter().map(|task| task.id).collect();
        let from = if dice.below(5) == 4 || open.is_empty() { &all } else { &open };
        from[dice.below(from.len())]
    }

    /// Mostly somebody whom the task waits for.
    fn actor(&self, dice: &mut Dice, task: TaskId) -> Who {
        let waits = self.story.state.task(task).unwrap().waits_for();
        if waits.is_empty() || dice.below(4) == 3 {
            return dice.who(PEOPLE);
        }
        waits[dice.below(waits.len())].get()
    }

    fn step(&mut self, dice: &mut Dice) -> Result<(), TestCaseError> {
        let task = self.task(dice);
        let state = self.story.state.task(task).unwrap();
        let (key, open) = (state.key.clone(), state.is_open());
        let who = self.actor(dice, task);
        let before = self.model.waits();
        let (action, expect) = self.choose(dice, task, &key, open, who);
        let outcome = self.story.ask(actor(PersonId(who)), action.clone());
        let waits = self.story.waits();
        writeln!(self.log, "{who} {action:?} at {key}: {outcome:?}, {waits}").unwrap();
        let fits = match expect {
            Expect::Change => outcome == Ok(true),
            Expect::Same => outcome == Ok(false),
            Expect::Refusal => outcome.is_err(),
            Expect::Nothing => outcome != Ok(true),
        };
        prop_assert!(fits, "expected {expect:?} of the last:\n{}", self.log);
        if outcome == Ok(true) && matches!(action, Action::Agree(_) | Action::Reject(_)) {
            prop_assert!(before[&key].contains(&who), "{who} was not in turn at {key}");
        }
        if let Err(Refusal::AlreadyDecided { by: Some(by), status, .. }) = &outcome {
            prop_assert!(*status != Status::InProcess && by.get() <= PEOPLE);
        }
        self.compare();
        let settled = self.story.state.clone();
        let again = self.story.ask(actor(PersonId(who)), action.clone());
        let same = if outcome.is_ok() { again == Ok(false) } else { again == outcome };
        prop_assert!(same, "the last twice, {again:?}:\n{}", self.log);
        prop_assert_eq!(&self.story.state, &settled);
        prop_assert!(self.story.clone().tick(1).is_empty(), "time did something");
        self.ends()
    }

    fn choose(
        &mut self,
        dice: &mut Dice,
        task: TaskId,
        key: &str,
        open: bool,
        who: Who,
    ) -> (Action, Expect) {
        let gone = |expect| if open { expect } else { Expect::Nothing };
        match dice.below(12) {
            0..=3 => (Action::Agree(task), self.model.vote(task, key, who, true)),
            4 => (Action::Reject(task), self.model.vote(task, key, who, false)),
            5 | 6 => {
                let to = dice.some(PEOPLE);
                let from = if dice.below(3) == 2 { dice.some(PEOPLE) } else { Vec::new() };
                let expect = match &from[..] {
                    _ if !open => Expect::Nothing,
                    [] => self.model.give(key, who, &to),
                    named => self.model.give_of(key, who, named, &to),
                };
                (Action::Transfer { task, from: ids(&from), to: ids(&to) }, expect)
            }
            7 => {
                let people = dice.some(PEOPLE);
                let expect =
                    if open { self.model.add(key, who, &people) } else { gone(Expect::Same) };
                let people = ids(&people);
                (Action::AddAssignee { task, people, place: Place::Beside }, expect)
            }
            8 => {
                let people = dice.some(PEOPLE);
                let expect =
                    if open { self.model.add_after(key, who, &people) } else { Expect::Nothing };
                let people = ids(&people);
                (Action::AddAssignee { task, people, place: Place::After }, expect)
            }
            9 => {
                let all = &self.story.state.tasks;
                let (to, target) = {
                    let one = &all[dice.below(all.len())];
                    (one.id, one.key.clone())
                };
                // A point is the latest task of its step.
                let latest = all.iter().rfind(|one| one.key == target).unwrap().id == to;
                let expect = if open && latest {
                    self.model.return_to(key, who, &target)
                } else {
                    Expect::Nothing
                };
                (Action::RollBack { task, to }, expect)
            }
            10 if dice.below(8) == 7 => (Action::Cancel, self.model.cancel(who)),
            _ => {
                // Nothing that the model knows of comes of a copy.
                let people = ids(&dice.some(PEOPLE));
                let _ = self.story.ask(actor(PersonId(who)), Action::Copy { task, people });
                (Action::Agree(TaskId(1)), Expect::Refusal)
            }
        }
    }

    /// Both agree on how the instance stands, who may act where, and where one may go back to.
    fn compare(&mut self) {
        for task in self.story.state.open_tasks() {
            let ballot = self.model.open.get_mut(&task.key);
            let ballot = ballot.unwrap_or_else(|| panic!("{} should not be open", task.key));
            assert!(ballot.task.is_none_or(|known| known == task.id), "{} opened anew", task.key);
            ballot.task = Some(task.id);
        }
        let person = |people: BTreeSet<PersonId>| people.into_iter().map(PersonId::get).collect();
        let open = self.story.open().into_iter();
        let open: BTreeMap<String, BTreeSet<Who>> =
            open.map(|(key, people)| (key, person(people))).collect();
        assert_eq!(open, self.model.waits(), "{}", self.log);
        assert_eq!(self.story.state.status, self.model.status);
        for (key, people) in &open {
            assert!(!people.is_empty(), "{key} waits for nobody");
            let points: Vec<_> = self.story.points(key).into_iter().map(|(key, _)| key).collect();
            assert_eq!(points, self.model.before(key), "roll back points of {key}");
        }
        assert_eq!(open.is_empty(), !self.story.state.is_open(), "an end, or a dead one");
    }

    /// If everybody agrees from here on, the instance ends soon.
    fn ends(&self) -> Result<(), TestCaseError> {
        if !self.story.state.is_open() {
            return Ok(());
        }
        let most = self.model.steps() * usize::try_from(PEOPLE).unwrap();
        let mut story = self.story.clone();
        let steps = story.agree_to_the_end();
        prop_assert!(steps <= most, "{steps} steps, at most {most}");
        prop_assert_eq!(story.state.status, Status::Agreed);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn flows_run_as_the_model_says(throws in prop::collection::vec(any::<u8>(), 40..400)) {
        let mut dice = Dice::new(throws);
        let mut both = Both::new(&mut dice);
        while !dice.is_empty() && both.story.state.tasks.len() < 60 {
            both.step(&mut dice)?;
        }
    }
}

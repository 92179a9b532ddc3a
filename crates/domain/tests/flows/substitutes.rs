//! People who stand in for others: chains, cycles, ranges.

use domain::flow::Status;
use domain::process::directory::stand_ins;
use domain::process::{Action, Event, Refusal};
use domain::{Millis, PersonId};
use proptest::prelude::*;

use super::support::*;

fn node(people: &str, logic: &str) -> String {
    format!("- {{id: n, label: {{en-US: N}}, assignees: {people}, logic: {logic}}}")
}

fn story(company: Company, people: &str, logic: &str) -> Story {
    Story::start(flow(&node(people, logic)), company, ZOE)
}

const ANN_ONLY: &str = "[{person: p1}]";

#[test]
fn whoever_decides_first_decides_for_both() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, 0, DAY);
    for (one, other) in [(ANN, BEN), (BEN, ANN)] {
        let mut story = story(company.clone(), ANN_ONLY, "all");
        assert_eq!(story.waits(), "n: 1 2");
        let task = story.at("n");
        story.agree(one, "n").unwrap();
        assert_eq!(story.waits(), "Agreed");
        let late = story.ask(actor(other), Action::Agree(task));
        let (status, at) = (Status::Agreed, Millis(0));
        assert_eq!(late, Err(Refusal::AlreadyDecided { status, by: Some(one), at }));
        let decided = Event::Decided { task, seat: ANN, by: Some(one), status, automatic: false };
        assert!(story.history[1].events.contains(&decided));
    }
}

#[test]
fn the_part_of_a_substitute_says_for_whom_it_is() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, 0, DAY);
    let story = story(company, ANN_ONLY, "all");
    let parts: Vec<_> = story.state.open_tasks().next().unwrap().parts();
    let whose: Vec<_> = parts.iter().map(|part| (part.part.person, part.on_behalf_of)).collect();
    assert_eq!(whose, [(ANN, None), (BEN, Some(ANN))]);
}

#[test]
fn whoever_is_asked_hears_for_whom_they_decide() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, 0, DAY);
    let story = story(company, ANN_ONLY, "all");
    let task = story.at("n");
    let waits = |person, on_behalf_of| Event::Waits { task, person, on_behalf_of };
    let told = &story.history[0].events[1..];
    assert_eq!(told, [waits(ANN, None), waits(BEN, Some(ANN))]);
}

#[test]
fn chains_are_followed_and_cycles_end() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, 0, DAY);
    company.stands_in(CAT, BEN, 0, DAY);
    company.stands_in(ANN, CAT, 0, DAY);
    company.stands_in(ANN, ANN, 0, DAY);
    assert_eq!(story(company.clone(), ANN_ONLY, "all").waits(), "n: 1 2 3");
    // A range that has not begun, or is over, leads nowhere.
    company.substitutions[1].from = Millis(1);
    assert_eq!(story(company.clone(), ANN_ONLY, "all").waits(), "n: 1 2");
    company.substitutions[0].until = Millis(0);
    assert_eq!(story(company, ANN_ONLY, "all").waits(), "n: 1");
}

#[test]
fn ranges_that_follow_each_other_neither_overlap_nor_leave_a_gap() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, 0, 10);
    company.stands_in(CAT, ANN, 10, 20);
    let at = |now| stand_ins(&company, ANN, Millis(now), &[]);
    assert_eq!(
        [at(-1), at(0), at(9), at(10), at(19), at(20)].map(|mut one| one.pop()),
        [None, Some(BEN), Some(BEN), Some(CAT), Some(CAT), None]
    );
}

#[test]
fn nobody_stands_in_for_a_decision_on_their_own_request() {
    let mut company = Company::plain();
    company.stands_in(ZOE, ANN, 0, DAY);
    company.stands_in(CAT, ZOE, 0, DAY);
    assert_eq!(story(company, ANN_ONLY, "all").waits(), "n: 1");
}

#[test]
fn a_substitute_who_left_is_passed_over() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, 0, DAY);
    company.profiles.remove(&BEN);
    assert_eq!(story(company, ANN_ONLY, "all").waits(), "n: 1");
}

#[test]
fn one_decision_counts_for_everybody_whom_somebody_stands_in_for() {
    let mut company = Company::plain();
    company.stands_in(CAT, ANN, 0, DAY);
    company.stands_in(CAT, BEN, 0, DAY);
    let both = "[{person: p1}, {person: p2}]";
    let mut at_once = story(company.clone(), both, "all");
    at_once.agree(CAT, "n").unwrap();
    assert_eq!(at_once.waits(), "Agreed");
    // In turn too: else a repeated call would be a second decision.
    let mut in_turn = story(company, both, "orderly");
    let task = in_turn.at("n");
    in_turn.agree(CAT, "n").unwrap();
    assert_eq!(in_turn.waits(), "Agreed");
    let status = Status::Agreed;
    let second = Event::Decided { task, seat: BEN, by: Some(CAT), status, automatic: true };
    assert!(in_turn.history[1].events.contains(&second), "{:?}", in_turn.history[1]);
}

#[test]
fn a_substitute_comes_and_goes_with_the_range() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, DAY, 2 * DAY);
    let mut story = story(company, ANN_ONLY, "all");
    assert_eq!(story.waits(), "n: 1");
    assert_eq!(story.tick(DAY).len(), 1);
    assert_eq!(story.waits(), "n: 1 2");
    assert_eq!(story.tick(DAY + 1), []);
    assert_eq!(story.tick(2 * DAY).len(), 1);
    assert_eq!(story.waits(), "n: 1");
    let late = story.agree(BEN, "n");
    assert!(matches!(late, Err(Refusal::NotYours { .. })), "{late:?}");
}

#[test]
fn who_has_decided_does_not_become_a_substitute_in_the_same_task() {
    let mut company = Company::plain();
    company.stands_in(BEN, ANN, DAY, 2 * DAY);
    let mut story = story(company, "[{person: p1}, {person: p2}]", "all");
    story.agree(BEN, "n").unwrap();
    assert_eq!(story.tick(DAY), []);
    assert_eq!(story.waits(), "n: 1");
}

proptest! {
    #[test]
    fn any_web_of_substitutes_is_safe(edges in prop::collection::vec((1..8_i64, 1..8_i64), 0..40)) {
        let mut company = Company::plain();
        for (person, substitute) in &edges {
            company.stands_in(PersonId(*substitute), PersonId(*person), 0, 1);
        }
        let found = stand_ins(&company, ANN, Millis(0), &[EVE]);
        // Whoever can be reached without passing through Eve, as a search by rounds finds them.
        let mut reached = std::collections::BTreeSet::from([ANN]);
        for _ in 0..8 {
            let next = edges.iter().filter(|(person, _)| reached.contains(&PersonId(*person)));
            let next: Vec<_> = next.map(|(_, other)| PersonId(*other)).collect();
            reached.extend(next.into_iter().filter(|person| *person != EVE));
        }
        reached.remove(&ANN);
        let unique: std::collections::BTreeSet<_> = found.iter().copied().collect();
        prop_assert_eq!(found.len(), unique.len());
        prop_assert_eq!(unique, reached);
    }
}

//! People who turned out to be one: everything of the one is the other's, and a state never shows the
//! one again.

use domain::flow::Status;
use domain::process::values::Value;
use domain::process::{Action, Place, Refusal};
use domain::{Millis, PersonId};

use super::support::*;

/// Who turns out to be Ann.
const STUB: PersonId = FAY;

const NODES: &str = "\
- {id: n, label: {en-US: N}, assignees: [{person: p6}, {person: p2}]}
- {id: m, label: {en-US: M}, assignees: [{person: p3}]}";

/// A story in which the stub has to do with everything that a state knows.
fn everywhere() -> Story {
    let mut company = Company::plain();
    company.stands_in(STUB, BEN, 0, DAY);
    company.stands_in(ANN, BEN, 0, DAY);
    let mut story = Story::start(flow(NODES), company, STUB);
    let task = story.at("n");
    let urge = Action::Urge { task, people: vec![STUB] };
    story.ask(actor(STUB), urge).unwrap();
    story.ask(actor(STUB), Action::Copy { task, people: vec![STUB, ANN] }).unwrap();
    story.add(STUB, "n", &[STUB, ANN, DAN], Place::After).unwrap();
    let given = Value::People(vec![STUB, CAT]);
    story.state.values.insert("people".to_owned(), given);
    story.state.values.insert("person".to_owned(), Value::Person(STUB));
    story
}

fn names(story: &Story, person: PersonId) -> bool {
    // Everything that a state holds is in its text, people as numbers of their own.
    let text = serde_json::to_string(&story.state).unwrap();
    text.split(|c: char| !c.is_ascii_digit()).any(|number| number == person.to_string())
}

#[test]
fn nothing_is_left_of_whoever_turned_out_to_be_another() {
    let mut story = everywhere();
    assert!(names(&story, STUB));
    story.state.reassign(STUB, ANN);
    assert!(!names(&story, STUB), "{:?}", story.state);
    assert_eq!(story.state.initiator, ANN);
    let people = Value::People(vec![ANN, CAT]);
    assert_eq!(story.state.values["people"], people);
    assert_eq!(story.state.values["person"], Value::Person(ANN));
    assert_eq!(story.state.added[0].people, [ANN, DAN], "each once");
    let task = story.state.open_tasks().next().unwrap();
    assert_eq!(task.ccs, [ANN], "each once");
    assert_eq!(task.urged.get(&ANN), Some(&Millis(0)));
}

#[test]
fn who_stands_in_for_themself_or_twice_does_so_once() {
    let mut company = Company::plain();
    company.stands_in(STUB, BEN, 0, DAY);
    company.stands_in(ANN, BEN, 0, DAY);
    company.stands_in(ANN, CAT, 0, DAY);
    let nodes = "- {id: n, label: {en-US: N}, assignees: [{person: p2}, {person: p3}]}";
    let mut story = Story::start(flow(nodes), company, ZOE);
    story.state.reassign(STUB, ANN);
    let seats = &story.state.open_tasks().next().unwrap().seats;
    let stand_ins = |seat: usize| seats[seat].stand_ins.iter().map(|one| one.person);
    assert_eq!(stand_ins(0).collect::<Vec<_>>(), [ANN]);
    story.state.reassign(CAT, ANN);
    let seats = &story.state.open_tasks().next().unwrap().seats;
    assert_eq!((seats[1].holder, seats[1].stand_ins.len()), (ANN, 0));
}

#[test]
fn who_has_both_seats_of_a_task_decides_both_at_once() {
    let mut story = Story::start(
        flow("- {id: n, label: {en-US: N}, assignees: [{person: p1}, {person: p6}]}"),
        Company::plain(),
        ZOE,
    );
    story.state.reassign(STUB, ANN);
    let task = story.at("n");
    story.agree(ANN, "n").unwrap();
    assert_eq!(story.waits(), "Agreed");
    let by_nobody = story.ask(actor(STUB), Action::Agree(task));
    assert!(matches!(by_nobody, Err(Refusal::NotYours { .. })), "{by_nobody:?}");
}

#[test]
fn what_was_decided_and_given_away_stays_so() {
    let mut story = everywhere();
    story.transfer(BEN, "n", &[EVE]).unwrap();
    story.agree(STUB, "n").unwrap();
    let before = story.state.tasks.clone();
    story.state.reassign(STUB, ANN);
    let (task, old) = (&story.state.tasks[1], &before[1]);
    assert_eq!(task.seats.len(), old.seats.len());
    assert_eq!(task.decision_of(ANN).map(|(status, _)| status), Some(Status::Agreed));
    let former: Vec<_> = task.seats.iter().flat_map(|seat| &seat.former).map(|(p, _)| *p).collect();
    assert_eq!(former, [BEN, ANN], "each once, in order");
    story.agree(EVE, "n").unwrap();
    assert_eq!(story.waits(), "n+1: 1 4");
}

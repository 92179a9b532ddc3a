//! How many people a call may name and a task may have.

use domain::PersonId;
use domain::process::{Action, Actor, Place, Profile, Refusal};

use super::support::*;

/// Most people of a task, and most people whom one call names.
const FULL: i64 = 200;
const NAMED: usize = 20;

fn ids(people: std::ops::Range<i64>) -> Vec<PersonId> {
    people.map(PersonId).collect()
}

/// A task of the people from 1 to `people`, in a company that has many more.
fn story(people: i64) -> Story {
    let mut company = Company::plain();
    for id in 1..=2 * FULL {
        let roles = if id <= people { vec!["all".to_owned()] } else { Vec::new() };
        let profile = Profile { user_id: format!("p{id}"), roles, ..Profile::default() };
        company.profiles.insert(PersonId(id), profile);
    }
    let nodes = "- {id: n, label: {en-US: N}, assignees: [{role: all}]}";
    Story::start(flow(nodes), company, ZOE)
}

/// What a task that has as many people as it may answers.
const NO_ROOM: Result<bool, Refusal> = Err(Refusal::HowMany { most: 200 });

#[test]
fn one_call_names_twenty_people_whose_parts_move() {
    let mut story = story(FULL);
    let admin = Actor { admin: true, ..actor(ZOE) };
    let (task, to) = (story.at("n"), vec![PersonId(FULL)]);
    let give = |last| Action::Transfer { task, from: ids(1..last), to: to.clone() };
    assert_eq!(story.ask(admin, give(22)), Err(Refusal::HowMany { most: NAMED }));
    assert_eq!(story.ask(admin, give(21)), Ok(true));
    assert_eq!(story.seats("n").len(), 180);
}

#[test]
fn a_full_task_passes_from_hand_to_hand_and_takes_nobody_more() {
    let mut story = story(FULL);
    assert_eq!(story.transfer(ANN, "n", &ids(300..302)), NO_ROOM);
    assert_eq!(story.add(ANN, "n", &ids(300..301), Place::Beside), NO_ROOM);
    assert_eq!(story.transfer(ANN, "n", &ids(300..301)), Ok(true));
    // Who has a part already takes no room.
    assert_eq!(story.transfer(BEN, "n", &ids(300..302)), Ok(true));
    assert_eq!(story.transfer(CAT, "n", &ids(300..301)), Ok(true));
    assert_eq!(story.add(DAN, "n", &ids(302..304), Place::Beside), NO_ROOM);
    assert_eq!(story.add(DAN, "n", &ids(302..303), Place::Beside), Ok(true));
    assert_eq!(story.seats("n").len(), 200);
}

#[test]
fn as_many_are_asked_after_a_task_as_may_have_one() {
    let mut story = story(1);
    for call in 1..10 {
        let people = ids(20 * call..20 * call + 20);
        assert_eq!(story.add(ANN, "n", &people, Place::After), Ok(true));
    }
    assert_eq!(story.add(ANN, "n", &ids(200..219), Place::After), Ok(true));
    assert_eq!(story.add(ANN, "n", &ids(219..221), Place::After), NO_ROOM);
    assert_eq!(story.add(ANN, "n", &ids(219..220), Place::After), Ok(true));
    assert_eq!(story.add(ANN, "n", &ids(220..221), Place::After), NO_ROOM);
}

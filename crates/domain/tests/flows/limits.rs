//! How much a flow file may have, a start may give, a call may name and a task may hold.

use domain::PersonId;
use domain::process::values::{Value, ValueFault};
use domain::process::{Action, Actor, Place, Profile, Refusal, check};

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

#[test]
fn a_file_is_taken_up_to_its_limits_and_told_of_what_exceeds_them() {
    // A block and its branch are counted like the nodes in it.
    let faults = |id: usize, fields: usize, nodes: usize| -> Vec<String> {
        let node = |n: usize| format!("{{id: n{n}, label: {{1033: N}}, assignees: [initiator]}}");
        let after: Vec<_> = (1..nodes - 2).map(|n| format!("- {}", node(n))).collect();
        let text = format!(
            "api_id: {}\nnamespace: n\nlabel: {{1033: F}}\nsummary: [{}]\nnodes:\n\
             - {{id: p, label: {{1033: P}}, parallel: [{{id: b, nodes: [{}]}}]}}\n{}",
            "会".repeat(id),
            vec!["{label: {1033: S}, value: initiator}"; fields].join(", "),
            node(0),
            after.join("\n"),
        );
        check(&text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    assert_eq!(faults(256, 20, 200), [""; 0]);
    assert_eq!(faults(257, 20, 200), ["1:9: api_id: at most 256 characters are taken"]);
    assert_eq!(faults(256, 21, 200), ["4:10: summary: at most 20 fields are taken"]);
    assert_eq!(faults(256, 20, 201), ["6:3: nodes: at most 200 nodes are taken"]);
}

#[test]
fn a_start_gives_a_text_and_a_list_of_people_up_to_their_limits() {
    let flow = read(
        "api_id: a
namespace: n
label: {en-US: A}
parameters:
  - {name: note, type: text, label: {en-US: Note}}
  - {name: with, type: people, label: {en-US: With}}
nodes:
  - {id: n, label: {en-US: N}, assignees: [{person: p2}]}",
    );
    let start = |characters: usize, people: i64| {
        let with = Value::People(ids(1..people + 1));
        let given = values(&[("note", text(&"会".repeat(characters))), ("with", with)]);
        Story::start_with(flow.clone(), Company::plain(), ANN, given).map(drop)
    };
    let refused = |name: &str, reason: &str| {
        let (name, reason) = (name.to_owned(), reason.to_owned());
        Err(Refusal::Values(vec![ValueFault { name, reason }]))
    };
    assert_eq!(start(8_192, 200), Ok(()));
    assert_eq!(start(8_193, 200), refused("note", "at most 8192 characters are allowed"));
    assert_eq!(start(8_192, 201), refused("with", "at most 200 people are allowed"));
}

//! Whom a step finds: each once, nobody who has left, and not more than a task may have.

use domain::PersonId;
use domain::process::values::Value;
use domain::process::{Profile, Refusal};

use super::support::*;

const GONE: PersonId = PersonId(99);

#[test]
fn who_is_found_twice_is_asked_once_and_who_has_left_not_at_all() {
    let mut company = Company::plain();
    company.change(ANN, |ann| ann.roles = vec!["buyer".to_owned()]);
    company.change(BEN, |ben| ben.roles = vec!["buyer".to_owned()]);
    company.leaders.insert("finance".to_owned(), GONE);
    let nodes = "- {id: n, label: {en-US: N}, \
                 assignees: [{person: p2}, {department_leader: finance}, {role: buyer}]}";
    let story = Story::start(flow(nodes), company, ZOE);
    let asked: Vec<_> = story.seats("n").into_iter().map(|(person, _)| person).collect();
    assert_eq!(asked, [BEN, ANN]);
}

#[test]
fn a_step_that_finds_more_people_than_a_task_may_have_fails() {
    let start = |people| {
        let mut company = Company::plain();
        for id in 1..=people {
            let (user_id, roles) = (format!("p{id}"), vec!["all".to_owned()]);
            let profile = Profile { user_id, roles, ..Profile::default() };
            company.profiles.insert(PersonId(id), profile);
        }
        let nodes = "- {id: n, label: {en-US: N}, assignees: [{role: all}]}";
        Story::start_with(flow(nodes), company, ANN, values(&[]))
    };
    assert_eq!(start(200).unwrap().seats("n").len(), 200);
    for people in [201, 202] {
        let told = format!("people of n: {people} people were found, at most 200 may be");
        assert_eq!(start(people).map(drop), Err(Refusal::CannotStart(told)));
    }
}

#[test]
fn an_expression_lists_people_as_they_are_or_by_their_own_ids() {
    let flow = |people: &str| {
        read(&format!(
            "api_id: a
namespace: n
label: {{en-US: A}}
parameters:
  - {{name: who, type: person, required: false, label: {{en-US: Who}}}}
nodes:
  - {{id: n, label: {{en-US: N}}, assignees: [{{expression: \"{people}\"}}]}}"
        ))
    };
    let given = values(&[("who", Value::Person(CAT))]);
    for (people, values, waits) in [
        ("[initiator, 'p2', params.who]", given.clone(), "n: 1 2 3"),
        ("params.who", given, "n: 3"),
        // What was not given is nobody, as is an id that nobody has.
        ("[params.who, 'p2', 'nobody']", values(&[]), "n: 2"),
    ] {
        let story = Story::start_with(flow(people), Company::plain(), ANN, values).unwrap();
        assert_eq!(story.waits(), waits, "{people}");
    }
}

#[test]
fn a_summary_shows_whatever_was_given_and_nothing_for_what_was_not() {
    let flow = read(
        "api_id: a
namespace: n
label: {en-US: A}
parameters:
  - {name: note, type: text, required: false, label: {en-US: Note}}
  - {name: days, type: integer, required: false, label: {en-US: Days}}
  - {name: sum, type: number, required: false, label: {en-US: Sum}}
  - {name: sure, type: boolean, required: false, label: {en-US: Sure}}
  - {name: with, type: people, required: false, label: {en-US: With}}
summary:
  - {label: {en-US: By}, value: initiator}
  - {label: {en-US: Note}, value: params.note}
  - {label: {en-US: Days}, value: params.days}
  - {label: {en-US: Sum}, value: params.sum}
  - {label: {en-US: Sure}, value: params.sure}
  - {label: {en-US: With}, value: params.with}
  - {label: {en-US: Many}, value: uint(3)}
nodes:
  - {id: n, label: {en-US: N}, assignees: [{person: p2}]}",
    );
    let told = |given| {
        let story = Story::start_with(flow.clone(), Company::plain(), ANN, given).unwrap();
        let lines = story.state.details.summaries.into_iter();
        lines.map(|line| line.value[0].1.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(values(&[])), ["p1", "", "", "", "", "", "3"]);
    let given = values(&[
        ("note", text("urgent")),
        ("days", Value::Integer(-2)),
        ("sum", Value::Number(0.5)),
        ("sure", Value::Boolean(true)),
        ("with", Value::People(vec![BEN, CAT])),
    ]);
    assert_eq!(told(given), ["p1", "urgent", "-2", "0.5", "true", "p2, p3", "3"]);
}

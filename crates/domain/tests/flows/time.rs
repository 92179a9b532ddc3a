//! What time does: reminders, overdue tasks, and what was missed.

use domain::Millis;
use domain::flow::Status;
use domain::process::{Action, Event, Place, next_due};

use super::support::*;

fn story(due: &str) -> Story {
    let nodes = format!(
        "- {{id: n, label: {{en-US: N}}, assignees: [{{person: p1}}, {{person: p2}}], \
         due: {{{due}}}}}"
    );
    let mut company = Company::plain();
    company.change(ANN, |p| p.leader = Some(CAT));
    company.change(BEN, |p| p.leader = Some(ZOE));
    Story::start(flow(&nodes), company, ZOE)
}

/// When time next does something.
fn wake(story: &Story) -> Option<i64> {
    next_due(&story.definition, &story.state).map(Millis::get)
}

#[test]
fn time_calls_exactly_when_something_is_due() {
    let mut story = story("after: P2D, remind: [PT1H, P1D]");
    let mut calls = Vec::new();
    while let Some(at) = wake(&story) {
        assert_eq!(story.tick(at - 1), [], "too early at {at}");
        let events = story.tick(at);
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(story.tick(at), [], "twice at {at}");
        calls.push(at);
    }
    assert_eq!(calls, [HOUR, DAY, 2 * DAY]);
    assert_eq!(story.waits(), "n: 1 2");
}

#[test]
fn what_was_missed_is_caught_up_once() {
    let mut story = story("after: P2D, remind: [PT1H, P1D]");
    let task = story.at("n");
    let (people, late) = (vec![ANN, BEN], Event::Overdue { task });
    assert_eq!(story.tick(10 * DAY), [Event::Reminded { task, people }, late]);
    assert_eq!(story.tick(11 * DAY), []);
    assert_eq!(wake(&story), None);
}

#[test]
fn only_those_it_still_waits_for_are_reminded() {
    let mut story = story("after: P2D, remind: [PT1H]");
    let task = story.at("n");
    story.agree(ANN, "n").unwrap();
    assert_eq!(story.tick(HOUR), [Event::Reminded { task, people: vec![BEN] }]);
}

#[test]
fn an_escalation_lets_leaders_decide_but_never_on_their_own_request() {
    let mut story = story("after: P1D, then: escalate");
    story.tick(DAY);
    // Ben's leader started it.
    assert_eq!(story.waits(), "n: 1 2 3");
    story.agree(CAT, "n").unwrap();
    assert_eq!(story.waits(), "n: 2");
    assert_eq!(story.seats("n")[0].1, Status::Agreed);
}

#[test]
fn an_escalation_outlasts_the_rounds_of_substitutes() {
    let mut story = story("after: P1D, then: escalate");
    story.tick(DAY);
    assert_eq!(story.tick(2 * DAY), []);
    assert_eq!(story.waits(), "n: 1 2 3");
}

#[test]
fn what_the_definition_decides_says_that_nobody_did() {
    for (then, status) in [("agree", Status::Agreed), ("reject", Status::Rejected)] {
        let mut story = story(&format!("after: P1D, then: {then}"));
        story.agree(ANN, "n").unwrap();
        let task = story.at("n");
        let events = story.tick(DAY);
        assert_eq!(story.state.status, status);
        let decided = Event::Decided { task, seat: BEN, by: None, status, automatic: true };
        assert!(events.contains(&decided), "{events:?}");
        let entry = story.history.last().unwrap();
        assert_eq!((entry.by, entry.at), (None, Millis(DAY)));
        // What Ann decided stays hers.
        assert_eq!(
            story.state.task(task).unwrap().decision_of(ANN),
            Some((Status::Agreed, Millis(0)))
        );
    }
}

#[test]
fn an_ended_task_is_never_late() {
    let mut story = story("after: P1D, then: reject");
    story.agree(ANN, "n").unwrap();
    story.agree(BEN, "n").unwrap();
    assert_eq!(wake(&story), None);
    assert_eq!(story.tick(DAY), []);
    assert_eq!(story.waits(), "Agreed");
}

#[test]
fn a_node_that_opens_again_counts_anew_and_added_steps_have_no_time() {
    let nodes = "- {id: a, label: {en-US: A}, assignees: [{person: p1}], due: {after: P1D}}\n\
                 - {id: b, label: {en-US: B}, assignees: [{person: p2}]}";
    let mut story = Story::start(flow(nodes), Company::plain(), ZOE);
    story.now = HOUR;
    story.add(ANN, "a", &[CAT], Place::After).unwrap();
    assert_eq!(wake(&story), Some(DAY));
    story.agree(ANN, "a").unwrap();
    assert_eq!((story.waits(), wake(&story)), ("a+1: 3".to_owned(), None));
    story.now = 2 * HOUR;
    story.roll_back(CAT, "a+1", "a").unwrap();
    assert_eq!(wake(&story), Some(DAY + 2 * HOUR));
    story.ask(actor(ZOE), Action::Cancel).unwrap();
    assert_eq!(wake(&story), None);
}

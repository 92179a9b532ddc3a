//! Who may do what: every action by every role, as `docs/flows.md` shows it.

use domain::flow::Status;
use domain::process::{Action, Actor, Event, Place, Refusal, Verb, authorise};
use domain::{PersonId, TenantId};

use super::support::*;

/// Somebody in each role of an open task `n`: Ann is in turn, Ben is not, Cat stands in for Ann,
/// Dan has a copy, Eve started it.
const ROLES: [(&str, Actor); 8] = [
    ("initiator", one(EVE)),
    ("assignee", one(ANN)),
    ("not my turn", one(BEN)),
    ("substitute", one(CAT)),
    ("cc'd", one(DAN)),
    ("stranger", one(ZOE)),
    ("other tenant", Actor { tenant: TenantId(2), person: ANN, admin: true }),
    ("admin", Actor { tenant: TENANT, person: FAY, admin: true }),
];

const fn one(person: PersonId) -> Actor {
    Actor { tenant: TENANT, person, admin: false }
}

fn story(more: &str) -> Story {
    let nodes = format!(
        "- {{id: first, label: {{en-US: F}}, assignees: [{{person: p7}}]}}\n\
         - {{id: n, label: {{en-US: N}}, assignees: [{{person: p1}}, {{person: p2}}], \
         logic: orderly, cc: [{{person: p4}}]{more}}}"
    );
    let mut company = Company::plain();
    company.stands_in(CAT, ANN, 0, DAY);
    let mut story = Story::start(flow(&nodes), company, EVE);
    story.agree(PersonId(7), "first").unwrap();
    story
}

/// What stands in the table for an answer.
fn cell(answer: &Result<(), Refusal>) -> &'static str {
    match answer {
        Ok(()) => "yes",
        Err(Refusal::NotYours { .. }) => "no",
        Err(Refusal::NotYourTurn { first }) => {
            assert_eq!(first, &[ANN, CAT]);
            "not yet"
        }
        Err(Refusal::NoSuchTask) => "unknown",
        Err(other) => panic!("{other:?}"),
    }
}

fn table() -> Vec<(String, Vec<String>)> {
    let document = include_str!("../../../../docs/flows.md");
    let (_, rest) = document.split_once("<!-- rights -->").unwrap();
    let lines = rest.split("<!-- end -->").next().unwrap().lines();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows: Vec<_> = lines.filter(|line| line.starts_with('|')).map(cells).collect();
    assert_eq!(rows[0][1..], ROLES.map(|(role, _)| role.to_owned()));
    rows.drain(..2);
    rows.into_iter().map(|mut row| (row.remove(0), row)).collect()
}

fn action(verb: Verb, story: &Story) -> Action {
    let task = story.at("n");
    match verb {
        Verb::Agree => Action::Agree(task),
        Verb::Reject => Action::Reject(task),
        Verb::Transfer => Action::Transfer { task, from: vec![ANN], to: vec![FAY] },
        Verb::AddAssignee => Action::AddAssignee { task, people: vec![FAY], place: Place::Beside },
        Verb::Copy => Action::Copy { task, people: vec![FAY] },
        Verb::Urge => Action::Urge { task, people: vec![ANN] },
        Verb::RollBack => Action::RollBack { task, to: story.points("n")[1].1 },
        Verb::Cancel => Action::Cancel,
        Verb::HandOver => Action::HandOver { from: ANN, to: FAY },
        Verb::Start | Verb::Chat | Verb::Tick => panic!("{verb}"),
    }
}

#[test]
fn every_role_may_what_the_published_table_says() {
    let table = table();
    let named: Vec<_> = table.iter().map(|(verb, _)| verb.clone()).collect();
    assert_eq!(named, Verb::ASKED.map(|verb| verb.to_string()));
    for (verb, (_, cells)) in Verb::ASKED.into_iter().zip(&table) {
        for ((role, actor), cell_wanted) in ROLES.iter().zip(cells) {
            let story = story("");
            let whole = matches!(verb, Verb::Cancel | Verb::HandOver);
            let task = story.state.task(story.at("n")).filter(|_| !whole);
            let answer = authorise(&story.definition, &story.state, task, verb, actor);
            assert_eq!(cell(&answer), cell_wanted, "{verb} by {role}");
            if verb == Verb::Chat {
                continue;
            }
            // The action itself goes through the same door, and does something once it is open.
            let mut acted = story.clone();
            let outcome = acted.ask(*actor, action(verb, &story));
            match answer {
                Ok(()) => assert_eq!(outcome, Ok(true), "{verb} by {role}"),
                Err(refusal) => {
                    assert_eq!(outcome, Err(refusal), "{verb} by {role}");
                    assert_eq!(acted.state, story.state);
                }
            }
        }
    }
}

#[test]
fn a_refusal_names_those_whose_it_is() {
    for (verb, (_, cells)) in Verb::ASKED.into_iter().zip(table()) {
        let told = Refusal::NotYours { verb }.to_string();
        let says = |words: &[&str]| words.iter().any(|word| told.contains(word));
        for (role, words) in [
            (0, &["initiator", "everybody who has to do with"][..]),
            (1, &["whose task it is", "assignees", "everybody who has to do with"]),
            (7, &["administrators"]),
        ] {
            assert_eq!(says(words), cells[role] == "yes", "{verb}, {}: {told}", ROLES[role].0);
        }
    }
}

#[test]
fn nobody_asks_for_time_or_a_start_this_way() {
    let story = story("");
    let admin = ROLES[7].1;
    for verb in [Verb::Start, Verb::Tick] {
        assert!(authorise(&story.definition, &story.state, None, verb, &admin).is_err());
    }
}

#[test]
fn a_node_says_what_its_assignees_may_and_binds_no_administrator() {
    let story = story(", allow: [cc]");
    for verb in [Verb::Transfer, Verb::AddAssignee, Verb::RollBack] {
        let mut acted = story.clone();
        let refused = acted.ask(actor(ANN), action(verb, &story));
        let node = "n".to_owned();
        assert_eq!(refused, Err(Refusal::NotAllowedHere { verb, node }));
        assert_eq!(acted.ask(ROLES[7].1, action(verb, &story)), Ok(true));
    }
    assert_eq!(story.clone().ask(actor(ANN), action(Verb::Copy, &story)), Ok(true));
    assert_eq!(story.clone().ask(actor(ANN), action(Verb::Agree, &story)), Ok(true));
    let mut story = self::story(", allow: [transfer]");
    let refused = story.ask(actor(ANN), action(Verb::Copy, &story));
    assert_eq!(refused, Err(Refusal::NotAllowedHere { verb: Verb::Copy, node: "n".to_owned() }));
}

#[test]
fn a_node_binds_those_of_steps_that_were_added_to_it_also_when_these_are_gone() {
    let mut story = story(", allow: [add_assignee, rollback]");
    story.add(ANN, "n", &[FAY], Place::After).unwrap();
    story.agree(ANN, "n").unwrap();
    story.agree(BEN, "n").unwrap();
    let copy = Action::Copy { task: story.at("n+1"), people: vec![DAN] };
    let refused = Err(Refusal::NotAllowedHere { verb: Verb::Copy, node: "n".to_owned() });
    assert_eq!(story.ask(actor(FAY), copy.clone()), refused);
    story.roll_back(FAY, "n+1", "n").unwrap();
    assert_eq!(story.ask(actor(FAY), copy), refused);
}

#[test]
fn an_administrator_decides_in_turn_like_everybody() {
    let mut story = story("");
    let ben = Actor { admin: true, ..actor(BEN) };
    let early = story.ask(ben, action(Verb::Agree, &story));
    assert_eq!(early, Err(Refusal::NotYourTurn { first: vec![ANN, CAT] }));
}

#[test]
fn who_gave_a_part_away_is_told_that_it_is_another_s_to_decide() {
    let mut story = story("");
    story.transfer(ANN, "n", &[FAY]).unwrap();
    for verb in [Verb::Agree, Verb::Reject] {
        let late = story.ask(actor(ANN), action(verb, &story));
        assert_eq!(late, Err(Refusal::NotYours { verb }));
    }
}

#[test]
fn somebody_gives_away_their_own_part_only() {
    let story = story("");
    let task = story.at("n");
    let give = |from| Action::Transfer { task, from: vec![from], to: vec![FAY] };
    let not_yet = Refusal::NotWaitingFor(DAN);
    assert_eq!(story.clone().ask(actor(ANN), give(DAN)), Err(not_yet));
    let others = story.clone().ask(actor(ANN), give(BEN));
    assert!(matches!(others, Err(Refusal::NotYours { verb: Verb::Transfer })), "{others:?}");
    // An administrator may move what is not in turn yet.
    let mut moved = story.clone();
    assert_eq!(moved.ask(ROLES[7].1, give(BEN)), Ok(true));
    assert_eq!(moved.seats("n"), [(ANN, Status::InProcess), (FAY, Status::Unstarted)]);
}

#[test]
fn what_is_another_s_or_not_in_turn_stays_though_something_else_is_in_turn() {
    // Ben stands in for Ann, before their own turn.
    let two = |logic| {
        let people = "[{person: p1}, {person: p2}]";
        let node = format!("- {{id: n, label: {{en-US: N}}, assignees: {people}, logic: {logic}}}");
        let mut company = Company::plain();
        company.stands_in(BEN, ANN, 0, DAY);
        Story::start(flow(&node), company, ZOE)
    };
    let give = |story: &Story, from| {
        let (task, from, to) = (story.at("n"), vec![from], vec![FAY]);
        Action::Transfer { task, from, to }
    };
    let mut at_once = two("all");
    let others = at_once.ask(actor(ANN), give(&at_once, BEN));
    assert_eq!(others, Err(Refusal::NotYours { verb: Verb::Transfer }));
    let mut in_turn = two("orderly");
    let early = in_turn.ask(actor(BEN), give(&in_turn, BEN));
    assert_eq!(early, Err(Refusal::NotYourTurn { first: vec![ANN, BEN] }));
    assert_eq!(in_turn.ask(actor(BEN), give(&in_turn, ANN)), Ok(true));
    assert_eq!(in_turn.ask(actor(BEN), give(&in_turn, ANN)), Ok(false));
    assert_eq!(in_turn.seats("n"), [(FAY, Status::InProcess), (BEN, Status::Unstarted)]);
}

#[test]
fn the_start_is_its_initiator_s_alone() {
    let mut story = story("");
    story.roll_back(ANN, "n", "start").unwrap();
    let refused = story.transfer(EVE, "start", &[FAY]);
    assert!(matches!(refused, Err(Refusal::NotAllowedHere { .. })), "{refused:?}");
    for place in [Place::Beside, Place::After] {
        let refused = story.add(EVE, "start", &[FAY], place);
        assert!(matches!(refused, Err(Refusal::NotAllowedHere { .. })), "{refused:?}");
    }
    assert_eq!(story.points("start"), []);
    // Others may see it all the same.
    let task = story.at("start");
    assert_eq!(story.ask(actor(EVE), Action::Copy { task, people: vec![FAY] }), Ok(true));
}

#[test]
fn nobody_acts_on_a_start_that_was_never_reopened() {
    let mut story = story("");
    let start = story.state.tasks[0].id;
    let nobody_s = |verb| Refusal::NotYours { verb };
    let (after, gone) = (Place::After, Refusal::NoSuchTask);
    for (person, action, refusal) in [
        (EVE, Action::Agree(start), nobody_s(Verb::Agree)),
        (EVE, Action::Reject(start), nobody_s(Verb::Reject)),
        (FAY, Action::Transfer { task: start, from: vec![], to: vec![FAY] }, gone.clone()),
        (FAY, Action::AddAssignee { task: start, people: vec![FAY], place: after }, gone.clone()),
        (FAY, Action::Urge { task: start, people: vec![FAY] }, gone),
    ] {
        let admin = Actor { admin: true, ..actor(person) };
        assert_eq!(story.ask(admin, action.clone()), Err(refusal), "{action:?}");
    }
}

#[test]
fn a_leaver_s_tasks_go_to_another_at_once() {
    let mut story = story("");
    story.add(ANN, "n", &[ANN, DAN], Place::After).unwrap();
    story.ask(ROLES[7].1, Action::HandOver { from: ANN, to: FAY }).unwrap();
    assert_eq!(story.waits(), "n: 6");
    let again = story.ask(ROLES[7].1, Action::HandOver { from: ANN, to: FAY });
    assert_eq!(again, Ok(false));
    story.agree(FAY, "n").unwrap();
    // To somebody who waits for their turn in the same task: one part remains.
    story.ask(ROLES[7].1, Action::HandOver { from: BEN, to: DAN }).unwrap();
    story.agree(DAN, "n").unwrap();
    assert_eq!(story.waits(), "n+1: 4 6");
    // To somebody who has agreed already: nothing is left to be asked.
    story.agree(DAN, "n+1").unwrap();
    story.ask(ROLES[7].1, Action::HandOver { from: FAY, to: DAN }).unwrap();
    assert_eq!(story.waits(), "Agreed");
}

#[test]
fn what_will_wait_for_a_leaver_goes_to_another_and_the_history_says_so() {
    let mut story = story("");
    let (task, admin) = (story.at("n"), ROLES[7].1);
    story.add(ANN, "n", &[EVE, DAN], Place::After).unwrap();
    let give = |from, to| Action::HandOver { from, to };
    assert_eq!(story.ask(admin, give(DAN, DAN)), Ok(false));
    assert_eq!(story.ask(admin, give(DAN, FAY)), Ok(true));
    let moved = Event::Moved { task, from: DAN, to: FAY };
    assert_eq!(story.history.last().unwrap().events, [moved]);
    assert_eq!(story.ask(admin, give(DAN, FAY)), Ok(false));
    story.agree(ANN, "n").unwrap();
    story.agree(BEN, "n").unwrap();
    assert_eq!(story.waits(), "n+1: 5 6");
}

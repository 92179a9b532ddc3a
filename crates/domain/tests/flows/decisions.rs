//! The truth table of `docs/flows.md`, row by row, and what follows from decisions.

use domain::flow::{Logic, Status};
use domain::inbox::Relation::{Assigned, Cc, Initiated};
use domain::inbox::State::{Archived, Pending};
use domain::process::{Action, Actor, Event, Place, Refusal};
use domain::{Millis, PersonId};

use super::support::*;

const TABLE: &str = include_str!("../../../../docs/flows.md");

/// One node `n` with Ann, Ben and Cat.
fn three(logic: &str, more: &str) -> Story {
    let people = "[{person: p1}, {person: p2}, {person: p3}]";
    let node = format!(
        "- {{id: n, label: {{en-US: N}}, assignees: {people}, logic: {logic}{more}}}\n\
         - {{id: last, label: {{en-US: L}}, assignees: [{{person: p4}}]}}"
    );
    Story::start(flow(&node), Company::plain(), ZOE)
}

/// The rows of the table between two marks of the document, cell by cell.
fn rows(mark: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = TABLE.split_once(&format!("<!-- {mark} -->")).unwrap();
    let table = rest.split("<!-- end -->").next().unwrap();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Parts by their first letters: agreed, rejected, open, waiting, ended by others.
fn letters(story: &Story) -> String {
    let letter = |status| match status {
        Status::Agreed => 'A',
        Status::Rejected => 'R',
        Status::InProcess => 'o',
        Status::Unstarted => 'w',
        Status::AutoEnd => 'e',
        other => panic!("{other:?}"),
    };
    story.seats("n").into_iter().map(|(_, status)| letter(status)).collect()
}

#[test]
fn decisions_do_what_the_published_table_says() {
    let rows = rows("decisions");
    assert!(rows.len() >= 12, "{}", rows.len());
    for row in rows {
        let [logic, decisions, ..] = row[..] else { panic!("{row:?}") };
        let mut story = three(logic, "");
        for decision in decisions.split(", ").filter(|one| !one.is_empty()) {
            let (name, what) = decision.split_once(' ').unwrap();
            let person = PersonId(1 + i64::try_from("ABC".find(name).unwrap()).unwrap());
            match what {
                "agrees" => story.agree(person, "n").unwrap(),
                "rejects" => story.reject(person, "n").unwrap(),
                other => panic!("{other}"),
            };
        }
        let status = story.state.tasks.iter().find(|task| task.key == "n").unwrap().status;
        let shown = |status| match status {
            Status::InProcess => "in_process",
            Status::Agreed => "agreed",
            Status::Rejected => "rejected",
            other => panic!("{other:?}"),
        };
        let instance_goes = if story.state.is_open() && status == Status::Agreed {
            "goes on"
        } else {
            shown(story.state.status)
        };
        let got = [logic, decisions, &letters(&story), shown(status), instance_goes];
        assert_eq!(got, row[..]);
    }
}

#[test]
fn every_logic_is_in_the_table() {
    let rows = rows("decisions");
    for (logic, _) in [("all", Logic::All), ("first", Logic::First), ("orderly", Logic::Orderly)] {
        assert!(rows.iter().any(|row| row[0] == logic), "{logic}");
    }
}

#[test]
fn the_same_decision_again_has_no_effect_and_another_one_hears_who_decided() {
    let mut story = three("first", "");
    let task = story.at("n");
    story.now = 5;
    assert_eq!(story.agree(BEN, "n"), Ok(true));
    story.now = 9;
    assert_eq!(story.ask(actor(BEN), Action::Agree(task)), Ok(false));
    let (status, at) = (Status::Agreed, Millis(5));
    let decided = Refusal::AlreadyDecided { status, by: Some(BEN), at };
    assert_eq!(story.ask(actor(BEN), Action::Reject(task)), Err(decided.clone()));
    assert_eq!(story.ask(actor(ANN), Action::Agree(task)), Err(decided.clone()));
    assert_eq!(story.ask(actor(ANN), Action::Reject(task)), Err(decided));
    assert_eq!(story.history.len(), 2);
}

#[test]
fn nobody_decides_before_their_turn() {
    let mut story = three("orderly", "");
    let early = Refusal::NotYourTurn { first: vec![ANN] };
    assert_eq!(story.agree(BEN, "n"), Err(early.clone()));
    assert_eq!(story.reject(CAT, "n"), Err(early.clone()));
    assert_eq!(story.transfer(BEN, "n", &[DAN]), Err(early));
    story.agree(ANN, "n").unwrap();
    assert_eq!(story.waits(), "n: 2");
}

#[test]
fn a_rejection_goes_where_the_node_says() {
    let text = |on_reject: &str| {
        format!(
            "- {{id: a, label: {{en-US: A}}, assignees: [{{person: p1}}]}}\n\
             - {{id: b, label: {{en-US: B}}, assignees: [{{person: p2}}]}}\n\
             - {{id: c, label: {{en-US: C}}, assignees: [{{person: p3}}], on_reject: {on_reject}}}"
        )
    };
    for row in rows("rejections") {
        let [on_reject, after] = row[..] else { panic!("{row:?}") };
        let word = on_reject.trim_matches('`');
        let mut story = Story::start(flow(&text(word)), Company::plain(), ZOE);
        story.agree(ANN, "a").unwrap();
        story.agree(BEN, "b").unwrap();
        story.reject(CAT, "c").unwrap();
        let open = story.open().into_keys().next();
        let got = open.map_or_else(
            || format!("{:?}", story.state.status).to_lowercase(),
            |key| format!("`{key}` is open"),
        );
        assert_eq!(got, after, "{on_reject}");
    }
}

#[test]
fn what_comes_back_to_the_start_goes_on_only_when_its_initiator_says_so() {
    let mut story = three("first", ", on_reject: start");
    story.reject(ANN, "n").unwrap();
    assert_eq!(story.waits(), "start: 26");
    let strangers = story.ask(actor(ANN), Action::Agree(story.at("start")));
    assert!(matches!(strangers, Err(Refusal::NotYours { .. })), "{strangers:?}");
    story.agree(ZOE, "start").unwrap();
    assert_eq!(story.waits(), "n: 1 2 3");
    assert_eq!(story.tasks(), "start Unstarted, n Rejected, start Agreed, n InProcess");
}

const BRANCHES: &str = "
- {id: a, label: {en-US: A}, assignees: [{person: p1}]}
- id: block
  label: {en-US: Block}
  parallel:
    - id: left
      nodes:
        - {id: l1, label: {en-US: L}, assignees: [{person: p2}]}
        - {id: l2, label: {en-US: L}, assignees: [{person: p3}]}
    - id: right
      nodes:
        - {id: r, label: {en-US: R}, assignees: [{person: p4}]}
- {id: z, label: {en-US: Z}, assignees: [{person: p5}]}";

fn branches() -> Story {
    let mut story = Story::start(flow(BRANCHES), Company::plain(), ZOE);
    story.agree(ANN, "a").unwrap();
    story
}

#[test]
fn branches_join_whatever_ends_first() {
    let mut story = branches();
    assert_eq!(story.waits(), "l1: 2; r: 4");
    story.agree(DAN, "r").unwrap();
    assert_eq!(story.waits(), "l1: 2");
    story.agree(BEN, "l1").unwrap();
    story.agree(CAT, "l2").unwrap();
    assert_eq!(story.waits(), "z: 5");
}

#[test]
fn a_rejection_in_one_branch_ends_the_others_too() {
    let mut story = branches();
    story.reject(BEN, "l1").unwrap();
    assert_eq!(story.waits(), "Rejected");
    assert_eq!(story.tasks(), "start Unstarted, a Agreed, l1 Rejected, r AutoEnd");
}

#[test]
fn a_roll_back_inside_a_branch_leaves_the_others_alone() {
    let mut story = branches();
    story.agree(BEN, "l1").unwrap();
    let names = |story: &Story, key| story.points(key).into_iter().map(|p| p.0).collect::<Vec<_>>();
    assert_eq!(names(&story, "l2"), ["start", "a", "l1"]);
    assert_eq!(names(&story, "r"), ["start", "a"]);
    story.roll_back(CAT, "l2", "l1").unwrap();
    assert_eq!(story.waits(), "l1: 2; r: 4");
    story.roll_back(DAN, "r", "a").unwrap();
    assert_eq!(story.waits(), "a: 1");
    let tasks = "start Unstarted, a Agreed, l1 Agreed, r Terminated, l2 Terminated, \
                 l1 Terminated, a InProcess";
    assert_eq!(story.tasks(), tasks);
}

#[test]
fn a_roll_back_from_behind_a_join_reopens_one_branch_only() {
    let mut story = branches();
    story.agree(BEN, "l1").unwrap();
    story.agree(CAT, "l2").unwrap();
    story.agree(DAN, "r").unwrap();
    story.roll_back(EVE, "z", "l2").unwrap();
    assert_eq!(story.waits(), "l2: 3");
    story.agree(CAT, "l2").unwrap();
    assert_eq!(story.waits(), "z: 5");
}

#[test]
fn a_roll_back_again_has_no_effect_and_elsewhere_is_refused() {
    let mut story = branches();
    let (task, points) = (story.at("r"), story.points("r"));
    let to = points[1].1;
    let back = Action::RollBack { task, to };
    assert_eq!(story.ask(actor(DAN), back.clone()), Ok(true));
    assert_eq!(story.ask(actor(DAN), back), Ok(false));
    let elsewhere = story.ask(actor(DAN), Action::RollBack { task, to: points[0].1 });
    let ended =
        Refusal::AlreadyDecided { status: Status::Terminated, by: Some(DAN), at: Millis(0) };
    assert_eq!(elsewhere, Err(ended));
    let task = story.at("a");
    let itself = story.ask(actor(ANN), Action::RollBack { task, to: task });
    assert_eq!(itself, Err(Refusal::NoSuchPoint(task)));
}

#[test]
fn a_roll_back_again_has_no_effect_when_the_step_is_gone_with_it() {
    let mut story = three("first", "");
    story.add(ANN, "n", &[EVE], Place::After).unwrap();
    story.agree(ANN, "n").unwrap();
    let (task, to) = (story.at("n+1"), story.points("n+1")[1].1);
    let back = Action::RollBack { task, to };
    assert_eq!(story.ask(actor(EVE), back.clone()), Ok(true));
    assert_eq!(story.ask(actor(EVE), back), Ok(false));
    assert_eq!(story.waits(), "n: 1 2 3");
}

#[test]
fn a_transfer_moves_the_part_and_keeps_its_turn() {
    let mut story = three("orderly", "");
    story.transfer(ANN, "n", &[DAN, EVE]).unwrap();
    assert_eq!(story.waits(), "n: 4");
    // A repeated call, the network's second try, moves nothing.
    let task = story.at("n");
    let again = Action::Transfer { task, from: vec![], to: vec![DAN, EVE] };
    assert_eq!(story.ask(actor(ANN), again), Ok(false));
    story.agree(DAN, "n").unwrap();
    assert_eq!(story.waits(), "n: 5");
    story.agree(EVE, "n").unwrap();
    assert_eq!(story.waits(), "n: 2");
    let gone = story.agree(ANN, "n");
    assert!(matches!(gone, Err(Refusal::NotYours { .. })), "{gone:?}");
}

#[test]
fn who_is_asked_anew_says_whose_part_to_give_to_the_same_person() {
    let mut story = three("all", "");
    let task = story.at("n");
    let give = Action::Transfer { task, from: vec![ANN], to: vec![DAN] };
    assert_eq!(story.ask(actor(ANN), give.clone()), Ok(true));
    assert_eq!(story.ask(actor(ANN), give.clone()), Ok(false));
    story.add(BEN, "n", &[ANN], Place::Beside).unwrap();
    // This may be the first call once more.
    assert_eq!(story.transfer(ANN, "n", &[DAN]), Ok(false));
    assert_eq!(story.waits(), "n: 1 2 3 4");
    assert_eq!(story.ask(actor(ANN), give), Ok(true));
    assert_eq!(story.waits(), "n: 2 3 4");
}

#[test]
fn parts_that_are_there_already_keep_no_others_back() {
    let mut story = three("orderly", "");
    let (task, admin) = (story.at("n"), Actor { admin: true, ..actor(ZOE) });
    let give = |from: &[PersonId], to: &[PersonId]| {
        let (from, to) = (from.to_vec(), to.to_vec());
        Action::Transfer { task, from, to }
    };
    story.transfer(ANN, "n", &[DAN]).unwrap();
    let both = give(&[ANN, BEN], &[DAN]);
    assert_eq!(story.ask(admin, both.clone()), Ok(true));
    assert_eq!(story.ask(admin, both), Ok(false));
    assert_eq!(story.seats("n"), [(DAN, Status::InProcess), (CAT, Status::Unstarted)]);
    // Dan asks Eve first, and stays.
    let shared = give(&[DAN], &[EVE, DAN]);
    assert_eq!(story.ask(actor(DAN), shared.clone()), Ok(true));
    assert_eq!(story.ask(actor(DAN), shared), Ok(false));
    assert_eq!(story.waits(), "n: 5");
}

#[test]
fn who_gave_parts_away_is_shown_once_with_those_who_have_them() {
    let mut story = three("all", "");
    let task = story.at("n");
    let parts = |story: &Story| -> Vec<_> {
        let parts = story.state.task(task).unwrap().parts();
        parts.iter().map(|part| (part.part.person, part.on_behalf_of)).collect()
    };
    story.transfer(ANN, "n", &[ANN, DAN]).unwrap();
    let shared = [(ANN, None), (DAN, None), (ANN, Some(DAN)), (BEN, None), (CAT, None)];
    assert_eq!(parts(&story), shared);
    let rest = Action::Transfer { task, from: vec![ANN], to: vec![DAN] };
    assert_eq!(story.ask(actor(ANN), rest), Ok(true));
    assert_eq!(parts(&story), shared[1..]);
}

#[test]
fn a_part_goes_to_nobody_who_has_decided_or_left() {
    let mut story = three("all", "");
    story.agree(ANN, "n").unwrap();
    let (status, at) = (Status::Agreed, Millis(0));
    let decided = Refusal::AlreadyDecided { status, by: Some(ANN), at };
    assert_eq!(story.transfer(BEN, "n", &[ANN]), Err(decided));
    let stranger = PersonId(99);
    assert_eq!(story.transfer(BEN, "n", &[stranger]), Err(Refusal::UnknownPerson(stranger)));
    assert_eq!(story.transfer(BEN, "n", &[]), Err(Refusal::HowMany { most: 20 }));
    // Who has a part already gets no second one.
    story.transfer(BEN, "n", &[CAT]).unwrap();
    assert_eq!(story.seats("n"), [(ANN, Status::Agreed), (CAT, Status::InProcess)]);
}

#[test]
fn who_is_added_decides_beside_or_after() {
    let mut story = three("orderly", "");
    story.add(ANN, "n", &[DAN], Place::Beside).unwrap();
    assert_eq!(story.add(ANN, "n", &[DAN], Place::Beside), Ok(false));
    story.add(ANN, "n", &[EVE, FAY], Place::After).unwrap();
    assert_eq!(story.add(ANN, "n", &[FAY, EVE], Place::After), Ok(false));
    for person in [ANN, DAN, BEN, CAT] {
        assert_eq!(story.waits(), format!("n: {person}"));
        story.agree(person, "n").unwrap();
    }
    assert_eq!(story.waits(), "n+1: 5 6");
    story.agree(EVE, "n+1").unwrap();
    story.add(FAY, "n+1", &[BEN], Place::After).unwrap();
    story.agree(FAY, "n+1").unwrap();
    assert_eq!(story.waits(), "n+1+1: 2");
    story.roll_back(BEN, "n+1+1", "n").unwrap();
    // What was added belonged to the lap that ended.
    for person in [ANN, BEN, CAT] {
        assert_eq!(story.waits(), format!("n: {person}"));
        story.agree(person, "n").unwrap();
    }
    assert_eq!(story.waits(), "last: 4");
}

#[test]
fn who_is_added_beside_comes_right_after_who_asked_for_them() {
    let mut story = three("orderly", "");
    story.agree(ANN, "n").unwrap();
    story.add(BEN, "n", &[FAY, DAN, EVE], Place::Beside).unwrap();
    let turns: Vec<_> = story.seats("n").into_iter().map(|(person, _)| person).collect();
    assert_eq!(turns, [ANN, BEN, FAY, DAN, EVE, CAT]);
}

#[test]
fn a_cancelled_instance_ends_for_everybody() {
    let mut story = branches();
    let task = story.at("r");
    story.now = 7;
    assert_eq!(story.ask(actor(ZOE), Action::Cancel), Ok(true));
    assert_eq!(story.ask(actor(ZOE), Action::Cancel), Ok(false));
    assert_eq!(story.tasks(), "start Unstarted, a Agreed, l1 Canceled, r Canceled");
    let ended = Refusal::AlreadyDecided { status: Status::Canceled, by: Some(ZOE), at: Millis(7) };
    assert_eq!(story.ask(actor(DAN), Action::Agree(task)), Err(ended));
}

#[test]
fn parts_that_nobody_decided_say_how_their_task_ended() {
    let agreed_by_ann = || {
        let mut story = three("all", "");
        story.agree(ANN, "n").unwrap();
        story
    };
    let parts = |rest| [(ANN, Status::Agreed), (BEN, rest), (CAT, rest)];
    let mut withdrawn = agreed_by_ann();
    withdrawn.ask(actor(ZOE), Action::Cancel).unwrap();
    assert_eq!(withdrawn.seats("n"), parts(Status::Canceled));
    let mut sent_back = agreed_by_ann();
    sent_back.roll_back(BEN, "n", "start").unwrap();
    assert_eq!(sent_back.seats("n"), parts(Status::Terminated));
}

#[test]
fn a_copy_is_made_once_and_of_ended_tasks_too() {
    let mut story = branches();
    let task = story.at("r");
    let copy = Action::Copy { task, people: vec![FAY, CAT, FAY] };
    assert_eq!(story.ask(actor(DAN), copy.clone()), Ok(true));
    assert_eq!(story.ask(actor(DAN), copy), Ok(false));
    assert_eq!(story.state.task(task).unwrap().ccs, [CAT, FAY]);
    story.agree(DAN, "r").unwrap();
    assert_eq!(story.ask(actor(ZOE), Action::Copy { task, people: vec![ANN] }), Ok(true));
    let many: Vec<_> = (1..=11).map(PersonId).collect();
    let refused = story.ask(actor(ZOE), Action::Copy { task, people: many });
    assert_eq!(refused, Err(Refusal::HowMany { most: 10 }));
}

#[test]
fn people_are_urged_once_in_a_while_and_only_those_it_waits_for() {
    let mut story = branches();
    let task = story.at("r");
    let urge = |person| Action::Urge { task, people: vec![person] };
    assert_eq!(story.ask(actor(ZOE), urge(DAN)), Ok(true));
    story.now = 10 * MINUTE - 1;
    assert_eq!(story.ask(actor(ZOE), urge(DAN)), Ok(false));
    story.now = 10 * MINUTE;
    assert_eq!(story.ask(actor(ZOE), urge(DAN)), Ok(true));
    assert_eq!(story.ask(actor(ZOE), urge(ANN)), Err(Refusal::NotWaitingFor(ANN)));
}

#[test]
fn a_node_without_people_is_left_out_asked_elsewhere_or_fatal() {
    let start = |nobody: &str| {
        let node = format!(
            "- {{id: n, label: {{en-US: N}}, assignees: [{{role: none}}], nobody: {nobody}}}"
        );
        Story::start_with(flow(&node), Company::plain(), ZOE, values(&[]))
    };
    let passed = start("pass").unwrap();
    assert_eq!(passed.waits(), "Agreed");
    // Left out is never shown as agreed.
    assert_eq!(passed.tasks(), "start Unstarted");
    assert!(matches!(passed.history[0].events[0], Event::Skipped { .. }));
    assert_eq!(start("[{person: p5}]").unwrap().waits(), "n: 5");
    let failed = start("fail").err();
    assert_eq!(failed, Some(Refusal::CannotStart("nobody was found for n".to_owned())));
    assert!(start("[{role: none}]").is_err());
}

#[test]
fn a_flow_that_finds_nobody_later_fails_and_says_why() {
    let nodes = "- {id: a, label: {en-US: A}, assignees: [{person: p1}]}\n\
                 - {id: b, label: {en-US: B}, assignees: [{role: none}]}";
    let mut story = Story::start(flow(nodes), Company::plain(), ZOE);
    story.agree(ANN, "a").unwrap();
    assert_eq!(story.waits(), "Failed");
    let reason = "nobody was found for b".to_owned();
    let ended = Event::Ended { status: Status::Failed, reason };
    assert_eq!(story.history.last().unwrap().events.last(), Some(&ended));
}

#[test]
fn lists_show_a_task_to_everybody_who_has_to_do_with_it() {
    let mut story = three("orderly", ", cc: [{person: p6}]");
    story.transfer(ANN, "n", &[DAN]).unwrap();
    let places = |story: &Story| {
        let mut places: Vec<_> = story
            .state
            .instance()
            .places()
            .iter()
            .map(|place| (place.person.get(), place.relation, place.state))
            .collect();
        places.sort_unstable();
        places
    };
    let expected = [
        (1, Assigned, Archived),
        (2, Assigned, Archived),
        (3, Assigned, Archived),
        (4, Assigned, Pending),
        (6, Cc, Pending),
        (26, Initiated, Pending),
    ];
    assert_eq!(places(&story), expected);
    story.agree(DAN, "n").unwrap();
    let turn: Vec<_> = places(&story).into_iter().filter(|place| place.2 == Pending).collect();
    assert_eq!(turn, [(2, Assigned, Pending), (6, Cc, Pending), (26, Initiated, Pending)]);
    story.agree_to_the_end();
    assert!(places(&story).iter().all(|place| place.2 == Archived));
}

#[test]
fn the_state_survives_being_written_down() {
    let mut story = branches();
    story.transfer(DAN, "r", &[EVE]).unwrap();
    story.add(BEN, "l1", &[FAY], Place::After).unwrap();
    let text = serde_json::to_string(&story.state).unwrap();
    let back: domain::process::State = serde_json::from_str(&text).unwrap();
    assert_eq!(back, story.state);
    let text = serde_json::to_string(&story.history).unwrap();
    let back: Vec<domain::process::Entry> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, story.history);
    let text = serde_json::to_string(&story.definition).unwrap();
    let back: domain::process::Definition = serde_json::from_str(&text).unwrap();
    assert_eq!(back, story.definition);
}

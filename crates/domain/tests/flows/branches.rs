//! Conditions of blocks and branches: what is left out, and that nothing is asked twice in a lap.

use super::support::*;

/// A block for sales, one branch of which is for those with a role.
const NODES: &str = "\
- {id: a, label: {en-US: A}, assignees: [{person: p1}]}
- id: b
  label: {en-US: B}
  when: initiator.department == 'sales'
  parallel:
  - {id: b1, nodes: [{id: x, label: {en-US: X}, assignees: [{person: p2}]}]}
  - id: b2
    when: size(initiator.roles) > 0
    nodes: [{id: y, label: {en-US: Y}, assignees: [{person: p3}]}]
- {id: z, label: {en-US: Z}, assignees: [{person: p4}]}";

fn story(department: &str, roles: &[&str]) -> Story {
    let mut story = Story::start(flow(NODES), Company::plain(), ZOE);
    become_one_of(&mut story, department, roles);
    story
}

fn become_one_of(story: &mut Story, department: &str, roles: &[&str]) {
    story.company.change(ZOE, |profile| {
        department.clone_into(&mut profile.department);
        profile.roles = roles.iter().map(|role| (*role).to_owned()).collect();
    });
}

#[test]
fn a_block_or_branch_whose_condition_does_not_hold_is_left_out() {
    for (department, roles, waits) in [
        ("sales", &["buyer"][..], "x: 2; y: 3"),
        ("sales", &[], "x: 2"),
        ("legal", &["buyer"], "z: 4"),
    ] {
        let mut story = story(department, roles);
        story.agree(ANN, "a").unwrap();
        assert_eq!(story.waits(), waits, "{department} {roles:?}");
    }
}

#[test]
fn what_was_left_out_stays_so_in_this_lap() {
    let mut story = story("sales", &[]);
    story.agree(ANN, "a").unwrap();
    become_one_of(&mut story, "sales", &["buyer"]);
    story.agree(BEN, "x").unwrap();
    assert_eq!(story.waits(), "z: 4");
}

#[test]
fn what_was_begun_goes_on_and_is_asked_for_anew_after_a_way_back() {
    let mut story = story("sales", &["buyer"]);
    story.agree(ANN, "a").unwrap();
    become_one_of(&mut story, "legal", &[]);
    story.agree(BEN, "x").unwrap();
    assert_eq!(story.waits(), "y: 3");
    story.agree(CAT, "y").unwrap();
    story.roll_back(DAN, "z", "a").unwrap();
    story.agree(ANN, "a").unwrap();
    assert_eq!(story.waits(), "z: 4");
    become_one_of(&mut story, "sales", &["buyer"]);
    story.roll_back(DAN, "z", "a").unwrap();
    story.agree(ANN, "a").unwrap();
    assert_eq!(story.waits(), "x: 2; y: 3");
}

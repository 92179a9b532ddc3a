//! The order of steps: what comes before what, with the steps that people added.
//!
//! Knows ids only, not what happens at them.

use super::definition::{Definition, Expression, Node, START};
use super::state::Insertion;

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The start, a node, or a step that was added.
    Node(String),
    /// Sequences beside each other.
    Parallel { id: String, when: Option<Expression>, branches: Vec<Lane> },
}

/// One of several sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) id: String,
    pub(super) when: Option<Expression>,
    pub(super) steps: Vec<Step>,
}

/// The whole way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route(pub(super) Vec<Step>);

impl Route {
    pub(super) fn new(definition: &Definition, added: &[Insertion]) -> Self {
        let mut steps = Vec::new();
        push(START, added, &mut steps);
        steps.extend(lay(&definition.nodes, added));
        Self(steps)
    }

    /// The steps that have ended whenever `key` is reached, in order; nodes of sibling branches are
    /// not among them. `None` if there is no such step.
    pub(super) fn earlier(&self, key: &str) -> Option<Vec<&str>> {
        let mut before = Vec::new();
        find(&self.0, key, &mut before).then_some(before)
    }

    /// The steps that cannot have ended before `key` has: those that have it among the earlier ones;
    /// blocks and branches after it with them.
    pub(super) fn later(&self, key: &str) -> Vec<String> {
        let mut later = Vec::new();
        after(&self.0, key, &mut later);
        later
    }
}

fn push(key: &str, added: &[Insertion], steps: &mut Vec<Step>) {
    steps.push(Step::Node(key.to_owned()));
    for insertion in added.iter().filter(|insertion| insertion.after == key) {
        push(&insertion.key, added, steps);
    }
}

fn lay(nodes: &[Node], added: &[Insertion]) -> Vec<Step> {
    let mut steps = Vec::new();
    for node in nodes {
        match node {
            Node::Approval(approval) => push(&approval.id, added, &mut steps),
            Node::Parallel(block) => {
                let lane = |branch: &super::definition::Branch| Lane {
                    id: branch.id.clone(),
                    when: branch.when.clone(),
                    steps: lay(&branch.nodes, added),
                };
                steps.push(Step::Parallel {
                    id: block.id.clone(),
                    when: block.when.clone(),
                    branches: block.branches.iter().map(lane).collect(),
                });
            }
        }
    }
    steps
}

/// Whether `key` is in `steps`; `before` gets what is before it, or everything.
fn find<'r>(steps: &'r [Step], key: &str, before: &mut Vec<&'r str>) -> bool {
    for step in steps {
        match step {
            Step::Node(node) if node == key => return true,
            Step::Node(node) => before.push(node),
            Step::Parallel { branches, .. } => {
                let entry = before.len();
                for lane in branches {
                    let own = before.len();
                    if find(&lane.steps, key, before) {
                        // What sibling branches have pushed is not before it.
                        before.drain(entry..own);
                        return true;
                    }
                }
            }
        }
    }
    false
}

/// Whether `key` is in `steps`; `later` gets every id after it.
fn after(steps: &[Step], key: &str, later: &mut Vec<String>) -> bool {
    for (index, step) in steps.iter().enumerate() {
        let here = match step {
            Step::Node(node) => node == key,
            Step::Parallel { branches, .. } => {
                branches.iter().any(|lane| after(&lane.steps, key, later))
            }
        };
        if here {
            ids(&steps[index + 1..], later);
            return true;
        }
    }
    false
}

fn ids(steps: &[Step], all: &mut Vec<String>) {
    for step in steps {
        match step {
            Step::Node(node) => all.push(node.clone()),
            Step::Parallel { id, branches, .. } => {
                all.push(id.clone());
                for lane in branches {
                    all.push(lane.id.clone());
                    ids(&lane.steps, all);
                }
            }
        }
    }
}

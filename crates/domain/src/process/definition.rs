//! What a flow is, as its author wrote it: parameters, nodes in order, who decides each, and what
//! happens when somebody rejects, is late or cannot be found.
//!
//! Knows neither how a definition is written down ([`super::source`]) nor how it runs.

use serde::{Deserialize, Serialize};

use super::values::Kind;
use crate::flow::{LangText, Logic};

/// The key of the step with which every instance starts. No node may have it as an id.
pub const START: &str = "start";

/// One version of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// By what callers know it, unique per tenant.
    pub api_id: String,
    /// The application that it belongs to.
    pub namespace: String,
    /// Its name, per language.
    pub label: Vec<LangText>,
    /// The decimal code of the language in which single texts are shown.
    pub language: String,
    /// Who may start it: true or false of an initiator. Absent: everybody.
    pub may_start: Option<Expression>,
    /// What an instance is started with.
    pub parameters: Vec<Parameter>,
    /// What lists show of an instance.
    pub summary: Vec<SummaryField>,
    /// What happens, one after the other.
    pub nodes: Vec<Node>,
}

/// CEL text over `params` and `initiator`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expression(pub String);

/// One value that an instance is started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// By what expressions and callers know it.
    pub name: String,
    /// Its name for people, per language.
    pub label: Vec<LangText>,
    /// Which values it takes.
    pub kind: Kind,
    /// Whether an instance cannot start without it.
    pub required: bool,
}

/// A line of what lists show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryField {
    /// Its name, per language.
    pub label: Vec<LangText>,
    /// What it says: text, a number or true and false; per language, or one under `""` for all.
    pub value: Vec<(String, Expression)>,
}

/// A step of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    /// People decide.
    Approval(Box<Approval>),
    /// Several sequences run beside each other; the flow goes on when all have ended.
    Parallel(Parallel),
}

/// Sequences beside each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parallel {
    /// Unique in the definition.
    pub id: String,
    /// Its name, per language.
    pub label: Vec<LangText>,
    /// It is left out where this is false.
    pub when: Option<Expression>,
    /// The sequences.
    pub branches: Vec<Branch>,
}

/// One of several sequences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Unique in the definition.
    pub id: String,
    /// It is left out where this is false.
    pub when: Option<Expression>,
    /// What happens in it, one after the other.
    pub nodes: Vec<Node>,
}

/// A step that people decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Unique in the definition.
    pub id: String,
    /// Its name, per language.
    pub label: Vec<LangText>,
    /// It is left out where this is false.
    pub when: Option<Expression>,
    /// Who decides, in turn where that matters.
    pub assignees: Vec<Who>,
    /// Whose decisions it needs.
    pub logic: Logic,
    /// Where a rejection leads.
    pub on_reject: OnReject,
    /// To whom it is copied when it opens.
    pub cc: Vec<Who>,
    /// What happens as time passes.
    pub due: Option<Due>,
    /// What happens when no assignee is found.
    pub nobody: Nobody,
    /// What assignees may do beyond deciding.
    pub allow: Vec<Permission>,
}

/// How people are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// By the tenant's own id of a person.
    Person(String),
    /// Whoever started the instance.
    Initiator,
    /// The initiator's leader, so many levels up; 1 is the direct one.
    Leader(u32),
    /// The leader of a department.
    DepartmentLeader(String),
    /// Everybody who has a role.
    Role(String),
    /// A parameter: people as they are, a department as its leader.
    Parameter(String),
    /// A list of people, or of the tenant's own ids.
    Expression(Expression),
}

/// Where a rejection leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnReject {
    /// The instance is rejected.
    End,
    /// Back to the initiator.
    Start,
    /// Back to the node before that was visited, or to the initiator.
    Previous,
    /// Back to an earlier node.
    Node(String),
}

/// What happens when no assignee is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nobody {
    /// The instance fails.
    Fail,
    /// The node is left out, and the history says so.
    Pass,
    /// Others decide; the instance fails when there are none of these either.
    Ask(Vec<Who>),
}

/// What happens as time passes, counted from when a task opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// After so many milliseconds the task is overdue.
    pub after: i64,
    /// Whoever it waits for is reminded after so many milliseconds each; rising.
    pub remind: Vec<i64>,
    /// What happens to an overdue task.
    pub then: OnDue,
}

/// What happens to an overdue task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnDue {
    /// Those it waits for are told.
    Notify,
    /// The leader of each person it waits for may decide too.
    Escalate,
    /// It is agreed to, automatically.
    Agree,
    /// It is rejected, automatically.
    Reject,
}

/// What assignees may do beyond deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Permission {
    /// Give their part to others.
    Transfer,
    /// Ask others beside them or after them.
    AddAssignee,
    /// Copy it to others.
    Copy,
    /// Send the instance back to an earlier node.
    RollBack,
}

impl Permission {
    /// Every permission, which is what a node has unless it says otherwise.
    pub const ALL: [Self; 4] = [Self::Transfer, Self::AddAssignee, Self::Copy, Self::RollBack];
}

impl Definition {
    /// The node of this id that people decide.
    pub fn approval(&self, id: &str) -> Option<&Approval> {
        self.approvals().into_iter().find(|approval| approval.id == id)
    }

    /// Every node that people decide, in the order of the text.
    pub fn approvals(&self) -> Vec<&Approval> {
        let mut all = Vec::new();
        collect(&self.nodes, &mut all);
        all
    }
}

fn collect<'d>(nodes: &'d [Node], all: &mut Vec<&'d Approval>) {
    for node in nodes {
        match node {
            Node::Approval(approval) => all.push(approval),
            Node::Parallel(block) => {
                block.branches.iter().for_each(|branch| collect(&branch.nodes, all));
            }
        }
    }
}

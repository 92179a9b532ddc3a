//! Reading a definition: every fault of a text, or what it says.
//!
//! The form is published as a JSON Schema beside this file; a test holds the two together. What a
//! schema cannot say (unknown nodes, expressions, ids given twice) is checked here as well.

use std::collections::BTreeMap;

use super::definition::{
    Approval, Branch, Definition, Due, Nobody, Node, OnDue, OnReject, Parallel, Parameter,
    Permission, START, SummaryField, Who,
};
use super::expression::Says;
use super::members::{At, Faults, Object};
use super::route::Route;
use super::source::{Fault, Spot, TreeKind, parse};
use super::values::Kind;
use crate::flow::{LangText, Logic};
use crate::limits;

/// The published form of flow files, as JSON Schema (draft 2020-12).
pub const SCHEMA: &str = include_str!("schema.json");

/// Reads a flow file, YAML or JSON: what it says, or every fault in the order of the text.
pub fn check(text: &str) -> Result<Definition, Vec<Fault>> {
    let tree = parse(text).map_err(|fault| vec![fault])?;
    let mut reader = Reader::default();
    let definition = reader.definition(At { tree: &tree, path: String::new() });
    if let Some(definition) = &definition {
        reader.rejections(definition);
    }
    let mut faults = reader.faults.0;
    faults.sort();
    faults.dedup();
    definition.filter(|_| faults.is_empty()).ok_or(faults)
}

#[derive(Default)]
struct Reader {
    faults: Faults,
    parameters: Vec<Parameter>,
    /// Every id of a node, block or branch.
    ids: BTreeMap<String, Spot>,
    /// Node, the node to which a rejection leads, and where that is said.
    jumps: Vec<(String, String, Spot, String)>,
}

impl Reader {
    fn definition(&mut self, at: At<'_>) -> Option<Definition> {
        const MEMBERS: [&str; 9] = [
            "$schema",
            "api_id",
            "namespace",
            "label",
            "language",
            "may_start",
            "parameters",
            "summary",
            "nodes",
        ];
        let top = self.faults.object(at, &MEMBERS)?;
        let text = |this: &mut Self, name| {
            let member = this.faults.need(&top, name);
            let text = member.as_ref().map(|at| (this.faults.text(at), at));
            if let Some((_, at)) =
                text.as_ref().filter(|(t, _)| t.chars().count() > limits::ID_CHARS)
            {
                this.faults.note(at, format!("at most {} characters are taken", limits::ID_CHARS));
            }
            text.map(|(text, _)| text).unwrap_or_default()
        };
        let (api_id, namespace) = (text(self, "api_id"), text(self, "namespace"));
        let label = self.label(&top);
        let language = top.get("language").map(|at| self.faults.language(&at));
        if let Some(at) = top.get("parameters") {
            self.parameters(&at);
        }
        let may_start = top.get("may_start").map(|at| self.expression(&at, Says::Truth));
        let summary = top.get("summary").map(|at| self.summary(&at)).unwrap_or_default();
        let nodes = self.faults.need(&top, "nodes");
        let nodes = nodes.map(|at| self.nodes(&at)).unwrap_or_default();
        if self.ids.len() > limits::FLOW_NODES {
            let at = top.get("nodes")?;
            self.faults.note(&at, format!("at most {} nodes are taken", limits::FLOW_NODES));
        }
        let language = language.unwrap_or_else(|| "2052".to_owned());
        let parameters = self.parameters.clone();
        Some(Definition {
            api_id,
            namespace,
            label,
            language,
            may_start,
            parameters,
            summary,
            nodes,
        })
    }

    fn expression(&mut self, at: &At<'_>, says: Says) -> super::definition::Expression {
        self.faults.expression(at, says, &self.parameters)
    }

    fn label(&mut self, object: &Object<'_>) -> Vec<LangText> {
        let member = self.faults.need(object, "label");
        member.map(|at| self.faults.texts(&at)).unwrap_or_default()
    }

    fn when(&mut self, object: &Object<'_>) -> Option<super::definition::Expression> {
        object.get("when").map(|at| self.expression(&at, Says::Truth))
    }

    fn parameters(&mut self, at: &At<'_>) {
        for at in self.faults.items(at) {
            let members = ["name", "label", "type", "options", "required"];
            let Some(object) = self.faults.object(at, &members) else { continue };
            let name = self.faults.need(&object, "name");
            let name = name.map(|at| {
                let name = self.faults.name(&at);
                if self.parameters.iter().any(|known| known.name == name) {
                    self.faults.note(&at, format!("the parameter `{name}` is given twice"));
                }
                name
            });
            let label = self.label(&object);
            let required = object.get("required").is_none_or(|at| self.faults.truth(&at));
            let kind = self.kind(&object).unwrap_or(Kind::Text);
            self.parameters.push(Parameter {
                name: name.unwrap_or_default(),
                label,
                kind,
                required,
            });
        }
    }

    fn kind(&mut self, object: &Object<'_>) -> Option<Kind> {
        let options = object.get("options").map(|at| {
            let items = self.faults.some_items(&at);
            (items.iter().map(|at| self.faults.text(at)).collect::<Vec<_>>(), at)
        });
        let kinds = [
            Kind::Text,
            Kind::Integer,
            Kind::Number,
            Kind::Boolean,
            Kind::Date,
            Kind::Choice(Vec::new()),
            Kind::Person,
            Kind::People,
            Kind::Department,
        ];
        let words: Vec<_> = kinds.into_iter().map(|kind| (kind.word(), kind)).collect();
        let at = self.faults.need(object, "type")?;
        let kind = self.faults.word(&at, &words)?;
        match (kind, options) {
            (Kind::Choice(_), Some((options, _))) => return Some(Kind::Choice(options)),
            (Kind::Choice(_), None) => self.faults.note(&at, "a choice needs `options`"),
            (kind, None) => return Some(kind),
            (_, Some((_, at))) => self.faults.note(&at, "only a choice has options"),
        }
        None
    }

    fn summary(&mut self, at: &At<'_>) -> Vec<SummaryField> {
        let items = self.faults.items(at);
        if items.len() > limits::SUMMARY_FIELDS {
            self.faults.note(at, format!("at most {} fields are taken", limits::SUMMARY_FIELDS));
        }
        let mut fields = Vec::new();
        for at in items {
            let Some(object) = self.faults.object(at, &["label", "value"]) else { continue };
            let label = self.label(&object);
            let Some(at) = self.faults.need(&object, "value") else { continue };
            let value = if matches!(at.tree.kind, TreeKind::Map(_)) {
                let texts = self.faults.per_language(&at);
                texts
                    .into_iter()
                    .map(|(code, at)| (code, self.expression(&at, Says::Text)))
                    .collect()
            } else {
                vec![(String::new(), self.expression(&at, Says::Text))]
            };
            fields.push(SummaryField { label, value });
        }
        fields
    }

    fn nodes(&mut self, at: &At<'_>) -> Vec<Node> {
        self.faults.some_items(at).into_iter().filter_map(|at| self.node(at)).collect()
    }

    fn node(&mut self, at: At<'_>) -> Option<Node> {
        let parallel = match &at.tree.kind {
            TreeKind::Map(entries) => entries.iter().any(|(key, _)| key.name == "parallel"),
            _ => false,
        };
        if !parallel {
            return self.approval(at).map(|approval| Node::Approval(Box::new(approval)));
        }
        let object = self.faults.object(at, &["id", "label", "when", "parallel"])?;
        let (id, when) = (self.id(&object), self.when(&object));
        let label = self.label(&object);
        let mut branches = Vec::new();
        let list = object.get("parallel")?;
        for at in self.faults.some_items(&list) {
            let Some(object) = self.faults.object(at, &["id", "when", "nodes"]) else { continue };
            let (id, when) = (self.id(&object), self.when(&object));
            let nodes = self.faults.need(&object, "nodes");
            let nodes = nodes.map(|at| self.nodes(&at)).unwrap_or_default();
            branches.push(Branch { id, when, nodes });
        }
        Some(Node::Parallel(Parallel { id, label, when, branches }))
    }

    fn id(&mut self, object: &Object<'_>) -> String {
        let Some(at) = self.faults.need(object, "id") else { return String::new() };
        let id = self.faults.name(&at);
        if id.is_empty() {
            return id;
        }
        if [START, "previous", "end"].contains(&&*id) {
            self.faults.note(&at, format!("`{id}` has a meaning of its own; take another id"));
        }
        if let Some(first) = self.ids.insert(id.clone(), at.tree.spot) {
            self.faults
                .note(&at, format!("the id `{id}` is given twice, first in line {}", first.line));
        }
        id
    }

    fn approval(&mut self, at: At<'_>) -> Option<Approval> {
        const MEMBERS: [&str; 10] = [
            "id",
            "label",
            "when",
            "assignees",
            "logic",
            "on_reject",
            "cc",
            "due",
            "nobody",
            "allow",
        ];
        let object = self.faults.object(at, &MEMBERS)?;
        let (id, when) = (self.id(&object), self.when(&object));
        let label = self.label(&object);
        let assignees = self.faults.need(&object, "assignees");
        let assignees = assignees.map(|at| self.people(&at)).unwrap_or_default();
        let words = [("all", Logic::All), ("first", Logic::First), ("orderly", Logic::Orderly)];
        let logic = object.get("logic").and_then(|at| self.faults.word(&at, &words));
        let on_reject = object.get("on_reject").map(|at| self.on_reject(&at, &id));
        let cc = object.get("cc").map(|at| self.people(&at)).unwrap_or_default();
        let due = object.get("due").and_then(|at| self.due(at));
        let nobody = object.get("nobody").map(|at| self.nobody(&at));
        let allow = object.get("allow").map(|at| self.allow(&at));
        Some(Approval {
            id,
            label,
            when,
            assignees,
            logic: logic.unwrap_or(Logic::All),
            on_reject: on_reject.unwrap_or(OnReject::End),
            cc,
            due,
            nobody: nobody.unwrap_or(Nobody::Fail),
            allow: allow.unwrap_or_else(|| Permission::ALL.to_vec()),
        })
    }

    fn people(&mut self, at: &At<'_>) -> Vec<Who> {
        self.faults.some_items(at).into_iter().filter_map(|at| self.who(&at)).collect()
    }

    fn who(&mut self, at: &At<'_>) -> Option<Who> {
        const FORMS: [&str; 6] =
            ["person", "leader", "department_leader", "role", "parameter", "expression"];
        if !matches!(at.tree.kind, TreeKind::Map(_)) {
            let words = [("initiator", Who::Initiator)];
            let before = self.faults.0.len();
            let who = self.faults.word(at, &words);
            if let Some(fault) = self.faults.0.get_mut(before) {
                fault.message = format!("it must be `initiator` or a map of {}", FORMS.join(", "));
            }
            return who;
        }
        let object = self.faults.object(at.clone(), &FORMS)?;
        let Some((form, member)) = object.only() else {
            self.faults.note(at, format!("it must have exactly one of {}", FORMS.join(", ")));
            return None;
        };
        Some(match form {
            "person" => Who::Person(self.faults.text(&member)),
            "leader" => Who::Leader(self.levels(&member)),
            "department_leader" => Who::DepartmentLeader(self.faults.text(&member)),
            "role" => Who::Role(self.faults.text(&member)),
            "parameter" => Who::Parameter(self.people_parameter(&member)),
            "expression" => Who::Expression(self.expression(&member, Says::People)),
            _ => return None,
        })
    }

    fn levels(&mut self, at: &At<'_>) -> u32 {
        if let TreeKind::Integer(levels @ 1..=20) = at.tree.kind {
            return u32::try_from(levels).unwrap_or(1);
        }
        self.faults.note(at, "levels are a whole number from 1 to 20");
        1
    }

    fn people_parameter(&mut self, at: &At<'_>) -> String {
        let name = self.faults.text(at);
        let kind = self.parameters.iter().find(|p| p.name == name).map(|p| &p.kind);
        match kind {
            None if name.is_empty() => {}
            None => self.faults.note(at, format!("there is no parameter `{name}`")),
            Some(Kind::Person | Kind::People | Kind::Department) => {}
            Some(other) => {
                let message = "names nobody; a person, people or a department do";
                self.faults.note(at, format!("a parameter of type {} {message}", other.word()));
            }
        }
        name
    }

    fn on_reject(&mut self, at: &At<'_>, node: &str) -> OnReject {
        let target = self.faults.text(at);
        match &*target {
            "end" | "" => OnReject::End,
            START => OnReject::Start,
            "previous" => OnReject::Previous,
            _ => {
                self.jumps.push((node.to_owned(), target.clone(), at.tree.spot, at.path.clone()));
                OnReject::Node(target)
            }
        }
    }

    fn due(&mut self, at: At<'_>) -> Option<Due> {
        let object = self.faults.object(at, &["after", "remind", "then"])?;
        let after = self.faults.need(&object, "after").map(|at| self.faults.duration(&at));
        let mut remind = Vec::new();
        for at in object.get("remind").map(|at| self.faults.items(&at)).unwrap_or_default() {
            let length = self.faults.duration(&at);
            if remind.last().is_some_and(|last| *last >= length) {
                self.faults.note(&at, "each reminder must be later than the one before");
            }
            remind.push(length);
        }
        let words = [
            ("notify", OnDue::Notify),
            ("escalate", OnDue::Escalate),
            ("agree", OnDue::Agree),
            ("reject", OnDue::Reject),
        ];
        let then = object.get("then").and_then(|at| self.faults.word(&at, &words));
        Some(Due { after: after?, remind, then: then.unwrap_or(OnDue::Notify) })
    }

    fn nobody(&mut self, at: &At<'_>) -> Nobody {
        if matches!(at.tree.kind, TreeKind::List(_)) {
            return Nobody::Ask(self.people(at));
        }
        let before = self.faults.0.len();
        let word = self.faults.word(at, &[("fail", Nobody::Fail), ("pass", Nobody::Pass)]);
        if let Some(fault) = self.faults.0.get_mut(before) {
            "it must be fail, pass or a list of people to ask".clone_into(&mut fault.message);
        }
        word.unwrap_or(Nobody::Fail)
    }

    fn allow(&mut self, at: &At<'_>) -> Vec<Permission> {
        let words = [
            ("transfer", Permission::Transfer),
            ("add_assignee", Permission::AddAssignee),
            ("cc", Permission::Copy),
            ("rollback", Permission::RollBack),
        ];
        let items = self.faults.items(at);
        items.iter().filter_map(|at| self.faults.word(at, &words)).collect()
    }

    /// A rejection leads to a node that is before its own on every way to it.
    fn rejections(&mut self, definition: &Definition) {
        let route = Route::new(definition, &[]);
        for (node, target, spot, path) in std::mem::take(&mut self.jumps) {
            let earlier = route.earlier(&node).unwrap_or_default();
            if !earlier.contains(&&*target) {
                let mut words = vec!["end", "start", "previous"];
                words.extend(earlier.iter().filter(|key| **key != START));
                let message =
                    format!("`{target}` is no earlier node; here can be {}", words.join(", "));
                self.faults.note_at(spot, &path, message);
            }
        }
    }
}

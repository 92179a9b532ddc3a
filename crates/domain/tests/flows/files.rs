//! Flow files: every fault of a text with its place, and the schema that editors use.

use domain::PersonId;
use domain::process::source::{Tree, TreeKind, parse};
use domain::process::values::{Kind, Value};
use domain::process::{SCHEMA, check};
use serde_json::{Value as Json, json};

/// A text as JSON.
pub(crate) fn json(text: &str) -> Json {
    fn of(tree: &Tree) -> Json {
        match &tree.kind {
            TreeKind::Null => Json::Null,
            TreeKind::Boolean(truth) => json!(truth),
            TreeKind::Integer(number) => json!(number),
            TreeKind::Number(number) => json!(number),
            TreeKind::Text(text) => json!(text),
            TreeKind::List(items) => items.iter().map(of).collect(),
            TreeKind::Map(entries) => {
                entries.iter().map(|(key, tree)| (key.name.clone(), of(tree))).collect()
            }
        }
    }
    of(&parse(text).unwrap())
}

/// Any value of a kind.
pub(crate) fn some_value(kind: &Kind) -> Value {
    match kind {
        Kind::Text | Kind::Department => Value::Text("x".to_owned()),
        Kind::Date => Value::Text("2026-01-31".to_owned()),
        Kind::Choice(options) => Value::Text(options[0].clone()),
        Kind::Integer => Value::Integer(1_000_000),
        Kind::Number => Value::Number(1e6),
        Kind::Boolean => Value::Boolean(true),
        Kind::Person => Value::Person(PersonId(1)),
        Kind::People => Value::People(vec![PersonId(1)]),
    }
}

fn faults(text: &str) -> Vec<String> {
    check(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn every_fault_of_a_file_is_told_with_line_and_column() {
    let text = "\
api_id: demo
label: { zh-CN: 示例, klingon: x }
parameters:
  - { name: days, type: numbr, label: { en-US: Days } }
  - { name: size, type: choice, label: { en-US: Size } }
colour: red
nodes:
  - id: first
    label: { en-US: First }
    assignees: []
    due: { after: 2 days }
  - id: first
    label: { en-US: Second }
    assignees: [{ leader: 0 }, { role: a, person: b }, { parameter: size }]
    when: params.dayz > 3
    on_reject: third
  - id: end
    label: {}
    assignees: [somebody, { parameter: sizes }, { parameter: '' }]
    logic: most
";
    let expected = [
        "1:1: `namespace` is missing",
        "2:21: label.klingon: a language is zh-CN, en-US, ja-JP or a decimal code such as 2052",
        "4:25: parameters[0].type: it must be one of text, integer, number, boolean, date, choice, \
         person, people, department",
        "5:25: parameters[1].type: a choice needs `options`",
        "6:1: colour: there is no such member; there are $schema, api_id, namespace, label, \
         language, may_start, parameters, summary, nodes",
        "10:16: nodes[0].assignees: the list is empty",
        "11:19: nodes[0].due.after: write a duration in weeks, days, hours, minutes and seconds, \
         as P2D or PT4H",
        "12:9: nodes[1].id: the id `first` is given twice, first in line 8",
        "14:27: nodes[1].assignees[0].leader: levels are a whole number from 1 to 20",
        "14:32: nodes[1].assignees[1]: it must have exactly one of person, leader, \
         department_leader, role, parameter, expression",
        "14:69: nodes[1].assignees[2].parameter: a parameter of type text names nobody; a person, \
         people or a department do",
        "15:11: nodes[1].when: `params.dayz > 3`: there is no `dayz`",
        "16:16: nodes[1].on_reject: `third` is no earlier node; here can be end, start, previous",
        "17:9: nodes[2].id: `end` has a meaning of its own; take another id",
        "18:12: nodes[2].label: at least one language is needed",
        "19:17: nodes[2].assignees[0]: it must be `initiator` or a map of person, leader, \
         department_leader, role, parameter, expression",
        "19:40: nodes[2].assignees[1].parameter: there is no parameter `sizes`",
        "19:62: nodes[2].assignees[2].parameter: the text is empty",
        "20:12: nodes[2].logic: it must be one of all, first, orderly",
    ];
    let told = faults(text);
    assert_eq!(told, expected, "{told:#?}");
}

fn with_node(members: &str) -> Vec<String> {
    faults(&format!(
        "api_id: a\nnamespace: n\nlabel: {{en-US: x}}\n\
         parameters: [{{name: n, type: number, label: {{en-US: x}}}}]\n\
         nodes:\n- {{id: a, label: {{en-US: x}}, assignees: [initiator], {members}}}"
    ))
}

#[test]
fn expressions_are_tried_before_a_flow_is_applied() {
    let good = [
        "params.n > 3",
        "initiator.department == 'x'",
        "'r' in initiator.roles",
        "true",
        "params.n / 0.0 > 1.0",
        "1 / 0 == 1",
        "params.n == 1",
    ];
    for text in good {
        assert_eq!(with_node(&format!("when: \"{text}\"")), [""; 0], "{text}");
    }
    let bad = [
        "params.n >",
        "amount > 3",
        "params.n",
        "params.m > 1",
        "params.n > 'x'",
        "nothing(1)",
        "params.n ? 1 : 2",
        "initiator.age > 3",
        ")))",
        "\\u0000",
        "'",
        "a.b.c.d(",
    ];
    for text in bad {
        let told = with_node(&format!("when: \"{text}\""));
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].starts_with("6:"), "{told:?}");
    }
    let deep = "(".repeat(1_001);
    assert!(with_node(&format!("when: \"{deep}\""))[0].contains("at most 1000"));
    // As deep as can be within the limit: refused, not a fall off the stack.
    assert_eq!(with_node(&format!("when: \"{}\"", "(".repeat(1_000))).len(), 1);
    let nested = format!("{}true{}", "(".repeat(498), ")".repeat(498));
    with_node(&format!("when: \"{nested}\""));
}

#[test]
fn durations_are_those_of_fixed_length() {
    for good in ["P1D", "PT4H", "P1W", "P1DT12H30M", "PT1S"] {
        assert_eq!(with_node(&format!("due: {{after: {good}}}")), [""; 0], "{good}");
    }
    for bad in ["P1M", "P1Y", "1 day", "PT0S", "-P1D", "P", "''", "P1", "PT9999999999999999H"] {
        assert_eq!(with_node(&format!("due: {{after: {bad}}}")).len(), 1, "{bad}");
    }
    assert_eq!(with_node("due: {after: P2D, remind: [P1D, PT1H]}").len(), 1);
}

#[test]
fn a_rejection_leads_to_an_earlier_node_of_its_own_way_only() {
    let node = |id: &str, more: &str| {
        format!("{{id: {id}, label: {{en-US: x}}, assignees: [initiator]{more}}}")
    };
    let check_target = |target: &str| {
        let (a, b) = (node("a", ""), node("b", ""));
        let (c, d) = (node("c", &format!(", on_reject: {target}")), node("d", ""));
        faults(&format!(
            "{{api_id: a, namespace: n, label: {{en-US: x}}, nodes: [{a}, {{id: p, \
             label: {{en-US: x}}, parallel: [{{id: l, nodes: [{b}]}}, {{id: r, nodes: [{c}]}}]}}, \
             {d}]}}"
        ))
    };
    assert_eq!(check_target("a"), [""; 0]);
    for target in ["b", "c", "d", "p", "l"] {
        let told = check_target(target);
        assert!(told[0].ends_with("here can be end, start, previous, a"), "{told:?}");
    }
}

/// Everything that a schema cannot say.
const BEYOND: [&str; 7] = [
    "is given twice",
    "`: ",
    "is no earlier node",
    "write a duration",
    "must be later",
    "there is no parameter",
    "names nobody",
];

/// Every change of one place of `json`: left out, misspelt, and as something else.
fn changes(json: &Json) -> Vec<Json> {
    let others = [
        json!(12345),
        json!("other"),
        json!(""),
        json!([]),
        json!({}),
        json!(null),
        json!(true),
        json!({"zz": 1}),
        json!("x".repeat(9_000)),
    ];
    let mut all: Vec<Json> = others.to_vec();
    match json {
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                for change in changes(item) {
                    let mut copy = items.clone();
                    copy[index] = change;
                    all.push(Json::Array(copy));
                }
            }
        }
        Json::Object(members) => {
            for (name, value) in members {
                let mut without = members.clone();
                without.remove(name);
                all.push(Json::Object(without.clone()));
                without.insert(format!("{name}x"), value.clone());
                all.push(Json::Object(without));
                for change in changes(value) {
                    let mut copy = members.clone();
                    copy.insert(name.clone(), change);
                    all.push(Json::Object(copy));
                }
            }
        }
        _ => {}
    }
    all
}

#[test]
fn the_schema_and_the_reader_refuse_the_same() {
    // Small, with every member once, so that each can be changed in every way.
    let whole = json(
        "{$schema: x, api_id: a, namespace: n, language: en-US, may_start: 'true', \
         label: {en-US: x}, \
         parameters: [{name: c, type: choice, options: [o], required: true, label: {2052: x}}, \
                      {name: d, type: department, label: {2052: x}}], \
         summary: [{label: {en-US: x}, value: params.d}, \
                   {label: {en-US: x}, value: {en-US: params.d}}], \
         nodes: [{id: n, label: {en-US: x}, when: 'true', logic: all, on_reject: end, \
                  assignees: [initiator, {person: x}, {leader: 2}, {department_leader: d}, \
                              {role: r}, {parameter: d}, {expression: '[]'}], \
                  cc: [initiator], nobody: [initiator], allow: [cc], \
                  due: {after: P1D, remind: [PT1H], then: agree}}, \
                 {id: m, label: {en-US: x}, assignees: [initiator], nobody: pass}, \
                 {id: p, label: {en-US: x}, when: 'true', parallel: \
                  [{id: b, when: 'true', nodes: [{id: k, label: {en-US: x}, assignees: [initiator]}]}]}]}",
    );
    assert_eq!(faults(&whole.to_string()), [""; 0]);
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&whole));
    let changed = changes(&whole);
    assert!(changed.len() > 900, "{}", changed.len());
    for json in changed {
        let told = faults(&json.to_string());
        let beyond = |fault: &String| BEYOND.iter().any(|known| fault.contains(known));
        if validator.is_valid(&json) {
            assert!(told.iter().all(beyond), "the schema takes it: {told:?}\n{json}");
        } else {
            assert!(!told.is_empty(), "the reader takes it: {json}");
        }
    }
}

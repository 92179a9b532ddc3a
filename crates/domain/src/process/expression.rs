//! CEL over the values of an instance: conditions, computed people, texts of summaries.
//!
//! The one place that knows the CEL library. An expression sees `params`, with a member for every
//! parameter (null where nothing was given), and `initiator`. A person is a map of `id`,
//! `user_id`, `department` and `roles`.

use std::collections::HashMap;

use cel::objects::Key;
use cel::{Context, ExecutionError, Program};

use super::definition::{Expression, Parameter};
use super::directory::{Directory, Profile};
use super::values::{Kind, Value, Values};
use crate::ids::PersonId;

/// What an expression is computed over.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// What may be given.
    pub parameters: &'a [Parameter],
    /// What was given.
    pub values: &'a Values,
    /// Who started the instance.
    pub initiator: PersonId,
}

/// What an expression must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// True or false.
    Truth,
    /// A list of people.
    People,
    /// Something that can be shown.
    Text,
}

/// Whether a condition holds.
pub fn holds(
    condition: &Expression,
    scope: &Scope<'_>,
    directory: &dyn Directory,
) -> Result<bool, String> {
    match compute(condition, scope, directory)? {
        cel::Value::Bool(holds) => Ok(holds),
        other => Err(format!("it says {}, but must say true or false", other.type_of())),
    }
}

/// The people that an expression lists.
pub fn people(
    text: &Expression,
    scope: &Scope<'_>,
    directory: &dyn Directory,
) -> Result<Vec<PersonId>, String> {
    let value = compute(text, scope, directory)?;
    let single = std::slice::from_ref(&value);
    let items = if let cel::Value::List(items) = &value { &items[..] } else { single };
    let mut people = Vec::new();
    for item in items {
        people.extend(person(item, directory)?);
    }
    Ok(people)
}

/// What an expression shows.
pub fn text(
    text: &Expression,
    scope: &Scope<'_>,
    directory: &dyn Directory,
) -> Result<String, String> {
    let value = compute(text, scope, directory)?;
    shown(&value).ok_or_else(|| format!("{} cannot be shown as text", value.type_of()))
}

/// What is wrong with an expression, as far as that can be told before it runs: its syntax, the
/// names it uses, and what it says of sample values.
pub fn fault(text: &Expression, says: Says, parameters: &[Parameter]) -> Option<String> {
    let program = match compile(text) {
        Ok(program) => program,
        Err(reason) => return Some(reason),
    };
    let references = program.references();
    let mut unknown = references.variables();
    unknown.retain(|name| !matches!(*name, "params" | "initiator"));
    unknown.sort_unstable();
    if let Some(name) = unknown.first() {
        return Some(format!("`{name}` is unknown; there are `params` and `initiator`"));
    }
    let sample = sample(parameters);
    let scope = Scope { parameters, values: &sample, initiator: PersonId(1) };
    let outcome = match says {
        Says::Truth => holds(text, &scope, &Nobody).map(drop),
        Says::People => people(text, &scope, &Nobody).map(drop),
        Says::Text => self::text(text, &scope, &Nobody).map(drop),
    };
    outcome.err().filter(|reason| reason != DEPENDS)
}

/// What [`compute`] says of failures that other values might not have.
const DEPENDS: &str = "it cannot be computed for these values";

fn compile(text: &Expression) -> Result<Program, String> {
    Program::compile(&text.0).map_err(|errors| {
        let told: Vec<_> = errors
            .errors
            .iter()
            .map(|e| format!("{} (at {}:{})", e.msg, e.pos.0, e.pos.1))
            .collect();
        told.join("; ")
    })
}

// Compiled anew each time: a node opens once, and a compiled form would have to be kept with every
// version of every definition.
fn compute(
    text: &Expression,
    scope: &Scope<'_>,
    directory: &dyn Directory,
) -> Result<cel::Value, String> {
    let program = compile(text)?;
    let mut context = Context::default();
    let params: HashMap<String, cel::Value> = scope
        .parameters
        .iter()
        .map(|parameter| {
            let value = scope.values.get(&parameter.name);
            let value = value.map_or(cel::Value::Null, |value| to_cel(value, directory));
            (parameter.name.clone(), value)
        })
        .collect();
    context.add_variable_from_value("params", params);
    context.add_variable_from_value("initiator", person_map(scope.initiator, directory));
    program.execute(&context).map_err(|error| match error {
        ExecutionError::DivisionByZero(_)
        | ExecutionError::RemainderByZero(_)
        | ExecutionError::Overflow(..)
        | ExecutionError::IndexOutOfBounds(_)
        | ExecutionError::FunctionError { .. } => DEPENDS.to_owned(),
        ExecutionError::NoSuchKey(key) => format!("there is no `{key}`"),
        other => other.to_string(),
    })
}

fn to_cel(value: &Value, directory: &dyn Directory) -> cel::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(number) => cel::Value::Int(*number),
        Value::Number(number) => cel::Value::Float(*number),
        Value::Boolean(truth) => cel::Value::Bool(*truth),
        Value::Person(person) => person_map(*person, directory),
        Value::People(people) => {
            people.iter().map(|person| person_map(*person, directory)).collect::<Vec<_>>().into()
        }
    }
}

fn person_map(person: PersonId, directory: &dyn Directory) -> cel::Value {
    let profile = directory.profile(person).unwrap_or_default();
    let members: HashMap<&str, cel::Value> = HashMap::from([
        ("id", cel::Value::Int(person.get())),
        ("user_id", profile.user_id.into()),
        ("department", profile.department.into()),
        ("roles", profile.roles.into()),
    ]);
    members.into()
}

fn person(item: &cel::Value, directory: &dyn Directory) -> Result<Option<PersonId>, String> {
    match item {
        // An absent parameter is nobody.
        cel::Value::Null => Ok(None),
        cel::Value::String(user_id) => Ok(directory.person(user_id)),
        cel::Value::Map(map) => match map.get(&Key::from("id")) {
            Some(cel::Value::Int(id)) => Ok(Some(PersonId(*id))),
            _ => Err("a map that is no person".to_owned()),
        },
        other => Err(format!("{} is no person and no user id", other.type_of())),
    }
}

fn shown(value: &cel::Value) -> Option<String> {
    match value {
        cel::Value::Null => Some(String::new()),
        cel::Value::String(text) => Some(text.to_string()),
        cel::Value::Int(number) => Some(number.to_string()),
        cel::Value::UInt(number) => Some(number.to_string()),
        cel::Value::Float(number) => Some(number.to_string()),
        cel::Value::Bool(truth) => Some(truth.to_string()),
        cel::Value::Map(map) => match map.get(&Key::from("user_id")) {
            Some(cel::Value::String(user_id)) => Some(user_id.to_string()),
            _ => None,
        },
        cel::Value::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(shown).collect();
            items.map(|items| items.join(", "))
        }
        _ => None,
    }
}

/// One value of each kind, every parameter given.
fn sample(parameters: &[Parameter]) -> Values {
    let value = |kind: &Kind| match kind {
        Kind::Text | Kind::Department => Value::Text("text".to_owned()),
        Kind::Integer => Value::Integer(1),
        Kind::Number => Value::Number(1.5),
        Kind::Boolean => Value::Boolean(true),
        Kind::Date => Value::Text("2026-01-31".to_owned()),
        Kind::Choice(options) => Value::Text(options.first().cloned().unwrap_or_default()),
        Kind::Person => Value::Person(PersonId(1)),
        Kind::People => Value::People(vec![PersonId(1)]),
    };
    parameters.iter().map(|p| (p.name.clone(), value(&p.kind))).collect()
}

/// A company of nobody, for trying expressions out: what an expression says of people is of the same
/// kind whether they are known or not.
struct Nobody;

impl Directory for Nobody {
    fn person(&self, _: &str) -> Option<PersonId> {
        None
    }
    fn profile(&self, _: PersonId) -> Option<Profile> {
        None
    }
    fn department_leader(&self, _: &str) -> Option<PersonId> {
        None
    }
    fn role(&self, _: &str) -> Vec<PersonId> {
        vec![]
    }
    fn substitutes(&self, _: PersonId, _: crate::time::Millis) -> Vec<PersonId> {
        vec![]
    }
}

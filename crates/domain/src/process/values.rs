//! The values that an instance is started with: kinds, values, and which value fits which kind.
//!
//! Knows no notation: whoever reads a caller's text makes values of it, and resolves people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::definition::Parameter;
use crate::ids::PersonId;
use crate::limits;

/// Which values a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day of the calendar, as `2026-01-31`.
    Date,
    /// One of these texts.
    Choice(Vec<String>),
    /// One person.
    Person,
    /// Several people, in order.
    People,
    /// The id of a department.
    Department,
}

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Of a text, a date, a choice or a department.
    Text(String),
    /// Of an integer.
    Integer(i64),
    /// Of a number; finite.
    Number(f64),
    /// Of a boolean.
    Boolean(bool),
    /// Of a person.
    Person(PersonId),
    /// Of people.
    People(Vec<PersonId>),
}

/// The values of one instance, by name of the parameter. Absent and empty ones are left out.
pub type Values = BTreeMap<String, Value>;

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("parameter `{name}`: {reason}")]
pub struct ValueFault {
    /// Which parameter.
    pub name: String,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

impl Kind {
    /// The word for it in flow files.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Choice(_) => "choice",
            Self::Person => "person",
            Self::People => "people",
            Self::Department => "department",
        }
    }

    /// What is wrong with `value` as one of this kind.
    pub fn fault(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Text | Self::Department, Value::Text(text)) => {
                let long = text.chars().count() > limits::TEXT_CHARS;
                long.then(|| format!("at most {} characters are allowed", limits::TEXT_CHARS))
            }
            (Self::Integer, Value::Integer(_))
            | (Self::Boolean, Value::Boolean(_))
            | (Self::Person, Value::Person(_)) => None,
            (Self::Number, Value::Number(number)) => {
                (!number.is_finite()).then(|| "the number must be finite".to_owned())
            }
            (Self::Date, Value::Text(text)) => text
                .parse::<jiff::civil::Date>()
                .is_err()
                .then(|| format!("`{text}` is no day of the calendar; write it as 2026-01-31")),
            (Self::Choice(options), Value::Text(text)) => (!options.contains(text))
                .then(|| format!("`{text}` is none of {}", options.join(", "))),
            (Self::People, Value::People(people)) => (people.len() > limits::ASSIGNEES)
                .then(|| format!("at most {} people are allowed", limits::ASSIGNEES)),
            _ => Some(format!("the value must be of type {}", self.word())),
        }
    }
}

/// Every fault of `values` for these parameters: unknown, missing, of the wrong kind.
pub fn faults(parameters: &[Parameter], values: &Values) -> Vec<ValueFault> {
    let fault = |name: &str, reason: String| ValueFault { name: name.to_owned(), reason };
    let mut faults: Vec<_> = values
        .keys()
        .filter(|name| parameters.iter().all(|parameter| parameter.name != **name))
        .map(|name| fault(name, "the flow has no such parameter".to_owned()))
        .collect();
    for parameter in parameters {
        match values.get(&parameter.name) {
            None if parameter.required => {
                faults.push(fault(&parameter.name, "it is required".to_owned()));
            }
            None => {}
            Some(value) => {
                faults.extend(parameter.kind.fault(value).map(|why| fault(&parameter.name, why)));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, kind: Kind, required: bool) -> Parameter {
        Parameter { name: name.to_owned(), label: Vec::new(), kind, required }
    }

    #[test]
    fn every_fault_is_told_with_its_name() {
        let parameters = [
            parameter("from", Kind::Date, true),
            parameter("kind", Kind::Choice(vec!["annual".to_owned(), "sick".to_owned()]), true),
            parameter("days", Kind::Number, true),
            parameter("note", Kind::Text, false),
        ];
        let values = Values::from([
            ("from".to_owned(), Value::Text("2026-02-30".to_owned())),
            ("kind".to_owned(), Value::Text("other".to_owned())),
            ("hours".to_owned(), Value::Integer(1)),
            ("note".to_owned(), Value::Boolean(true)),
        ]);
        let told: Vec<_> = faults(&parameters, &values).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "parameter `hours`: the flow has no such parameter",
                "parameter `from`: `2026-02-30` is no day of the calendar; write it as 2026-01-31",
                "parameter `kind`: `other` is none of annual, sick",
                "parameter `days`: it is required",
                "parameter `note`: the value must be of type text",
            ]
        );
    }

    #[test]
    fn values_of_each_kind_are_taken() {
        let good = [
            (Kind::Text, Value::Text("x".to_owned())),
            (Kind::Integer, Value::Integer(-1)),
            (Kind::Number, Value::Number(0.5)),
            (Kind::Boolean, Value::Boolean(false)),
            (Kind::Date, Value::Text("2028-02-29".to_owned())),
            (Kind::Choice(vec!["a".to_owned()]), Value::Text("a".to_owned())),
            (Kind::Person, Value::Person(PersonId(1))),
            (Kind::People, Value::People(vec![PersonId(1)])),
            (Kind::Department, Value::Text("sales".to_owned())),
        ];
        for (kind, value) in &good {
            assert_eq!(kind.fault(value), None, "{kind:?}");
            for (other, _) in good.iter().filter(|(other, _)| other.word() != kind.word()) {
                let text = matches!(value, Value::Text(_));
                let both_texts = text && matches!(other, Kind::Text | Kind::Department);
                assert!(both_texts || other.fault(value).is_some(), "{other:?} takes {value:?}");
            }
        }
        assert!(Kind::Number.fault(&Value::Number(f64::NAN)).is_some());
    }
}

//! Members of bodies and answers, described once for both directions: what a request may say is
//! wider (absent, null, empty, numbers as text) than what an answer says.
//!
//! Knows the shapes that `fields.rs` reads and nothing of any endpoint.

use serde_json::{Map, Value, json};

use crate::names::Words;

/// What a member holds.
pub(crate) enum Kind {
    /// Text of at most so many characters; `usize::MAX` where nothing says how many.
    Text(usize),
    /// The same, but it may be empty even where it is needed.
    AnyText(usize),
    /// Text of at most so many characters, which a request may also write as a number.
    IdOrNumber(usize),
    /// One of these words; in a request an empty one is the same as none.
    Words(Vec<&'static str>),
    /// One of these words, where even a request may not be empty.
    StrictWords(Vec<&'static str>),
    /// A time, or another integer that may need 64 bits: text when answered.
    Int {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A JSON number.
    Number {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    Flag,
    Object(Vec<Member>),
    List {
        of: Box<Kind>,
        min: usize,
        max: usize,
    },
}

/// Any time.
pub(crate) const TIME: Kind = Kind::Int { min: 0, max: i64::MAX };
/// Any number of things.
pub(crate) const COUNT: Kind = Kind::Number { min: 0, max: i64::MAX };

/// The words of a table.
pub(crate) fn words<T>(words: Words<T>) -> Kind {
    Kind::Words(words.iter().map(|(word, _)| *word).collect())
}

/// A list without a lower bound.
pub(crate) fn list(of: Kind, max: usize) -> Kind {
    Kind::List { of: Box::new(of), min: 0, max }
}

/// A list in an answer, which is as long as it is.
pub(crate) fn all(of: Kind) -> Kind {
    list(of, usize::MAX)
}

/// A member of an object.
pub(crate) struct Member {
    name: &'static str,
    kind: Kind,
    needed: bool,
    /// An answer may say null.
    null: bool,
    about: &'static str,
}

/// A member that must be there; in an answer, one that always is.
pub(crate) fn needed(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, needed: true, null: false, about: "" }
}

/// A member that may be left out.
pub(crate) fn maybe(name: &'static str, kind: Kind) -> Member {
    Member { needed: false, ..needed(name, kind) }
}

impl Member {
    /// With what it means.
    pub(crate) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Null also in answers.
    pub(crate) fn or_null(mut self) -> Self {
        self.null = true;
        self
    }

    fn described(&self, mut schema: Value) -> Value {
        if !self.about.is_empty() {
            schema["description"] = self.about.into();
        }
        schema
    }

    fn asked(&self) -> Value {
        let mut schema = self.kind.asked(self.needed);
        if !self.needed {
            or_null(&mut schema);
        }
        self.described(schema)
    }

    fn answered(&self) -> Value {
        let mut schema = self.kind.answered();
        if self.null {
            or_null(&mut schema);
        }
        self.described(schema)
    }

    /// As a parameter of the query, where nothing is null and everything is text.
    pub(super) fn in_query(&self) -> Value {
        let schema = self.kind.asked(self.needed);
        let many = schema["type"] == "array";
        let mut parameter = json!({"name": self.name, "in": "query", "schema": schema});
        if many {
            parameter["explode"] = true.into();
        }
        self.described(parameter)
    }
}

/// Lets a schema be null.
fn or_null(schema: &mut Value) {
    if let Some(choices) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.push(json!({"type": "null"}));
        return;
    }
    schema["type"] = json!([schema["type"], "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

impl Kind {
    fn asked(&self, needed: bool) -> Value {
        match self {
            Self::Text(max) | Self::AnyText(max) => {
                let mut schema = json!({"type": "string"});
                if needed && matches!(self, Self::Text(_)) {
                    schema["minLength"] = 1.into();
                }
                if *max < usize::MAX {
                    schema["maxLength"] = (*max).into();
                }
                schema
            }
            Self::IdOrNumber(max) => json!({"anyOf": [
                {"type": "string", "maxLength": max},
                {"type": "integer", "minimum": 0},
            ]}),
            Self::Words(words) if !needed => {
                let empty = words.iter().chain(&[""]);
                json!({"type": "string", "enum": empty.collect::<Vec<_>>()})
            }
            Self::Words(words) | Self::StrictWords(words) => {
                json!({"type": "string", "enum": words})
            }
            Self::Int { min, max } => {
                let digits = if needed { "^[0-9]+$" } else { "^[0-9]*$" };
                json!({"anyOf": [
                    {"type": "string", "pattern": digits},
                    {"type": "integer", "minimum": min, "maximum": max},
                ]})
            }
            Self::Number { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Object(members) => object(members, Member::asked),
            Self::List { of, min, max } => {
                let mut schema = json!({"type": "array", "items": of.asked(false)});
                if *min > 0 {
                    schema["minItems"] = (*min).into();
                }
                if *max < usize::MAX {
                    schema["maxItems"] = (*max).into();
                }
                schema
            }
        }
    }

    fn answered(&self) -> Value {
        match self {
            Self::Text(_) | Self::AnyText(_) | Self::IdOrNumber(_) => json!({"type": "string"}),
            Self::Words(words) | Self::StrictWords(words) => {
                json!({"type": "string", "enum": words})
            }
            Self::Int { .. } => json!({"type": "string", "pattern": "^[0-9]+$"}),
            Self::Number { .. } => json!({"type": "integer"}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Object(members) => object(members, Member::answered),
            Self::List { of, .. } => json!({"type": "array", "items": of.answered()}),
        }
    }
}

fn object(members: &[Member], schema: fn(&Member) -> Value) -> Value {
    let properties: Map<_, _> =
        members.iter().map(|member| (member.name.to_owned(), schema(member))).collect();
    let needed: Vec<_> = members.iter().filter(|m| m.needed).map(|m| m.name).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !needed.is_empty() {
        object["required"] = json!(needed);
    }
    object
}

/// What a request may say.
pub(super) fn asked(members: &[Member]) -> Value {
    object(members, Member::asked)
}

/// What an answer says.
pub(super) fn answered(members: &[Member]) -> Value {
    object(members, Member::answered)
}

/// Whether a request must say anything.
pub(super) fn any_needed(members: &[Member]) -> bool {
    members.iter().any(|member| member.needed)
}

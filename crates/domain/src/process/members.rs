//! Reading members of a tree: each reader notes what is wrong and goes on with a stand-in, so that
//! one reading tells every fault.
//!
//! Knows forms (texts, durations, expressions), not which member a flow has.

use jiff::{Span, SpanRelativeTo};

use super::definition::{Expression, Parameter};
use super::expression::{self, Says};
use super::source::{Fault, Spot, Tree, TreeKind};
use crate::flow::LangText;
use crate::limits;

/// Names of languages and the codes that the wire has for them; any code stands for itself.
const LANGUAGES: [(&str, &str); 3] = [("zh-CN", "2052"), ("en-US", "1033"), ("ja-JP", "1041")];

/// A tree with its path.
#[derive(Clone, Debug)]
pub(super) struct At<'t> {
    pub(super) tree: &'t Tree,
    pub(super) path: String,
}

/// A map whose keys are known ones.
#[derive(Debug)]
pub(super) struct Object<'t> {
    at: At<'t>,
}

impl At<'_> {
    fn member(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl<'t> Object<'t> {
    /// A member, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<At<'t>> {
        let TreeKind::Map(entries) = &self.at.tree.kind else { return None };
        let (_, tree) = entries.iter().find(|(key, _)| key.name == name)?;
        Some(At { tree, path: self.at.member(name) })
    }

    /// The only member, for maps that say one thing.
    pub(super) fn only(&self) -> Option<(&'t str, At<'t>)> {
        match &self.at.tree.kind {
            TreeKind::Map(entries) => match &entries[..] {
                [(key, tree)] => Some((&key.name, At { tree, path: self.at.member(&key.name) })),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Notes faults.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    pub(super) fn note(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.note_at(at.tree.spot, &at.path, message);
    }

    pub(super) fn note_at(&mut self, spot: Spot, path: &str, message: impl Into<String>) {
        self.0.push(Fault { spot, path: path.to_owned(), message: message.into() });
    }

    /// A map with these members only.
    pub(super) fn object<'t>(&mut self, at: At<'t>, known: &[&str]) -> Option<Object<'t>> {
        let TreeKind::Map(entries) = &at.tree.kind else {
            self.note(&at, format!("{} is given, a map is needed", at.tree.word()));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&&*key.name)) {
            let message = format!("there is no such member; there are {}", known.join(", "));
            self.note_at(key.spot, &at.member(&key.name), message);
        }
        Some(Object { at })
    }

    /// A member that must be there.
    pub(super) fn need<'t>(&mut self, object: &Object<'t>, name: &str) -> Option<At<'t>> {
        let member = object.get(name);
        if member.is_none() {
            self.note(&object.at, format!("`{name}` is missing"));
        }
        member
    }

    /// The items of a list.
    pub(super) fn items<'t>(&mut self, at: &At<'t>) -> Vec<At<'t>> {
        let TreeKind::List(items) = &at.tree.kind else {
            self.note(at, format!("{} is given, a list is needed", at.tree.word()));
            return Vec::new();
        };
        let item = |(index, tree)| At { tree, path: format!("{}[{index}]", at.path) };
        items.iter().enumerate().map(item).collect()
    }

    /// The items of a list that must have some.
    pub(super) fn some_items<'t>(&mut self, at: &At<'t>) -> Vec<At<'t>> {
        let items = self.items(at);
        if items.is_empty() && matches!(at.tree.kind, TreeKind::List(_)) {
            self.note(at, "the list is empty");
        }
        items
    }

    /// Text that is not empty.
    pub(super) fn text(&mut self, at: &At<'_>) -> String {
        match &at.tree.kind {
            TreeKind::Text(text) if text.is_empty() => self.note(at, "the text is empty"),
            TreeKind::Text(text) if text.chars().count() > limits::TEXT_CHARS => {
                self.note(at, format!("at most {} characters are taken", limits::TEXT_CHARS));
            }
            TreeKind::Text(text) => return text.clone(),
            _ => self.note(at, format!("{} is given, text is needed", at.tree.word())),
        }
        String::new()
    }

    /// A name by which things are referred to.
    pub(super) fn name(&mut self, at: &At<'_>) -> String {
        let name = self.text(at);
        let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let long = name.chars().count() > limits::ID_CHARS;
        if !name.is_empty() && (!fits || !starts || long) {
            let message = "a name starts with a letter and has letters, digits and _ only, 256 \
                           characters at most";
            self.note(at, message);
        }
        name
    }

    /// One of several words.
    pub(super) fn word<T: Clone>(&mut self, at: &At<'_>, words: &[(&str, T)]) -> Option<T> {
        let known = match &at.tree.kind {
            TreeKind::Text(text) => words.iter().find(|(word, _)| word == text),
            _ => None,
        };
        if known.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.note(at, format!("it must be one of {}", words.join(", ")));
        }
        known.map(|(_, value)| value.clone())
    }

    /// True or false.
    pub(super) fn truth(&mut self, at: &At<'_>) -> bool {
        if let TreeKind::Boolean(truth) = at.tree.kind {
            return truth;
        }
        self.note(at, format!("{} is given, true or false is needed", at.tree.word()));
        false
    }

    /// Texts per language, by code.
    pub(super) fn texts(&mut self, at: &At<'_>) -> Vec<LangText> {
        self.per_language(at).into_iter().map(|(code, at)| (code, self.text(&at))).collect()
    }

    /// Members per language, by code.
    pub(super) fn per_language<'t>(&mut self, at: &At<'t>) -> Vec<(String, At<'t>)> {
        let TreeKind::Map(entries) = &at.tree.kind else {
            self.note(at, format!("{} is given, a map of languages is needed", at.tree.word()));
            return Vec::new();
        };
        if entries.is_empty() {
            self.note(at, "at least one language is needed");
        }
        let mut found: Vec<(String, At<'t>)> = Vec::new();
        for (key, tree) in entries {
            let path = at.member(&key.name);
            match language(&key.name) {
                Some(code) if found.iter().any(|(known, _)| *known == code) => {
                    self.note_at(key.spot, &path, "this language is given twice");
                }
                Some(code) => found.push((code, At { tree, path })),
                None => self.note_at(key.spot, &path, NO_LANGUAGE),
            }
        }
        found
    }

    /// One language.
    pub(super) fn language(&mut self, at: &At<'_>) -> String {
        let name = match &at.tree.kind {
            TreeKind::Text(name) => language(name),
            _ => None,
        };
        name.unwrap_or_else(|| {
            self.note(at, NO_LANGUAGE);
            String::new()
        })
    }

    /// A length of time in milliseconds, written as ISO 8601 has it, more than nothing.
    pub(super) fn duration(&mut self, at: &At<'_>) -> i64 {
        let text = self.text(at);
        if text.is_empty() {
            return 1;
        }
        // Months and years have no fixed length, so they are refused with the rest.
        let length = text.strip_prefix('P').and_then(|_| {
            let span = text.parse::<Span>().ok()?;
            let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
            i64::try_from(length.as_millis()).ok().filter(|ms| *ms > 0)
        });
        length.unwrap_or_else(|| {
            self.note(
                at,
                "write a duration in weeks, days, hours, minutes and seconds, as P2D or PT4H",
            );
            1
        })
    }

    /// A CEL expression.
    pub(super) fn expression(
        &mut self,
        at: &At<'_>,
        says: Says,
        parameters: &[Parameter],
    ) -> Expression {
        let expression = Expression(self.text(at));
        if expression.0.chars().count() > limits::EXPRESSION_CHARS {
            self.note(at, format!("at most {} characters are taken", limits::EXPRESSION_CHARS));
        } else if !expression.0.is_empty()
            && let Some(reason) = expression::fault(&expression, says, parameters)
        {
            self.note(at, format!("`{}`: {reason}", expression.0));
        }
        expression
    }
}

const NO_LANGUAGE: &str = "a language is zh-CN, en-US, ja-JP or a decimal code such as 2052";

fn language(name: &str) -> Option<String> {
    let known = LANGUAGES.iter().find(|(tag, _)| *tag == name).map(|(_, code)| *code);
    let code = name.len() <= 8 && !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    known.or(code.then_some(name)).map(str::to_owned)
}

//! Reading members of a JSON object, collecting every fault on the way.
//!
//! Two kinds are told apart: a member of a JSON type that its page does not allow, and a value that
//! is of the right type but not allowed. A reader never stops at the first: it goes on with a
//! stand-in, and `finish` tells all.

use std::cell::RefCell;

use domain::Millis;
use domain::instance::Given;
use domain::limits::TEXT_CHARS;
use serde_json::{Map, Value};

use crate::fault::{Code, Fault, Violation};

/// Everything wrong with one request.
#[derive(Default)]
pub(crate) struct Faults {
    types: RefCell<Vec<Violation>>,
    values: RefCell<Vec<Violation>>,
}

/// How much of a bad value is sent back.
const VALUE_CHARS: usize = 100;

impl Faults {
    fn push(list: &RefCell<Vec<Violation>>, violation: Violation) {
        let mut list = list.borrow_mut();
        // Entries of one array share a path: the first of them speaks for all, so that the list is
        // as short as the page and no member hides another.
        if list.iter().all(|known| known.field != violation.field) {
            list.push(violation);
        }
    }

    /// Notes a bad value that no reader found.
    pub(crate) fn value(&self, violation: Violation) {
        Self::push(&self.values, violation);
    }

    /// Whether anything was noted.
    pub(crate) fn any(&self) -> bool {
        !self.types.borrow().is_empty() || !self.values.borrow().is_empty()
    }

    /// Refuses the request if anything was noted: wrong types first, else values under `code`.
    pub(crate) fn finish(self, code: Code) -> Result<(), Fault> {
        let types = self.types.into_inner();
        if let Some(first) = types.first() {
            let leaf = first.field.rsplit('.').next().unwrap_or_default().replace("[*]", "");
            let msg = format!("Invalid parameter type in json: {leaf}");
            return Err(Fault::new(Code::JsonType).msg(msg).violations(types));
        }
        match self.values.into_inner() {
            values if values.is_empty() => Ok(()),
            values => Err(Fault::new(code).violations(values)),
        }
    }
}

/// The object in a request's body. Absent, empty and `null` bodies are empty objects.
pub(crate) fn body(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let fault = |description: String| {
        Fault::new(Code::JsonType)
            .msg("Invalid parameter type in json: body")
            .violation(Violation::new("body", description))
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => Err(fault(format!("must be a JSON object, not {}", kind(&other)))),
        Err(error) => Err(fault(format!("is not valid JSON: {error}"))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The bounds of every text, wherever it comes from.
pub(crate) fn check_text(faults: &Faults, path: &str, text: &str, max: usize) {
    // A character is at least a byte, so most texts need no count.
    if text.len() > max && text.chars().count() > max {
        let violation = Violation::new(path, format!("the max len is {max}"));
        faults.value(violation.with_value(shortened(text)));
    }
    if text.contains('\0') {
        faults.value(Violation::new(path, "must not contain the character U+0000"));
    }
}

/// As much of a bad value as is sent back.
pub(crate) fn shortened(value: &str) -> String {
    value.chars().take(VALUE_CHARS).collect()
}

/// An object inside a request, and the path that leads to it.
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
    path: String,
    faults: &'a Faults,
}

impl<'a> Object<'a> {
    pub(crate) fn new(members: &'a Map<String, Value>, faults: &'a Faults) -> Self {
        Self { members, path: String::new(), faults }
    }

    /// The full path of a member.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes that a member is needed.
    pub(crate) fn required(&self, name: &str) {
        let path = self.path(name);
        let description = format!("{path} is required");
        self.faults.value(Violation::new(path, description));
    }

    /// Notes that a value is not allowed.
    pub(crate) fn refuse(&self, name: &str, value: &str, description: impl Into<String>) {
        let violation = Violation::new(self.path(name), description);
        self.faults.value(violation.with_value(shortened(value)));
    }

    fn wrong_type(&self, name: &str, value: &Value, wanted: &str) {
        let description = format!("must be {wanted}, not {}", kind(value));
        let violation = Violation::new(self.path(name), description);
        Faults::push(&self.faults.types, violation);
    }

    /// A member that is there; `null` is the same as absent.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn string(&self, name: &str) -> Option<&'a str> {
        let value = self.get(name)?;
        if !value.is_string() {
            self.wrong_type(name, value, "a string");
        }
        value.as_str()
    }

    /// Text of at most `max` characters.
    pub(crate) fn text_up_to(&self, name: &str, max: usize) -> Option<String> {
        let text = self.string(name)?;
        self.check_text(name, text, max);
        Some(text.to_owned())
    }

    fn check_text(&self, name: &str, text: &str, max: usize) {
        check_text(self.faults, &self.path(name), text, max);
    }

    /// Text of the usual length.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.text_up_to(name, TEXT_CHARS)
    }

    /// Text that must be there and not be empty.
    pub(crate) fn required_text(&self, name: &str, max: usize) -> String {
        let text = self.text_up_to(name, max);
        if self.get(name).is_none() || text.as_deref() == Some("") {
            self.required(name);
        }
        text.unwrap_or_default()
    }

    /// An integer, as a number or as a string of digits.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        // Empty is the same as absent.
        let value = self.get(name).filter(|value| value.as_str() != Some(""))?;
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            Value::String(_) => None,
            other => {
                self.wrong_type(name, other, "a string of digits or a number");
                return None;
            }
        };
        let number = number.filter(|n| *n >= 0);
        if number.is_none() {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.refuse(name, &shown, "must be a whole number from 0 to 9223372036854775807");
        }
        number
    }

    /// A time that must be there.
    pub(crate) fn required_time(&self, name: &str) -> Millis {
        if self.get(name).is_none_or(|value| value.as_str() == Some("")) {
            self.required(name);
            return Millis(0);
        }
        Millis(self.int(name).unwrap_or_default())
    }

    /// A boolean.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        if !value.is_boolean() {
            self.wrong_type(name, value, "a boolean");
        }
        value.as_bool()
    }

    /// One of a set of words. Empty is the same as absent.
    pub(crate) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        // No bounds of texts: the words are bound enough.
        let text = self.string(name).filter(|text| !text.is_empty())?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let options: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(name, text, format!("options: [{}]", options.join(",")));
        }
        found
    }

    /// One of a set of words, where empty clears what is stored.
    pub(crate) fn given<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Given<T> {
        match self.get(name) {
            None => Given::Absent,
            Some(value) if value.as_str() == Some("") => Given::Cleared,
            Some(_) => self.choice(name, words).map_or(Given::Absent, Given::Is),
        }
    }

    /// One of a set of words that must be there.
    pub(crate) fn required_choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> T {
        if self.get(name).is_none_or(|value| value.as_str() == Some("")) {
            self.required(name);
        }
        self.choice(name, words).unwrap_or(words[0].1)
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Option<Object<'a>> {
        match self.get(name)? {
            Value::Object(members) => {
                Some(Object { members, path: self.path(name), faults: self.faults })
            }
            other => {
                self.wrong_type(name, other, "an object");
                None
            }
        }
    }

    fn array(&self, name: &str, max: usize) -> Option<&'a Vec<Value>> {
        let value = self.get(name)?;
        let Value::Array(entries) = value else {
            self.wrong_type(name, value, "an array");
            return None;
        };
        if entries.len() > max {
            self.refuse(name, &entries.len().to_string(), format!("the max len is {max}"));
            // What follows would only be told once more for each entry.
            return None;
        }
        Some(entries)
    }

    /// An array of objects, each read by `read`.
    pub(crate) fn list<T>(
        &self,
        name: &str,
        max: usize,
        read: impl Fn(&Object<'a>) -> T,
    ) -> Option<Vec<T>> {
        let entries = self.array(name, max)?;
        let path = format!("{}[*]", self.path(name));
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry {
                Value::Object(members) => {
                    list.push(read(&Object { members, path: path.clone(), faults: self.faults }));
                }
                other => self.wrong_type(&format!("{name}[*]"), other, "an object"),
            }
        }
        Some(list)
    }

    /// An array of strings, with an upper bound that only guards the server where the rules have
    /// one of their own.
    pub(crate) fn texts(&self, name: &str, max: usize, chars: usize) -> Option<Vec<String>> {
        let entries = self.array(name, max)?;
        let mut texts = Vec::with_capacity(entries.len());
        let each = format!("{name}[*]");
        for entry in entries {
            match entry {
                Value::String(text) => {
                    self.check_text(&each, text, chars);
                    texts.push(text.clone());
                }
                other => self.wrong_type(&each, other, "a string"),
            }
        }
        Some(texts)
    }

    /// An array of ids: strings, or numbers, as one official client writes them.
    pub(crate) fn ids(&self, name: &str, max: usize, chars: usize) -> Option<Vec<String>> {
        let entries = self.array(name, max)?;
        let mut ids = Vec::with_capacity(entries.len());
        let each = format!("{name}[*]");
        for entry in entries {
            match entry {
                Value::String(text) => {
                    self.check_text(&each, text, chars);
                    ids.push(text.clone());
                }
                Value::Number(number) if number.is_u64() => ids.push(number.to_string()),
                other => self.wrong_type(&each, other, "a string or a whole number"),
            }
        }
        Some(ids)
    }

    /// Whether a member is an empty text.
    pub(crate) fn is_empty_text(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.as_str() == Some(""))
    }

    /// Whether a member is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

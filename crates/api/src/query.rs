//! Reading members of the query, collecting every fault on the way. Empty is the same as absent.

use crate::fault::Violation;
use crate::fields::{Faults, check_text, shortened};
use crate::names::Words;

/// The members of a request's query.
pub(crate) struct Query<'f> {
    pub(crate) members: Vec<(String, String)>,
    pub(crate) faults: &'f Faults,
}

impl Query<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.members.iter().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn refuse(&self, name: &str, value: &str, description: String) {
        self.faults.value(Violation::new(name, description).with_value(shortened(value)));
    }

    /// Text of at most `max` characters.
    pub(crate) fn text(&self, name: &str, max: usize) -> Option<String> {
        let text = self.get(name)?;
        check_text(self.faults, name, text, max);
        Some(text.to_owned())
    }

    /// Text that must be there.
    pub(crate) fn required_text(&self, name: &str, max: usize) -> String {
        self.required(name);
        self.text(name, max).unwrap_or_default()
    }

    fn required(&self, name: &str) {
        if self.get(name).is_none() {
            self.faults.value(Violation::new(name, format!("{name} is required")));
        }
    }

    /// A time that must be there, in Unix milliseconds.
    pub(crate) fn required_time(&self, name: &str) -> i64 {
        self.required(name);
        let Some(given) = self.get(name) else { return 0 };
        let digits = given.bytes().all(|byte| byte.is_ascii_digit());
        given.parse().ok().filter(|_| digits).unwrap_or_else(|| {
            let description = "must be a whole number from 0 to 9223372036854775807".to_owned();
            self.refuse(name, given, description);
            0
        })
    }

    /// The size of a page.
    pub(crate) fn size(&self, (least, usual, most): (usize, usize, usize)) -> usize {
        let Some(given) = self.get("page_size") else { return usual };
        let found = given.parse().ok().filter(|size| (least..=most).contains(size));
        found.unwrap_or_else(|| {
            let description = format!("must be a whole number from {least} to {most}");
            self.refuse("page_size", given, description);
            usual
        })
    }

    /// One of a set of words.
    pub(crate) fn choice<T: Copy>(&self, name: &str, words: Words<T>) -> Option<T> {
        let given = self.get(name)?;
        let found = words.iter().find(|(word, _)| *word == given);
        if found.is_none() {
            let options: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(name, given, format!("options: [{}]", options.join(",")));
        }
        found.map(|(_, value)| *value)
    }

    /// One of a set of words that must be there.
    pub(crate) fn required_choice<T: Copy>(&self, name: &str, words: Words<T>) -> T {
        self.required(name);
        self.choice(name, words).unwrap_or(words[0].1)
    }
}

//! Texts in several languages: a member holds a key (`@i18n@…`) or plain text, and resources say
//! what each key reads in each language.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What marks a text as a key into the resources.
pub const KEY_PREFIX: &str = "@i18n@";

/// The texts of one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// A language tag such as `zh-CN`. Any tag is kept, as the live platform does.
    pub locale: String,
    /// Key and text, in the order given.
    pub texts: Vec<(String, String)>,
    /// Whether other languages fall back to this one.
    pub is_default: bool,
}

impl Resource {
    fn get(&self, key: &str) -> Option<&str> {
        self.texts.iter().find(|(k, _)| k == key).map(|(_, text)| text.as_str())
    }
}

/// Whether `text` is a key rather than plain text.
pub fn is_key(text: &str) -> bool {
    text.starts_with(KEY_PREFIX)
}

/// The resource that others fall back to: the first that is marked so.
pub fn default_of(resources: &[Resource]) -> Option<&Resource> {
    resources.iter().find(|r| r.is_default)
}

/// What `key` reads in the default language.
pub fn lookup<'a>(resources: &'a [Resource], key: &str) -> Option<&'a str> {
    default_of(resources)?.get(key)
}

/// What a text reads: a key in the language asked for, else in the default one, else in any; plain text
/// as it is.
pub fn read<'a>(resources: &'a [Resource], text: &'a str, locale: Option<&str>) -> &'a str {
    if !is_key(text) {
        return text;
    }
    let asked = resources.iter().find(|resource| Some(resource.locale.as_str()) == locale);
    let known = asked.into_iter().chain(default_of(resources)).chain(resources);
    known.into_iter().find_map(|resource| resource.get(text)).unwrap_or(text)
}

/// The resources after a partial update: what was sent, and of what was stored those texts that
/// are still `used` and were not sent again. Unused ones go, so that callers who make new keys at
/// every sync do not grow an instance for ever.
pub fn merge(stored: &[Resource], sent: &[Resource], used: &BTreeSet<&str>) -> Vec<Resource> {
    let mut merged = sent.to_vec();
    for old in stored {
        let kept: Vec<_> = old
            .texts
            .iter()
            .filter(|(key, _)| used.contains(key.as_str()))
            .filter(|(key, _)| !sent.iter().any(|r| r.locale == old.locale && r.get(key).is_some()))
            .cloned()
            .collect();
        if kept.is_empty() {
            continue;
        }
        match merged.iter_mut().find(|r| r.locale == old.locale) {
            Some(new) => new.texts.extend(kept),
            None => merged.push(Resource {
                locale: old.locale.clone(),
                texts: kept,
                // What was sent decides the default, if it names one.
                is_default: old.is_default && default_of(sent).is_none(),
            }),
        }
    }
    // A language that lost its mark by an update that marks none keeps it.
    if default_of(&merged).is_none()
        && let Some(old) = default_of(stored)
        && let Some(same) = merged.iter_mut().find(|r| r.locale == old.locale)
    {
        same.is_default = true;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(locale: &str, is_default: bool, texts: &[(&str, &str)]) -> Resource {
        let texts = texts.iter().map(|(k, t)| ((*k).to_owned(), (*t).to_owned())).collect();
        Resource { locale: locale.to_owned(), texts, is_default }
    }

    #[test]
    fn a_merge_keeps_what_is_used_and_drops_what_is_not() {
        let stored = [
            resource("zh-CN", true, &[("@i18n@a", "甲"), ("@i18n@b", "乙"), ("@i18n@c", "丙")]),
            resource("en-US", false, &[("@i18n@b", "two")]),
        ];
        let sent = [resource("zh-CN", true, &[("@i18n@a", "新")])];
        let merged = merge(&stored, &sent, &BTreeSet::from(["@i18n@a", "@i18n@b"]));
        let expected = [
            resource("zh-CN", true, &[("@i18n@a", "新"), ("@i18n@b", "乙")]),
            resource("en-US", false, &[("@i18n@b", "two")]),
        ];
        assert_eq!(merged, expected);
    }

    #[test]
    fn the_sent_default_wins_and_a_missing_one_is_kept() {
        let stored = [resource("zh-CN", true, &[("@i18n@a", "甲")])];
        let used = BTreeSet::from(["@i18n@a"]);
        let english = [resource("en-US", true, &[])];
        assert!(!merge(&stored, &english, &used)[1].is_default);
        let no_default = [resource("en-US", false, &[])];
        assert!(merge(&stored, &no_default, &used)[1].is_default);
        let unmarked = [resource("zh-CN", false, &[])];
        assert!(merge(&stored, &unmarked, &used)[0].is_default);
    }
}

//! YAML (and JSON, which is YAML) as a tree in which everything knows its line and column.
//!
//! Knows nothing of flows. Of YAML it takes what a form of data needs: one document, no anchors,
//! aliases or tags, no key twice; with anchors a short text could stand for an endless one.

use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::limits;

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Something wrong in a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where.
    pub spot: Spot,
    /// The member, as `nodes[1].due`; empty for the whole text.
    pub path: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.spot.line, self.spot.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// A node of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Where it begins.
    pub spot: Spot,
    /// What it is.
    pub kind: TreeKind,
}

/// What a node is, by the rules of YAML 1.2's core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum TreeKind {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Another number; finite.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order of the text.
    Map(Vec<(Key, Tree)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Where it begins.
    pub spot: Spot,
    /// What it reads; unique in its map.
    pub name: String,
}

impl Tree {
    /// What it is, for people.
    pub(super) fn word(&self) -> &'static str {
        match self.kind {
            TreeKind::Null => "nothing",
            TreeKind::Boolean(_) => "true or false",
            TreeKind::Integer(_) => "a whole number",
            TreeKind::Number(_) => "a number",
            TreeKind::Text(_) => "text",
            TreeKind::List(_) => "a list",
            TreeKind::Map(_) => "a map",
        }
    }
}

/// Reads a text as one tree.
pub fn parse(text: &str) -> Result<Tree, Fault> {
    let top = Spot { line: 1, column: 1 };
    if text.len() > limits::FLOW_BYTES {
        return Err(at(top, format!("the text is longer than {} bytes", limits::FLOW_BYTES)));
    }
    // Editors on Windows put it there.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { open: Vec::new(), done: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            let spot = Spot { line: marker.line(), column: marker.col() + 1 };
            at(spot, format!("this is no YAML: {}", error.info()))
        })?;
        builder.take(event, spot(span))?;
    }
    builder.done.ok_or_else(|| at(top, "the text is empty"))
}

fn spot(span: Span) -> Spot {
    Spot { line: span.start.line(), column: span.start.col() + 1 }
}

fn at(spot: Spot, message: impl Into<String>) -> Fault {
    Fault { spot, path: String::new(), message: message.into() }
}

struct Builder {
    /// The lists and maps that are not yet closed, outermost first.
    open: Vec<Open>,
    done: Option<Tree>,
}

struct Open {
    tree: Tree,
    /// The key that waits for its value.
    key: Option<Key>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, spot: Spot) -> Result<(), Fault> {
        let (kind, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style), anchor, tag),
            Event::SequenceStart(anchor, tag) => (TreeKind::List(Vec::new()), anchor, tag),
            Event::MappingStart(anchor, tag) => (TreeKind::Map(Vec::new()), anchor, tag),
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = self.open.pop();
                return closed.map_or(Ok(()), |closed| self.place(closed.tree));
            }
            Event::Alias(_) => return Err(at(spot, "aliases are not taken; write it out")),
            Event::DocumentStart(_) if self.done.is_some() => {
                return Err(at(spot, "only one document is taken"));
            }
            _ => return Ok(()),
        };
        if anchor != 0 || tag.is_some() {
            return Err(at(spot, "anchors and tags are not taken"));
        }
        let tree = Tree { spot, kind };
        if !matches!(tree.kind, TreeKind::List(_) | TreeKind::Map(_)) {
            return self.place(tree);
        }
        if self.open.len() == limits::FLOW_DEPTH {
            return Err(at(spot, format!("deeper than {} levels", limits::FLOW_DEPTH)));
        }
        self.open.push(Open { tree, key: None });
        Ok(())
    }

    /// Puts a whole tree where it belongs.
    fn place(&mut self, tree: Tree) -> Result<(), Fault> {
        let Some(parent) = self.open.last_mut() else {
            self.done = Some(tree);
            return Ok(());
        };
        match (&mut parent.tree.kind, parent.key.take()) {
            (TreeKind::List(items), _) => items.push(tree),
            (TreeKind::Map(entries), Some(key)) => entries.push((key, tree)),
            (TreeKind::Map(entries), None) => {
                let name = key_text(&tree)
                    .ok_or_else(|| at(tree.spot, format!("{} is no key", tree.word())))?;
                if entries.iter().any(|(key, _)| key.name == name) {
                    return Err(at(tree.spot, format!("`{name}` is given twice")));
                }
                parent.key = Some(Key { spot: tree.spot, name });
            }
            _ => {}
        }
        Ok(())
    }
}

/// Numbers are keys too: `2052: 请假` names a language by its code.
fn key_text(tree: &Tree) -> Option<String> {
    match &tree.kind {
        TreeKind::Text(text) => Some(text.clone()),
        TreeKind::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn scalar(text: &str, style: ScalarStyle) -> TreeKind {
    if style != ScalarStyle::Plain {
        return TreeKind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return TreeKind::Null,
        "true" | "True" | "TRUE" => return TreeKind::Boolean(true),
        "false" | "False" | "FALSE" => return TreeKind::Boolean(false),
        _ => {}
    }
    // `1_000`, `inf` and `nan` parse in neither language as numbers, or should not here.
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match (numeric, text.parse::<i64>(), text.parse::<f64>()) {
        (true, Ok(number), _) => TreeKind::Integer(number),
        (true, _, Ok(number)) if number.is_finite() => TreeKind::Number(number),
        _ => TreeKind::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_form_of_data_is_refused_with_its_place() {
        assert_eq!(refused(""), "1:1: the text is empty");
        assert_eq!(refused("a: 1\nb: 2\na: 3"), "3:1: `a` is given twice");
        assert_eq!(refused("a: &x 1\nb: *x"), "1:4: anchors and tags are not taken");
        assert_eq!(refused("a: !!str 1"), "1:4: anchors and tags are not taken");
        assert_eq!(refused("a: 1\n---\nb: 2"), "2:1: only one document is taken");
        assert_eq!(refused("[1]: 2"), "1:1: a list is no key");
        let deep = refused(&"[".repeat(100));
        assert!(deep.contains("deeper than 24 levels"), "{deep}");
        assert!(refused(&" ".repeat(limits::FLOW_BYTES + 1)).contains("longer than"));
        assert!(refused("a: [1\nb: 2").starts_with("2:"), "{}", refused("a: [1\nb: 2"));
    }

    #[test]
    fn plain_words_and_quoted_ones_differ() {
        let kinds = |text| match parse(text).unwrap().kind {
            TreeKind::List(items) => items.into_iter().map(|item| item.kind).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let text = |text: &str| TreeKind::Text(text.to_owned());
        assert_eq!(
            kinds("[1, '1', 1.5, true, 'true', ~, x, -inf, 2026-01-31]"),
            [
                TreeKind::Integer(1),
                text("1"),
                TreeKind::Number(1.5),
                TreeKind::Boolean(true),
                text("true"),
                TreeKind::Null,
                text("x"),
                text("-inf"),
                text("2026-01-31"),
            ]
        );
    }

    #[test]
    fn json_reads_as_it_does_elsewhere() {
        let json = "{\"a\": [1, \"x\"], \"b\": {\"c\": null}}";
        let same = parse("a: [1, x]\nb:\n  c: ~").unwrap();
        assert_eq!(strip(parse(json).unwrap()), strip(same));
    }

    fn strip(mut tree: Tree) -> Tree {
        let top = Spot { line: 0, column: 0 };
        tree.spot = top;
        tree.kind = match tree.kind {
            TreeKind::List(items) => TreeKind::List(items.into_iter().map(strip).collect()),
            TreeKind::Map(entries) => TreeKind::Map(
                entries.into_iter().map(|(k, v)| (Key { spot: top, ..k }, strip(v))).collect(),
            ),
            other => other,
        };
        tree
    }
}

//! A definition as a picture: SVG text, made of the definition and a language alone.
//!
//! Steps go from top to bottom, the branches of a block stand beside each other. Widths of texts are
//! estimated, since no font is known here: a Chinese character counts as two.

use std::fmt::Write as _;

use super::definition::{Approval, Definition, Node, OnReject, Parallel, Who};
use crate::flow::{LangText, Logic, order_texts};

/// Measures in pixels, chosen by eye: a box, the gap between two, and a line of small text.
const BOX: (i32, i32) = (220, 58);
const GAP: i32 = 34;
const LINE: i32 = 16;
/// How many halves of a Chinese character fit into a box.
const FITS: usize = 30;

/// The picture of a definition, with its texts in the language of a code where they have it.
pub fn diagram(definition: &Definition, language: &str) -> String {
    let mut canvas = Canvas { language, body: String::new() };
    let width = nodes_width(&definition.nodes).max(BOX.0) + 2 * GAP;
    let middle = width / 2;
    let title = canvas.read(&definition.label);
    canvas.text(middle, GAP - 8, "title", &title);
    let mut y = GAP + 8;
    canvas.dot(middle, y);
    y = canvas.nodes(&definition.nodes, middle, y + 8);
    canvas.line((middle, y), (middle, y + GAP));
    canvas.dot(middle, y + GAP + 8);
    let height = y + 2 * GAP;
    let body = canvas.body;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         {body}</svg>\n",
        escape(&title),
    )
}

const STYLE: &str = "text{font:13px sans-serif;text-anchor:middle;fill:#1f2329}\
    .title{font-weight:bold}.small{font-size:11px;fill:#646a73}\
    rect{fill:#fff;stroke:#3370ff;rx:6}.block{fill:none;stroke:#bbbfc4;stroke-dasharray:4}\
    line{stroke:#8f959e}circle{fill:#3370ff}";

fn width(node: &Node) -> i32 {
    match node {
        Node::Approval(_) => BOX.0,
        Node::Parallel(block) => {
            block.branches.iter().map(|branch| nodes_width(&branch.nodes) + GAP).sum::<i32>() + GAP
        }
    }
}

fn nodes_width(nodes: &[Node]) -> i32 {
    nodes.iter().map(width).max().unwrap_or(BOX.0)
}

struct Canvas<'a> {
    language: &'a str,
    body: String,
}

impl Canvas<'_> {
    /// Draws a sequence below `y`; says where it ends.
    fn nodes(&mut self, nodes: &[Node], middle: i32, mut y: i32) -> i32 {
        for node in nodes {
            self.line((middle, y), (middle, y + GAP));
            y += GAP;
            y = match node {
                Node::Approval(approval) => self.approval(approval, middle, y),
                Node::Parallel(block) => self.block(block, middle, y),
            };
        }
        y
    }

    fn approval(&mut self, approval: &Approval, middle: i32, y: i32) -> i32 {
        let top = self.condition(approval.when.as_ref(), middle, y);
        let (left, label) = (middle - BOX.0 / 2, self.read(&approval.label));
        let (wide, high) = BOX;
        let id = escape(&approval.id);
        let _ = writeln!(
            self.body,
            "<rect id=\"{id}\" x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\"/>"
        );
        self.text(middle, top + 18, "name", &label);
        let people: Vec<_> = approval.assignees.iter().map(who).collect();
        let logic = match approval.logic {
            Logic::All => "all of",
            Logic::First => "first of",
            Logic::Orderly => "in turn",
        };
        self.text(middle, top + 34, "small", &format!("{logic}: {}", people.join(", ")));
        let reject = match &approval.on_reject {
            OnReject::End => "the end",
            OnReject::Start => "the start",
            OnReject::Previous => "the one before",
            OnReject::Node(node) => node,
        };
        self.text(middle, top + 50, "small", &format!("✗ → {reject}"));
        top + high
    }

    fn block(&mut self, block: &Parallel, middle: i32, y: i32) -> i32 {
        let top = self.condition(block.when.as_ref(), middle, y);
        let wide = block.branches.iter().map(|b| nodes_width(&b.nodes) + GAP).sum::<i32>() + GAP;
        let left = middle - wide / 2;
        let label = self.read(&block.label);
        self.text(middle, top + LINE, "small", &label);
        let (fork, mut ends, mut x) = (top + LINE + 8, Vec::new(), left + GAP);
        for branch in &block.branches {
            let own = nodes_width(&branch.nodes);
            let centre = x + own / 2;
            self.line((middle, fork), (centre, fork + 8));
            let entry = self.condition(branch.when.as_ref(), centre, fork + 8);
            ends.push((centre, self.nodes(&branch.nodes, centre, entry)));
            x += own + GAP;
        }
        let bottom = ends.iter().map(|(_, end)| *end).max().unwrap_or(fork) + GAP;
        for (centre, end) in ends {
            self.line((centre, end), (middle, bottom));
        }
        let high = bottom - top;
        let id = escape(&block.id);
        let _ = writeln!(
            self.body,
            "<rect id=\"{id}\" class=\"block\" x=\"{left}\" y=\"{top}\" width=\"{wide}\" \
             height=\"{high}\"/>"
        );
        bottom
    }

    fn condition(
        &mut self,
        when: Option<&super::definition::Expression>,
        middle: i32,
        y: i32,
    ) -> i32 {
        let Some(when) = when else { return y };
        self.text(middle, y + LINE - 4, "small", &format!("? {}", when.0));
        y + LINE
    }

    fn text(&mut self, x: i32, y: i32, class: &str, text: &str) {
        let (text, class) = (escape(&shorten(text)), escape(class));
        let _ = writeln!(self.body, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>");
    }

    fn line(&mut self, from: (i32, i32), to: (i32, i32)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(self.body, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    }

    fn dot(&mut self, x: i32, y: i32) {
        let _ = writeln!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"8\"/>");
    }

    fn read(&self, texts: &[LangText]) -> String {
        let own = texts.iter().find(|(code, _)| code == self.language);
        let first = own.or_else(|| order_texts(texts).into_iter().next());
        first.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

fn who(who: &Who) -> String {
    match who {
        Who::Person(user_id) => user_id.clone(),
        Who::Initiator => "initiator".to_owned(),
        Who::Leader(levels) => format!("leader {levels}"),
        Who::DepartmentLeader(department) => format!("leader of {department}"),
        Who::Role(role) => role.clone(),
        Who::Parameter(name) => format!("${name}"),
        Who::Expression(text) => text.0.clone(),
    }
}

fn shorten(text: &str) -> String {
    let mut used = 0;
    let mut short = String::new();
    for c in text.chars() {
        used += if c.is_ascii() { 1 } else { 2 };
        if used > FITS {
            short.push('…');
            break;
        }
        short.push(if c.is_control() { ' ' } else { c });
    }
    short
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

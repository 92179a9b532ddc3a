//! Random plans, people and choices, and a plan as a flow file: for the histories of `random`, and for
//! those that are told over HTTP.
//!
//! Knows no rule of flows; the whole of a history follows from one list of bytes.

use std::fmt::Write as _;

use domain::flow::Logic;

use super::oracle::{Leaf, Plan, Who};

/// People who take part; one more than ever have a node, so that strangers act too.
pub(crate) const PEOPLE: Who = 6;

/// Random choices, the first of each when they run out.
pub(crate) struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    pub(crate) fn new(throws: Vec<u8>) -> Self {
        Self(throws.into_iter())
    }

    /// Whether only first choices are left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(crate) fn below(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().unwrap_or_default()) % sides
    }

    pub(crate) fn who(&mut self, most: Who) -> Who {
        1 + Who::try_from(self.below(usize::try_from(most).unwrap())).unwrap()
    }

    /// One to three people, each once.
    pub(crate) fn some(&mut self, most: Who) -> Vec<Who> {
        let mut people = Vec::new();
        for _ in 0..=self.below(3) {
            let one = self.who(most);
            if !people.contains(&one) {
                people.push(one);
            }
        }
        people
    }

    pub(crate) fn plans(&mut self, depth: usize, number: &mut usize) -> Vec<Plan> {
        (0..=self.below(3)).map(|_| self.plan(depth, number)).collect()
    }

    fn plan(&mut self, depth: usize, number: &mut usize) -> Plan {
        *number += 1;
        if depth > 0 && self.below(3) == 2 {
            let lanes = 1 + self.below(3);
            return Plan::Beside((0..lanes).map(|_| self.plans(depth - 1, number)).collect());
        }
        let id = format!("n{number}");
        let people = self.some(PEOPLE - 1);
        let logic = [Logic::All, Logic::First, Logic::Orderly][self.below(3)];
        let on_reject = ["end", "start", "previous"][self.below(3)];
        Plan::Leaf(Leaf { id, people, logic, on_reject })
    }
}

/// The nodes of a flow file for a plan, with the ids by which its people are known.
pub(crate) fn write(
    plans: &[Plan],
    known: &dyn Fn(Who) -> String,
    blocks: &mut usize,
    text: &mut String,
) {
    text.push('[');
    for plan in plans {
        match plan {
            Plan::Leaf(leaf) => {
                let logic = format!("{:?}", leaf.logic).to_lowercase();
                let people: Vec<_> =
                    leaf.people.iter().map(|p| format!("{{person: {}}}", known(*p))).collect();
                let (id, people, on_reject) = (&leaf.id, people.join(", "), leaf.on_reject);
                write!(text, "{{id: {id}, label: {{en-US: x}}, logic: {logic}, ").unwrap();
                write!(text, "on_reject: {on_reject}, assignees: [{people}]}},").unwrap();
            }
            Plan::Beside(lanes) => {
                *blocks += 1;
                write!(text, "{{id: b{blocks}, label: {{en-US: x}}, parallel: [").unwrap();
                for lane in lanes {
                    *blocks += 1;
                    write!(text, "{{id: b{blocks}, nodes: ").unwrap();
                    write(lane, known, blocks, text);
                    text.push_str("},");
                }
                text.push_str("]},");
            }
        }
    }
    text.push(']');
}

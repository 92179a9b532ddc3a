//! A second opinion on how flows run, for the random histories of `random`: written from
//! `docs/flows.md` and sharing no function with the rules.
//!
//! What is left of a flow is the plan without what has passed; the open steps are its heads. A
//! ballot knows chairs and votes, and finds who may vote by asking anew every time.

use std::collections::{BTreeMap, BTreeSet};

use domain::TaskId;
use domain::flow::{Logic, Status};

/// People are small numbers here.
pub(crate) type Who = i64;

#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Leaf(Leaf),
    Beside(Vec<Vec<Plan>>),
}

#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) id: String,
    pub(crate) people: Vec<Who>,
    pub(crate) logic: Logic,
    /// `end`, `start` or `previous`.
    pub(crate) on_reject: &'static str,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Ballot {
    pub(crate) task: Option<TaskId>,
    orderly: bool,
    first: bool,
    chairs: Vec<Chair>,
    /// Whom was asked for a step after this one.
    asked: BTreeSet<Who>,
}

#[derive(Clone, Debug)]
struct Chair {
    owner: Who,
    vote: Option<(Who, bool)>,
    /// Who could vote here and no longer can, or not for the same reason.
    left: BTreeSet<Who>,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    plan: Vec<Plan>,
    initiator: Who,
    /// Who stands in for whom.
    subs: BTreeMap<Who, Vec<Who>>,
    /// Steps that were added: after which, and themselves.
    extra: Vec<(String, Leaf)>,
    passed: BTreeSet<String>,
    pub(crate) open: BTreeMap<String, Ballot>,
    pub(crate) past: BTreeMap<TaskId, Ballot>,
    pub(crate) status: Status,
}

/// What the model expects of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Change,
    Same,
    Refusal,
    /// Nothing happens; whether politely is not the model's business.
    Nothing,
}

impl Model {
    pub(crate) fn new(plan: Vec<Plan>, initiator: Who, subs: BTreeMap<Who, Vec<Who>>) -> Self {
        let mut model = Self {
            plan,
            initiator,
            subs,
            extra: Vec::new(),
            passed: BTreeSet::from(["start".to_owned()]),
            open: BTreeMap::new(),
            past: BTreeMap::new(),
            status: Status::InProcess,
        };
        model.go();
        model
    }

    /// Who may act at each open step.
    pub(crate) fn waits(&self) -> BTreeMap<String, BTreeSet<Who>> {
        let who = |ballot: &Ballot| {
            let turn = ballot.turn().into_iter();
            turn.flat_map(|chair| self.may(ballot.chairs[chair].owner)).collect()
        };
        self.open.iter().map(|(key, ballot)| (key.clone(), who(ballot))).collect()
    }

    /// How many steps there are, with those that were added.
    pub(crate) fn steps(&self) -> usize {
        self.way().len()
    }

    /// Everybody who may vote for the owner of a chair.
    fn may(&self, owner: Who) -> BTreeSet<Who> {
        let mut all = BTreeSet::from([owner]);
        loop {
            let next: BTreeSet<_> = all
                .iter()
                .flat_map(|one| self.subs.get(one).into_iter().flatten().copied())
                .filter(|one| *one != self.initiator)
                .chain(all.iter().copied())
                .collect();
            if next == all {
                return all;
            }
            all = next;
        }
    }

    /// Every step in the order of the text, with the numbers of the sequences and branches that
    /// lead to it.
    fn way(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        self.put("start", &[0], &mut all);
        self.spread(&self.plan, &[1], &mut all);
        all
    }

    fn put(&self, key: &str, path: &[usize], all: &mut Vec<(String, Vec<usize>)>) {
        all.push((key.to_owned(), path.to_vec()));
        for (_, leaf) in self.extra.iter().filter(|(after, _)| after == key) {
            self.put(&leaf.id, path, all);
        }
    }

    fn spread(&self, plans: &[Plan], path: &[usize], all: &mut Vec<(String, Vec<usize>)>) {
        for (index, plan) in plans.iter().enumerate() {
            let here = [path, &[index]].concat();
            match plan {
                Plan::Leaf(leaf) => self.put(&leaf.id, &here, all),
                Plan::Beside(lanes) => {
                    for (lane, plans) in lanes.iter().enumerate() {
                        self.spread(plans, &[&here[..], &[lane]].concat(), all);
                    }
                }
            }
        }
    }

    /// Whether `b` comes after `a` on the same way. A path is sequence, place, branch, place, …:
    /// the first difference tells at a place who is later, and at a branch that neither is.
    fn follows(way: &[(String, Vec<usize>)], a: usize, b: usize) -> bool {
        let (one, two) = (&way[a].1, &way[b].1);
        let differ = one.iter().zip(two).position(|(x, y)| x != y);
        match differ {
            // The same place of the text: added steps, in the order of the list.
            None => a < b,
            Some(0) => one[0] < two[0],
            Some(at) if at % 2 == 1 => one[at] < two[at],
            Some(_) => false,
        }
    }

    /// Opens whatever has everything before it passed.
    fn go(&mut self) {
        let way = self.way();
        for (at, (key, _)) in way.iter().enumerate() {
            let ready = (0..way.len())
                .filter(|before| Self::follows(&way, *before, at))
                .all(|before| self.passed.contains(&way[before].0));
            if ready && !self.passed.contains(key) && !self.open.contains_key(key) {
                let leaf = self.leaf(key);
                let chairs = leaf.people.iter().map(|owner| Chair::of(*owner));
                let ballot = Ballot {
                    orderly: leaf.logic == Logic::Orderly,
                    first: leaf.logic == Logic::First,
                    chairs: chairs.collect(),
                    ..Ballot::default()
                };
                self.open.insert(key.clone(), ballot);
            }
        }
        if self.open.is_empty() {
            self.status = Status::Agreed;
        }
    }

    fn leaf(&self, key: &str) -> Leaf {
        fn find<'p>(plans: &'p [Plan], key: &str) -> Option<&'p Leaf> {
            plans.iter().find_map(|plan| match plan {
                Plan::Leaf(leaf) => (leaf.id == key).then_some(leaf),
                Plan::Beside(lanes) => lanes.iter().find_map(|lane| find(lane, key)),
            })
        }
        if key == "start" {
            let people = vec![self.initiator];
            return Leaf { id: key.to_owned(), people, logic: Logic::All, on_reject: "end" };
        }
        let extra = self.extra.iter().map(|(_, leaf)| leaf).find(|leaf| leaf.id == key);
        extra.or_else(|| find(&self.plan, key)).unwrap().clone()
    }

    fn end(&mut self, status: Status) {
        for (_, ballot) in std::mem::take(&mut self.open) {
            self.past.insert(ballot.task.unwrap(), ballot);
        }
        self.status = status;
    }

    fn shut(&mut self, key: &str) {
        if let Some(ballot) = self.open.remove(key) {
            self.past.insert(ballot.task.unwrap(), ballot);
        }
    }

    /// Goes on from whatever the votes of a ballot say.
    fn count(&mut self, key: &str) {
        let mut ballot = self.open[key].clone();
        // Whoever has voted need not vote again when the next turn comes.
        while let Some((chair, vote)) = ballot.turn().into_iter().find_map(|chair| {
            let may = self.may(ballot.chairs[chair].owner);
            let before = ballot.chairs.iter().filter_map(|chair| chair.vote);
            before.filter(|(who, yes)| *yes && may.contains(who)).map(|vote| (chair, vote)).next()
        }) {
            ballot.chairs[chair].vote = Some(vote);
        }
        let votes: Vec<_> = ballot.chairs.iter().filter_map(|chair| chair.vote).collect();
        let full = votes.len() == ballot.chairs.len() || ballot.first && !votes.is_empty();
        self.open.insert(key.to_owned(), ballot);
        if votes.iter().any(|(_, yes)| !yes) {
            self.shut(key);
            match self.leaf(key).on_reject {
                "start" => self.back("start"),
                "previous" => {
                    let to = self.before(key).pop().unwrap();
                    self.back(&to);
                }
                _ => self.end(Status::Rejected),
            }
        } else if full {
            self.shut(key);
            self.passed.insert(key.to_owned());
            self.go();
        }
    }

    /// The steps that have passed and come before one, in order.
    pub(crate) fn before(&self, key: &str) -> Vec<String> {
        let way = self.way();
        let at = way.iter().position(|(other, _)| other == key).unwrap();
        let earlier = (0..way.len()).filter(|one| Self::follows(&way, *one, at));
        let keys = earlier.map(|one| way[one].0.clone());
        keys.filter(|key| self.passed.contains(key)).collect()
    }

    fn back(&mut self, key: &str) {
        let way = self.way();
        let at = way.iter().position(|(other, _)| other == key).unwrap();
        for later in (0..way.len()).filter(|one| Self::follows(&way, at, *one)) {
            let later = &way[later].0;
            self.passed.remove(later);
            self.shut(later);
            self.extra.retain(|(_, leaf)| leaf.id != *later);
        }
        self.passed.remove(key);
        self.go();
    }

    fn in_turn(&self, key: &str, who: Who) -> Vec<usize> {
        let Some(ballot) = self.open.get(key) else { return Vec::new() };
        let mut turn = ballot.turn();
        turn.retain(|chair| self.may(ballot.chairs[*chair].owner).contains(&who));
        turn
    }

    pub(crate) fn vote(&mut self, task: TaskId, key: &str, who: Who, yes: bool) -> Expect {
        let open = self.open.get(key).filter(|ballot| ballot.task == Some(task));
        let Some(ballot) = open.or_else(|| self.past.get(&task)) else { return Expect::Refusal };
        let before =
            ballot.chairs.iter().filter_map(|chair| chair.vote).find(|(one, _)| *one == who);
        let turn = if open.is_some() { self.in_turn(key, who) } else { Vec::new() };
        if turn.is_empty() {
            let same = before.is_some_and(|(_, vote)| vote == yes);
            return if same { Expect::Same } else { Expect::Refusal };
        }
        for chair in turn {
            self.open.get_mut(key).unwrap().chairs[chair].vote = Some((who, yes));
        }
        self.count(key);
        Expect::Change
    }

    /// Gives away one's own chairs, or those at which one stands in.
    pub(crate) fn give(&mut self, key: &str, who: Who, to: &[Who]) -> Expect {
        self.give_of(key, who, &[], to)
    }

    /// Gives away the chairs of those who are named, or of nobody in particular.
    pub(crate) fn give_of(&mut self, key: &str, who: Who, from: &[Who], to: &[Who]) -> Expect {
        let turn = self.in_turn(key, who);
        if turn.is_empty() || key == "start" {
            return Expect::Nothing;
        }
        let ballot = self.open.get(key).unwrap();
        let owners = |ballot: &Ballot| ballot.chairs.iter().map(|c| c.owner).collect::<Vec<_>>();
        let mine: Vec<Who> = turn.iter().map(|chair| ballot.chairs[*chair].owner).collect();
        let left = |one: &Who| ballot.chairs.iter().any(|chair| chair.left.contains(one));
        let there = to.iter().all(|one| owners(ballot).contains(one) || left(one));
        let sits = |one: &Who| ballot.chairs.iter().any(|c| c.owner == *one && c.vote.is_none());
        let mut given = match from {
            [] if left(&who) && there => vec![],
            [] if mine.contains(&who) => vec![who],
            [] => mine.clone(),
            named => named.to_vec(),
        };
        let here = to.iter().all(|one| owners(ballot).contains(one));
        let done = |one: &Who| left(one) && !sits(one) && there || to.contains(one) && here;
        given.retain(|one| from.is_empty() || !done(one));
        if given.is_empty() {
            return Expect::Same;
        }
        if given.iter().any(|one| !mine.contains(one)) {
            return Expect::Refusal;
        }
        let voted = |one: &Who| ballot.chairs.iter().any(|c| c.vote.is_some_and(|v| v.0 == *one));
        if to.iter().any(|one| voted(one) && !given.contains(one)) {
            return Expect::Refusal;
        }
        let mut changed = false;
        for giver in given {
            let here = owners(&self.open[key]);
            if to.contains(&giver) && to.iter().all(|one| here.contains(one)) {
                continue;
            }
            changed = true;
            let may = self.may(giver);
            let ballot = self.open.get(key).unwrap().clone();
            let at = ballot.chairs.iter().position(|c| c.owner == giver && c.vote.is_none());
            let at = at.unwrap();
            let mut chairs = ballot.chairs.clone();
            let old = chairs.remove(at);
            let mut next = at;
            for one in to {
                let known = chairs.iter().position(|chair| chair.owner == *one);
                let place = known.unwrap_or(next);
                if known.is_none() {
                    chairs.insert(next, Chair::of(*one));
                    next += 1;
                }
                let left = may.union(&old.left).filter(|other| *other != one);
                chairs[place].left.extend(left);
            }
            self.open.get_mut(key).unwrap().chairs = chairs;
        }
        if !changed {
            return Expect::Same;
        }
        self.count(key);
        Expect::Change
    }

    pub(crate) fn add(&mut self, key: &str, who: Who, people: &[Who]) -> Expect {
        let turn = self.in_turn(key, who);
        if turn.is_empty() || key == "start" {
            return Expect::Nothing;
        }
        let ballot = self.open.get_mut(key).unwrap();
        let at = turn.last().unwrap() + 1;
        let mut new = people.to_vec();
        new.retain(|one| {
            ballot.chairs.iter().all(|c| c.owner != *one && c.vote.is_none_or(|v| v.0 != *one))
        });
        for (index, one) in new.iter().enumerate() {
            ballot.chairs.insert(at + index, Chair::of(*one));
        }
        if new.is_empty() {
            return Expect::Same;
        }
        self.count(key);
        Expect::Change
    }

    pub(crate) fn add_after(&mut self, key: &str, who: Who, people: &[Who]) -> Expect {
        if self.in_turn(key, who).is_empty() || key == "start" {
            return Expect::Nothing;
        }
        let ballot = self.open.get_mut(key).unwrap();
        let mut people = people.to_vec();
        people.retain(|one| !ballot.asked.contains(one));
        if people.is_empty() {
            return Expect::Same;
        }
        ballot.asked.extend(people.iter().copied());
        let number = self.extra.iter().filter(|(after, _)| after == key).count() + 1;
        let on_reject = self.leaf(key).on_reject;
        let leaf = Leaf { id: format!("{key}+{number}"), people, logic: Logic::All, on_reject };
        self.extra.push((key.to_owned(), leaf));
        Expect::Change
    }

    pub(crate) fn return_to(&mut self, key: &str, who: Who, to: &str) -> Expect {
        let passed = self.open.contains_key(key) && self.before(key).iter().any(|one| one == to);
        if self.in_turn(key, who).is_empty() || !passed {
            return Expect::Nothing;
        }
        self.back(to);
        Expect::Change
    }

    pub(crate) fn cancel(&mut self, who: Who) -> Expect {
        match self.status {
            _ if who != self.initiator => Expect::Refusal,
            Status::Canceled => Expect::Same,
            Status::InProcess => {
                self.end(Status::Canceled);
                Expect::Change
            }
            _ => Expect::Refusal,
        }
    }
}

impl Chair {
    fn of(owner: Who) -> Self {
        Self { owner, vote: None, left: BTreeSet::new() }
    }
}

impl Ballot {
    /// The chairs whose turn it is.
    fn turn(&self) -> Vec<usize> {
        let free = (0..self.chairs.len()).filter(|chair| self.chairs[*chair].vote.is_none());
        free.take(if self.orderly { 1 } else { usize::MAX }).collect()
    }
}

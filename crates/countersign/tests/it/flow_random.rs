//! Random flows of random people who act over HTTP, alone and at the same instant, on either engine; on
//! a shared database as callers of two servers.
//!
//! The model and the dice are those of the rules' own test, and share no function with what is tested.
//! Whatever was answered to those who acted at once must be what it would have been in some order, the
//! order of the history.

use std::collections::{BTreeMap, BTreeSet};

use domain::person::AliasKind;
use domain::process::{Entry, Event, Verb};
use domain::{InstanceId, Millis, PersonId, TaskId};
use engine::flow_run::audit::history;
use engine::flow_run::definitions::apply;
use engine::people::{ImportedPerson, import};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

#[path = "../../../domain/tests/flows/dice.rs"]
mod dice;
#[path = "../../../domain/tests/flows/oracle.rs"]
mod oracle;

use dice::{Dice, PEOPLE, write};
use domain::flow::Status;
use oracle::{Expect, Model, Who};

use crate::flow_kit::{APAAS, NAMESPACE, all_fits};
use crate::support::{App, TestHub, USER_TASKS, database, histories};

/// Histories that are told side by side.
const TOLD_AT_ONCE: usize = 4;
/// How many act at the same instant.
const AT_ONCE: usize = 4;
/// Calls that come when everything is over, in each history.
const TOO_LATE: usize = 2;

/// Longer than any clock goes: a server of another test may look at this tenant too.
const ALWAYS: Millis = Millis(1 << 45);

/// What somebody asks for.
#[derive(Clone, Debug)]
struct Asked {
    who: Who,
    task: TaskId,
    key: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Vote(bool),
    Give(Vec<Who>),
    Beside(Vec<Who>),
    After(Vec<Who>),
    /// To which task of which step; whether it is the last one of its step.
    Back(TaskId, String, bool),
    Copy(Vec<Who>),
    Cancel,
}

impl Asked {
    fn verb(&self) -> Verb {
        match self.what {
            What::Vote(true) => Verb::Agree,
            What::Vote(false) => Verb::Reject,
            What::Give(_) => Verb::Transfer,
            What::Beside(_) | What::After(_) => Verb::AddAssignee,
            What::Back(..) => Verb::RollBack,
            What::Copy(_) => Verb::Copy,
            What::Cancel => Verb::Cancel,
        }
    }

    /// Whether an entry can be of this: two who add people at once are told apart by whom they add.
    fn fits(&self, entry: &Entry, by: PersonId, people: &[PersonId]) -> bool {
        let task = (!matches!(self.what, What::Cancel)).then_some(self.task);
        let (What::Give(asked) | What::Beside(asked) | What::After(asked) | What::Copy(asked)) =
            &self.what
        else {
            return (entry.verb, entry.by, entry.task) == (self.verb(), Some(by), task);
        };
        let asked: Vec<_> =
            asked.iter().map(|who| people[usize::try_from(who - 1).unwrap()]).collect();
        let named = |event: &Event| match (&self.what, event) {
            (What::Give(_), Event::Moved { to, .. }) => vec![*to],
            (What::Beside(_), Event::Added { person, .. })
            | (What::Copy(_), Event::Copied { person, .. }) => vec![*person],
            (What::After(_), Event::Inserted { people, .. }) => people.clone(),
            _ => Vec::new(),
        };
        let named: Vec<PersonId> = entry.events.iter().flat_map(named).collect();
        // A seat goes to all who are named; those who are there already are not added again.
        let all = !matches!(self.what, What::Give(_)) || asked.iter().all(|p| named.contains(p));
        (entry.verb, entry.by, entry.task) == (self.verb(), Some(by), task)
            && !named.is_empty()
            && named.iter().all(|person| asked.contains(person))
            && all
    }

    /// What the model says of it; nothing of copies.
    fn expect(&self, model: &mut Model) -> Option<Expect> {
        let (who, key) = (self.who, &*self.key);
        let open = model.open.get(key).is_some_and(|ballot| ballot.task == Some(self.task));
        Some(match &self.what {
            What::Vote(yes) => model.vote(self.task, key, who, *yes),
            What::Cancel => model.cancel(who),
            What::Copy(_) => return None,
            _ if !open => Expect::Nothing,
            What::Give(to) => model.give(key, who, to),
            What::Beside(people) => model.add(key, who, people),
            What::After(people) => model.add_after(key, who, people),
            What::Back(_, to, true) => model.return_to(key, who, to),
            What::Back(_, _, false) => Expect::Nothing,
        })
    }
}

/// One instance with six people of its own, and the model of it.
struct Told<'h> {
    apps: &'h [App<'h>],
    number: usize,
    instance: InstanceId,
    initiator: Who,
    people: Vec<PersonId>,
    model: Model,
    /// Every task with its step, in the order in which they opened; the start first.
    tasks: Vec<(TaskId, String)>,
    entries: i64,
    closed: usize,
    /// What was done so far, for whoever reads a failure.
    log: Vec<String>,
}

fn user_id(history: usize, who: Who) -> String {
    format!("h{history}p{who}")
}

fn kunlun(history: usize, who: Who) -> String {
    (1_800_000_000_000_000 + i64::try_from(history).unwrap() * 10 + who).to_string()
}

impl<'h> Told<'h> {
    async fn begin(apps: &'h [App<'h>], number: usize, dice: &mut Dice) -> Self {
        let plans = dice.plans(2, &mut 0);
        let initiator = dice.who(PEOPLE);
        let mut subs: BTreeMap<Who, Vec<Who>> = BTreeMap::new();
        for _ in 0..dice.below(5) {
            let (person, other) = (dice.who(PEOPLE), dice.who(PEOPLE));
            let known = subs.entry(person).or_default();
            if person != other && !known.contains(&other) {
                known.push(other);
            }
        }
        let (mut nodes, api_id) = (String::new(), format!("{NAMESPACE}__c__h{number}"));
        write(&plans, &|who| user_id(number, who), &mut 0, &mut nodes);
        let text = format!(
            "{{api_id: {api_id}, namespace: {NAMESPACE}, label: {{en-US: x}}, nodes: {nodes}}}"
        );
        let people = settle(apps[0].hub, number, &subs, &text).await;
        let operator = json!({"_id": kunlun(number, initiator)}).to_string();
        let path = format!("{APAAS}/applications/{NAMESPACE}/flows/{api_id}/execute");
        let started = apps[0].post(&path, &json!({"operator": operator, "params": "{}"})).await;
        let instance = started.data()["execution_id"].as_str().unwrap().parse().unwrap();
        let log = vec![text, format!("{initiator} starts, substitutes: {subs:?}")];
        let model = Model::new(plans, initiator, subs);
        let mut told = Self {
            apps,
            number,
            instance: InstanceId(instance),
            initiator,
            people,
            model,
            tasks: Vec::new(),
            entries: 0,
            closed: 0,
            log,
        };
        let entries = told.news().await;
        assert_eq!(entries.len(), 1, "{}", told.story());
        opened(&mut told.model, &entries[0]);
        told.tasks.insert(0, (told.begun().await, "start".to_owned()));
        told.compare().await;
        told
    }

    fn story(&self) -> String {
        format!("history {}:\n{}", self.number, self.log.join("\n"))
    }

    fn app(&self, turn: usize) -> &App<'h> {
        &self.apps[turn % self.apps.len()]
    }

    fn kunlun(&self, who: Who) -> String {
        kunlun(self.number, who)
    }

    fn all(&self, people: &[Who]) -> Vec<String> {
        people.iter().map(|who| self.kunlun(*who)).collect()
    }

    /// The entries of the history since the last look, and the tasks that they know of.
    async fn news(&mut self) -> Vec<Entry> {
        let hub = self.apps[0].hub;
        let (acme, instance, after) = (hub.acme, self.instance, self.entries);
        let read = hub.hub.read(move |tx, _| history(tx, acme, instance, after, 100)).await;
        let entries: Vec<Entry> =
            read.unwrap().entries.into_iter().map(|told| told.entry.unwrap()).collect();
        self.entries += i64::try_from(entries.len()).unwrap();
        for event in entries.iter().flat_map(|entry| &entry.events) {
            match event {
                Event::Opened { task, node } => self.tasks.push((*task, node.clone())),
                Event::Closed { .. } => self.closed += 1,
                _ => {}
            }
        }
        entries
    }

    /// The start, which is on nobody's list until something comes back to it.
    async fn begun(&self) -> TaskId {
        let (key, people) = self.model.waits().into_iter().next().unwrap();
        let points = self.points(&key, *people.first().unwrap()).await;
        assert_eq!(points[0]["is_start"], true, "{}", self.story());
        TaskId(points[0]["id"].as_str().unwrap().parse().unwrap())
    }

    async fn points(&self, key: &str, who: Who) -> Vec<Value> {
        let task = self.model.open[key].task.unwrap();
        let path = format!("{APAAS}/user_tasks/{task}/rollback_points");
        let answer = self.app(1).post(&path, &json!({"operator_user_id": self.kunlun(who)})).await;
        answer.data()["tasks"].as_array().unwrap().clone()
    }

    fn choose(&self, dice: &mut Dice) -> Asked {
        let open: Vec<_> =
            self.model.open.iter().map(|(key, one)| (one.task.unwrap(), key.clone())).collect();
        // A call may come late; mostly it is for an open task.
        let from = if dice.below(5) == 4 || open.is_empty() { &self.tasks } else { &open };
        let (task, key) = from[dice.below(from.len())].clone();
        let waits: Vec<Who> =
            self.model.waits().remove(&key).unwrap_or_default().into_iter().collect();
        let who = if waits.is_empty() || dice.below(4) == 3 {
            dice.who(PEOPLE)
        } else {
            waits[dice.below(waits.len())]
        };
        let what = match dice.below(12) {
            0..=3 => What::Vote(true),
            4 => What::Vote(false),
            5 | 6 => What::Give(dice.some(PEOPLE)),
            7 => What::Beside(dice.some(PEOPLE)),
            8 => What::After(dice.some(PEOPLE)),
            9 => {
                let (to, target) = self.tasks[dice.below(self.tasks.len())].clone();
                let latest = self.tasks.iter().rfind(|(_, key)| *key == target).unwrap().0 == to;
                What::Back(to, target, latest)
            }
            10 if dice.below(8) == 7 => What::Cancel,
            _ => What::Copy(dice.some(PEOPLE)),
        };
        Asked { who, task, key, what }
    }

    /// The code of the answer, which is a success or a refusal by the rules.
    async fn send(&self, turn: usize, asked: Option<&Asked>) -> Option<i64> {
        let Asked { who, task, what, .. } = asked?;
        let who = self.kunlun(*who);
        let (path, mut body) = match what {
            What::Vote(yes) => {
                let verb = if *yes { "agree" } else { "reject" };
                (format!("approval_tasks/{task}/{verb}"), json!({"user_id": who}))
            }
            What::Give(to) => (
                format!("approval_tasks/{task}/transfer"),
                json!({"user_id": who, "to_user_ids": self.all(to)}),
            ),
            What::Beside(people) | What::After(people) => {
                let beside = matches!(what, What::Beside(_));
                let place = if beside { "currentAndAddAssign" } else { "afterAndAddAssign" };
                let approvers = self.all(people);
                let body =
                    json!({"user_id": who, "approvers": approvers, "add_assignee_type": place});
                (format!("approval_tasks/{task}/add_assignee"), body)
            }
            What::Back(to, _, _) => (
                format!("user_tasks/{task}/rollback"),
                json!({"operator_user_id": who, "to_task_id": to.to_string()}),
            ),
            What::Copy(people) => (
                format!("user_tasks/{task}/cc"),
                json!({"operator_user_id": who, "cc_user_ids": self.all(people)}),
            ),
            What::Cancel => {
                (format!("approval_instances/{}/cancel", self.instance), json!({"user_id": who}))
            }
        };
        body["opinion"] = json!("because");
        let answer = self.app(turn).post(&format!("{APAAS}/{path}"), &body).await;
        let code = answer.code();
        assert!(code == 0 || code == 2_320_001, "{asked:?}: {}\n{}", answer.text, self.story());
        Some(code)
    }

    /// Some act at the same instant, maybe one of them twice.
    async fn round(&mut self, dice: &mut Dice) {
        let count = 1 + dice.below(AT_ONCE - 1);
        let mut asked: Vec<Asked> = (0..count).map(|_| self.choose(dice)).collect();
        if dice.below(3) == 2 {
            asked.push(asked[0].clone());
        }
        self.act(&asked).await;
        self.compare().await;
        // What one asked for alone is done once. After what others did meanwhile the model knows whether
        // there is something to do again.
        let (before, alone) = (self.entries, asked.len() == 1);
        for one in &asked {
            self.act(std::slice::from_ref(one)).await;
        }
        assert!(!alone || self.entries == before, "the last twice: {}", self.story());
    }

    /// Sends everything at once and lets the model follow.
    async fn act(&mut self, asked: &[Asked]) {
        let send = |turn| self.send(turn, asked.get(turn));
        let (a, b, c, d) = tokio::join!(send(0), send(1), send(2), send(3));
        let codes: Vec<i64> = [a, b, c, d].into_iter().flatten().collect();
        let entries = self.news().await;
        let verbs: Vec<_> = entries.iter().map(|entry| (entry.verb, entry.by)).collect();
        for (one, code) in asked.iter().zip(&codes) {
            let Asked { who, key, task, what } = one;
            self.log.push(format!("  {who} {what:?} at {key} ({task}): {code}"));
        }
        self.log.push(format!("{verbs:?}, {:?}", self.model.waits()));
        let left: Vec<_> = asked.iter().zip(codes).collect();
        match self.explain(&self.model, &left, &entries) {
            Some(model) => self.model = model,
            None => panic!("no order explains the last answers:\n{}", self.story()),
        }
    }

    /// How the model stands after an order of what is left that fits every answer and the history.
    fn explain(&self, model: &Model, left: &[(&Asked, i64)], told: &[Entry]) -> Option<Model> {
        if left.is_empty() {
            return told.is_empty().then(|| model.clone());
        }
        (0..left.len()).find_map(|next| {
            let mut rest = left.to_vec();
            let (asked, code) = rest.remove(next);
            let mut model = model.clone();
            let expected = asked.expect(&mut model);
            let accepted = code == 0;
            let by = self.people[usize::try_from(asked.who - 1).unwrap()];
            let told_first =
                told.first().filter(|entry| accepted && asked.fits(entry, by, &self.people));
            let changed = told_first.and_then(|entry| {
                let mut model = model.clone();
                opened(&mut model, entry);
                self.explain(&model, &rest, &told[1..])
            });
            match expected {
                Some(Expect::Change) => changed,
                Some(Expect::Same) if !accepted => None,
                Some(Expect::Refusal) if accepted => None,
                Some(_) => self.explain(&model, &rest, told),
                None => changed.or_else(|| self.explain(&model, &rest, told)),
            }
        })
    }

    async fn query(&self, who: Who, source: &str, state: &str) -> BTreeSet<TaskId> {
        let asked = json!({
            "kunlun_user_id": self.kunlun(who), "limit": "50", "source": source, "type": state,
        });
        let data = self.app(usize::try_from(who).unwrap()).post(USER_TASKS, &asked).await.data();
        let tasks = data["tasks"].as_array().unwrap();
        assert_eq!(data["count"], tasks.len().to_string(), "{source} {state}: {}", self.story());
        let id = |task: &Value| TaskId(task["task_id"].as_str().unwrap().parse().unwrap());
        tasks.iter().map(id).collect()
    }

    /// Everybody's list of what they may decide, and the initiator's of what they started, are as the
    /// model has them; nothing waits for nobody.
    async fn compare(&self) {
        let waits = self.model.waits();
        for (key, people) in &waits {
            assert!(!people.is_empty(), "{key} waits for nobody: {}", self.story());
            if key == "start" {
                continue; // Nothing comes before it, which is told by a refusal.
            }
            let points = self.points(key, *people.first().unwrap()).await;
            let step = |point: &Value| {
                let id = TaskId(point["id"].as_str().unwrap().parse().unwrap());
                self.tasks.iter().find(|(task, _)| *task == id).unwrap().1.clone()
            };
            let points: Vec<_> = points.iter().map(step).collect();
            assert_eq!(points, self.model.before(key), "points of {key}: {}", self.story());
        }
        for who in 1..=PEOPLE {
            let mine = waits.iter().filter(|(_, people)| people.contains(&who));
            let mine: BTreeSet<_> =
                mine.map(|(key, _)| self.model.open[key].task.unwrap()).collect();
            let listed = self.query(who, "assignMe", "pending").await;
            assert_eq!(listed, mine, "what waits for {who}: {}", self.story());
        }
        let open: BTreeSet<_> = self.model.open.values().map(|one| one.task.unwrap()).collect();
        let listed = self.query(self.initiator, "fromMe", "pending").await;
        assert_eq!(listed, open, "what {} started: {}", self.initiator, self.story());
        let ended = self.query(self.initiator, "fromMe", "archived").await;
        assert_eq!(ended.len(), self.closed, "what has ended: {}", self.story());
        assert_eq!(open.is_empty(), self.model.status != Status::InProcess, "{}", self.story());
    }

    /// If everybody agrees from here on, the instance ends soon.
    async fn agree_to_the_end(&mut self) {
        let most = self.model.steps() * usize::try_from(PEOPLE).unwrap();
        let mut steps = 0;
        while let Some((key, people)) = self.model.waits().into_iter().next() {
            let (who, task) = (*people.first().unwrap(), self.model.open[&key].task.unwrap());
            let before = self.entries;
            self.act(&[Asked { who, task, key, what: What::Vote(true) }]).await;
            assert_eq!(self.entries, before + 1, "no effect: {}", self.story());
            steps += 1;
            assert!(steps <= most, "more than {most} steps: {}", self.story());
        }
        if steps > 0 {
            assert_eq!(self.model.status, Status::Agreed, "{}", self.story());
        }
        self.compare().await;
    }
}

/// The model learns the ids of tasks that opened.
fn opened(model: &mut Model, entry: &Entry) {
    for event in &entry.events {
        if let Event::Opened { task, node } = event
            && let Some(ballot) = model.open.get_mut(node)
        {
            ballot.task = Some(*task);
        }
    }
}

/// Six people of one history, their substitutes and their flow.
async fn settle(
    hub: &TestHub,
    number: usize,
    subs: &BTreeMap<Who, Vec<Who>>,
    flow: &str,
) -> Vec<PersonId> {
    let acme = hub.acme;
    let (subs, flow) = (subs.clone(), flow.to_owned());
    let write = hub.hub.write(move |tx, cx| {
        for who in 1..=PEOPLE {
            let id = |kind, id| (kind, id);
            let aliases = vec![
                id(AliasKind::UserId, user_id(number, who)),
                id(AliasKind::Kunlun, kunlun(number, who)),
            ];
            let (name, names, department) = (user_id(number, who), Vec::new(), String::new());
            import(tx, cx, acme, &ImportedPerson { aliases, name, names, department })??;
        }
        let id = |who| (AliasKind::UserId, user_id(number, who));
        for (person, others) in &subs {
            for other in others {
                let range = (Millis(0), ALWAYS);
                let pair = (&id(*person), &id(*other));
                engine::substitutes::add(
                    tx,
                    cx,
                    acme,
                    engine::organisation::Origin::Api,
                    pair,
                    range,
                )?;
            }
        }
        apply(tx, cx, acme, &flow)?;
        let find = |who| engine::organisation::find(tx, acme, &id(who));
        (1..=PEOPLE).map(find).collect::<Result<Option<Vec<_>>, _>>()
    });
    write.await.unwrap().unwrap()
}

async fn tell(apps: &[App<'_>], number: usize, throws: Vec<u8>) -> usize {
    let mut dice = Dice::new(throws);
    let mut told = Told::begin(apps, number, &mut dice).await;
    let mut late = 0;
    while !dice.is_empty() && late < TOO_LATE && told.tasks.len() < 40 {
        told.round(&mut dice).await;
        late += usize::from(told.model.status != Status::InProcess);
    }
    told.agree_to_the_end().await;
    told.log.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn flows_run_as_the_model_says_for_people_who_act_at_once() {
    let hub = TestHub::new().await;
    let mut hubs = vec![&hub];
    let second;
    if database().is_some() {
        second = TestHub::beside(&hub).await;
        hubs.push(&second);
    }
    let mut apps = Vec::new();
    for hub in hubs {
        apps.push(hub.app("cli_oa").await);
    }
    // PROPTEST_CASES asks for more. The same histories in every run; how those who act meet differs.
    let asked = Config::default().cases;
    let cases = if asked == 256 { histories(48) } else { asked };
    let mut runner = TestRunner::deterministic();
    let throws = prop::collection::vec(any::<u8>(), 40..240);
    let all: Vec<Vec<u8>> =
        (0..cases).map(|_| throws.new_tree(&mut runner).unwrap().current()).collect();
    let some = async |first: usize| {
        let mut lines = 0;
        for (number, throws) in all.iter().enumerate().skip(first).step_by(TOLD_AT_ONCE) {
            lines += tell(&apps, number, throws.clone()).await;
        }
        lines
    };
    let (a, b, c, d) = tokio::join!(some(0), some(1), some(2), some(3));
    assert!(a + b + c + d > all.len(), "nothing happened");
    all_fits(&hub).await;
}

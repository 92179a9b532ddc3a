//! A company, an instance and short words for what people do to it.

use std::collections::{BTreeMap, BTreeSet};

use domain::flow::Status;
use domain::process::values::{Value, Values};
use domain::process::{
    self, Action, Actor, Definition, Directory, Entry, Event, Place, Profile, Refusal, Request,
    State, Submission, Substitution, World,
};
use domain::{FlowId, InstanceId, Millis, PersonId, TaskId, TenantId};

pub(crate) const TENANT: TenantId = TenantId(1);
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The people of the stories, by their numbers.
pub(crate) const ANN: PersonId = PersonId(1);
pub(crate) const BEN: PersonId = PersonId(2);
pub(crate) const CAT: PersonId = PersonId(3);
pub(crate) const DAN: PersonId = PersonId(4);
pub(crate) const EVE: PersonId = PersonId(5);
pub(crate) const FAY: PersonId = PersonId(6);
/// Has nothing to do with anything.
pub(crate) const ZOE: PersonId = PersonId(26);

#[derive(Clone, Debug, Default)]
pub(crate) struct Company {
    pub(crate) profiles: BTreeMap<PersonId, Profile>,
    pub(crate) leaders: BTreeMap<String, PersonId>,
    pub(crate) substitutions: Vec<Substitution>,
}

impl Company {
    /// Everybody from 1 to 26, called `p1` and so on, without leaders, departments and roles.
    pub(crate) fn plain() -> Self {
        let profile = |id| Profile { user_id: format!("p{id}"), ..Profile::default() };
        let profiles = (1..=26).map(|id| (PersonId(id), profile(id))).collect();
        Self { profiles, ..Self::default() }
    }

    pub(crate) fn change(&mut self, person: PersonId, change: impl FnOnce(&mut Profile)) {
        change(self.profiles.get_mut(&person).unwrap());
    }

    pub(crate) fn stands_in(
        &mut self,
        substitute: PersonId,
        person: PersonId,
        from: i64,
        until: i64,
    ) {
        let (from, until) = (Millis(from), Millis(until));
        self.substitutions.push(Substitution { person, substitute, from, until });
    }
}

impl Directory for Company {
    fn person(&self, user_id: &str) -> Option<PersonId> {
        self.profiles.iter().find(|(_, profile)| profile.user_id == user_id).map(|(id, _)| *id)
    }
    fn profile(&self, person: PersonId) -> Option<Profile> {
        self.profiles.get(&person).cloned()
    }
    fn department_leader(&self, department: &str) -> Option<PersonId> {
        self.leaders.get(department).copied()
    }
    fn role(&self, role: &str) -> Vec<PersonId> {
        let has = |profile: &Profile| profile.roles.iter().any(|one| one == role);
        self.profiles.iter().filter(|(_, profile)| has(profile)).map(|(id, _)| *id).collect()
    }
    fn substitutes(&self, person: PersonId, at: Millis) -> Vec<PersonId> {
        let covers = |one: &&Substitution| one.person == person && one.covers(at);
        self.substitutions.iter().filter(covers).map(|one| one.substitute).collect()
    }
}

/// One instance, its company and its time.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) company: Company,
    pub(crate) definition: Definition,
    pub(crate) state: State,
    pub(crate) now: i64,
    pub(crate) history: Vec<Entry>,
    ids: i64,
}

/// A definition with these nodes, in YAML.
pub(crate) fn flow(nodes: &str) -> Definition {
    let head = "api_id: a\nnamespace: n\nlabel: {zh-CN: 测试}\nnodes:\n";
    read(&format!("{head}{nodes}"))
}

pub(crate) fn read(text: &str) -> Definition {
    process::check(text).unwrap_or_else(|faults| {
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", told.join("\n"))
    })
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn values(given: &[(&str, Value)]) -> Values {
    given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

pub(crate) fn actor(person: PersonId) -> Actor {
    Actor { tenant: TENANT, person, admin: false }
}

impl Story {
    pub(crate) fn start(definition: Definition, company: Company, by: PersonId) -> Self {
        Self::start_with(definition, company, by, Values::new()).unwrap()
    }

    pub(crate) fn start_with(
        definition: Definition,
        company: Company,
        initiator: PersonId,
        values: Values,
    ) -> Result<Self, Refusal> {
        let submission = Submission {
            tenant: TENANT,
            instance: InstanceId(1000),
            flow: FlowId(7),
            version: 1,
            initiator,
            values,
        };
        let mut ids = 1000;
        let outcome = {
            let mut next_id = || {
                ids += 1;
                TaskId(ids)
            };
            let mut world = World { now: Millis(0), next_id: &mut next_id, directory: &company };
            process::start(&definition, submission, &mut world)?
        };
        let history = outcome.entry.into_iter().collect();
        Ok(Self { company, definition, state: outcome.state, now: 0, history, ids })
    }

    /// Does a request. Whether anything changed.
    pub(crate) fn ask(&mut self, by: Actor, action: Action) -> Result<bool, Refusal> {
        let request = Request { by, opinion: "because".to_owned(), action };
        let mut ids = self.ids;
        let mut next_id = || {
            ids += 1;
            TaskId(ids)
        };
        let mut world =
            World { now: Millis(self.now), next_id: &mut next_id, directory: &self.company };
        let outcome = process::act(&self.definition, &self.state, &request, &mut world)?;
        self.ids = ids;
        if outcome.entry.is_none() {
            assert_eq!(outcome.state, self.state, "a change without an entry");
        }
        let changed = outcome.entry.is_some();
        self.state = outcome.state;
        self.history.extend(outcome.entry);
        Ok(changed)
    }

    /// Lets time pass up to `now`, with one tick at its end.
    pub(crate) fn tick(&mut self, now: i64) -> Vec<Event> {
        self.now = now;
        let mut ids = self.ids;
        let mut next_id = || {
            ids += 1;
            TaskId(ids)
        };
        let mut world = World { now: Millis(now), next_id: &mut next_id, directory: &self.company };
        let outcome = process::tick(&self.definition, &self.state, &mut world);
        self.ids = ids;
        self.state = outcome.state;
        self.history.extend(outcome.entry.clone());
        outcome.entry.map(|entry| entry.events).unwrap_or_default()
    }

    /// The open task at a step.
    pub(crate) fn at(&self, key: &str) -> TaskId {
        let mut open = self.state.open_tasks().filter(|task| task.key == key);
        open.next().unwrap_or_else(|| panic!("{key} is not open, but {:?}", self.open())).id
    }

    pub(crate) fn agree(&mut self, person: PersonId, key: &str) -> Result<bool, Refusal> {
        self.ask(actor(person), Action::Agree(self.at(key)))
    }

    pub(crate) fn reject(&mut self, person: PersonId, key: &str) -> Result<bool, Refusal> {
        self.ask(actor(person), Action::Reject(self.at(key)))
    }

    pub(crate) fn transfer(
        &mut self,
        person: PersonId,
        key: &str,
        to: &[PersonId],
    ) -> Result<bool, Refusal> {
        let (task, from, to) = (self.at(key), Vec::new(), to.to_vec());
        self.ask(actor(person), Action::Transfer { task, from, to })
    }

    pub(crate) fn add(
        &mut self,
        person: PersonId,
        key: &str,
        people: &[PersonId],
        place: Place,
    ) -> Result<bool, Refusal> {
        let (task, people) = (self.at(key), people.to_vec());
        self.ask(actor(person), Action::AddAssignee { task, people, place })
    }

    pub(crate) fn roll_back(
        &mut self,
        person: PersonId,
        key: &str,
        to: &str,
    ) -> Result<bool, Refusal> {
        let task = self.at(key);
        let points = self.points(key);
        let find = |(name, _): &&(String, TaskId)| name == to;
        let to = points.iter().find(find).unwrap_or_else(|| panic!("no {to} in {points:?}")).1;
        self.ask(actor(person), Action::RollBack { task, to })
    }

    /// Where one can go back to from an open step.
    pub(crate) fn points(&self, key: &str) -> Vec<(String, TaskId)> {
        let task = self.state.task(self.at(key)).unwrap();
        process::rollback_points(&self.definition, &self.state, task)
            .into_iter()
            .map(|id| (self.state.task(id).unwrap().key.clone(), id))
            .collect()
    }

    /// Every open step with those it waits for.
    pub(crate) fn open(&self) -> BTreeMap<String, BTreeSet<PersonId>> {
        let open = self.state.open_tasks();
        open.map(|task| (task.key.clone(), task.waits_for().into_iter().collect())).collect()
    }

    /// The same, to be written down briefly.
    pub(crate) fn waits(&self) -> String {
        let open = self.open();
        if open.is_empty() {
            return format!("{:?}", self.state.status);
        }
        let one = |(key, people): (&String, &BTreeSet<PersonId>)| {
            let people: Vec<_> = people.iter().map(ToString::to_string).collect();
            format!("{key}: {}", people.join(" "))
        };
        open.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// How every task stands, in the order in which they opened.
    pub(crate) fn tasks(&self) -> String {
        let one = |task: &process::state::Task| format!("{} {:?}", task.key, task.status);
        self.state.tasks.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// How the seats of the last task at a step stand.
    pub(crate) fn seats(&self, key: &str) -> Vec<(PersonId, Status)> {
        let task = self.state.tasks.iter().rfind(|task| task.key == key).unwrap();
        task.seats.iter().map(|seat| (seat.holder, seat.status)).collect()
    }

    /// Agrees wherever that can be done, until the end. How often.
    pub(crate) fn agree_to_the_end(&mut self) -> usize {
        let mut steps = 0;
        loop {
            let next = self.state.open_tasks().next().map(|task| (task.id, task.waits_for()[0]));
            let Some((id, person)) = next else { break steps };
            assert!(self.ask(actor(person), Action::Agree(id)).unwrap(), "no effect");
            steps += 1;
            assert!(steps < 10_000, "no end");
        }
    }
}

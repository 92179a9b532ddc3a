//! A plain model of what syncs leave behind and what filters list: vectors and strings, no code of
//! the product. It says what decisions and pages say, as directly as it can.

use serde_json::{Value, json};

/// What a source system sends, as far as the model looks at it.
#[derive(Clone, Debug)]
pub struct Sync {
    pub update: bool,
    pub definition: usize,
    pub instance: usize,
    pub status: &'static str,
    pub time: i64,
    pub nobody: bool,
    pub title: Title,
    pub tasks: Vec<TaskIn>,
    pub ccs: Vec<CcIn>,
}

/// An optional member in its three forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Title {
    Absent,
    Empty,
    Text(&'static str),
}

#[derive(Clone, Debug)]
pub struct TaskIn {
    pub id: usize,
    pub user: usize,
    pub status: &'static str,
    pub time: i64,
    pub title: Title,
}

#[derive(Clone, Debug)]
pub struct CcIn {
    pub id: usize,
    pub user: usize,
    pub read: bool,
    pub time: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: usize,
    pub user: usize,
    pub status: &'static str,
    pub time: i64,
    pub title: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cc {
    pub id: usize,
    pub user: usize,
    pub read: bool,
    pub time: i64,
}

#[derive(Clone, Debug)]
pub struct Instance {
    pub id: usize,
    pub definition: usize,
    pub status: &'static str,
    pub time: i64,
    pub title: Option<&'static str>,
    pub tasks: Vec<Task>,
    pub ccs: Vec<Cc>,
    /// Purged: only its place in the order is left.
    pub gone: bool,
}

/// inserted, updated, deleted
pub type Counts = [usize; 3];

/// What a sync must answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Done {
        instance: Counts,
        task: Counts,
        cc: Counts,
    },
    /// 1390001
    Refused,
}

/// Instances in the order in which they were first accepted.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub instances: Vec<Instance>,
}

fn title(given: Title, old: Option<&'static str>) -> Option<&'static str> {
    match given {
        Title::Absent => old,
        Title::Empty => None,
        Title::Text(text) => Some(text),
    }
}

fn distinct(ids: impl Iterator<Item = usize>) -> bool {
    let mut ids: Vec<_> = ids.collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() == all
}

impl Oracle {
    /// The instance, if it is there to be seen.
    pub fn get(&self, id: usize) -> Option<&Instance> {
        self.instances.iter().find(|i| i.id == id && !i.gone)
    }

    pub fn sync(&mut self, sync: &Sync) -> Outcome {
        let known = self.get(sync.instance).cloned();
        if known.as_ref().is_some_and(|known| known.definition != sync.definition) {
            return Outcome::Refused;
        }
        let tasks_distinct = distinct(sync.tasks.iter().map(|t| t.id));
        if !tasks_distinct || !distinct(sync.ccs.iter().map(|c| c.id)) {
            return Outcome::Refused;
        }
        if !sync.update && sync.nobody && sync.status == "APPROVED" {
            return self.purge(known.as_ref());
        }
        match known {
            Some(known) if sync.update => self.update(known, sync),
            known => self.replace(known.as_ref(), sync),
        }
    }

    fn purge(&mut self, known: Option<&Instance>) -> Outcome {
        let Some(known) = known else {
            return Outcome::Done { instance: [0; 3], task: [0; 3], cc: [0; 3] };
        };
        let place = self.instances.iter_mut().find(|i| i.id == known.id).unwrap();
        place.gone = true;
        Outcome::Done {
            instance: [0, 0, 1],
            task: [0, 0, known.tasks.len()],
            cc: [0, 0, known.ccs.len()],
        }
    }

    fn put(&mut self, instance: Instance) {
        match self.instances.iter_mut().find(|i| i.id == instance.id) {
            Some(place) => *place = instance,
            None => self.instances.push(instance),
        }
    }

    fn replace(&mut self, known: Option<&Instance>, sync: &Sync) -> Outcome {
        let sent_tasks: Vec<Task> = sync
            .tasks
            .iter()
            .map(|t| Task {
                id: t.id,
                user: t.user,
                status: t.status,
                time: t.time,
                title: title(t.title, None),
            })
            .collect();
        let sent_ccs: Vec<Cc> = sync
            .ccs
            .iter()
            .map(|c| Cc { id: c.id, user: c.user, read: c.read, time: c.time })
            .collect();
        let old_tasks = known.map_or(&[][..], |k| &k.tasks);
        let old_ccs = known.map_or(&[][..], |k| &k.ccs);
        let (tasks, task) = exchange(old_tasks, &sent_tasks, |t| t.id);
        let (ccs, cc) = exchange(old_ccs, &sent_ccs, |c| c.id);
        let new = Instance {
            id: sync.instance,
            definition: sync.definition,
            status: sync.status,
            time: sync.time,
            title: title(sync.title, None),
            tasks,
            ccs,
            gone: false,
        };
        let instance = match known {
            None => [1, 0, 0],
            Some(old) => {
                let same = (old.status, old.time, old.title) == (new.status, new.time, new.title);
                [0, usize::from(!same), 0]
            }
        };
        self.put(new);
        Outcome::Done { instance, task, cc }
    }

    fn update(&mut self, mut known: Instance, sync: &Sync) -> Outcome {
        if sync.time <= known.time {
            return Outcome::Done { instance: [0; 3], task: [0; 3], cc: [0; 3] };
        }
        let (mut task, mut cc) = ([0; 3], [0; 3]);
        for sent in &sync.tasks {
            match known.tasks.iter_mut().find(|t| t.id == sent.id) {
                None => {
                    task[0] += 1;
                    known.tasks.push(Task {
                        id: sent.id,
                        user: sent.user,
                        status: sent.status,
                        time: sent.time,
                        title: title(sent.title, None),
                    });
                }
                Some(old) if sent.time > old.time => {
                    task[1] += 1;
                    old.status = sent.status;
                    old.time = sent.time;
                    old.title = title(sent.title, old.title);
                }
                Some(_) => {}
            }
        }
        for sent in &sync.ccs {
            match known.ccs.iter_mut().find(|c| c.id == sent.id) {
                None => {
                    cc[0] += 1;
                    let CcIn { id, user, read, time } = *sent;
                    known.ccs.push(Cc { id, user, read, time });
                }
                Some(old) if sent.time > old.time => {
                    cc[1] += 1;
                    old.read = sent.read;
                    old.time = sent.time;
                }
                Some(_) => {}
            }
        }
        known.status = sync.status;
        known.time = sync.time;
        known.title = title(sync.title, known.title);
        self.put(known);
        Outcome::Done { instance: [0, 1, 0], task, cc }
    }

    /// What a filter lists: instances in order, each with its matching tasks.
    pub fn list(&self, filter: &Filter) -> Vec<(usize, Vec<usize>)> {
        let mut listed = Vec::new();
        for instance in self.instances.iter().filter(|i| !i.gone) {
            if filter.instances.as_ref().is_some_and(|ids| !ids.contains(&instance.id))
                || filter.definitions.as_ref().is_some_and(|d| !d.contains(&instance.definition))
            {
                continue;
            }
            let tasks: Vec<usize> = instance
                .tasks
                .iter()
                .filter(|t| filter.status.is_none_or(|status| status == t.status))
                .filter(|t| filter.users.as_ref().is_none_or(|users| users.contains(&t.user)))
                .map(|t| t.id)
                .collect();
            let by_task = filter.status.is_some() || filter.users.is_some();
            if !by_task || !tasks.is_empty() {
                listed.push((instance.id, tasks));
            }
        }
        listed
    }
}

/// Kept things in their order, then new ones in the order sent; and what that took.
fn exchange<T: Clone + PartialEq>(
    old: &[T],
    sent: &[T],
    id: impl Fn(&T) -> usize,
) -> (Vec<T>, Counts) {
    let mut counts = [0; 3];
    let mut all = Vec::new();
    for before in old {
        match sent.iter().find(|now| id(now) == id(before)) {
            None => counts[2] += 1,
            Some(now) => {
                counts[1] += usize::from(now != before);
                all.push(now.clone());
            }
        }
    }
    for now in sent {
        if !old.iter().any(|before| id(before) == id(now)) {
            counts[0] += 1;
            all.push(now.clone());
        }
    }
    (all, counts)
}

/// A valid filter.
#[derive(Clone, Debug)]
pub struct Filter {
    pub instances: Option<Vec<usize>>,
    pub definitions: Option<Vec<usize>>,
    pub users: Option<Vec<usize>>,
    pub status: Option<&'static str>,
}

/// How the numbers of one history are spelled on the wire, so that histories share a server.
pub struct Names {
    pub run: usize,
    /// Whose people they are: those of another history may take part.
    pub people: usize,
    pub codes: Vec<String>,
}

impl Names {
    pub fn instance(&self, id: usize) -> String {
        format!("r{}-i{id}", self.run)
    }

    pub fn user(&self, id: usize) -> String {
        format!("r{}-u{id}", self.people)
    }

    pub fn payload(&self, sync: &Sync) -> Value {
        let links = json!({"pc_link": "https://oa.example.com"});
        let mut payload = json!({
            "approval_code": self.codes[sync.definition],
            "instance_id": self.instance(sync.instance),
            "status": sync.status,
            "links": links,
            "start_time": 1, "end_time": 0, "update_time": sync.time,
            "i18n_resources": [],
            "update_mode": if sync.update { "UPDATE" } else { "REPLACE" },
        });
        if !sync.nobody {
            payload["user_id"] = self.user(0).into();
        }
        set_title(&mut payload, sync.title);
        let tasks = sync.tasks.iter().map(|t| {
            let mut task = json!({
                "task_id": format!("t{}", t.id), "user_id": self.user(t.user), "links": links,
                "status": t.status, "create_time": 1, "end_time": 0, "update_time": t.time,
            });
            set_title(&mut task, t.title);
            task
        });
        payload["task_list"] = tasks.collect();
        let ccs = sync.ccs.iter().map(|c| {
            json!({
                "cc_id": format!("c{}", c.id), "user_id": self.user(c.user), "links": links,
                "read_status": if c.read { "READ" } else { "UNREAD" },
                "create_time": 1, "update_time": c.time,
            })
        });
        payload["cc_list"] = ccs.collect();
        payload
    }

    pub fn filter(&self, filter: &Filter) -> Value {
        let mut body = json!({});
        if let Some(instances) = &filter.instances {
            body["instance_ids"] = instances.iter().map(|i| self.instance(*i)).collect();
        }
        if let Some(definitions) = &filter.definitions {
            body["approval_codes"] = definitions.iter().map(|d| self.codes[*d].clone()).collect();
        }
        if let Some(users) = &filter.users {
            body["user_ids"] = users.iter().map(|u| self.user(*u)).collect();
        }
        if let Some(status) = filter.status {
            body["status"] = status.into();
        }
        body
    }

    /// The wire form of what an instance must be listed as.
    pub fn listed(&self, instance: &Instance, tasks: &[usize]) -> Value {
        let tasks = tasks.iter().map(|id| {
            let task = instance.tasks.iter().find(|t| t.id == *id).unwrap();
            let time = task.time.to_string();
            json!({"id": format!("t{id}"), "status": task.status, "update_time": time})
        });
        json!({
            "instance_id": self.instance(instance.id),
            "approval_code": self.codes[instance.definition],
            "status": instance.status,
            "update_time": instance.time.to_string(),
            "tasks": tasks.collect::<Vec<_>>(),
        })
    }
}

fn set_title(object: &mut Value, title: Title) {
    match title {
        Title::Absent => {}
        Title::Empty => object["title"] = "".into(),
        Title::Text(text) => object["title"] = text.into(),
    }
}

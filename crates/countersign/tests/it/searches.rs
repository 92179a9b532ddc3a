//! Searches over both families: random companies against a filter and a sort in memory, and what a
//! caller sees of them.

use std::collections::BTreeSet;

use domain::flow::{FlowDetails, Instance, InstanceDetails, Logic, Part, Status, Task};
use domain::person::AliasKind;
use domain::{InstanceId, Millis, PersonId, TaskId};
use engine::flows;
use engine::people::{ImportedPerson, import};
use serde_json::{Value, json};

use crate::support::{App, TestHub, cc, definition, histories, instance, task};

const QUERY: &str = "/open-apis/approval/v4/tasks/query";
const SEARCH: &str = "/open-apis/approval/v4/tasks/search";
const INSTANCES_QUERY: &str = "/open-apis/approval/v4/instances/query";
const SEARCH_CC: &str = "/open-apis/approval/v4/instances/search_cc";
const LIST: &str = "/open-apis/approval/v4/instances";

const PEOPLE: u64 = 4;
const DEFINITIONS: u64 = 3;
const FLOWS: u64 = 2;

/// Numbers that always fall the same way.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }

    fn maybe<T>(&mut self, one_in: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.roll(one_in) == 0).then(|| make(self))
    }

    /// Few, so that many things have the same.
    fn time(&mut self) -> i64 {
        1_000 + 1_000 * i64::try_from(self.roll(12)).unwrap()
    }
}

/// A task, instance or copy as the model knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Thing {
    /// What tells it apart from all others of its kind.
    name: String,
    user: String,
    /// In the words of searches.
    status: &'static str,
    start: i64,
    update: i64,
    title: String,
    of: Of,
}

/// What a thing belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Of {
    code: String,
    group: &'static str,
    /// The source's id; empty for a flow.
    external: String,
    /// The code of the instance; learnt after it was written.
    instance: String,
    status: &'static str,
}

#[derive(Default)]
struct Model {
    tasks: Vec<Thing>,
    instances: Vec<Thing>,
    copies: Vec<Thing>,
    /// Of each topic who has what.
    topics: Vec<(&'static str, Thing)>,
}

const INSTANCE_STATUS: [(&str, &str); 7] = [
    ("PENDING", "pending"),
    ("APPROVED", "approved"),
    ("REJECTED", "rejected"),
    ("CANCELED", "canceled"),
    ("DELETED", "deleted"),
    ("HIDDEN", "hidden"),
    ("TERMINATED", "canceled"),
];
const TASK_STATUS: [(&str, &str); 5] = [
    ("PENDING", "pending"),
    ("APPROVED", "approved"),
    ("REJECTED", "rejected"),
    ("TRANSFERRED", "transferred"),
    ("DONE", "done"),
];

fn person(n: u64) -> String {
    format!("person{n}")
}

struct World<'h> {
    app: App<'h>,
    codes: Vec<String>,
    model: Model,
}

const GROUPS: [&str; 3] = ["group", "other group", "group"];

async fn world<'h>(hub: &'h TestHub, run: u64, dice: &mut Dice) -> World<'h> {
    let app = hub.app("cli_oa").await;
    let mut codes = Vec::new();
    for (n, group) in GROUPS.into_iter().enumerate() {
        let mut definition = definition(&format!("r{run}-d{n}"));
        definition["group_code"] = format!("r{run} {group}").into();
        let answer = app.post(crate::support::APPROVALS, &definition).await;
        codes.push(answer.data()["approval_code"].as_str().unwrap().to_owned());
    }
    assert_eq!(codes.len() as u64, DEFINITIONS);
    let tenant = hub.acme;
    for n in 0..PEOPLE {
        let aliases = vec![
            (AliasKind::UserId, format!("r{run}-{}", person(n))),
            (AliasKind::Kunlun, format!("9{run}00{n}")),
        ];
        let whom = ImportedPerson { aliases, ..ImportedPerson::default() };
        let write = hub.hub.write(move |tx, cx| import(tx, cx, tenant, &whom));
        write.await.unwrap().unwrap();
    }
    let mut world = World { app, codes, model: Model::default() };
    for n in 0..22 {
        world.sync(run, n, dice).await;
    }
    for n in 0..14 {
        world.run(run, n, dice).await;
    }
    world
}

impl World<'_> {
    /// A third-party instance, synced twice: what is found is of the second time.
    async fn sync(&mut self, run: u64, n: u64, dice: &mut Dice) {
        let of = usize::try_from(dice.roll(DEFINITIONS)).unwrap();
        let name = format!("r{run}-i{n}");
        let mut payload = Value::Null;
        let mut things: (Vec<Thing>, Vec<Thing>, Vec<Thing>) = Default::default();
        for version in 0..2 {
            let (status, shown) = dice.one(&INSTANCE_STATUS);
            let start = dice.time();
            payload = instance(&self.codes[of], &name, status, 10 + version);
            let initiator = format!("r{run}-{}", person(dice.roll(PEOPLE)));
            payload["start_time"] = start.to_string().into();
            payload["user_id"] = initiator.as_str().into();
            let title = format!("title {}", dice.roll(5));
            payload["title"] = title.as_str().into();
            let belongs = Of {
                code: self.codes[of].clone(),
                group: GROUPS[of],
                external: name.clone(),
                instance: String::new(),
                status: if status == "TERMINATED" { "terminated" } else { shown },
            };
            let own = Thing {
                name: name.clone(),
                user: initiator,
                status: belongs.status,
                start,
                update: 0,
                title,
                of: belongs.clone(),
            };
            let mut tasks = Vec::new();
            for k in 0..dice.roll(4) {
                let (word, shown) = dice.one(&TASK_STATUS);
                let (start, update) = (dice.time(), dice.time());
                let who = format!("r{run}-{}", person(dice.roll(PEOPLE)));
                let mut sent = task(&format!("{name}-t{k}"), &who, word, update);
                sent["create_time"] = start.to_string().into();
                let title = dice.maybe(2, |dice| format!("sign {}", dice.roll(5)));
                if let Some(title) = &title {
                    sent["title"] = title.as_str().into();
                }
                payload["task_list"].as_array_mut().unwrap().push(sent);
                tasks.push(Thing {
                    name: format!("{name}-t{k}"),
                    user: who,
                    status: shown,
                    start,
                    update,
                    title: title.unwrap_or_else(|| own.title.clone()),
                    of: belongs.clone(),
                });
            }
            let mut copies = Vec::new();
            for k in 0..dice.roll(3) {
                let who = format!("r{run}-{}", person(dice.roll(PEOPLE)));
                let (start, read) = (dice.time(), dice.roll(2) == 0);
                let mut sent = cc(&format!("{name}-c{k}"), &who, 20);
                sent["create_time"] = start.to_string().into();
                sent["read_status"] = if read { "READ" } else { "UNREAD" }.into();
                sent["title"] = format!("note {k}").into();
                payload.as_object_mut().unwrap().entry("cc_list").or_insert(json!([]));
                payload["cc_list"].as_array_mut().unwrap().push(sent);
                copies.push(Thing {
                    name: format!("{name} {start} note {k}"),
                    user: who,
                    status: if read { "read" } else { "unread" },
                    start,
                    update: 0,
                    title: format!("note {k}"),
                    of: belongs.clone(),
                });
            }
            things = (vec![own], tasks, copies);
            self.app.sync(&payload).await;
        }
        let (own, tasks, copies) = things;
        let mut topics = Vec::new();
        if payload["status"] != "DELETED" {
            topics.extend(own.iter().map(|thing| ("3", thing.clone())));
            let seen = tasks.iter().filter(|task| task.status != "done");
            let topic = |t: &Thing| if t.status == "pending" { "1" } else { "2" };
            topics.extend(seen.map(|task| (topic(task), task.clone())));
            let topic = |c: &Thing| if c.status == "unread" { "17" } else { "18" };
            topics.extend(copies.iter().map(|copy| (topic(copy), copy.clone())));
        }
        self.model.instances.extend(own);
        self.model.tasks.extend(tasks);
        self.model.copies.extend(copies);
        self.model.topics.extend(topics);
    }

    /// An instance of a flow with one task.
    async fn run(&mut self, run: u64, n: u64, dice: &mut Dice) {
        let hub = self.app.hub;
        let tenant = hub.acme;
        let id = i64::try_from(8_000_000 + run * 10_000 + n * 10).unwrap();
        let api_id = format!("r{run}-f{}", dice.roll(FLOWS));
        let (status, shown) = dice.one(&[
            (Status::InProcess, "pending"),
            (Status::Agreed, "approved"),
            (Status::Rejected, "rejected"),
            (Status::Canceled, "canceled"),
            (Status::Terminated, "terminated"),
        ]);
        let (start, begun, ended) = (dice.time(), dice.time(), dice.time());
        let initiator = dice.roll(PEOPLE);
        let open = status == Status::InProcess;
        let mut parts = Vec::new();
        for _ in 0..=dice.roll(3) {
            let choices = [Status::InProcess, Status::Agreed, Status::Unstarted, Status::AutoEnd];
            let status = if open { dice.one(&choices) } else { dice.one(&[status, choices[1]]) };
            let closed = status != Status::InProcess && status != Status::Unstarted;
            parts.push((dice.roll(PEOPLE), status, if closed { ended } else { 0 }));
        }
        let copied: BTreeSet<u64> = (0..dice.roll(3)).map(|_| dice.roll(PEOPLE)).collect();

        let (flow, made, copies) = (api_id.clone(), parts.clone(), copied.clone());
        let write = hub.hub.write(move |tx, cx| {
            let mut known = Vec::new();
            for n in 0..PEOPLE {
                let alias = format!("9{run}00{n}");
                let found = store::person::person_by_alias(tx, tenant, AliasKind::Kunlun, &alias)?;
                known.push(found.unwrap());
            }
            let who = |n: u64| known[usize::try_from(n).unwrap()];
            let details = FlowDetails { label: Vec::new(), namespace: "package".to_owned() };
            let part = |(n, status, end): &(u64, Status, i64)| Part {
                person: who(*n),
                status: *status,
                end_time: Millis(*end),
            };
            let task = Task {
                id: TaskId(id + 1),
                node: "node".to_owned(),
                logic: Logic::All,
                status,
                start_time: Millis(begun),
                end_time: Millis(if open { 0 } else { ended }),
                parts: made.iter().map(part).collect(),
                ccs: copies.iter().map(|n| who(*n)).collect::<BTreeSet<_>>().into_iter().collect(),
            };
            let instance = Instance {
                id: InstanceId(id),
                flow: flows::define(tx, cx, tenant, &flow, &details)?,
                initiator: who(initiator),
                status,
                start_time: Millis(start),
                end_time: Millis(if open { 0 } else { ended }),
                details: InstanceDetails::default(),
                tasks: vec![task],
            };
            flows::put(tx, cx, tenant, &instance)
        });
        write.await.unwrap();

        let of = Of {
            code: api_id,
            group: "",
            external: String::new(),
            instance: id.to_string(),
            status: shown,
        };
        let made = Made { id, start, initiator, open, begun, parts, copied };
        self.model.note(run, &of, &made);
    }
}

/// An instance of a flow as it was written.
struct Made {
    id: i64,
    start: i64,
    initiator: u64,
    open: bool,
    begun: i64,
    parts: Vec<(u64, Status, i64)>,
    copied: BTreeSet<u64>,
}

impl Model {
    fn note(&mut self, run: u64, of: &Of, made: &Made) {
        let Made { id, begun, open, .. } = *made;
        let thing = |name: String, n: u64, status, start, update| Thing {
            name,
            user: format!("r{run}-{}", person(n)),
            status,
            start,
            update,
            title: String::new(),
            of: of.clone(),
        };
        self.instances.push(thing(id.to_string(), made.initiator, of.status, made.start, 0));
        let row = (id + 1).to_string();
        self.topics.push(("3", thing(row.clone(), made.initiator, of.status, begun, 0)));
        for n in &made.copied {
            let copy = thing(format!("{id} {begun} "), *n, "unread", begun, 0);
            self.topics.push(("17", Thing { name: row.clone(), ..copy.clone() }));
            self.copies.push(copy);
        }
        for n in 0..PEOPLE {
            let of_one: Vec<_> = made.parts.iter().filter(|part| part.0 == n).collect();
            if of_one.is_empty() {
                continue;
            }
            let waits = open && of_one.iter().any(|part| part.1 == Status::InProcess);
            let topic = if waits { "1" } else { "2" };
            self.topics.push((topic, thing(row.clone(), n, "", begun, 0)));
            // Whose turn has not come has no task yet.
            let counted = of_one.iter().rev().find(|part| !(open && part.1 == Status::Unstarted));
            let Some((_, last, end)) = counted else { continue };
            let (status, end) = match last {
                _ if waits => ("pending", 0),
                Status::Agreed => ("approved", *end),
                Status::Rejected => ("rejected", *end),
                _ => ("done", *end),
            };
            self.tasks.push(thing(row.clone(), n, status, begun, begun.max(end)));
        }
    }
}

/// Every entry of a search, page by page, each page within its bounds.
async fn walk(app: &App<'_>, path: &str, list: &str, body: &Value, size: usize) -> Vec<Value> {
    counted(app, path, list, body, size).await.0
}

/// The same, with what the pages count.
async fn counted(
    app: &App<'_>,
    path: &str,
    list: &str,
    body: &Value,
    size: usize,
) -> (Vec<Value>, BTreeSet<u64>) {
    let (mut found, mut token, mut counts) = (Vec::new(), String::new(), BTreeSet::new());
    loop {
        let path = format!("{path}?user_id_type=user_id&page_size={size}&page_token={token}");
        let data = app.post(&path, body).await.data();
        let page = data[list].as_array().unwrap();
        counts.insert(data["count"].as_u64().unwrap());
        assert!(page.len() <= size);
        found.extend(page.iter().cloned());
        assert_eq!(data["has_more"].as_bool().unwrap(), data.get("page_token").is_some());
        match data.get("page_token") {
            None => return (found, counts),
            Some(next) => next.as_str().unwrap().clone_into(&mut token),
        }
    }
}

/// What tells an entry apart, with its user and status.
fn named(entry: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let or = |a: &Value, b: &Value| if a == "" { text(b) } else { text(a) };
    let instance = &entry["instance"];
    if let Some(task) = entry.get("task") {
        let name = or(&task["task_external_id"], &task["task_id"]);
        return (name, text(&task["user_id"]), text(&task["status"]));
    }
    let name = or(&instance["external_id"], &instance["code"]);
    if let Some(cc) = entry.get("cc") {
        let name = format!("{name} {} {}", text(&cc["create_time"]), text(&cc["title"]));
        return (name, text(&cc["user_id"]), text(&cc["read_status"]));
    }
    (name, text(&instance["user_id"]), text(&instance["status"]))
}

fn time(entry: &Value, by_update: bool) -> i64 {
    let of = match (entry.get("task"), entry.get("cc")) {
        (Some(task), _) if by_update => &task["update_time"],
        (Some(task), _) => &task["start_time"],
        (_, Some(cc)) => &cc["create_time"],
        _ => &entry["instance"]["start_time"],
    };
    of.as_str().unwrap().parse().unwrap()
}

/// A random filter, as the caller sends it and as the model applies it.
struct Asked {
    body: Value,
    keep: Box<dyn Fn(&Thing) -> bool>,
    /// The same with tasks of withdrawn instances, which are counted.
    counts: Box<dyn Fn(&Thing) -> bool>,
    by_update: bool,
    ascending: bool,
}

fn ask(world: &World<'_>, run: u64, dice: &mut Dice, kind: usize) -> Asked {
    let mut body = json!({});
    let codes: Vec<String> = world.codes.iter().cloned().chain([format!("r{run}-f0")]).collect();
    let any = &world.model.instances;
    let sample = any[usize::try_from(dice.roll(any.len() as u64)).unwrap()].of.clone();
    let user = dice.maybe(2, |dice| format!("r{run}-{}", person(dice.roll(PEOPLE))));
    let flow_known = any.iter().any(|thing| thing.of.code == codes[3]);
    let code = codes[usize::try_from(dice.roll(if flow_known { 4 } else { 3 })).unwrap()].clone();
    let code = dice.maybe(3, |_| code);
    let group = dice.maybe(4, |dice| dice.one(&["group", "other group", "no group"]));
    let instance = dice.maybe(6, |_| sample.instance.clone()).filter(|code| !code.is_empty());
    let external = dice.maybe(6, |_| sample.external.clone()).filter(|name| !name.is_empty());
    let nothing = user.is_none() && code.is_none() && group.is_none();
    let nothing = nothing && instance.is_none() && external.is_none();
    let user = if nothing { Some(format!("r{run}-{}", person(0))) } else { user };
    let [title, from, to] = [
        ["task_title", "task_start_time_from", "task_start_time_to"],
        ["instance_title", "instance_start_time_from", "instance_start_time_to"],
        ["cc_title", "cc_create_time_from", "cc_create_time_to"],
    ][kind];
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            body[name] = value.into();
        }
    };
    set("user_id", user.as_deref());
    set("approval_code", code.as_deref());
    set("group_external_id", group.map(|group| format!("r{run} {group}")).as_deref());
    set("instance_code", instance.as_deref());
    set("instance_external_id", external.as_deref());
    let part = dice.maybe(5, |dice| dice.one(&["1", "title", "sign 2", "note 0"]));
    set(title, part);
    let range = dice.maybe(3, |dice| (dice.time(), dice.time())).map(|(a, b)| (a.min(b), a.max(b)));
    if let Some((least, most)) = range {
        set(from, Some(&least.to_string()));
        set(to, Some(&most.to_string()));
    }
    let mut statuses: Option<Vec<&'static str>> = None;
    let (mut order, mut with_revoked) = (2, true);
    match kind {
        0 => {
            order = dice.roll(4);
            body["order"] = order.into();
            with_revoked = dice.roll(2) == 0;
            body["with_revoked_instance"] = with_revoked.into();
            let some: Vec<_> = (0..dice.roll(4)).map(|_| dice.one(&TASK_STATUS)).collect();
            if dice.roll(2) == 0 {
                body["task_status"] = dice.one(&["ALL", "PENDING"]).into();
                statuses = (body["task_status"] == "PENDING").then(|| vec!["pending"]);
            }
            if !some.is_empty() {
                body["task_status_list"] = some.iter().map(|(word, _)| *word).collect();
                statuses = Some(some.iter().map(|(_, shown)| *shown).collect());
            }
        }
        1 => {
            let words: [(&str, &[&'static str]); 6] = [
                ("PENDING", &["pending"]),
                ("RECALL", &["canceled", "terminated"]),
                ("REJECT", &["rejected"]),
                ("DELETED", &["deleted"]),
                ("APPROVED", &["approved"]),
                ("ALL", &[]),
            ];
            let (word, means) = dice.one(&words);
            body["instance_status"] = word.into();
            statuses = (!means.is_empty()).then(|| means.to_vec());
        }
        _ => {
            let (word, means) = dice.one(&[("READ", "read"), ("unread", "unread"), ("ALL", "")]);
            body["read_status"] = word.into();
            statuses = (!means.is_empty()).then(|| vec![means]);
        }
    }
    let keep = move |thing: &Thing| {
        let of = &thing.of;
        let by_definition = code.is_none() && group.is_none()
            || code.as_ref() == Some(&of.code)
            || group == Some(of.group);
        let by_instance = instance.is_none() && external.is_none()
            || instance.as_ref() == Some(&of.instance)
            || external.as_ref() == Some(&of.external);
        let title = if of.external.is_empty() { "" } else { &thing.title };
        user.as_ref().is_none_or(|user| *user == thing.user)
            && by_definition
            && by_instance
            && part.is_none_or(|part| title.contains(part))
            && statuses.as_ref().is_none_or(|some| some.contains(&thing.status))
            && range.is_none_or(|(from, to)| (from..=to).contains(&thing.start))
    };
    let counts = keep.clone();
    let keep = move |thing: &Thing| keep(thing) && (with_revoked || thing.of.status != "canceled");
    let (by_update, ascending) = (order < 2, order % 2 == 1);
    Asked { body, keep: Box::new(keep), counts: Box::new(counts), by_update, ascending }
}

/// Learns the codes of third-party instances, which are made by the server.
async fn learn(world: &mut World<'_>) {
    let external: Vec<String> =
        world.model.instances.iter().map(|t| t.of.external.clone()).collect();
    for name in external.iter().filter(|name| !name.is_empty()) {
        let body = json!({"instance_external_id": name});
        let found = walk(&world.app, INSTANCES_QUERY, "instance_list", &body, 5).await;
        assert_eq!(found.len(), 1, "{name}");
        let code = found[0]["instance"]["code"].as_str().unwrap();
        let Model { tasks, instances, copies, .. } = &mut world.model;
        for thing in [tasks, instances, copies].into_iter().flatten() {
            if thing.of.external == *name {
                code.clone_into(&mut thing.of.instance);
            }
        }
    }
}

#[tokio::test]
async fn searches_find_what_a_filter_and_a_sort_in_memory_find() {
    let hub = TestHub::new().await;
    for run in 0..u64::from(histories(12)) {
        let mut dice = Dice(run + 1);
        let mut world = world(&hub, run, &mut dice).await;
        learn(&mut world).await;
        let kinds = [
            (SEARCH, "task_list", &world.model.tasks),
            (INSTANCES_QUERY, "instance_list", &world.model.instances),
            (SEARCH_CC, "cc_list", &world.model.copies),
        ];
        let mut matched = 0;
        for (kind, (path, list, things)) in kinds.into_iter().enumerate() {
            for _ in 0..40 {
                let asked = ask(&world, run, &mut dice, kind);
                let found = walk(&world.app, path, list, &asked.body, 5).await;
                let times: Vec<i64> = found.iter().map(|e| time(e, asked.by_update)).collect();
                let sorted = if asked.ascending {
                    times.is_sorted()
                } else {
                    times.is_sorted_by(|a, b| a >= b)
                };
                assert!(sorted, "{}: {times:?}", asked.body);
                let (whole, counts) = counted(&world.app, path, list, &asked.body, 200).await;
                let all = things.iter().filter(|thing| (asked.counts)(thing)).count();
                let is_called =
                    asked.body.as_object().unwrap().keys().any(|k| k.ends_with("title"));
                let count = if is_called { whole.len() } else { all };
                assert_eq!(counts, BTreeSet::from([count as u64]), "{}", asked.body);
                if !is_called {
                    let (_, counts) = counted(&world.app, path, list, &asked.body, 5).await;
                    assert_eq!(counts, BTreeSet::from([count as u64]), "{}", asked.body);
                }
                assert_eq!(found, whole, "pages of another size: {}", asked.body);
                let mut seen: Vec<_> = found.iter().map(named).collect();
                seen.sort();
                let mut expected: Vec<_> = things
                    .iter()
                    .filter(|thing| (asked.keep)(thing))
                    .map(|t| {
                        let status = if t.status == "terminated" { "canceled" } else { t.status };
                        (t.name.clone(), t.user.clone(), status.to_owned())
                    })
                    .collect();
                expected.sort();
                assert_eq!(seen, expected, "run {run}: {}", asked.body);
                matched += expected.len();
            }
        }
        assert!(matched > 100, "too little is found for a test: {matched}");
        topics(&world, run).await;
        lists(&world, run).await;
    }
    assert_eq!(hub.doctor().await.faults, Vec::<String>::new());
}

/// Each topic of each person, page by page.
async fn topics(world: &World<'_>, run: u64) {
    for (n, topic) in (0..PEOPLE).flat_map(|n| ["1", "2", "3", "17", "18"].map(|t| (n, t))) {
        let user = format!("r{run}-{}", person(n));
        let mut expected: Vec<(i64, String)> = (world.model.topics.iter())
            .filter(|(of, thing)| *of == topic && thing.user == user)
            .map(|(_, thing)| (thing.start, of_topic(thing)))
            .collect();
        expected.sort();
        for size in [1, 3, 200] {
            let (mut seen, mut token, mut first) = (Vec::new(), String::new(), true);
            loop {
                let path = format!(
                    "{QUERY}?user_id_type=user_id&user_id={user}&topic={topic}&page_size={size}\
                     &page_token={token}"
                );
                let data = world.app.get(&path, &Value::Null).await.data();
                let count = expected.len();
                let counted = first.then(|| json!({"total": count, "has_more": false}));
                assert_eq!(data.get("count"), counted.as_ref(), "the first page alone counts");
                first = false;
                for task in data["tasks"].as_array().unwrap() {
                    assert_eq!(
                        (&task["topic"], &task["user_id"]),
                        (&topic.into(), &user.as_str().into())
                    );
                    let text = |name: &str| task[name].as_str().unwrap().to_owned();
                    let own = text("process_external_id");
                    seen.push(if own.is_empty() { text("task_id") } else { own });
                }
                assert_eq!(data["has_more"].as_bool().unwrap(), data.get("page_token").is_some());
                match data.get("page_token") {
                    None => break,
                    Some(next) => next.as_str().unwrap().clone_into(&mut token),
                }
            }
            let mut all: Vec<String> = expected.iter().map(|(_, name)| name.clone()).collect();
            all.sort();
            let latest: Vec<i64> = expected.iter().rev().map(|(start, _)| *start).collect();
            let start = |name: &String| {
                let same: Vec<i64> =
                    expected.iter().filter(|(_, own)| own == name).map(|(s, _)| *s).collect();
                same
            };
            for (name, start_of) in seen.iter().zip(&latest) {
                assert!(start(name).contains(start_of), "{user} {topic}: the latest start first");
            }
            seen.sort();
            assert_eq!(seen, all, "{user}, topic {topic}, pages of {size}");
        }
    }
}

/// Entries of a topic are told apart by the source's id of the instance, or the task of a flow.
fn of_topic(thing: &Thing) -> String {
    if thing.of.external.is_empty() { thing.name.clone() } else { thing.of.external.clone() }
}

/// The codes of each definition's instances, in the order of their start.
async fn lists(world: &World<'_>, run: u64) {
    let flow = format!("r{run}-f0");
    let known = world.model.instances.iter().any(|thing| thing.of.code == flow);
    let flow = known.then_some(flow);
    for code in world.codes.iter().cloned().chain(flow) {
        for (from, to) in [(0, i64::MAX), (3_000, 9_000), (5_000, 5_000)] {
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let path = format!(
                    "{LIST}?approval_code={code}&start_time={from}&end_time={to}&page_size=2\
                     &page_token={token}"
                );
                let data = world.app.get(&path, &Value::Null).await.data();
                let page = data["instance_code_list"].as_array().unwrap();
                seen.extend(page.iter().map(|code| code.as_str().unwrap().to_owned()));
                match data.get("page_token") {
                    None => break,
                    Some(next) => next.as_str().unwrap().clone_into(&mut token),
                }
            }
            let mut expected: Vec<(i64, i64)> = (world.model.instances.iter())
                .filter(|t| t.of.code == code && (from..=to).contains(&t.start))
                .map(|t| (t.start, t.of.instance.parse().unwrap()))
                .collect();
            expected.sort_unstable();
            let expected: Vec<String> = expected.iter().map(|(_, id)| id.to_string()).collect();
            assert_eq!(seen, expected, "{code} from {from} to {to}");
        }
    }
}

/// What is refused, under which code, and which member is named.
#[tokio::test]
async fn every_fault_of_a_search_is_named() {
    let hub = TestHub::new().await;
    let oa = hub.app("cli_oa").await;
    let code = oa.define("named").await;
    let (field, param) = (99_992_402, 1_390_001);
    let far = (2_592_000_001_i64).to_string();
    let far = far.as_str();
    let kinds = [(SEARCH, "task"), (INSTANCES_QUERY, "instance"), (SEARCH_CC, "cc")];
    for (path, kind) in kinds {
        let title = format!("{kind}_title");
        let middle = if kind == "cc" { "create" } else { "start" };
        let from = format!("{kind}_{middle}_time_from");
        let to = format!("{kind}_{middle}_time_to");
        let status = if kind == "cc" { "read_status".to_owned() } else { format!("{kind}_status") };
        let long = "x".repeat(8_193);
        let own = |body: Value| {
            let mut whole = json!({"user_id": "somebody"});
            whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            whole
        };
        let rows = [
            (json!({}), param, "user_id"),
            (json!({"user_id": "", &title: "x"}), param, "user_id"),
            (own(json!({"user_id": 5})), 9_499, "user_id"),
            (own(json!({"user_id": "x".repeat(257)})), field, "user_id"),
            (own(json!({"approval_code": "x".repeat(129)})), field, "approval_code"),
            (own(json!({"approval_code": "nobody's"})), 1_390_002, "approval_code"),
            (own(json!({"instance_code": "12345"})), 1_390_003, "instance_code"),
            (own(json!({"instance_code": "x"})), 1_390_003, "instance_code"),
            (own(json!({"instance_external_id": "a\0"})), field, "instance_external_id"),
            (own(json!({"group_external_id": []})), 9_499, "group_external_id"),
            (own(json!({&title: long})), field, title.as_str()),
            (own(json!({&status: "OPEN"})), field, status.as_str()),
            (own(json!({&status: true})), 9_499, status.as_str()),
            (own(json!({"locale": "fr-FR"})), field, "locale"),
            (own(json!({&from: "x"})), field, from.as_str()),
            (own(json!({&from: "1"})), param, to.as_str()),
            (own(json!({&to: 1})), param, from.as_str()),
            (own(json!({&from: 2, &to: "1"})), param, from.as_str()),
            (own(json!({&from: "0", &to: far})), param, from.as_str()),
        ];
        for (body, code, member) in rows {
            let answer = oa.post(path, &body).await;
            let seen = (answer.code(), answer.fields());
            assert_eq!(seen, (code, vec![member.to_owned()]), "{path} {body}: {}", answer.text);
        }
        for query in ["page_size=4", "page_size=201", "page_size=x", "user_id_type=kunlun"] {
            let answer = oa.post(&format!("{path}?{query}"), &own(json!({}))).await;
            let member = query.split('=').next().unwrap().to_owned();
            assert_eq!((answer.code(), answer.fields()), (field, vec![member]), "{query}");
        }
        let answer = oa.post(&format!("{path}?page_token=forged"), &own(json!({}))).await;
        assert_eq!((answer.code(), answer.fields()), (param, vec!["page_token".to_owned()]));
        // Nobody, no group and no source's id are no faults.
        let unknown = json!({"user_id": "nobody", "group_external_id": "none"});
        let data = oa.post(path, &unknown).await.data();
        assert_eq!((&data["count"], &data["has_more"]), (&json!(0), &json!(false)));
        oa.post(path, &json!({"approval_code": code, &from: "0", &to: "2592000000"})).await.data();
    }
    let mut body = json!({"user_id": "somebody", "order": 4});
    let answer = oa.post(SEARCH, &body).await;
    assert_eq!((answer.code(), answer.fields()), (field, vec!["order".to_owned()]));
    body = json!({"user_id": "somebody", "task_status_list": ["DONE", "ALL"]});
    let answer = oa.post(SEARCH, &body).await;
    assert_eq!((answer.code(), answer.fields()), (field, vec!["task_status_list[*]".to_owned()]));
}

#[tokio::test]
async fn every_fault_of_the_other_queries_is_named() {
    let hub = TestHub::new().await;
    let oa = hub.app("cli_oa").await;
    let code = oa.define("named").await;
    let rows = [
        (format!("{QUERY}?topic=1"), 99_992_402, vec!["user_id"]),
        (format!("{QUERY}?user_id=a"), 99_992_402, vec!["topic"]),
        (QUERY.to_owned(), 99_992_402, vec!["user_id", "topic"]),
        (format!("{QUERY}?user_id=a&topic=4"), 99_992_402, vec!["topic"]),
        (format!("{QUERY}?user_id=a&topic=1&page_size=0"), 99_992_402, vec!["page_size"]),
        (format!("{QUERY}?user_id=a&topic=1&page_size=201"), 99_992_402, vec!["page_size"]),
        (format!("{QUERY}?user_id=a&topic=1&page_token=x"), 1_390_001, vec!["page_token"]),
        (LIST.to_owned(), 99_992_402, vec!["approval_code", "start_time", "end_time"]),
        (
            format!("{LIST}?approval_code={code}&start_time=-1&end_time=x"),
            99_992_402,
            vec!["start_time", "end_time"],
        ),
        (
            format!("{LIST}?approval_code={code}&start_time=2&end_time=1"),
            1_390_001,
            vec!["start_time"],
        ),
        (
            format!("{LIST}?approval_code={code}&start_time=1&end_time=2&page_size=101"),
            99_992_402,
            vec!["page_size"],
        ),
        (
            format!("{LIST}?approval_code=x&start_time=1&end_time=2"),
            1_390_002,
            vec!["approval_code"],
        ),
        (format!("{LIST}/12345"), 1_390_003, vec!["instance_code"]),
        (format!("{LIST}/x"), 1_390_003, vec!["instance_code"]),
        (format!("{LIST}/1?locale=x&user_id_type=y"), 99_992_402, vec!["user_id_type", "locale"]),
    ];
    for (path, code, fields) in rows {
        let answer = oa.get(&path, &Value::Null).await;
        assert_eq!(
            (answer.code(), answer.fields()),
            (code, fields.iter().map(|f| (*f).to_owned()).collect()),
            "{path}"
        );
    }
    let nobody = oa.get(&format!("{QUERY}?user_id=nobody&topic=1"), &Value::Null).await.data();
    assert_eq!(
        nobody,
        json!({"tasks": [], "has_more": false, "count": {"total": 0, "has_more": false}})
    );
}

#[tokio::test]
async fn a_page_token_continues_its_own_query_for_its_own_app_alone() {
    let hub = TestHub::new().await;
    let (oa, erp) = (hub.app("cli_oa").await, hub.app("cli_erp").await);
    let code = oa.define("paged").await;
    for n in 0..7 {
        oa.sync(&instance(&code, &format!("i{n}"), "PENDING", 1)).await;
    }
    let body = json!({"approval_code": code});
    let path = format!("{INSTANCES_QUERY}?page_size=5");
    let first = oa.post(&path, &body).await.data();
    let token = first["page_token"].as_str().unwrap();
    let next = format!("{INSTANCES_QUERY}?page_size=200&page_token={token}");
    assert_eq!(oa.post(&next, &body).await.data()["instance_list"].as_array().unwrap().len(), 2);
    let narrowed = json!({"approval_code": code, "instance_status": "PENDING"});
    for (app, body, path) in [
        (&erp, &body, next.clone()),
        (&oa, &narrowed, next.clone()),
        (&oa, &body, next.replace("instances/query", "instances/search_cc")),
        (&oa, &body, format!("{next}x")),
    ] {
        let answer = app.post(&path, body).await;
        assert_eq!(
            (answer.code(), answer.fields()),
            (1_390_001, vec!["page_token".to_owned()]),
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn more_than_a_thousand_are_counted_as_many() {
    let hub = TestHub::new().await;
    let oa = hub.app("cli_oa").await;
    let code = oa.define("many").await;
    let many = |of: i64, n: i64| {
        let mut payload = instance(&code, &format!("many{of}"), "PENDING", 1);
        payload["task_list"] =
            (0..n).map(|k| task(&format!("t{k}"), "busy", "PENDING", 1)).collect();
        payload
    };
    for (of, n) in [(1, 300), (2, 300), (3, 300), (4, 99)] {
        oa.sync(&many(of, n)).await;
    }
    let listed = format!("{QUERY}?user_id_type=user_id&user_id=busy&topic=1&page_size=1");
    let searched = format!("{SEARCH}?user_id_type=user_id&page_size=5");
    let body = json!({"user_id": "busy"});
    let data = oa.get(&listed, &Value::Null).await.data();
    assert_eq!(data["count"], json!({"total": 999, "has_more": false}));
    assert_eq!(oa.post(&searched, &body).await.data()["count"], 999);
    oa.sync(&many(4, 101)).await;
    let data = oa.get(&listed, &Value::Null).await.data();
    assert_eq!(data["count"], json!({"total": 999, "has_more": true}));
    assert_eq!(oa.post(&searched, &body).await.data()["count"], 1_000);
}

#[tokio::test]
async fn tasks_of_both_families_with_the_same_numbers_and_times_come_once_each() {
    let hub = TestHub::new().await;
    let oa = hub.app("cli_oa").await;
    let code = oa.define("twins").await;
    let mut payload = instance(&code, "twins", "PENDING", 1_000);
    let made = |n: u64| task(&format!("t{n}"), "ann", "PENDING", 1_000);
    payload["task_list"] = (0..7).map(made).chain([task("other", "bob", "DONE", 1)]).collect();
    oa.sync(&payload).await;
    let of_ann = |order: u64| json!({"user_id": "ann", "order": order});
    let number = |entry: &Value| entry["task"]["task_id"].as_str().unwrap().to_owned();
    let found = walk(&oa, SEARCH, "task_list", &of_ann(3), 5).await;
    let numbers: Vec<String> = found.iter().map(number).collect();
    assert_eq!(numbers.len(), 7);

    let (tenant, same) = (hub.acme, numbers.clone());
    let write = hub.hub.write(move |tx, cx| {
        let mut who = Vec::new();
        for user in ["ann", "bob"] {
            let known = store::person::person_by_alias(tx, tenant, AliasKind::UserId, user)?;
            who.push(known.unwrap());
        }
        let part =
            |p: &PersonId| Part { person: *p, status: Status::InProcess, end_time: Millis(0) };
        let task = |number: &String| Task {
            id: TaskId(number.parse().unwrap()),
            node: "node".to_owned(),
            logic: Logic::All,
            status: Status::InProcess,
            start_time: Millis(1_000),
            end_time: Millis(0),
            parts: who.iter().map(part).collect(),
            ccs: Vec::new(),
        };
        let details = FlowDetails { label: Vec::new(), namespace: "package".to_owned() };
        let instance = Instance {
            id: InstanceId(7),
            flow: flows::define(tx, cx, tenant, "twin", &details)?,
            initiator: who[0],
            status: Status::InProcess,
            start_time: Millis(1_000),
            end_time: Millis(0),
            details: InstanceDetails::default(),
            tasks: same.iter().map(task).collect(),
        };
        flows::put(tx, cx, tenant, &instance)
    });
    write.await.unwrap();

    // Of each number first the flow's, then the source's.
    let twins = numbers.iter().enumerate().flat_map(|(n, id)| [id.clone(), format!("t{n}")]);
    let twins: Vec<String> = twins.collect();
    for order in [1, 3] {
        let up = walk(&oa, SEARCH, "task_list", &of_ann(order), 5).await;
        let mut seen: Vec<String> = up.iter().map(|entry| named(entry).0).collect();
        assert_eq!(seen, twins);
        let down = walk(&oa, SEARCH, "task_list", &of_ann(order - 1), 5).await;
        seen.reverse();
        assert_eq!(down.iter().map(|entry| named(entry).0).collect::<Vec<_>>(), seen);
    }
    // Each of the flow's is two people's, whom pages may part.
    for order in [2, 3] {
        let body = json!({"approval_code": "twin", "order": order});
        let (found, counts) = counted(&oa, SEARCH, "task_list", &body, 5).await;
        let all: BTreeSet<_> = found.iter().map(named).collect();
        assert_eq!((found.len(), all.len(), counts), (14, 14, BTreeSet::from([14])));
    }
}

#[tokio::test]
async fn an_instance_is_told_whole() {
    let hub = TestHub::new().await;
    let oa = hub.app("cli_oa").await;
    let code = oa.define("whole").await;
    let mut payload = instance(&code, "whole", "CANCELED", 1);
    payload["end_time"] = "5000".into();
    payload["form"] = json!([{"name": "days", "value": "3"}]);
    let mut done = task("t1", "alice", "APPROVED", 2);
    done["end_time"] = "3000".into();
    payload["task_list"] = json!([done, task("t2", "bob", "PENDING", 1)]);
    payload["cc_list"] = json!([cc("c1", "carol", 1)]);
    oa.sync(&payload).await;
    let listed = format!("{LIST}?approval_code=whole&start_time=1000&end_time=1000");
    let codes = oa.get(&listed, &Value::Null).await.data();
    let id = codes["instance_code_list"][0].as_str().unwrap();
    let data = oa.get(&format!("{LIST}/{id}"), &Value::Null).await.data();
    let seen = |name: &str| data[name].as_str().unwrap().to_owned();
    assert_eq!([seen("uuid"), seen("status"), seen("user_id")], ["whole", "CANCELED", "initiator"]);
    assert_eq!([seen("approval_code"), seen("approval_name")], [code, "报销".to_owned()]);
    assert_eq!(seen("form"), r#"[{"name":"days","value":"3"}]"#);
    let tasks = data["task_list"].as_array().unwrap();
    let tasks: Vec<_> = tasks.iter().map(|t| (t["user_id"].clone(), t["status"].clone())).collect();
    assert_eq!(tasks, [(json!("alice"), json!("APPROVED")), (json!("bob"), json!("PENDING"))]);
    let events = data["timeline"].as_array().unwrap().iter();
    let events: Vec<_> = events.map(|e| (e["type"].clone(), e["create_time"].clone())).collect();
    let expected = [("START", "1000"), ("CC", "1000"), ("PASS", "3000"), ("CANCEL", "5000")];
    assert_eq!(events, expected.map(|(what, at)| (json!(what), json!(at))));
    let known = format!("{LIST}/{id}?user_id_type=user_id&user_id=");
    assert_eq!(oa.get(&format!("{known}alice"), &Value::Null).await.code(), 0);
    assert_eq!(oa.get(&format!("{known}nobody"), &Value::Null).await.code(), 1_390_004);
}

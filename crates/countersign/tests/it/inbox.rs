//! One person's human tasks: random histories against an oracle that sorts and filters, in lists
//! whose nodes are so small that every bound is crossed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::flow::{FlowDetails, Instance, InstanceDetails, Logic, Part, Status, Task, Verb};
use domain::person::AliasKind;
use domain::{FlowId, InstanceId, Millis, PersonId, TaskId, TenantId};
use engine::people::{ImportedPerson, import};
use engine::{Context, Error, Tx, flows};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{
    App, HOT_SETS, Setup, TestHub, USER_TASKS, assert_hot_sets_filled, histories as told,
};

const PEOPLE: usize = 4;
const FLOWS: usize = 3;

/// What happens to a task.
#[derive(Clone, Debug)]
enum Event {
    /// A new instance: flow, initiator, and for each task its start, assignees and copies.
    Start(usize, usize, Vec<(i64, Vec<usize>, Vec<usize>)>),
    /// The `n`th task decides, moves, is copied, ends, or is opened again.
    Decide(usize, usize),
    Transfer(usize, usize, usize),
    Add(usize, usize),
    Copy(usize, usize),
    Close(usize),
    Reopen(usize),
    /// The `n`th instance loses its last task.
    Shorten(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let people = || prop::collection::vec(0..PEOPLE, 0..4);
    // Few starts, so that many are equal.
    let tasks = prop::collection::vec((1_i64..6, people(), people()), 1..4);
    let start = (0..FLOWS, 0..PEOPLE, tasks).prop_map(|(f, p, t)| Event::Start(f, p, t));
    let n = || 0_usize..1_000;
    prop_oneof![
        6 => start,
        2 => (n(), 0..PEOPLE).prop_map(|(n, p)| Event::Decide(n, p)),
        2 => (n(), 0..PEOPLE, 0..PEOPLE).prop_map(|(n, p, q)| Event::Transfer(n, p, q)),
        1 => (n(), 0..PEOPLE).prop_map(|(n, p)| Event::Add(n, p)),
        1 => (n(), 0..PEOPLE).prop_map(|(n, p)| Event::Copy(n, p)),
        2 => n().prop_map(Event::Close),
        1 => n().prop_map(Event::Reopen),
        2 => n().prop_map(Event::Shorten),
    ]
}

/// A question as a caller asks it.
#[derive(Clone, Debug)]
struct Ask {
    person: usize,
    kind: Option<&'static str>,
    source: Option<&'static str>,
    flows: Option<Vec<usize>>,
    from: Option<i64>,
    to: Option<i64>,
    limit: usize,
    offset: usize,
}

const KINDS: [Option<&str>; 3] = [None, Some("pending"), Some("archived")];
const SOURCES: [Option<&str>; 4] = [None, Some("fromMe"), Some("assignMe"), Some("CCMe")];

fn ask() -> impl Strategy<Value = Ask> {
    let flows = prop::sample::subsequence((0..=FLOWS).collect::<Vec<_>>(), 1..=FLOWS);
    (
        0..PEOPLE,
        prop::sample::select(&KINDS[..]),
        prop::sample::select(&SOURCES[..]),
        prop::option::of(flows),
        prop::option::of(0_i64..7),
        prop::option::of(0_i64..7),
        1_usize..6,
        // Past the offset up to which rows are simply read, and past the end.
        prop_oneof![0_usize..20, 0_usize..140],
    )
        .prop_map(|(person, kind, source, flows, from, to, limit, offset)| {
            let (from, to) = match (from, to) {
                (Some(a), Some(b)) if a > b => (Some(b), Some(a)),
                both => both,
            };
            Ask { person, kind, source, flows, from, to, limit, offset }
        })
}

/// The oracle's task: what decides where it stands, and nothing else.
#[derive(Clone, Debug)]
struct Known {
    id: i64,
    start: i64,
    flow: usize,
    initiator: usize,
    open: bool,
    /// Whose, and whether it is still open.
    parts: Vec<(usize, bool)>,
    ccs: BTreeSet<usize>,
}

impl Known {
    /// The states of the task for a person, by relation.
    fn states(&self, person: usize) -> BTreeMap<&'static str, &'static str> {
        let word = |open| if open { "pending" } else { "archived" };
        let mut states = BTreeMap::new();
        if self.initiator == person {
            states.insert("fromMe", word(self.open));
        }
        if self.ccs.contains(&person) {
            states.insert("CCMe", word(self.open));
        }
        let mine: Vec<bool> =
            self.parts.iter().filter(|(p, _)| *p == person).map(|(_, open)| *open).collect();
        if !mine.is_empty() {
            states.insert("assignMe", word(self.open && mine.contains(&true)));
        }
        states
    }
}

#[derive(Default)]
struct Oracle {
    tasks: Vec<Known>,
    instances: Vec<Vec<i64>>,
}

impl Oracle {
    fn list(&self, ask: &Ask) -> Vec<i64> {
        let mut found: Vec<&Known> = self
            .tasks
            .iter()
            .filter(|task| {
                let states = task.states(ask.person);
                states.iter().any(|(relation, state)| {
                    ask.source.is_none_or(|s| s == *relation)
                        && ask.kind.is_none_or(|k| k == *state)
                })
            })
            .filter(|t| ask.flows.as_ref().is_none_or(|flows| flows.contains(&t.flow)))
            .filter(|t| ask.from.is_none_or(|from| t.start >= from))
            .filter(|t| ask.to.is_none_or(|to| t.start <= to))
            .collect();
        found.sort_by_key(|task| std::cmp::Reverse((task.start, task.id)));
        found.iter().map(|task| task.id).collect()
    }
}

/// One history with people and flows of its own on a shared server.
struct Run<'h> {
    app: App<'h>,
    number: usize,
    people: Vec<PersonId>,
    flows: Vec<FlowId>,
    oracle: Oracle,
}

impl<'h> Run<'h> {
    async fn start(hub: &'h TestHub, run: usize) -> Self {
        let tenant = hub.acme;
        let found = hub.hub.write(move |tx, cx| {
            let mut people = Vec::new();
            for n in 0..PEOPLE {
                let kunlun = format!("{run}00{n}");
                let person = ImportedPerson {
                    aliases: vec![(AliasKind::Kunlun, kunlun.clone())],
                    name: format!("Person {n}"),
                    ..ImportedPerson::default()
                };
                import(tx, cx, tenant, &person)??;
                let id = store::person::person_by_alias(tx, tenant, AliasKind::Kunlun, &kunlun)?;
                people.push(id.unwrap());
            }
            let mut made = Vec::new();
            for n in 0..FLOWS {
                let details = FlowDetails { label: Vec::new(), namespace: "package".to_owned() };
                made.push(flows::define(tx, cx, tenant, &format!("r{run}-f{n}"), &details)?);
            }
            Ok((people, made))
        });
        let (people, flows) = found.await.unwrap();
        let app = hub.app("cli_oa").await;
        Self { app, number: run, people, flows, oracle: Oracle::default() }
    }

    async fn write<F>(&self, use_case: F)
    where
        F: Fn(&mut Tx<'_>, &Context, TenantId) -> Result<bool, Error> + Send + 'static,
    {
        let (hub, tenant) = (&self.app.hub.hub, self.app.hub.acme);
        let done = hub.write(move |tx, cx| use_case(tx, cx, tenant));
        done.await.unwrap();
    }

    async fn act(&mut self, n: usize, verb: Verb, known: impl FnOnce(&mut Known)) {
        if self.oracle.tasks.is_empty() {
            return;
        }
        let at = n % self.oracle.tasks.len();
        let id = TaskId(self.oracle.tasks[at].id);
        self.write(move |tx, cx, tenant| flows::act(tx, cx, tenant, id, &verb)).await;
        known(&mut self.oracle.tasks[at]);
    }

    async fn step(&mut self, event: &Event) {
        match event {
            Event::Start(flow, initiator, tasks) => self.begin(*flow, *initiator, tasks).await,
            Event::Decide(n, person) => {
                let verb = Verb::Decide(self.people[*person], Status::Agreed);
                let open = |part: &&mut (usize, bool)| part.0 == *person && part.1;
                let known = |task: &mut Known| {
                    task.parts.iter_mut().filter(open).for_each(|part| part.1 = false);
                };
                self.act(*n, verb, known).await;
            }
            Event::Transfer(n, from, to) => {
                let verb = Verb::Transfer(self.people[*from], self.people[*to]);
                let open = |part: &&mut (usize, bool)| part.0 == *from && part.1;
                let known = |task: &mut Known| {
                    task.parts.iter_mut().filter(open).for_each(|part| part.0 = *to);
                };
                self.act(*n, verb, known).await;
            }
            Event::Add(n, person) => {
                let verb = Verb::AddAssignee(self.people[*person]);
                self.act(*n, verb, |task| task.parts.push((*person, true))).await;
            }
            Event::Copy(n, person) => {
                let verb = Verb::Copy(self.people[*person]);
                let known = |task: &mut Known| {
                    task.ccs.insert(*person);
                };
                self.act(*n, verb, known).await;
            }
            Event::Close(n) => {
                let known = |task: &mut Known| {
                    task.open = false;
                    task.parts.iter_mut().for_each(|part| part.1 = false);
                };
                self.act(*n, Verb::Close(Status::Agreed), known).await;
            }
            Event::Reopen(n) => {
                let known = |task: &mut Known| {
                    task.open = true;
                    task.parts.iter_mut().for_each(|part| part.1 = true);
                };
                self.act(*n, Verb::Reopen, known).await;
            }
            Event::Shorten(n) => self.shorten(*n).await,
        }
    }

    async fn begin(
        &mut self,
        flow: usize,
        initiator: usize,
        tasks: &[(i64, Vec<usize>, Vec<usize>)],
    ) {
        let number = self.oracle.instances.len();
        let id = i64::try_from((self.number + 1) * 1_000_000 + number * 10).unwrap();
        let mut ids = Vec::new();
        let mut all = Vec::new();
        for (start, parts, ccs) in tasks {
            let task = id + 1 + i64::try_from(ids.len()).unwrap();
            ids.push(task);
            let part = |p: &usize| Part {
                person: self.people[*p],
                status: Status::InProcess,
                end_time: Millis(0),
            };
            let ccs: BTreeSet<usize> = ccs.iter().copied().collect();
            let mut copied: Vec<_> = ccs.iter().map(|p| self.people[*p]).collect();
            copied.sort_unstable();
            all.push(Task {
                id: TaskId(task),
                node: "node".to_owned(),
                logic: Logic::All,
                status: Status::InProcess,
                start_time: Millis(*start),
                end_time: Millis(0),
                parts: parts.iter().map(part).collect(),
                ccs: copied,
            });
            let parts = parts.iter().map(|p| (*p, true)).collect();
            let start = *start;
            self.oracle.tasks.push(Known {
                id: task,
                start,
                flow,
                initiator,
                open: true,
                parts,
                ccs,
            });
        }
        self.oracle.instances.push(ids);
        let instance = Instance {
            id: InstanceId(id),
            flow: self.flows[flow],
            initiator: self.people[initiator],
            status: Status::InProcess,
            start_time: Millis(1),
            end_time: Millis(0),
            details: InstanceDetails::default(),
            tasks: all,
        };
        self.write(move |tx, cx, tenant| flows::put(tx, cx, tenant, &instance)).await;
    }

    async fn shorten(&mut self, n: usize) {
        if self.oracle.instances.is_empty() {
            return;
        }
        let at = n % self.oracle.instances.len();
        let Some(gone) = self.oracle.instances[at].pop() else { return };
        self.oracle.tasks.retain(|task| task.id != gone);
        let id = i64::try_from((self.number + 1) * 1_000_000 + at * 10).unwrap();
        self.write(move |tx, cx, tenant| {
            let stored = store::flow::instance_load(tx, tenant, InstanceId(id))?;
            let mut instance = stored.unwrap();
            instance.tasks.retain(|task| task.id != TaskId(gone));
            flows::put(tx, cx, tenant, &instance)
        })
        .await;
    }

    /// The count and the task ids of a page.
    async fn query(&self, ask: &Ask) -> (usize, Vec<i64>) {
        let mut body = json!({
            "kunlun_user_id": format!("{}00{}", self.number, ask.person),
            "limit": ask.limit.to_string(),
            "offset": ask.offset,
        });
        let texts = [("type", ask.kind), ("source", ask.source)];
        for (name, value) in texts.into_iter().filter_map(|(n, v)| Some((n, v?))) {
            body[name] = value.into();
        }
        if let Some(flows) = &ask.flows {
            // One more than there are: nobody knows it, and it matches nothing.
            body["api_ids"] = flows.iter().map(|f| format!("r{}-f{f}", self.number)).collect();
        }
        for (name, value) in [("start_time", ask.from), ("end_time", ask.to)] {
            if let Some(value) = value {
                body[name] = value.to_string().into();
            }
        }
        let data = self.app.post(USER_TASKS, &body).await.data();
        let number = |v: &Value| v.as_str().unwrap().parse::<i64>().unwrap();
        let tasks = data["tasks"].as_array().unwrap();
        let ids = tasks.iter().map(|task| number(&task["task_id"])).collect();
        (usize::try_from(number(&data["count"])).unwrap(), ids)
    }

    async fn check(&self, ask: &Ask) {
        let all = self.oracle.list(ask);
        let page: Vec<_> = all.iter().copied().skip(ask.offset).take(ask.limit).collect();
        assert_eq!(self.query(ask).await, (all.len(), page), "{ask:?}");
    }

    /// Every combination of type and source for everybody, page by page.
    async fn check_everything(&self) {
        for person in 0..PEOPLE {
            for kind in KINDS {
                for source in SOURCES {
                    let all = Ask {
                        person,
                        kind,
                        source,
                        flows: None,
                        from: None,
                        to: None,
                        limit: 50,
                        offset: 0,
                    };
                    let count = self.oracle.list(&all).len();
                    for offset in (0..=count).step_by(50) {
                        self.check(&Ask { offset, ..all.clone() }).await;
                    }
                }
            }
        }
    }
}

fn histories(cases: u32, node_size: (i64, i64), events: std::ops::Range<usize>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hubs = HOT_SETS.map(|hot_set_bytes| {
        let setup = Setup { node_size, hot_set_bytes, ..Setup::default() };
        runtime.block_on(TestHub::with(setup))
    });
    let runs = AtomicUsize::new(0);
    let history = prop::collection::vec((event(), prop::collection::vec(ask(), 3)), events);
    let config = Config { failure_persistence: None, ..Config::default() };
    let cases = if config.cases == 256 { told(cases) } else { config.cases };
    let done = TestRunner::new(Config { cases, ..config }).run(&history, |history| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        runtime.block_on(async {
            let mut run = Run::start(&hubs[run % hubs.len()], run).await;
            for (event, asks) in &history {
                run.step(event).await;
                for ask in asks {
                    run.check(ask).await;
                }
            }
            run.check_everything().await;
        });
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    assert_hot_sets_filled(&hubs);
    for hub in &hubs {
        let report = runtime.block_on(hub.doctor());
        assert_eq!(report.faults, Vec::<String>::new());
        assert!(report.inbox_rows > 0);
    }
}

#[test]
fn every_query_equals_a_sort_and_a_filter_with_the_smallest_nodes() {
    histories(120, (1, 1), 5..40);
}

#[test]
fn every_query_equals_a_sort_and_a_filter_with_small_nodes() {
    histories(100, (2, 2), 20..80);
}

#[test]
fn every_query_equals_a_sort_and_a_filter_without_nodes() {
    histories(60, (256, 64), 5..40);
}

#[test]
fn long_lists_grow_and_shrink_without_drift() {
    histories(12, (3, 2), 150..250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn count_and_tasks_agree_while_others_write_and_later_tasks_shift_no_page() {
    let hub = TestHub::with(Setup { node_size: (4, 2), ..Setup::default() }).await;
    let mut run = Run::start(&hub, 0).await;
    for n in 0..30 {
        run.begin(0, 0, &[(n, vec![1], vec![])]).await;
    }
    let fixed = Ask {
        person: 1,
        kind: Some("pending"),
        source: Some("assignMe"),
        flows: None,
        from: None,
        to: Some(29),
        limit: 7,
        offset: 9,
    };
    let page = run.query(&fixed).await;
    assert_eq!((page.0, page.1.len()), (30, 7));
    let (flow, people) = (run.flows[0], run.people.clone());
    let (writes, tenant) = (Arc::clone(&hub.hub), hub.acme);
    let writer = tokio::spawn(async move {
        for n in 0..150_i64 {
            let task = |id: i64, person: PersonId| Task {
                id: TaskId(id),
                node: String::new(),
                logic: Logic::All,
                status: Status::InProcess,
                start_time: Millis(30 + n % 3),
                end_time: Millis(0),
                parts: vec![Part { person, status: Status::InProcess, end_time: Millis(0) }],
                ccs: Vec::new(),
            };
            // The second person has few tasks, so that one page holds them all.
            let tasks = vec![
                task(n * 2, people[1]),
                task(n * 2 + 1, people[usize::try_from(n % 20 / 10).unwrap() + 2]),
            ];
            let instance = Instance {
                id: InstanceId(n),
                flow,
                initiator: people[0],
                status: Status::InProcess,
                start_time: Millis(0),
                end_time: Millis(0),
                details: InstanceDetails::default(),
                tasks: if n % 4 == 3 { Vec::new() } else { tasks },
            };
            let mut again = instance.clone();
            again.id = InstanceId(n % 40 + 1);
            again.tasks.iter_mut().enumerate().for_each(|(at, task)| {
                task.id = TaskId(n % 40 * 2 + i64::try_from(at).unwrap());
            });
            let put = writes.write(move |tx, cx| flows::put(tx, cx, tenant, &again));
            put.await.unwrap();
        }
    });
    let own = Ask {
        person: 2,
        source: None,
        kind: None,
        to: None,
        limit: 50,
        offset: 0,
        ..fixed.clone()
    };
    while !writer.is_finished() {
        assert_eq!(run.query(&fixed).await, page);
        let (count, tasks) = run.query(&own).await;
        assert_eq!(tasks.len(), count);
    }
    writer.await.unwrap();
    assert_eq!(hub.doctor().await.faults, Vec::<String>::new());
}

#[tokio::test]
async fn two_who_turn_out_to_be_one_see_one_list_before_and_after_their_rows_follow() {
    let hub = TestHub::with(Setup { node_size: (2, 2), ..Setup::default() }).await;
    let mut run = Run::start(&hub, 0).await;
    // The last two people are one: with tasks of their own, and some that both have to do with.
    let (a, b) = (2, 3);
    for n in 0..40 {
        let starter = if n % 4 == 0 { b } else { n % 2 };
        let task = (
            i64::try_from(n % 7).unwrap(),
            vec![a + n % 2, n % 3],
            vec![if n % 5 == 0 { b } else { 0 }],
        );
        run.begin(n % FLOWS, starter, &[task]).await;
    }
    for n in 0..10 {
        run.step(&Event::Add(n, b)).await;
        run.step(&Event::Decide(n, a)).await;
    }
    let one = |oracle: &mut Oracle| {
        for task in &mut oracle.tasks {
            let rename = |person: &mut usize| *person = if *person == b { a } else { *person };
            rename(&mut task.initiator);
            task.parts.iter_mut().for_each(|(person, _)| rename(person));
            task.ccs = task.ccs.iter().map(|p| if *p == b { a } else { *p }).collect();
        }
    };
    // Only by different kinds of alias can two be one: the second is known by a user id from now on.
    let (second, tenant) = (run.people[b], hub.acme);
    let turned_out = hub.hub.write(move |tx, _| {
        store::person::alias_insert(tx, tenant, AliasKind::UserId, "second", second)?;
        Ok(store::person::alias_delete(tx, tenant, AliasKind::Kunlun, "0003")?)
    });
    turned_out.await.unwrap();
    let both =
        vec![(AliasKind::Kunlun, "0002".to_owned()), (AliasKind::UserId, "second".to_owned())];
    let person = ImportedPerson { aliases: both, ..ImportedPerson::default() };
    hub.hub.write(move |tx, cx| Ok(import(tx, cx, tenant, &person)??)).await.unwrap();
    one(&mut run.oracle);
    let asks: Vec<Ask> = KINDS
        .iter()
        .flat_map(|kind| SOURCES.iter().map(|source| (*kind, *source)))
        .flat_map(|(kind, source)| {
            let all = Ask {
                person: a,
                kind,
                source,
                flows: None,
                from: None,
                to: None,
                limit: 50,
                offset: 0,
            };
            let some =
                Ask { flows: Some(vec![0, 2]), from: Some(2), limit: 3, offset: 2, ..all.clone() };
            [all, some]
        })
        .collect();
    for ask in &asks {
        run.check(ask).await;
    }
    assert!(hub.finish_joins().await > 0);
    for ask in &asks {
        run.check(ask).await;
    }
    let report = hub.doctor().await;
    assert_eq!((report.open_joins, report.faults), (0, Vec::<String>::new()));
}

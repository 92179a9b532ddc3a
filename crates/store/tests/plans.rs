//! What each hot statement reads on PostgreSQL, in lists of 1e5 rows and in short ones, under plans
//! that know none of the values; and how often a query waits for the network.
//!
//! Runs where `TEST_DATABASE_URL` names a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::inbox::{Family, List as Inbox, Relation, State};
use domain::person::AliasKind;
use domain::search::{Kind, Leader, List as SearchList, Place};
use domain::{AppId, DefinitionId, InstanceId, Millis, PersonId, TenantId};
use serde_json::Value;
use store::inbox::{Glance, Question, ask, glance, repair};
use store::list::{List, list_page};
use store::list_glance::{Pages, page_glance};
use store::postgres::{Options, Plan, Plans};
use store::{Error, Store, Tx, external, flow, person, search};

const ROWS: i64 = 100_000;
/// So many that no plan reads them all for a page.
const INSTANCES: i64 = 20_000;
const FLOWS: i64 = 40;
const HEAVY: i64 = 1;
const LIGHT: i64 = 2;
/// Who has no rows at all fills the tables, as in a real company.
const OTHERS: i64 = 20_000;
/// Those who have third-party tasks.
const ASSIGNEES: i64 = 2_000;
const PAGE: usize = 10;

/// Every list of a person, as it is asked for when nothing narrows it.
const EVERY: [(Relation, State); 8] = [
    (Relation::Assigned, State::Pending),
    (Relation::Assigned, State::Archived),
    (Relation::Initiated, State::Pending),
    (Relation::Initiated, State::Archived),
    (Relation::Cc, State::Pending),
    (Relation::Cc, State::Archived),
    (Relation::Repeat, State::Any),
    (Relation::SecondRepeat, State::Any),
];

struct World {
    store: Store,
    plans: Plans,
    tenant: TenantId,
}

fn server() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

async fn connect(options: Options) -> Store {
    tokio::task::spawn_blocking(move || Store::connect(&options, Millis(0)).unwrap()).await.unwrap()
}

/// A tenant with a heavy and a light person, and many who have a little.
async fn world(url: &str) -> World {
    let (plans, tenant) =
        (Plans::default(), i64::try_from(RandomState::new().hash_one("plans") >> 2).unwrap());
    let mut options = Options::new(url);
    (options.pool, options.plans) = (1, Some(plans.clone()));
    let store = connect(options).await;
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let rows = |person: i64, relation: Relation, state: State, rows: i64| {
        format!(
            "INSERT INTO inbox_row SELECT {tenant}, {}, {person}, {}, {}, n * 10, n, \
             (n * 7919) % {FLOWS}, n % {INSTANCES} + 1 FROM generate_series(1, {rows}) AS n",
            Family::Flow.code(),
            relation.code(),
            state.code(),
        )
    };
    let mut fill = vec![
        format!(
            "INSERT INTO person SELECT {tenant}, n, 'name ' || n, '[]', '', 0, 0, 0 \
             FROM generate_series(1, {OTHERS}) AS n"
        ),
        format!(
            "INSERT INTO person_alias SELECT {tenant}, kind, 'p' || n, n \
             FROM generate_series(1, {OTHERS}) AS n, generate_series(1, 4) AS kind"
        ),
        format!(
            "INSERT INTO flow_instance SELECT {tenant}, n, n % {FLOWS}, n % {OTHERS} + 1, 1, 0, 0, \
             1, 'card', '{{}}' FROM generate_series(1, {INSTANCES}) AS n"
        ),
        format!(
            "INSERT INTO definition SELECT {tenant}, n, 7, 'real-' || n, 'own-' || n, '{{}}', NULL, \
             0, 0 FROM generate_series(0, {OTHERS}) AS n"
        ),
        format!(
            "INSERT INTO external_instance SELECT {tenant}, n, 7, 'i' || n, n % 5, 0, 1, 1, 0, 0, 0, \
             '{{}}' FROM generate_series(1, {ROWS}) AS n"
        ),
        format!(
            "INSERT INTO external_card SELECT {tenant}, n, 1, 'card' \
             FROM generate_series(1, {ROWS}) AS n"
        ),
        format!(
            "INSERT INTO external_by_status SELECT {tenant}, n % 5, 1, n \
             FROM generate_series(1, {ROWS}) AS n"
        ),
        format!(
            "INSERT INTO external_by_person SELECT {tenant}, n % {ASSIGNEES} + 1, 1, n % 5, n \
             FROM generate_series(1, {ROWS}) AS n"
        ),
        rows(HEAVY, EVERY[0].0, EVERY[0].1, ROWS),
        format!(
            "INSERT INTO flow_share SELECT {tenant}, kind, n, {HEAVY}, {HEAVY}, n % {INSTANCES} + 1, \
             n % 5 + 1, n, n FROM generate_series(1, {ROWS}) AS n, (VALUES (1), (4)) AS kinds(kind)"
        ),
        format!(
            "INSERT INTO flow_instance SELECT {tenant}, n, {HEAVY}, {HEAVY}, 1, n - {ROWS}, 0, 1, \
             'card', '{{}}', n % 5 + 1 FROM generate_series({ROWS} + 1, 2 * {ROWS}) AS n"
        ),
        format!(
            "INSERT INTO external_task SELECT {tenant}, n, n, 't', {HEAVY}, n % 5 + 1, n, 0, n, '{{}}', \
             {HEAVY} FROM generate_series(1, {ROWS}) AS n"
        ),
        format!(
            "INSERT INTO external_cc SELECT {tenant}, n, n, 'c', {HEAVY}, n % 5 + 1, n, n, '{{}}', \
             {HEAVY} FROM generate_series(1, {ROWS}) AS n"
        ),
        format!(
            "INSERT INTO external_instance SELECT {tenant}, n, 8, 'j' || n, {HEAVY}, 0, {HEAVY}, \
             n % 5 + 1, n - {ROWS}, 0, 0, '{{}}' \
             FROM generate_series({ROWS} + 1, 2 * {ROWS}) AS n"
        ),
    ];
    fill.extend(EVERY[1..6].iter().map(|(r, s)| rows(HEAVY, *r, *s, ROWS / 20)));
    fill.extend(EVERY[..6].iter().map(|(r, s)| rows(LIGHT, *r, *s, 30)));
    fill.extend((3..200).map(|person| rows(person, EVERY[0].0, EVERY[0].1, 40)));
    fill.push("ANALYZE".to_owned());
    for statement in fill {
        client.batch_execute(&statement).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
    let tenant = TenantId(tenant);
    for person in [HEAVY, LIGHT] {
        for (relation, state) in &EVERY[..6] {
            let list = list(person, *relation, *state);
            store.write(move |tx| repair(tx, tenant, list)).await.unwrap();
        }
    }
    client.batch_execute("ANALYZE inbox_list; ANALYZE inbox_node").await.unwrap();
    plans.take();
    World { store, plans, tenant }
}

fn list(person: i64, relation: Relation, state: State) -> Inbox {
    Inbox { family: Family::Flow, person: PersonId(person), relation, state }
}

impl World {
    /// The plans of what `read` asks.
    async fn plans<F>(&self, read: F) -> Vec<Plan>
    where
        F: for<'t> Fn(&mut Tx<'t>, TenantId) -> Result<(), Error> + Send + 'static,
    {
        let tenant = self.tenant;
        self.store.read(move |tx| read(tx, tenant)).await.unwrap();
        self.plans.take()
    }
}

/// What a plan read and did.
#[derive(Debug, Default)]
struct Work {
    /// Rows that were looked at through indexes.
    read: f64,
    /// The largest sort.
    sorted: f64,
    /// Tables that were read as a whole, which small ones may be.
    scanned: Vec<(String, f64)>,
    /// Who read how much.
    steps: Vec<String>,
}

fn work(plan: &Plan) -> Work {
    let json: Value = serde_json::from_str(&plan.json).unwrap();
    let mut work = Work::default();
    add(&json[0]["Plan"], &mut work);
    work
}

fn add(node: &Value, work: &mut Work) {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let kind = node["Node Type"].as_str().unwrap();
    let loops = number("Actual Loops");
    let rows = (number("Actual Rows")
        + number("Rows Removed by Filter")
        + number("Rows Removed by Index Recheck"))
        * loops;
    if let Some(table) = node["Relation Name"].as_str() {
        work.steps.push(format!("{kind} {table} {}: {rows}", node["Index Name"]));
        if kind == "Seq Scan" {
            work.scanned.push((table.to_owned(), rows / loops.max(1.0)));
        } else {
            work.read += rows;
        }
    }
    if kind.ends_with("Sort") {
        work.sorted = work.sorted.max(number("Actual Rows"));
        // What goes into a sort counts, not what a limit above it lets out.
        for child in node["Plans"].as_array().into_iter().flatten() {
            let into = child["Actual Rows"].as_f64().unwrap_or_default();
            work.sorted = work.sorted.max(into * child["Actual Loops"].as_f64().unwrap_or(1.0));
        }
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        add(child, work);
    }
}

/// No table of the tenant is read as a whole, at most `read` rows are, and sorts stay small.
fn assert_bounded(what: &str, plans: &[Plan], read: usize, sorted: usize) {
    assert!(!plans.is_empty(), "{what}: nothing was asked");
    let limit = |n: usize| f64::from(u32::try_from(n).unwrap());
    let (mut sum, mut steps) = (0.0, Vec::new());
    for plan in plans {
        let work = work(plan);
        sum += work.read;
        steps.extend(work.steps.clone());
        let large: Vec<_> = work.scanned.iter().filter(|(_, rows)| *rows >= 1_000.0).collect();
        assert!(large.is_empty(), "{what} scans {large:?}: {}\n{}", plan.sql, plan.json);
        assert!(work.sorted <= limit(sorted), "{what}: {work:?}: {}\n{}", plan.sql, plan.json);
    }
    assert!(sum <= limit(read), "{what} reads {sum} rows, {read} are allowed: {steps:#?}");
}

/// Rows that a page over some lists may read: four for each row that is shown (row, instance,
/// initiator, alias) and four for each list (head and changes, with the person), and from each
/// further list a page that may not be shown.
fn of_page(page: usize, lists: usize) -> usize {
    4 * (page + lists) + (lists - 1) * page
}

/// Nodes of the upper level of a list of [`ROWS`] rows, which its count is the sum of.
const UPPER: usize = 16;

/// A page of the app's, of nothing yet.
fn pages(limit: usize) -> Pages<'static> {
    Pages {
        app: AppId(7),
        codes: &[],
        definitions: &[],
        of_people: false,
        users: &[],
        people: &[],
        status: 1,
        after: InstanceId(10),
        limit,
    }
}

#[tokio::test]
async fn hot_statements_read_little_more_than_they_answer() {
    let Some(url) = server() else { return };
    let world = world(&url).await;
    for person in [HEAVY, LIGHT] {
        let alias = format!("p{person}");
        for lists in [&EVERY[..1], &EVERY[..]] {
            let (of, wanted) = (alias.clone(), lists.to_vec());
            let plans = world.plans(move |tx, tenant| {
                let kind = AliasKind::Kunlun;
                let asked = Glance { kind, alias: &of, lists: &wanted, offset: 0, limit: PAGE };
                let seen = glance(tx, tenant, &asked, kind)?.unwrap();
                assert_eq!(seen.rows.len(), PAGE);
                Ok(())
            });
            let plans = plans.await;
            assert_eq!(plans.len(), 1, "a first page is one statement");
            let what = format!("first page of {} lists of {alias}", lists.len());
            let upper = if person == HEAVY { lists.len() * UPPER } else { 0 };
            let read = of_page(PAGE, lists.len()) + upper;
            assert_bounded(&what, &plans, read, lists.len() * (PAGE + 1));
        }
        // Far from the start, over a range, of some flows: the nodes of the way there come on top, at
        // most 128 a level, and the rows of one node.
        let nodes = 3 * 128 + 512;
        let heavy = Question {
            lists: vec![list(person, EVERY[0].0, EVERY[0].1)],
            flows: None,
            from: None,
            to: None,
            offset: if person == HEAVY { ROWS * 8 / 10 } else { 20 },
            limit: PAGE,
        };
        let part = Question { from: Some(50), to: Some(ROWS * 9), ..heavy.clone() };
        let flows = Question { flows: Some((0..20).collect()), ..part.clone() };
        for question in [heavy, part, flows] {
            let what = format!("{question:?}");
            let plans = world.plans(move |tx, tenant| ask(tx, tenant, &question).map(drop)).await;
            assert_bounded(&what, &plans, of_page(PAGE, 1) + 2 * nodes, nodes);
        }
    }

    let plans = world.plans(|tx, tenant| {
        let names: Vec<String> = (1..=20).map(|n| format!("i{}", n * 4_000)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = external::instances_named(tx, tenant, AppId(7), &names)?;
        assert_eq!(found.len(), 20);
        Ok(())
    });
    assert_bounded("twenty named instances", &plans.await, of_page(20, 1), 21);

    for size in [50, 500] {
        for of in [List::Status(DefinitionId(2), 1), List::Person(PersonId(43), 1, DefinitionId(2))]
        {
            let plans = world.plans(move |tx, tenant| {
                let ids = list_page(tx, tenant, of, InstanceId(10), size)?;
                external::cards_get(tx, tenant, &ids).map(drop)
            });
            assert_bounded(&format!("{size} of {of:?}"), &plans.await, of_page(size, 1), size + 1);
        }
    }
    for size in [50, 500] {
        for (codes, users) in [(1, 0), (2, 0), (2, 2)] {
            let plans = world.plans(move |tx, tenant| {
                // One by each of its names; the second page begins where the first one ended.
                let codes = &["real-2", "own-3"][..codes];
                let users = &["p43", "p44"][..users];
                let names = Pages { codes, users, of_people: !users.is_empty(), ..pages(size) };
                let first = page_glance(tx, tenant, &names)?.unwrap();
                let (after, ..) = *first.instances.last().unwrap();
                assert_eq!(
                    (first.definitions.len(), first.people.len()),
                    (codes.len(), users.len())
                );
                let ids = Pages {
                    definitions: &first.definitions,
                    people: &first.people,
                    of_people: !users.is_empty(),
                    after,
                    ..pages(size)
                };
                let second = page_glance(tx, tenant, &ids)?.unwrap();
                assert!(second.instances.iter().all(|(id, ..)| *id > after));
                Ok(())
            });
            let plans = plans.await;
            assert_eq!(plans.len(), 2, "a page is one statement");
            let lists = codes * users.max(1);
            for plan in &plans {
                let what = format!("{size} of {codes} definitions and {users} people");
                let plan = std::slice::from_ref(plan);
                assert_bounded(&what, plan, of_page(size, lists), lists * (size + 1));
            }
        }
    }
    let plans = world.plans(|tx, tenant| {
        let ids: Vec<InstanceId> = (1..=10).map(|n| InstanceId(n * 100)).collect();
        flow::cards_shown(tx, tenant, &ids, AliasKind::Kunlun)?;
        person::person_rows_by_alias(tx, tenant, AliasKind::UserId, "p77")?;
        person::person_rows_of(tx, tenant, PersonId(77)).map(drop)
    });
    assert_bounded("cards and people", &plans.await, of_page(10, 1), 11);
}

#[tokio::test]
async fn lists_of_searches_are_read_from_either_end_and_counted_so_far() {
    let Some(url) = server() else { return };
    let world = world(&url).await;
    let leaders = [Leader::Person(PersonId(HEAVY)), Leader::Definition(HEAVY)];
    let of = |family: Family| {
        let of = move |leader| Kind::ALL.iter().map(move |kind| (family, leader, *kind));
        leaders.into_iter().flat_map(of)
    };
    for (family, leader, kind) in Family::ALL.iter().copied().flat_map(of) {
        let list = SearchList { family, kind, leader, status: 1 };
        let at = |time: i64| Place { time, thing: 0, family: 0, person: 0 };
        // The ends, the middle, and a narrow range.
        for (from, to) in [(0, ROWS + 1), (0, ROWS / 2), (ROWS / 2, ROWS / 2 + 100)] {
            let down = world.plans(move |tx, tenant| {
                let rows = search::rows_down(tx, tenant, &list, (from, at(to)), PAGE)?;
                assert_eq!(rows.len(), PAGE);
                Ok(())
            });
            assert_bounded("rows down", &down.await, PAGE, 0);
            let up = world.plans(move |tx, tenant| {
                let rows = search::rows_up(tx, tenant, &list, (at(from), to), PAGE)?;
                assert_eq!(rows.len(), PAGE);
                Ok(())
            });
            assert_bounded("rows up", &up.await, PAGE, 0);
            let count = world.plans(move |tx, tenant| {
                let most = 1_000.min(usize::try_from((to - from) / 5).unwrap());
                let count = search::row_count_upto(tx, tenant, &list, (from, at(to)), 1_000)?;
                assert!(count.abs_diff(most) <= 1, "{count}");
                Ok(())
            });
            assert_bounded("counting", &count.await, 1_000, 0);
        }
    }
    let plans = world.plans(|tx, tenant| {
        let found = external::instances_by_external_id(tx, tenant, "i4000", 100)?;
        assert_eq!(found, [InstanceId(4_000)]);
        Ok(())
    });
    assert_bounded("an instance by its source's id", &plans.await, 1, 1);
}

/// Forwards, and counts how often the client sends after the server has spoken.
fn counting_proxy(server: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
            let spoken = Arc::new(AtomicBool::new(true));
            let (to, from) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let (turns, heard) = (Arc::clone(&counted), Arc::clone(&spoken));
            let asks = move || {
                if heard.swap(false, Ordering::SeqCst) {
                    turns.fetch_add(1, Ordering::SeqCst);
                }
            };
            std::thread::spawn(move || forward(from, to, asks));
            let answers = move || spoken.store(true, Ordering::SeqCst);
            std::thread::spawn(move || forward(server, client, answers));
        }
    });
    (port, turns)
}

fn forward(mut from: TcpStream, mut to: TcpStream, seen: impl Fn()) {
    let mut bytes = [0; 16_384];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        seen();
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn a_query_waits_for_the_network_once() {
    let Some(url) = server() else { return };
    let parsed: tokio_postgres::Config = url.parse().unwrap();
    let tokio_postgres::config::Host::Tcp(host) = &parsed.get_hosts()[0] else { return };
    let at = format!("{host}:{}", parsed.get_ports().first().unwrap_or(&5_432));
    let (port, turns) = counting_proxy(at.clone());
    let mut options = Options::new(url.replace(&at, &format!("127.0.0.1:{port}")));
    options.pool = 1;
    let store = connect(options).await;
    assert_one_turn(&store, &turns, |tx| {
        let kind = AliasKind::Kunlun;
        let asked = Glance { kind, alias: "nobody", lists: &EVERY, offset: 0, limit: 10 };
        glance(tx, TenantId(1), &asked, kind).map(drop)
    })
    .await;
    assert_one_turn(&store, &turns, |tx| {
        let asked = Pages { codes: &["leave"], users: &["ann"], of_people: true, ..pages(10) };
        page_glance(tx, TenantId(1), &asked).map(drop)
    })
    .await;
}

async fn assert_one_turn(
    store: &Store,
    turns: &AtomicUsize,
    ask: fn(&mut Tx<'_>) -> Result<(), Error>,
) {
    let look = || store.read(ask);
    // The first prepares the statement.
    look().await.unwrap();
    let before = turns.load(Ordering::SeqCst);
    for _ in 0..100 {
        look().await.unwrap();
    }
    // The statement alone: no limit is set, no transaction begun or ended.
    assert_eq!(turns.load(Ordering::SeqCst) - before, 100);
}

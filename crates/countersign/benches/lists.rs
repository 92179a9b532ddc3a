//! How the cost of one query grows with a list: one person with a million tasks beside one with a
//! few, in process, cards included, alternating in one run. Prints ratios to the first page of the
//! light person, and of the lists alone, without cards.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool at a terminal")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::flow::{Instance, InstanceDetails, Status, Summary};
use domain::inbox::{Entry, Family, Key, List, Relation, State};
use domain::time::ManualClock;
use domain::{FlowId, Ids, InstanceId, Millis, PersonId, TenantId};
use engine::keys::Keyring;
use engine::{Hub, Options, Settings, Store, View};
use store::inbox::{Question, ask, row_insert};

const LIGHT: PersonId = PersonId(1);
const HEAVY: PersonId = PersonId(2);
const TENANT: TenantId = TenantId(1);
const FLOWS: i64 = 40;
const INSTANCES: i64 = 1_000;
const ROUNDS: usize = 9;
const ROWS_A_SLICE: i64 = 2_000;

fn list(person: PersonId, relation: Relation, state: State) -> List {
    List { family: Family::Flow, person, relation, state }
}

fn entry(n: i64) -> Entry {
    // Flows and lists do not follow each other's order.
    let flow = (n * 7_919) % FLOWS;
    // Cards are per instance: a few serve all tasks.
    Entry { key: Key { start: n * 10, task: n }, flow, instance: InstanceId(n % INSTANCES + 1) }
}

async fn fill(hub: &Hub, person: PersonId, relation: Relation, state: State, rows: i64) -> u64 {
    let mut written = 0;
    for from in (0..rows).step_by(usize::try_from(ROWS_A_SLICE).unwrap()) {
        let list = list(person, relation, state);
        let slice = hub.write(move |tx, _| {
            for n in from..rows.min(from + ROWS_A_SLICE) {
                row_insert(tx, TENANT, list, &entry(n))?;
            }
            Ok(tx.rows_written())
        });
        written += slice.await.unwrap();
    }
    written
}

fn question(person: PersonId, lists: &[(Relation, State)]) -> Question {
    let lists = lists.iter().map(|(r, s)| list(person, *r, *s)).collect();
    Question { lists, flows: None, from: None, to: None, offset: 0, limit: 10 }
}

fn main() {
    let rows: i64 = std::env::var("ROWS").map_or(1_000_000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("lists.db"));
    let store = Store::open(&options, Millis(0)).unwrap();
    let clock = Arc::new(ManualClock::new(Millis(0)));
    let ids = Arc::new(Ids::new([1; 32]));
    let keys = Keyring::new([1; 32], &[]);
    // What a query costs that reads: the hot set has a measurement of its own.
    let settings = Settings { hot_set_bytes: 0, ..Settings::default() };
    let hub = Hub::new(store, clock, ids, keys, api::renderers(), settings);

    let assigned = (Relation::Assigned, State::Pending);
    let every = [
        assigned,
        (Relation::Assigned, State::Archived),
        (Relation::Initiated, State::Pending),
        (Relation::Initiated, State::Archived),
        (Relation::Cc, State::Pending),
        (Relation::Cc, State::Archived),
        (Relation::Repeat, State::Any),
        (Relation::SecondRepeat, State::Any),
    ];
    runtime.block_on(async {
        cards(&hub).await;
        fill(&hub, HEAVY, assigned.0, assigned.1, rows).await;
        for (relation, state) in &every[1..6] {
            fill(&hub, HEAVY, *relation, *state, rows / 20).await;
        }
        for (relation, state) in &every[..6] {
            fill(&hub, LIGHT, *relation, *state, 30).await;
        }
    });

    let twenty: Vec<i64> = (0..20).collect();
    let deep = rows * 8 / 10;
    let range = |q: Question| Question {
        from: Some(rows * 10 / 7 + 3),
        to: Some(rows * 10 * 6 / 7 + 3),
        ..q
    };
    let heavy = || question(HEAVY, &[assigned]);
    let heavy_all = || question(HEAVY, &every);
    let cases = [
        ("light, first page", question(LIGHT, &[assigned])),
        ("heavy, first page", heavy()),
        ("heavy, page at 80 %", Question { offset: deep, ..heavy() }),
        ("heavy, count over a range", Question { limit: 0, ..range(heavy()) }),
        ("heavy, 20 flows, first page", Question { flows: Some(twenty.clone()), ..heavy() }),
        (
            "heavy, 20 flows, page at 80 % of a range",
            Question { flows: Some(twenty.clone()), offset: deep / 4, ..range(heavy()) },
        ),
        (
            "heavy, 20 flows, count over a range",
            Question { flows: Some(twenty.clone()), limit: 0, ..range(heavy()) },
        ),
        (
            "light, 20 flows, first page",
            Question { flows: Some(twenty.clone()), ..question(LIGHT, &[assigned]) },
        ),
        ("light, everything, first page", question(LIGHT, &every)),
        ("heavy, everything, first page", heavy_all()),
        ("heavy, everything, page at 80 %", Question { offset: deep, ..heavy_all() }),
        ("heavy, everything, count over a range", Question { limit: 0, ..range(heavy_all()) }),
        (
            "heavy, everything, 20 flows, deep page of a range",
            Question { flows: Some(twenty), offset: deep / 4, ..range(heavy_all()) },
        ),
    ];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); cases.len()];
    let mut bare = times.clone();
    for _ in 0..ROUNDS {
        for (at, (_, question)) in cases.iter().enumerate() {
            times[at].push(runtime.block_on(time(&hub, question.clone(), true)));
            bare[at].push(runtime.block_on(time(&hub, question.clone(), false)));
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let reference = median(&mut times[0].clone()).as_secs_f64();
    let bare_reference = median(&mut bare[0].clone()).as_secs_f64();
    println!("{rows} rows; median of {ROUNDS} alternating rounds; with cards / lists alone");
    for (((name, _), times), bare) in cases.iter().zip(&mut times).zip(&mut bare) {
        let middle = median(times).as_secs_f64();
        let spread = times[times.len() - 1].as_secs_f64() / times[0].as_secs_f64();
        let alone = median(bare).as_secs_f64();
        println!(
            "{name:50} {:7.2} x  ({:7.1} us, spread {spread:.2})  {:7.2} x  ({:7.1} us)",
            middle / reference,
            middle * 1e6,
            alone / bare_reference,
            alone * 1e6
        );
    }
}

/// Instances with cards, and who started them.
async fn cards(hub: &Hub) {
    hub.write(|tx, cx| {
        for n in 1..=INSTANCES {
            let text = |text: &str| vec![("2052".to_owned(), text.to_owned())];
            let instance = Instance {
                id: InstanceId(n),
                flow: FlowId(1),
                initiator: LIGHT,
                status: Status::InProcess,
                start_time: Millis(0),
                end_time: Millis(0),
                details: InstanceDetails {
                    label: text("流程"),
                    summaries: vec![Summary { key: text("金额"), value: text("一百元") }; 3],
                    language: "2052".to_owned(),
                },
                tasks: Vec::new(),
            };
            engine::flows::put(tx, cx, TENANT, &instance)?;
        }
        Ok(())
    })
    .await
    .unwrap();
}

/// The time of one question, asked many times inside one transaction.
async fn time(hub: &Hub, question: Question, with_cards: bool) -> Duration {
    const TIMES: u32 = 40;
    hub.read(move |tx, cx| {
        let started = Instant::now();
        for _ in 0..TIMES {
            let found = ask(tx, TENANT, &question)?;
            if with_cards {
                black_box(engine::inbox::show_all(&mut View::over(tx, cx), TENANT, found.rows)?);
            } else {
                black_box(found);
            }
        }
        Ok(started.elapsed() / TIMES)
    })
    .await
    .unwrap()
}

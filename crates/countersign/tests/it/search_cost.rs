//! What searches cost does not grow with the data: the same bounds hold for a person, a definition and
//! a tenant with ten times as much.

use domain::inbox::{Family, rows};
use domain::instance::{
    Cc, CcDetails, Instance, InstanceDetails, InstanceStatus, Kept, Links, ReadStatus, Stored,
    Task, TaskDetails, TaskStatus,
};
use domain::person::{AliasKind, PersonRef};
use domain::search::Kind;
use domain::{AppId, CcId, InstanceId, Millis, PersonId, TaskId, TenantId};
use engine::listed::{self, Topic};
use engine::people::{ImportedPerson, import};
use engine::search::{self, Asked, Codes, Shape, Thing};
use engine::{Caller, Context, Error, Tx};
use store::access::app_by_key;
use store::external::{self, Head};

use crate::support::{TestHub, database};

/// Whom every task is for, and who started every instance.
const HEAVY: &str = "heavy";
/// Instances, each with a task and a copy.
const SIZES: [i64; 2] = [3_000, 30_000];
/// Written in one transaction.
const SLICE: i64 = 1_500;
const PAGE: usize = 10;

/// Steps of SQLite's machine for a page of ten, most of them for what it shows. Measured: at most
/// half of it.
const BOUND: u64 = 20_000;
/// The same where a request looks at as many entries as it may: a thousand, with what they are of.
const LARGEST_BOUND: u64 = 150_000;

struct World {
    hub: TestHub,
    caller: Caller,
    code: String,
}

fn stored(n: i64, person: PersonId) -> Stored {
    let who = PersonRef { user_id: Some(HEAVY.to_owned()), open_id: None };
    let links = || Links { pc: Some("https://oa.example.com".to_owned()), mobile: None };
    // One in a hundred is open, as in a company with some years behind it.
    let open = n % 100 == 0;
    let title = |what: &str| Some(format!("{what} {n}"));
    Stored {
        instance: Instance {
            external_id: format!("i{n}"),
            status: if open { InstanceStatus::Pending } else { InstanceStatus::Approved },
            initiator: who.clone(),
            start_time: Millis(n * 10),
            end_time: Millis(0),
            update_time: Millis(n * 10),
            details: InstanceDetails { title: title("trip"), links: links(), ..Default::default() },
        },
        initiator: Some(person),
        tasks: vec![Kept {
            id: TaskId(n * 10 + 1),
            person,
            item: Task {
                external_id: format!("t{n}"),
                assignee: who.clone(),
                status: if open { TaskStatus::Pending } else { TaskStatus::Approved },
                create_time: Millis(n * 10),
                end_time: Millis(0),
                update_time: Millis((n * 7_919) % 100_003),
                details: TaskDetails { title: title("sign"), links: links(), ..Default::default() },
            },
        }],
        ccs: vec![Kept {
            id: CcId(n * 10 + 2),
            person,
            item: Cc {
                external_id: format!("c{n}"),
                person: who,
                read_status: if open { ReadStatus::Unread } else { ReadStatus::Read },
                create_time: Millis(n * 10),
                update_time: Millis(n * 10),
                details: CcDetails { title: title("note"), links: links(), ..Default::default() },
            },
        }],
    }
}

/// Writes what a sync writes, without what a sync reads.
fn put(tx: &mut Tx<'_>, tenant: TenantId, head: Head, all: &Stored) -> Result<(), Error> {
    external::instance_put(tx, tenant, &head, &all.instance, all.initiator)?;
    external::task_put(tx, tenant, &head, &all.tasks[0])?;
    external::cc_put(tx, tenant, &head, &all.ccs[0])?;
    for (list, entry) in rows(Family::External, &all.places(head.id, head.definition)) {
        store::inbox::row_insert(tx, tenant, list, &entry)?;
    }
    Ok(())
}

async fn world(size: i64) -> World {
    let hub = TestHub::new().await;
    let oa = hub.app("cli_oa").await;
    let code = oa.define("expense").await;
    let (tenant, key, real) = (hub.acme, hub.key("cli_oa"), code.clone());
    let found = hub.hub.write(move |tx, cx| {
        let aliases = vec![(AliasKind::UserId, HEAVY.to_owned())];
        import(tx, cx, tenant, &ImportedPerson { aliases, ..Default::default() })??;
        let app = app_by_key(tx, &key)?.ok_or_else(|| Error::NotFound(key.clone()))?;
        let person = store::person::person_by_alias(tx, tenant, AliasKind::UserId, HEAVY)?;
        let definition = store::definition::definition_head(tx, tenant, &real)?;
        Ok((app, person.unwrap(), definition.unwrap().1))
    });
    let (app, person, definition) = found.await.unwrap();
    let owner: AppId = app.id;
    for from in (1..=size).step_by(usize::try_from(SLICE).unwrap()) {
        let write = hub.hub.write(move |tx, _| {
            for n in from..from + SLICE {
                let id = InstanceId(n * 10);
                let head = Head { id, app: owner, definition, purged: false };
                put(tx, tenant, head, &stored(n, person))?;
            }
            Ok(())
        });
        write.await.unwrap();
    }
    let caller = Caller { tenant, app: std::sync::Arc::new(app) };
    World { hub, caller, code }
}

impl World {
    /// What `read` answers, and how many steps that took.
    async fn cost<T, F>(&self, read: F) -> (T, u64)
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, &Context, &Caller) -> Result<T, Error> + Send + 'static,
    {
        let caller = self.caller.clone();
        let cost = self.hub.hub.read(move |tx, cx| {
            let before = tx.steps();
            let found = read(tx, cx, &caller)?;
            Ok((found, tx.steps() - before))
        });
        let (found, steps) = cost.await.unwrap();
        // PostgreSQL explains instead, in the tests of store.
        assert_eq!(steps == 0, database().is_some());

        (found, steps)
    }
}

fn nothing(kind: Kind) -> Asked {
    Asked {
        kind,
        ascending: false,
        user: None,
        code: None,
        group: None,
        instance: None,
        external_id: None,
        title: None,
        statuses: None,
        from: None,
        to: None,
        with_revoked: false,
    }
}

fn shape(token: Option<String>) -> Shape {
    Shape { ids: AliasKind::UserId, locale: None, size: PAGE, token }
}

/// Every way in which lists are led and narrowed.
fn searches(code: &str) -> Vec<Asked> {
    let user = Some((AliasKind::UserId, HEAVY.to_owned()));
    let mut all = Vec::new();
    for kind in Kind::ALL.iter().copied() {
        let by_code = Asked { code: Some(code.to_owned()), ..nothing(kind) };
        let by_group = Asked { group: Some("group".to_owned()), ..nothing(kind) };
        let by_user = Asked { user: user.clone(), ..nothing(kind) };
        let by_both = Asked { user: user.clone(), ..by_code.clone() };
        for asked in [by_code, by_group, by_user, by_both] {
            let up = Asked { ascending: true, ..asked.clone() };
            let open = Asked { statuses: Some(vec![1]), ..asked.clone() };
            let range = Asked { from: Some(9_000), to: Some(20_000), ..asked.clone() };
            all.extend([asked, up, open, range]);
        }
        all.push(Asked { external_id: Some("i7".to_owned()), ..nothing(kind) });
        all.push(Asked { instance: Some("70".to_owned()), ..nothing(kind) });
    }
    all
}

#[tokio::test]
async fn a_page_costs_what_it_shows_whatever_there_is() {
    for size in SIZES {
        let world = world(size).await;
        for asked in searches(&world.code) {
            // Tasks by their change in a range of starts are looked at one by one.
            let one_by_one = asked.kind == Kind::TaskByUpdate && asked.from.is_some();
            let bound = if one_by_one { LARGEST_BOUND } else { BOUND };
            let mut token = None;
            for _ in 0..3 {
                let (ask, page) = (asked.clone(), shape(token.clone()));
                let (page, steps) = world
                    .cost(move |tx, cx, caller| search::search(tx, cx, caller, &ask, &page))
                    .await;
                assert!(
                    steps <= bound,
                    "{steps} steps for {} entries of {size}: {asked:?}",
                    page.entries.len(),
                );
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
        }
        for topic in [Topic::Todo, Topic::Done, Topic::Started, Topic::ReadCopies] {
            let asked = listed::Asked {
                user: (AliasKind::UserId, HEAVY.to_owned()),
                topic,
                size: PAGE,
                token: None,
            };
            let (page, steps) =
                world.cost(move |tx, cx, caller| listed::query(tx, cx, caller, &asked)).await;
            assert_eq!(page.tasks.len(), PAGE);
            let open = size / 100;
            let total = match topic {
                Topic::Todo => open,
                Topic::Started => size,
                _ => size - open,
            };
            assert_eq!(page.count, Some(total));
            assert!(steps <= BOUND, "{steps} steps for {topic:?} of {size}");
        }
        let of = world.code.clone();
        let codes = Codes { of, from: 100, to: i64::MAX, size: PAGE, token: None };
        let (found, steps) =
            world.cost(move |tx, cx, caller| search::codes(tx, cx, caller, &codes)).await;
        assert_eq!(found.0, (10..20).map(|n| InstanceId(n * 10)).collect::<Vec<_>>());
        assert!(steps <= BOUND, "{steps} steps for codes of {size}");
    }
}

#[tokio::test]
async fn a_title_is_looked_for_in_bounded_pieces_and_found_in_the_end() {
    let world = world(SIZES[0]).await;
    let asked = Asked {
        title: Some("sign 4".to_owned()),
        code: Some(world.code.clone()),
        ..nothing(Kind::Task)
    };
    let (mut token, mut found, mut short) = (None, Vec::new(), 0);
    loop {
        let (ask, page) = (asked.clone(), shape(token));
        let cost = world.cost(move |tx, cx, caller| search::search(tx, cx, caller, &ask, &page));
        let (page, steps) = cost.await;
        assert!(steps <= LARGEST_BOUND, "{steps} steps");
        short += usize::from(page.entries.len() < PAGE);
        found.extend(page.entries.into_iter().map(|entry| match entry.thing {
            Thing::Task(task) => task.said.title,
            other => panic!("{other:?}"),
        }));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    let expected = (1..=SIZES[0]).rev().map(|n| format!("sign {n}"));
    let expected: Vec<_> = expected.filter(|title| title.contains("sign 4")).collect();
    assert_eq!(found, expected);
    assert!(short > 1, "some page ends where a request may not look further");
}

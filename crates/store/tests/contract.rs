//! What the store promises, once for each engine: the same calls, the same answers.
//!
//! SQLite always; PostgreSQL where `TEST_DATABASE_URL` names a server. Every test has tenants of its
//! own, so that they may share a database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::inbox::{Entry, Family, Key, List as Inbox, Relation, State};
use domain::organisation::{Department, Role};
use domain::person::AliasKind;
use domain::process::Substitution;
use domain::{AppId, DefinitionId, InstanceId, Millis, PersonId, TenantId};
use secrecy::ExposeSecret;
use store::department as dep;
use store::inbox::{Question, ask, fold_deltas, lists_with_deltas, recount, repair, row_insert};
use store::lease::{Work, hint, hint_done, hint_mark, hints, lease_end, lease_take};
use store::list::{List, list_delete, list_insert, list_page};
use store::lock::{Aggregate, hold};
use store::organisation as org;
use store::person::{Join, Person, alias_insert, person_insert, person_join};
use store::substitution::{self, Range};
use store::{Error, Options, Store, Tx, access, person, postgres};

/// A store of one engine with a tenant that nobody else has.
struct World {
    store: Store,
    tenant: TenantId,
    _folder: tempfile::TempDir,
}

/// Numbers that no other test, and no other run, has.
fn unique() -> i64 {
    i64::try_from(RandomState::new().hash_one("a test") >> 2).unwrap()
}

/// How many rows and nodes a node covers: few, to cross every bound.
const NODES: (i64, i64) = (4, 2);

fn server() -> Option<postgres::Options> {
    let url = std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())?;
    let mut options = postgres::Options::new(url);
    options.pool = 4;
    options.node_size = NODES;
    Some(options)
}

async fn connect(options: postgres::Options) -> Store {
    tokio::task::spawn_blocking(move || Store::connect(&options, Millis(0)).unwrap()).await.unwrap()
}

async fn worlds() -> Vec<World> {
    let world = |store, folder| World { store, tenant: TenantId(unique()), _folder: folder };
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path().join("data.db"));
    options.node_size = NODES;
    let mut worlds = vec![world(Store::open(&options, Millis(0)).unwrap(), folder)];
    if let Some(options) = server() {
        for prepared in [true, false] {
            let options = postgres::Options { prepared, ..options.clone() };
            worlds.push(world(connect(options).await, tempfile::tempdir().unwrap()));
        }
    }
    worlds
}

#[tokio::test]
async fn settings_tenants_and_apps_are_kept() {
    for world in worlds().await {
        let (tenant, key) = (world.tenant, format!("t{}", world.tenant));
        let done = world.store.write(move |tx| {
            let name = format!("name {key}");
            access::setting_insert(tx, &name, "a")?;
            access::setting_put(tx, &name, "b")?;
            assert_eq!(access::setting_get(tx, &name)?.as_deref(), Some("b"));
            let made = access::Tenant { id: tenant, key: key.clone(), name: "公司".into() };
            access::tenant_insert(tx, &made, Millis(5))?;
            assert_eq!(access::tenant_by_key(tx, &key)?.as_ref(), Some(&made));
            assert!(access::tenant_all(tx)?.contains(&made));
            let mut app = access::App {
                id: AppId(tenant.get() + 1),
                key: format!("cli_{key}"),
                tenant: Some(tenant),
                name: "OA".into(),
                secret_mac: vec![0, 255, 7],
                epoch: 0,
                scopes: vec!["a".into(), "b".into()],
                disabled: false,
                created_at: Millis(6),
            };
            access::app_insert(tx, &app)?;
            app.disabled = true;
            app.epoch = i64::from(u32::MAX);
            access::app_update(tx, &app)?;
            assert_eq!(access::app_by_key_held(tx, &app.key)?.as_ref(), Some(&app));
            assert_eq!(access::app_by_id(tx, app.id)?.as_ref(), Some(&app));
            for (now, issued) in [(100, 100), (150, 100), (250, 250)] {
                let fresh = Millis(now - 100)..=Millis(now + 60);
                access::token_issue(tx, tenant, app.id, Millis(now), fresh)?;
                assert_eq!(access::token_issued_at(tx, tenant, app.id)?, Some(Millis(issued)));
            }
            Ok::<_, Error>(())
        });
        done.await.unwrap();
    }
}

fn named(id: PersonId) -> Person {
    Person { id, name: "Ann".into(), names: Vec::new(), department: String::new(), stub: true }
}

#[tokio::test]
async fn people_are_found_by_aliases_and_joined() {
    for world in worlds().await {
        let tenant = world.tenant;
        let done = world.store.write(move |tx| {
            let (ann, anna) = (PersonId(1), PersonId(2));
            for (id, kind, alias) in
                [(ann, AliasKind::UserId, "ann"), (anna, AliasKind::Kunlun, "7")]
            {
                person_insert(tx, tenant, &named(id), Millis(1))?;
                alias_insert(tx, tenant, kind, alias, id)?;
            }
            let held = person::person_by_alias_held(tx, tenant, AliasKind::UserId, "ann")?;
            assert_eq!(held, Some(ann));
            // Aliases are bytes: neither case nor language matters.
            assert_eq!(person::person_by_alias(tx, tenant, AliasKind::UserId, "Ann")?, None);
            assert_eq!(person::person_count(tx, tenant)?, (2, 2));
            person_join(tx, tenant, &Join { from: anna, into: ann }, "import", Millis(2))?;
            assert_eq!(person::person_today(tx, tenant, anna)?, ann);
            let rows = person::person_rows_by_alias(tx, tenant, AliasKind::Kunlun, "7")?;
            assert_eq!(rows, [ann, anna]);
            person::join_progress(tx, tenant, anna, 3, Some(Millis(9)))?;
            assert_eq!(person::person_rows_of(tx, tenant, ann)?, [ann]);
            assert_eq!(person::person_get(tx, tenant, anna)?, None);
            Ok::<_, Error>(())
        });
        done.await.unwrap();
    }
}

#[tokio::test]
async fn lists_of_instances_are_pages_in_order() {
    for world in worlds().await {
        let tenant = world.tenant;
        let pages = world.store.write(move |tx| {
            let list = List::Person(PersonId(1), 2, DefinitionId(3));
            for id in [5, 1, 3, i64::MAX] {
                list_insert(tx, tenant, list, InstanceId(id))?;
            }
            list_delete(tx, tenant, list, InstanceId(3))?;
            Ok::<_, Error>((
                list_page(tx, tenant, list, InstanceId(0), 2)?,
                list_page(tx, tenant, list, InstanceId(1), 9)?,
            ))
        });
        let ids = |ids: &[i64]| ids.iter().map(|id| InstanceId(*id)).collect::<Vec<_>>();
        assert_eq!(pages.await.unwrap(), (ids(&[1, 5]), ids(&[5, i64::MAX])));
    }
}

fn inbox(person: i64) -> Inbox {
    let person = PersonId(person);
    Inbox { family: Family::Flow, person, relation: Relation::Cc, state: State::Pending }
}

fn entry(n: i64) -> Entry {
    Entry { key: Key { start: n % 17, task: n }, flow: n % 3, instance: InstanceId(n) }
}

/// Every question about the rows up to `n` is answered as a sort and a filter answer it.
async fn assert_answers(world: &World, n: i64) {
    let tenant = world.tenant;
    let mut sorted: Vec<Entry> = (0..n).map(entry).collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    for (flows, from, to) in [
        (None, None, None),
        (Some(vec![1]), None, None),
        (Some(vec![0, 2]), Some(3), Some(12)),
        (None, Some(5), None),
    ] {
        let wanted = |e: &&Entry| {
            flows.as_ref().is_none_or(|f: &Vec<i64>| f.contains(&e.flow))
                && from.is_none_or(|from| e.key.start >= from)
                && to.is_none_or(|to| e.key.start <= to)
        };
        let all: Vec<Entry> = sorted.iter().filter(wanted).copied().collect();
        for offset in [0, 3, 101, 150, 400] {
            let lists = vec![inbox(1)];
            let question = Question { lists, flows: flows.clone(), from, to, offset, limit: 7 };
            let found = world.store.read(move |tx| ask(tx, tenant, &question)).await.unwrap();
            let skip = usize::try_from(offset).unwrap();
            let rows: Vec<Entry> = all.iter().skip(skip).take(7).copied().collect();
            assert_eq!(found.count, i64::try_from(all.len()).unwrap(), "{n} {flows:?} {offset}");
            assert_eq!(found.rows, rows, "{n} {flows:?} {from:?} {to:?} {offset}");
        }
    }
}

#[tokio::test]
async fn counts_are_exact_before_while_and_after_they_are_folded() {
    for world in worlds().await {
        let tenant = world.tenant;
        let mut n = 0;
        // Short, with one level of nodes, with two; some folded, some not.
        for (upto, fold) in [(5, false), (9, true), (30, false), (200, true), (420, false)] {
            let from = n;
            let add = move |tx: &mut Tx<'_>| {
                (from..upto).try_for_each(|n| row_insert(tx, tenant, inbox(1), &entry(n)))
            };
            world.store.write(add).await.unwrap();
            n = upto;
            assert_answers(&world, n).await;
            let sound = world.store.read(move |tx| recount(tx, tenant, inbox(1))).await.unwrap();
            assert_eq!(sound, Vec::<String>::new());
            if fold {
                let lists = world.store.read(move |tx| lists_with_deltas(tx, tenant, 9));
                let waiting = lists.await.unwrap();
                assert_eq!(waiting.is_empty(), !world.store.is_shared());
                for list in waiting {
                    let fold = move |tx: &mut Tx<'_>| fold_deltas(tx, tenant, list);
                    world.store.write_snapshot(fold).await.unwrap();
                }
                let rest = world.store.read(move |tx| lists_with_deltas(tx, tenant, 9));
                assert_eq!(rest.await.unwrap(), []);
                assert_answers(&world, n).await;
            }
        }
        world.store.write_snapshot(move |tx| repair(tx, tenant, inbox(1))).await.unwrap();
        assert_answers(&world, n).await;
    }
}

#[tokio::test]
async fn many_who_write_and_fold_at_once_lose_no_count() {
    for world in worlds().await {
        let (store, tenant) = (&world.store, world.tenant);
        let done = Arc::new(AtomicBool::new(false));
        let writers = (0..4_i64).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in (0..60).map(|n| n * 4 + writer) {
                    let add = move |tx: &mut Tx<'_>| row_insert(tx, tenant, inbox(1), &entry(n));
                    store.write(add).await.unwrap();
                }
            })
        });
        let folders = (0..2).map(|_| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    let fold = move |tx: &mut Tx<'_>| fold_deltas(tx, tenant, inbox(1));
                    // Two who always meet may give up; the next turn goes on.
                    let _ = store.write_snapshot(fold).await;
                }
            })
        });
        let folders: Vec<_> = folders.collect();
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        done.store(true, Ordering::SeqCst);
        for folder in folders {
            folder.await.unwrap();
        }
        let sound = store.read(move |tx| recount(tx, tenant, inbox(1))).await.unwrap();
        assert_eq!(sound, Vec::<String>::new());
        assert_answers(&world, 240).await;
    }
}

#[tokio::test]
async fn who_holds_something_changes_it_alone() {
    for world in worlds().await {
        let (store, tenant) = (&world.store, world.tenant);
        let name = format!("count {tenant}");
        let start = name.clone();
        store.write(move |tx| access::setting_put(tx, &start, "0")).await.unwrap();
        let add = |_| {
            let (store, name) = (store.clone(), name.clone());
            tokio::spawn(async move {
                let add = move |tx: &mut Tx<'_>| {
                    hold(tx, tenant, Aggregate::External(AppId(1), "i"))?;
                    let n: i64 = access::setting_get(tx, &name)?.unwrap().parse().unwrap();
                    access::setting_put(tx, &name, &(n + 1).to_string())
                };
                store.write(add).await.unwrap();
            })
        };
        for task in (0..40).map(add).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let end = store.read(move |tx| access::setting_get(tx, &name)).await.unwrap();
        assert_eq!(end.as_deref(), Some("40"));
    }
}

#[tokio::test]
async fn a_part_that_fails_is_undone_and_the_rest_goes_on() {
    for world in worlds().await {
        let tenant = world.tenant;
        let done = world.store.write(move |tx| {
            let list = List::Status(DefinitionId(1), 1);
            list_insert(tx, tenant, list, InstanceId(1))?;
            let part = tx.attempt(|tx| {
                list_insert(tx, tenant, list, InstanceId(2))?;
                row_insert(tx, tenant, inbox(1), &entry(1))?;
                Err::<(), _>(Error::Conflict("a rule says no".into()))
            })?;
            assert!(part.is_err());
            list_insert(tx, tenant, list, InstanceId(3))?;
            list_page(tx, tenant, list, InstanceId(0), 9)
        });
        assert_eq!(done.await.unwrap(), [InstanceId(1), InstanceId(3)]);
        let sound = world.store.read(move |tx| recount(tx, tenant, inbox(1))).await.unwrap();
        assert_eq!(sound, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_refusal_and_a_panic_leave_no_trace_and_the_store_goes_on() {
    for world in worlds().await {
        let (store, tenant) = (&world.store, world.tenant);
        let list = List::Status(DefinitionId(1), 1);
        let refused = store.write(move |tx| {
            list_insert(tx, tenant, list, InstanceId(1))?;
            Err::<(), _>(Error::Conflict("a rule says no".into()))
        });
        assert!(matches!(refused.await, Err(Error::Conflict(text)) if text == "a rule says no"));
        let panicked = store.write(move |tx| -> Result<(), Error> {
            list_insert(tx, tenant, list, InstanceId(2))?;
            panic!("on purpose")
        });
        assert!(matches!(panicked.await, Err(Error::Panicked(_))));
        let page = store.write(move |tx| {
            list_insert(tx, tenant, list, InstanceId(3))?;
            list_page(tx, tenant, list, InstanceId(0), 9)
        });
        assert_eq!(page.await.unwrap(), [InstanceId(3)]);
    }
}

#[tokio::test]
async fn of_two_first_writers_the_second_is_run_again_and_sees_the_first() {
    let Some(options) = server() else { return };
    let (store, tenant) = (connect(options).await, TenantId(unique()));
    let runs = Arc::new(AtomicUsize::new(0));
    let make = |n: i64| {
        let (store, runs) = (store.clone(), Arc::clone(&runs));
        tokio::spawn(async move {
            let make = move |tx: &mut Tx<'_>| {
                runs.fetch_add(1, Ordering::SeqCst);
                let known = person::person_by_alias_held(tx, tenant, AliasKind::UserId, "new")?;
                if let Some(known) = known {
                    return Ok(known);
                }
                person_insert(tx, tenant, &named(PersonId(n)), Millis(0))?;
                alias_insert(tx, tenant, AliasKind::UserId, "new", PersonId(n))?;
                Ok::<_, Error>(PersonId(n))
            };
            store.write(make).await.unwrap()
        })
    };
    let mut made = Vec::new();
    for task in (1..=16).map(make).collect::<Vec<_>>() {
        made.push(task.await.unwrap());
    }
    made.dedup();
    assert_eq!(made.len(), 1, "{made:?}");
}

/// Locks two things in one order and in the other, so that each waits for the other.
#[tokio::test]
async fn a_deadlock_is_settled_by_running_one_again() {
    let Some(options) = server() else { return };
    let (store, tenant) = (connect(options).await, TenantId(unique()));
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let runs = Arc::new(AtomicUsize::new(0));
    let both = |first: i64, second: i64| {
        let (store, barrier, runs) = (store.clone(), Arc::clone(&barrier), Arc::clone(&runs));
        let met = AtomicBool::new(false);
        tokio::spawn(async move {
            let both = move |tx: &mut Tx<'_>| {
                runs.fetch_add(1, Ordering::SeqCst);
                hold(tx, tenant, Aggregate::FlowInstance(InstanceId(first)))?;
                // Only the first runs wait for each other.
                if !met.swap(true, Ordering::SeqCst) {
                    barrier.wait();
                }
                hold(tx, tenant, Aggregate::FlowInstance(InstanceId(second)))
            };
            store.write(both).await
        })
    };
    let (one, other) = (both(1, 2), both(2, 1));
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    // Who runs again may be quicker than who was let go, and be the one to give way once more.
    assert!(runs.load(Ordering::SeqCst) >= 3);
}

/// Another one writes what a snapshot has read (40001): the second run sees it.
#[tokio::test]
async fn a_snapshot_that_another_writer_overtook_is_run_again() {
    let Some(options) = server() else { return };
    let (store, name) = (connect(options).await, format!("overtaken {}", unique()));
    let start = name.clone();
    store.write(move |tx| access::setting_put(tx, &start, "1")).await.unwrap();
    let (read, has_read) = std::sync::mpsc::channel();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    let runs = Arc::new(AtomicUsize::new(0));
    let slow = {
        let (name, runs) = (name.clone(), Arc::clone(&runs));
        move |tx: &mut Tx<'_>| {
            let seen = access::setting_get(tx, &name)?.unwrap();
            if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                read.send(()).unwrap();
                goes.recv().unwrap();
            }
            access::setting_put(tx, &name, &format!("{seen}, 3"))
        }
    };
    let writer = store.clone();
    let slow = tokio::spawn(async move { writer.write_snapshot(slow).await });
    tokio::task::spawn_blocking(move || has_read.recv().unwrap()).await.unwrap();
    let other = name.clone();
    store.write(move |tx| access::setting_put(tx, &other, "2")).await.unwrap();
    go.send(()).unwrap();
    slow.await.unwrap().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let end = store.read(move |tx| access::setting_get(tx, &name)).await.unwrap();
    assert_eq!(end.as_deref(), Some("2, 3"));
}

#[tokio::test]
async fn a_tenants_work_is_one_processs_until_it_ends() {
    let Some(options) = server() else { return };
    let (store, tenant) = (connect(options).await, TenantId(unique()));
    let done = store.write(move |tx| {
        let take = |tx: &mut Tx<'_>, holder, now| {
            lease_take(tx, tenant, Work::Fold, holder, Millis(now), Millis(now + 10))
        };
        assert!(take(tx, 1, 0)?);
        assert!(!take(tx, 2, 9)?);
        assert!(take(tx, 1, 9)?, "who has it may prolong it");
        assert!(!take(tx, 2, 18)?);
        assert!(take(tx, 2, 19)?, "it has ended");
        lease_end(tx, tenant, Work::Fold, 1)?;
        assert!(!take(tx, 1, 20)?, "only the holder gives it back");
        lease_end(tx, tenant, Work::Fold, 2)?;
        assert!(take(tx, 1, 21)?);
        Ok::<_, Error>(())
    });
    done.await.unwrap();
    let hinted = store.write(move |tx| {
        hint(tx, tenant, Work::Joins, 5)?;
        hint(tx, tenant, Work::Joins, 6)?;
        hint_done(tx, tenant, Work::Joins, 5)?;
        assert!(hints(tx, Work::Joins)?.contains(&tenant), "there is a newer one");
        hint_done(tx, tenant, Work::Joins, 6)?;
        hint_mark(tx, tenant, Work::Joins)
    });
    assert_eq!(hinted.await.unwrap(), None);
}

/// Hands bytes on between clients and the server, until it is told to cut the connection that sends
/// the next COMMIT: before that has reached the server, or after.
struct Proxy {
    port: u16,
    cut: Arc<AtomicUsize>,
}

const NEVER: usize = 0;
const BEFORE: usize = 1;
const AFTER: usize = 2;

impl Proxy {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicUsize::new(NEVER));
        let armed = Arc::clone(&cut);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let (to, from) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let armed = Arc::clone(&armed);
                std::thread::spawn(move || forward(from, to, &armed));
                std::thread::spawn(move || forward(server, client, &AtomicUsize::new(NEVER)));
            }
        });
        Self { port, cut }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, armed: &AtomicUsize) {
    let mut bytes = [0; 16_384];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        let is_commit = bytes[..n].windows(7).any(|word| word == b"COMMIT\0");
        let cut = if is_commit { armed.swap(NEVER, Ordering::SeqCst) } else { NEVER };
        if cut == AFTER {
            // The client hears nothing any more; the server hears the COMMIT, and then the end.
            let _ = from.shutdown(Shutdown::Both);
        }
        if cut == BEFORE || to.write_all(&bytes[..n]).is_err() {
            break;
        }
        if cut == AFTER {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Write);
}

#[tokio::test]
async fn a_commit_that_is_cut_on_its_way_is_told_as_unknown_and_may_be_repeated() {
    let Some(options) = server() else { return };
    let (head, tail) = options.url.expose_secret().split_once('@').unwrap();
    let (address, rest) = tail.split_once('/').unwrap();
    let proxy = Proxy::to(address.to_owned());
    let url = format!("{head}@127.0.0.1:{}/{rest}", proxy.port);
    let store = connect(postgres::Options { url: url.into(), ..options.clone() }).await;
    let tenant = TenantId(unique());
    let put = |id: i64| {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let put = move |tx: &mut Tx<'_>| {
            counted.fetch_add(1, Ordering::SeqCst);
            hold(tx, tenant, Aggregate::FlowInstance(InstanceId(id)))?;
            let list = List::Status(DefinitionId(1), 1);
            // Set semantics, as every use case has them.
            if !list_page(tx, tenant, list, InstanceId(id - 1), 1)?.contains(&InstanceId(id)) {
                list_insert(tx, tenant, list, InstanceId(id))?;
            }
            Ok::<_, Error>(())
        };
        (put, runs)
    };
    for (id, cut) in [(1, BEFORE), (2, AFTER), (3, BEFORE), (4, AFTER)] {
        proxy.cut.store(cut, Ordering::SeqCst);
        let (first, runs) = put(id);
        let lost = store.write(first).await;
        assert!(matches!(lost, Err(Error::Unknown(_))), "{cut}: {lost:?}");
        assert_eq!(runs.load(Ordering::SeqCst), 1, "what may be done is not done again unasked");
        store.write(put(id).0).await.unwrap();
    }
    let list = List::Status(DefinitionId(1), 1);
    let all = store.read(move |tx| list_page(tx, tenant, list, InstanceId(0), 9)).await.unwrap();
    assert_eq!(all, [1, 2, 3, 4].map(InstanceId));
}

#[tokio::test]
async fn what_takes_too_long_is_busy_and_not_a_hang() {
    let Some(options) = server() else { return };
    let tenant = TenantId(unique());
    let short = std::time::Duration::from_millis(50);
    let impatient =
        connect(postgres::Options { statement_timeout: short, ..options.clone() }).await;
    let store = connect(options).await;
    let (is_held, held) = std::sync::mpsc::channel();
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let holder = tokio::spawn(async move {
        let hold = move |tx: &mut Tx<'_>| {
            hold(tx, tenant, Aggregate::People)?;
            is_held.send(()).unwrap();
            let _ = wait.lock().unwrap().recv();
            Ok::<_, Error>(())
        };
        store.write(hold).await
    });
    tokio::task::spawn_blocking(move || held.recv().unwrap()).await.unwrap();
    let refused = impatient.write(move |tx| hold(tx, tenant, Aggregate::People)).await;
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    drop(let_go);
    holder.await.unwrap().unwrap();
    impatient.write(move |tx| hold(tx, tenant, Aggregate::People)).await.unwrap();
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_without_repeating_its_password() {
    let options = postgres::Options::new("postgres://me:hidden@host:port/name");
    let refused =
        tokio::task::spawn_blocking(move || Store::connect(&options, Millis(0)).err().unwrap());
    let text = refused.await.unwrap().to_string();
    assert!(text.contains("postgres://user:password@host:5432/name") && !text.contains("hidden"));
}

fn department(id: &str, parent: &str, leader: Option<PersonId>) -> Department {
    Department { id: id.into(), name: format!("{id} 部"), parent: parent.into(), leader }
}

#[tokio::test]
async fn departments_roles_and_leaders_are_kept_and_name_who_people_are_today() {
    for world in worlds().await {
        let tenant = world.tenant;
        let done = world.store.write(move |tx| {
            let (ann, bob, anna) = (PersonId(1), PersonId(2), PersonId(3));
            for id in [ann, bob, anna] {
                person_insert(tx, tenant, &named(id), Millis(1))?;
            }
            let all = [department("a", "", Some(anna)), department("b", "a", None)];
            for one in &all {
                dep::department_put(tx, tenant, one)?;
            }
            org::leader_put(tx, tenant, bob, Some(anna))?;
            org::main_department_put(tx, tenant, anna, "a")?;
            org::further_departments_put(tx, tenant, anna, &["b".into()])?;
            for (role, person) in [("r", bob), ("r", anna), ("s", anna), ("r", bob)] {
                let kept = Role { id: role.into(), name: "R".into() };
                dep::role_put(tx, tenant, &kept)?;
                assert_eq!(dep::role_get(tx, tenant, role)?, Some(kept));
                dep::role_member_insert(tx, tenant, role, person)?;
            }
            assert_eq!(dep::department_use(tx, tenant, "a")?, (true, true));
            assert_eq!(dep::department_use(tx, tenant, "b")?, (false, true));
            assert_eq!(dep::departments_after(tx, tenant, "a", 9)?, [all[1].clone()]);

            // Whoever was absorbed is who they turned out to be, wherever they are named.
            person_join(tx, tenant, &Join { from: anna, into: ann }, "import", Millis(2))?;
            let leader = dep::department_get(tx, tenant, "a")?.unwrap().leader;
            assert_eq!(leader, Some(ann));
            assert_eq!(org::standing(tx, tenant, bob)?.unwrap().leader, Some(ann));
            let today = org::standing(tx, tenant, anna)?.unwrap();
            assert_eq!((today.id, &*today.department), (ann, "a"));
            assert_eq!(dep::role_members(tx, tenant, "r", PersonId(0), 9)?, [ann, bob]);
            let members = org::members_after(tx, tenant, PersonId(0), 9)?;
            assert_eq!(members[0].position.departments, ["a", "b"]);
            assert_eq!(members[0].position.roles, ["r", "s"]);
            assert_eq!(members.len(), 2);

            org::left_put(tx, tenant, bob, Some(Millis(7)))?;
            assert_eq!(org::standing(tx, tenant, bob)?.unwrap().left_at, Some(Millis(7)));
            assert_eq!(dep::role_members_present(tx, tenant, "r", 9)?, [ann]);
            Ok::<_, Error>(())
        });
        done.await.unwrap();
    }
}

#[tokio::test]
async fn the_next_range_is_found_and_whoever_stands_in_at_a_time() {
    for world in worlds().await {
        let tenant = world.tenant;
        let done = world.store.write(move |tx| {
            let range = |id: i64, substitute: i64, from: i64, until: i64| Range {
                id,
                what: Substitution {
                    person: PersonId(1),
                    substitute: PersonId(substitute),
                    from: Millis(from),
                    until: Millis(until),
                },
                due_at: Some(Millis(from)),
                cursor: InstanceId(0),
            };
            let (first, second) = (range(1, 5, 10, 20), range(2, 6, 15, 30));
            for range in [second, first] {
                substitution::substitution_put(tx, tenant, &range)?;
            }
            let mut at = |at: i64, limit: usize| {
                let found =
                    substitution::substitutes_at(tx, tenant, PersonId(1), Millis(at), limit);
                found.map(|people| people.iter().map(|person| person.get()).collect::<Vec<_>>())
            };
            assert_eq!((at(9, 9)?, at(10, 9)?, at(15, 9)?), (vec![], vec![5], vec![5, 6]));
            assert_eq!((at(15, 1)?, at(20, 9)?, at(30, 9)?), (vec![5], vec![6], vec![]));
            assert_eq!(substitution::substitution_next(tx, tenant)?, Some(first));
            let done = Range { due_at: None, ..first };
            substitution::substitution_put(tx, tenant, &done)?;
            assert_eq!(substitution::substitution_next(tx, tenant)?, Some(second));
            assert!(substitution::tenants_with_substitutions(tx)?.contains(&tenant));
            let open = substitution::substitutions_of(tx, tenant, PersonId(1), Millis(20), 9)?;
            assert_eq!(open, [second]);
            substitution::substitution_delete(tx, tenant, 2)?;
            assert_eq!(substitution::substitution_next(tx, tenant)?, None);
            assert!(!substitution::tenants_with_substitutions(tx)?.contains(&tenant));
            Ok::<_, Error>(())
        });
        done.await.unwrap();
    }
}

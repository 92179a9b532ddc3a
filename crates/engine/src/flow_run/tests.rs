//! A story in one file: what a step writes, what time does, and what an audit finds. Everything that
//! callers see is told at the boundary; this is what notices in seconds that a step does too little.
//!
//! What proves a state right has stories of its own, and so has what callers give.

mod given;
mod proof;

use std::sync::Arc;

use domain::flow::Status;
use domain::inbox::{Family, List, Relation, State as Side};
use domain::person::AliasKind;
use domain::process::{Event, Refusal, Verb};
use domain::time::ManualClock;
use domain::{AppId, Clock, Ids, InstanceId, Millis, PersonId, TaskId, TenantId};
use serde_json::Value as Json;
use store::access::App;
use store::flow_run::{Run, run_get};
use store::person::{person_by_alias, person_get};
use store::{Options, Store};

use super::actions::{Asked, Chat, On, Point, What, act, chat, chat_made, rollback_points};
use super::definitions::{apply, list, show};
use super::execute::{Start, execute};
use super::{FlowFault, KnownAs, Named, audit};
use crate::access::tenant_create;
use crate::card::Renderers;
use crate::keys::Keyring;
use crate::people::{ImportedPerson, import};
use crate::{Caller, Error, Hub, Settings};

const FLOW: &str = "
api_id: f
namespace: n
label: { zh-CN: 流程 }
parameters:
  - { name: who, type: person, required: false, label: { zh-CN: 谁 } }
  - { name: with, type: people, required: false, label: { zh-CN: 同 } }
  - { name: note, type: text, required: false, label: { zh-CN: 注 } }
nodes:
  - { id: a, label: { zh-CN: 甲 }, assignees: [{ person: ben }], due: { after: PT2H, remind: [PT1H], then: agree } }
  - { id: b, label: { zh-CN: 乙 }, assignees: [{ parameter: who }], nobody: pass }
";

const HOUR: i64 = 3_600_000;

struct Desk {
    hub: Hub,
    clock: Arc<ManualClock>,
    caller: Caller,
    _folder: tempfile::TempDir,
}

async fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Millis(1_767_574_800_000)));
    let store = Store::open(&Options::new(folder.path().join("data.db")), clock.now()).unwrap();
    let render = Renderers {
        format: 1,
        head: |_| Vec::new(),
        task: |_| Vec::new(),
        listed: |_, _| (),
        flow: |instance| instance.status.code().to_be_bytes().to_vec(),
        initiator: |_, name| name.into(),
    };
    let (ids, keys) = (Arc::new(Ids::new([7; 32])), Keyring::new([7; 32], &[]));
    let shared = Arc::clone(&clock) as Arc<dyn Clock>;
    let hub = Hub::new(store, shared, ids, keys, render, Settings::default());
    let tenant = hub
        .write(|tx, cx| {
            let tenant = tenant_create(tx, cx, "acme", "Acme")?.id;
            for (id, name) in [("1", "ann"), ("2", "ben"), ("3", "cat")] {
                let aliases =
                    vec![(AliasKind::Kunlun, id.to_owned()), (AliasKind::UserId, name.to_owned())];
                let name = name.to_owned();
                import(tx, cx, tenant, &ImportedPerson { aliases, name, ..Default::default() })??;
            }
            apply(tx, cx, tenant, FLOW)?;
            Ok(tenant)
        })
        .await
        .unwrap();
    Desk { hub, clock, caller: caller(tenant), _folder: folder }
}

fn caller(tenant: TenantId) -> Caller {
    let app = App {
        id: AppId(9),
        tenant: Some(tenant),
        key: "app".into(),
        name: "app".into(),
        secret_mac: Vec::new(),
        epoch: 0,
        scopes: Vec::new(),
        disabled: false,
        created_at: Millis(0),
    };
    Caller { tenant, app: Arc::new(app) }
}

fn named(id: &str) -> Named {
    Named { member: "who", ids: vec![id.to_owned()] }
}

fn start() -> Start {
    let (namespace, api_id) = ("n".to_owned(), "f".to_owned());
    Start { namespace, api_id, operator: named("1"), ..Start::default() }
}

impl Desk {
    async fn start(&self, key: Option<&str>, params: &[(&str, &str)]) -> crate::Result<InstanceId> {
        self.start_with(key, params.iter().map(|(name, value)| (*name, (*value).into()))).await
    }

    async fn start_with(
        &self,
        key: Option<&str>,
        params: impl IntoIterator<Item = (&str, Json)>,
    ) -> crate::Result<InstanceId> {
        let mut start = start();
        start.key = key.map(str::to_owned);
        start.params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let caller = self.caller.clone();
        let started = self.hub.write(move |tx, cx| execute(tx, cx, &caller, &start)).await?;
        Ok(started.instance)
    }

    /// Starts so many at once.
    async fn start_many(&self, instances: usize) {
        let caller = self.caller.clone();
        let started = self.hub.write(move |tx, cx| {
            (0..instances).try_for_each(|_| execute(tx, cx, &caller, &start()).map(drop))
        });
        started.await.unwrap();
    }

    /// An instance as it is stored.
    async fn run(&self, id: InstanceId) -> Run {
        let tenant = self.caller.tenant;
        self.hub.read(move |tx, _| Ok(run_get(tx, tenant, id)?)).await.unwrap().unwrap()
    }

    async fn import(&self, aliases: &[(AliasKind, &str)]) {
        let tenant = self.caller.tenant;
        let aliases = aliases.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect();
        let person = ImportedPerson { aliases, name: "dan".to_owned(), ..Default::default() };
        let done = self.hub.write(move |tx, cx| import(tx, cx, tenant, &person)).await;
        done.unwrap().unwrap();
    }

    async fn history(&self, id: InstanceId, after: i64) -> crate::Result<audit::History> {
        let tenant = self.caller.tenant;
        self.hub.read(move |tx, _| audit::history(tx, tenant, id, after, 10)).await
    }

    async fn act(&self, on: On, by: &str, what: What) -> crate::Result<bool> {
        let asked = Asked { on, by: named(by), opinion: String::new(), what };
        let caller = self.caller.clone();
        self.hub.write(move |tx, cx| act(tx, cx, &caller, &asked)).await
    }

    /// The tasks that wait for somebody.
    async fn todo(&self, person: &'static str) -> Vec<TaskId> {
        let tenant = self.caller.tenant;
        let read = self.hub.read(move |tx, _| {
            let person = person_by_alias(tx, tenant, AliasKind::Kunlun, person)?.unwrap();
            let (family, relation, state) = (Family::Flow, Relation::Assigned, Side::Pending);
            let list = List { family, person, relation, state };
            let question = store::inbox::Question {
                lists: vec![list],
                flows: None,
                from: None,
                to: None,
                offset: 0,
                limit: 50,
            };
            let found = store::inbox::ask(tx, tenant, &question)?;
            assert_eq!(usize::try_from(found.count).unwrap(), found.rows.len());
            Ok(found.rows.into_iter().map(|entry| TaskId(entry.key.task)).collect())
        });
        read.await.unwrap()
    }

    async fn status(&self, id: InstanceId) -> Status {
        let tenant = self.caller.tenant;
        let read = self.hub.read(move |tx, _| Ok(store::flow::instance_load(tx, tenant, id)?));
        read.await.unwrap().unwrap().status
    }

    async fn all_fits(&self) {
        let audit = self.hub.audit(&[self.caller.tenant]).await.unwrap();
        assert_eq!(audit.faults, Vec::<String>::new());
        assert_eq!(self.hub.doctor(false).await.unwrap().faults, Vec::<String>::new());
    }
}

fn fault<T: std::fmt::Debug>(done: crate::Result<T>) -> FlowFault {
    match done {
        Err(Error::Flow(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

fn on(task: TaskId) -> On {
    On::Task(task.to_string())
}

#[tokio::test]
async fn a_step_moves_tasks_and_its_repetition_nothing() {
    let desk = desk().await;
    let id = desk.start(None, &[("who", "3")]).await.unwrap();
    let [first] = desk.todo("2").await[..] else { panic!() };
    assert!(desk.act(on(first), "2", What::Agree).await.unwrap());
    assert!(!desk.act(on(first), "2", What::Agree).await.unwrap());
    let FlowFault::Rules(refused) = fault(desk.act(on(first), "2", What::Reject).await) else {
        panic!()
    };
    assert!(matches!(refused.refusal, Refusal::AlreadyDecided { .. }));
    assert_eq!(refused.people.values().next().unwrap().name, "ben");
    assert_eq!(desk.todo("2").await, []);
    let [second] = desk.todo("3").await[..] else { panic!() };
    let (caller, place) = (desk.caller.clone(), on(second));
    let points = desk.hub.read(move |tx, cx| rollback_points(tx, cx, &caller, &place, &named("3")));
    let told = |point: &Point| (point.task, point.is_start, point.label.clone());
    let points: Vec<_> = points.await.unwrap().iter().map(told).collect();
    let begin = desk.run(id).await.state.tasks[0].id;
    let label = |texts: &[(&str, &str)]| -> Vec<(String, String)> {
        texts.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
    };
    let start_label = label(&[("2052", "发起"), ("1033", "Start")]);
    assert_eq!(points, [(begin, true, start_label), (first, false, label(&[("2052", "甲")]))]);
    assert!(desk.act(on(second), "3", What::RollBack(first.to_string())).await.unwrap());
    assert_eq!(desk.todo("2").await.len(), 1);
    assert!(desk.act(On::Instance(id.to_string()), "1", What::Cancel).await.unwrap());
    assert_eq!((desk.status(id).await, desk.todo("2").await), (Status::Canceled, vec![]));
    desk.all_fits().await;
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let desk = desk().await;
    let id = desk.start(None, &[]).await.unwrap();
    let gone = |on| desk.act(on, "2", What::Agree);
    assert_eq!(fault(gone(On::Task("5".into())).await), FlowFault::NoTask);
    assert_eq!(fault(gone(On::Task("+5".into())).await), FlowFault::NoTask);
    assert_eq!(fault(gone(On::Instance(id.to_string())).await), FlowFault::NoTask);
    let cancel = desk.act(On::Instance("5".into()), "1", What::Cancel).await;
    assert_eq!(fault(cancel), FlowFault::NoInstance);
    let (member, nobody) = ("who", "77".to_owned());
    let [task] = desk.todo("2").await[..] else { panic!() };
    let stranger = desk.act(on(task), "77", What::Agree).await;
    assert_eq!(fault(stranger), FlowFault::Nobody { member, id: nobody });
}

#[tokio::test]
async fn a_key_is_taken_once_and_forgotten_after_thirty_days() {
    let desk = desk().await;
    let first = desk.start(Some("k"), &[]).await.unwrap();
    let FlowFault::KeyUsed { instance, .. } = fault(desk.start(Some("k"), &[]).await) else {
        panic!()
    };
    assert_eq!(instance, first);
    // Whoever anchors histories also forgets keys, but none before its time.
    desk.clock.advance(30 * 24 * HOUR - 1);
    assert_eq!(desk.hub.anchor().await.unwrap(), 1);
    assert!(matches!(fault(desk.start(Some("k"), &[]).await), FlowFault::KeyUsed { .. }));
    desk.clock.advance(1);
    assert_ne!(desk.start(Some("k"), &[]).await.unwrap(), first);
}

#[tokio::test]
async fn values_become_people_and_what_does_not_fit_is_told() {
    let desk = desk().await;
    let FlowFault::Rules(refused) = fault(desk.start(None, &[("who", "3"), ("x", "1")]).await)
    else {
        panic!()
    };
    let Refusal::Values(faults) = refused.refusal else { panic!() };
    assert_eq!(faults.iter().map(|fault| &*fault.name).collect::<Vec<_>>(), ["x"]);
    desk.start(None, &[("who", "99")]).await.unwrap();
    let tenant = desk.caller.tenant;
    let stub = desk.hub.read(move |tx, _| {
        let person = person_by_alias(tx, tenant, AliasKind::Kunlun, "99")?.unwrap_or(PersonId(0));
        Ok(person_get(tx, tenant, person)?.map(|person| person.stub))
    });
    assert_eq!(stub.await.unwrap(), Some(true));
}

#[tokio::test]
async fn time_reminds_and_decides_once() {
    let desk = desk().await;
    let tenant = desk.caller.tenant;
    let id = desk.start(None, &[]).await.unwrap();
    let tick = async || desk.hub.run_timers_of(tenant).await.unwrap();
    assert_eq!(tick().await, 0);
    desk.clock.advance(HOUR);
    assert_eq!((tick().await, tick().await), (1, 0));
    desk.clock.advance(HOUR);
    assert_eq!((desk.hub.run_timers().await.unwrap(), tick().await), (1, 0));
    assert_eq!(desk.status(id).await, Status::Agreed);
    desk.all_fits().await;
    let read = desk.history(id, 0).await.unwrap();
    assert_eq!(
        read.entries.iter().map(|e| e.by.is_some()).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert!(read.people.values().any(|known| known.name == "ben" && known.id == "2"));
    assert_eq!(desk.history(id, 3).await.unwrap().entries, []);
    let unknown = desk.history(InstanceId(5), 0).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
}

#[tokio::test]
async fn versions_are_kept_and_the_same_text_is_none() {
    let desk = desk().await;
    let tenant = desk.caller.tenant;
    let second = FLOW.replace("PT2H", "PT3H");
    let text = second.clone();
    let changes = desk
        .hub
        .write(move |tx, cx| Ok([apply(tx, cx, tenant, FLOW)?, apply(tx, cx, tenant, &text)?]));
    let changes = changes.await.unwrap().map(|change| (change.version, change.new));
    assert_eq!(changes, [(1, false), (2, true)]);
    let read = desk.hub.read(move |tx, _| {
        let newest = list(tx, tenant)?.into_iter().map(|flow| flow.version).collect::<Vec<_>>();
        let missing = show(tx, tenant, "f", Some(3)).is_err();
        Ok((newest, show(tx, tenant, "f", None)?, show(tx, tenant, "f", Some(1))?, missing))
    });
    let (newest, last, first, missing) = read.await.unwrap();
    assert_eq!((newest, last.source, first.source, missing), (vec![2], second, FLOW.into(), true));
}

#[tokio::test]
async fn those_who_have_to_do_with_a_task_talk_about_it() {
    let desk = desk().await;
    let id = desk.start(None, &[("who", "3")]).await.unwrap();
    let [task] = desk.todo("2").await[..] else { panic!() };
    let ask = |by: &str, invited: Named| {
        let (caller, on, by) = (desk.caller.clone(), on(task), named(by));
        desk.hub.read(move |tx, cx| chat(tx, cx, &caller, &on, &by, &invited))
    };
    let known = |name: &str, id: &str| KnownAs { name: name.into(), id: id.into() };
    let (label, by) = (vec![("2052".to_owned(), "流程".to_owned())], known("ann", "1"));
    let mut expected = Chat { task, instance: id, label, by, invited: vec![known("ben", "2")] };
    assert_eq!(ask("1", Named::default()).await.unwrap(), expected);
    expected.invited = vec![known("cat", "3")];
    assert_eq!(ask("1", named("3")).await.unwrap(), expected);
    assert!(matches!(fault(ask("3", named("1")).await), FlowFault::Rules(_)), "not cat's task yet");
    let (caller, place) = (desk.caller.clone(), on(task));
    let made = desk.hub.write(move |tx, cx| chat_made(tx, cx, &caller, &place, &named("2"), "oc"));
    assert!(made.await.unwrap());
    let told = desk.history(id, 1).await.unwrap().entries.remove(0);
    let entry = told.entry.unwrap();
    assert_eq!((&*told.action, entry.verb, entry.task), ("chat", Verb::Chat, Some(task)));
    assert_eq!(entry.events, [Event::Talked { task, chat: "oc".into() }]);
    desk.all_fits().await;
}

#[tokio::test]
async fn whoever_turns_out_to_be_somebody_else_keeps_what_waits_for_them() {
    let desk = desk().await;
    let (kunlun, own) = ((AliasKind::Kunlun, "9"), (AliasKind::UserId, "dan"));
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(desk.start(None, &[("who", "9")]).await.unwrap());
        let [task] = desk.todo("2").await[..] else { panic!() };
        assert!(desk.act(on(task), "2", What::Agree).await.unwrap());
    }
    let [first, second] = desk.todo("9").await[..] else { panic!() };
    desk.import(&[own]).await;
    desk.import(&[kunlun, own]).await;
    // What they had has not followed them yet.
    assert_eq!(desk.todo("9").await, []);
    let stranger = desk.act(on(first), "3", What::Agree).await;
    assert!(matches!(fault(stranger), FlowFault::Rules(_)));
    assert!(desk.act(on(first), "9", What::Agree).await.unwrap());
    let mut left = ids.clone();
    for id in ids {
        if desk.status(id).await == Status::Agreed {
            left.retain(|other| *other != id);
        }
    }
    assert_eq!(left.len(), 1);
    assert_eq!(desk.hub.finish_joins().await.unwrap(), 1);
    assert_eq!(desk.todo("9").await, [second]);
    desk.all_fits().await;
    assert!(desk.act(on(second), "9", What::Agree).await.unwrap());
    assert_eq!(desk.status(left[0]).await, Status::Agreed);
    desk.all_fits().await;
}

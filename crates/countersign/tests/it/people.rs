//! People: stubs, what joins two of them, and that queries are right before the rows have followed.

use std::collections::BTreeMap;

use domain::person::AliasKind;
use engine::people::{ImportedPerson, import};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{App, INSTANCES, Setup, TestHub, histories, instance, task};

async fn import_person(hub: &TestHub, aliases: &[(AliasKind, &str)]) -> Result<(), String> {
    let aliases = aliases.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect();
    let person = ImportedPerson { aliases, name: "Somebody".into(), ..ImportedPerson::default() };
    let tenant = hub.acme;
    let done = hub.hub.write(move |tx, cx| import(tx, cx, tenant, &person));
    done.await.unwrap().map(drop).map_err(|refusal| refusal.to_string())
}

/// A pending task for whoever `who` names, in an instance of its own.
fn assigned(code: &str, id: &str, who: &Value) -> Value {
    let mut assigned = task("t", "", "PENDING", 1);
    assigned.as_object_mut().unwrap().remove("user_id");
    for (name, value) in who.as_object().unwrap() {
        assigned[name] = value.clone();
    }
    let mut payload = instance(code, id, "PENDING", 1);
    payload["task_list"] = json!([assigned]);
    payload
}

async fn pending_of(app: &App<'_>, code: &str, user: &str) -> Vec<String> {
    let filter = json!({"approval_codes": [code], "user_ids": [user], "status": "PENDING"});
    let rows = app.walk(&filter, 2).await;
    rows.iter().map(|row| row["instance_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_import_joins_who_was_synced_by_open_id_with_who_was_synced_by_user_id() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("leave").await;
    app.sync(&assigned(&code, "by-user", &json!({"user_id": "alice"}))).await;
    app.sync(&assigned(&code, "by-open", &json!({"open_id": "ou_alice"}))).await;
    assert_eq!(pending_of(&app, &code, "alice").await, ["by-user"]);

    let both = [(AliasKind::UserId, "alice"), (AliasKind::OpenId, "ou_alice")];
    import_person(&hub, &both).await.unwrap();
    assert_eq!(pending_of(&app, &code, "alice").await, ["by-user", "by-open"]);
    assert_eq!(hub.doctor().await.open_joins, 1);

    assert_eq!(hub.finish_joins().await, 1);
    assert_eq!(pending_of(&app, &code, "alice").await, ["by-user", "by-open"]);
    let report = hub.doctor().await;
    assert_eq!((report.open_joins, report.stubs, report.faults), (0, 1, vec![]));
}

#[tokio::test]
async fn a_payload_joins_stubs_but_never_two_people_whom_an_operator_knows() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let code = app.define("leave").await;
    app.sync(&assigned(&code, "1", &json!({"user_id": "alice"}))).await;
    app.sync(&assigned(&code, "2", &json!({"open_id": "ou_alice"}))).await;
    let both = json!({"user_id": "alice", "open_id": "ou_alice"});
    app.sync(&assigned(&code, "3", &both)).await;
    assert_eq!(pending_of(&app, &code, "alice").await, ["1", "2", "3"]);

    import_person(&hub, &[(AliasKind::UserId, "bob")]).await.unwrap();
    import_person(&hub, &[(AliasKind::OpenId, "ou_carol")]).await.unwrap();
    let mixed = assigned(&code, "4", &json!({"user_id": "bob", "open_id": "ou_carol"}));
    let answer = app.post(INSTANCES, &mixed).await;
    let place = vec!["task_list[*].open_id".to_owned()];
    assert_eq!((answer.code(), answer.fields()), (1_390_001, place));
    let contradiction = json!({"user_id": "alice", "open_id": "ou_other"});
    let answer = app.post(INSTANCES, &assigned(&code, "5", &contradiction)).await;
    assert_eq!(answer.code(), 1_390_001);
}

#[tokio::test]
async fn queries_make_nobody_and_a_strict_server_takes_only_known_people() {
    let hub = TestHub::with(Setup { create_people: false, ..Setup::default() }).await;
    let app = hub.app("cli_oa").await;
    let code = app.define("leave").await;
    assert_eq!(pending_of(&app, &code, "ghost").await, Vec::<String>::new());
    let payload = assigned(&code, "1", &json!({"user_id": "ghost"}));
    let answer = app.post(INSTANCES, &payload).await;
    assert_eq!((answer.code(), answer.fields()), (1_390_004, vec!["user_id".to_owned()]));
    assert_eq!(hub.doctor().await.people, 0);

    for known in ["ghost", "initiator"] {
        import_person(&hub, &[(AliasKind::UserId, known)]).await.unwrap();
    }
    app.sync(&payload).await;
}

/// What may happen to the aliases `u<n>` and `o<n>` of one person.
#[derive(Clone, Copy, Debug)]
enum Event {
    ByUser,
    ByOpen,
    ByBoth,
    Import,
    FinishJoins,
}

#[test]
fn in_any_order_one_person_ends_as_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hub = runtime.block_on(TestHub::new());
    let event = prop::sample::select(vec![
        Event::ByUser,
        Event::ByOpen,
        Event::ByBoth,
        Event::Import,
        Event::FinishJoins,
    ]);
    let events = prop::collection::vec((0_usize..3, event), 1..14);
    let runs = std::sync::atomic::AtomicUsize::new(0);
    let config = Config { cases: histories(300), failure_persistence: None, ..Config::default() };
    let done = TestRunner::new(config).run(&events, |events| {
        let run = runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        runtime.block_on(one_history(&hub, run, &events));
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(hub.finish_joins());
    let report = runtime.block_on(hub.doctor());
    assert_eq!((report.open_joins, report.faults), (0, vec![]));
}

async fn one_history(hub: &TestHub, run: usize, events: &[(usize, Event)]) {
    let app = hub.app("cli_oa").await;
    let code = app.define(&format!("people-{run}")).await;
    // Per person: instances known by user id, instances known by open id, and whether both are one.
    let mut expected: BTreeMap<usize, (Vec<String>, Vec<String>, bool)> = BTreeMap::new();
    for (step, (person, event)) in events.iter().enumerate() {
        let (user, open) = (format!("r{run}-u{person}"), format!("r{run}-o{person}"));
        let id = format!("r{run}-{step:02}");
        let (by_user, by_open, one) = expected.entry(*person).or_default();
        match event {
            Event::ByUser => {
                app.sync(&assigned(&code, &id, &json!({"user_id": user}))).await;
                by_user.push(id);
            }
            Event::ByOpen => {
                app.sync(&assigned(&code, &id, &json!({"open_id": open}))).await;
                by_open.push(id);
            }
            Event::ByBoth => {
                let both = json!({"user_id": user, "open_id": open});
                app.sync(&assigned(&code, &id, &both)).await;
                by_user.push(id);
                *one = true;
            }
            Event::Import => {
                let both = [(AliasKind::UserId, user.as_str()), (AliasKind::OpenId, open.as_str())];
                import_person(hub, &both).await.unwrap();
                *one = true;
            }
            Event::FinishJoins => {
                hub.finish_joins().await;
            }
        }
        for (person, (by_user, by_open, one)) in &expected {
            let mut all = by_user.clone();
            if *one {
                all.extend(by_open.iter().cloned());
            }
            all.sort();
            let user = format!("r{run}-u{person}");
            assert_eq!(pending_of(&app, &code, &user).await, all, "{event:?} {step}");
        }
    }
}

//! The company as administrators describe it over HTTP, what flows then find in it, and handing over.
//!
//! What is refused is in `organisation_faults`.

use axum::http::Method;
use domain::flow::{FlowDetails, Instance, InstanceDetails, Logic, Part, Status, Task};
use domain::person::AliasKind;
use domain::process::Directory;
use domain::process::directory::stand_ins;
use domain::{InstanceId, Millis, PersonId, TaskId, TenantId};
use engine::directory::Company;
use engine::flows;
use serde_json::{Value, json};

use crate::process::piped;
use crate::support::{START, Setup, TestHub, USER_TASKS, in_folder, instance, task};

async fn put(hub: &TestHub, path: &str, body: &Value) -> Value {
    hub.admin(Method::PUT, path, body).await.data()
}

async fn get(hub: &TestHub, path: &str) -> Value {
    hub.admin(Method::GET, path, &Value::Null).await.data()
}

async fn post(hub: &TestHub, path: &str, body: &Value) -> Value {
    hub.admin(Method::POST, path, body).await.data()
}

async fn person_of(hub: &TestHub, user_id: &str) -> PersonId {
    let (tenant, user_id) = (hub.acme, user_id.to_owned());
    let found = hub.hub.read(move |tx, _| {
        Ok(store::person::person_by_alias(tx, tenant, AliasKind::UserId, &user_id)?)
    });
    found.await.unwrap().unwrap()
}

/// What the company answers to flows at the hub's time.
async fn ask<T: Send + 'static>(
    hub: &TestHub,
    question: impl Fn(&dyn Directory, Millis) -> T + Send + 'static,
) -> T {
    let tenant = hub.acme;
    let asked = hub.hub.read(move |tx, cx| {
        let company = Company::new(tx, tenant);
        let answer = question(&company, cx.now);
        company.finish()?;
        Ok(answer)
    });
    asked.await.unwrap()
}

#[tokio::test]
async fn a_person_is_added_changed_found_and_leaves() {
    let hub = TestHub::new().await;
    for department in ["finance", "board"] {
        put(&hub, &format!("departments/{department}"), &json!({})).await;
    }
    put(&hub, "roles/cashier", &json!({"name": "出纳"})).await;
    put(&hub, "people/boss", &json!({"name": "Boss", "leader": ""})).await;
    let body = json!({
        "open_id": "ou_ann", "kunlun_user_id": "1001", "name": "Ann",
        "names": [{"language_code": "2052", "text": "安"}],
        "departments": ["finance", "board"], "leader": "boss", "roles": ["cashier"],
    });
    let made = put(&hub, "people/ann", &body).await;
    let boss = json!({
        "name": "Boss", "user_id": "boss", "open_id": "", "union_id": "", "kunlun_user_id": "",
    });
    let mut ann = json!({
        "name": "Ann", "user_id": "ann", "open_id": "ou_ann", "union_id": "",
        "kunlun_user_id": "1001", "names": [{"language_code": "2052", "text": "安"}],
        "departments": ["finance", "board"], "leader": boss, "roles": ["cashier"],
        "confirmed": true, "left_at": "0",
    });
    assert_eq!(made, json!({"person": ann, "created": true}));

    // What is left out stays, what is empty goes.
    let again = put(&hub, "people/ou_ann?user_id_type=open_id", &json!({"roles": []})).await;
    ann["roles"] = json!([]);
    assert_eq!(again, json!({"person": ann, "created": false}));
    put(&hub, "people/ann", &json!({"departments": ["board"], "leader": ""})).await;
    (ann["departments"], ann["leader"]) = (json!(["board"]), Value::Null);
    assert_eq!(get(&hub, "people/1001?user_id_type=kunlun_user_id").await["person"], ann);

    hub.clock.advance(5_000);
    ann["left_at"] = START.plus(5_000).get().to_string().into();
    let left = post(&hub, "people/ann/deactivate", &Value::Null).await;
    assert_eq!(left["person"], ann);
    hub.clock.advance(5_000);
    let still = post(&hub, "people/ann/deactivate", &Value::Null).await;
    assert_eq!(still["person"], ann, "who has left stays away since the first time");
    ann["left_at"] = "0".into();
    assert_eq!(post(&hub, "people/ann/activate", &Value::Null).await["person"], ann);
}

/// Every entry of a list, page by page.
async fn walk(hub: &TestHub, path: &str, name: &str) -> Vec<Value> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let page = get(hub, &format!("{path}?page_size=2&page_token={token}")).await;
        let entries = page[name].as_array().unwrap();
        assert!(entries.len() <= 2);
        all.extend(entries.iter().cloned());
        assert_eq!(page["has_more"].as_bool().unwrap(), page.get("page_token").is_some());
        match page.get("page_token") {
            None => return all,
            Some(next) => next.as_str().unwrap().clone_into(&mut token),
        }
    }
}

#[tokio::test]
async fn lists_are_walked_page_by_page_without_gaps_and_belong_to_one_tenant() {
    let hub = TestHub::new().await;
    let ids = ["a", "b", "c", "d", "e"];
    for id in ids {
        put(&hub, &format!("departments/{id}"), &json!({"name": format!("{id} name")})).await;
        put(&hub, &format!("roles/{id}"), &json!({})).await;
    }
    for id in ids {
        put(&hub, &format!("people/{id}"), &json!({"name": id, "roles": ["c"]})).await;
    }
    let names = |all: &[Value], name: &str| -> Vec<String> {
        all.iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&walk(&hub, "departments", "departments").await, "department_id"), ids);
    assert_eq!(names(&walk(&hub, "roles", "roles").await, "role_id"), ids);
    assert_eq!(names(&walk(&hub, "people", "people").await, "user_id"), ids);
    assert_eq!(names(&walk(&hub, "roles/c/members", "people").await, "user_id"), ids);

    for (list, name) in [
        ("departments", "departments"),
        ("roles", "roles"),
        ("people", "people"),
        ("changes", "changes"),
    ] {
        let other = hub.admin_of("other", Method::GET, list, &Value::Null).await.data();
        assert_eq!(other[name], json!([]), "{list}");
    }
    for one in ["departments/a", "roles/a", "people/a", "people/a/substitutes", "roles/c/members"] {
        let other = hub.admin_of("other", Method::GET, one, &Value::Null).await;
        assert_eq!((other.status.as_u16(), other.code()), (404, 7_100_404), "{one}");
    }
}

#[tokio::test]
async fn departments_form_a_tree_and_only_empty_ones_are_removed() {
    let hub = TestHub::new().await;
    put(&hub, "people/chief", &json!({"name": "Chief"})).await;
    let top = put(&hub, "departments/company", &json!({"leader": "chief"})).await;
    assert_eq!(top["department"]["leader"]["name"], "Chief");
    assert_eq!((&top["department"]["name"], &top["created"]), (&json!("company"), &json!(true)));
    put(&hub, "departments/sales", &json!({"parent_department_id": "company"})).await;
    put(&hub, "departments/south", &json!({"parent_department_id": "sales"})).await;

    let circle = json!({"parent_department_id": "south"});
    let refused = hub.admin(Method::PUT, "departments/company", &circle).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, 7_100_409));
    assert_eq!(refused.fields(), ["parent_department_id"]);
    assert_eq!(get(&hub, "departments/company").await["department"]["parent_department_id"], "");

    put(&hub, "people/ann", &json!({"departments": ["company", "south"]})).await;
    for (department, what) in [("sales", "departments below it"), ("south", "people")] {
        let path = format!("departments/{department}");
        let refused = hub.admin(Method::DELETE, &path, &Value::Null).await;
        assert!(refused.code() == 7_100_409 && refused.text.contains(what), "{}", refused.text);
    }
    put(&hub, "people/ann", &json!({"departments": ["company"]})).await;
    for department in ["south", "sales"] {
        let path = format!("departments/{department}");
        hub.admin(Method::DELETE, &path, &Value::Null).await.data();
        assert_eq!(hub.admin(Method::DELETE, &path, &Value::Null).await.code(), 7_100_404);
    }
    // Names may hold what a path must escape.
    put(&hub, "departments/R%26D%2F%E7%A0%94%E5%8F%91", &json!({})).await;
    let all = walk(&hub, "departments", "departments").await;
    assert_eq!(all[0]["department_id"], "R&D/研发");
}

#[tokio::test]
async fn flows_find_leaders_departments_and_roles_and_no_circle_holds_them() {
    let hub = TestHub::new().await;
    put(&hub, "roles/cashier", &json!({})).await;
    // Each leads the next, and the last leads the first.
    for id in ["a", "b", "c"] {
        put(&hub, &format!("people/{id}"), &json!({"roles": ["cashier"]})).await;
    }
    for (id, leader) in [("a", "b"), ("b", "c"), ("c", "a")] {
        put(&hub, &format!("people/{id}"), &json!({"leader": leader})).await;
    }
    put(&hub, "departments/finance", &json!({"leader": "b"})).await;
    put(&hub, "people/a", &json!({"departments": ["finance"]})).await;
    let (a, b, c) =
        (person_of(&hub, "a").await, person_of(&hub, "b").await, person_of(&hub, "c").await);
    let profile = ask(&hub, move |company, _| company.profile(a)).await.unwrap();
    assert_eq!(
        (&*profile.user_id, &*profile.department, profile.leader, &profile.roles[..]),
        ("a", "finance", Some(b), &["cashier".to_owned()][..])
    );
    let people = ask(&hub, |company, _| {
        let (leader, role) = (company.department_leader("finance"), company.role("cashier"));
        (leader, role, company.person("c"), company.department_leader("none"))
    });
    assert_eq!(people.await, (Some(b), vec![a, b, c], Some(c), None));

    post(&hub, "people/b/deactivate", &Value::Null).await;
    let gone = ask(&hub, move |company, _| (company.profile(b), company.role("cashier"))).await;
    assert_eq!(gone, (None, vec![a, c]));
}

#[tokio::test]
async fn substitutes_stand_in_for_a_time_and_circles_of_them_end() {
    let hub = TestHub::new().await;
    for id in ["a", "b", "c"] {
        put(&hub, &format!("people/{id}"), &json!({"name": id})).await;
    }
    let day = 86_400_000;
    let (from, until) = (START.plus(day), START.plus(2 * day));
    let mut ids = Vec::new();
    for (person, substitute) in [("a", "b"), ("b", "c"), ("c", "a")] {
        let body =
            json!({"substitute": substitute, "from": from.get(), "until": until.get().to_string()});
        let path = format!("people/{person}/substitutes");
        let id = post(&hub, &path, &body).await["substitute_id"].clone();
        assert_eq!(post(&hub, &path, &body).await["substitute_id"], id, "once is enough");
        ids.push(id.as_str().unwrap().to_owned());
    }
    let listed = get(&hub, "people/a/substitutes").await;
    assert_eq!(listed["substitutes"][0]["substitute"]["user_id"], "b");
    assert_eq!(listed["substitutes"][0]["until"], until.get().to_string());

    let (a, b, c) =
        (person_of(&hub, "a").await, person_of(&hub, "b").await, person_of(&hub, "c").await);
    let of_a = move |company: &dyn Directory, now: Millis| stand_ins(company, a, now, &[]);
    assert_eq!(ask(&hub, of_a).await, []);
    hub.clock.advance(day);
    assert_eq!(ask(&hub, of_a).await, [b, c]);

    hub.admin(Method::DELETE, &format!("substitutes/{}", ids[1]), &Value::Null).await.data();
    assert_eq!(ask(&hub, of_a).await, [b], "c stood in for b, who is back");
    assert_eq!(get(&hub, "people/b/substitutes").await["substitutes"], json!([]));
    hub.clock.advance(day);
    assert_eq!(ask(&hub, of_a).await, [], "the last moment does not belong to the range");
}

/// An open task of `people`, in turn, in an imported instance; the first of them is asked.
fn flow_instance(id: i64, flow: domain::FlowId, people: &[PersonId]) -> Instance {
    let end_time = Millis(0);
    let part = |(turn, person): (usize, &PersonId)| {
        let status = if turn == 0 { Status::InProcess } else { Status::Unstarted };
        Part { person: *person, status, end_time }
    };
    let task = Task {
        id: TaskId(id + 1),
        node: "node".to_owned(),
        logic: Logic::Orderly,
        status: Status::InProcess,
        start_time: Millis(id),
        end_time,
        parts: people.iter().enumerate().map(part).collect(),
        ccs: Vec::new(),
    };
    Instance {
        id: InstanceId(id),
        flow,
        initiator: people[0],
        status: Status::InProcess,
        start_time: Millis(id),
        end_time,
        details: InstanceDetails::default(),
        tasks: vec![task],
    }
}

/// `count` instances from `first` in which `people` decide in turn.
async fn furnish(hub: &TestHub, first: i64, count: i64, people: Vec<PersonId>) {
    let tenant = hub.acme;
    let write = hub.hub.write(move |tx, cx| {
        let details = FlowDetails { label: Vec::new(), namespace: "package".to_owned() };
        let flow = flows::define(tx, cx, tenant, "api", &details)?;
        for n in 0..count {
            flows::put(tx, cx, tenant, &flow_instance(first + n * 10, flow, &people))?;
        }
        Ok(())
    });
    write.await.unwrap();
}

async fn pending(hub: &TestHub, kunlun: &str) -> String {
    let oa = hub.app("cli_oa").await;
    let query = json!({"kunlun_user_id": kunlun, "type": "pending", "source": "assignMe"});
    oa.post(USER_TASKS, &query).await.data()["count"].as_str().unwrap().to_owned()
}

async fn company_of_three(hub: &TestHub) -> [PersonId; 3] {
    for (id, kunlun) in [("ann", "1"), ("bob", "2"), ("eve", "3")] {
        put(hub, &format!("people/{id}"), &json!({"name": id, "kunlun_user_id": kunlun})).await;
    }
    [person_of(hub, "ann").await, person_of(hub, "bob").await, person_of(hub, "eve").await]
}

#[tokio::test]
async fn everything_open_is_handed_over_in_slices_and_mirrored_tasks_stay() {
    let hub = TestHub::new().await;
    let [ann, bob, eve] = company_of_three(&hub).await;
    // Ann's turn; not yet Ann's turn; Ann before Bob, who gets hers.
    furnish(&hub, 10_000, 120, vec![ann, eve]).await;
    furnish(&hub, 20_000, 7, vec![eve, ann]).await;
    furnish(&hub, 30_000, 3, vec![ann, bob]).await;
    furnish(&hub, 40_000, 5, vec![eve]).await;
    let oa = hub.app("cli_oa").await;
    let mut mirrored = instance(&oa.define("leave").await, "i", "PENDING", 1);
    mirrored["task_list"] = json!([task("t", "ann", "PENDING", 1), task("u", "ann", "DONE", 1)]);
    oa.sync(&mirrored).await;
    assert_eq!(pending(&hub, "1").await, "123");

    let plan = post(&hub, "people/ann/hand_over", &json!({"to": "bob", "dry_run": true})).await;
    let counts = |data: &Value| ["instances", "tasks", "external_tasks"].map(|n| data[n].clone());
    assert_eq!(counts(&plan), [json!(130), json!(130), json!(1)]);
    assert_eq!(plan["instance_ids"].as_array().unwrap().len(), 20);
    assert!(plan.get("hand_over_id").is_none());
    assert_eq!((hub.finish_hand_overs().await, &*pending(&hub, "1").await), (0, "123"));

    post(&hub, "people/ann/deactivate", &Value::Null).await;
    let begun = post(&hub, "people/ann/hand_over", &json!({"to": "bob"})).await;
    assert_eq!(counts(&begun), counts(&plan));
    let again = post(&hub, "people/ann/hand_over", &json!({"to": "bob"})).await;
    assert_eq!(again["hand_over_id"], begun["hand_over_id"], "one job, however often it is asked");
    let path = format!("hand_overs/{}", begun["hand_over_id"].as_str().unwrap());
    assert_eq!(get(&hub, &path).await["hand_over"]["finished_at"], "0");
    let other = hub.admin_of("other", Method::GET, &path, &Value::Null).await;
    assert_eq!(other.code(), 7_100_404);

    assert_eq!(hub.finish_hand_overs().await, 130);
    assert_eq!(hub.finish_hand_overs().await, 0);
    let job = get(&hub, &path).await["hand_over"].clone();
    assert_eq!((&job["from"]["name"], &job["to"]["name"]), (&json!("ann"), &json!("bob")));
    assert_eq!((&job["moved_instances"], &job["moved_tasks"]), (&json!(130), &json!(130)));
    assert_eq!((&job["refused_instances"], &job["finished_at"] == "0"), (&json!(0), false));
    assert_eq!(pending(&hub, "1").await, "0");
    assert_eq!(pending(&hub, "2").await, "123", "in turn, Bob is asked where Ann was");
    assert_eq!(pending(&hub, "3").await, "12", "Eve's turns are as before");
    let filter = json!({"instance_ids": ["i"]});
    let stays = oa.get(crate::support::TASKS, &filter).await.data();
    assert_eq!(stays["data"][0]["tasks"][0]["status"], "PENDING");
    assert_eq!(hub.doctor().await.faults, Vec::<String>::new());
}

#[tokio::test]
async fn every_change_is_recorded_once_and_none_that_was_refused() {
    let hub = TestHub::new().await;
    put(&hub, "departments/finance", &json!({"name": "Finance"})).await;
    put(&hub, "people/ann", &json!({"name": "Ann", "departments": ["finance"]})).await;
    let unknown = json!({"departments": ["none"]});
    assert_eq!(hub.admin(Method::PUT, "people/ann", &unknown).await.code(), 99_992_402);
    let nobody = hub.admin(Method::PUT, "people/eve", &json!({"leader": "none"})).await;
    assert_eq!(nobody.code(), 99_992_402);
    assert_eq!(hub.admin(Method::GET, "people/eve", &Value::Null).await.code(), 7_100_404);
    post(&hub, "people/ann/deactivate", &Value::Null).await;
    post(&hub, "people/ann/deactivate", &Value::Null).await;
    let all = walk(&hub, "changes", "changes").await;
    let actions: Vec<_> = all.iter().map(|change| change["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["person.deactivate", "person.put", "department.put"]);
    let ann = person_of(&hub, "ann").await.to_string();
    assert_eq!((&all[1]["subject"], &all[1]["origin"]), (&json!(ann), &json!("admin_api")));
    let details: Value = serde_json::from_str(all[1]["details"].as_str().unwrap()).unwrap();
    assert_eq!((&details["name"], &details["departments"]), (&json!("Ann"), &json!(["finance"])));
}

#[tokio::test]
async fn what_two_had_in_the_company_is_one_persons_when_they_turn_out_to_be_one() {
    let hub = TestHub::new().await;
    put(&hub, "roles/cashier", &json!({})).await;
    put(&hub, "roles/buyer", &json!({})).await;
    put(&hub, "departments/finance", &json!({})).await;
    put(&hub, "people/boss", &json!({"name": "Boss", "open_id": "ou_boss"})).await;
    put(&hub, "people/ann", &json!({"name": "Ann", "roles": ["buyer"]})).await;
    let (roles, departments) = (["buyer", "cashier"], ["finance"]);
    let twin = json!({"roles": roles, "departments": departments, "leader": "ou_boss"});
    put(&hub, "people/ou_ann?user_id_type=open_id", &twin).await;
    put(&hub, "departments/finance?user_id_type=open_id", &json!({"leader": "ou_ann"})).await;

    let joined = put(&hub, "people/ann", &json!({"open_id": "ou_ann"})).await["person"].clone();
    assert_eq!(joined["roles"], json!(["buyer", "cashier"]));
    assert_eq!(joined["departments"], json!(["finance"]));
    assert_eq!(joined["leader"]["user_id"], "boss");
    let finance = get(&hub, "departments/finance").await["department"].clone();
    assert_eq!(finance["leader"]["user_id"], "ann", "whoever named the other names this one now");
    let ann = person_of(&hub, "ann").await;
    let led = ask(&hub, |company, _| company.department_leader("finance")).await;
    assert_eq!(led, Some(ann));
}

/// Whether a person is found by flows, and whether every answer counts.
async fn found(store: &store::Store) -> (bool, bool) {
    let asked = store.read(|tx| {
        let company = Company::new(tx, TenantId(1));
        let found = company.profile(PersonId(1)).is_some();
        Ok::<_, engine::Error>((found, company.finish().is_ok()))
    });
    asked.await.unwrap()
}

#[tokio::test]
async fn a_failure_of_the_data_is_not_taken_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = in_folder(&folder, &Setup::default());
    assert_eq!(found(&store).await, (false, true), "there is nobody");
    let made = store.write(|tx| {
        let (tenant, id, name) = (TenantId(1), PersonId(1), "Ann".to_owned());
        let (names, department) = (Vec::new(), String::new());
        let person = store::person::Person { id, name, names, department, stub: false };
        store::person::person_insert(tx, tenant, &person, START)?;
        store::person::alias_insert(tx, tenant, AliasKind::UserId, "ann", id)
    });
    made.await.unwrap();
    assert_eq!(found(&store).await, (true, true));
    let script = "import sqlite3, sys\n\
                  file = sqlite3.connect(sys.argv[1])\n\
                  file.execute('UPDATE person_alias SET kind = 99')\n\
                  file.commit()";
    let file = folder.path().join("countersign.db");
    piped(std::process::Command::new("python3").args(["-c", script]).arg(file), "");
    assert_eq!(found(&store).await, (false, false), "who asked throws the outcome away");
}

//! Importing a file: what it writes, that twice is once, that a kill in the middle harms nothing,
//! and what a bad line costs.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use domain::flow::{FlowDetails, Instance, InstanceDetails, Logic, Part, Status, Task};
use domain::person::AliasKind;
use domain::{InstanceId, Millis, PersonId, TaskId};
use engine::flows;
use engine::import::apply;
use engine::people::{ImportedPerson, import};
use serde_json::{Value, json};

use crate::process::{Client, Server, ask, countersign, found, run, text};
use crate::support::{Setup, TASKS, TestHub, USER_TASKS, definition, instance, task};

const PEOPLE: usize = 5;

fn kunlun(n: usize) -> String {
    format!("17000000000000{n:02}")
}

/// A file with every kind of record: people, a flow, `instances` of it, a definition and two
/// third-party instances.
fn records(app: &str, instances: usize) -> Vec<Value> {
    let mut records = Vec::new();
    for n in 0..PEOPLE {
        records.push(json!({
            "record": "person", "user_id": format!("u{n}"), "kunlun_user_id": kunlun(n),
            "name": format!("Person {n}"),
        }));
    }
    records.push(json!({
        "record": "flow", "api_id": "leave", "namespace": "package",
        "label": [{"language_code": "1033", "text": "Leave"}],
    }));
    for n in 0..instances {
        let open = n % 3 != 0;
        records.push(json!({
            "record": "flow_instance", "id": (n * 10 + 10).to_string(), "api_id": "leave",
            "initiator": kunlun(n % PEOPLE), "status": if open { "in_process" } else { "agreed" },
            "start_time": (n + 1).to_string(), "end_time": "0",
            "summarys": [{
                "file_key": [{"language_code": "2052", "text": "天数"}],
                "file_value": [{"language_code": "2052", "text": format!("{n} 天")}],
            }],
            "tasks": [{
                "id": (n * 10 + 11).to_string(), "node": "manager",
                "status": if open { "in_process" } else { "agreed" },
                "start_time": (n + 1).to_string(),
                "assignees": [{
                    "kunlun_user_id": kunlun((n + 1) % PEOPLE),
                    "status": if open { "in_process" } else { "agreed" },
                }],
                "cc": [kunlun((n + 2) % PEOPLE)],
            }],
        }));
    }
    let mut own = definition("travel");
    own["record"] = "external_approval".into();
    own["app_id"] = app.into();
    records.push(own);
    for id in ["a", "b"] {
        let mut external = instance("travel", id, "PENDING", 5);
        external["record"] = "external_instance".into();
        external["app_id"] = app.into();
        external["task_list"] = json!([task("t", "u1", "PENDING", 5)]);
        records.push(external);
    }
    records
}

fn lines(records: &[Value]) -> String {
    records.iter().flat_map(|record| [record.to_string(), "\n".to_owned()]).collect()
}

fn write(file: &Path, records: &[Value]) {
    fs::write(file, lines(records)).unwrap();
}

/// Everything that everybody sees, and the doctor's view of all rows.
async fn everything(data: &Path, app: &(String, String)) -> (Vec<Value>, Value) {
    let server = Server::serve(data);
    let client = Client::new(server.url(), app).await;
    let mut seen = Vec::new();
    for n in 0..PEOPLE {
        for offset in [0, 50, 100] {
            let body = json!({"kunlun_user_id": kunlun(n), "limit": 50, "offset": offset});
            let answer = client.post(USER_TASKS, &body).await.unwrap();
            assert_eq!(answer["code"], 0, "{answer}");
            seen.push(answer["data"].clone());
        }
    }
    let rows = client.post(TASKS, &json!({"instance_ids": ["a", "b"]})).await.unwrap();
    assert_eq!(rows["data"]["data"].as_array().unwrap().len(), 2);
    assert!(server.stop());
    let report = ask(&["doctor"], data);
    assert_eq!(report["faults"], json!([]));
    (seen, report)
}

#[tokio::test]
async fn an_import_that_was_killed_is_run_again_and_twice_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("records.ndjson"));
    let app = found(&data);
    let records = records(&app.0, 1_300);
    write(&file, &records);
    let import = ["import", file.to_str().unwrap(), "--tenant", "acme"];

    // Killed with some slices written and one half read: the rest of the pipe never comes.
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut stopped = countersign();
    stopped
        .args(["--json", "import", "--slice", "500"])
        .arg(&pipe)
        .args(["--tenant", "acme", "--data"])
        .arg(&data);
    let mut child = stopped.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut feed = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    feed.write_all(lines(&records[..1_200]).as_bytes()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(feed);

    let first = ask(&import, &data);
    assert_eq!((&first["imported"], &first["refused"]), (&json!(records.len()), &json!(0)));
    let once = everything(&data, &app).await;
    assert_eq!(ask(&import, &data)["imported"], records.len());
    assert_eq!(everything(&data, &app).await, once);
    assert_eq!(once.1["flow_instances"], 1_300);
    assert_eq!(once.1["flow_tasks"], 1_300);
    // Each task is on the list of its initiator, its assignee and its copy.
    assert!(once.1["inbox_rows"].as_i64().unwrap() >= 3 * 1_300);
    assert_eq!(once.0[0]["count"], "780");

    // A server that runs holds the folder.
    let server = Server::serve(&data);
    let refused = run(&import, &data);
    assert!(text(&refused).contains("another server runs"), "{}", text(&refused));
    drop(server);
}

#[tokio::test]
async fn a_bad_line_names_its_number_and_field_and_nothing_of_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("records.ndjson"));
    let app = found(&data);
    let mut records = records(&app.0, 3);
    let good = records.len();
    let flow_instance = |edit: &dyn Fn(&mut Value)| {
        let mut record = records[PEOPLE + 1].clone();
        record["id"] = 900.into();
        record["tasks"][0]["id"] = 901.into();
        edit(&mut record);
        record
    };
    // A copy to a stranger makes a stub before the contradiction is found: that is undone too.
    let mut contradiction = instance("travel", "c", "PENDING", 1);
    contradiction["record"] = "external_instance".into();
    contradiction["app_id"] = app.0.clone().into();
    contradiction["task_list"] =
        json!([task("1", "stranger", "PENDING", 1), task("2", "u1", "PENDING", 1)]);
    contradiction["cc_list"] = json!([{
        "cc_id": "c", "user_id": "u1", "open_id": "ou", "links": {"pc_link": "x"},
        "read_status": "READ", "create_time": 1, "update_time": 1,
    }, {
        "cc_id": "d", "user_id": "u2", "open_id": "ou", "links": {"pc_link": "x"},
        "read_status": "READ", "create_time": 1, "update_time": 1,
    }]);
    let bad = [
        (json!({"record": "nothing"}), "record: options"),
        (json!({"record": "person", "name": "nobody"}), "user_id: user_id is required"),
        (flow_instance(&|r| r["status"] = "done".into()), "status: options"),
        (flow_instance(&|r| r["api_id"] = "none".into()), "api_id: there is no flow `none`"),
        (flow_instance(&|r| r["initiator"] = "5".into()), "initiator: nobody has"),
        (
            flow_instance(&|r| r["tasks"][0]["assignees"][0]["kunlun_user_id"] = "5".into()),
            "tasks[*].assignees[*].kunlun_user_id: nobody has",
        ),
        (flow_instance(&|r| r["tasks"][0]["id"] = 11.into()), "tasks[*].id: the task 11 belongs"),
        (
            flow_instance(&|r| r["tasks"] = json!([r["tasks"][0], r["tasks"][0]])),
            "tasks[*].id: the task 901 is given more than once",
        ),
        (flow_instance(&|r| r["tasks"] = 5.into()), "tasks: must be an array"),
        (flow_instance(&|r| r["id"] = 0.into()), "id: must be a whole number from 1"),
        (contradiction, "record: user id `u2` and open id `ou` belong to different people"),
    ];
    records.extend(bad.iter().map(|(record, _)| record.clone()));
    write(&file, &records);
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\n").unwrap();
    let import = ["--json", "import", file.to_str().unwrap(), "--tenant", "acme"];
    let done = run(&import, &data);
    assert!(!done.status.success());
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&answer["imported"], &answer["refused"]), (&json!(good), &json!(bad.len() + 1)));
    let told: Vec<&str> =
        answer["faults"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    for (n, (_, complaint)) in bad.iter().enumerate() {
        let wanted = format!("line {}: {complaint}", good + n + 1);
        assert!(told.iter().any(|line| line.starts_with(&wanted)), "{wanted} in {told:?}");
    }
    assert!(told.iter().any(|l| l.starts_with(&format!("line {}: body", good + bad.len() + 1))));
    let report = ask(&["doctor"], &data);
    assert_eq!((&report["faults"], &report["flow_instances"]), (&json!([]), &json!(3)));
    // The people of the file and the initiator of the good instances: no stranger.
    assert_eq!(report["people"], PEOPLE + 1);
}

#[tokio::test]
async fn a_task_costs_at_most_twelve_row_writes_also_in_long_lists() {
    let hub = TestHub::with(Setup { node_size: (16, 4), ..Setup::default() }).await;
    let tenant = hub.acme;
    let made = hub.hub.write(move |tx, cx| {
        let details = FlowDetails { label: Vec::new(), namespace: String::new() };
        let flow = flows::define(tx, cx, tenant, "leave", &details)?;
        let (mut all, mut most) = (0, 0);
        for n in 1..=2_000 {
            let before = tx.rows_written();
            let part = |person| Part { person, status: Status::InProcess, end_time: Millis(0) };
            let instance = Instance {
                id: InstanceId(n * 10),
                flow,
                // Both lists are long: two levels of nodes.
                initiator: PersonId(1),
                status: Status::InProcess,
                start_time: Millis(n),
                end_time: Millis(0),
                details: InstanceDetails::default(),
                tasks: vec![Task {
                    id: TaskId(n * 10 + 1),
                    node: String::new(),
                    logic: Logic::All,
                    status: Status::InProcess,
                    start_time: Millis(n * 7 % 1_000),
                    end_time: Millis(0),
                    parts: vec![part(PersonId(2))],
                    ccs: Vec::new(),
                }],
            };
            flows::put(tx, cx, tenant, &instance)?;
            // Each task on its own, as the worst case: usually those of a batch share a write.
            store::inbox::settle(tx)?;
            let rows = tx.rows_written() - before;
            all += rows;
            most = most.max(rows);
        }
        Ok((all, most))
    });
    let (all, most) = made.await.unwrap();
    println!("row writes a task: {:.2} in the mean, {most} with a split", all as f64 / 2_000.0);
    assert!(all <= 12 * 2_000, "{all}");
}

#[tokio::test]
async fn a_sync_of_three_tasks_takes_at_most_forty_five_statements() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    app.define("leave").await;
    let (tenant, owner) = (hub.acme, hub.key("cli_oa"));
    let counted = hub.hub.write(move |tx, cx| {
        let mut counts = Vec::new();
        for (n, status) in [(1, "PENDING"), (2, "PENDING"), (2, "APPROVED")] {
            let tasks: Vec<Value> = ["ann", "bob", "cat"]
                .iter()
                .map(|user| {
                    json!({"task_id": format!("{n}-{user}"), "user_id": user, "status": status,
                        "links": {"pc_link": "https://oa.example.com"}, "create_time": "1",
                        "end_time": "0", "update_time": "1"})
                })
                .collect();
            let line = json!({"record": "external_instance", "app_id": owner,
                "approval_code": "leave", "instance_id": format!("i{n}"), "status": status,
                "user_id": "dan", "links": {"pc_link": "https://oa.example.com"},
                "start_time": "1", "end_time": "0", "update_time": "1", "task_list": tasks,
                "i18n_resources": []});
            let record = api::import::read(line.to_string().as_bytes()).unwrap();
            let before = tx.statements();
            apply(tx, cx, tenant, &[record])?.pop().unwrap().unwrap();
            store::inbox::settle(tx)?;
            // Less the savepoint of an imported record, which a sync does not have.
            counts.push(tx.statements() - before - 2);
        }
        Ok(counts)
    });
    // The first also makes the people.
    let counts = counted.await.unwrap();
    println!(
        "statements: first {}, next {}, all tasks decided {}",
        counts[0], counts[1], counts[2]
    );
    assert!(counts[1] <= 45 && counts[2] <= 45, "{counts:?}");
}

#[tokio::test]
async fn a_renamed_initiator_shows_at_once_and_costs_one_row() {
    let hub = TestHub::new().await;
    let app = hub.app("cli_oa").await;
    let tenant = hub.acme;
    let rename = |name: &'static str| {
        hub.hub.write(move |tx, cx| {
            let person = ImportedPerson {
                aliases: vec![(AliasKind::Kunlun, "77".to_owned())],
                name: name.to_owned(),
                ..ImportedPerson::default()
            };
            import(tx, cx, tenant, &person)??;
            store::inbox::settle(tx)?;
            Ok(tx.rows_written())
        })
    };
    rename("Before").await.unwrap();
    hub.hub
        .write(move |tx, cx| {
            let details = FlowDetails { label: Vec::new(), namespace: String::new() };
            let flow = flows::define(tx, cx, tenant, "leave", &details)?;
            let kind = AliasKind::Kunlun;
            let initiator = store::person::person_by_alias(tx, tenant, kind, "77")?.unwrap();
            for n in 1..=600 {
                let instance = Instance {
                    id: InstanceId(n * 10),
                    flow,
                    initiator,
                    status: Status::InProcess,
                    start_time: Millis(n),
                    end_time: Millis(0),
                    details: InstanceDetails::default(),
                    tasks: vec![Task {
                        id: TaskId(n * 10 + 1),
                        node: String::new(),
                        logic: Logic::All,
                        status: Status::InProcess,
                        start_time: Millis(n),
                        end_time: Millis(0),
                        parts: Vec::new(),
                        ccs: Vec::new(),
                    }],
                };
                flows::put(tx, cx, tenant, &instance)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let name = async || {
        let body = json!({"kunlun_user_id": "77", "source": "fromMe", "limit": 50});
        let data = app.post(USER_TASKS, &body).await.data();
        assert_eq!(data["count"], "600");
        let tasks = data["tasks"].as_array().unwrap().clone();
        let names: Vec<_> = tasks.iter().map(|t| t["initiator"]["name"].clone()).collect();
        assert!(names.iter().all(|name| *name == names[0]));
        names[0].clone()
    };
    assert_eq!(name().await, "Before");
    assert_eq!(rename("After").await.unwrap(), 1);
    assert_eq!(name().await, "After");
}

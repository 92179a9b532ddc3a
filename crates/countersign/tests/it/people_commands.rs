//! Commands about people: their places from a file, handing over, and the key of the admin API.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Server, ask, countersign, found, http, run, text};

/// The key of the admin API in these tests.
const KEY: &str = "an-admin-key-of-the-command-line";

fn import(folder: &Path, data: &Path, csv: &str) -> std::process::Output {
    let file = folder.join("people.csv");
    fs::write(&file, csv).unwrap();
    run(&["--json", "people", "import", file.to_str().unwrap(), "--tenant", "acme"], data)
}

fn serve(data: &Path, settings: &[(&str, &str)]) -> std::process::Command {
    let mut command = countersign();
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
    command.envs(settings.iter().copied()).arg("--data").arg(data);
    command
}

async fn admin(server: &Server, path: &str) -> Value {
    let url = format!("{}/admin/v1/{path}?tenant_key=acme", server.url());
    let answer: Value =
        http().get(url).bearer_auth(KEY).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["code"], 0, "{path}: {answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn a_file_tells_departments_leaders_and_roles_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    found(&data);
    // Ann's leader stands below her; Bob leads two departments, one of which nobody is in.
    let csv = "user_id,name,department,more_departments,leader_user_id,leads,roles\n\
               ann,Ann,finance,board; audit,bob,,cashier;buyer\n\
               bob,Bob,finance,,bob,finance;legal,\n\
               eve,Eve,sales,,nobody,,\n";
    let done = import(folder.path(), &data, csv);
    let told = text(&done);
    assert!(!done.status.success(), "{told}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["created"], report["refused"].as_array().unwrap().len()), (&json!(3), 1));
    let refused = report["refused"][0].as_str().unwrap();
    assert!(refused.starts_with("line 4: ") && refused.contains("`nobody`"), "{refused}");

    // A file of before, without the new columns, keeps what is stored; `-` takes it away.
    let old = "user_id,name,department\nann,Ann A.,finance\n";
    assert!(import(folder.path(), &data, old).status.success());
    let server = Server::start(serve(&data, &[("COUNTERSIGN_ADMIN__KEY", KEY)]));
    let ann = admin(&server, "people/ann").await["person"].clone();
    assert_eq!(ann["name"], "Ann A.");
    assert_eq!(ann["departments"], json!(["finance", "board", "audit"]));
    assert_eq!(
        (&ann["leader"]["name"], &ann["roles"]),
        (&json!("Bob"), &json!(["buyer", "cashier"]))
    );
    let bob = admin(&server, "people/bob").await["person"].clone();
    assert_eq!(bob["leader"]["user_id"], "bob");
    let eve = admin(&server, "people/eve").await["person"].clone();
    assert_eq!((&eve["departments"], &eve["leader"]), (&json!(["sales"]), &Value::Null));
    let leader = |data: Value| data["department"]["leader"]["user_id"].clone();
    for department in ["finance", "legal"] {
        assert_eq!(leader(admin(&server, &format!("departments/{department}")).await), "bob");
    }
    assert_eq!(leader(admin(&server, "departments/audit").await), Value::Null);

    let none = "user_id,leader_user_id,roles,more_departments\nann,-,-,-\n";
    assert!(import(folder.path(), &data, none).status.success());
    let ann = admin(&server, "people/ann").await["person"].clone();
    assert_eq!((&ann["leader"], &ann["roles"]), (&Value::Null, &json!([])));
    assert_eq!(ann["departments"], json!(["finance"]));
    let changes = admin(&server, "changes").await["changes"].clone();
    assert!(changes.as_array().unwrap().iter().all(|change| change["origin"] == "command"));
    assert!(server.stop());
    assert_eq!(ask(&["doctor"], &data)["faults"], json!([]));
}

#[test]
fn a_file_that_says_too_much_of_somebody_is_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    found(&data);
    let roles = vec!["role"; 101].join(";");
    for (csv, told) in [
        (format!("user_id,roles\nann,{roles}\n"), "line 2"),
        (format!("user_id,leads\nann,{}\n", "x".repeat(257)), "256 characters"),
        ("user_id,leaders\nann,bob\n".to_owned(), "leader_user_id"),
    ] {
        let done = import(folder.path(), &data, &csv);
        assert!(!done.status.success() && text(&done).contains(told), "{}", text(&done));
    }
    assert_eq!(ask(&["doctor"], &data)["people"], 0);
}

/// An instance of a flow with one open task of a person, as a record of an import.
fn record(id: i64, whose: &str) -> String {
    let part = json!({"kunlun_user_id": whose, "status": "in_process"});
    let task = json!({
        "id": id + 1, "node": "n", "status": "in_process", "start_time": 1, "assignees": [part],
    });
    let record = json!({
        "record": "flow_instance", "id": id, "api_id": "leave", "initiator": "3",
        "status": "in_process", "start_time": 1, "tasks": [task],
    });
    format!("{record}\n")
}

#[test]
fn an_operator_looks_before_handing_over_and_then_does() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    found(&data);
    let people = "user_id,kunlun_user_id,name\nann,1,Ann\nbob,2,Bob\neve,3,Eve\n";
    assert!(import(folder.path(), &data, people).status.success());
    let mut records = "{\"record\":\"flow\",\"api_id\":\"leave\"}\n".to_owned();
    records.extend((0..150).map(|n| record(1_000 + n * 10, "1")));
    records.push_str(&record(9_000, "3"));
    let file = folder.path().join("records.ndjson");
    fs::write(&file, records).unwrap();
    let imported = ask(&["import", file.to_str().unwrap(), "--tenant", "acme"], &data);
    assert_eq!(imported["refused"], 0, "{imported}");

    let hand_over = ["people", "hand-over", "--tenant", "acme", "--from", "ann", "--to", "bob"];
    let dry = ask(&[&hand_over[..], &["--dry-run"]].concat(), &data);
    assert_eq!(dry, json!({"instances": 150, "tasks": 150, "external_tasks": 0}));
    let done = ask(&hand_over, &data);
    assert_eq!((&done["instances"], &done["tasks"]), (&json!(150), &json!(150)));
    assert_eq!((&done["refused_instances"], &done["finished"]), (&json!(0), &json!(true)));
    let again = ask(&hand_over, &data);
    assert_eq!(again["instances"], 0, "{again}");
    let back = ["people", "hand-over", "--tenant", "acme", "--id-type", "kunlun-user-id"];
    let back = ask(&[&back[..], &["--from", "2", "--to", "1", "--dry-run"]].concat(), &data);
    assert_eq!(back["tasks"], 150);
    assert_eq!(ask(&["doctor"], &data)["faults"], json!([]));

    for (from, to, told) in [
        ("nobody", "bob", "known as `nobody`"),
        ("ann", "nobody", "nobody is known as `nobody`"),
        ("ann", "ann", "somebody else"),
    ] {
        let args = ["people", "hand-over", "--tenant", "acme", "--from", from, "--to", to];
        let refused = run(&args, &data);
        assert!(!refused.status.success() && text(&refused).contains(told), "{}", text(&refused));
    }
}

#[tokio::test]
async fn the_admin_key_comes_from_the_settings_or_a_file_and_is_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    found(&data);
    let file = folder.path().join("admin.key");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    let file = file.to_str().unwrap();
    let (key, key_file) = ("COUNTERSIGN_ADMIN__KEY", "COUNTERSIGN_ADMIN__KEY_FILE");
    for (settings, told) in [
        (&[(key, &KEY[1..])][..], "at least 32 characters"),
        (&[(key, "0123456789abcdef 0123456789abcdef")], "no spaces"),
        (&[(key, KEY), (key_file, file)], "one of them is enough"),
        (&[(key_file, "/nowhere/admin.key")], "/nowhere/admin.key"),
    ] {
        let done = serve(&data, settings).output().unwrap();
        let complaint = text(&done);
        assert!(!done.status.success() && complaint.contains(told), "{complaint}");
        assert!(!complaint.contains(&KEY[1..]), "{complaint}");
    }
    let server = Server::start(serve(&data, &[(key_file, file)]));
    assert_eq!(admin(&server, "people").await["people"], json!([]));
    assert!(server.stop());
    let off = Server::start(serve(&data, &[]));
    let url = format!("{}/admin/v1/people?tenant_key=acme", off.url());
    let answer = http().get(url).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
}

//! The command line as operators and newcomers use it.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::process::{Client, Server, ask, countersign, found, http, run, serve, text};
use crate::support::{APPROVALS, INSTANCES, TASKS, definition, instance, task};

fn dev(more: &[&str]) -> Server {
    let mut command = countersign();
    command.args(["--json", "dev", "--listen", "127.0.0.1:0"]).args(more);
    Server::start(command)
}

#[test]
fn the_lines_that_dev_prints_work_when_pasted() {
    let mut command = countersign();
    command.args(["dev", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut printed = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    while !printed.contains("Ctrl-C") {
        std::io::BufRead::read_line(&mut out, &mut printed).unwrap();
    }
    assert!(printed.contains("cli_demo") && printed.contains("demo-secret"), "{printed}");
    let (_, block) = printed.split_once("another terminal:").unwrap();
    let (block, _) = block.split_once("Stop with").unwrap();
    // Each curl ends its answer without a line break.
    let script = block.replace("}'\n", "}'; echo\n");
    let pasted = Command::new("bash").args(["-euc", &script]).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let answers: Vec<Value> = String::from_utf8(pasted.stdout)
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 4);
    let count = answers[3]["data"]["count"].as_str().unwrap().parse::<i64>().unwrap();
    assert!(count > 10 && answers[3]["data"]["tasks"].as_array().unwrap().len() == 10);
    for answer in &answers[..3] {
        assert_eq!(answer["code"], 0, "{answer}");
        assert!(!answer["data"]["data"][0]["tasks"].as_array().unwrap().is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn the_demo_company_is_the_same_every_time_and_shows_every_status() {
    let first = dev(&[]);
    let second = dev(&["--tasks", "60"]);
    assert_eq!(first.ready["approval_code"], second.ready["approval_code"]);
    let other = dev(&["--tasks", "60", "--seed", "2"]);
    assert_ne!(first.ready["approval_code"], other.ready["approval_code"]);

    let app = ("cli_demo".to_owned(), "demo-secret".to_owned());
    let client = Client::new(first.url(), &app).await;
    let ids: Vec<_> = (1..=20).map(|n| format!("demo-{n:05}")).collect();
    let rows = client.post(TASKS, &json!({"instance_ids": ids})).await.unwrap();
    let rows = rows["data"]["data"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 20);
    let has = |wanted: &str| rows.iter().any(|row| row["status"] == wanted);
    for status in ["PENDING", "APPROVED", "REJECTED", "CANCELED", "DELETED", "HIDDEN", "TERMINATED"]
    {
        assert!(has(status), "{status}");
    }
}

#[test]
fn a_kept_demo_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let first = dev(&["--data", data, "--tasks", "50"]);
    let code = first.ready["approval_code"].clone();
    assert!(first.stop());
    let again = dev(&["--data", data]);
    assert_eq!(again.ready["approval_code"], code);
    assert!(again.stop());
    let report = ask(&["doctor"], folder.path());
    assert_eq!((&report["faults"], &report["people"]), (&json!([]), &json!(20)));
}

#[test]
fn an_operator_makes_apps_and_changes_what_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let missing = run(&["app", "list"], data);
    assert!(!missing.status.success() && text(&missing).contains("--data"), "{}", text(&missing));
    let (app, secret) = found(data);
    assert!(app.starts_with("cli_") && secret.len() >= 50);
    let twice = run(&["tenant", "create", "acme"], data);
    assert!(text(&twice).contains("the tenant `acme` exists already"), "{}", text(&twice));
    let misspelt = run(&["app", "scopes", &app, "--scope", "approval:aproval"], data);
    assert!(text(&misspelt).contains("approval:approval"), "{}", text(&misspelt));
    let unknown = run(&["app", "disable", "cli_none"], data);
    assert!(text(&unknown).contains("the app `cli_none` does not exist"), "{}", text(&unknown));

    let narrowed = ask(&["app", "scopes", &app, "--scope", "approval:external_task"], data);
    assert_eq!(narrowed["scopes"], json!(["approval:external_task"]));
    let reset = ask(&["app", "reset-secret", &app], data);
    assert_ne!(reset["app_secret"], json!(secret));
    assert_eq!(ask(&["app", "disable", &app], data)["disabled"], true);
    let listed = ask(&["app", "list"], data);
    assert_eq!((&listed[0]["app_id"], &listed[0]["state"]), (&json!(app), &json!("disabled")));
    assert_eq!(ask(&["app", "enable", &app], data)["disabled"], false);
    assert!(!text(&run(&["app", "list"], data)).contains(&secret));
    assert_eq!(ask(&["tenant", "list"], data)[0]["tenant_key"], "acme");
}

#[tokio::test]
async fn commands_work_while_the_server_runs_and_a_backup_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let app = found(&data);
    let server = Server::serve(&data);
    let second = serve(&data).output().unwrap();
    assert!(text(&second).contains("another server runs"), "{}", text(&second));

    let client = Client::new(server.url(), &app).await;
    let made = client.post(APPROVALS, &definition("leave")).await.unwrap();
    let code = made["data"]["approval_code"].as_str().unwrap().to_owned();
    for n in 0..30 {
        let mut payload = instance(&code, &format!("i{n}"), "PENDING", 1);
        payload["task_list"] = json!([task("t", "alice", "PENDING", 1)]);
        payload["open_id"] = "ou_boss".into();
        assert_eq!(client.post(INSTANCES, &payload).await.unwrap()["code"], 0);
    }
    let people = folder.path().join("people.csv");
    let csv = "user_id,open_id,name,name_1033,department\n\
               alice,ou_alice,爱丽丝,Alice,finance\n\
               bob,,鲍勃,Bob,sales\n\
               carol,ou_boss,卡罗尔,Carol,sales\n";
    fs::write(&people, csv).unwrap();
    let import = ["--json", "people", "import", people.to_str().unwrap(), "--tenant", "acme"];
    let done = run(&import, &data);
    // The initiator is known as `initiator` and `ou_boss`, so `carol` cannot be `ou_boss` too.
    assert!(!done.status.success());
    let out = String::from_utf8(done.stdout).unwrap();
    let answer: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((&answer["created"], &answer["updated"]), (&json!(1), &json!(1)));
    assert!(answer["refused"][0].as_str().unwrap().starts_with("line 4: "), "{answer}");

    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    let file = copy.join("countersign.db");
    ask(&["backup", file.to_str().unwrap()], &data);
    let again = run(&["backup", file.to_str().unwrap()], &data);
    assert!(text(&again).contains("exists already"), "{}", text(&again));
    assert!(server.stop());

    // The key is needed, and the right one.
    let lost = run(&["doctor"], &copy);
    assert!(text(&lost).contains("server.key is missing"), "{}", text(&lost));
    fs::write(copy.join("server.key"), "00".repeat(32)).unwrap();
    let foreign = run(&["doctor"], &copy);
    assert!(text(&foreign).contains("another server key"), "{}", text(&foreign));
    // A new key may come first while the old one stays behind it.
    let old = fs::read_to_string(data.join("server.key")).unwrap();
    fs::write(copy.join("server.key"), format!("{}\n{old}", "01".repeat(32))).unwrap();
    let report = ask(&["doctor"], &copy);
    assert_eq!((&report["instances"], &report["faults"]), (&json!(30), &json!([])));
    let restored = Server::serve(&copy);
    let client = Client::new(restored.url(), &app).await;
    let filter = json!({"approval_codes": [code], "user_ids": ["alice"], "status": "PENDING"});
    let rows = client.post(TASKS, &filter).await.unwrap();
    assert_eq!(rows["data"]["data"].as_array().unwrap().len(), 30);
}

#[test]
fn a_file_with_people_must_make_sense() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("people.csv"));
    found(&data);
    for (csv, complaint) in [
        ("userid,name\nalice,A\n", "`userid` is not a column"),
        ("user_id,name\n,A\n", "line 2"),
        ("user_id,name\nalice\n", "cannot read"),
    ] {
        fs::write(&file, csv).unwrap();
        let done = run(&["people", "import", file.to_str().unwrap(), "--tenant", "acme"], &data);
        assert!(!done.status.success() && text(&done).contains(complaint), "{}", text(&done));
    }
    fs::write(&file, "\u{feff}user_id\nalice\n").unwrap();
    let import = ["people", "import", file.to_str().unwrap(), "--tenant"];
    assert_eq!(ask(&[&import[..], &["acme"]].concat(), &data)["created"], 1);
    let nobody = run(&[&import[..], &["none"]].concat(), &data);
    assert!(text(&nobody).contains("the tenant `none` does not exist"), "{}", text(&nobody));
}

#[tokio::test]
async fn health_and_metrics_are_on_a_second_listener() {
    let folder = tempfile::tempdir().unwrap();
    let app = found(folder.path());
    let mut command = countersign();
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", "127.0.0.1:0"]);
    command.arg("--data").arg(folder.path());
    let server = Server::start(command);
    Client::new(server.url(), &app).await;
    let http = http();
    let get = async |base: &str, path: &str| {
        let answer = http.get(format!("{base}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let observe = server.ready["observe"].as_str().unwrap();
    assert_eq!(get(observe, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(observe, "/readyz").await, (200, "ok\n".to_owned()));
    let (status, metrics) = get(observe, "/metrics").await;
    let counted = r#"countersign_requests_total{endpoint="tenant_access_token",code="0"} 1"#;
    assert!(status == 200 && metrics.contains(counted), "{metrics}");
    assert_eq!(get(server.url(), "/metrics").await.0, 404);
    assert!(server.stop());
}

#[test]
fn settings_that_do_not_exist_are_refused_and_files_and_variables_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let start = |toml: &str, variable: (&str, &str)| {
        fs::write(&file, toml).unwrap();
        let mut command = countersign();
        command.args(["serve", "--config"]).arg(&file).env(variable.0, variable.1);
        command.arg("--data").arg(folder.path().join("data"));
        text(&command.output().unwrap())
    };
    let none = ("UNUSED", "");
    assert!(start("[server]\nlisen = \"x\"\n", none).contains("lisen"));
    assert!(start("[server]\nlisten = \"nowhere\"\n", none).contains("server.listen"));
    let wins = ("COUNTERSIGN_SERVER__LISTEN", "elsewhere");
    assert!(start("[server]\nlisten = \"nowhere\"\n", wins).contains("elsewhere"));
    let profile = ("COUNTERSIGN_LIMITS__PROFILE", "strange");
    assert!(start("", profile).contains("strange"));
    assert!(start("[limits]\nper_minute = \"many\"\n", none).contains("per_minute"));
}

#[test]
fn completions_are_printed_for_a_shell() {
    let done = countersign().args(["completions", "bash"]).output().unwrap();
    assert!(text(&done).contains("reset-secret"));
}

#[test]
fn whoever_reads_an_answer_may_have_had_enough_of_it() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = countersign();
    command.args(["completions", "bash"]).stdout(writer).stderr(Stdio::piped());
    let done = command.spawn().unwrap().wait_with_output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{}", text(&done));
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let mut command = countersign();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    command.args(["completions", "bash"]).stdout(full).stderr(Stdio::piped());
    let done = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done).contains("cannot print the answer: No space left on device"));
}

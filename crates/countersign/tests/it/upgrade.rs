//! Data of every earlier version: brought up to date with its rows in it, on both engines.
//!
//! The statements that `migrate --dry-run` prints make the old data, so they are what `migrate` runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::postgres::Schema;
use crate::process::{Client, Server, countersign, piped, text};
use crate::support::{TASKS, USER_TASKS, database};

/// The key under which the rows were written.
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// Tables that every version has, with how many rows `upgrade/0001_external.sql` has of each.
const FIRST: [(&str, &str); 4] =
    [("tenant", "2"), ("person_alias", "80"), ("external_task", "4"), ("external_by_person", "6")];

/// An empty place of one engine.
enum Place {
    Folder(tempfile::TempDir),
    Schema(Schema),
}

impl Place {
    fn all() -> Vec<Self> {
        let folder = tempfile::tempdir().unwrap();
        // SQLite takes an empty file for an empty database.
        std::fs::write(folder.path().join("countersign.db"), "").unwrap();
        let schema = database().map(|url| Self::Schema(Schema::new(&url)));
        [Self::Folder(folder)].into_iter().chain(schema).collect()
    }

    fn command(&self) -> Command {
        let mut command = countersign();
        command.env("COUNTERSIGN_SERVER__KEY", KEY).arg("--json");
        match self {
            Self::Folder(folder) => command.env("COUNTERSIGN_DATA", folder.path()),
            Self::Schema(schema) => command.env("COUNTERSIGN_DATABASE", &schema.url),
        };
        command
    }

    fn ask(&self, args: &[&str]) -> Value {
        let done = self.command().args(args).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", text(&done));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// Runs SQL with a program that is not ours, and answers its last number.
    fn sql(&self, sql: &str) -> String {
        let Self::Folder(folder) = self else {
            let Self::Schema(schema) = self else { unreachable!() };
            return schema.psql(&as_postgres(sql));
        };
        let script = "import sqlite3, sys\n\
            file = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
            last = None\n\
            for one in sys.stdin.read().split(';\\n'):\n    \
                last = (file.execute(one).fetchall() or [last])[-1]\n\
            print('' if last is None else last[0])";
        let file = folder.path().join("countersign.db");
        piped(Command::new("python3").args(["-c", script]).arg(file), sql)
    }
}

/// Bytes are spelled differently.
fn as_postgres(sql: &str) -> String {
    sql.replace(" X'", " '\\x")
}

fn rows_of(migration: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/upgrade");
    folder.join(format!("{migration}.sql"))
}

fn member(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_version_with_data_is_brought_up_to_date_and_served() {
    let names: Vec<String> = {
        let place = Place::all().remove(0);
        let planned = place.ask(&["migrate", "--dry-run"]);
        planned.as_array().unwrap().iter().map(|m| member(m, "name")).collect()
    };
    for version in 1..names.len() {
        for place in Place::all() {
            upgrade(&place, version, &names).await;
        }
    }
}

/// Makes data of the first `version` migrations, applies the rest and uses it.
async fn upgrade(place: &Place, version: usize, names: &[String]) {
    let planned = place.ask(&["migrate", "--dry-run"]);
    for migration in &planned.as_array().unwrap()[..version] {
        let statements = migration["statements"].as_array().unwrap();
        let script = statements.iter().map(|s| format!("{};\n", s.as_str().unwrap()));
        place.sql(&script.collect::<String>());
        let rows = rows_of(&member(migration, "name"));
        let text = std::fs::read_to_string(&rows);
        place.sql(&text.unwrap_or_else(|e| panic!("{e}: write {}", rows.display())));
    }
    let status = place.ask(&["migrate", "--status"]);
    let applied = |status: &Value| -> Vec<String> {
        let rows = status.as_array().unwrap().iter().filter(|m| m["applied_at"].is_i64());
        rows.map(|m| member(m, "name")).collect()
    };
    assert_eq!(applied(&status), names[..version]);
    assert_eq!(place.ask(&["migrate"]), json!({"applied": names[version..]}));
    assert_eq!(applied(&place.ask(&["migrate", "--status"])), names);
    assert_eq!(place.ask(&["migrate", "--dry-run"]), json!([]));
    assert_eq!(place.ask(&["migrate"]), json!({"applied": []}));
    for (table, rows) in FIRST {
        assert_eq!(place.sql(&format!("SELECT count(*) FROM {table}")), rows, "{table}");
    }

    let mut serve = place.command();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--observe", ""]);
    let server = Server::start(serve);
    let client = Client::new(server.url(), &("cli_demo".into(), "demo-secret".into())).await;
    let asked = json!({"instance_ids": ["demo-00001", "demo-00002"]});
    let listed = client.post(TASKS, &asked).await.unwrap();
    assert_eq!(listed["data"]["data"].as_array().unwrap().len(), 2, "{listed}");
    // The lists under inboxes came with the second migration; the first knew no flows.
    if version >= 2 {
        let whose = json!({"kunlun_user_id": "1700000000000004"});
        let inbox = client.post(USER_TASKS, &whose).await.unwrap();
        assert_eq!(inbox["data"]["count"], place.sql(COUNT), "{inbox}");
        assert_eq!(place.ask(&["doctor"])["faults"], json!([]));
    }
    assert!(server.stop());
    // The definitions that tasks repeat are looked after from then on.
    place.sql("UPDATE external_task SET definition_id = 1");
    let doctor = place.command().arg("doctor").output().unwrap();
    assert!(text(&doctor).contains("has another definition"), "{}", text(&doctor));
}

/// How many tasks of flows the person of the test has.
const COUNT: &str = "SELECT count(DISTINCT r.task_id) FROM inbox_row r JOIN person_alias a \
                     ON a.tenant_id = r.tenant_id AND a.person_id = r.person_id \
                     WHERE a.value = '1700000000000004' AND r.family = 1";

#[test]
fn a_place_without_data_or_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let none = crate::process::run(&["migrate", "--status"], folder.path());
    assert!(!none.status.success() && text(&none).contains("there is no data"), "{}", text(&none));
    for place in Place::all() {
        place.ask(&["migrate"]);
        place.sql("INSERT INTO schema_migration (name, applied_at) VALUES ('9999_later', 1)");
        for args in [&["migrate"][..], &["migrate", "--status"], &["migrate", "--dry-run"]] {
            let done = place.command().args(args).output().unwrap();
            assert!(!done.status.success() && text(&done).contains("9999_later"), "{args:?}");
        }
    }
}

//! Server processes on one PostgreSQL database: what only they show. Nothing to do without one.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::process::{Client, Server, countersign, piped, text};
use crate::support::{APPROVALS, INSTANCES, TASKS, database, definition, instance, task};

/// The key of all tests: a database belongs to one.
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

pub fn command(url: &str) -> Command {
    let mut command = countersign();
    command.env("COUNTERSIGN_DATABASE", url).env("COUNTERSIGN_SERVER__KEY", KEY);
    command
}

/// An empty schema, which stands for an empty database: not every server lets a client make one.
/// Dropped with everything in it.
pub struct Schema {
    name: String,
    server: String,
    /// The way into it.
    pub url: String,
}

impl Schema {
    pub fn new(server: &str) -> Self {
        use std::hash::BuildHasher;
        let name = format!("s{:016x}", std::hash::RandomState::new().hash_one("schema"));
        let (base, query) = server.split_once('?').unwrap_or((server, ""));
        let url = format!("{base}?options=-csearch_path%3D{name}&{query}");
        let schema = Self { name, server: server.to_owned(), url };
        psql(server, &format!("CREATE SCHEMA {}", schema.name));
        schema
    }

    /// Runs SQL in it with PostgreSQL's own client, and answers what it prints.
    pub fn psql(&self, sql: &str) -> String {
        psql(&self.url, sql)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        psql(&self.server, &format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

pub fn psql(url: &str, sql: &str) -> String {
    let mut psql = Command::new("psql");
    piped(psql.args(["-d", url, "-v", "ON_ERROR_STOP=1", "-Atq"]), sql)
}

pub fn ask(url: &str, args: &[&str]) -> Value {
    let done = command(url).arg("--json").args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", text(&done));
    serde_json::from_slice(&done.stdout).unwrap()
}

pub fn serve(url: &str) -> Server {
    let mut command = command(url);
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
    command.env("COUNTERSIGN_LIMITS__PROFILE", "off");
    Server::start(command)
}

/// A tenant that no other run has, with an app: key of the tenant, id and secret of the app.
pub fn found(url: &str) -> (String, (String, String)) {
    use std::hash::BuildHasher;
    let tenant = format!("t{:016x}", std::hash::RandomState::new().hash_one("tenant"));
    ask(url, &["tenant", "create", &tenant]);
    let create = ["app", "create", "--tenant", &tenant, "--name", "OA", "--scope", "all"];
    let app = ask(url, &create);
    let member = |name: &str| app[name].as_str().unwrap().to_owned();
    (tenant, (member("app_id"), member("app_secret")))
}

pub async fn define(client: &Client) -> String {
    let made = client.post(APPROVALS, &definition("leave")).await.unwrap();
    made["data"]["approval_code"].as_str().unwrap().to_owned()
}

pub fn pending(code: &str, id: &str, who: &str) -> Value {
    let mut payload = instance(code, id, "PENDING", 1);
    payload["task_list"] = json!([task("t", who, "PENDING", 1)]);
    payload
}

#[tokio::test]
async fn two_servers_take_each_others_tokens_pages_and_people() {
    let Some(url) = database() else { return };
    let (tenant, app) = found(&url);
    let servers = [serve(&url), serve(&url)];
    let first = Client::new(servers[0].url(), &app).await;
    let second = Client::new(servers[1].url(), &app).await;
    let code = define(&first).await;
    // Both sync the same instances and new people, side by side.
    let mut writes = tokio::task::JoinSet::new();
    for n in 0..60 {
        for client in [first.clone(), second.clone()] {
            let payload = pending(&code, &format!("i{}", n % 30), &format!("p{}", n % 7));
            writes.spawn(async move { client.post(INSTANCES, &payload).await.unwrap() });
        }
    }
    while let Some(answer) = writes.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer["code"], 0, "{answer}");
    }
    let filter = json!({"approval_codes": [code], "status": "PENDING"});
    let page = first.post(&format!("{TASKS}?page_size=20"), &filter).await.unwrap();
    assert_eq!(page["data"]["data"].as_array().unwrap().len(), 20);
    let token = page["data"]["page_token"].as_str().unwrap();
    let rest = format!("{TASKS}?page_size=20&page_token={token}");
    let rest = second.post(&rest, &json!({})).await.unwrap();
    assert_eq!(rest["data"]["data"].as_array().unwrap().len(), 10);

    let report = ask(&url, &["doctor", "--tenant", &tenant]);
    let seen = (&report["instances"], &report["people"], &report["faults"]);
    assert_eq!(seen, (&json!(30), &json!(8), &json!([])));
    assert!(servers.into_iter().all(Server::stop));
}

fn refused(command: &mut Command) -> String {
    let done: Output = command.output().unwrap();
    assert!(!done.status.success());
    text(&done)
}

#[test]
fn a_shared_database_needs_the_one_key_and_is_not_backed_up_as_a_file() {
    let Some(url) = database() else { return };
    let (tenant, _) = found(&url);
    let list = ["tenant", "list"];
    let none = refused(command(&url).args(list).env_remove("COUNTERSIGN_SERVER__KEY"));
    assert!(none.contains("server.key_file"), "{none}");
    let other = refused(command(&url).args(list).env("COUNTERSIGN_SERVER__KEY", "11".repeat(32)));
    assert!(other.contains("another server key"), "{other}");
    let copy = Path::new("nowhere.db");
    let backup = refused(command(&url).arg("backup").arg(copy));
    assert!(backup.contains("pg_dump") && !copy.exists(), "{backup}");
    // The new key first and the old one behind it: the way to change it; and back.
    let listed = ask(&url, &list);
    assert!(listed.as_array().unwrap().iter().any(|row| row["tenant_key"] == *tenant));
}

#[tokio::test]
async fn eight_who_start_at_once_on_an_empty_database_make_it_once() {
    let Some(url) = database() else { return };
    let schema = Schema::new(&url);
    let within = schema.url.clone();
    let starts: Vec<_> = (0..8)
        .map(|n| {
            let mut command = command(&within);
            command.args(["tenant", "create", &format!("t{n}")]);
            std::thread::spawn(move || command.output().unwrap())
        })
        .collect();
    for start in starts {
        let done = start.join().unwrap();
        assert!(done.status.success(), "{}", text(&done));
    }
    assert_eq!(ask(&within, &["tenant", "list"]).as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn connections_that_are_cut_lose_nothing_and_the_server_goes_on() {
    let Some(url) = database() else { return };
    let (tenant, app) = found(&url);
    // Under a name of its own, so that no other test's connections are cut.
    let named =
        format!("{url}{}application_name={tenant}", if url.contains('?') { '&' } else { '?' });
    let server = serve(&named);
    let client = Client::new(server.url(), &app).await;
    let code = define(&client).await;
    let mut acknowledged = Vec::new();
    for n in 0..40 {
        if n % 10 == 5 {
            let cut = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = '{tenant}'"
            );
            psql(&url, &cut);
        }
        let id = format!("i{n}");
        let answer = client.post(INSTANCES, &pending(&code, &id, "ann")).await.unwrap();
        // Between two requests no COMMIT is on its way, so each is run again where it must be.
        assert_eq!(answer["code"], 0, "{answer}");
        acknowledged.push(id);
    }
    let filter = json!({"approval_codes": [code], "status": "PENDING"});
    let page = client.post(&format!("{TASKS}?page_size=100"), &filter).await.unwrap();
    let listed: Vec<_> = page["data"]["data"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), acknowledged.len());
    let report = ask(&url, &["doctor", "--tenant", &tenant]);
    assert_eq!(report["faults"], json!([]));
    assert!(server.stop());
}

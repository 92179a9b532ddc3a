//! The way to a PostgreSQL database: encrypted, and through a proxy that gives each transaction
//! another connection.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::pg_server::{PgServer, as_user, free_port, give};
use crate::postgres::{ask, command, define, found, pending, psql};
use crate::process::{Client, Server, text};
use crate::support::{INSTANCES, TASKS};

/// A certificate for this machine and its key.
fn pair(folder: &Path, name: &str) -> String {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let cert = folder.join(format!("{name}.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    cert.to_str().unwrap().to_owned()
}

#[test]
fn the_way_to_the_database_is_encrypted_and_its_end_is_known() {
    let Some(mut server) = PgServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [own, other] = ["own", "other"].map(|name| pair(folder.path(), name));
    let key = folder.path().join("own.key");
    let [cert, key] = [("tls.pem", Path::new(&own)), ("tls.key", &key)]
        .map(|(name, file)| server.take(name, &fs::read(file).unwrap()));
    server.restart(
        &format!("ssl = on\nssl_cert_file = '{cert}'\nssl_key_file = '{key}'\n"),
        // Who comes unencrypted is turned away.
        "hostssl all all 127.0.0.1/32 trust\n",
    );
    let way = |mode: &str| format!("{}?sslmode={mode}", server.url());
    let refused = |mode: &str, root: &str| {
        let mut list = command(&way(mode));
        list.env("COUNTERSIGN_DATABASE__ROOT_CERTIFICATE", root);
        let done = list.args(["tenant", "list"]).output().unwrap();
        assert!(!done.status.success(), "{mode}, {root}: {}", text(&done));
        text(&done)
    };
    ask(&way("require"), &["tenant", "create", "acme"]);
    let plain = refused("disable", "");
    assert!(plain.contains("no encryption"), "{plain}");
    let stranger = refused("verify-full", &other);
    assert!(stranger.contains("certificate"), "{stranger}");
    // The system trusts nobody who made this certificate.
    let unknown = refused("verify-full", "");
    assert!(unknown.contains("certificate"), "{unknown}");
    let mut list = command(&way("verify-full"));
    list.env("COUNTERSIGN_DATABASE__ROOT_CERTIFICATE", &own);
    let done = list.args(["--json", "tenant", "list"]).output().unwrap();
    assert!(done.status.success() && text(&done).contains("acme"), "{}", text(&done));
}

/// PgBouncer, which gives each transaction one of two connections.
struct Proxy {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// `None` where there is no such program, which in CI is a failure.
    fn start(server: &PgServer) -> Option<Self> {
        let program = Path::new("/usr/sbin/pgbouncer");
        if !program.is_file() {
            assert!(std::env::var_os("CI").is_none(), "no {}", program.display());
            eprintln!("skipped: there is no {}", program.display());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (port, to) = (free_port(), server.port());
        let file = folder.path().join("proxy.ini");
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={to} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 2\n"
        );
        fs::write(&file, settings).unwrap();
        give(&[folder.path(), &file]);
        let mut start = as_user(program);
        start.arg("-q").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = start.spawn().unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        // It says nowhere that it is ready.
        while !answers(&url) {
            assert!(child.try_wait().unwrap().is_none(), "the proxy ended");
        }
        Some(Self { child, url, _folder: folder })
    }
}

fn answers(url: &str) -> bool {
    let mut ask = Command::new("psql");
    ask.args(["-d", url, "-c", "SELECT 1"]).stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().unwrap().success()
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn two_servers_work_through_a_proxy_that_shares_connections() {
    let Some(database) = PgServer::start() else { return };
    let Some(proxy) = Proxy::start(&database) else { return };
    let serve = || {
        let mut serve = command(&proxy.url);
        serve.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
        serve.env("COUNTERSIGN_LIMITS__PROFILE", "off");
        serve.env("COUNTERSIGN_DATABASE__PREPARED", "false");
        Server::start(serve)
    };
    // Commands find what they need prepared on a connection of their own.
    let (tenant, app) = found(&database.url());
    let servers = [serve(), serve()];
    let clients =
        [Client::new(servers[0].url(), &app).await, Client::new(servers[1].url(), &app).await];
    let code = define(&clients[0]).await;
    let mut writes = tokio::task::JoinSet::new();
    for n in 0..80 {
        let (client, payload) = (
            clients[n % 2].clone(),
            pending(&code, &format!("i{}", n / 2), &format!("p{}", n % 5)),
        );
        writes.spawn(async move { client.post(INSTANCES, &payload).await.unwrap() });
    }
    while let Some(answer) = writes.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer["code"], 0, "{answer}");
    }
    let filter = json!({"approval_codes": [code], "status": "PENDING"});
    for client in &clients {
        let page = client.post(&format!("{TASKS}?page_size=100"), &filter).await.unwrap();
        assert_eq!(page["data"]["data"].as_array().unwrap().len(), 40);
    }
    // Twice as many connections are held here as the proxy has there.
    let held = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    let held: usize = psql(&database.url(), held).trim().parse().unwrap();
    assert!(held <= 3, "{held} connections");
    let report = ask(&database.url(), &["doctor", "--tenant", &tenant]);
    assert_eq!((&report["instances"], &report["faults"]), (&json!(40), &json!([])));
    assert!(servers.into_iter().all(Server::stop));
}

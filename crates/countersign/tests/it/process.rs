//! The binary as a process: started, asked over a socket, stopped or killed by its own id.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

/// The binary under test, with nothing of the environment's settings.
pub fn countersign() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    without_settings(&mut command);
    command
}

/// Variables of the caller's shell must not change what is tested.
pub fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars() {
        if name.starts_with("COUNTERSIGN_") {
            command.env_remove(name);
        }
    }
}

/// Runs a command to its end.
pub fn run(args: &[&str], data: &Path) -> Output {
    countersign().args(args).arg("--data").arg(data).output().unwrap()
}

/// The JSON answer of a command that must succeed.
pub fn ask(args: &[&str], data: &Path) -> Value {
    let done = run(&[&["--json"], args].concat(), data);
    assert!(done.status.success(), "{args:?}: {}", text(&done));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Everything that a command printed.
pub fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Runs a program that must succeed on `input`, and answers what it prints.
pub fn piped(command: &mut Command, input: &str) -> String {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", text(&done));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    /// What it printed when it was ready.
    pub ready: Value,
}

impl Server {
    /// Starts `command`, which prints one line of JSON when it is ready.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: `{line}`"));
        Self { child, ready }
    }

    /// `serve` on a free port, without limits.
    pub fn serve(data: &Path) -> Self {
        Self::start(serve(data))
    }

    pub fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    /// Stops it as the system would, and tells whether it ended well.
    pub fn stop(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal to the server itself, also when it runs under a tracer.
    pub fn signal(&self, name: &str) {
        let pid = self.ready["pid"].to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the process that was started.
    pub fn wait(mut self) {
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command of [`Server::serve`].
pub fn serve(data: &Path) -> Command {
    let mut command = countersign();
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
    command.env("COUNTERSIGN_LIMITS__PROFILE", "off").arg("--data").arg(data);
    command
}

/// A tenant and an app in a fresh data folder; answers the app's id and secret.
pub fn found(data: &Path) -> (String, String) {
    ask(&["tenant", "create", "acme"], data);
    let create = ["app", "create", "--tenant", "acme", "--name", "OA", "--scope", "all"];
    let app = ask(&create, data);
    let member = |name: &str| app[name].as_str().unwrap().to_owned();
    (member("app_id"), member("app_secret"))
}

/// A caller over a real socket.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// What asks a server over a socket.
pub fn http() -> reqwest::Client {
    // The one kind of cryptography for TLS that is compiled in; a second choice of it changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Client {
    pub async fn new(url: &str, (app, secret): &(String, String)) -> Self {
        let http = http();
        let mut client = Self { http, url: url.to_owned(), token: String::new() };
        let body = json!({"app_id": app, "app_secret": secret});
        let answer = client.post(crate::support::TOKEN, &body).await.unwrap();
        answer["tenant_access_token"].as_str().unwrap().clone_into(&mut client.token);
        client
    }

    /// The answer; an error when the connection broke.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, reqwest::Error> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        request.json(body).send().await?.json().await
    }
}

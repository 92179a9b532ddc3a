//! The server that the clients are tried against: the demo company, and a crowd of instances.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result};

use super::{built, folder};
use crate::steps::{run, target};

/// A demo server, stopped by the id of its process.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Makes a data folder with the demo company, imports the crowd into it, and serves it, or a copy
    /// of it in `database`.
    pub(crate) fn start(database: Option<&str>) -> Result<Self> {
        let data = built().join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        drop(Self::open(&data)?);
        let crowd = built().join("crowd.ndjson");
        let mut print = Command::new("python3");
        print.arg(folder().join("story/crowd.py")).env("PYTHONDONTWRITEBYTECODE", "1");
        run(print.stdout(File::create(&crowd)?))?;
        let mut import = Command::new(target().join("debug/countersign"));
        import.args(["--json", "import", "--tenant", "demo", "--data"]).arg(&data).arg(&crowd);
        run(import.stdout(Stdio::null()))?;
        match database {
            None => Self::open(&data),
            Some(database) => Self::copy(&data, database),
        }
    }

    fn copy(data: &Path, database: &str) -> Result<Self> {
        let mut copy = Command::new(target().join("debug/countersign"));
        copy.args(["--json", "copy", "--from", &format!("sqlite:{}", data.display())]);
        run(copy.args(["--to", database]).stdout(Stdio::null()))?;
        let mut serve = Command::new(target().join("debug/countersign"));
        serve.args(["--json", "serve", "--listen", "127.0.0.1:0", "--observe", ""]);
        serve.args(["--database", database]).env("COUNTERSIGN_LIMITS__PROFILE", "off");
        serve.env("COUNTERSIGN_LOG__LEVEL", "warn");
        serve.env("COUNTERSIGN_FLOWS__CHAT_WEBHOOK", webhook()?);
        Self::ready(serve.env("COUNTERSIGN_SERVER__KEY_FILE", data.join("server.key")))
    }

    fn open(data: &Path) -> Result<Self> {
        let mut command = Command::new(target().join("debug/countersign"));
        command.args(["--json", "dev", "--listen", "127.0.0.1:0", "--tasks", "400", "--data"]);
        Self::ready(command.arg(data))
    }

    /// Starts a server, which prints one line with its address when it is ready.
    fn ready(command: &mut Command) -> Result<Self> {
        let shown = format!("cannot start {}", command.get_program().display());
        let mut child = command.stdout(Stdio::piped()).spawn().context(shown)?;
        let mut line = String::new();
        let out = child.stdout.take().context("the server has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let url = line.split('"').find(|part| part.starts_with("http://"));
        let url = url.with_context(|| format!("the server did not start: {line}"))?.to_owned();
        Ok(Self { child, url })
    }
}

/// What makes groups for a server that has none of its own: always the one of the demo. It lives as long
/// as this process.
fn webhook() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // One read has the whole of so small a request; a broken one is the server's to tell.
            let _ = stream.read(&mut [0; 8_192]);
            let body = r#"{"chat_id":"oc_demo"}"#;
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}", body.len());
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    Ok(url)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

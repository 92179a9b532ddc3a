//! The servers of a measurement: started on given cores, watched, and stopped by their ids.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use super::client::Client;
use super::requests::Request;
use crate::company::Company;
use crate::steps::root;

/// Names the file with the server's key, which a database does not come with.
pub(crate) const KEY_FILE: &str = "COUNTERSIGN_SERVER__KEY_FILE";

/// What a server serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// A data folder.
    pub(crate) data: &'a Path,
    /// The database that holds the same and is served instead.
    pub(crate) database: Option<&'a str>,
}

/// A setting that older versions do not have; it is written where the defaults name it.
const HOT_SET: &str = "hot_set_mb";

/// A server that runs. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// When it was started.
    started: Instant,
}

impl Server {
    /// The product on a data folder.
    pub(crate) fn product(
        binary: &Path,
        place: Place<'_>,
        cores: &str,
        hot_set: bool,
    ) -> Result<Self> {
        let Place { data, database } = place;
        let config = data.with_extension("toml");
        fs::write(&config, settings(hot_set)?)?;
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(binary).args(["--json", "serve", "--config"]).arg(config);
        match database {
            None => command.arg("--data").arg(data),
            Some(url) => {
                command.env("COUNTERSIGN_DATABASE", url).env(KEY_FILE, data.join("server.key"))
            }
        };
        Self::start(command)
    }

    /// The bare server.
    pub(crate) fn bare(binary: &Path, cores: &str) -> Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(binary);
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        let started = Instant::now();
        // taskset becomes the server, so its id is the server's.
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start {command:?}"))?;
        let mut line = String::new();
        let out = child.stdout.take().context("the server has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let address = line.split("http://").nth(1).map(|rest| {
            rest.trim_end_matches(|c: char| !c.is_ascii_digit()).split('"').next().unwrap_or(rest)
        });
        let address = address.and_then(|address| address.parse().ok());
        let address =
            address.with_context(|| format!("{command:?} did not start and said: {line}"))?;
        Ok(Self { child, address, started })
    }

    /// Asks the first question; answers the milliseconds since the start.
    pub(crate) fn first_answer(&self, client: &Client, request: &Request) -> Result<f64> {
        Client { address: self.address, ..client.clone() }.ask(request)?;
        Ok(self.started.elapsed().as_secs_f64() * 1_000.0)
    }

    /// A client with a token of this server.
    pub(crate) fn sign_in(&self, company: &Company) -> Result<Client> {
        Client::sign_in(self.address, company)
    }

    /// What it has used of the processor so far, in clock ticks, in its own code and the system's.
    pub(crate) fn ticks(&self) -> Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program, in parentheses, may hold spaces.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = rest.split_whitespace().skip(11);
        let mut field = || fields.next().and_then(|f| f.parse::<u64>().ok()).context("no ticks");
        Ok(field()? + field()?)
    }

    /// The memory that is its own, in KiB: pages of the data file belong to the system's cache.
    pub(crate) fn memory_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no RssAnon")?;
        Ok(kib.parse()?)
    }
}

impl Drop for Server {
    /// Asks it to stop and waits, so that its data folder is free afterwards.
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Settings of the product: the code of tokens, scopes and rate limits runs, no limit is reached,
/// and nothing is logged for a request.
fn settings(hot_set: bool) -> Result<String> {
    let defaults = fs::read_to_string(root().join("config.default.toml"))?;
    let hot = match (defaults.contains(HOT_SET), hot_set) {
        (true, false) => format!("[store]\n{HOT_SET} = 0\n"),
        _ => String::new(),
    };
    Ok(format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[observe]\nlisten = \"\"\n\
         [limits]\nprofile = \"own\"\nper_minute = 4000000000\nper_second = 4000000000\n\
         [log]\nlevel = \"warn\"\naccess = false\n{hot}"
    ))
}

/// The size of the hot set with the default settings, in MiB; 0 where there is none.
pub(crate) fn hot_set_mb() -> Result<u64> {
    let defaults = fs::read_to_string(root().join("config.default.toml"))?;
    let line = defaults.lines().find_map(|line| line.strip_prefix(HOT_SET)).unwrap_or_default();
    Ok(line.trim_matches([' ', '=']).parse().unwrap_or(0))
}

//! Syncs: the requests for them, who sends them, and what they are compared to.
//!
//! The requests change every task of some instances from one status to the other and then change all
//! of them back, so that after each whole turn the data is what it was. Instances are spread over
//! the whole file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::requests::{Request, SYNC, save};
use super::rows::{Mode, PACE, Under};
use super::server::{Place, Server};
use crate::company::Company;
use crate::records::{self, CODES, TASKS_PER_INSTANCE};
use crate::steps::{root, run};

/// How many instances are synced in turn.
const INSTANCES: usize = 4_096;
/// How far apart neighbours in the order of the syncs are; a prime, so that all get their turn.
const APART: usize = 1_021;
/// Connections of the paced and the saturating writer.
const WRITERS: usize = 32;
/// One write of the bare loop, in bytes.
const APPENDED: usize = 4 << 10;

/// What a writer did.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Written {
    /// Syncs that were answered.
    pub(crate) done: u64,
    pub(crate) seconds: f64,
    /// How many syncs were sent in all, before too.
    next: usize,
    /// Latency in microseconds.
    pub(crate) p50: u64,
    /// Latency in microseconds.
    pub(crate) p99: u64,
}

impl Written {
    /// Syncs a second.
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / self.seconds
    }

    /// Both, one after the other. The latencies are the worse ones.
    fn and(&self, other: &Self) -> Self {
        Self {
            done: self.done + other.done,
            seconds: self.seconds + other.seconds,
            next: other.next,
            p50: self.p50.max(other.p50),
            p99: self.p99.max(other.p99),
        }
    }
}

/// The writer of a scratch folder, and how many syncs that has seen.
pub(crate) struct Syncs {
    binary: PathBuf,
    file: PathBuf,
    sent: usize,
}

impl Syncs {
    /// Writes the requests for a size. Definitions are asked for their real codes. `initiator` starts
    /// all instances, if there is one.
    pub(crate) fn prepare(
        binary: &Path,
        folder: &Path,
        company: &Company,
        client: &Client,
        initiator: Option<usize>,
    ) -> Result<Self> {
        let file = folder.join("syncs.txt");
        let codes = (0..CODES).map(|code| real_code(client, code)).collect::<Result<Vec<_>>>()?;
        let step = (company.tasks / TASKS_PER_INSTANCE / INSTANCES).max(1);
        let made = records::made(company.tasks).step_by(step).take(INSTANCES);
        let made: Vec<_> = made.map(|made| made.started_by(initiator)).collect();
        let count = made.len();
        let requests = [true, false].into_iter().flat_map(|changed| {
            // Not in the order of the file: neighbours would share pages.
            (0..count).map(move |n| (n * APART % count, changed))
        });
        let requests = requests.filter_map(|(n, changed)| {
            let made = made.get(n)?;
            let body = format!("{{{}}}", records::external(made, &codes[made.code], changed));
            Some(Request { method: "POST", path: SYNC.to_owned(), body })
        });
        save(&file, requests)?;
        Ok(Self { binary: binary.to_owned(), file, sent: 0 })
    }

    /// A whole turn: after so many syncs the data is what it was.
    pub(crate) fn turn(&self) -> Result<usize> {
        Ok(fs::read_to_string(&self.file)?.lines().count())
    }

    fn start(&self, client: &Client, mode: Mode, how: &[String]) -> Result<Child> {
        let mut writer = Command::new("taskset");
        writer.args(["-c", mode.load_cores()]).arg(&self.binary).arg("--file").arg(&self.file);
        writer.args(["--address", &client.address.to_string(), "--from", &self.sent.to_string()]);
        writer.args(how).env("BENCH_TOKEN", &client.token).stdout(Stdio::piped());
        writer.spawn().context("cannot start the writer")
    }

    fn finish(&mut self, writer: Child) -> Result<Written> {
        let output = writer.wait_with_output()?;
        if !output.status.success() {
            bail!("the writer ended with {}", output.status);
        }
        let written: Written = serde_json::from_slice(&output.stdout)?;
        self.sent = written.next;
        Ok(written)
    }

    /// Writes beside something else, which runs meanwhile.
    pub(crate) fn beside<T>(
        &mut self,
        client: &Client,
        mode: Mode,
        under: Under,
        seconds: u32,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Written)> {
        // Half a second before, and as long after.
        let seconds = f64::from(seconds) + 1.0;
        let rate = if under == Under::Writes { PACE } else { 0 };
        let writer = self.start(client, mode, &how(WRITERS, rate, seconds))?;
        std::thread::park_timeout(Duration::from_millis(500));
        let done = work();
        let written = self.finish(writer)?;
        Ok((done?, written))
    }

    /// As many syncs as so many connections can have answered.
    pub(crate) fn saturate(
        &mut self,
        client: &Client,
        mode: Mode,
        connections: usize,
        seconds: u32,
    ) -> Result<Written> {
        let writer = self.start(client, mode, &how(connections, 0, f64::from(seconds)))?;
        self.finish(writer)
    }

    /// As many whole turns as fit into some seconds, and at least one.
    pub(crate) fn whole_turns(
        &mut self,
        client: &Client,
        connections: usize,
        seconds: u32,
    ) -> Result<Written> {
        let mut all = self.turn_over(client, connections)?;
        while all.seconds < f64::from(seconds) {
            all = all.and(&self.turn_over(client, connections)?);
        }
        Ok(all)
    }

    fn turn_over(&self, client: &Client, connections: usize) -> Result<Written> {
        let (connections, turn) = (connections.to_string(), self.turn()?.to_string());
        let how = ["--connections", &connections, "--until", &turn].map(str::to_owned);
        let mut writer = Self { sent: 0, file: self.file.clone(), binary: self.binary.clone() };
        let child = writer.start(client, Mode::Two, &how)?;
        writer.finish(child)
    }

    /// One turn over one connection, so that what was changed is known in its order.
    pub(crate) fn whole_turn(&self, client: &Client) -> Result<()> {
        self.turn_over(client, 1).map(drop)
    }
}

fn how(connections: usize, rate: u32, seconds: f64) -> Vec<String> {
    let values = [connections.to_string(), rate.to_string(), seconds.to_string()];
    let flags = ["--connections", "--rate", "--seconds"].map(str::to_owned);
    flags.into_iter().zip(values).flat_map(|(flag, value)| [flag, value]).collect()
}

fn real_code(client: &Client, code: usize) -> Result<String> {
    let filter = serde_json::json!({"approval_codes": [format!("code_{code}")],
        "status": "APPROVED"});
    let path = "/open-apis/approval/v4/external_tasks?page_size=1";
    let answer = client.ask(&Request::post(path, &filter))?.json;
    let code = answer["data"]["data"][0]["approval_code"].as_str();
    code.map(str::to_owned).context("a definition has no instances")
}

/// A copy of a data folder, in which rows may be changed.
pub(crate) fn copy(data: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    // Costs nothing where the file system can share blocks.
    run(Command::new("cp").args(["-r", "--reflink=auto"]).arg(data).arg(copy))
}

/// The same row changes without a server, on a copy of the same file.
pub(crate) struct Bulk {
    /// The data file.
    file: PathBuf,
    /// What a turn of syncs changed, row by row.
    changes: PathBuf,
}

/// How the bulk program ran.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Replayed {
    syncs: u64,
    seconds: f64,
    /// Statements in all.
    pub(crate) statements: u64,
    /// Statements that found no row: more than a few, and it is not the same work.
    pub(crate) missed: u64,
}

impl Replayed {
    /// Syncs a second.
    pub(crate) fn rate(&self) -> f64 {
        self.syncs as f64 / self.seconds
    }
}

impl Bulk {
    /// Has the product do one turn of syncs on a copy whose every row change is noted, and keeps the
    /// notes.
    pub(crate) fn record(
        binary: &Path,
        company: &Company,
        folder: &Path,
        syncs: &Syncs,
    ) -> Result<Self> {
        let data = folder.join("bulk");
        copy(&company.data, &data)?;
        let bulk = Self { file: data.join("countersign.db"), changes: folder.join("changes.db") };
        bulk.program("note", 1, 0, Mode::Two)?;
        {
            let place = Place { data: &data, database: None };
            let server = Server::product(binary, place, Mode::Two.server_cores(), true)?;
            syncs.whole_turn(&server.sign_in(company)?)?;
        }
        bulk.program("keep", 1, 0, Mode::Two)?;
        Ok(bulk)
    }

    /// The changes again, so many syncs in each transaction, for some seconds.
    pub(crate) fn replay(&self, syncs: usize, seconds: u32, mode: Mode) -> Result<Replayed> {
        let text = self.program("replay", syncs, seconds, mode)?;
        let replayed: Replayed = serde_json::from_str(&text).with_context(|| text.clone())?;
        if replayed.missed * 100 > replayed.statements {
            bail!("{} of {} statements found no row", replayed.missed, replayed.statements);
        }
        Ok(replayed)
    }

    /// Removes the copy.
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_file(&self.changes)?;
        Ok(fs::remove_dir_all(self.file.parent().context("a file is in no folder")?)?)
    }

    fn program(&self, what: &str, syncs: usize, seconds: u32, mode: Mode) -> Result<String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut program = Command::new("taskset");
        program.args(["-c", mode.server_cores()]).arg(cargo).current_dir(root());
        program.args(["bench", "-q", "-p", "store", "--bench", "syncs"]);
        program.env("WHAT", what).env("DATA", &self.file).env("CHANGES", &self.changes);
        program.env("SYNCS", syncs.to_string()).env("SECONDS", seconds.to_string());
        let output = program.output().context("cannot start cargo bench")?;
        if !output.status.success() {
            bail!("{program:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// How often a second 4 KiB can be appended to a file and be on disk: the least that a durable
/// answer costs.
pub(crate) fn append(folder: &Path, seconds: u32) -> Result<f64> {
    let path = folder.join("append.bin");
    let mut file = File::create(&path)?;
    let block = [7; APPENDED];
    let (started, limit) = (Instant::now(), Duration::from_secs(seconds.into()));
    let mut times = 0_u32;
    while started.elapsed() < limit {
        file.write_all(&block)?;
        file.sync_data()?;
        times += 1;
    }
    let rate = f64::from(times) / started.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

//! `bench --engine postgres`: the product on a PostgreSQL server of its own, beside a server that does
//! nothing; and syncs that all change one person's lists, beside the same transactions without the
//! changes of counts.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::load::Wrk;
use super::machine::Machine;
use super::recorded;
use super::rows::{Mode, Row, Under};
use super::run::Size;
use super::samples::{Results, median};
use super::server::{KEY_FILE, Server};
use super::writes::{Syncs, Written};
use super::{Options, Programs};
use crate::company::{Company, company};
use crate::pg_server::Server as Database;
use crate::postgres::debian;
use crate::steps::run;

/// What is measured unless rows are named.
const ROWS: [&str; 6] = [
    "inbox-missed",
    "inbox-heavy-first",
    "inbox-heavy-deep",
    "inbox-filtered",
    "tasks-20-ids",
    "tasks-page-50",
];
/// Everything else is the server's default, but for its memory. The log is only written while syncs
/// are recorded.
const SETTINGS: [&str; 6] = [
    "max_wal_size=4GB",
    "logging_collector=on",
    "log_destination=jsonlog",
    "log_filename=bench.log",
    "log_rotation_size=0",
    "log_rotation_age=0",
];
/// Of how many callers at once syncs come.
const CALLERS: usize = 32;

/// Syncs a second in one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SharedSample {
    pub(crate) product: Written,
    /// The same transactions without changes of counts.
    pub(crate) plain: Replay,
}

/// Transactions that were run again.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Replay {
    done: u64,
    seconds: f64,
    /// Statements of a transaction, in the mean.
    pub(crate) statements: f64,
}

impl Replay {
    /// Transactions a second.
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / self.seconds
    }
}

/// Syncs of one size.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shared {
    pub(crate) size: usize,
    pub(crate) samples: Vec<SharedSample>,
    /// The same transactions with changes of counts, once: what counts cost by themselves.
    pub(crate) counted: Replay,
}

impl Shared {
    /// Syncs a second, over HTTP to the transactions without counts.
    pub(crate) fn ratio(&self) -> f64 {
        let each = self.samples.iter().map(|s| s.product.rate() / s.plain.rate());
        median(&each.collect::<Vec<_>>())
    }

    /// Transactions a second, with changes of counts to without.
    pub(crate) fn counted(&self) -> f64 {
        let plain = self.samples.iter().map(|sample| sample.plain.rate());
        self.counted.rate() / median(&plain.collect::<Vec<_>>())
    }

    /// The largest ratio over the smallest.
    pub(crate) fn spread(&self) -> f64 {
        let each = self.samples.iter().map(|s| s.product.rate() / s.plain.rate());
        let (least, most) = each.fold((f64::MAX, f64::MIN), |(a, b), r| (a.min(r), b.max(r)));
        most / least
    }
}

/// Measures one size.
pub(crate) fn shared(
    programs: &Programs,
    wrk: &Wrk,
    options: &mut Options,
    size: usize,
    results: &mut Results,
) -> Result<Unchecked> {
    if options.rows.is_empty() {
        options.rows = ROWS.iter().map(|name| Row::named(name)).collect::<Result<_>>()?;
    }
    // The database needs the cores too, so nothing has one for itself.
    (options.modes, options.under) = (vec![Mode::Two], vec![Under::Idle]);
    let mut company = company(&programs.product, size)?;
    let programs_folder = debian().context("there is no PostgreSQL and it cannot be installed")?;
    let folder = company.data.with_file_name("postgres");
    // A quarter of the memory, as PostgreSQL's manual advises for a server of its own.
    let buffers = format!("shared_buffers={}MB", Machine::look()?.memory_mib / 4);
    let settings: Vec<&str> = SETTINGS.into_iter().chain([&*buffers]).collect();
    let database = Database::at(&programs_folder, &folder, &settings)?;
    fill(programs, &database, &company)?;
    println!("{size} tasks: copying the database");
    database.psql("DROP DATABASE IF EXISTS run")?;
    database.psql("CREATE DATABASE run TEMPLATE filled")?;
    let url = in_database(&database, "run");
    company.database = Some(url.clone());
    let (data, file) = (company.data.clone(), folder.with_file_name("transactions.ndjson"));
    let mut this = Size::prepare(programs, wrk, options, company)?;
    this.all_reads(&data, Mode::Two, results)?;
    let (company, mut syncs) = this.into_syncs()?;
    let recorded = record(programs, &database, &company, &mut syncs, &file)?;
    println!("{size} tasks: {recorded} syncs recorded; syncs over {CALLERS} connections");
    let measured = measure(programs, &company, options, &mut syncs, (&url, &file))?;
    results.shared.push(measured);
    fs::remove_file(file)?;
    Ok(Unchecked { database, company })
}

/// What was measured and is not yet known to be whole.
pub(crate) struct Unchecked {
    database: Database,
    company: Company,
}

impl Unchecked {
    /// Counts and rows must agree, whatever ran. Looks at everything, so it takes minutes.
    pub(crate) fn end(self, programs: &Programs) -> Result<()> {
        let url = self.company.database.as_deref().unwrap_or_default();
        let mut doctor = Command::new(&programs.product);
        doctor.arg("doctor").env("COUNTERSIGN_DATABASE", url);
        run(doctor.env(KEY_FILE, self.company.data.join("server.key")))?;
        self.database.psql("DROP DATABASE run")
    }
}

fn in_database(database: &Database, name: &str) -> String {
    let address = database.url.rsplit_once('/').map_or(&*database.url, |(address, _)| address);
    format!("{address}/{name}")
}

/// Copies the folder into a database that is kept for the next time.
fn fill(programs: &Programs, database: &Database, company: &Company) -> Result<()> {
    let done = company.data.with_file_name("postgres.done");
    if done.exists() {
        return Ok(());
    }
    println!("{} tasks: copying the folder into PostgreSQL", company.tasks);
    database.psql("DROP DATABASE IF EXISTS filled")?;
    database.psql("CREATE DATABASE filled")?;
    let url = in_database(database, "filled");
    let mut copy = Command::new(&programs.product);
    copy.args(["copy", "--from", &format!("sqlite:{}", company.data.display()), "--to", &url]);
    run(&mut copy)?;
    let mut vacuum = Command::new("psql");
    run(vacuum.args(["-d", &url, "-qc", "VACUUM ANALYZE"]))?;
    Ok(fs::write(done, "")?)
}

/// Has the product do a turn of syncs while the server notes what it is asked.
fn record(
    programs: &Programs,
    database: &Database,
    company: &Company,
    syncs: &mut Syncs,
    file: &Path,
) -> Result<usize> {
    let cores = Mode::Two.server_cores();
    let server = Server::product(&programs.product, company.place(), cores, true)?;
    let client = server.sign_in(company)?;
    // The first turn gives every instance its initiator.
    syncs.whole_turn(&client)?;
    let log = database.data.join("log/bench.json");
    let reload = "SELECT pg_reload_conf(); SELECT pg_sleep(1)";
    database.psql("ALTER SYSTEM SET log_statement = 'all'")?;
    database.psql(reload)?;
    let turn = syncs.whole_turn(&client);
    database.psql("ALTER SYSTEM RESET log_statement")?;
    database.psql(reload)?;
    turn?;
    let count = recorded::transactions(&log, file)?;
    // Truncated, not removed: the server has it open.
    fs::File::create(&log)?;
    if count != syncs.turn()? {
        bail!("{count} transactions were recorded for {} syncs", syncs.turn()?);
    }
    Ok(count)
}

fn measure(
    programs: &Programs,
    company: &Company,
    options: &Options,
    syncs: &mut Syncs,
    (url, file): (&str, &Path),
) -> Result<Shared> {
    let replay = |counters: bool| -> Result<Replay> {
        let mut replay = Command::new(&programs.replay);
        replay.arg("--file").arg(file).args(["--connections", &CALLERS.to_string()]);
        replay.args(["--seconds", &options.seconds.to_string()]).env("BENCH_DATABASE", url);
        replay.args(counters.then_some("--counters")).stderr(Stdio::inherit());
        let output = replay.output().context("cannot start the replay")?;
        if !output.status.success() {
            bail!("the replay ended with {}", output.status);
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let mut samples = Vec::new();
    for _ in 0..options.rounds {
        // Stopped before the replay, so that its folding does not run beside that.
        let server =
            Server::product(&programs.product, company.place(), Mode::Two.server_cores(), true)?;
        let client = server.sign_in(company)?;
        let product = syncs.whole_turns(&client, CALLERS, options.seconds)?;
        drop(server);
        samples.push(SharedSample { product, plain: replay(false)? });
    }
    Ok(Shared { size: company.tasks, samples, counted: replay(true)? })
}

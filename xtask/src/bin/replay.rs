//! Runs transactions that a server ran before, on the same PostgreSQL database: the bare minimum for
//! what they do. No HTTP, no rules, nothing decided.
//!
//! A program of its own, built with optimisation. Each transaction is sent as the product sends it:
//! its beginning with the first statement, statements of one text together, the others one by one,
//! prepared once a connection.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use clap::Parser;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, Statement};

/// The table that changes of counts are appended to.
const COUNTERS: &str = "INSERT INTO inbox_delta";
/// Where the number of such a row is among its parameters: two rows must not have the same.
const NUMBERS: usize = 5;
/// How often a transaction that lost to another one is run again.
const TRIES: usize = 10;

#[derive(Debug, Parser)]
struct Cli {
    #[arg(long, env = "BENCH_DATABASE", hide_env_values = true)]
    url: String,
    /// One transaction a line: a list of statements, each its text and its parameters
    #[arg(long)]
    file: PathBuf,
    #[arg(long)]
    connections: usize,
    /// How long
    #[arg(long)]
    seconds: u64,
    /// Changes of counts too
    #[arg(long)]
    counters: bool,
}

/// A parameter as PostgreSQL wrote it down.
#[derive(Clone, Debug)]
struct Text(Option<String>);

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

type Step = (String, Vec<Text>);

/// What all connections share.
struct Plan {
    cli: Cli,
    transactions: Vec<Vec<Step>>,
    next: AtomicUsize,
    number: AtomicI64,
    started: Instant,
}

impl Plan {
    /// The next transaction. A turn that was begun is ended: then the data is what it was.
    fn take(&self) -> Option<usize> {
        let over = self.started.elapsed() >= Duration::from_secs(self.cli.seconds);
        let turn = self.transactions.len();
        let more = |n: usize| (!over || !n.is_multiple_of(turn)).then_some(n + 1);
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()
    }

    /// The parameters of a step, with numbers of rows that nobody has.
    fn params(&self, (text, params): &Step) -> Vec<Text> {
        let mut params = params.clone();
        if text.starts_with(COUNTERS)
            && let Some(Text(Some(list))) = params.get_mut(NUMBERS)
        {
            let each = list.split(',').map(|_| self.number.fetch_add(1, Ordering::Relaxed));
            let each: Vec<String> = each.map(|number| number.to_string()).collect();
            *list = format!("{{{}}}", each.join(","));
        }
        params
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let text = std::fs::read_to_string(&cli.file)?;
    let transactions = text.lines().map(|line| transaction(line, cli.counters));
    let transactions = transactions.collect::<Result<Vec<_>>>()?;
    let count = cli.connections;
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let (client, connection) = tokio_postgres::connect(&cli.url, NoTls).await?;
        tokio::spawn(connection);
        clients.push(client);
    }
    // At random, as the product's begin.
    let number = AtomicI64::new(RandomState::new().hash_one("number").cast_signed());
    let (next, started) = (AtomicUsize::new(0), Instant::now());
    let plan = Arc::new(Plan { cli, transactions, next, number, started });
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(connection(Arc::clone(&plan), client)))
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let seconds = plan.started.elapsed().as_secs_f64();
    let statements: usize = plan.transactions.iter().map(Vec::len).sum();
    let each = statements as f64 / plan.transactions.len() as f64;
    println!("{}", json!({"done": done, "seconds": seconds, "statements": each}));
    Ok(())
}

/// Reads a line.
fn transaction(line: &str, counters: bool) -> Result<Vec<Step>> {
    let steps: Vec<(String, Vec<Option<String>>)> = serde_json::from_str(line)?;
    let kept = steps.into_iter().filter(|(text, _)| counters || !text.starts_with(COUNTERS));
    Ok(kept.map(|(text, params)| (text, params.into_iter().map(Text).collect())).collect())
}

/// The product's, with its default time for a statement, in ms.
const LIMITS: &str = "SET statement_timeout = 5000; SET plan_cache_mode = force_generic_plan";

/// Runs transactions until it is over; answers how many.
async fn connection(plan: Arc<Plan>, client: Client) -> Result<usize> {
    // Limits come with the product's connections too.
    client.batch_execute(LIMITS).await?;
    let (mut prepared, mut done) = (HashMap::new(), 0);
    while let Some(n) = plan.take() {
        let steps = &plan.transactions[n % plan.transactions.len()];
        for text in steps.iter().map(|(text, _)| text) {
            if !prepared.contains_key(text) {
                prepared.insert(text.clone(), client.prepare(text).await?);
            }
        }
        run(&plan, &client, &prepared, steps).await?;
        done += 1;
    }
    Ok(done)
}

async fn run(
    plan: &Plan,
    client: &Client,
    prepared: &HashMap<String, Statement>,
    steps: &[Step],
) -> Result<()> {
    for _ in 0..TRIES {
        let Err(error) = once(plan, client, prepared, steps).await else { return Ok(()) };
        let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        if !error.code().is_some_and(|code| again.contains(code)) {
            return Err(error).context("a transaction failed");
        }
        client.batch_execute("ROLLBACK").await?;
    }
    bail!("a transaction lost {TRIES} times");
}

async fn once(
    plan: &Plan,
    client: &Client,
    prepared: &HashMap<String, Statement>,
    steps: &[Step],
) -> Result<(), tokio_postgres::Error> {
    let mut begin = Some("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    for same in steps.chunk_by(|(a, _), (b, _)| a == b) {
        let all = try_join_all(same.iter().map(|step| send(client, prepared, step, plan)));
        match begin.take() {
            None => drop(all.await?),
            Some(begin) => {
                let begun = client.batch_execute(begin);
                let (begun, all) = tokio::join!(biased; begun, all);
                begun?;
                all?;
            }
        }
    }
    client.batch_execute("COMMIT").await
}

async fn send(
    client: &Client,
    prepared: &HashMap<String, Statement>,
    step: &Step,
    plan: &Plan,
) -> Result<(), tokio_postgres::Error> {
    let params = plan.params(step);
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as _).collect();
    client.query(&prepared[&step.0], &params).await.map(drop)
}

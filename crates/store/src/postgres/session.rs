//! One connection, driven by the database thread that owns it.
//!
//! Use cases are synchronous, so each statement is driven to its answer here; meanwhile nothing
//! else runs on the thread. Knows what a transaction is, not what is done in it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{FutureExt, TryStreamExt};
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Row, SimpleQueryMessage, Statement};

use super::explain::Plans;
use super::fault::{self, Fault};
use super::tls::Target;
use super::wire;
use crate::job::Mode;
use crate::value::Param;
use crate::{Error, Result, dialect};

/// How statements that only read begin here.
const READS: [&str; 2] = ["SELECT", "WITH"];

/// How long an answer may be overdue, past what the server allows a statement, before the
/// connection counts as dead (own figure: a network's hiccup).
const OVERDUE: Duration = Duration::from_secs(2);

/// One plan for every execution. The server would else plan large statements anew each time, in the
/// hope that the length of a list makes a better one; that took most of a first page (measured), and
/// what plans without values read is bounded by a test.
const PLANS_ONCE: &str = "plan_cache_mode=force_generic_plan";

/// What proxies answer to options of a connection that they do not hand on.
const NO_OPTIONS: [SqlState; 2] = [SqlState::PROTOCOL_VIOLATION, SqlState::FEATURE_NOT_SUPPORTED];

/// Whether a connection has the limits it was asked for, `$` being the time in ms: a proxy may have
/// kept them to itself.
const HAS_LIMITS: &str = "\
    SELECT CAST(current_setting('statement_timeout') AS INTERVAL) = '$ ms' \
    AND current_setting('plan_cache_mode') = 'force_generic_plan'";

/// How long making a connection may take (own figure).
const CONNECT: Duration = Duration::from_secs(3);

/// How many statements are sent before the first of them is answered (own figure: they all must be
/// answered within the limit of one).
const ON_THE_WAY: usize = 256;

/// How a session behaves.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// How long the server may work on one statement.
    pub(super) statement_timeout: Duration,
    /// Whether statements are prepared once a connection.
    pub(super) prepared: bool,
    /// Where plans go, if anybody asked for them.
    pub(super) plans: Option<Plans>,
}

/// A connection with what it knows.
pub(crate) struct Session {
    runtime: Runtime,
    client: Client,
    manner: Manner,
    /// Limits hold on this connection without being set in each transaction.
    has_limits: bool,
    known: RefCell<HashMap<(usize, usize), Known>>,
    /// What begins the transaction, until it is sent with the first statement.
    begin: RefCell<Option<String>>,
    /// Why the transaction cannot go on.
    fault: RefCell<Option<Fault>>,
    /// A transaction is open on the server.
    open: Cell<bool>,
    /// The connection answered no more, or only that it ends.
    broken: Cell<bool>,
}

/// A statement as this server reads it.
#[derive(Clone)]
struct Known {
    text: Rc<str>,
    statement: Option<Statement>,
}

/// What a statement answered.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    pub(crate) changed: u64,
}

/// How a COMMIT ended.
pub(super) enum Commit {
    Done,
    /// Nothing of it is there.
    Failed(Fault),
    /// It may be there or not.
    Unknown(String),
}

impl Session {
    /// Connects, for use cases. Limits are asked for with the connection itself; where a proxy is in
    /// the way of that, they are set in each transaction.
    pub(super) fn connect(target: &Target, manner: Manner) -> Result<Self, Fault> {
        let limit = manner.statement_timeout.as_millis();
        let mut config = target.config.clone();
        let own = config.get_options().unwrap_or_default();
        config.options(format!("{own} -c statement_timeout={limit} -c {PLANS_ONCE}"));
        let mut session = match Self::open(&config, target, manner.clone()) {
            Err(Fault::Failed(_)) => return Self::unlimited(target, manner),
            opened => opened?,
        };
        let asked = HAS_LIMITS.replace('$', &limit.to_string());
        let has = session.drive(session.client.simple_query(&asked))?;
        session.has_limits = has.iter().any(
            |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")),
        );
        Ok(session)
    }

    /// Connects, for what may take its time.
    pub(super) fn unlimited(target: &Target, manner: Manner) -> Result<Self, Fault> {
        Self::open(&target.config, target, manner)
    }

    fn open(config: &Config, target: &Target, manner: Manner) -> Result<Self, Fault> {
        let failed = |e: &dyn std::fmt::Display| Fault::Lost(format!("cannot connect: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| failed(&e))?;
        let client = runtime.block_on(async {
            let connecting = config.connect(target.tls.clone());
            let connected = tokio::time::timeout(CONNECT, connecting).await;
            let (client, connection) = connected
                .map_err(|_| failed(&format!("no answer in {CONNECT:?}")))?
                .map_err(|e| match e.code() {
                    Some(code) if NO_OPTIONS.contains(code) => Fault::Failed(fault::text(&e)),
                    _ => failed(&fault::text(&e)),
                })?;
            // Ends when the client is dropped; what breaks it is told to each statement.
            tokio::spawn(connection);
            Ok::<_, Fault>(client)
        })?;
        Ok(Self {
            runtime,
            client,
            manner,
            has_limits: false,
            known: RefCell::default(),
            begin: RefCell::default(),
            fault: RefCell::default(),
            open: Cell::new(false),
            broken: Cell::new(false),
        })
    }

    /// Whether the connection is known to be gone.
    pub(super) fn is_closed(&self) -> bool {
        self.broken.get() || self.client.is_closed()
    }

    /// Takes leave of the server, which would else note a client that vanished.
    pub(super) fn close(self) {
        let Self { runtime, client, .. } = self;
        drop(client);
        runtime.block_on(tokio::task::yield_now());
    }

    /// Waits, as threads do that have a runtime.
    pub(super) fn pause(&self, how_long: Duration) {
        // The timer must be made inside the runtime.
        self.runtime.block_on(async { tokio::time::sleep(how_long).await });
    }

    /// The next statement begins a transaction.
    pub(super) fn begin(&self, mode: Mode) {
        let how = match mode {
            Mode::Read => "ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Mode::Write => "ISOLATION LEVEL READ COMMITTED READ WRITE",
            Mode::WriteSnapshot => "ISOLATION LEVEL REPEATABLE READ READ WRITE",
        };
        let mut begin = format!("BEGIN {how}");
        if !self.has_limits {
            let limit = self.manner.statement_timeout.as_millis();
            let _ = write!(begin, "; SET LOCAL statement_timeout={limit}; SET LOCAL {PLANS_ONCE}");
        }
        *self.begin.borrow_mut() = Some(begin);
        *self.fault.borrow_mut() = None;
    }

    /// Why the transaction cannot go on, if it cannot.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }

    /// The use case must be run again, for a reason that only this program knows.
    pub(crate) fn ask_again(&self, reason: &str) {
        *self.fault.borrow_mut() = Some(Fault::Again(reason.to_owned()));
    }

    /// Runs a statement whose answer stands by itself. As the first of a transaction it is one of its
    /// own, which spares the server beginning and ending it; what follows is of a later moment.
    pub(crate) fn run_alone(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Answer> {
        if !self.has_limits || self.open.get() || self.manner.plans.is_some() {
            return self.run(sql, params);
        }
        if let Some(fault) = self.fault() {
            return Err(fault.into());
        }
        self.drive(self.statement(sql, params)).map_err(|fault| self.failed(fault))
    }

    /// Runs a statement of the transaction, which it begins where nothing has yet.
    pub(crate) fn run(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Answer> {
        if let Some(fault) = self.fault() {
            return Err(fault.into());
        }
        let begin = self.begin.take();
        self.open.set(true);
        let both = async {
            let Some(begin) = begin else { return self.statement(sql, params).await };
            // Both are on the way before the first is answered: one round trip.
            let begun = self.client.batch_execute(&begin);
            let (begun, answer) = tokio::join!(biased; begun, self.statement(sql, params));
            begun?;
            answer
        };
        let both = async {
            let answer = both.await?;
            if let Some(plans) = self
                .manner
                .plans
                .as_ref()
                .filter(|_| READS.iter().any(|word| sql.starts_with(word)))
            {
                plans.collect(&self.client, sql, params).await?;
            }
            Ok(answer)
        };
        self.drive(both).map_err(|fault| self.failed(fault))
    }

    /// Runs a statement for each set of parameters, all of which are on the way before the first is
    /// answered. Says how many rows changed.
    pub(crate) fn run_each(&self, sql: &'static str, each: &[Vec<Param<'_>>]) -> Result<u64> {
        // The first begins the transaction and prepares the statement.
        let Some((first, rest)) = each.split_first() else { return Ok(0) };
        let mut changed = self.run(sql, first)?.changed;
        for some in rest.chunks(ON_THE_WAY) {
            let all = try_join_all(some.iter().map(|params| self.statement(sql, params)));
            let answers = self.drive(all).map_err(|fault| self.failed(fault))?;
            changed += answers.iter().map(|answer| answer.changed).sum::<u64>();
        }
        Ok(changed)
    }

    /// Notes why the transaction cannot go on.
    fn failed(&self, fault: Fault) -> Error {
        if matches!(&fault, Fault::Again(text) if text.starts_with("0A000")) {
            // Plans are of a table that has changed.
            self.known.borrow_mut().clear();
        }
        *self.fault.borrow_mut() = Some(fault.clone());
        fault.into()
    }

    async fn statement(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Answer, tokio_postgres::Error> {
        let key = (sql.as_ptr() as usize, sql.len());
        let Known { text, mut statement } = {
            let mut known = self.known.borrow_mut();
            let fresh = || Known { text: dialect::postgres(sql).into(), statement: None };
            known.entry(key).or_insert_with(fresh).clone()
        };
        if self.manner.prepared && statement.is_none() {
            let fresh = self.client.prepare(&text).await?;
            if let Some(known) = self.known.borrow_mut().get_mut(&key) {
                known.statement = Some(fresh.clone());
            }
            statement = Some(fresh);
        }
        let rows = if let Some(statement) = &statement {
            self.client.query_raw(statement, params.iter().copied()).await?
        } else {
            let typed = params.iter().map(|param| (*param, wire::type_of(param)));
            self.client.query_typed_raw(&text, typed).await?
        };
        let mut rows = pin!(rows);
        let mut all = Vec::new();
        while let Some(row) = rows.try_next().await? {
            all.push(row);
        }
        Ok(Answer { rows: all, changed: rows.rows_affected().unwrap_or_default() })
    }

    /// Runs a command that is not part of a use case.
    pub(super) fn command(&self, sql: &str) -> Result<(), Fault> {
        self.drive(self.client.batch_execute(sql))
    }

    /// Ends a transaction in which only was read, without waiting for an answer.
    pub(super) fn end_read(&self) {
        self.begin.take();
        if self.open.replace(false) {
            self.runtime.block_on(async {
                let _ = self.client.batch_execute("COMMIT").now_or_never();
                // Lets the connection send it; the server frees its snapshot then.
                tokio::task::yield_now().await;
            });
        }
    }

    /// Undoes the transaction.
    pub(super) fn rollback(&self) -> Result<(), Fault> {
        self.begin.take();
        if self.open.replace(false) { self.command("ROLLBACK") } else { Ok(()) }
    }

    /// Makes the transaction durable.
    pub(super) fn commit(&self) -> Commit {
        if self.begin.take().is_some() || !self.open.replace(false) {
            // Nothing was asked of the server.
            return Commit::Done;
        }
        match self.command("COMMIT") {
            Ok(()) => Commit::Done,
            Err(Fault::Lost(text) | Fault::Slow(text)) => Commit::Unknown(text),
            Err(fault) => Commit::Failed(fault),
        }
    }

    fn drive<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        let limit = self.manner.statement_timeout + OVERDUE;
        let done = self.runtime.block_on(async { tokio::time::timeout(limit, work).await });
        let done = match done {
            Ok(done) => done.map_err(|error| Fault::from(&error)),
            Err(_) => Err(Fault::Lost(format!("no answer in {limit:?}"))),
        };
        if let Err(Fault::Lost(_)) = &done {
            self.broken.set(true);
        }
        done
    }

    /// For what is done before there are use cases.
    pub(super) fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, tokio_postgres::Error> {
        self.runtime.block_on(work(&self.client))
    }
}

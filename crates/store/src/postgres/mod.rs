//! The shared engine: a PostgreSQL server, and a pool of threads with a connection each.
//!
//! Owns connections, threads, retries. Knows no table.

mod distribute;
mod explain;
mod fault;
mod migrate;
mod session;
mod tls;
pub(crate) mod wire;
mod worker;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::{Millis, TenantId};
use secrecy::{ExposeSecret, SecretString};

use crate::inbox::Shape;
use crate::job::{Job, Queue, enqueue, queue, spawn};
use crate::lease::Work;
use crate::schema::Migration;
use crate::{Error, Result};

pub use distribute::Distributed;
pub use explain::{Plan, Plans};
pub(crate) use session::{Answer, Session};

/// Spreads a database that has every migration over the nodes of its Citus cluster, and tells of each
/// table; run again, it goes on where it was stopped. Not from an async task: it waits for the server.
pub fn distribute(options: &Options) -> Result<Vec<Distributed>> {
    alone(options, distribute::run)
}

/// What opening a database would do to its shape, and what was done before.
pub(crate) fn plan(options: &Options, now: Millis) -> Result<Vec<Migration>> {
    alone(options, move |session| migrate::plan(session, now))
}

/// Runs something on a connection of its own, and on a thread of its own: a connection may not be
/// driven inside an async task.
fn alone<T: Send>(options: &Options, work: impl FnOnce(&Session) -> Result<T> + Send) -> Result<T> {
    let target = tls::target(options.url.expose_secret(), options.root_certificate.as_deref())?;
    let manner = options.manner();
    let done = std::thread::scope(|scope| {
        scope.spawn(|| work(&Session::unlimited(&target, manner)?)).join()
    });
    done.map_err(|_| Error::Engine("a connection panicked".into()))?
}

/// How a server is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is: `postgres://user:password@host:5432/name?sslmode=…`. Secret for the password.
    pub url: SecretString,
    /// How many connections, with a thread each.
    pub pool: usize,
    /// How long the server may work on one statement.
    pub statement_timeout: Duration,
    /// How long a use case may wait for a thread and a connection, and be run again, in all.
    pub patience: Duration,
    /// Statements are prepared once a connection. Off: for a proxy that gives each transaction
    /// another connection and does not know prepared statements.
    pub prepared: bool,
    /// A file with the certificates to trust instead of the system's (PEM).
    pub root_certificate: Option<PathBuf>,
    /// See [`crate::Options::node_size`].
    pub node_size: (i64, i64),
    /// Where to put the plan of each statement that reads, for tests.
    pub plans: Option<Plans>,
}

impl Options {
    /// The usual settings for a server.
    pub fn new(url: impl Into<String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            url: url.into().into(),
            // A commit waits for the server's disk, so there are more than cores (own figure).
            pool: 4 * cores,
            statement_timeout: Duration::from_secs(5),
            patience: Duration::from_secs(5),
            prepared: true,
            root_certificate: None,
            node_size: (Shape::default().rows, Shape::default().kids),
            plans: None,
        }
    }

    fn manner(&self) -> session::Manner {
        let Self { statement_timeout, prepared, .. } = *self;
        session::Manner { statement_timeout, prepared, plans: self.plans.clone() }
    }
}

/// The threads around one server.
pub(crate) struct Engine {
    // `None` only while dropping.
    jobs: Option<Queue>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What all threads share.
pub(super) struct Shared {
    target: tls::Target,
    manner: session::Manner,
    patience: Duration,
    shape: Shape,
    sequence: Sequence,
    /// What transactions of this process left to be done.
    left: Mutex<BTreeSet<(TenantId, Work)>>,
}

/// Numbers that no other process makes, as good as certainly: they start at random among 2^64.
pub(crate) struct Sequence(AtomicI64);

impl Sequence {
    fn new() -> Self {
        Self(AtomicI64::new(RandomState::new().hash_one("sequence").cast_signed()))
    }

    /// The next number.
    pub(crate) fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Engine {
    /// Connects, brings the database to this version's shape and starts the threads.
    pub(crate) fn connect(options: &Options, now: Millis) -> Result<Self> {
        let shared = Arc::new(Shared {
            target: tls::target(options.url.expose_secret(), options.root_certificate.as_deref())?,
            manner: options.manner(),
            patience: options.patience,
            shape: Shape { rows: options.node_size.0, kids: options.node_size.1 },
            sequence: Sequence::new(),
            left: Mutex::default(),
        });
        let (jobs, waiting) = queue();
        alone(options, move |session| migrate::run(session, now.get()))?;
        let mut threads = Vec::new();
        for n in 0..options.pool.max(1) {
            let (shared, waiting) = (Arc::clone(&shared), waiting.clone());
            threads.push(spawn(&format!("pg-{n}"), move || worker::run(&shared, &waiting))?);
        }
        Ok(Self { jobs: Some(jobs), shared, threads })
    }

    /// What transactions of this process left to be done since the last call.
    pub(crate) fn take_left(&self) -> BTreeSet<(TenantId, Work)> {
        std::mem::take(&mut *self.shared.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Queues a job.
    pub(crate) fn run(&self, job: Box<dyn Job>) -> Result<()> {
        enqueue(self.jobs.as_ref(), job)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Closing the queue ends the threads, once what waits there is done.
        self.jobs = None;
        let here = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // The last clone may die inside a closure, on one of these threads.
            if thread.thread().id() != here {
                let _ = thread.join();
            }
        }
    }
}

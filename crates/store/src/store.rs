//! The door to the data: one store over two engines.
//!
//! A use case is handed to a database thread of whichever engine is behind the door, and its answer
//! awaited. Knows neither engine's ways.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use domain::{Millis, TenantId};

use crate::job::{Mode, job};
use crate::lease::Work;
use crate::watch::{Commit, Watch};
use crate::{Error, Options, Result, Tx, postgres, sqlite};

/// The door to the data. Cheap to clone; the threads end when the last clone is gone.
#[derive(Clone)]
pub struct Store(Arc<Engine>);

enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
}

impl Store {
    /// Opens a file, brings it to this version's shape and starts the threads. `now` is recorded
    /// beside a migration.
    pub fn open(options: &Options, now: Millis) -> Result<Self> {
        Ok(sqlite::Engine::open(options, now)?.into())
    }

    /// The same on a PostgreSQL server, which other processes may use at the same time. Not from an
    /// async task: it waits for the server.
    pub fn connect(options: &postgres::Options, now: Millis) -> Result<Self> {
        Ok(Self(Arc::new(Engine::Postgres(postgres::Engine::connect(options, now)?))))
    }

    /// Whether other processes may serve from the same data at the same time.
    pub fn is_shared(&self) -> bool {
        matches!(*self.0, Engine::Postgres(_))
    }

    /// Tells `watch` of commits from now on. Only one can watch; a second one changes nothing.
    /// Nobody is told where other processes commit too.
    pub fn watch(&self, watch: Arc<dyn Watch>) {
        if let Engine::Sqlite(engine) = &*self.0 {
            engine.watch(watch);
        }
    }

    /// The newest commit, of this process or another, as of now; `None` where nobody counts them.
    pub fn newest_commit(&self) -> Option<Commit> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.newest_commit(),
            Engine::Postgres(_) => None,
        }
    }

    /// Runs `use_case` on a snapshot of the data. The closure may be run again.
    pub async fn read<T, E, F>(&self, use_case: F) -> Result<T, E>
    where
        F: for<'t> Fn(&mut Tx<'t>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(Mode::Read, use_case).await
    }

    /// Runs `use_case` as one transaction and answers when it is durable. An error leaves no trace.
    /// The closure may be run again: it has no side effects but on the transaction.
    pub async fn write<T, E, F>(&self, use_case: F) -> Result<T, E>
    where
        F: for<'t> Fn(&mut Tx<'t>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(Mode::Write, use_case).await
    }

    /// Like `write`, but all that `use_case` reads is of one moment also where others write
    /// meanwhile. It is run again when one of them was first.
    pub async fn write_snapshot<T, E, F>(&self, use_case: F) -> Result<T, E>
    where
        F: for<'t> Fn(&mut Tx<'t>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(Mode::WriteSnapshot, use_case).await
    }

    async fn run<T, E, F>(&self, mode: Mode, use_case: F) -> Result<T, E>
    where
        F: for<'t> Fn(&mut Tx<'t>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (job, answered) = job(mode, use_case);
        match (&*self.0, mode) {
            (Engine::Sqlite(engine), Mode::Read) => engine.read(job)?,
            // One thread writes, so it sees one moment anyway.
            (Engine::Sqlite(engine), Mode::Write | Mode::WriteSnapshot) => engine.write(job)?,
            (Engine::Postgres(engine), _) => engine.run(job)?,
        }
        answered.await.unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// Work that transactions of this process left since the last call, to be told to all processes.
    /// Nothing where there is one process.
    pub fn take_left(&self) -> BTreeSet<(TenantId, Work)> {
        match &*self.0 {
            Engine::Sqlite(_) => BTreeSet::new(),
            Engine::Postgres(engine) => engine.take_left(),
        }
    }

    /// Copies the data as of now into a new file, while the server runs. The copy is whole or
    /// absent: it appears under its name when it is complete and on disk.
    pub fn backup(&self, target: &Path) -> Result<()> {
        match &*self.0 {
            Engine::Sqlite(engine) => engine.backup(target),
            Engine::Postgres(_) => Err(Error::Unsupported(
                "a backup of a PostgreSQL database is made with PostgreSQL's own tools, such as \
                 `pg_dump --format=custom`, or a base backup with its log"
                    .into(),
            )),
        }
    }
}

impl From<sqlite::Engine> for Store {
    fn from(engine: sqlite::Engine) -> Self {
        Self(Arc::new(Engine::Sqlite(engine)))
    }
}

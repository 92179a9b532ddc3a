//! The embedded engine: one file, reader threads, one writer with group commit.
//!
//! Owns connections, threads and queues. Knows no table.

mod checkpoint;
mod log_index;
mod reader;
mod writer;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::Millis;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::inbox::Shape;
use crate::job::{Job, Queue, enqueue, queue, spawn};
use crate::watch::{Commit, Watch};
use crate::{Error, Result, migrate};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data file. Its folder exists; the file is made when missing.
    pub file: PathBuf,
    /// How many threads read. One per core serves best: a reader never waits but for the disk.
    pub readers: usize,
    /// Past this many bytes of write-ahead log the writer itself moves it into the file, so that a
    /// saturated writer cannot fill the disk. From half of it on a thread of its own does.
    pub wal_limit: u64,
    /// Page cache of the writer, in KiB. What a batch changes beyond it goes to the log before the commit,
    /// and again if it changes once more. SQLite walks the cache at each commit, so a server wants it
    /// no larger than a batch; an import, which commits rarely and writes everywhere, wants it large.
    pub writer_cache_kib: i64,
    /// See [`writer::BATCH_WORK`]; tests make it endless.
    batch_work: Duration,
    /// How many rows, and how many nodes, a node of a long list covers. Tests make them small, to
    /// cross every bound; other values than the usual ones are of no use to anybody else.
    pub node_size: (i64, i64),
}

impl Options {
    /// The usual settings for `file`.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let readers = std::thread::available_parallelism().map_or(2, usize::from);
        let batch_work = writer::BATCH_WORK;
        let node_size = (Shape::default().rows, Shape::default().kids);
        Self {
            file: file.into(),
            readers,
            wal_limit: 64 << 20,
            writer_cache_kib: 8_192,
            batch_work,
            node_size,
        }
    }
}

/// How long a statement waits for another process (a backup, an operator's command) to let go of
/// the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLite's own default of 16 statements would make a use case prepare anew what it just used.
const CACHED_STATEMENTS: usize = 256;

/// The threads around one file.
pub(crate) struct Engine {
    file: PathBuf,
    watched: Arc<Watched>,
    // `None` only while dropping.
    reads: Option<Queue>,
    writes: Option<Queue>,
    threads: Vec<JoinHandle<()>>,
}

/// The count of commits, in the index of the log, and who is told of them.
struct Watched {
    index: Arc<log_index::LogIndex>,
    watch: OnceLock<Arc<dyn Watch>>,
}

impl Engine {
    /// Opens the file, brings it to this version's shape and starts the threads. `now` is recorded
    /// beside a migration.
    pub(crate) fn open(options: &Options, now: Millis) -> Result<Self> {
        let writer = connect(&options.file, Role::Writer)?;
        writer.pragma_update(None, "cache_size", -options.writer_cache_kib)?;
        migrate::run(&writer, now.get())?;
        Self::start(options, writer)
    }

    /// Starts the threads around a writer's connection.
    fn start(options: &Options, writer: Connection) -> Result<Self> {
        let mut threads = Vec::new();
        let index = Arc::new(log_index::LogIndex::of(&options.file));
        let watched = Arc::new(Watched { index: Arc::clone(&index), watch: OnceLock::new() });
        let (reads, read_queue) = queue();
        for n in 0..options.readers.max(1) {
            let connection = connect(&options.file, Role::Reader)?;
            let (queue, watched) = (read_queue.clone(), Arc::clone(&watched));
            threads.push(spawn(&format!("read-{n}"), move || {
                reader::run(&connection, &queue, &watched);
            })?);
        }
        // A log that a slow reader made longer is cut when it begins anew.
        let limit = i64::try_from(options.wal_limit).unwrap_or(i64::MAX);
        writer.pragma_update(None, "journal_size_limit", limit)?;
        let (wal, keeper) = checkpoint::new(index, options.wal_limit);
        let connection = connect(&options.file, Role::Keeper)?;
        threads.push(spawn("checkpoint", move || checkpoint::run(&connection, &keeper))?);
        let (writes, write_queue) = queue();
        let work = options.batch_work;
        let shape = Shape { rows: options.node_size.0, kids: options.node_size.1 };
        let told = Arc::clone(&watched);
        threads.push(spawn("write", move || {
            writer::run(&writer, work, shape, &write_queue, &wal, &told);
        })?);

        let file = options.file.clone();
        let (reads, writes) = (Some(reads), Some(writes));
        Ok(Self { file, watched, reads, writes, threads })
    }

    /// Tells `watch` of commits from now on. Only one can watch; a second one changes nothing.
    pub(crate) fn watch(&self, watch: Arc<dyn Watch>) {
        watch.lost(self.newest_commit());
        let _ = self.watched.watch.set(watch);
    }

    /// The newest commit, of this process or another, as of now.
    pub(crate) fn newest_commit(&self) -> Option<Commit> {
        self.watched.index.newest()
    }

    /// Queues what only reads.
    pub(crate) fn read(&self, job: Box<dyn Job>) -> Result<()> {
        enqueue(self.reads.as_ref(), job)
    }

    /// Queues what writes.
    pub(crate) fn write(&self, job: Box<dyn Job>) -> Result<()> {
        enqueue(self.writes.as_ref(), job)
    }

    /// Copies the data as of now into a new file, while the server runs. The copy is whole or
    /// absent: it appears under its name when it is complete and on disk.
    pub(crate) fn backup(&self, target: &Path) -> Result<()> {
        // Not a reader: those may not even write into another file.
        let source = connect(&self.file, Role::Keeper)?;
        let mut part = target.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let failed = |e: std::io::Error| Error::Engine(format!("{}: {e}", target.display()));
        if target.exists() {
            return Err(Error::Engine(format!("{} exists already", target.display())));
        }
        if part.exists() {
            std::fs::remove_file(&part).map_err(failed)?;
        }
        let name = part.to_str().ok_or_else(|| Error::Engine("file name is not UTF-8".into()))?;
        if let Err(error) = source.execute("VACUUM INTO ?1", [name]) {
            let _ = std::fs::remove_file(&part);
            return Err(error.into());
        }
        // The data names people: like the data folder, the copy is for its owner alone.
        std::fs::set_permissions(&part, Permissions::from_mode(0o600)).map_err(failed)?;
        std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
        std::fs::rename(&part, target).map_err(failed)?;
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Closing the queues ends the threads, once what waits there is done.
        self.reads = None;
        self.writes = None;
        let here = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // The last clone may die inside a closure, on one of these threads.
            if thread.thread().id() != here {
                let _ = thread.join();
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
    /// Makes checkpoints and nothing else.
    Keeper,
}

/// SQLite maps at most 2 GiB less one page, whatever is asked for.
const MMAP_BYTES: i64 = 0x7fff_0000;

fn connect(file: &Path, role: Role) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if role == Role::Writer {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    if role == Role::Writer {
        // Takes effect on a new file only. Small pages make small commits (+18 to 27 % measured).
        conn.pragma_update(None, "page_size", 2_048)?;
    }
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: the log is on disk before an answer goes out.
    conn.pragma_update(None, "synchronous", "FULL")?;
    // Plans must not depend on what is bound: with the statistics that this build of SQLite can
    // use, some statements would be prepared anew at every call (29 % of an import, measured).
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // The checkpoint thread does it, outside of any COMMIT.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "mmap_size", MMAP_BYTES)?;
    if role == Role::Reader {
        conn.pragma_update(None, "query_only", true)?;
    }
    Ok(conn)
}

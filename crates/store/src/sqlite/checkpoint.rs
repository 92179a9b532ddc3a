//! Moves the write-ahead log into the data file, and has it begin anew.
//!
//! Inside COMMIT it would cost every caller of a batch (+25 to 36 % measured without), so a thread of its
//! own moves what is there, and the writer, whom nobody can overtake, what came meanwhile. Only then the
//! next commit begins at the log's start: a log that the writer never lets go of is made longer by every
//! commit, which costs more than to write over it (the system zeroes each new block).
//!
//! The thread has what it moved on the disk, too: SQLite leaves that to whoever has the log begin anew, and
//! the writer would wait for it (0.15 s each time, with decisions among 1,000,000 open flows).
//!
//! A page that stands in the log many times is moved once, so the thread is not woken before the log is
//! half as long as it may be (syncs of one client: 1.2 times as many as when it was woken at 4 MiB).

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::BUSY_TIMEOUT;
use super::log_index::{Log, LogIndex};

/// When nothing is written, the thread is woken for this much already: pages in the log are read by
/// calls, those in the file from memory (SQLite's own default: 1,000 pages of 4 KiB).
const AT_REST_BYTES: u64 = 4 << 20;
/// How long the writer waits for readers of the log before it begins anew. Reads take a millisecond;
/// those that take longer are not worth waiting for yet.
const REST_WAIT: Duration = Duration::from_millis(20);
/// How long it waits past the limit, for the thread and then for readers. A reader may hold the log for
/// long (a backup), so what fails is tried again only when the log grew by the limit again.
const LIMIT_WAIT: Duration = Duration::from_millis(500);

/// The writer's view of its log.
pub(super) struct Wal {
    index: Arc<LogIndex>,
    limit: u64,
    /// The length from which the writer moves everything itself.
    try_at: Cell<u64>,
    nudge: Sender<()>,
    moved: Receiver<()>,
    /// Whether the thread was woken and has not said that it is through.
    woken: Cell<bool>,
}

/// The thread's ends of the channels.
pub(super) struct Keeper {
    index: Arc<LogIndex>,
    nudged: Receiver<()>,
    moved: Sender<()>,
}

/// Both views of a log that shall not be longer than `limit` bytes.
pub(super) fn new(index: Arc<LogIndex>, limit: u64) -> (Wal, Keeper) {
    let (nudge, nudged) = bounded(1);
    let (told, moved) = bounded(1);
    let (try_at, woken) = (Cell::new(limit), Cell::new(false));
    let keeper = Keeper { index: Arc::clone(&index), nudged, moved: told };
    (Wal { index, limit, try_at, nudge, moved, woken }, keeper)
}

impl Wal {
    /// Looks how long the log is, after the answers went out.
    pub(super) fn after_commit(&self, writer: &Connection) {
        // Where nobody can tell how long it is, the thread has to keep it short.
        let unknown = Log { length: 0, waiting: u64::MAX };
        let log = self.index.log().unwrap_or(unknown);
        // A log of which nothing waits begins anew with the next commit, however long it is.
        if log.length >= self.try_at.get() && log.waiting > 0 {
            metrics::counter!("countersign_wal_limit_reached_total").increment(1);
            // While it moves, nobody else may.
            if self.woken.get() && self.moved.recv_timeout(LIMIT_WAIT).is_ok() {
                self.woken.set(false);
            }
            let done = begin_anew(writer, LIMIT_WAIT);
            self.try_at.set(if done { self.limit } else { log.length + self.limit });
        } else {
            self.look(writer, log, self.limit / 2);
        }
    }

    /// The same when nothing was written for a while.
    pub(super) fn at_rest(&self, writer: &Connection) {
        if let Some(log) = self.index.log() {
            self.look(writer, log, AT_REST_BYTES.min(self.limit / 2));
        }
    }

    /// Wakes the thread when so many bytes wait, and finishes what it did.
    fn look(&self, writer: &Connection, log: Log, enough: u64) {
        if self.moved.try_recv().is_ok() {
            self.woken.set(false);
            if begin_anew(writer, REST_WAIT) {
                self.try_at.set(self.limit);
            }
        } else if log.waiting >= enough && !self.woken.replace(true) {
            let _ = self.nudge.try_send(());
        }
    }
}

/// Moves what is there whenever the writer asks for it.
pub(super) fn run(conn: &Connection, keeper: &Keeper) {
    for () in &keeper.nudged {
        checkpoint(conn, "PASSIVE");
        if let Err(error) = keeper.index.sync_data() {
            tracing::warn!(%error, "the data file could not be synced; the writer will try");
        }
        let _ = keeper.moved.try_send(());
    }
}

/// Moves the rest and waits until nobody reads the log, so that the next commit begins at its start.
/// Says whether it will.
fn begin_anew(writer: &Connection, wait: Duration) -> bool {
    let _ = writer.busy_timeout(wait);
    let done = checkpoint(writer, "RESTART");
    let _ = writer.busy_timeout(BUSY_TIMEOUT);
    done
}

/// Says whether the log was moved as far as the mode promises.
fn checkpoint(conn: &Connection, mode: &str) -> bool {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    match conn.query_row(&sql, [], |row| row.get::<_, i64>(0)) {
        Ok(busy) => busy == 0,
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed and will be tried again");
            false
        }
    }
}

#[cfg(test)]
mod tests;

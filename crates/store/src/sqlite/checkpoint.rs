//! Moves the write-ahead log into the file, in a thread of its own.
//!
//! Inside COMMIT it would cost every caller of a batch (+25 to 36 % measured without). Only past a
//! limit, when the thread cannot keep up, the writer does it itself.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;

use super::BUSY_TIMEOUT;

/// The thread is woken when the log grew by this much (SQLite's own default: 1,000 pages of 4 KiB)
/// or, since a log that was moved is overwritten without growing, after this many batches.
const NUDGE_BYTES: u64 = 4 << 20;
const NUDGE_BATCHES: u32 = 64;
/// How long the writer waits, past the limit, for readers and for the thread. A reader may hold the
/// log for long (a backup), so what fails is tried again only when the log grew by the limit again.
const LIMIT_WAIT: Duration = Duration::from_millis(500);

/// The writer's view of its log.
pub(super) struct Wal {
    file: PathBuf,
    limit: u64,
    /// The size from which the writer makes a checkpoint itself.
    try_at: Cell<u64>,
    nudge: Sender<()>,
    nudged_at: Cell<u64>,
    batches: Cell<u32>,
}

impl Wal {
    pub(super) fn new(data: &Path, limit: u64, nudge: Sender<()>) -> Self {
        let mut file = data.as_os_str().to_owned();
        file.push("-wal");
        Self {
            file: file.into(),
            limit,
            try_at: Cell::new(limit),
            nudge,
            nudged_at: Cell::new(0),
            batches: Cell::new(0),
        }
    }

    /// Looks how long the log is, after the answers went out.
    pub(super) fn after_commit(&self, writer: &Connection) {
        let Ok(size) = std::fs::metadata(&self.file).map(|m| m.len()) else { return };
        self.batches.set(self.batches.get() + 1);
        if size >= self.try_at.get() {
            metrics::counter!("countersign_wal_limit_reached_total").increment(1);
            let _ = writer.busy_timeout(LIMIT_WAIT);
            let done = checkpoint(writer, "TRUNCATE");
            let _ = writer.busy_timeout(BUSY_TIMEOUT);
            self.try_at.set(if done { self.limit } else { size + self.limit });
            self.nudged_at.set(0);
            self.batches.set(0);
            return;
        }
        if size >= self.nudged_at.get() + NUDGE_BYTES || self.batches.get() >= NUDGE_BATCHES {
            self.nudged_at.set(size);
            self.batches.set(0);
            // A full channel means that it is awake already.
            let _ = self.nudge.try_send(());
        }
    }
}

pub(super) fn run(conn: &Connection, nudged: &Receiver<()>) {
    for () in nudged {
        checkpoint(conn, "PASSIVE");
    }
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

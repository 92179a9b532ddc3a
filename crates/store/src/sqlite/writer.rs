//! The one writer thread, with group commit.
//!
//! Closures that wait together share one COMMIT; each but the first runs in a savepoint of its own.
//! Every answer, a refusal too, is held until the COMMIT that covers it returned. SQLite may roll
//! back the whole transaction by itself (disk full, I/O): then nothing after it runs, and each member
//! of the batch is run once more, alone.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rusqlite::Connection;

use super::Watched;
use super::checkpoint::Wal;
use crate::dialect::Positional;
use crate::inbox::{Shape, fold};
use crate::job::{Job, caught};
use crate::watch::{Commit, Touched};
use crate::{Error, Result, Tx};

/// A batch ends at this many closures or this much work, so that the first caller does not wait
/// for the last (own figures).
const BATCH_LEN: usize = 256;
/// See [`BATCH_LEN`].
pub(super) const BATCH_WORK: Duration = Duration::from_millis(10);

/// How often an idle writer looks whether another process wrote. Until it has, copies of what was
/// read are not used, so this is no matter of what is right (own figure).
const LOOK_FOR_OTHERS: Duration = Duration::from_millis(100);

pub(super) fn run(
    conn: &Connection,
    batch_work: Duration,
    shape: Shape,
    queue: &Receiver<Box<dyn Job>>,
    wal: &Wal,
    watched: &Watched,
) {
    let texts = RefCell::new(Positional::default());
    let (touched, begun, told) = (RefCell::default(), Cell::default(), Cell::default());
    let writer = Writer { conn, batch_work, shape, texts, watched, touched, begun, told };
    loop {
        let first = match queue.recv_timeout(LOOK_FOR_OTHERS) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                writer.look_for_others();
                wal.at_rest(conn);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let members = writer.batch(first, queue);
        metrics::histogram!("countersign_write_batch_size").record(members.len() as f64);
        for member in members {
            member.answer();
        }
        wal.after_commit(conn);
    }
}

struct Writer<'c> {
    conn: &'c Connection,
    batch_work: Duration,
    shape: Shape,
    texts: RefCell<Positional>,
    watched: &'c Watched,
    /// What the transaction changed so far.
    touched: RefCell<Vec<Touched>>,
    /// The commit before the transaction.
    begun: Cell<Option<Commit>>,
    /// The newest commit that who watches was told of.
    told: Cell<Option<Commit>>,
}

/// The transaction of a batch is gone, with everything in it.
struct Dead;

impl Writer<'_> {
    /// Runs `first` and what waits behind it, and answers them all with their results settled.
    fn batch(&self, first: Box<dyn Job>, queue: &Receiver<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
        let mut members = vec![first];
        if let Err(error) = self.begin() {
            members[0].fail(error.into());
            return members;
        }
        let started = Instant::now();
        let mut alive = Ok(());
        let mut next = 0;
        while let Some(member) = members.get_mut(next) {
            alive = match next {
                0 => self.first(member.as_mut()),
                _ => self.member(member.as_mut()),
            };
            next += 1;
            if alive.is_err() {
                break;
            }
            if members.len() < BATCH_LEN && started.elapsed() < self.batch_work {
                members.extend(queue.try_recv());
            }
        }
        if alive.is_ok() && self.commit().is_ok() {
            return members;
        }
        self.rollback();
        metrics::counter!("countersign_write_batches_rerun_total").increment(1);
        tracing::warn!(members = members.len(), "a batch of writes died: running each alone");
        for member in &mut members {
            self.alone(member.as_mut());
        }
        members
    }

    /// Runs the first member, before which there is nothing to keep. Without a savepoint: under one,
    /// SQLite's release of every statement goes through all pages that the member has changed, which
    /// made a slice of an import cost the square of its size.
    fn first(&self, member: &mut dyn Job) -> Result<(), Dead> {
        let keep = self.run_and_fold(member);
        if self.conn.is_autocommit() {
            return Err(Dead);
        }
        if !keep {
            self.command("ROLLBACK").map_err(|_| Dead)?;
            self.begin().map_err(|_| Dead)?;
        }
        Ok(())
    }

    /// Runs one member inside its savepoint.
    fn member(&self, member: &mut dyn Job) -> Result<(), Dead> {
        self.command("SAVEPOINT member").map_err(|_| Dead)?;
        let keep = self.run_and_fold(member);
        if self.conn.is_autocommit() {
            return Err(Dead);
        }
        if !keep {
            self.command("ROLLBACK TO member").map_err(|_| Dead)?;
        }
        self.command("RELEASE member").map_err(|_| Dead)
    }

    /// Runs a closure and folds what it recorded. Says whether what it wrote shall stay.
    fn run_and_fold(&self, member: &mut dyn Job) -> bool {
        let mut tx = Tx::sqlite(self.conn, &self.texts, self.shape);
        let mut keep = member.run(&mut tx);
        if keep && let Err(error) = caught(|| fold(&mut tx)) {
            member.fail(error);
            keep = false;
        }
        if self.watched.watch.get().is_some() {
            self.touched.borrow_mut().append(&mut tx.touched);
        }
        keep
    }

    /// Runs one member in a transaction of its own; what fails now is answered as it is.
    fn alone(&self, member: &mut dyn Job) {
        if let Err(error) = self.begin() {
            member.fail(error.into());
            return;
        }
        let keep = self.run_and_fold(member);
        if !keep {
            // Its own result, an error, stands.
            self.rollback();
        } else if self.conn.is_autocommit() {
            member.fail(Error::Engine("the database ended the transaction".into()));
        } else if let Err(error) = self.commit() {
            self.rollback();
            member.fail(error.into());
        }
    }

    /// Begins a transaction. From here on no other process can write.
    fn begin(&self) -> rusqlite::Result<()> {
        self.command("BEGIN IMMEDIATE")?;
        self.touched.borrow_mut().clear();
        self.begun.set(self.watched.index.newest());
        Ok(())
    }

    /// Commits, and tells who watches, before anybody gets an answer.
    fn commit(&self) -> rusqlite::Result<()> {
        self.command("COMMIT")?;
        let Some(watch) = self.watched.watch.get() else { return Ok(()) };
        let (before, newest) = (self.begun.get(), self.watched.index.newest());
        match (before, newest) {
            // What changed nothing is no commit.
            (Some(before), Some(newest)) if before == newest => {
                watch.committed(before, before, &[]);
                self.told.set(Some(before));
            }
            // The newest may be another process's already: the own one followed the one before.
            (Some(before), Some(_)) => {
                let own = Commit(before.0.wrapping_add(1));
                watch.committed(before, own, &self.touched.borrow());
                self.told.set(Some(own));
            }
            _ => {
                watch.lost(None);
                self.told.set(None);
            }
        }
        Ok(())
    }

    /// Tells who watches when another process wrote while this thread had nothing to do.
    fn look_for_others(&self) {
        let Some(watch) = self.watched.watch.get() else { return };
        let newest = self.watched.index.newest();
        if newest != self.told.replace(newest) {
            watch.lost(newest);
        }
    }

    fn command(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn rollback(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "cannot roll back");
        }
    }
}

#[cfg(test)]
mod tests;

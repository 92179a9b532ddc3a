//! A database thread: takes use cases and runs each until its outcome is certain.
//!
//! A use case that met somebody else, or lost its connection before COMMIT was sent, is run again.
//! When the connection breaks while COMMIT is on its way, nobody can know, and the caller is told so.

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::Shared;
use super::fault::Fault;
use super::session::{Commit, Session};
use crate::inbox::fold;
use crate::job::{Job, Mode, caught};
use crate::{Error, Tx};

/// How often a use case is run again at most (architecture, section 2).
const RERUNS: u32 = 10;
/// The first pause before that; each further one is twice as long, up to the last, and all of them
/// are cut by chance, so that those who met do not meet again (own figures).
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_millis(200);
/// The same where no connection can be made.
const RECONNECT: Duration = Duration::from_millis(100);

pub(super) fn run(shared: &Shared, jobs: &Receiver<Box<dyn Job>>) {
    let mut thread = Thread { shared, session: None, chance: RandomState::new(), rolled: 0 };
    for job in jobs {
        // A reader who went away needs no answer.
        if job.mode() == Mode::Read && job.is_abandoned() {
            continue;
        }
        // A fault of this program must not cost the thread; the connection may be in any state.
        if catch_unwind(AssertUnwindSafe(|| thread.settle(job))).is_err() {
            tracing::error!("a database thread panicked and goes on with a new connection");
            thread.session = None;
        }
    }
    if let Some(session) = thread.session {
        session.close();
    }
}

struct Thread<'s> {
    shared: &'s Shared,
    session: Option<Session>,
    chance: RandomState,
    rolled: u64,
}

/// How one run of a use case ended.
enum Ended {
    /// Its result stands.
    Settled,
    Again(Fault),
}

impl Thread<'_> {
    /// Runs a job until its outcome is certain, and answers it.
    fn settle(&mut self, mut job: Box<dyn Job>) {
        let deadline = job.since() + self.shared.patience;
        for run in 0.. {
            if let Err(fault) = self.connect(deadline) {
                job.fail(Error::Busy(format!("no connection to the database: {fault:?}")));
                break;
            }
            let Some(session) = self.session.take() else { continue };
            let ended = attempt(self.shared, &session, job.as_mut());
            let fault = match ended {
                Ended::Settled => {
                    let is_read = job.mode() == Mode::Read;
                    job.answer();
                    // After the answer: ending a snapshot is nobody's wait.
                    if is_read {
                        session.end_read();
                    }
                    self.session = Some(session).filter(|session| !session.is_closed());
                    return;
                }
                Ended::Again(fault) => fault,
            };
            if !matches!(fault, Fault::Lost(_)) && session.rollback().is_ok() {
                self.session = Some(session);
            }
            metrics::counter!("countersign_database_reruns_total").increment(1);
            tracing::debug!(?fault, run, "a use case is run again");
            if run >= RERUNS || Instant::now() >= deadline {
                job.fail(Error::Busy(format!("given up after {run} more runs: {fault:?}")));
                break;
            }
            self.pause(run);
        }
        job.answer();
    }

    /// Makes sure that there is a connection, trying until `deadline`.
    fn connect(&mut self, deadline: Instant) -> Result<(), Fault> {
        if self.session.as_ref().is_some_and(|session| !session.is_closed()) {
            return Ok(());
        }
        loop {
            match Session::connect(&self.shared.target, self.shared.manner.clone()) {
                Ok(session) => {
                    self.session = Some(session);
                    return Ok(());
                }
                Err(fault) if Instant::now() >= deadline => return Err(fault),
                Err(fault) => {
                    tracing::warn!(?fault, "cannot connect to the database, trying again");
                    let pause = self.part_of(RECONNECT);
                    wait(pause);
                }
            }
        }
    }

    fn pause(&mut self, run: u32) {
        let pause = LAST_PAUSE.min(FIRST_PAUSE * 2_u32.saturating_pow(run));
        let pause = self.part_of(pause);
        match &self.session {
            Some(session) => session.pause(pause),
            None => wait(pause),
        }
    }

    /// Between half of it and all of it.
    fn part_of(&mut self, whole: Duration) -> Duration {
        self.rolled += 1;
        let part = u32::try_from(self.chance.hash_one(self.rolled) % 500).unwrap_or_default();
        whole * (500 + part) / 1_000
    }
}

/// Waits on a thread that has no connection to drive.
fn wait(how_long: Duration) {
    std::thread::park_timeout(how_long);
}

/// Runs a use case once, as one transaction.
fn attempt(shared: &Shared, session: &Session, job: &mut dyn Job) -> Ended {
    let mode = job.mode();
    session.begin(mode);
    let mut tx = Tx::postgres(session, &shared.sequence, shared.shape);
    let mut keep = job.run(&mut tx);
    if keep
        && mode != Mode::Read
        && let Err(error) = caught(|| fold(&mut tx))
    {
        job.fail(error);
        keep = false;
    }
    match session.fault() {
        None => {}
        // What stands; the use case answered it already, but for one that did not look.
        Some(fault @ (Fault::Failed(_) | Fault::Slow(_))) => {
            if keep {
                job.fail(fault.into());
            }
            keep = false;
        }
        Some(fault) => return Ended::Again(fault),
    }
    if mode == Mode::Read {
        return Ended::Settled;
    }
    if !keep {
        // A connection that cannot even undo is closed with what it did.
        let _ = session.rollback();
        return Ended::Settled;
    }
    let left = std::mem::take(&mut tx.left);
    match session.commit() {
        Commit::Done => {
            if !left.is_empty() {
                shared.left.lock().unwrap_or_else(PoisonError::into_inner).extend(left);
            }
            Ended::Settled
        }
        Commit::Failed(Fault::Failed(text)) => {
            job.fail(Error::Engine(text));
            Ended::Settled
        }
        Commit::Failed(fault) => Ended::Again(fault),
        Commit::Unknown(text) => {
            metrics::counter!("countersign_database_unknown_commits_total").increment(1);
            job.fail(Error::Unknown(text));
            Ended::Settled
        }
    }
}

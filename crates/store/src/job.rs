//! A use case on its way through a queue to a database thread and back.
//!
//! Owns queues, threads and the answer's way to its caller. Knows no engine.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use crate::{Error, Result, Tx};

/// What waits for a database thread at most. A longer queue only makes every caller time out;
/// a refusal tells them to come back (own figure: a second's work at least).
const QUEUE: usize = 4_096;

/// The end of a queue that takes jobs.
pub(crate) type Queue = Sender<Box<dyn Job>>;

/// A closure, its result so far, and the way to its caller.
pub(crate) trait Job: Send {
    /// Runs the closure and keeps the result. Says whether what it wrote shall stay.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Replaces the result.
    fn fail(&mut self, error: Error);
    /// Hands the result to the caller.
    fn answer(self: Box<Self>);
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
    /// How it must be run.
    fn mode(&self) -> Mode;
    /// Since when it waits.
    fn since(&self) -> Instant;
}

/// What a use case may do, and what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only reads, one snapshot.
    Read,
    /// Writes. Where several write at once, each statement sees what was committed before it.
    Write,
    /// Writes, and sees one snapshot all the same.
    WriteSnapshot,
}

struct Typed<F, T, E> {
    use_case: F,
    mode: Mode,
    since: Instant,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

/// A job, and where its answer will come.
pub(crate) fn job<T, E, F>(
    mode: Mode,
    use_case: F,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: for<'t> Fn(&mut Tx<'t>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let since = Instant::now();
    (Box::new(Typed { use_case, mode, since, result: None, answer }), answered)
}

impl<T, E, F> Job for Typed<F, T, E>
where
    F: for<'t> Fn(&mut Tx<'t>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| (self.use_case)(tx)))
            .unwrap_or_else(|panic| Err(Error::Panicked(panic_text(&panic)).into()));
        self.result.insert(result).is_ok()
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(Error::Closed.into()));
        let _ = self.answer.send(result);
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn since(&self) -> Instant {
        self.since
    }
}

/// Runs something of the store's own after a use case; a panic is an error.
pub(crate) fn caught<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(Error::Panicked(panic_text(&panic))))
}

fn panic_text(panic: &Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// A bounded queue.
pub(crate) fn queue() -> (Queue, Receiver<Box<dyn Job>>) {
    bounded(QUEUE)
}

/// Queues a job, unless too many wait already.
pub(crate) fn enqueue(queue: Option<&Queue>, job: Box<dyn Job>) -> Result<()> {
    match queue.ok_or(Error::Closed)?.try_send(job) {
        Ok(()) => Ok(()),
        Err(TrySendError::Full(_)) => Err(Error::Busy(format!("{QUEUE} requests wait already"))),
        Err(TrySendError::Disconnected(_)) => Err(Error::Closed),
    }
}

pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|e| Error::Engine(format!("cannot start a thread: {e}")))
}

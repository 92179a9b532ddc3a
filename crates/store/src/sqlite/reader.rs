//! Reader threads: each has a connection and runs closures on a snapshot.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::Receiver;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::writer::panic_text;
use crate::dialect::Positional;
use crate::inbox::Shape;
use crate::{Error, Result, Tx};

/// A closure with the way to its caller inside.
pub(super) type Job = Box<dyn FnOnce(Result<&mut Tx<'_>>) + Send>;

pub(super) fn job<T, E, F>(use_case: F, answer: oneshot::Sender<Result<T, E>>) -> Job
where
    F: for<'t> FnOnce(&mut Tx<'t>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    Box::new(move |tx| {
        // A caller who went away needs no answer.
        if answer.is_closed() {
            return;
        }
        let result = match tx {
            Err(error) => Err(error.into()),
            Ok(tx) => catch_unwind(AssertUnwindSafe(|| use_case(tx)))
                .unwrap_or_else(|panic| Err(Error::Panicked(panic_text(&panic)).into())),
        };
        let _ = answer.send(result);
    })
}

pub(super) fn run(conn: &Connection, queue: &Receiver<Job>) {
    let texts = RefCell::new(Positional::default());
    for job in queue {
        if let Err(error) = command(conn, "BEGIN") {
            job(Err(error.into()));
            continue;
        }
        job(Ok(&mut Tx::sqlite(conn, &texts, Shape::default())));
        if let Err(error) = command(conn, "COMMIT") {
            tracing::error!(%error, "cannot end a read transaction");
            let _ = conn.execute_batch("ROLLBACK");
        }
    }
}

fn command(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

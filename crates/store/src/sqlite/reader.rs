//! Reader threads: each has a connection and runs closures on a snapshot.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::Receiver;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Watched;
use super::writer::panic_text;
use crate::dialect::Positional;
use crate::inbox::Shape;
use crate::watch::Commit;
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

pub(super) fn run(conn: &Connection, queue: &Receiver<Job>, watched: &Watched) {
    let texts = RefCell::new(Positional::default());
    for job in queue {
        let snapshot = match begin(conn, watched) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // The transaction may be there without its snapshot; the next one needs to begin.
                if !conn.is_autocommit() {
                    let _ = conn.execute_batch("ROLLBACK");
                }
                job(Err(error.into()));
                continue;
            }
        };
        let mut tx = Tx::sqlite(conn, &texts, Shape::default());
        tx.snapshot = snapshot;
        job(Ok(&mut tx));
        if let Err(error) = command(conn, "COMMIT") {
            tracing::error!(%error, "cannot end a read transaction");
            let _ = conn.execute_batch("ROLLBACK");
        }
    }
}

/// Begins a transaction, with its snapshot where the number of that matters. It is known when no
/// commit came while it was taken.
fn begin(conn: &Connection, watched: &Watched) -> rusqlite::Result<Option<Commit>> {
    if watched.watch.get().is_none() {
        return command(conn, "BEGIN").map(|()| None);
    }
    let before = watched.commits.newest();
    command(conn, "BEGIN")?;
    // BEGIN alone takes no snapshot: the first statement that reads does.
    conn.prepare_cached("SELECT 1 FROM tenant LIMIT 0")?.query([])?.next()?;
    Ok(before.filter(|before| watched.commits.newest() == Some(*before)))
}

fn command(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

//! Reader threads: each has a connection and runs closures on a snapshot.

use std::cell::RefCell;

use crossbeam_channel::Receiver;
use rusqlite::Connection;

use super::Watched;
use crate::Tx;
use crate::dialect::Positional;
use crate::inbox::Shape;
use crate::job::Job;
use crate::watch::Commit;

pub(super) fn run(conn: &Connection, queue: &Receiver<Box<dyn Job>>, watched: &Watched) {
    let texts = RefCell::new(Positional::default());
    for mut job in queue {
        // A caller who went away needs no answer.
        if job.is_abandoned() {
            continue;
        }
        let snapshot = match begin(conn, watched) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // The transaction may be there without its snapshot; the next one needs to begin.
                if !conn.is_autocommit() {
                    let _ = conn.execute_batch("ROLLBACK");
                }
                job.fail(error.into());
                job.answer();
                continue;
            }
        };
        let mut tx = Tx::sqlite(conn, &texts, Shape::default());
        tx.snapshot = snapshot;
        job.run(&mut tx);
        job.answer();
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
    let before = watched.index.newest();
    command(conn, "BEGIN")?;
    // BEGIN alone takes no snapshot: the first statement that reads does.
    conn.prepare_cached("SELECT 1 FROM tenant LIMIT 0")?.query([])?.next()?;
    Ok(before.filter(|before| watched.index.newest() == Some(*before)))
}

fn command(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

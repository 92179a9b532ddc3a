//! What may go wrong in the middle of a batch, injected into one of 50 queued writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use domain::Millis;

use crate::access::{setting_get, setting_put};
use crate::{Error, Options, Result, Store, Tx};

const WRITES: usize = 50;
const SICK: usize = 25;

fn options(folder: &tempfile::TempDir) -> Options {
    // However slow the machine is, what waits together is one batch.
    let batch_work = Duration::from_hours(1);
    Options { batch_work, ..Options::new(folder.path().join("data.db")) }
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&options(&folder), Millis(0)).unwrap();
    (folder, store)
}

/// Queues 50 writes behind one that waits, so that they are one batch; `sick` is done by the 25th
/// after its own write. Answers each result.
async fn batch(store: &Store, sick: fn(&Tx<'_>) -> Result<()>) -> Vec<Result<usize>> {
    let (first, results) = batch_with_first(store, sick).await;
    first.unwrap();
    results
}

/// The same, with the result of the write that waited.
async fn batch_with_first(
    store: &Store,
    sick: fn(&Tx<'_>) -> Result<()>,
) -> (Result<()>, Vec<Result<usize>>) {
    let (open_gate, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let waiting = store.write(move |_| {
        // The batch opens when the sender is gone; a second run does not wait.
        let _ = gate.lock().unwrap().recv();
        Ok::<_, Error>(())
    });
    let writes = (0..WRITES).map(|n| {
        store.write(move |tx| {
            setting_put(tx, &format!("write-{n}"), "there")?;
            if n == SICK {
                sick(tx)?;
            }
            Ok(n)
        })
    });
    // Polling each once puts it into the queue, in order.
    let mut waiting = Box::pin(waiting);
    let mut writes: Vec<_> = writes.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        assert!(waiting.as_mut().poll(cx).is_pending());
        for write in &mut writes {
            assert!(write.as_mut().poll(cx).is_pending());
        }
        std::task::Poll::Ready(())
    })
    .await;
    drop(open_gate);
    let first = waiting.await;
    let mut results = Vec::new();
    for write in writes {
        results.push(write.await);
    }
    (first, results)
}

/// Every acknowledged write is there, none of the others; the store goes on.
async fn check(store: &Store, results: &[Result<usize>]) {
    for (n, result) in results.iter().enumerate() {
        let name = format!("write-{n}");
        let found = store.read(move |tx| setting_get(tx, &name)).await.unwrap();
        assert_eq!(found.is_some(), result.is_ok(), "write {n}: {result:?}");
    }
    store.write(|tx| setting_put(tx, "afterwards", "there")).await.unwrap();
}

#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_fails_one_write_only() {
    let (_folder, store) = open();
    let results = batch(&store, |tx| {
        let conn = tx.connection();
        let pages: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
        conn.pragma_update(None, "max_page_count", pages)?;
        let full = conn.execute_batch(
            "CREATE TABLE large (text); INSERT INTO large VALUES (zeroblob(10000000))",
        );
        conn.pragma_update(None, "max_page_count", 1_073_741_823)?;
        Ok(full?)
    })
    .await;
    assert!(matches!(&results[SICK], Err(Error::Engine(text)) if text.contains("full")));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), WRITES - 1);
    check(&store, &results).await;
}

#[tokio::test]
async fn a_database_that_rolls_back_everything_costs_nobody_else_their_write() {
    let (_folder, store) = open();
    // What SQLite does by itself on some I/O errors, also when it is run alone.
    let results = batch(&store, |tx| {
        tx.connection().execute_batch("ROLLBACK")?;
        Ok(())
    })
    .await;
    assert!(matches!(&results[SICK], Err(Error::Engine(_))), "{:?}", results[SICK]);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), WRITES - 1);
    check(&store, &results).await;
}

#[tokio::test]
async fn a_panic_is_answered_and_undone() {
    let (_folder, store) = open();
    let results = batch(&store, |_| panic!("sick")).await;
    assert!(matches!(&results[SICK], Err(Error::Panicked(text)) if text == "sick"));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), WRITES - 1);
    check(&store, &results).await;
}

#[tokio::test]
async fn a_failed_commit_is_made_good_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    drop(Store::open(&options, Millis(0)).unwrap());
    let mut writer = super::super::connect(&options.file, super::super::Role::Writer).unwrap();
    // The COMMIT of the batch fails, and that of the first write when it is run alone.
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let refuse = move || counted.fetch_add(1, Ordering::SeqCst) < 2;
    writer.commit_hook(Some(refuse)).unwrap();
    let store = Store::from(super::super::Engine::start(&options, writer).unwrap());
    let (first, results) = batch_with_first(&store, |_| Ok(())).await;
    assert!(matches!(first, Err(Error::Conflict(_))), "{first:?}");
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    // One for the batch of all, then one each.
    assert_eq!(commits.load(Ordering::SeqCst), 1 + 1 + WRITES);
    check(&store, &results).await;
}

#[tokio::test]
async fn a_refusal_is_undone_and_answered_only_after_the_commit() {
    let (_folder, store) = open();
    let results = batch(&store, |_| Err(Error::Busy("refused".into()))).await;
    assert!(matches!(&results[SICK], Err(Error::Busy(_))));
    check(&store, &results).await;
}

#[tokio::test]
async fn a_panicking_read_harms_nobody() {
    let (_folder, store) = open();
    let sick = store.read(|_| -> Result<()> { panic!("sick") }).await;
    assert!(matches!(sick, Err(Error::Panicked(_))));
    for _ in 0..8 {
        assert_eq!(store.read(|tx| setting_get(tx, "none")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_newer_or_foreign_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("data.db"));
    drop(Store::open(&options, Millis(0)).unwrap());
    let conn = rusqlite::Connection::open(&options.file).unwrap();
    conn.execute("INSERT INTO schema_migration VALUES ('9999_future', 0)", []).unwrap();
    let refused = Store::open(&options, Millis(0)).err().unwrap();
    assert!(matches!(&refused, Error::TooNew { found } if found == "9999_future"));
    assert!(refused.to_string().contains("newer"), "{refused}");

    let other = Options::new(folder.path().join("other.db"));
    let conn = rusqlite::Connection::open(&other.file).unwrap();
    conn.execute_batch("CREATE TABLE somebody_elses (x)").unwrap();
    assert!(matches!(Store::open(&other, Millis(0)), Err(Error::Foreign(_))));
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

//! How long the log gets, and that it is written over.

use std::path::PathBuf;
use std::sync::mpsc;

use domain::Millis;

use crate::access::{setting_get, setting_put};
use crate::{Options, Result, Store};

const LIMIT: u64 = 256 << 10;
/// What one commit of these tests adds at most: a text of 8 KiB and the pages around it.
const COMMIT: u64 = 64 << 10;

struct Written {
    store: Store,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Written {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.db");
        let options = Options { wal_limit: LIMIT, ..Options::new(&file) };
        let store = Store::open(&options, Millis(0)).unwrap();
        Self { store, log: folder.path().join("data.db-wal"), _folder: folder }
    }

    async fn write(&self, n: usize) {
        let text = format!("{n:08}").repeat(1_024);
        let name = format!("text-{}", n % 100);
        let wrote: Result<()> = self.store.write(move |tx| setting_put(tx, &name, &text)).await;
        wrote.unwrap();
    }

    /// Bytes of the log's file.
    fn length(&self) -> u64 {
        self.log.metadata().unwrap().len()
    }
}

#[tokio::test]
async fn a_log_is_written_over_from_its_start() {
    let written = Written::open();
    for n in 0..1_000 {
        written.write(n).await;
        assert!(written.length() <= LIMIT + COMMIT, "{} after {n}", written.length());
    }
    let there: Result<_> = written.store.read(|tx| setting_get(tx, "text-99")).await;
    assert_eq!(there.unwrap().unwrap(), "00000999".repeat(1_024));
}

/// A backup, say. Writes are not held up, and what the log grew by is given back.
#[tokio::test]
async fn a_reader_of_an_old_snapshot_makes_it_grow_and_its_end_makes_it_short_again() {
    let written = Written::open();
    written.write(0).await;
    let (read, first) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let store = written.store.clone();
    let reading = tokio::spawn(async move {
        let read: Result<_> = store
            .read(move |tx| {
                let before = setting_get(tx, "text-0")?;
                read.send(()).unwrap();
                let _ = ended.recv();
                Ok((before, setting_get(tx, "text-0")?))
            })
            .await;
        read.unwrap()
    });
    tokio::task::spawn_blocking(move || first.recv().unwrap()).await.unwrap();
    let mut n = 0;
    while written.length() <= 2 * LIMIT {
        n += 1;
        assert!(n < 1_000, "{}", written.length());
        written.write(n).await;
    }

    drop(end);
    let (before, after) = reading.await.unwrap();
    assert_eq!(before, after);
    while written.length() > LIMIT + COMMIT {
        n += 1;
        assert!(n < 1_000, "{}", written.length());
        written.write(n).await;
    }
}

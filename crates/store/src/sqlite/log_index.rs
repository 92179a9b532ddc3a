//! What the index of the write-ahead log tells: the newest commit, whoever made it, and how long the
//! log is. And a call that has the data file on the disk, which SQLite makes only where a writer waits.
//!
//! SQLite keeps it in the file beside the data whose name ends in `-shm`, numbers in the machine's byte
//! order, at places that "WAL-mode file format" in SQLite's documentation lays down. Reading it costs a
//! call into the system, no lock: what another process changes meanwhile may be half told.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::watch::Commit;

/// Where the number of the newest commit stands, of 32 bits.
const COMMIT: usize = 8;
/// The size of a page in bytes, of 16 bits; 1 is 65,536.
const PAGE: usize = 14;
/// How many pages the log has.
const PAGES: usize = 16;
/// How many of them are in the data file.
const MOVED: usize = 96;
/// What comes before each page in the log, in bytes.
const PAGE_HEAD: u64 = 24;

/// How long a log is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) length: u64,
    /// What is not in the data file yet.
    pub(super) waiting: u64,
}

/// Descriptors beside those of SQLite. Kept open until every connection of the process is closed: closing
/// any descriptor of a file drops the locks that the process holds on it.
pub(super) struct LogIndex {
    file: Option<File>,
    data: Option<File>,
}

impl LogIndex {
    /// Of a data file that a connection of this process has open.
    pub(super) fn of(data: &Path) -> Self {
        let mut name = data.as_os_str().to_owned();
        name.push("-shm");
        Self { file: File::open(name).ok(), data: File::open(data).ok() }
    }

    /// Waits until what was moved into the data file is on the disk.
    ///
    /// # Errors
    ///
    /// Those of the disk. SQLite's own descriptors are told of them too.
    pub(super) fn sync_data(&self) -> std::io::Result<()> {
        self.data.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// The number of the newest commit. `None` where the index cannot be read; then nobody can tell
    /// what is of the present.
    pub(super) fn newest(&self) -> Option<Commit> {
        let mut number = [0; 4];
        self.file.as_ref()?.read_exact_at(&mut number, COMMIT as u64).ok()?;
        Some(Commit(u32::from_ne_bytes(number)))
    }

    /// How long the log is. `None` where the index cannot be read.
    pub(super) fn log(&self) -> Option<Log> {
        let mut head = [0; MOVED + 4];
        self.file.as_ref()?.read_exact_at(&mut head, 0).ok()?;
        let number = |at: usize| {
            let bytes = head.get(at..at + 4)?.try_into().ok()?;
            Some(u64::from(u32::from_ne_bytes(bytes)))
        };
        let page = u16::from_ne_bytes(head.get(PAGE..PAGE + 2)?.try_into().ok()?);
        let page = if page == 1 { 65_536 } else { u64::from(page) } + PAGE_HEAD;
        let (pages, moved) = (number(PAGES)?, number(MOVED)?);
        Some(Log { length: pages * page, waiting: pages.saturating_sub(moved) * page })
    }
}

//! The number of the newest commit of a data file, whoever made it.
//!
//! SQLite counts commits in the index of its write-ahead log, the file beside the data whose name
//! ends in `-shm`: a 32-bit number in the machine's byte order at byte 8, as "WAL-mode file format"
//! in SQLite's documentation lays down. Reading it costs a call into the system, no lock.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::watch::Commit;

const AT: u64 = 8;

pub(super) struct Commits {
    /// Kept open until every connection of the process is closed: closing any descriptor of a file
    /// drops the locks that the process holds on it.
    index: Option<File>,
}

impl Commits {
    /// Of a data file that a connection of this process has open.
    pub(super) fn of(data: &Path) -> Self {
        let mut name = data.as_os_str().to_owned();
        name.push("-shm");
        Self { index: File::open(name).ok() }
    }

    /// `None` where the index cannot be read; then nobody can tell what is of the present.
    pub(super) fn newest(&self) -> Option<Commit> {
        let mut number = [0; 4];
        self.index.as_ref()?.read_exact_at(&mut number, AT).ok()?;
        Some(Commit(u32::from_ne_bytes(number)))
    }
}

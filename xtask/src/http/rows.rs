//! What is measured: the rows of the table, and the ways in which each is run.

use anyhow::{Context, Result};
use serde::Serialize;

/// What a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reads, over many connections.
    Read(Read),
    /// Durable syncs over so many connections.
    Sync(usize),
    /// How long a start takes.
    Start,
    /// Memory and files, as they are after the other rows.
    Memory,
}

/// Reads of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A few light people, again and again.
    InboxHot,
    /// All light people, with nothing kept in memory.
    InboxMissed,
    /// Four requests of five to a fifth of the people, from a server that has just started.
    InboxMixed,
    /// The first page of the person with a tenth of all tasks.
    InboxHeavyFirst,
    /// Their pages at about four fifths of the depth.
    InboxHeavyDeep,
    /// By flows and times.
    InboxFiltered,
    /// By ids of instances.
    TasksByIds,
    /// By definition and status, with so many instances a page.
    TasksPage(usize),
    /// By definition, people and status.
    TasksByUsers,
    /// Stamps of a hundred instances.
    Check,
    /// A token.
    Token,
}

impl Read {
    /// Whether the server keeps hot lists in memory, where it can.
    pub(crate) fn hot_set(self) -> bool {
        self != Self::InboxMissed
    }

    /// Whether each measurement begins with a fresh server, without anything warmed up.
    pub(crate) fn cold(self) -> bool {
        self == Self::InboxMixed
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

const fn read(name: &'static str, read: Read) -> Row {
    Row { name, kind: Kind::Read(read) }
}

const fn row(name: &'static str, kind: Kind) -> Row {
    Row { name, kind }
}

/// Every row, in the order of the table.
pub(crate) const ROWS: [Row; 18] = [
    read("inbox-hot", Read::InboxHot),
    read("inbox-missed", Read::InboxMissed),
    read("inbox-80-20", Read::InboxMixed),
    read("inbox-heavy-first", Read::InboxHeavyFirst),
    read("inbox-heavy-deep", Read::InboxHeavyDeep),
    read("inbox-filtered", Read::InboxFiltered),
    read("tasks-20-ids", Read::TasksByIds),
    read("tasks-page-50", Read::TasksPage(50)),
    read("tasks-page-500", Read::TasksPage(500)),
    read("tasks-users", Read::TasksByUsers),
    read("check-100", Read::Check),
    read("token", Read::Token),
    row("sync-1", Kind::Sync(1)),
    row("sync-8", Kind::Sync(8)),
    row("sync-32", Kind::Sync(32)),
    row("sync-128", Kind::Sync(128)),
    row("start", Kind::Start),
    row("memory", Kind::Memory),
];

impl Row {
    /// The row of a name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let names = ROWS.map(|row| row.name).join(", ");
        let row = ROWS.iter().find(|row| row.name == name);
        row.copied().with_context(|| format!("no row is called {name}; there are {names}"))
    }
}

/// On which cores the server and the load run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// The server on core 0, the load on core 1: what one core can do.
    Pinned,
    /// Both on both: what a small machine does that also runs its callers.
    Two,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Two => "two",
        }
    }

    /// The cores of the server, as taskset takes them.
    pub(crate) fn server_cores(self) -> &'static str {
        match self {
            Self::Pinned => "0",
            Self::Two => "0,1",
        }
    }

    /// The cores of the load.
    pub(crate) fn load_cores(self) -> &'static str {
        match self {
            Self::Pinned => "1",
            Self::Two => "0,1",
        }
    }
}

/// What else the server does while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Under {
    /// Nothing.
    Idle,
    /// A thousand syncs a second.
    Writes,
    /// As many syncs as it takes.
    Saturated,
}

/// How many syncs a second the paced writer sends.
pub(crate) const PACE: u32 = 1_000;

impl Under {
    /// What is added to the name of a mode.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Idle => "",
            Self::Writes => " +1000w",
            Self::Saturated => " +satw",
        }
    }
}

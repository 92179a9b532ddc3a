//! What is aimed at, and whether a run met it.

use super::Engine;
use super::rows::{Mode, Under};
use super::samples::{Reads, Results, median};
use super::server::hot_set_mb;

/// The least of requests a second, product over bare.
const RATIOS: [(&str, Mode, Under, f64); 9] = [
    ("inbox-hot", Mode::Pinned, Under::Idle, 0.45),
    ("inbox-hot", Mode::Two, Under::Writes, 0.40),
    ("inbox-hot", Mode::Pinned, Under::Writes, 0.25),
    ("inbox-80-20", Mode::Pinned, Under::Idle, 0.35),
    ("inbox-80-20", Mode::Two, Under::Idle, 0.40),
    ("inbox-missed", Mode::Pinned, Under::Idle, 0.20),
    ("inbox-filtered", Mode::Pinned, Under::Idle, 0.25),
    ("tasks-20-ids", Mode::Pinned, Under::Idle, 0.30),
    ("tasks-page-500", Mode::Pinned, Under::Idle, 0.35),
];
/// The least of syncs a second over 128 connections, to the same in bulk.
const TO_BULK: f64 = 0.85;
/// The least of requests a second on PostgreSQL, product over bare.
const ON_POSTGRES: f64 = 0.05;
/// The least of syncs a second there, all with one initiator, to the same transactions without counts.
const TO_PLAIN: f64 = 0.7;
/// The least of syncs a second over one connection, to bare appends.
const TO_APPENDS: f64 = 0.20;
/// The most by which a thousand syncs a second may raise the latency of reads, 99 in 100.
const UNDER_WRITES: f64 = 3.0;
/// The most that a start may take with `LARGE` tasks, in milliseconds.
const START: f64 = 50.0;
/// The size for which a start has a goal.
const LARGE: usize = 10_000_000;
/// The most memory besides the hot set, in MiB.
const MEMORY: f64 = 64.0;
/// The most by which the cost of a request may grow from the smallest to the largest size.
const GROWTH: f64 = 1.4;

/// A goal, and what was measured.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Verdict {
    /// What it is about.
    pub(crate) what: String,
    pub(crate) size: usize,
    /// The bound.
    pub(crate) wanted: String,
    pub(crate) got: f64,
    pub(crate) met: bool,
}

fn least(what: String, size: usize, bound: f64, got: f64) -> Verdict {
    Verdict { what, size, wanted: format!(">= {bound}"), got, met: got >= bound }
}

fn most(what: String, size: usize, bound: f64, got: f64) -> Verdict {
    Verdict { what, size, wanted: format!("<= {bound}"), got, met: got <= bound }
}

/// Every goal for which there is a measurement.
pub(crate) fn verdicts(results: &Results) -> anyhow::Result<Vec<Verdict>> {
    if results.engine == Engine::Postgres {
        return Ok(on_postgres(results));
    }
    let mut all = Vec::new();
    for (row, mode, under, bound) in RATIOS {
        let asked = |r: &&Reads| (r.row, r.mode, r.under) == (row, mode, under);
        all.extend(results.reads.iter().filter(asked).map(|r| {
            let what = format!("{row}, {}{}: requests to bare", mode.name(), under.suffix());
            least(what, r.size, bound, r.ratio())
        }));
    }
    for writes in &results.writes {
        let what = |to: &str| format!("{}, {}: syncs to {to}", writes.row, writes.mode.name());
        match writes.row {
            "sync-128" => {
                all.push(least(what("bulk"), writes.size, TO_BULK, writes.to_bulk()));
            }
            "sync-1" => {
                all.push(least(what("appends"), writes.size, TO_APPENDS, writes.to_appends()));
            }
            _ => {}
        }
    }
    all.extend(under_writes(results));
    for starts in results.starts.iter().filter(|starts| starts.size == LARGE) {
        let what = format!("start, {}: milliseconds", starts.mode.name());
        all.push(most(what, starts.size, START, median(&starts.millis)));
    }
    let memory = MEMORY + hot_set_mb()? as f64;
    for room in results.rooms.iter().filter(|room| room.memory_kib > 0) {
        let mib = room.memory_kib as f64 / 1024.0;
        all.push(most("memory: own, in MiB".to_owned(), room.size, memory, mib));
    }
    all.extend(growth(results));
    Ok(all)
}

/// The goals on PostgreSQL.
fn on_postgres(results: &Results) -> Vec<Verdict> {
    let inbox = results.reads.iter().filter(|r| r.row == "inbox-missed");
    let inbox = inbox.map(|r| {
        let what = format!("{}, {}: requests to bare", r.row, r.mode.name());
        least(what, r.size, ON_POSTGRES, r.ratio())
    });
    let syncs = results.shared.iter().map(|shared| {
        let what = "syncs with one initiator, to the same without counts".to_owned();
        least(what, shared.size, TO_PLAIN, shared.ratio())
    });
    inbox.chain(syncs).collect()
}

/// Latencies of reads while a thousand syncs a second come in, to those without, on both cores.
fn under_writes(results: &Results) -> impl Iterator<Item = Verdict> {
    let of = |mode, under| results.reads.iter().filter(move |r| (r.mode, r.under) == (mode, under));
    of(Mode::Two, Under::Writes).filter_map(move |busy| {
        let idle = of(Mode::Two, Under::Idle);
        let idle = idle.into_iter().find(|r| (r.row, r.size) == (busy.row, busy.size))?;
        let got = busy.latencies()[2] / idle.latencies()[2];
        let what = format!("{}, two +1000w: p99 to idle", busy.row);
        Some(most(what, busy.size, UNDER_WRITES, got))
    })
}

/// Processor time for a request, to the bare server's, in the largest size to the smallest.
fn growth(results: &Results) -> impl Iterator<Item = Verdict> {
    let sizes = results.reads.iter().map(|r| r.size);
    let (small, large) = (sizes.clone().min(), sizes.max());
    let of = |size: Option<usize>| {
        let asked = |r: &&Reads| (r.mode, r.under) == (Mode::Pinned, Under::Idle);
        results.reads.iter().filter(asked).filter(move |r| Some(r.size) == size)
    };
    of(large).filter(move |_| small < large).filter_map(move |large| {
        let small = of(small).find(|r| r.row == large.row)?;
        let what = format!("{}, pinned: cost to that with {} tasks", large.row, small.size);
        Some(most(what, large.size, GROWTH, large.cpu() / small.cpu()))
    })
}

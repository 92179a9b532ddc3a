//! What was measured, and what follows from it: medians of ratios, and whether they are noise.

use serde::Serialize;

use super::Engine;
use super::load::Load;
use super::rows::{Mode, Under};
use super::shared::Shared;
use super::writes::{Replayed, Written};

/// Ratios that differ by more than this factor between rounds say little, and so does everything
/// that was measured while the bare server's own rate differed by more (own figure).
const NOISE: f64 = 1.25;
/// A bare server that had a core of its own and used less of it was waiting for the load (own
/// figure).
const WAITING: f64 = 0.9;

/// One round of reads.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReadSample {
    pub(crate) product: Load,
    pub(crate) bare: Load,
    /// What was written meanwhile.
    pub(crate) written: Option<Written>,
    /// The product's own memory after it, in KiB.
    pub(crate) memory_kib: u64,
}

/// One round of syncs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SyncSample {
    pub(crate) product: Written,
    pub(crate) bulk: Replayed,
    /// Appends a second.
    pub(crate) appends: f64,
}

/// A row of reads in one size and mode.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reads {
    pub(crate) row: &'static str,
    pub(crate) size: usize,
    pub(crate) mode: Mode,
    pub(crate) under: Under,
    /// The mean answer, in bytes.
    pub(crate) answer_bytes: usize,
    pub(crate) samples: Vec<ReadSample>,
}

impl Reads {
    fn each(&self, value: impl Fn(&ReadSample) -> f64) -> Vec<f64> {
        self.samples.iter().map(value).collect()
    }

    /// Requests a second, product over bare.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.each(|sample| sample.product.rate / sample.bare.rate))
    }

    /// Processor time for a request, product over bare.
    pub(crate) fn cpu(&self) -> f64 {
        median(&self.each(|sample| sample.product.cpu / sample.bare.cpu))
    }

    /// Cores that were kept busy: by the product, by the bare server.
    pub(crate) fn busy(&self) -> [f64; 2] {
        [
            median(&self.each(|sample| sample.product.busy)),
            median(&self.each(|sample| sample.bare.busy)),
        ]
    }

    /// Latencies in microseconds: half of the product's, the bare server's, then 99 in 100 of each.
    pub(crate) fn latencies(&self) -> [f64; 4] {
        [
            median(&self.each(|sample| sample.product.p50 as f64)),
            median(&self.each(|sample| sample.bare.p50 as f64)),
            median(&self.each(|sample| sample.product.p99 as f64)),
            median(&self.each(|sample| sample.bare.p99 as f64)),
        ]
    }

    /// The largest ratio over the smallest.
    pub(crate) fn spread(&self) -> f64 {
        spread(&self.each(|sample| sample.product.rate / sample.bare.rate))
    }

    /// The same of the bare server's rate.
    pub(crate) fn bare_spread(&self) -> f64 {
        spread(&self.each(|sample| sample.bare.rate))
    }

    /// What stands beside a row that says less than it seems to.
    pub(crate) fn doubt(&self) -> &'static str {
        if self.spread() > NOISE || self.bare_spread() > NOISE {
            "noise"
        } else if self.mode == Mode::Pinned && self.busy()[1] < WAITING {
            "bare waited for load"
        } else {
            ""
        }
    }

    /// Syncs a second beside it.
    pub(crate) fn writes(&self) -> Option<f64> {
        let rates: Vec<f64> =
            self.samples.iter().filter_map(|s| s.written.as_ref()).map(Written::rate).collect();
        (!rates.is_empty()).then(|| median(&rates))
    }
}

/// A row of syncs in one size and mode.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Writes {
    pub(crate) row: &'static str,
    pub(crate) size: usize,
    pub(crate) mode: Mode,
    pub(crate) samples: Vec<SyncSample>,
}

impl Writes {
    fn each(&self, value: impl Fn(&SyncSample) -> f64) -> Vec<f64> {
        self.samples.iter().map(value).collect()
    }

    /// Syncs a second, over HTTP to in bulk.
    pub(crate) fn to_bulk(&self) -> f64 {
        median(&self.each(|sample| sample.product.rate() / sample.bulk.rate()))
    }

    /// Syncs a second to appends a second.
    pub(crate) fn to_appends(&self) -> f64 {
        median(&self.each(|sample| sample.product.rate() / sample.appends))
    }

    /// Latencies in microseconds: half, and 99 in 100.
    pub(crate) fn latencies(&self) -> [f64; 2] {
        [
            median(&self.each(|sample| sample.product.p50 as f64)),
            median(&self.each(|sample| sample.product.p99 as f64)),
        ]
    }

    /// The largest ratio to bulk over the smallest.
    pub(crate) fn spread(&self) -> f64 {
        spread(&self.each(|sample| sample.product.rate() / sample.bulk.rate()))
    }

    /// What stands beside a row that says less than it seems to.
    pub(crate) fn doubt(&self) -> &'static str {
        if self.spread() > NOISE || self.reference_spread() > NOISE { "noise" } else { "" }
    }

    /// The same of the rates that it is compared to, whichever differs more.
    pub(crate) fn reference_spread(&self) -> f64 {
        let appends = spread(&self.each(|sample| sample.appends));
        spread(&self.each(|sample| sample.bulk.rate())).max(appends)
    }
}

/// Starts in one size and mode, in milliseconds to the first answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Starts {
    pub(crate) size: usize,
    pub(crate) mode: Mode,
    pub(crate) millis: Vec<f64>,
}

/// Memory and files in one size.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Room {
    pub(crate) size: usize,
    /// The most that was seen after a row with the hot set, in KiB.
    pub(crate) memory_kib: u64,
    /// Bytes of the data file.
    pub(crate) data_bytes: u64,
    /// The most that the log had after a row, in bytes.
    pub(crate) log_bytes: u64,
}

/// All of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Results {
    pub(crate) engine: Engine,
    pub(crate) reads: Vec<Reads>,
    pub(crate) writes: Vec<Writes>,
    pub(crate) starts: Vec<Starts>,
    pub(crate) rooms: Vec<Room>,
    pub(crate) shared: Vec<Shared>,
}

/// The value in the middle; of two, the mean.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

fn spread(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::MIN, f64::max);
    most / values.iter().copied().fold(f64::MAX, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_spread_is_a_factor() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!((spread(&[2.0, 1.0, 3.0]) - 3.0).abs() < f64::EPSILON);
    }
}

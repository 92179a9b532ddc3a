//! Finding a place in a merge of lists, by counts alone.
//!
//! A list is a row of segments from the greatest key to the least; a segment is a single row, or
//! stands for many with how many they are, and can be expanded. Lists of repeats count negatively.
//! `count_from` is exact for any key, `select` finds the row at an offset; both expand only what
//! the answer depends on. Knows nothing of a database: it asks a [`Source`].

use std::collections::BTreeSet;

use domain::inbox::Key;

use super::{MAX, MIN};
use crate::Result;

/// Rows with `low <= key < high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) low: Key,
    pub(super) high: Key,
    /// How many rows match the question.
    pub(super) n: i64,
    /// 0: one row, at `low`. Higher: may be expanded.
    pub(super) level: i64,
}

/// Where segments come from.
pub(super) trait Source {
    /// The segments of a list, greatest first.
    fn top(&mut self, list: usize) -> Result<Vec<Segment>>;
    /// What a segment stands for, greatest first.
    fn expand(&mut self, list: usize, segment: &Segment) -> Result<Vec<Segment>>;
}

/// A merge of lists under one question.
pub(super) struct Merge<S> {
    source: S,
    /// With the sign of each list.
    lists: Vec<(i64, Vec<Segment>)>,
}

impl<S: Source> Merge<S> {
    /// A merge of as many lists as there are signs.
    pub(super) fn new(mut source: S, signs: &[i64]) -> Result<Self> {
        let mut lists = Vec::with_capacity(signs.len());
        for (index, sign) in signs.iter().enumerate() {
            lists.push((*sign, source.top(index)?));
        }
        Ok(Self { source, lists })
    }

    /// Where the segments come from.
    pub(super) fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// How many there are in all.
    pub(super) fn total(&self) -> i64 {
        let sum = |segments: &[Segment]| segments.iter().map(|s| s.n).sum::<i64>();
        self.lists.iter().map(|(sign, segments)| sign * sum(segments)).sum()
    }

    /// Exactly how many have `key` or a greater one.
    pub(super) fn count_from(&mut self, key: Key) -> Result<i64> {
        if key == MAX {
            return Ok(0);
        }
        while self.expand(|segment| segment.low < key && key < segment.high)? {}
        let from = |segments: &[Segment]| {
            segments.iter().filter(|s| s.low >= key).map(|s| s.n).sum::<i64>()
        };
        Ok(self.lists.iter().map(|(sign, segments)| sign * from(segments)).sum())
    }

    /// The key of the row with exactly `offset` rows before it; `None` past the end.
    pub(super) fn select(&mut self, offset: i64) -> Result<Option<Key>> {
        if offset >= self.total() {
            return Ok(None);
        }
        loop {
            let (low, high) = self.narrow(offset);
            // One level at a time: narrower bounds may spare the next.
            if !self.expand(|s| s.n > 0 && s.low < high && low < s.high)? {
                return Ok(self.row_at(offset, low, high));
            }
        }
    }

    /// Bounds of the key at `offset`: at most `offset` rows are from `high` on for sure, and more
    /// than `offset` from `low` on for sure.
    fn narrow(&self, offset: i64) -> (Key, Key) {
        let mut bounds: Vec<Key> =
            self.lists.iter().flat_map(|(_, s)| s).flat_map(|s| [s.low, s.high]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        // Both counts only grow towards lesser keys, so each bound is found by halving.
        let high = bounds.partition_point(|key| self.at_most_from(*key) > offset);
        let low = bounds.partition_point(|key| self.at_least_from(*key) > offset);
        let high = bounds.get(high).copied().unwrap_or(MAX);
        let low = low.checked_sub(1).and_then(|at| bounds.get(at)).copied().unwrap_or(MIN);
        (low, high)
    }

    fn bound_from(&self, key: Key, loose_sign: i64) -> i64 {
        let mut sum = 0;
        for (sign, segments) in &self.lists {
            let loose = *sign == loose_sign;
            // Greatest first: what is wholly from `key` on, then at most one that straddles it.
            let whole = segments.partition_point(|s| s.low >= key);
            let mut n: i64 = segments[..whole].iter().map(|s| s.n).sum();
            if loose {
                n +=
                    segments[whole..].iter().take_while(|s| s.high > key).map(|s| s.n).sum::<i64>();
            }
            sum += sign * n;
        }
        sum
    }

    fn at_most_from(&self, key: Key) -> i64 {
        self.bound_from(key, 1)
    }

    fn at_least_from(&self, key: Key) -> i64 {
        self.bound_from(key, -1)
    }

    /// Expands every segment that `wanted` names by one level. Says whether there was any.
    fn expand(&mut self, wanted: impl Fn(&Segment) -> bool) -> Result<bool> {
        let mut any = false;
        for (index, (_, segments)) in self.lists.iter_mut().enumerate() {
            if !segments.iter().any(|s| s.level > 0 && wanted(s)) {
                continue;
            }
            any = true;
            let mut expanded = Vec::with_capacity(segments.len());
            for segment in segments.drain(..) {
                if segment.level > 0 && wanted(&segment) {
                    expanded.extend(self.source.expand(index, &segment)?);
                } else {
                    expanded.push(segment);
                }
            }
            *segments = expanded;
        }
        Ok(any)
    }

    /// Between `low` and `high` every row is known.
    fn row_at(&self, offset: i64, low: Key, high: Key) -> Option<Key> {
        let before = self.at_least_from(high);
        let rows: BTreeSet<Key> = self
            .lists
            .iter()
            .filter(|(sign, _)| *sign > 0)
            .flat_map(|(_, segments)| segments)
            .filter(|s| s.n > 0 && s.low >= low && s.low < high)
            .map(|s| s.low)
            .collect();
        rows.into_iter().rev().nth(usize::try_from(offset - before).ok()?)
    }

    /// The greatest rows of one list from `key` down to `floor`, both included.
    pub(super) fn rows_down(
        &mut self,
        list: usize,
        key: Key,
        floor: Key,
        limit: usize,
    ) -> Result<Vec<Key>> {
        let mut rows = Vec::with_capacity(limit);
        let mut at = 0;
        while rows.len() < limit {
            let Some(segment) = self.lists[list].1.get(at).copied() else { break };
            if segment.high <= floor {
                break;
            }
            if segment.n == 0 || segment.low > key {
                at += 1;
            } else if segment.level > 0 {
                let inner = self.source.expand(list, &segment)?;
                self.lists[list].1.splice(at..=at, inner);
            } else {
                if segment.low >= floor {
                    rows.push(segment.low);
                }
                at += 1;
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists in memory, in segments of a given width per level.
    struct Memory {
        lists: Vec<Vec<Key>>,
        width: usize,
    }

    impl Memory {
        fn cut(keys: &[Key], low: Key, high: Key, level: i64, width: usize) -> Vec<Segment> {
            let inside: Vec<Key> =
                keys.iter().copied().filter(|k| *k >= low && *k < high).collect();
            if level == 0 {
                let next = |k: Key| Key { start: k.start, task: k.task + 1 };
                let row = |k: &Key| Segment { low: *k, high: next(*k), n: 1, level: 0 };
                return inside.iter().rev().map(row).collect();
            }
            let size = width.pow(u32::try_from(level).unwrap());
            let mut segments = Vec::new();
            let mut end = high;
            let pieces: Vec<&[Key]> = inside.chunks(size).collect();
            for (n, piece) in pieces.iter().enumerate().rev() {
                let low = if n == 0 { low } else { piece[0] };
                let n = i64::try_from(piece.len()).unwrap();
                segments.push(Segment { low, high: end, n, level });
                end = low;
            }
            segments
        }
    }

    impl Source for Memory {
        fn top(&mut self, list: usize) -> Result<Vec<Segment>> {
            Ok(Self::cut(&self.lists[list], MIN, MAX, 2, self.width))
        }
        fn expand(&mut self, list: usize, s: &Segment) -> Result<Vec<Segment>> {
            Ok(Self::cut(&self.lists[list], s.low, s.high, s.level - 1, self.width))
        }
    }

    /// Numbers that always fall the same way.
    fn dice(state: &mut u64, end: u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 33) % end
    }

    #[test]
    fn counts_and_places_equal_a_sort() {
        let mut state = 7;
        for round in 0..400 {
            let width = 1 + usize::try_from(dice(&mut state, 4)).unwrap();
            let keys = dice(&mut state, 60);
            // A key may be on the three real lists; each repeat of it is on a list of repeats.
            let mut lists = vec![Vec::new(); 5];
            let mut union = Vec::new();
            for task in 0..keys {
                let start = i64::try_from(dice(&mut state, 9)).unwrap();
                let key = Key { start, task: i64::try_from(task).unwrap() };
                let on: Vec<usize> = (0..3).filter(|_| dice(&mut state, 2) == 0).collect();
                for list in &on {
                    lists[*list].push(key);
                }
                for repeat in 1..on.len() {
                    lists[2 + repeat].push(key);
                }
                if !on.is_empty() {
                    union.push(key);
                }
            }
            for list in &mut lists {
                list.sort_unstable();
            }
            union.sort_unstable_by(|a, b| b.cmp(a));
            let merge =
                || Merge::new(Memory { lists: lists.clone(), width }, &[1, 1, 1, -1, -1]).unwrap();
            assert_eq!(merge().total(), i64::try_from(union.len()).unwrap());
            let mut reused = merge();
            for offset in 0..=union.len() {
                let wanted = union.get(offset).copied();
                let offset = i64::try_from(offset).unwrap();
                assert_eq!(merge().select(offset).unwrap(), wanted, "round {round}");
                assert_eq!(reused.select(offset).unwrap(), wanted, "round {round}");
            }
            for start in -1..10 {
                let key = Key { start, task: MIN.task };
                let wanted = union.iter().filter(|k| **k >= key).count();
                assert_eq!(merge().count_from(key).unwrap(), i64::try_from(wanted).unwrap());
                let rows = merge().rows_down(0, key, MIN, 3).unwrap();
                let wanted: Vec<_> =
                    lists[0].iter().rev().filter(|k| **k <= key).take(3).copied().collect();
                assert_eq!(rows, wanted);
            }
        }
    }
}

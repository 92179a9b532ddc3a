//! Finding a place in a merge of lists, by counts alone.
//!
//! A list is a row of segments from the greatest key to the least; a segment is a single row, or
//! stands for many with how many they are, and can be expanded. Lists of repeats count negatively.
//! `count_from` is exact for any key, `select` finds the row at an offset; both expand only what
//! the answer depends on. Knows nothing of a database: it asks a [`Source`].

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
    /// How many matching rows of a segment of level 1 have `key` or a greater one.
    fn count_from(&mut self, list: usize, segment: &Segment, key: Key) -> Result<i64>;
    /// The matching row of a segment of level 1 with `skip` matching ones before it.
    fn row_at(&mut self, list: usize, segment: &Segment, skip: i64) -> Result<Option<Key>>;
}

/// The segments of one list, with how many rows come before each.
struct Segments {
    sign: i64,
    all: Vec<Segment>,
    /// One longer than `all`: the last is the total.
    before: Vec<i64>,
}

impl Segments {
    fn new(sign: i64, all: Vec<Segment>) -> Self {
        let mut segments = Self { sign, all, before: Vec::new() };
        segments.add_up();
        segments
    }

    fn add_up(&mut self) {
        self.before.clear();
        self.before.reserve(self.all.len() + 1);
        let mut sum = 0;
        self.before.push(sum);
        for segment in &self.all {
            sum += segment.n;
            self.before.push(sum);
        }
    }

    fn total(&self) -> i64 {
        self.before.last().copied().unwrap_or_default()
    }

    /// How many segments lie wholly from `key` on.
    fn whole_from(&self, key: Key) -> usize {
        self.all.partition_point(|segment| segment.low >= key)
    }

    /// The segment that `key` cuts in two.
    fn cut_by(&self, key: Key) -> Option<usize> {
        let at = self.whole_from(key);
        self.all.get(at).filter(|segment| segment.high > key).map(|_| at)
    }

    fn replace(&mut self, at: usize, by: Vec<Segment>) {
        self.all.splice(at..=at, by);
        self.add_up();
    }
}

/// A merge of lists under one question.
pub(super) struct Merge<S> {
    source: S,
    lists: Vec<Segments>,
}

impl<S: Source> Merge<S> {
    /// A merge of as many lists as there are signs.
    pub(super) fn new(mut source: S, signs: &[i64]) -> Result<Self> {
        let mut lists = Vec::with_capacity(signs.len());
        for (index, sign) in signs.iter().enumerate() {
            lists.push(Segments::new(*sign, source.top(index)?));
        }
        Ok(Self { source, lists })
    }

    /// Where the segments come from.
    pub(super) fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// How many there are in all.
    pub(super) fn total(&self) -> i64 {
        self.lists.iter().map(|list| list.sign * list.total()).sum()
    }

    /// Exactly how many have `key` or a greater one.
    pub(super) fn count_from(&mut self, key: Key) -> Result<i64> {
        if key == MAX {
            return Ok(0);
        }
        let mut sum = 0;
        for (index, list) in self.lists.iter_mut().enumerate() {
            let mut inside = 0;
            while let Some(at) = list.cut_by(key) {
                let segment = list.all[at];
                if segment.level <= 1 {
                    if segment.n > 0 {
                        inside = self.source.count_from(index, &segment, key)?;
                    }
                    break;
                }
                let inner = self.source.expand(index, &segment)?;
                list.replace(at, inner);
            }
            sum += list.sign * (list.before[list.whole_from(key)] + inside);
        }
        Ok(sum)
    }

    /// The key of the row with exactly `offset` rows before it; `None` past the end.
    pub(super) fn select(&mut self, offset: i64) -> Result<Option<Key>> {
        if offset >= self.total() {
            return Ok(None);
        }
        if self.lists.len() == 1 {
            return self.select_in_one(offset);
        }
        loop {
            let (low, high) = self.narrow(offset);
            // One level at a time: narrower bounds may spare the next.
            if !self.expand(|s| s.n > 0 && s.low < high && low < s.high)? {
                return Ok(self.row_at(offset, low, high));
            }
        }
    }

    fn select_in_one(&mut self, offset: i64) -> Result<Option<Key>> {
        let list = &mut self.lists[0];
        loop {
            let at = list.before.partition_point(|before| *before <= offset) - 1;
            let segment = list.all[at];
            match segment.level {
                0 => return Ok(Some(segment.low)),
                1 => return self.source.row_at(0, &segment, offset - list.before[at]),
                _ => {
                    let inner = self.source.expand(0, &segment)?;
                    list.replace(at, inner);
                }
            }
        }
    }

    /// Bounds of the key at `offset`: at most `offset` rows are from `high` on for sure, and more
    /// than `offset` from `low` on for sure.
    fn narrow(&self, offset: i64) -> (Key, Key) {
        // Ends of segments are the only keys at which a bound changes; the halving goes over the
        // ends of all lists, one list after the other.
        let (mut low, mut high) = (MIN, MAX);
        for list in &self.lists {
            // Greatest first: both counts grow along the list.
            let at = list.all.partition_point(|s| self.at_least_from(s.low) <= offset);
            if let Some(segment) = list.all.get(at) {
                low = low.max(segment.low);
            }
            let at = list.all.partition_point(|s| self.at_most_from(s.low) <= offset);
            if let Some(segment) = at.checked_sub(1).and_then(|at| list.all.get(at)) {
                high = high.min(segment.low);
            }
        }
        (low, high)
    }

    fn bound_from(&self, key: Key, loose_sign: i64) -> i64 {
        let count = |list: &Segments| {
            let whole = list.whole_from(key);
            let cut = list.all.get(whole).filter(|s| list.sign == loose_sign && s.high > key);
            list.sign * (list.before[whole] + cut.map_or(0, |s| s.n))
        };
        self.lists.iter().map(count).sum()
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
        for (index, list) in self.lists.iter_mut().enumerate() {
            if !list.all.iter().any(|s| s.level > 0 && wanted(s)) {
                continue;
            }
            any = true;
            let mut expanded = Vec::with_capacity(list.all.len());
            for segment in list.all.drain(..) {
                if segment.level > 0 && wanted(&segment) {
                    expanded.extend(self.source.expand(index, &segment)?);
                } else {
                    expanded.push(segment);
                }
            }
            list.all = expanded;
            list.add_up();
        }
        Ok(any)
    }

    /// Between `low` and `high` every row is known.
    fn row_at(&self, offset: i64, low: Key, high: Key) -> Option<Key> {
        let before = self.at_least_from(high);
        let mut rows: Vec<Key> = self
            .lists
            .iter()
            .filter(|list| list.sign > 0)
            .flat_map(|list| &list.all)
            .filter(|s| s.n > 0 && s.low >= low && s.low < high)
            .map(|s| s.low)
            .collect();
        rows.sort_unstable_by(|a, b| b.cmp(a));
        rows.dedup();
        rows.into_iter().nth(usize::try_from(offset - before).ok()?)
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
            let Some(segment) = self.lists[list].all.get(at).copied() else { break };
            if segment.high <= floor {
                break;
            }
            if segment.n == 0 || segment.low > key {
                at += 1;
            } else if segment.level > 0 {
                let inner = self.source.expand(list, &segment)?;
                self.lists[list].replace(at, inner);
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
        fn count_from(&mut self, list: usize, s: &Segment, key: Key) -> Result<i64> {
            let inside = self.lists[list].iter().filter(|k| **k >= key && **k < s.high);
            Ok(i64::try_from(inside.count()).unwrap())
        }
        fn row_at(&mut self, list: usize, s: &Segment, skip: i64) -> Result<Option<Key>> {
            let rows = Self::cut(&self.lists[list], s.low, s.high, 0, self.width);
            Ok(rows.get(usize::try_from(skip).unwrap()).map(|row| row.low))
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
            let mut one = Merge::new(Memory { lists: lists.clone(), width }, &[1]).unwrap();
            for (offset, key) in lists[0].iter().rev().enumerate() {
                let found = one.select(i64::try_from(offset).unwrap()).unwrap();
                assert_eq!(found, Some(*key), "round {round}");
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

//! Finding a place in a merge of lists, by counts alone.
//!
//! A list is a row of segments from the greatest key to the least, each with how many rows it stands
//! for; it can be expanded into smaller ones, down to level 1, and cut at any key by counting rows.
//! Lists of repeats count negatively. `count_from` is exact for any key, `select` finds the row at
//! an offset; both look only into what the answer depends on. Knows nothing of a database: it asks a
//! [`Source`].

use domain::inbox::{Entry, Key};

use super::{MAX, MIN};
use crate::Result;

/// Rows with `low <= key < high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) low: Key,
    pub(super) high: Key,
    /// How many rows match the question.
    pub(super) n: i64,
    /// 1: stands for rows. Higher: may be expanded.
    pub(super) level: i64,
}

/// Where segments come from.
pub(super) trait Source {
    /// The segments of a list, greatest first.
    fn top(&mut self, list: usize) -> Result<Vec<Segment>>;
    /// Everything that a segment above level 1 stands for, greatest first.
    fn expand(&mut self, list: usize, segment: &Segment) -> Result<Vec<Segment>>;
    /// Only the one below a segment above level 1 that `key` falls into, with what is greater and
    /// what is less left together: segments of the same level, absent where they stand for nothing.
    fn cut(&mut self, list: usize, segment: &Segment, key: Key) -> Result<Vec<Segment>>;
    /// How many matching rows of a segment of level 1 have `key` or a greater one.
    fn count_from(&mut self, list: usize, segment: &Segment, key: Key) -> Result<i64>;
    /// The greatest matching rows with `low <= key < high`, at most `limit`.
    fn rows(&mut self, list: usize, low: Key, high: Key, limit: usize) -> Result<Vec<Entry>>;
    /// Whether few of the rows that are there may match.
    fn is_sparse(&self) -> bool;
}

/// A place in a merge: `skip` rows after `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Rows with a key below this one come next.
    pub(super) from: Key,
    /// How many of those come before the place.
    pub(super) skip: usize,
}

/// Reading this many rows too many is cheaper than another look at where to start (own figure).
const NEAR: i64 = 24;

/// Guesses at a key before everything in doubt is read: each leaves a small part of it where rows
/// are spread evenly, which rows of one time are not. Two go to the upper levels.
const GUESSES: usize = 6;

/// How often a guess is made better before it is tried: a part of a list has few segments, each of
/// which is spread evenly as far as is known (own figure).
const STEPS: usize = 12;

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

    fn replace(&mut self, at: usize, by: impl IntoIterator<Item = Segment>) {
        self.all.splice(at..=at, by);
        self.add_up();
    }

    /// How many rows are about from `start` on, if those of a segment are spread evenly.
    fn about_from(&self, start: i64) -> f64 {
        let key = Key { start, task: i64::MIN };
        let at = self.whole_from(key);
        let inside = self.all.get(at).filter(|s| s.high > key).map_or(0.0, |s| {
            let (low, high) = (as_float(s.low.start), as_float(s.high.start));
            as_float(s.n) * ((high - as_float(start)) / (high - low).max(1.0)).clamp(0.0, 1.0)
        });
        as_float(self.before[at]) + inside
    }
}

#[expect(clippy::cast_precision_loss, reason = "a guess need not be exact")]
fn as_float(number: i64) -> f64 {
    number as f64
}

/// A time strictly between two, where there is any, at about `part` of the way.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a guess need not be exact, and is kept between the two"
)]
fn between(least: i64, most: i64, part: f64) -> i64 {
    let span = most.saturating_sub(least);
    let way = (span as f64 * part.clamp(0.0, 1.0)) as i64;
    least.saturating_add(way.clamp(1, (span - 1).max(1)))
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

    /// How many there are in all.
    pub(super) fn total(&self) -> i64 {
        self.lists.iter().map(|list| list.sign * list.total()).sum()
    }

    /// Exactly how many have `key` or a greater one. Afterwards no segment lies across `key`.
    pub(super) fn count_from(&mut self, key: Key) -> Result<i64> {
        if key == MAX {
            return Ok(0);
        }
        let mut sum = 0;
        for (index, list) in self.lists.iter_mut().enumerate() {
            while let Some(at) = list.cut_by(key) {
                let segment = list.all[at];
                if segment.level > 1 && segment.n > 0 {
                    let inner = self.source.cut(index, &segment, key)?;
                    list.replace(at, inner);
                    continue;
                }
                let n = match segment.n {
                    0 => 0,
                    _ => self.source.count_from(index, &segment, key)?,
                };
                let above = Segment { low: key, n, ..segment };
                let below = Segment { high: key, n: segment.n - n, ..segment };
                list.replace(at, [above, below]);
            }
            sum += list.sign * list.before[list.whole_from(key)];
        }
        Ok(sum)
    }

    /// Where the row with exactly `offset` rows before it is; `None` past the end.
    pub(super) fn select(&mut self, offset: i64) -> Result<Option<Place>> {
        if offset >= self.total() {
            return Ok(None);
        }
        let mut guesses = 0;
        let (mut low, mut high) = (MIN, MAX);
        loop {
            (low, high) = self.narrow(offset, low, high);
            let guess = self.guess(offset, low, high);
            // Where times tell, only what lies at the guess is looked into: bounds are as wide as
            // the upper segments of all lists together, and most in between is not the place. One
            // level at a time: narrower bounds make a better guess.
            let Some(guess) = guess.filter(|_| guesses < GUESSES) else {
                if self.expand(low, high)? {
                    continue;
                }
                return self.read_between(offset, low, high);
            };
            guesses += 1;
            if self.cut_at(guess)? {
                continue;
            }
            let before = self.count_from(guess)?;
            if (0..=NEAR).contains(&(offset - before)) {
                let skip = usize::try_from(offset - before).unwrap_or_default();
                return Ok(Some(Place { from: guess, skip }));
            }
        }
    }

    /// Narrower bounds of the key at `offset` than the given ones: at most `offset` rows are from
    /// `high` on for sure, and more than `offset` from `low` on for sure.
    fn narrow(&self, offset: i64, mut low: Key, mut high: Key) -> (Key, Key) {
        // Ends of segments are the only keys at which a bound changes; the halving goes over the
        // ends of all lists, one list after the other.
        for list in &self.lists {
            let from = list.all.partition_point(|s| s.low >= high);
            let upto = list.all.partition_point(|s| s.low > low);
            let ends = list.all.get(from..upto).unwrap_or_default();
            // Greatest first: both counts grow along the list.
            let at = ends.partition_point(|s| self.at_least_from(s.low) <= offset);
            if let Some(segment) = ends.get(at) {
                low = segment.low;
            }
            let at = ends.partition_point(|s| self.at_most_from(s.low) <= offset);
            if let Some(segment) = at.checked_sub(1).and_then(|at| ends.get(at)) {
                high = segment.low;
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

    /// Looks one level into what `key` cuts. Says whether there was anything.
    fn cut_at(&mut self, key: Key) -> Result<bool> {
        let mut any = false;
        for (index, list) in self.lists.iter_mut().enumerate() {
            let Some(at) = list.cut_by(key) else { continue };
            let segment = list.all[at];
            if segment.level > 1 && segment.n > 0 {
                let inner = self.source.cut(index, &segment, key)?;
                list.replace(at, inner);
                any = true;
            }
        }
        Ok(any)
    }

    /// Expands what lies between two keys by one level. Says whether there was anything.
    fn expand(&mut self, low: Key, high: Key) -> Result<bool> {
        let mut any = false;
        for (index, list) in self.lists.iter_mut().enumerate() {
            let wanted = |s: &Segment| s.level > 1 && s.n > 0 && s.low < high && low < s.high;
            while let Some(at) = list.all.iter().position(wanted) {
                let level = list.all[at].level;
                let inner = self.source.expand(index, &list.all[at])?;
                debug_assert!(inner.iter().all(|s| s.level < level), "expanding ends");
                list.replace(at, inner);
                any = true;
            }
        }
        Ok(any)
    }

    /// A key between two with probably a few rows less than `offset` before it; `None` where times
    /// do not tell.
    fn guess(&self, offset: i64, low: Key, high: Key) -> Option<Key> {
        if low == MIN || high == MAX {
            return None;
        }
        let about = |start: i64| -> f64 {
            self.lists.iter().map(|list| as_float(list.sign) * list.about_from(start)).sum()
        };
        let wanted = as_float(offset - NEAR / 2);
        let (mut least, mut most) = (low.start, high.start);
        let (mut more, mut less) = (about(least), about(most));
        for step in 0..STEPS {
            // By turns where an even spread would have it, and the middle, lest one end stays.
            let part = if step % 2 == 0 { (more - wanted) / (more - less) } else { 0.5 };
            let middle = between(least, most, part);
            let at = about(middle);
            if at > wanted {
                (least, more) = (middle, at);
            } else {
                (most, less) = (middle, at);
            }
            if most - least <= 1 || (wanted - less) < 1.0 {
                break;
            }
        }
        let key = Key { start: most, task: i64::MIN };
        (low < key && key < high).then_some(key)
    }

    /// The row at `offset`, which is between two keys, by reading what is between them.
    fn read_between(&mut self, offset: i64, low: Key, high: Key) -> Result<Option<Place>> {
        let before = self.count_from(high)?;
        let mut rows = Vec::new();
        for (index, list) in self.lists.iter().enumerate().filter(|(_, list)| list.sign > 0) {
            if list.all.iter().any(|s| s.n > 0 && s.low < high && low < s.high) {
                rows.extend(self.source.rows(index, low, high, usize::MAX)?);
            }
        }
        rows.sort_unstable_by(|a, b| b.cmp(a));
        rows.dedup();
        let row = usize::try_from(offset - before).ok().and_then(|at| rows.get(at));
        Ok(row.map(|row| Place { from: above(row.key), skip: 0 }))
    }

    /// The greatest rows of one list below `key` down to `floor`, which is included.
    pub(super) fn rows_below(
        &mut self,
        list: usize,
        key: Key,
        floor: Key,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let mut rows = Vec::with_capacity(limit);
        let mut at = 0;
        while rows.len() < limit {
            let Some(segment) = self.lists[list].all.get(at).copied() else { break };
            if segment.high <= floor {
                break;
            }
            if segment.n == 0 || segment.low >= key {
                at += 1;
            } else if segment.level > 1 && self.source.is_sparse() {
                // Counts tell which of the rows need not be read at all.
                let inner = self.source.expand(list, &segment)?;
                self.lists[list].replace(at, inner);
            } else {
                let (low, high) = (segment.low.max(floor), segment.high.min(key));
                rows.extend(self.source.rows(list, low, high, limit - rows.len())?);
                at += 1;
            }
        }
        Ok(rows)
    }
}

/// The least key above `key`; keys have whole numbers.
fn above(key: Key) -> Key {
    match key.task.checked_add(1) {
        Some(task) => Key { task, ..key },
        None => Key { start: key.start.saturating_add(1), task: i64::MIN },
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
        fn cut(&mut self, list: usize, s: &Segment, key: Key) -> Result<Vec<Segment>> {
            let inner = self.expand(list, s)?;
            let at = inner.partition_point(|inner| inner.low > key);
            let sum = |of: &[Segment]| of.iter().map(|s| s.n).sum();
            let above = Segment { low: inner[at].high, n: sum(&inner[..at]), ..*s };
            let below = Segment { high: inner[at].low, n: sum(&inner[at + 1..]), ..*s };
            let all = [above, inner[at], below].into_iter();
            Ok(all.filter(|segment| segment.low < segment.high).collect())
        }
        fn count_from(&mut self, list: usize, s: &Segment, key: Key) -> Result<i64> {
            let inside = self.lists[list].iter().filter(|k| **k >= key && **k < s.high);
            Ok(i64::try_from(inside.count()).unwrap())
        }
        fn rows(&mut self, list: usize, low: Key, high: Key, limit: usize) -> Result<Vec<Entry>> {
            let inside = self.lists[list].iter().rev().filter(|k| **k >= low && **k < high);
            Ok(inside.take(limit).copied().map(entry).collect())
        }
        fn is_sparse(&self) -> bool {
            self.width.is_multiple_of(2)
        }
    }

    fn entry(key: Key) -> Entry {
        Entry { key, flow: 0, instance: domain::InstanceId(1) }
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
            let keys = dice(&mut state, 200);
            // Many rows of one time, or hardly two.
            let times = if round % 2 == 0 { 9 } else { 9_000 };
            // A key may be on the three real lists; each repeat of it is on a list of repeats.
            let mut lists = vec![Vec::new(); 5];
            let mut union = Vec::new();
            for task in 0..keys {
                let start = i64::try_from(dice(&mut state, times)).unwrap();
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
            // What a place stands for.
            let row_at = |place: Place| {
                let below = union.iter().filter(|key| **key < place.from);
                below.skip(place.skip).copied().next()
            };
            let mut reused = merge();
            for offset in 0..=union.len() {
                let wanted = union.get(offset).copied();
                let offset = i64::try_from(offset).unwrap();
                let found = merge().select(offset).unwrap().and_then(row_at);
                assert_eq!(found, wanted, "round {round}");
                let found = reused.select(offset).unwrap().and_then(row_at);
                assert_eq!(found, wanted, "round {round}");
            }
            for start in (-1..10).chain([500, 5_000]) {
                let key = Key { start, task: MIN.task };
                let wanted = union.iter().filter(|k| **k >= key).count();
                assert_eq!(merge().count_from(key).unwrap(), i64::try_from(wanted).unwrap());
                let rows = merge().rows_below(0, key, MIN, 3).unwrap();
                let below = lists[0].iter().rev().filter(|k| **k < key);
                let wanted: Vec<_> = below.take(3).copied().map(entry).collect();
                assert_eq!(rows, wanted);
            }
        }
    }
}

//! The hot set: copies in memory of what was read, that are never old.
//!
//! Every copy names the pieces of data that it depends on. The writer tells of each commit, before
//! anybody gets its answer, which pieces it changed; copies that depend on them are dead from then
//! on. The set is of one commit at a time: it answers only who asks for that one, so that what is
//! put together from several copies is of one moment. Bounded by weight; what was not asked for
//! lately goes first. Knows nothing of what is copied and nothing of SQL.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use store::watch::{Commit, Touched, Watch};

use crate::copies::{Key, Value};

/// Set once the piece that it stands for has changed.
type Dead = Arc<AtomicBool>;

/// A copy with the marks of what it depends on.
struct Kept {
    copy: Value,
    depends: Box<[Dead]>,
    /// The turn of the set in which the marks were last found unset: in the same one they need not
    /// be looked at again, which saves as many misses of the processor's cache.
    alive_at: AtomicU64,
    weight: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Arc<Kept>> for Weight {
    fn weight(&self, _: &Key, kept: &Arc<Kept>) -> u64 {
        kept.weight
    }
}

/// While a commit is taken in, the set is of no commit. Commits have 32 bits.
const NONE: u64 = u64::MAX;

/// What a copy weighs beside its content, in bytes: key, place in the cache, and one mark with its
/// place. Reckoned from the sizes of the types, generously; not measured.
const WEIGHT_OF_COPY: usize = 256;
const WEIGHT_OF_MARK: usize = 128;
/// Further marks of a copy are those of copies that it is put together from, which pay for them.
const WEIGHT_OF_SHARED_MARK: usize = 16;

/// Marks are in several maps, so that threads seldom wait for each other.
const MAPS: usize = 16;

/// Of what size entries are expected to be, in bytes; only sets how much is reserved at the start.
const EXPECTED: u64 = 16 << 10;

pub(crate) struct HotSet {
    of: AtomicU64,
    /// How many commits the set took in: unlike their numbers it never comes round.
    turn: AtomicU64,
    recent: Mutex<Recent>,
    cache: Cache<Key, Arc<Kept>, Weight, RandomState>,
    marks: [Mutex<Marks>; MAPS],
    hasher: RandomState,
}

/// How many commits a reading may take and still be kept, if none of them changed what it read. At
/// a thousand commits a second, the time of many readings (own figure).
const RECENT: usize = 64;

/// The commits that the set took in last, and what each changed.
#[derive(Default)]
struct Recent {
    /// Oldest first; each follows the one before it.
    commits: VecDeque<(Commit, HashSet<Touched, RandomState>)>,
}

impl Recent {
    fn add(&mut self, commit: Commit, touched: &[Touched]) {
        if self.commits.len() == RECENT {
            self.commits.pop_front();
        }
        self.commits.push_back((commit, touched.iter().copied().collect()));
    }

    /// Whether it is known that no commit after `commit` changed any of the pieces.
    fn unchanged_since(&self, commit: Commit, pieces: &[Touched]) -> bool {
        let at = self.commits.iter().position(|(known, _)| *known == commit);
        at.is_some_and(|at| {
            let later = || self.commits.iter().skip(at + 1);
            !pieces.iter().any(|piece| later().any(|(_, touched)| touched.contains(piece)))
        })
    }
}

#[derive(Default)]
struct Marks {
    of: HashMap<Touched, Dead, RandomState>,
    /// Marks that nobody holds are thrown away when there are this many.
    sweep_at: usize,
}

impl HotSet {
    /// A set of at most `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        let expected = usize::try_from(bytes / EXPECTED).unwrap_or(usize::MAX);
        Self {
            of: AtomicU64::new(NONE),
            turn: AtomicU64::new(0),
            recent: Mutex::default(),
            cache: Cache::with(
                expected,
                bytes,
                Weight,
                RandomState::default(),
                DefaultLifecycle::default(),
            ),
            marks: Default::default(),
            hasher: RandomState::default(),
        }
    }

    /// Whether the set can answer for a commit.
    pub(crate) fn is_of(&self, commit: Commit) -> bool {
        self.of.load(Ordering::SeqCst) == u64::from(commit.0)
    }

    /// The copy under a key, as of a commit.
    pub(crate) fn get(&self, commit: Commit, key: &Key) -> Option<Value> {
        let kept = self.cache.get(key)?;
        let turn = self.turn.load(Ordering::SeqCst);
        if kept.alive_at.load(Ordering::SeqCst) != turn {
            if kept.depends.iter().any(|dead| dead.load(Ordering::SeqCst)) {
                self.cache.remove_if(key, |found| Arc::ptr_eq(found, &kept));
                return None;
            }
            // After the marks: no later commit had begun to set any when they were read.
            if !self.is_of(commit) {
                return None;
            }
            kept.alive_at.store(turn, Ordering::SeqCst);
            return Some(kept.copy.clone());
        }
        self.is_of(commit).then(|| kept.copy.clone())
    }

    /// Keeps a copy that was read as of a commit, unless a later one changed any piece of it.
    pub(crate) fn put(&self, commit: Commit, key: Key, copy: Value, depends: &[Touched]) {
        // While this is held no commit is taken in: one that changes a piece comes before, and is
        // known, or after, and sets the mark.
        let recent = self.recent();
        if !recent.unchanged_since(commit, depends) {
            return;
        }
        let marks: Box<[Dead]> = depends.iter().map(|piece| self.mark(*piece)).collect();
        drop(recent);
        let marked = WEIGHT_OF_MARK + depends.len() * WEIGHT_OF_SHARED_MARK;
        let weight = copy.weight() + WEIGHT_OF_COPY + marked;
        let weight = u64::try_from(weight).unwrap_or(u64::MAX);
        let alive_at = AtomicU64::new(NONE);
        self.cache.insert(key, Arc::new(Kept { copy, depends: marks, alive_at, weight }));
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marks_of(&self, piece: &Touched) -> MutexGuard<'_, Marks> {
        let map = usize::try_from(self.hasher.hash_one(piece) >> 32).unwrap_or_default() % MAPS;
        self.marks[map].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark of a piece, shared by everything that depends on it.
    fn mark(&self, piece: Touched) -> Dead {
        let mut marks = self.marks_of(&piece);
        if marks.of.len() >= marks.sweep_at.max(64) {
            marks.of.retain(|_, dead| Arc::strong_count(dead) > 1);
            marks.sweep_at = 2 * marks.of.len();
        }
        Arc::clone(marks.of.entry(piece).or_default())
    }

    fn clear(&self) {
        for marks in &self.marks {
            let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
            for (_, dead) in marks.of.drain() {
                dead.store(true, Ordering::SeqCst);
            }
        }
        self.cache.clear();
    }

    /// How many bytes the copies weigh.
    pub(crate) fn weight(&self) -> u64 {
        self.cache.weight()
    }
}

impl Watch for HotSet {
    fn committed(&self, before: Commit, now: Commit, touched: &[Touched]) {
        let mut recent = self.recent();
        let was = self.of.swap(NONE, Ordering::SeqCst);
        self.turn.fetch_add(1, Ordering::SeqCst);
        if was == u64::from(before.0) {
            for piece in touched {
                if let Some(dead) = self.marks_of(piece).of.remove(piece) {
                    dead.store(true, Ordering::SeqCst);
                }
            }
        } else {
            // Another process wrote in between.
            recent.commits.clear();
            self.clear();
        }
        if before != now || recent.commits.is_empty() {
            recent.add(now, touched);
        }
        self.of.store(now.0.into(), Ordering::SeqCst);
    }

    fn lost(&self, now: Option<Commit>) {
        let mut recent = self.recent();
        self.of.store(NONE, Ordering::SeqCst);
        self.turn.fetch_add(1, Ordering::SeqCst);
        recent.commits.clear();
        self.clear();
        if let Some(now) = now {
            recent.add(now, &[]);
            self.of.store(now.0.into(), Ordering::SeqCst);
        }
    }
}

//! Identifiers, and where new ones and random bytes come from.
//!
//! Ids are 63-bit integers in time order, made here and never by a database, so that a write can
//! be repeated and a store can be distributed. Knows nothing of what they name.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::time::Millis;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The integer itself, as stores keep it.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A company. Every row and every query carries one.
    TenantId
}
id! {
    /// An application that calls the API (the number behind its public `cli_…` name).
    AppId
}
id! {
    /// A person, behind any number of aliases.
    PersonId
}
id! {
    /// A definition of a third-party approval; shown on the wire as `approval_id`.
    DefinitionId
}
id! {
    /// The number of a flow that the hub runs: small, and counted per tenant.
    FlowId
}
id! {
    /// A third-party instance. Made once per (tenant, app, caller's id) and never changed, through
    /// purge and return: it is the paging order.
    InstanceId
}
id! {
    /// A task inside an instance, in the order in which tasks were first accepted.
    TaskId
}
id! {
    /// A copy (cc) inside an instance.
    CcId
}

/// 2020-01-01T00:00:00Z. Later than Unix time so that 42 bits of milliseconds last until 2159.
const EPOCH_MS: i64 = 1_577_836_800_000;
/// Room for two million ids in one millisecond.
const SEQUENCE_BITS: u32 = 21;

/// Makes ids in time order, and random bytes. One per process.
///
/// Within a process each id is greater than the one before, whatever the clock does, and greater
/// than the floor that the data sets at start. Across processes the random start inside each
/// millisecond keeps ids apart.
#[derive(Debug)]
pub struct Ids(Mutex<State>);

#[derive(Debug)]
struct State {
    last: i64,
    rng: ChaCha20Rng,
}

impl State {
    /// Where to begin inside a millisecond; half of it is left above.
    fn start(&mut self) -> i64 {
        i64::from(self.rng.next_u32()) & ((1 << (SEQUENCE_BITS - 1)) - 1)
    }
}

impl Ids {
    /// A source with `seed`: 32 random bytes in a server, a constant in a test.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(Mutex::new(State { last: 0, rng: ChaCha20Rng::from_seed(seed) }))
    }

    /// Makes every further id greater than `id`, so that a clock that was set back while the
    /// server stood still cannot make an id twice or out of order. Goes on at random in a later
    /// millisecond where `id` is of another process, which goes on right behind it.
    pub fn above(&self, id: i64) {
        let mut state = self.state();
        if id > state.last {
            let start = state.start();
            state.last = (((id >> SEQUENCE_BITS) + 1) << SEQUENCE_BITS) | start;
        }
    }

    /// A bound that every id made before `at` is below.
    pub fn before(at: Millis) -> i64 {
        let ms = at.0.saturating_sub(EPOCH_MS).clamp(1, (1 << 42) - 1);
        ms << SEQUENCE_BITS
    }

    /// The next id, whose upper bits tell `now`.
    pub fn next(&self, now: Millis) -> i64 {
        let mut state = self.state();
        let ms = (now.0 - EPOCH_MS).clamp(1, (1 << 42) - 1);
        let fresh = (ms << SEQUENCE_BITS) | state.start();
        state.last = if fresh >> SEQUENCE_BITS > state.last >> SEQUENCE_BITS {
            fresh
        } else {
            state.last + 1
        };
        state.last
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.state().rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A random UUID (version 4), lower case.
    pub fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.random()).into_uuid().to_string()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing in the critical sections can panic half way, so a poisoned state is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_rise_even_when_the_clock_is_set_back() {
        let ids = Ids::new([7; 32]);
        let mut last = 0;
        for now in [5_000, 5_000, 5_001, 4_000, 5_001, 9_000] {
            let id = ids.next(Millis(EPOCH_MS + now));
            assert!(id > last, "{id} after {last} at {now}");
            last = id;
        }
    }

    #[test]
    fn ids_rise_above_what_was_stored() {
        let ids = Ids::new([7; 32]);
        ids.above(i64::MAX / 2);
        assert!(ids.next(Millis(EPOCH_MS + 5)) > i64::MAX / 2);
    }

    #[test]
    fn two_processes_above_the_same_id_go_on_apart() {
        let newest = Ids::before(Millis(1_700_000_000_000)) | 7;
        let after = |seed| {
            let ids = Ids::new([seed; 32]);
            ids.above(newest);
            (0..100).map(|_| ids.next(Millis(1_700_000_000_000))).collect::<BTreeSet<_>>()
        };
        let (one, other) = (after(1), after(2));
        assert!(one.is_disjoint(&other) && one.iter().chain(&other).all(|id| *id > newest));
    }

    #[test]
    fn an_id_tells_its_millisecond() {
        let id = Ids::new([7; 32]).next(Millis(1_700_000_000_000));
        assert_eq!((id >> SEQUENCE_BITS) + EPOCH_MS, 1_700_000_000_000);
    }
}

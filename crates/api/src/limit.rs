//! Rate limits: fixed windows per second and per minute, aligned to the clock.
//!
//! The wire speaks of windows and of when they end, so a token bucket (which lets almost twice the
//! minute's tier pass) would not do. Counts live in this process only.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use domain::{AppId, Millis, TenantId};

/// How often an endpoint may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// 1,000 a minute and 50 a second, per app and tenant (pages of the external family).
    Thousand,
    /// 100 a minute, per app and tenant (pages of the aPaaS family).
    Hundred,
    /// The same figures per address, for calls that come before any app is known (own choice).
    Token,
}

impl Tier {
    /// Calls a minute and calls a second.
    pub(crate) fn figures(self) -> (u32, u32) {
        match self {
            Self::Hundred => (100, 100),
            Self::Thousand | Self::Token => (1_000, 50),
        }
    }
}

/// Which figures stand behind the tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Off,
    Feishu,
    Own(Figures),
}

impl Profile {
    fn figures(self, tier: Tier) -> Option<Figures> {
        match (self, tier) {
            (Self::Off, _) => None,
            (Self::Own(figures), _) => Some(figures),
            (Self::Feishu, tier) => {
                let (per_minute, per_second) = tier.figures();
                Some(Figures { per_minute, per_second })
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    per_minute: u32,
    per_second: u32,
}

/// Who is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    App(&'static str, AppId, TenantId),
    Address(&'static str, Option<IpAddr>),
}

/// A refused call: what a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The figure that was reached.
    pub(crate) limit: u32,
    /// When the window ends, in whole seconds, at least 1.
    pub(crate) reset: i64,
}

#[derive(Clone, Copy, Default)]
struct Window {
    index: i64,
    count: u32,
}

impl Window {
    fn count_in(&self, index: i64) -> u32 {
        if self.index == index { self.count } else { 0 }
    }

    fn add(&mut self, index: i64) {
        self.count = self.count_in(index) + 1;
        self.index = index;
    }
}

#[derive(Clone, Copy, Default)]
struct Windows {
    minute: Window,
    second: Window,
}

/// Shards, so that callers on several cores do not wait for one lock.
const SHARDS: usize = 16;
/// Past this many keys a shard forgets windows that have passed.
const CROWDED: usize = 4_096;
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;

/// The rate windows of one server.
pub struct Limits {
    profile: Profile,
    hasher: RandomState,
    shards: [Mutex<HashMap<Key, Windows>>; SHARDS],
}

impl Limits {
    /// No limits.
    pub fn off() -> Self {
        Self::with(Profile::Off)
    }

    /// The platform's own tiers.
    pub fn feishu() -> Self {
        Self::with(Profile::Feishu)
    }

    /// Own figures.
    pub fn own(per_minute: u32, per_second: u32) -> Self {
        Self::with(Profile::Own(Figures { per_minute, per_second }))
    }

    fn with(profile: Profile) -> Self {
        Self { profile, hasher: RandomState::new(), shards: Default::default() }
    }

    /// Counts a call, or refuses it uncounted.
    pub(crate) fn pass(&self, key: Key, tier: Tier, now: Millis) -> Result<(), Exceeded> {
        let Some(figures) = self.profile.figures(tier) else { return Ok(()) };
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let (minute, second) = (now.get() / MINUTE_MS, now.get() / SECOND_MS);
        if shard.len() >= CROWDED && !shard.contains_key(&key) {
            shard.retain(|_, windows| windows.minute.index == minute);
        }
        let windows = shard.entry(key).or_default();
        if windows.minute.count_in(minute) >= figures.per_minute {
            let reset = ((minute + 1) * MINUTE_MS - now.get() + SECOND_MS - 1) / SECOND_MS;
            return Err(Exceeded { limit: figures.per_minute, reset });
        }
        if windows.second.count_in(second) >= figures.per_second {
            return Err(Exceeded { limit: figures.per_second, reset: 1 });
        }
        windows.minute.add(minute);
        windows.second.add(second);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key::App("list", AppId(1), TenantId(1));

    #[test]
    fn a_second_and_a_minute_are_windows_of_the_clock() {
        let limits = Limits::own(5, 2);
        let pass = |ms: i64| limits.pass(KEY, Tier::Thousand, Millis(60_000 + ms));
        assert_eq!([pass(0), pass(999)], [Ok(()), Ok(())]);
        assert_eq!(pass(999), Err(Exceeded { limit: 2, reset: 1 }));
        assert_eq!([pass(1_000), pass(1_001), pass(2_000)], [Ok(()); 3]);
        assert_eq!(pass(30_500), Err(Exceeded { limit: 5, reset: 30 }));
        assert_eq!(pass(60_000), Ok(()));
    }

    #[test]
    fn callers_and_endpoints_are_counted_apart() {
        let limits = Limits::own(1, 1);
        assert_eq!(limits.pass(KEY, Tier::Thousand, Millis(0)), Ok(()));
        assert!(limits.pass(KEY, Tier::Thousand, Millis(0)).is_err());
        assert_eq!(
            limits.pass(Key::App("get", AppId(1), TenantId(1)), Tier::Thousand, Millis(0)),
            Ok(())
        );
        assert_eq!(
            limits.pass(Key::App("list", AppId(2), TenantId(1)), Tier::Thousand, Millis(0)),
            Ok(())
        );
        assert_eq!(Limits::off().pass(KEY, Tier::Thousand, Millis(0)), Ok(()));
    }
}

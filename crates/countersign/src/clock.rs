//! The one place that reads the machine's clock and its randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use domain::{Clock, Ids, Millis};

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where Clock gets it from")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random bytes from the operating system.
#[expect(clippy::disallowed_methods, reason = "this is where Ids gets its seed from")]
pub(crate) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow!("no randomness from the system: {e}"))?;
    Ok(bytes)
}

/// Ids with a seed that nobody knows.
pub(crate) fn ids() -> Result<Ids> {
    Ok(Ids::new(random()?))
}

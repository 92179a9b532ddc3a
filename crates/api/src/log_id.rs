//! Log ids: what a client quotes and an operator searches for.

use domain::{Ids, Millis};
use jiff::tz::TimeZone;

/// A new log id: the time in UTC (14 digits) and 18 hexadecimal ones.
pub(crate) fn new(ids: &Ids, now: Millis) -> String {
    let random: [u8; 9] = ids.random();
    let time = jiff::Timestamp::from_millisecond(now.get()).unwrap_or_default();
    let time = time.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string();
    time + &data_encoding::HEXUPPER.encode(&random)
}

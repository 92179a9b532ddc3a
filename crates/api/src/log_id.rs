//! Log ids: what a client quotes and an operator searches for.

use domain::{Ids, Millis};
use jiff::tz::TimeZone;

/// A new log id: the time in UTC (14 digits) and 18 hexadecimal ones.
pub(crate) fn new(ids: &Ids, now: Millis) -> String {
    let time = jiff::Timestamp::from_millisecond(now.get()).unwrap_or_default();
    let time = TimeZone::UTC.to_datetime(time);
    let mut id = String::with_capacity(32);
    let parts = [time.month(), time.day(), time.hour(), time.minute(), time.second()];
    digits(&mut id, i32::from(time.year()), 1_000);
    for part in parts {
        digits(&mut id, part.into(), 10);
    }
    data_encoding::HEXUPPER.encode_append(&ids.random::<9>(), &mut id);
    id
}

/// Appends decimal digits, the first of which counts `unit`s. Formatting machinery would cost more
/// than everything else here.
fn digits(out: &mut String, number: i32, mut unit: i32) {
    while unit > 0 {
        let digit = u32::try_from(number / unit % 10).unwrap_or_default();
        out.push(char::from_digit(digit, 10).unwrap_or('0'));
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_id_tells_its_time() {
        let id = new(&Ids::new([1; 32]), Millis(1_767_323_096_789));
        assert_eq!(&id[..14], "20260102030456");
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)), "{id}");
    }
}

//! Times as the API writes them: ISO 8601, UTC, with milliseconds.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::ids::UnixMillis;

const DAY_MS: UnixMillis = 86_400_000;

/// `2026-01-31T12:00:00.000Z`.
pub fn timestamp(ms: UnixMillis) -> String {
    let (date, ms) = (at(ms), ms % 1_000);
    format!("{}.{ms:03}Z", date.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// `2026-01-31`.
pub fn date(ms: UnixMillis) -> String {
    at(ms).strftime("%Y-%m-%d").to_string()
}

/// The midnight before: Mastodon tells no more of when an account registered.
pub const fn midnight(ms: UnixMillis) -> UnixMillis {
    ms - ms % DAY_MS
}

/// Times beyond the calendar's end are shown as 1970: no event has one.
fn at(ms: UnixMillis) -> jiff::Zoned {
    let known = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    known.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_iso_8601() {
        let ms = 1_700_000_000_007;
        assert_eq!(timestamp(ms), "2023-11-14T22:13:20.007Z");
        assert_eq!(timestamp(midnight(ms)), "2023-11-14T00:00:00.000Z");
        assert_eq!(date(ms), "2023-11-14");
        assert_eq!(timestamp(u64::MAX), "1970-01-01T00:00:00.615Z");
    }
}

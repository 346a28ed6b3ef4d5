//! Times as they are written in files and names. UTC throughout.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-01-02T03:04:05Z` (RFC 3339).
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// `20260102T030405Z`: the same as part of a file's name.
pub fn compact_utc(time: SystemTime) -> String {
    rfc3339(time).replace(['-', ':'], "")
}

/// Milliseconds since the Unix epoch; 0 for a clock that stands before it.
pub(crate) fn epoch_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// `30m`, `1h 5s`: a duration as a matrix writes it.
pub(crate) fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let time = UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        assert_eq!(rfc3339(time), "2026-01-02T03:04:05Z");
        assert_eq!(compact_utc(time), "20260102T030405Z");
        assert_eq!(duration(Duration::from_mins(30)), "30m");
    }
}

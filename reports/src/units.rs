//! Numbers in the words of a report.

use reelbench_stats::Interval;

/// Length of a film: `22.4s`, `2m 48s`, `1h 02m 03s`.
pub(crate) fn film_length(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{seconds:.1}s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours == 0 {
        format!("{minutes}m {seconds}s")
    } else {
        format!("{hours}h {minutes:02}m {seconds:02}s")
    }
}

/// A place in a film, to the tenth of a second: `0:05.0`, `12:40.5`, `1:02:03.0`.
pub(crate) fn timecode(seconds: f64) -> String {
    let tenths = (seconds.max(0.0) * 10.0).round() as u64;
    let (hours, minutes, tenths) = (tenths / 36_000, tenths / 600 % 60, tenths % 600);
    let seconds = format!("{:02}.{}", tenths / 10, tenths % 10);
    if hours == 0 { format!("{minutes}:{seconds}") } else { format!("{hours}:{minutes:02}:{seconds}") }
}

/// The unit that times of one row share, so that they can be compared and summed by eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Minutes,
    Seconds,
    Milliseconds,
}

impl TimeUnit {
    /// The unit in which the longest time of a row reads best.
    pub(crate) fn of(longest_s: f64) -> Self {
        if longest_s >= 120.0 {
            Self::Minutes
        } else if longest_s >= 1.0 {
            Self::Seconds
        } else {
            Self::Milliseconds
        }
    }

    /// Its sign.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Minutes => "min",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
        }
    }

    /// So many seconds as a number of this unit.
    pub(crate) fn of_seconds(self, seconds: f64) -> f64 {
        match self {
            Self::Minutes => seconds / 60.0,
            Self::Seconds => seconds,
            Self::Milliseconds => seconds * 1e3,
        }
    }

    /// A time in this unit: `35.5 min`, `12.34 s`, `340.1 ms`.
    pub(crate) fn show(self, seconds: f64) -> String {
        let decimals = if self == Self::Seconds { 2 } else { 1 };
        format!("{:.decimals$} {}", self.of_seconds(seconds), self.name())
    }
}

/// A time in the unit that suits it.
pub(crate) fn time(seconds: f64) -> String {
    TimeUnit::of(seconds).show(seconds)
}

/// A real-time factor with three significant digits, and the wider side of its interval: `12.6x`, `± 0.3`.
pub(crate) fn rtf(median: f64, interval: Option<Interval>) -> (String, Option<String>) {
    let decimals = decimals_of_three_digits(median);
    let spread = interval.map(|ci| {
        let half = (ci.hi - median).max(median - ci.lo);
        format!("± {half:.decimals$}")
    });
    (format!("{median:.decimals$}x"), spread)
}

/// A factor with three significant digits: `7.94x`.
pub(crate) fn times(factor: f64) -> String {
    rtf(factor, None).0
}

/// A rate with three significant digits: `18.1`.
pub(crate) fn rate(per_second: f64) -> String {
    let decimals = decimals_of_three_digits(per_second);
    format!("{per_second:.decimals$}")
}

/// Decimals that leave three significant digits, at most six.
fn decimals_of_three_digits(value: f64) -> usize {
    if value <= 0.0 {
        return 2;
    }
    (2.0 - value.log10().floor()).clamp(0.0, 6.0) as usize
}

/// A size in binary units: `1.9 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut size = count as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A change with its sign, its size in words: `−6.20 s`, `+0.03`. One that reads as zero has no sign.
pub(crate) fn signed(change: f64, words: impl Fn(f64) -> String) -> String {
    let size = words(change.abs());
    if !size.contains(|digit| ('1'..='9').contains(&digit)) {
        return size;
    }
    let sign = if change < 0.0 { '−' } else { '+' };
    format!("{sign}{size}")
}

/// A share in percent: `87.4 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `1 cell`, `2 cells`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn film_lengths() {
        for (seconds, words) in [
            (0.04, "0.0s"),
            (22.4, "22.4s"),
            (59.94, "59.9s"),
            (59.96, "1m 0s"),
            (168.0, "2m 48s"),
            (119.7, "2m 0s"),
            (3723.0, "1h 02m 03s"),
        ] {
            assert_eq!(film_length(seconds), words);
        }
    }

    #[test]
    fn places_in_a_film() {
        let words = [0.0, 5.04, 59.96, 760.5, 3723.0, f64::NAN].map(timecode);
        assert_eq!(words, ["0:00.0", "0:05.0", "1:00.0", "12:40.5", "1:02:03.0", "0:00.0"]);
    }

    #[test]
    fn times_of_a_row_share_a_unit() {
        let unit = TimeUnit::of(1710.0);
        assert_eq!((unit.show(1710.0), unit.show(18.0)), ("28.5 min".into(), "0.3 min".into()));
        assert_eq!(time(12.34), "12.34 s");
        assert_eq!(time(0.3401), "340.1 ms");
    }

    #[test]
    fn real_time_factors_keep_three_digits() {
        assert_eq!(rtf(12.64, Some(Interval { lo: 12.5, hi: 12.9 })), ("12.6x".into(), Some("± 0.3".into())));
        assert_eq!(rtf(0.022_63, None), ("0.0226x".into(), None));
        assert_eq!(rtf(126.4, None).0, "126x");
        assert_eq!(rtf(0.0, None).0, "0.00x");
    }

    #[test]
    fn changes_have_a_sign_unless_they_read_as_none() {
        let words = |size: f64| format!("{size:.2}");
        assert_eq!(
            [signed(-6.2, words), signed(0.03, words), signed(-0.001, words)],
            ["−6.20", "+0.03", "0.00"]
        );
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(bytes(2_040_109_466), "1.9 GiB");
    }
}

//! How long a service asks to wait.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Headers in milliseconds, which say more than the standard one: `OpenAI`'s and Azure's own.
const IN_MILLISECONDS: [&str; 2] = ["retry-after-ms", "x-ms-retry-after-ms"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The wait that `headers` ask for; `None` where they ask for none that can be read.
///
/// `Retry-After` is seconds or a date (RFC 9110, 10.2.3). A date is compared with the answer's own `Date`, so that
/// clocks which differ do no harm; one that is past asks for no time.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(wait) = IN_MILLISECONDS.into_iter().find_map(|name| seconds(text(name)?, 1e-3)) {
        return Some(wait);
    }
    let asked = text(RETRY_AFTER.as_str())?;
    seconds(asked, 1.0).or_else(|| {
        let until = http_date(asked)?;
        let now = text(DATE.as_str()).and_then(http_date).unwrap_or_else(SystemTime::now);
        Some(until.duration_since(now).unwrap_or_default())
    })
}

/// A number of units, each of so many seconds. What no [`Duration`] holds is the longest there is.
fn seconds(text: &str, unit_s: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok().filter(|number: &f64| *number >= 0.0)?;
    Some(Duration::try_from_secs_f64(number * unit_s).unwrap_or(Duration::MAX))
}

/// A date as services write it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7, IMF-fixdate). The two older forms
/// are not understood.
fn http_date(text: &str) -> Option<SystemTime> {
    let mut words = text.split(' ');
    let _weekday = words.next()?;
    let day: u64 = words.next()?.parse().ok()?;
    let month_name = words.next()?;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if (words.next(), words.next()) != (Some("GMT"), None) {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month_name)? as u64 + 1;
    let sensible = (1970..=9999).contains(&year) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !sensible || second > 60 {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Days of the Gregorian calendar, by years that begin in March so that the leap day comes last.
///
/// Source: `days_from_civil` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", for years from 1970.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let pairs = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        retry_after(&pairs.collect())
    }

    #[test]
    fn seconds_and_milliseconds() {
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "20")]), Some(Duration::from_secs(20)));
        assert_eq!(wait(&[("retry-after", " 0 ")]), Some(Duration::ZERO));
        assert_eq!(wait(&[("retry-after", "1.5")]), Some(Duration::from_millis(1500)));
        assert_eq!(wait(&[("retry-after-ms", "250")]), Some(Duration::from_millis(250)));
        assert_eq!(wait(&[("x-ms-retry-after-ms", "40")]), Some(Duration::from_millis(40)));
    }

    #[test]
    fn milliseconds_come_before_seconds() {
        assert_eq!(
            wait(&[("retry-after", "9"), ("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(wait(&[("retry-after", "9"), ("retry-after-ms", "soon")]), Some(Duration::from_secs(9)));
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing_and_what_is_endless_for_the_longest() {
        for nonsense in
            ["", "soon", "-1", "NaN", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT"]
        {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        for endless in ["1e300", "inf", "99999999999999999999999"] {
            assert_eq!(wait(&[("retry-after", endless)]), Some(Duration::MAX), "{endless}");
        }
    }

    #[test]
    fn a_date_is_compared_with_the_services_clock() {
        let date = ("date", "Tue, 29 Feb 2000 23:59:50 GMT");
        let until = ("retry-after", "Wed, 01 Mar 2000 00:00:20 GMT");
        assert_eq!(wait(&[date, until]), Some(Duration::from_secs(30)));
        assert_eq!(wait(&[until]), Some(Duration::ZERO), "long past on this machine's clock");
    }

    #[test]
    fn dates_count_from_1970() {
        let seconds = |text| {
            http_date(text).and_then(|date| date.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs())
        };
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Tue, 19 Jan 2038 03:14:08 GMT"), Some(1 << 31));
        for broken in [
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        ] {
            assert_eq!(seconds(broken), None, "{broken}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_is_a_panic(text in "[ -~]{0,40}") {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(&text).unwrap());
            let _ = retry_after(&headers);
        }
    }
}

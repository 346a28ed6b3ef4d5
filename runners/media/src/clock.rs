//! Film time: one clock for pictures and sound, and a time stamp for every frame.

use ffmpeg_next::{Rational, Rescale};
use reelbench_protocol::TimeBase;

/// Microseconds: the unit of a container's own times.
pub(crate) const MICROSECONDS: Rational = Rational(1, 1_000_000);

/// Turns a stream's own time stamps into film time: ticks counted from the container's start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilmClock {
    time_base: Rational,
    start_ticks: i64,
}

impl FilmClock {
    /// For a stream in a container that starts at `container_start_us`.
    pub(crate) fn new(time_base: Rational, container_start_us: i64) -> Self {
        Self { time_base, start_ticks: container_start_us.rescale(MICROSECONDS, time_base) }
    }

    pub(crate) fn film_ticks(self, stream_ticks: i64) -> i64 {
        stream_ticks - self.start_ticks
    }

    pub(crate) fn seconds(self, film_ticks: i64) -> f64 {
        self.time_base().seconds(film_ticks)
    }

    pub(crate) fn time_base(self) -> TimeBase {
        TimeBase {
            num: self.time_base.numerator().unsigned_abs(),
            den: self.time_base.denominator().unsigned_abs(),
        }
    }
}

/// Gives every frame, in presentation order, a time stamp after that of the frame before it.
///
/// The rule: a frame that has a time stamp later than its predecessor's keeps it, exactly. One with an equal or an
/// earlier time stamp is placed one tick after its predecessor. One without a time stamp is placed where its
/// predecessor ends (one tick later if that is unknown), the first at 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StampRepair {
    previous: Option<Stamped>,
}

#[derive(Debug, Clone, Copy)]
struct Stamped {
    pts: i64,
    duration: i64,
}

impl StampRepair {
    /// The time stamp of the next frame in film ticks. `duration` is 0 where it is unknown.
    pub(crate) fn stamp(&mut self, pts: Option<i64>, duration: i64) -> i64 {
        let pts = match (pts, self.previous) {
            (Some(pts), Some(previous)) => pts.max(previous.pts + 1),
            (Some(pts), None) => pts,
            (None, Some(previous)) => previous.pts + previous.duration.max(1),
            (None, None) => 0,
        };
        self.previous = Some(Stamped { pts, duration });
        pts
    }

    /// Where the last frame ends, in film ticks, with a length for a frame that does not know its own.
    pub(crate) fn end(self, usual_duration: i64) -> Option<i64> {
        let last = self.previous?;
        Some(last.pts + if last.duration > 0 { last.duration } else { usual_duration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn film_time_starts_with_the_container() {
        let clock = FilmClock::new(Rational(1, 90_000), 1_400_000);
        assert_eq!(clock.film_ticks(126_000), 0);
        assert!((clock.seconds(clock.film_ticks(216_000)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn stamps_always_increase() {
        let mut repair = StampRepair::default();
        let stamps = [None, Some(10), Some(10), Some(4), None, Some(40)].map(|pts| repair.stamp(pts, 5));
        assert_eq!(stamps, [0, 10, 11, 12, 17, 40]);
        assert_eq!(repair.end(1), Some(45));
    }
}

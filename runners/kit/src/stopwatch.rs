//! The clock of a repeat. Only it reads the time.

use std::time::{Duration, Instant};

use reelbench_protocol::{Activity, Progress, Span, Stage};

use crate::Slowdown;

/// Room for spans before any allocation: five stages of 10,000 scenes.
const SPANS_RESERVED: usize = 50_000;

/// Times the stages of one repeat and tells how far it has come.
///
/// Spans go into memory reserved beforehand and are read out after the repeat, so that nothing is
/// serialized or allocated inside one.
pub struct Stopwatch<'a> {
    clock: Clock,
    wall_ns: Option<u64>,
    spans: Vec<Span>,
    slowdown: Option<Slowdown>,
    progress: &'a (dyn Fn(Progress) + Sync),
}

/// The time since a stopwatch's start, for work on other threads.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Nanoseconds since the start.
    pub fn elapsed_ns(self) -> u64 {
        // 2^64 ns are 584 years.
        self.0.elapsed().as_nanos() as u64
    }
}

/// What a stopwatch measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laps {
    /// From [`Stopwatch::start`] to [`Stopwatch::stop`], in nanoseconds.
    pub wall_ns: u64,
    /// The timed parts in order of their end.
    pub spans: Vec<Span>,
}

impl<'a> Stopwatch<'a> {
    /// A stopwatch that hands progress to `progress`. It runs from now until told to [`start`](Self::start) again.
    pub fn new(progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        Self::from_clock(Clock(Instant::now()), progress)
    }

    fn from_clock(clock: Clock, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        Self { clock, wall_ns: None, spans: Vec::with_capacity(SPANS_RESERVED), slowdown: None, progress }
    }

    /// The same, with every span taking longer than its work.
    #[must_use]
    pub fn slowed(self, slowdown: Option<Slowdown>) -> Self {
        Self { slowdown, ..self }
    }

    /// Begins the repeat: what came before, such as reading the request, does not count.
    pub fn start(&mut self) {
        self.spans.clear();
        self.wall_ns = None;
        self.clock = Clock(Instant::now());
    }

    /// Ends the repeat: what comes after, such as collecting results, does not count.
    pub fn stop(&mut self) {
        self.wall_ns = Some(self.elapsed_ns());
    }

    /// Nanoseconds since the start.
    pub fn elapsed_ns(&self) -> u64 {
        self.clock.elapsed_ns()
    }

    /// The clock, for threads that time their own work and hand it to [`record`](Self::record).
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A stopwatch with the same start, for work that goes on beside this one's. [`join`](Self::join) brings its
    /// spans back.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::from_clock(self.clock, self.progress).slowed(self.slowdown)
    }

    /// Takes over the spans of a stopwatch that ran [`beside`](Self::beside) this one.
    pub fn join(&mut self, beside: Self) {
        self.spans.extend(beside.spans);
    }

    /// Records spans that were timed elsewhere by this stopwatch's clock.
    pub fn record(&mut self, spans: impl IntoIterator<Item = Span>) {
        let first = self.spans.len();
        self.spans.extend(spans);
        if let Some(slowdown) = self.slowdown {
            let waits = slowdown.waits_after(&self.spans[first..], self.clock);
            self.spans.extend(waits);
        }
    }

    /// Times `work` as a span of `stage`, in scene `scene` if it belongs to one.
    pub fn time<T>(&mut self, stage: Stage, scene: Option<u32>, work: impl FnOnce() -> T) -> T {
        let start_ns = self.elapsed_ns();
        let result = work();
        self.record_since(stage, scene, start_ns);
        result
    }

    /// Records a span that ended just now and began at `start_ns`, for work whose stages are only known from inside.
    pub fn record_since(&mut self, stage: Stage, scene: Option<u32>, start_ns: u64) {
        if let Some(slowdown) = self.slowdown {
            slowdown.wait(stage, Duration::from_nanos(self.elapsed_ns().saturating_sub(start_ns)));
        }
        let duration_ns = self.elapsed_ns().saturating_sub(start_ns);
        self.spans.push(Span { stage, scene, activity: Activity::Compute, start_ns, duration_ns });
    }

    /// Tells how far the repeat has come. Call it between spans.
    pub fn progress(&self, stage: Stage, done: u32, total: u32) {
        (self.progress)(Progress { stage, done, total });
    }

    /// The measurements; the repeat ends here if it was not stopped before.
    pub fn finish(self) -> Laps {
        let wall_ns = self.wall_ns.unwrap_or_else(|| self.clock.elapsed_ns());
        Laps { wall_ns, spans: self.spans }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn spans_lie_inside_the_wall_time_and_before_the_stop() {
        let mut watch = Stopwatch::new(&|_| {});
        watch.time(Stage::Frames, None, || ());
        watch.start();
        watch.time(Stage::Vision, Some(3), || std::thread::sleep(Duration::from_millis(2)));
        watch.stop();
        std::thread::sleep(Duration::from_millis(2));
        let laps = watch.finish();
        assert_eq!(laps.spans.len(), 1, "what came before the start does not count");
        let span = laps.spans[0];
        assert_eq!((span.stage, span.scene), (Stage::Vision, Some(3)));
        assert!(span.duration_ns >= 2_000_000);
        assert!(span.start_ns + span.duration_ns <= laps.wall_ns);
    }

    #[test]
    fn a_slowed_stage_takes_longer_than_its_work_and_no_other() {
        let mut watch = Stopwatch::new(&|_| {}).slowed(Some("decode:100%".parse().unwrap()));
        watch.start();
        let work = || std::thread::sleep(Duration::from_millis(4));
        watch.time(Stage::Vision, None, work);
        watch.time(Stage::Decode, None, work);
        let start_ns = watch.elapsed_ns();
        work();
        let duration_ns = watch.elapsed_ns() - start_ns;
        let requests = [0, 1].map(|scene| Span {
            stage: Stage::Decode,
            scene: Some(scene),
            activity: Activity::Network,
            start_ns,
            duration_ns,
        });
        watch.record(requests);
        watch.stop();
        let laps = watch.finish();
        let [vision, decode, _, _, wait] = laps.spans.as_slice() else { panic!("{:?}", laps.spans) };
        assert!(vision.duration_ns < 8_000_000, "{vision:?}");
        assert!(decode.duration_ns >= 8_000_000, "{decode:?}");
        assert_eq!(wait.stage, Stage::Decode);
        assert!(
            (4_000_000..12_000_000).contains(&wait.duration_ns),
            "once for requests side by side: {wait:?}"
        );
        assert!(laps.wall_ns >= 20_000_000);
    }

    #[test]
    fn work_beside_shares_the_clock_and_brings_its_spans_back() {
        let mut watch = Stopwatch::new(&|_| {});
        watch.start();
        std::thread::scope(|scope| {
            let mut beside = watch.beside();
            let sounds = scope.spawn(move || {
                beside.time(Stage::Ast, None, || std::thread::sleep(Duration::from_millis(2)));
                beside
            });
            watch.time(Stage::Asr, None, || std::thread::sleep(Duration::from_millis(2)));
            watch.join(sounds.join().unwrap());
        });
        watch.stop();
        let laps = watch.finish();
        assert_eq!(laps.spans.iter().map(|span| span.stage).collect::<Vec<_>>(), [Stage::Asr, Stage::Ast]);
        assert!(laps.spans.iter().all(|span| span.start_ns + span.duration_ns <= laps.wall_ns));
    }
}

//! The clock of a repeat. Only it reads the time.

use std::time::Instant;

use reelbench_protocol::{Progress, Span, Stage};

/// Room for spans before any allocation: five stages of 10,000 scenes.
const SPANS_RESERVED: usize = 50_000;

/// Times the stages of one repeat and tells how far it has come.
///
/// Spans go into memory reserved beforehand and are read out after the repeat, so that nothing is
/// serialized or allocated inside one.
pub struct Stopwatch<'a> {
    origin: Instant,
    wall_ns: Option<u64>,
    spans: Vec<Span>,
    progress: &'a dyn Fn(Progress),
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
    pub fn new(progress: &'a dyn Fn(Progress)) -> Self {
        Self { origin: Instant::now(), wall_ns: None, spans: Vec::with_capacity(SPANS_RESERVED), progress }
    }

    /// Begins the repeat: what came before, such as reading the request, does not count.
    pub fn start(&mut self) {
        self.spans.clear();
        self.wall_ns = None;
        self.origin = Instant::now();
    }

    /// Ends the repeat: what comes after, such as collecting results, does not count.
    pub fn stop(&mut self) {
        self.wall_ns = Some(self.elapsed_ns());
    }

    /// Nanoseconds since the start.
    pub fn elapsed_ns(&self) -> u64 {
        nanoseconds(self.origin)
    }

    /// Times `work` as a span of `stage`, in scene `scene` if it belongs to one.
    pub fn time<T>(&mut self, stage: Stage, scene: Option<u32>, work: impl FnOnce() -> T) -> T {
        let start_ns = self.elapsed_ns();
        let result = work();
        let duration_ns = self.elapsed_ns() - start_ns;
        self.spans.push(Span { stage, scene, start_ns, duration_ns });
        result
    }

    /// Records a span that ended just now and began at `start_ns`, for work whose stages are only known from inside.
    pub fn record_since(&mut self, stage: Stage, scene: Option<u32>, start_ns: u64) {
        let duration_ns = self.elapsed_ns().saturating_sub(start_ns);
        self.spans.push(Span { stage, scene, start_ns, duration_ns });
    }

    /// Tells how far the repeat has come. Call it between spans.
    pub fn progress(&self, stage: Stage, done: u32, total: u32) {
        (self.progress)(Progress { stage, done, total });
    }

    /// The measurements; the repeat ends here if it was not stopped before.
    pub fn finish(self) -> Laps {
        let wall_ns = self.wall_ns.unwrap_or_else(|| nanoseconds(self.origin));
        Laps { wall_ns, spans: self.spans }
    }
}

fn nanoseconds(since: Instant) -> u64 {
    // 2^64 ns are 584 years.
    since.elapsed().as_nanos() as u64
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
}

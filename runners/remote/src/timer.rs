//! What the time of a piece goes on.

use reelbench_protocol::{Activity, Span, Stage};

/// Nanoseconds from an origin of the caller's, the same for all threads and never less than before.
pub type Clock<'a> = dyn Fn() -> u64 + Sync + 'a;

/// Times the parts of one worker's pieces, in memory of its own.
pub(crate) struct Timer<'a> {
    clock: &'a Clock<'a>,
    scene: Option<u32>,
    spans: Vec<Span>,
}

impl<'a> Timer<'a> {
    pub(crate) fn new(clock: &'a Clock<'a>) -> Self {
        Self { clock, scene: None, spans: Vec::new() }
    }

    /// What follows belongs to `scene`.
    pub(crate) fn enter(&mut self, scene: Option<u32>) {
        self.scene = scene;
    }

    /// Times `work` as a span.
    pub(crate) fn time<T>(&mut self, activity: Activity, work: impl FnOnce() -> T) -> T {
        let start_ns = (self.clock)();
        let result = work();
        let duration_ns = (self.clock)().saturating_sub(start_ns);
        self.spans.push(Span { stage: Stage::Asr, scene: self.scene, activity, start_ns, duration_ns });
        result
    }

    pub(crate) fn into_spans(self) -> Vec<Span> {
        self.spans
    }
}

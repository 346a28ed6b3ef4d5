//! How the work is timed from outside.

use reelbench_protocol::Stage;

/// Told where stages begin and end; stages do not overlap. It reads its clock and nothing else,
/// for whatever it does counts as the work's time.
pub trait StageObserver {
    /// A stage begins now.
    fn begin(&mut self, stage: Stage);

    /// The stage that began last ends now.
    fn end(&mut self, stage: Stage);
}

impl dyn StageObserver + '_ {
    /// Does `work` as `stage`.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        self.begin(stage);
        let result = work();
        self.end(stage);
        result
    }
}

/// Nobody watches.
impl StageObserver for () {
    fn begin(&mut self, _: Stage) {}
    fn end(&mut self, _: Stage) {}
}

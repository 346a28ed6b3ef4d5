//! How the work is timed from outside.

use reelbench_protocol::Stage;

/// Told where stages begin and end; stages do not overlap. It reads its clock and nothing else,
/// for whatever it does counts as the work's time.
pub trait StageObserver {
    /// A stage begins now: of one scene, counted from the first of those worked on together, or of
    /// all of them.
    fn begin(&mut self, stage: Stage, scene: Option<usize>);

    /// The stage that began last ends now.
    fn end(&mut self, stage: Stage, scene: Option<usize>);
}

impl dyn StageObserver + '_ {
    /// Does `work` as `stage` of one scene, or of all of them.
    pub fn time<T>(&mut self, stage: Stage, scene: Option<usize>, work: impl FnOnce() -> T) -> T {
        self.begin(stage, scene);
        let result = work();
        self.end(stage, scene);
        result
    }
}

/// Nobody watches.
impl StageObserver for () {
    fn begin(&mut self, _: Stage, _: Option<usize>) {}
    fn end(&mut self, _: Stage, _: Option<usize>) {}
}

//! Numbers that say less than they seem to: stages too short for the clock, and intervals too wide to tell much.

use reelbench_stats::Interval;

use super::{NoiseFinding, NoiseKind};
use crate::run::Observed;
use crate::summary::{CellSummary, Rtf};
use crate::tables::UNATTRIBUTED;
use crate::units::{count, percent};

/// A stage of fewer steps of the clock is known to less than a tenth of a percent.
const STEPS: f64 = 1000.0;
/// The part of the median that its interval may reach from it.
const WIDE: f64 = 0.05;

/// The shortest stage that is too short.
pub(super) fn coarse_clock(samples: &[&Observed], cell: &CellSummary) -> Option<NoiseFinding> {
    let steps = samples.iter().filter_map(|sample| sample.conditions.as_ref()?.clock_step_ns);
    let step_s = steps.max()? as f64 / 1e9;
    let stages = cell.stages_s.iter().flat_map(|stages| &stages.0);
    let worked = stages.filter(|(stage, seconds)| stage != UNATTRIBUTED && *seconds > 0.0);
    let (stage, seconds) = worked.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let size = seconds / step_s;
    (size < STEPS).then(|| {
        let words = format!("{stage} takes {:.1} µs, {size:.0} steps of the clock", seconds * 1e6);
        NoiseFinding::new(NoiseKind::CoarseClock, Vec::new(), size, words)
    })
}

/// An interval of the real-time factor that is wide, or cannot be told.
pub(super) fn wide_interval(cell: &CellSummary) -> Option<NoiseFinding> {
    let Rtf { median, ci95, samples } = cell.rtf.as_ref()?;
    let repeats = count(samples.len(), "repeat");
    let (size, words) = match ci95 {
        Some(Interval { lo, hi }) => {
            let size = (hi - median).max(median - lo) / median;
            (size, format!("± {} of the RTF with {repeats}", percent(size)))
        }
        None => (1.0, format!("{repeats}: how far the RTF may be off is not known")),
    };
    (size > WIDE).then(|| NoiseFinding::new(NoiseKind::FewRepeats, Vec::new(), size, words))
}

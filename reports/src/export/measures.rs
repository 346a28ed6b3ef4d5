//! The figures of a cell that are worth following from run to run.

use reelbench_protocol::{Better, Metric};
use reelbench_stats::{self as stats, Interval};

use crate::quality::Score;
use crate::summary::CellSummary;

/// A figure of a cell.
pub(super) struct Measure {
    /// Its path in `summary.json`: `rtf`, `quality.wer`.
    pub(super) name: String,
    /// What it counts.
    pub(super) unit: &'static str,
    /// Which way it gets better; none where it is neither.
    pub(super) better: Option<Better>,
    /// In that unit; a median where it was measured in every repeat.
    pub(super) value: f64,
    /// The 95 % interval of the median; of times alone, and with two repeats or more.
    pub(super) interval: Option<Interval>,
}

/// Every figure that a cell has, times first and scores last.
pub(super) fn measures(cell: &CellSummary) -> Vec<Measure> {
    let of = |metric: Metric, unit, value: Option<f64>, interval| {
        let better = Some(metric.better());
        value.map(|value| Measure { name: metric.to_string(), unit, better, value, interval })
    };
    let rtf = cell.rtf.as_ref();
    let wall = cell.wall_s.as_ref();
    let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
    let measured = [
        of(Metric::Rtf, "x", rtf.map(|rtf| rtf.median), rtf.and_then(|rtf| rtf.ci95)),
        of(
            Metric::WallS,
            "s",
            wall.map(|wall| wall.median),
            wall.and_then(|wall| stats::median_interval(&wall.samples)),
        ),
        of(Metric::TtftS, "s", cell.ttft_s, None),
        of(Metric::TokensPerS, "tokens/s", cell.tokens_per_s, None),
        of(Metric::PeakRssBytes, "bytes", bytes(cell.peak_rss_bytes), None),
        of(Metric::PeakVramBytes, "bytes", bytes(cell.peak_vram_bytes), None),
    ];
    let scores = cell.quality.iter().map(|(name, &value)| Measure {
        name: format!("quality.{name}"),
        unit: "",
        better: Score::named(name).and_then(Score::better),
        value,
        interval: None,
    });
    measured.into_iter().flatten().chain(scores).collect()
}

//! What a cell's repeats measured, metric by metric.

use std::collections::BTreeMap;

use reelbench_protocol::{Metric, Output, RepeatResult, SceneCaption};
use reelbench_stats as stats;

use crate::run::CellRecord;
use crate::shares::shares;

/// The samples of one metric, by the number of their repeat.
pub(crate) type Samples = BTreeMap<u32, f64>;

/// The samples of every metric that a cell's repeats have. Scores of quality are none: they stand in the summary.
pub(crate) fn samples(cell: &CellRecord) -> BTreeMap<Metric, Samples> {
    let mut samples: BTreeMap<Metric, Samples> = BTreeMap::new();
    for repeat in cell.measured() {
        for (metric, value) in of_repeat(repeat) {
            samples.entry(metric).or_default().insert(repeat.repeat, value);
        }
    }
    samples
}

fn of_repeat(repeat: &RepeatResult) -> Vec<(Metric, f64)> {
    let wall_s = seconds(repeat.wall_ns);
    let mut values = vec![(Metric::Rtf, wall_s / repeat.media_s), (Metric::WallS, wall_s)];
    let stages = stage_ns(repeat);
    let covered: u64 = stages.values().sum();
    values.extend(stages.iter().map(|(&metric, &ns)| (metric, seconds(ns))));
    values.push((Metric::Unattributed, seconds(repeat.wall_ns.saturating_sub(covered))));
    values.extend(repeat.peak_rss_bytes.map(|bytes| (Metric::PeakRssBytes, bytes as f64)));
    values.extend(repeat.peak_vram_bytes.map(|bytes| (Metric::PeakVramBytes, bytes as f64)));
    if let Output::Caption { scenes } = &repeat.output {
        values.extend(first_token_s(scenes).map(|ttft_s| (Metric::TtftS, ttft_s)));
        let decode_s = stages.get(&Metric::Decode).map_or(0.0, |&ns| seconds(ns));
        values.extend(tokens_per_s(scenes, decode_s).map(|rate| (Metric::TokensPerS, rate)));
    }
    values
}

/// Nanoseconds of each stage that ran, moments that several share divided among them.
fn stage_ns(repeat: &RepeatResult) -> BTreeMap<Metric, u64> {
    let mut stages = BTreeMap::new();
    for (span, share) in repeat.spans.iter().zip(shares(&repeat.spans)) {
        let metric = Metric::ALL.iter().find(|metric| metric.stage() == Some(span.stage));
        if let Some(&metric) = metric {
            *stages.entry(metric).or_default() += share;
        }
    }
    stages
}

fn first_token_s(scenes: &[SceneCaption]) -> Option<f64> {
    let times: Vec<f64> = scenes.iter().filter_map(|scene| scene.ttft_ns).map(seconds).collect();
    stats::median(&times)
}

/// The first token of a scene belongs to prefill.
fn tokens_per_s(scenes: &[SceneCaption], decode_s: f64) -> Option<f64> {
    let decoded: usize = scenes.iter().map(|scene| scene.tokens.len().saturating_sub(1)).sum();
    (decoded > 0 && decode_s > 0.0).then(|| decoded as f64 / decode_s)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

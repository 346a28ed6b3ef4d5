//! One row per cell: what describes it, and its numbers.

use std::collections::BTreeSet;

use polars::prelude::*;
use reelbench_protocol::{Activity, ModelId, Stage};

use super::{UNATTRIBUTED, columns};
use crate::summary::{CellSummary, Summary};

/// The columns that every table begins with.
pub(super) fn identity(summary: &Summary) -> PolarsResult<DataFrame> {
    let cells = &summary.cells;
    let text = |name: &str, read: &dyn Fn(&CellSummary) -> Option<String>| {
        Column::new(name.into(), cells.iter().map(read).collect::<Vec<_>>())
    };
    let mut columns = vec![
        text("cell", &|cell| Some(cell.id.to_string())),
        text("kind", &|cell| Some(cell.kind.to_string())),
        text("video", &|cell| Some(cell.video.to_string())),
        text("model", &|cell| cell.model.as_ref().map(ModelId::to_string)),
        text("weights", &|cell| (!cell.weights.is_empty()).then(|| cell.weights.join(", "))),
        Column::new("dummy_weights".into(), cells.iter().map(|cell| cell.dummy_weights).collect::<Vec<_>>()),
        text("outcome", &|cell| Some(cell.outcome.as_str().to_owned())),
    ];
    let keys: BTreeSet<&String> = cells.iter().flat_map(|cell| cell.requested.keys()).collect();
    columns.extend(keys.into_iter().map(|key| {
        let values: Vec<_> = cells.iter().map(|cell| cell.requested.get(key)).collect();
        columns::of_values(key, &values)
    }));
    DataFrame::new_infer_height(columns)
}

/// The numbers of the summary, under their path there.
pub(super) fn numbers(summary: &Summary) -> Vec<Column> {
    let cells = &summary.cells;
    let float = |name: &str, read: &dyn Fn(&CellSummary) -> Option<f64>| {
        Column::new(name.into(), cells.iter().map(read).collect::<Vec<_>>())
    };
    let integer = |name: &str, read: &dyn Fn(&CellSummary) -> Option<u64>| {
        Column::new(name.into(), cells.iter().map(read).collect::<Vec<_>>())
    };
    let mut columns = vec![
        Column::new("reason".into(), cells.iter().map(|cell| cell.reason.as_deref()).collect::<Vec<_>>()),
        float("media_s", &|cell| cell.media_s),
        float("rtf.median", &|cell| Some(cell.rtf.as_ref()?.median)),
        float("rtf.ci95.lo", &|cell| Some(cell.rtf.as_ref()?.ci95?.lo)),
        float("rtf.ci95.hi", &|cell| Some(cell.rtf.as_ref()?.ci95?.hi)),
        float("wall_s.median", &|cell| Some(cell.wall_s.as_ref()?.median)),
        float("load_s", &|cell| cell.load_s),
    ];
    let stages = Stage::ALL.iter().map(|stage| stage.as_str()).chain([UNATTRIBUTED]);
    let present = |stage: &&str| cells.iter().any(|cell| cell.stage_s(stage).is_some());
    columns.extend(
        stages.filter(present).map(|stage| float(&format!("stages_s.{stage}"), &|cell| cell.stage_s(stage))),
    );
    for (stage, activity) in activities(cells) {
        let name = format!("activities_s.{stage}.{activity}");
        columns.push(float(&name, &|cell| cell.activity_s(stage, activity)));
    }
    columns.extend([
        integer("scenes", &|cell| cell.scenes),
        integer("tokens_out", &|cell| cell.tokens_out),
        float("ttft_s", &|cell| cell.ttft_s),
        float("tokens_per_s", &|cell| cell.tokens_per_s),
        integer("peak_rss_bytes", &|cell| cell.peak_rss_bytes),
        integer("peak_vram_bytes", &|cell| cell.peak_vram_bytes),
        integer("weights_bytes", &|cell| cell.weights_bytes),
    ]);
    let scores: BTreeSet<&String> = cells.iter().flat_map(|cell| cell.quality.keys()).collect();
    columns.extend(
        scores
            .into_iter()
            .map(|score| float(&format!("quality.{score}"), &|cell| cell.quality.get(score).copied())),
    );
    let parts: BTreeSet<&String> =
        cells.iter().flat_map(|cell| &cell.weights_parts.0).map(|(part, _)| part).collect();
    columns.extend(parts.into_iter().map(|part| {
        integer(&format!("weights_parts.{part}"), &|cell| cell.weights_parts.get(part).copied())
    }));
    columns
}

/// The activities of every stage that does more than compute in some cell.
fn activities(cells: &[CellSummary]) -> Vec<(Stage, Activity)> {
    let all =
        Stage::ALL.iter().flat_map(|&stage| Activity::ALL.iter().map(move |&activity| (stage, activity)));
    let present = |&(stage, activity): &(Stage, Activity)| {
        cells.iter().any(|cell| cell.activity_s(stage, activity).is_some())
    };
    all.filter(present).collect()
}

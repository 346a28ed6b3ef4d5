//! The raw rows of a run: spans and captioned scenes.

use polars::prelude::*;
use reelbench_protocol::{Output, RepeatResult};

use super::INDEX;
use crate::run::Run;
use crate::shares::shares;

/// The stage of what no span covers.
pub(crate) const UNATTRIBUTED: &str = "unattributed";

/// Columns that both tables of rows begin with.
#[derive(Default)]
struct Places {
    index: Vec<IdxSize>,
    repeat: Vec<u32>,
    pass: Vec<&'static str>,
}

impl Places {
    fn push(&mut self, index: IdxSize, repeat: &RepeatResult) {
        self.index.push(index);
        self.repeat.push(repeat.repeat);
        self.pass.push(repeat.pass.as_str());
    }

    fn into_columns(self) -> [Column; 3] {
        [
            Column::new(INDEX.into(), self.index),
            Column::new("repeat".into(), self.repeat),
            Column::new("pass".into(), self.pass),
        ]
    }
}

/// One row per span, and one per repeat for what no span covers.
pub(super) fn stages(run: &Run) -> PolarsResult<DataFrame> {
    let mut places = Places::default();
    let mut typical = Vec::new();
    let mut scene: Vec<Option<u32>> = Vec::new();
    let mut stage: Vec<&'static str> = Vec::new();
    let mut activity: Vec<Option<&'static str>> = Vec::new();
    let mut start_ns: Vec<Option<i64>> = Vec::new();
    let mut duration_ns: Vec<i64> = Vec::new();
    let mut share_ns: Vec<i64> = Vec::new();
    for (index, cell) in (0..).zip(&run.cells) {
        let of_breakdown = cell.typical();
        for repeat in &cell.repeats {
            let is_typical = of_breakdown.iter().any(|other| std::ptr::eq(*other, repeat));
            let mut unattributed = repeat.wall_ns as i64;
            for (span, share) in repeat.spans.iter().zip(shares(&repeat.spans)) {
                places.push(index, repeat);
                typical.push(is_typical);
                scene.push(span.scene);
                stage.push(span.stage.as_str());
                activity.push(Some(span.activity.as_str()));
                start_ns.push(Some(span.start_ns as i64));
                duration_ns.push(span.duration_ns as i64);
                share_ns.push(share as i64);
                unattributed = unattributed.saturating_sub(share as i64);
            }
            places.push(index, repeat);
            typical.push(is_typical);
            scene.push(None);
            stage.push(UNATTRIBUTED);
            activity.push(None);
            start_ns.push(None);
            duration_ns.push(unattributed);
            share_ns.push(unattributed);
        }
    }
    let mut columns = Vec::from(places.into_columns());
    columns.extend([
        Column::new("typical".into(), typical),
        Column::new("scene".into(), scene),
        Column::new("stage".into(), stage),
        Column::new("activity".into(), activity),
        Column::new("start_ns".into(), start_ns),
        Column::new("duration_ns".into(), duration_ns),
        Column::new("share_ns".into(), share_ns),
    ]);
    DataFrame::new_infer_height(columns)
}

/// One row per captioned scene and repeat.
pub(super) fn scenes(run: &Run) -> PolarsResult<DataFrame> {
    let mut places = Places::default();
    let mut scene = Vec::new();
    let mut prompt_tokens = Vec::new();
    let mut tokens_out = Vec::new();
    let mut ttft_ns: Vec<Option<i64>> = Vec::new();
    let mut finish: Vec<Option<&'static str>> = Vec::new();
    let mut error: Vec<Option<String>> = Vec::new();
    for (index, cell) in (0..).zip(&run.cells) {
        for repeat in &cell.repeats {
            let Output::Caption { scenes } = &repeat.output else { continue };
            for caption in scenes {
                places.push(index, repeat);
                scene.push(caption.scene);
                prompt_tokens.push(caption.prompt_tokens);
                tokens_out.push(caption.tokens.len() as u32);
                ttft_ns.push(caption.ttft_ns.map(|ns| ns as i64));
                finish.push(caption.finish.map(reelbench_protocol::Finish::as_str));
                error.push(caption.failure.as_ref().map(ToString::to_string));
            }
        }
    }
    let mut columns = Vec::from(places.into_columns());
    columns.extend([
        Column::new("scene".into(), scene),
        Column::new("prompt_tokens".into(), prompt_tokens),
        Column::new("tokens_out".into(), tokens_out),
        Column::new("ttft_ns".into(), ttft_ns),
        Column::new("finish".into(), finish),
        Column::new("error".into(), error),
    ]);
    DataFrame::new_infer_height(columns)
}

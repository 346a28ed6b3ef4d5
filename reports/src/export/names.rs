//! Names of cells that stay the same from run to run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reelbench_protocol::{CaptionSettings, CellSpec, SceneSpec, Work, value_text};

use crate::run::CellRecord;
use crate::summary::CellSummary;

/// Settings of stage 1 that go without saying: one thing at a time, and weights as they are. The others are said always.
const PLAIN: [(&str, &str); 8] = [
    ("asr.concurrency", "1"),
    ("asr.engine", "whisper"),
    ("asr.num_beams", "1"),
    ("asr.quantization", "none"),
    ("asr.temperature_fallback", "true"),
    ("ast.batch", "1"),
    ("ast.quantization", "none"),
    ("parallel", "false"),
];

/// The film, the model or `stage 1`, and every setting that is not plain: `sintel llava-v1.6-7b dtype=f32 use_cache=false`.
///
/// It follows from the cell alone, so that another value of an axis, or another axis, renames no benchmark; names in a
/// report have the settings that vary among its cells. Random weights are another benchmark than those they stand in for.
pub(super) fn of_benchmark(record: &CellRecord, cell: &CellSummary) -> String {
    let spec = record.spec();
    let plain = plain(spec);
    let mut name = spec.to_string();
    for (key, value) in &cell.requested {
        let value = value_text(value);
        if plain.get(key) != Some(&value) {
            // Writing to a string cannot fail.
            let _ = write!(name, " {key}={value}");
        }
    }
    if cell.dummy_weights {
        name.push_str(" (dummy weights)");
    }
    name
}

/// What goes without saying in a cell: the defaults of captions and scenes, and [`PLAIN`].
fn plain(spec: &CellSpec) -> BTreeMap<String, String> {
    let mut spec = spec.clone();
    match &mut spec.work {
        Work::Stage1(stage1) => {
            (stage1.asr, stage1.ast, stage1.yolo) = (None, None, None);
            stage1.scene = Some(SceneSpec::default());
        }
        Work::Caption(caption) => {
            (caption.asr, caption.ast, caption.yolo) = (None, None, None);
            (caption.seed, caption.max_scenes) = (None, None);
            caption.scene = Some(SceneSpec::default());
            caption.settings = CaptionSettings::default();
        }
    }
    let defaults = spec.requested().into_iter().map(|(key, value)| (key, value_text(&value)));
    defaults.chain(PLAIN.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

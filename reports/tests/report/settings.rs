//! What settings that must not, or may, change captions come to.

use reelbench_protocol::{
    CacheVerdict, CaptionSettings, Dtype, Failure, FailureKind, FirstDifference, JournalEvent, Output,
    Quantization, RepeatResult, Stage,
};
use reelbench_reports::{Instability, Outcome, Template, rebuild};
use serde_json::Value;

use crate::fixtures::*;
use crate::support::*;

#[test]
fn a_check_of_the_cache_makes_a_cell_unstable() {
    let first = FirstDifference { scene: 4, position: 3, cached: Some(318), uncached: None };
    let failure =
        Failure::new(FailureKind::Internal, "the runner was ended by SIGABRT").in_stage(Stage::Decode);
    let broke =
        CacheVerdict::Broke { use_cache: false, failure, log_tail: vec!["assertion failed".to_owned()] };
    let verdicts = [
        ("healthy", CacheVerdict::Same { scenes: vec![1, 4] }),
        ("drifts", CacheVerdict::Differs(first)),
        ("breaks", broke),
        ("never-off", CacheVerdict::NotOffered),
    ];
    let stage1 = stage1_cell("sintel", 1);
    let cells: Vec<_> =
        verdicts.iter().map(|(model, _)| caption_cell("sintel", model, cached(), &stage1)).collect();
    let planned = std::iter::once(&stage1).chain(&cells).cloned().collect();
    let mut run = RunDir::planned(planned, Vec::new());
    run.measure(&stage1, [100, 100, 100], |wall_ms| stage1_result(&stage1, wall_ms));
    for (cell, (_, verdict)) in cells.iter().zip(&verdicts) {
        run.measure(cell, [400, 410, 420], |wall_ms| caption_result(cell, wall_ms));
        run.events.push(JournalEvent::CacheChecked { cell: cell.id.clone(), verdict: verdict.clone() });
    }
    run.finish();
    let judged = &judged(&run)[1..];
    let unstable = Outcome::Unstable(Instability::Cache);
    assert_eq!(judged[0], (Outcome::Ok, String::new()));
    let differs = "cache: tokens differ at scene 4, token 3: 318 with the cache, none without";
    assert_eq!(judged[1], (unstable, differs.to_owned()));
    let broke = "cache: with use_cache false it broke: decode: the runner was ended by SIGABRT";
    assert_eq!(judged[2], (unstable, broke.to_owned()));
    assert_eq!(judged[3], (Outcome::Ok, String::new()));
    rebuild(run.write(), &Template::Embedded).unwrap();
    let report = read(run.write(), "report.md");
    for words in [
        "| same tokens in scenes 1, 4 ",
        "| differs at scene 4, token 3: 318 with the cache, none without ",
        "| broke without it: decode: the runner was ended by SIGABRT ",
        "| not checked: the runner cannot do without it ",
        "### ⚠️ Unstable Cache: ",
        "assertion failed",
    ] {
        assert!(report.contains(words), "no `{words}` in:\n{report}");
    }
}

#[test]
fn captions_are_compared_with_those_of_the_reference_setting() {
    let stage1 = stage1_cell("sintel", 1);
    let cell = |settings| caption_cell("sintel", "llava", settings, &stage1);
    let settings = CaptionSettings { dtype: Dtype::F32, ..cached() };
    let reference = cell(settings.clone());
    let batched = cell(CaptionSettings { batch_scenes: 2, ..settings.clone() });
    let narrow = cell(CaptionSettings { dtype: Dtype::Bf16, ..settings.clone() });
    let quantized = cell(CaptionSettings { quantization: Quantization::Q4k, ..settings.clone() });
    let alone = cell(CaptionSettings { num_beams: 5, quantization: Quantization::Nf4, ..settings });
    // The reference comes last in the plan: its place is no matter.
    let cells = [&stage1, &batched, &narrow, &quantized, &alone, &reference].map(Clone::clone);
    let mut run = RunDir::planned(cells.to_vec(), Vec::new());
    run.measure(&stage1, [100, 100, 100], |wall_ms| stage1_result(&stage1, wall_ms));
    for cell in [&batched, &reference, &alone] {
        run.measure(cell, [400, 410, 420], |wall_ms| told_dtype(caption_result(cell, wall_ms), "f32"));
    }
    run.measure(&narrow, [400, 410, 420], |wall_ms| {
        let result = told_dtype(caption_result(&narrow, wall_ms), "bf16");
        with_tokens(result, |tokens| tokens[0] += 1)
    });
    run.measure(&quantized, [400, 410, 420], |wall_ms| {
        let result = told_dtype(caption_result(&quantized, wall_ms), "f32");
        with_tokens(result, |tokens| tokens.truncate(1))
    });
    run.finish();
    let rebuilt = rebuild(run.write(), &Template::Embedded).unwrap();
    let rows = &rebuilt.report.agreement.table.rows;
    let texts: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect();
    assert_eq!(
        texts,
        [
            ["llava", "sintel", "2", "f32", "none", "f32", "2 of 2", "100.0 %", "–", "6", "6"],
            ["llava", "sintel", "1", "bf16", "none", "f32", "0 of 2", "66.7 %", "scene 0, token 0", "6", "6"],
            ["llava", "sintel", "1", "f32", "q4k", "f32", "0 of 2", "33.3 %", "scene 0, token 1", "2", "6"],
        ],
        "five beams have no reference"
    );
}

fn told_dtype(mut result: RepeatResult, dtype: &str) -> RepeatResult {
    result.effective.insert("dtype".into(), dtype.into());
    result
}

fn with_tokens(mut result: RepeatResult, change: impl Fn(&mut Vec<u32>)) -> RepeatResult {
    if let Output::Caption { scenes } = &mut result.output {
        for scene in scenes.iter_mut() {
            change(&mut scene.tokens);
        }
    }
    result
}

/// Rate, time to the first token and stages of a cell whose spans name their scene or not.
fn numbers(name: impl Fn(Option<u32>) -> Option<u32>) -> (f64, Value, Value) {
    let stage1 = stage1_cell("sintel", 1);
    let cell = caption_cell("sintel", "llava", cached(), &stage1);
    let mut run = RunDir::planned(vec![stage1.clone(), cell.clone()], Vec::new());
    run.measure(&stage1, [100, 100, 100], |wall_ms| stage1_result(&stage1, wall_ms));
    run.measure(&cell, [1000, 1000, 1000], |wall_ms| {
        let mut result = caption_result(&cell, wall_ms);
        result.spans.iter_mut().for_each(|span| span.scene = name(span.scene));
        result
    });
    run.finish();
    let summary = summary(run.write());
    let cell = &summary["cells"][1];
    (cell["tokens_per_s"].as_f64().unwrap(), cell["ttft_s"].clone(), cell["stages_s"].clone())
}

#[test]
fn scenes_decoded_together_have_the_same_numbers_as_one_by_one() {
    let together = numbers(|_| None);
    assert_eq!(together, numbers(|scene| scene));
    assert!((together.0 - 10.0).abs() < 1e-9, "four tokens after the first in 400 ms: {}", together.0);
}

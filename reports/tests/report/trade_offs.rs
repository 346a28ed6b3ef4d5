//! What the analysis says in words: bottlenecks and what changes of knobs save, cost or only seem to save.

use reelbench_protocol::{
    AdaptiveRepeats, CaptionSettings, JournalEvent, Metric, Output, Pass, PlannedCell, Quantization,
    RepeatResult, Repeats, Warmup,
};
use reelbench_reports::{Report, Results};

use crate::fixtures::*;
use crate::support::*;

fn caption(settings: CaptionSettings) -> PlannedCell {
    caption_cell("a", "llava", settings, &stage1_cell("a", 1))
}

fn report(run: &RunDir) -> Report {
    Results::load(run.write()).unwrap().report
}

/// A cell, the times of its repeats, and how what they tell is changed.
type Told<'a> = (&'a PlannedCell, [u64; 3], &'a dyn Fn(RepeatResult) -> RepeatResult);

/// A run of one film whose captions take so long, each with its own change to what a repeat tells.
fn run_of_captions(cells: &[Told<'_>]) -> RunDir {
    let stage1 = stage1_cell("a", 1);
    let planned = std::iter::once(&stage1).chain(cells.iter().map(|(cell, ..)| *cell)).cloned().collect();
    let mut run = RunDir::planned(planned, vec![]);
    run.measure(&stage1, [100, 100, 100], |wall_ms| stage1_result(&stage1, wall_ms));
    for (cell, wall_ms, change) in cells {
        run.measure(cell, *wall_ms, |wall_ms| change(caption_result(cell, wall_ms)));
    }
    run.finish();
    run
}

fn as_it_is(result: RepeatResult) -> RepeatResult {
    result
}

#[test]
fn a_knob_of_the_matrix_tells_what_it_saves_and_any_other_part_has_a_bound() {
    let (plain, quantized) = (cached(), CaptionSettings { quantization: Quantization::Q4k, ..cached() });
    let (plain, quantized) = (caption(plain), caption(quantized));
    let run = run_of_captions(&[
        (&plain, [10_000, 10_000, 10_000], &as_it_is),
        (&quantized, [5_000, 5_100, 5_000], &as_it_is),
    ]);
    let report = report(&run);
    let notes = &report.captioning.notes;
    // 40 % decoding, 20 % each vision and prefill, 10 % frames, 6 % preprocessing, 4 % of nothing.
    assert_eq!(
        notes[0],
        "The bottleneck is decoding: it takes 40.0 % of captioning (median over 2 cells, dummy weights). After it come the \
         vision tower 20.0 %, prefill 20.0 %, getting the frames 10.0 %, preprocessing 6.0 %, what no stage covers 4.0 %."
    );
    // Python: exp(mean(log([2, 10000 / 5100, 2]))) = 1.98684; 1 - 1 / 1.98684 = 0.49669.
    assert_eq!(
        notes[1],
        "Measured: quantization q4k instead of none saves 49.7 % of captioning (llava, 1 pair), as it makes decoding 1.99x \
         as fast, the vision tower 1.99x as fast, prefill 1.99x as fast."
    );
    let stage1 = &report.stage1.notes;
    assert_eq!(
        stage1[1],
        "Bounds, not measured (Amdahl's law): even if ASR took no time, 20.0 % of stage 1 would be left, which is at most \
         5.00x as fast."
    );
    let captioning = &report.bottlenecks[1];
    assert_eq!((captioning.parts[0].metric, captioning.savings.len()), (Metric::Decode, 1));
    assert!((captioning.parts[0].bound.unwrap() - 1.0 / 0.6).abs() < 1e-7);
}

#[test]
fn a_value_that_costs_time_says_what_its_base_saves() {
    let run = run_of_captions(&[
        (&caption(cached()), [10_000, 10_000, 10_000], &as_it_is),
        (&caption(uncached()), [40_000, 40_000, 40_000], &as_it_is),
    ]);
    let report = report(&run);
    let notes = &report.captioning.notes;
    assert!(
        notes[1].starts_with(
            "Measured: use_cache true instead of false saves 75.0 % of captioning (llava, 1 pair)"
        ),
        "{notes:?}"
    );
    let cost =
        "Without the cache, captioning takes 4.00x the time, 4.00x to 4.00x (llava, 1 pair, dummy weights).";
    assert!(
        report.knobs_captioning.notes.iter().any(|note| note == cost),
        "{:?}",
        report.knobs_captioning.notes
    );
}

#[test]
fn memory_saved_stands_beside_its_time() {
    let quantized = caption(CaptionSettings { quantization: Quantization::Q4k, ..cached() });
    let half = |result: RepeatResult| RepeatResult { peak_rss_bytes: Some(256 << 20), ..result };
    let mut run = run_of_captions(&[
        (&caption(cached()), [10_000, 10_000, 10_000], &as_it_is),
        (&quantized, [8_000, 8_000, 8_000], &half),
    ]);
    for event in &mut run.events {
        if let JournalEvent::Loaded { loaded, cells, .. } = event
            && cells.contains(&quantized.id)
        {
            loaded.weights_bytes /= 4;
        }
    }
    let notes = report(&run).knobs_captioning.notes;
    let words = "With quantization q4k instead of none the weights take 25.0 % of the memory and the process 50.0 % at its \
                 peak, in 80.0 % of the time (llava, 1 pair, dummy weights).";
    assert!(notes.iter().any(|note| note == words), "{notes:?}");
}

/// The warnings of a value that takes so long, where the other takes 10 s, and says so many tokens of three a scene.
/// A run whose shorter captions have so many tokens a scene, and take so long.
pub(crate) fn run_of_short_captions(tokens: usize, wall_ms: u64) -> RunDir {
    let short = move |mut result: RepeatResult| {
        if let Output::Caption { scenes } = &mut result.output {
            for scene in scenes {
                scene.tokens.truncate(tokens);
            }
        }
        result
    };
    let fewer = caption(CaptionSettings { max_new_tokens: 128, ..cached() });
    let most = caption(cached());
    run_of_captions(&[
        (&most, [10_000, 10_000, 10_000], &as_it_is),
        (&fewer, [wall_ms, wall_ms, wall_ms], &short),
    ])
}

fn warnings(tokens: usize, wall_ms: u64) -> Vec<String> {
    let run = run_of_short_captions(tokens, wall_ms);
    report(&run).knobs_captioning.notes.into_iter().filter(|note| note.contains("says less")).collect()
}

#[test]
fn speed_that_is_only_shortness_is_warned_of() {
    assert_eq!(warnings(3, 5_000), [""; 0], "as many tokens");
    assert_eq!(warnings(2, 2_000), [""; 0], "two thirds of the tokens in a fifth of the time");
    // Half the time for two thirds of the tokens: log(2 / 3) / log(1 / 2) = 0.585 of the saving.
    assert_eq!(
        warnings(2, 5_000),
        [
            "⚠️ max_new_tokens 128 instead of 256 is faster mainly because it says less: 66.7 % of the tokens, each of them \
          decoded in 1.00x the time (llava, 1 pair, dummy weights)."
        ]
    );
}

/// A run that stops when it knows enough.
pub(crate) fn adaptive_run() -> RunDir {
    let cell = caption(cached());
    let mut run = run_of_captions(&[(&cell, [10_000, 10_000, 10_000], &as_it_is)]);
    if let Some(JournalEvent::Planned { repeats, warmup, .. }) = run.events.get_mut(1) {
        let adaptive = AdaptiveRepeats { at_least: 3, at_most: 30, precision: 0.02, budget_s: 600.0 };
        *repeats = Repeats::Adaptive(adaptive);
        *warmup = Warmup::UntilWarm { at_most: 5, within: 0.05 };
    }
    let finished = run.events.pop();
    // A second warm-up of the captions that takes as long as the first; stage 1's stops at one.
    run.repeat(RepeatResult { pass: Pass::Warmup, repeat: 1, ..caption_result(&cell, 20_100) });
    run.events.extend(finished);
    run
}

#[test]
fn what_was_left_open_is_told() {
    assert_eq!(
        report(&adaptive_run()).setup.repetition,
        [
            "Warm-ups of a cell in a process: 1 to 2; 1 time warm, as two in a row took the same within 5.0 %; 1 time cut short.",
            "Repeats of a cell: 3; 2 times enough, as the interval reached no further than ± 2.0 %.",
        ]
    );
}

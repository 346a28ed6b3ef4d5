//! What each knob does, from runs whose effects are known.

use reelbench_protocol::{
    CaptionSettings, Detector, Metric, PlannedCell, Quantization, RepeatResult, SceneSpec, Stage1Spec, Work,
};
use reelbench_reports::{KnobEffect, Over, Ratio, Results};
use reelbench_stats::Interval;

use crate::fixtures::*;
use crate::stage1_fixtures::*;
use crate::support::*;

/// A caption cell with the times of its repeats.
type Timed = (PlannedCell, [u64; 3]);

fn quantized(quantization: Quantization, num_beams: u32) -> CaptionSettings {
    CaptionSettings { quantization, num_beams, ..cached() }
}

fn caption(video: &str, settings: CaptionSettings) -> PlannedCell {
    caption_cell(video, "llava", settings, &stage1_cell(video, 1))
}

fn run_of_captions(cells: &[Timed]) -> RunDir {
    let mut stages: Vec<PlannedCell> = Vec::new();
    for (cell, _) in cells {
        let stage1 = stage1_cell(cell.spec.video.id.as_str(), 1);
        if !stages.contains(&stage1) {
            stages.push(stage1);
        }
    }
    let planned = stages.iter().chain(cells.iter().map(|(cell, _)| cell)).cloned().collect();
    let mut run = RunDir::planned(planned, vec![]);
    for stage1 in &stages {
        run.measure(stage1, [100, 100, 100], |wall_ms| stage1_result(stage1, wall_ms));
    }
    for (cell, wall_ms) in cells {
        run.measure(cell, *wall_ms, |wall_ms| caption_result(cell, wall_ms));
    }
    run.finish();
    run
}

fn effects(run: &RunDir) -> Vec<KnobEffect> {
    Results::load(run.write()).unwrap().report.knob_effects
}

#[track_caller]
fn assert_ratio(got: Option<&Ratio>, ratio: f64, interval: Option<[f64; 2]>, over: Over, pairs: usize) {
    let got = got.unwrap();
    // A repeat of the fixtures takes 7 ns more than it says.
    assert!((got.ratio / ratio - 1.0).abs() < 1e-7, "{got:?}");
    match (got.interval, interval) {
        (Some(Interval { lo, hi }), Some(expected)) => {
            assert!((lo / expected[0] - 1.0).abs() < 1e-6, "{got:?}");
            assert!((hi / expected[1] - 1.0).abs() < 1e-6, "{got:?}");
        }
        (got, expected) => assert_eq!(got.is_some(), expected.is_some()),
    }
    assert_eq!((got.over, got.pairs), (over, pairs));
}

#[test]
fn of_several_videos_the_video_is_the_unit_drawn() {
    let pair = |video, base: [u64; 3], head| {
        [
            (caption(video, quantized(Quantization::None, 1)), base),
            (caption(video, quantized(Quantization::Q4k, 1)), head),
        ]
    };
    // 0.5 in every round of one film, 0.6 of another, 0.4 of a third.
    let cells = [
        pair("a", [10_000, 12_000, 11_000], [5_000, 6_000, 5_500]),
        pair("b", [10_000, 12_000, 11_000], [6_000, 7_200, 6_600]),
        pair("c", [10_000, 12_000, 11_000], [4_000, 4_800, 4_400]),
    ];
    let effects = effects(&run_of_captions(&cells.concat()));
    let [effect] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(
        (effect.knob.as_str(), effect.value.as_str(), effect.base.as_str()),
        ("quantization", "q4k", "none")
    );
    assert_eq!((effect.pairs, effect.videos, effect.left_out, effect.dummy_weights), (3, 3, 0, true));
    // Python: exp(mean(log r) ± 4.302652729911275 * stdev(log r) / sqrt(3)) of r = 0.5, 0.6, 0.4.
    let interval = Some([0.297_833_646_6, 0.816_858_949_9]);
    assert_ratio(effect.ratio(Metric::Rtf), 0.493_242_414_9, interval, Over::Videos, 3);
    assert_ratio(effect.ratio(Metric::Decode), 0.493_242_414_9, interval, Over::Videos, 3);
    assert_ratio(effect.ratios.get("tokens_out"), 1.0, Some([1.0, 1.0]), Over::Videos, 3);
    let moved = effect.most_moved.as_ref().unwrap();
    // Decoding is 40 % of the middle repeats of 11 s, of which 5.5, 4.4 and 6.6 s are saved.
    assert_eq!(moved.metric, Metric::Decode);
    assert!((moved.seconds + 0.4 * 5.5).abs() < 1e-9, "{moved:?}");
}

#[test]
fn of_one_video_the_round_is_the_unit_drawn() {
    // Rounds at 0.5, 0.55, 0.45 with one beam, and 0.6, 0.62, 0.64 with two; beams double the time.
    let cells = [
        (caption("a", quantized(Quantization::None, 1)), [10_000, 20_000, 10_000]),
        (caption("a", quantized(Quantization::Q4k, 1)), [5_000, 11_000, 4_500]),
        (caption("a", quantized(Quantization::None, 2)), [10_000, 10_000, 10_000]),
        (caption("a", quantized(Quantization::Q4k, 2)), [6_000, 6_200, 6_400]),
    ];
    let effects = effects(&run_of_captions(&cells));
    let names: Vec<_> = effects.iter().map(|effect| (effect.knob.as_str(), effect.value.as_str())).collect();
    assert_eq!(names, [("num_beams", "2"), ("quantization", "q4k")]);
    // Python: the rounds' means of the logarithms of both pairs, and exp(mean ± 4.302652729911275 * stdev / sqrt(3)).
    let interval = Some([0.498_119_871_9, 0.620_043_519_5]);
    assert_ratio(effects[1].ratio(Metric::Rtf), 0.555_748_143_1, interval, Over::Repeats, 2);
    assert_eq!((effects[1].pairs, effects[1].videos), (2, 1));
}

#[test]
fn the_base_is_the_reference_setting_wherever_it_stands_in_the_plan() {
    let settings = [
        CaptionSettings {
            use_cache: false,
            num_beams: 2,
            quantization: Quantization::Nf4,
            frame_size: 0,
            ..cached()
        },
        CaptionSettings {
            use_cache: true,
            num_beams: 2,
            quantization: Quantization::Nf4,
            frame_size: 0,
            ..cached()
        },
        CaptionSettings {
            use_cache: false,
            num_beams: 1,
            quantization: Quantization::Nf4,
            frame_size: 0,
            ..cached()
        },
        CaptionSettings {
            use_cache: false,
            num_beams: 2,
            quantization: Quantization::None,
            frame_size: 0,
            ..cached()
        },
        CaptionSettings {
            use_cache: false,
            num_beams: 2,
            quantization: Quantization::Nf4,
            frame_size: 336,
            ..cached()
        },
    ];
    let cells: Vec<Timed> =
        settings.into_iter().map(|settings| (caption("a", settings), [1_000, 1_000, 1_000])).collect();
    let effects = effects(&run_of_captions(&cells));
    let told: Vec<_> = effects.iter().map(|effect| [&effect.knob, &effect.value, &effect.base]).collect();
    assert_eq!(
        told,
        [
            ["frame_size", "0", "336"],
            ["num_beams", "2", "1"],
            ["quantization", "nf4", "none"],
            ["use_cache", "false", "true"],
        ]
    );
}

#[test]
fn settings_that_always_change_together_are_one_knob() {
    let cell =
        |scene| planned("a", Work::Stage1(Stage1Spec { scene: Some(scene), ..Stage1Spec::default() }), None);
    let content = cell(SceneSpec::default());
    let adaptive = cell(SceneSpec { detector: Detector::Adaptive, threshold: 3.0, ..SceneSpec::default() });
    let run = run_of(&[&content, &adaptive], |cell, _| stage1_result(cell, 1000));
    let effects = effects(&run);
    let [effect] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(effect.knob, "scene.detector + scene.threshold");
    assert_eq!((effect.base.as_str(), effect.value.as_str()), ("adaptive + 3", "content + 27"));
}

/// Cells one after the other and with speech and sounds side by side, at 10 s and 8 s.
fn side_by_side(change: impl Fn(&PlannedCell, RepeatResult) -> RepeatResult) -> Vec<KnobEffect> {
    let cells = [AT_REST, Knobs { parallel: true, ..AT_REST }].map(|knobs| full_cell("sintel", knobs));
    let run = run_of(&[&cells[1], &cells[0]], |cell, repeat| {
        let wall_ms = if cell.id == cells[1].id { 8_000 } else { 10_000 };
        change(cell, sequential(cell, wall_ms + u64::from(repeat) * 100))
    });
    effects(&run)
}

#[test]
fn speech_beside_sounds_is_a_knob() {
    let effects = side_by_side(|_, result| result);
    let [effect] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(
        (effect.knob.as_str(), effect.value.as_str(), effect.base.as_str()),
        ("parallel", "true", "false")
    );
    // Python: r = 8 / 10, 8.1 / 10.1, 8.2 / 10.2.
    let interval = Some([0.797_109_422_3, 0.806_851_478_2]);
    assert_ratio(effect.ratio(Metric::WallS), 0.801_965_657_4, interval, Over::Repeats, 1);
    assert_eq!(effect.most_moved.as_ref().map(|moved| moved.metric), Some(Metric::Asr));
}

#[test]
fn a_pair_with_a_cell_that_is_not_ok_says_nothing_and_is_told() {
    let changed = full_cell("sintel", Knobs { parallel: true, ..AT_REST });
    let effects = side_by_side(|cell, result| {
        with_output(result, |output| {
            if cell.id == changed.id {
                output.sounds.as_mut().unwrap().windows.clear();
            }
        })
    });
    let [effect] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((effect.pairs, effect.videos, effect.left_out), (0, 0, 1));
    assert!(effect.ratios.is_empty() && effect.most_moved.is_none());
}

#[test]
fn a_video_has_no_pairs_with_another() {
    let cells = [
        (caption("a", quantized(Quantization::None, 1)), [1_000, 1_000, 1_000]),
        (caption("b", quantized(Quantization::Q4k, 1)), [500, 500, 500]),
    ];
    assert_eq!(effects(&run_of_captions(&cells)), []);
}

//! Whether a repeat's result can be believed. A wrong answer is a failure, never a number in a table.

use reelbench_protocol::{
    Loaded, Output, RepeatResult, RunSpec, SceneCaption, SceneList, Span, Stage1Output, Work,
};

use crate::findings;

/// What makes a result unusable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// It answers something that was not asked.
    #[error("it answers {answered} where {asked} was asked")]
    OtherRepeat {
        /// What it names.
        answered: String,
        /// What it should name.
        asked: String,
    },
    /// It holds the wrong kind of output.
    #[error("its output is not of the cell's kind")]
    OtherKind,
    /// A number that cannot be.
    #[error("{name} is {value}, which cannot be")]
    Absurd {
        /// What.
        name: String,
        /// Its value.
        value: f64,
    },
    /// A span that ends after the repeat.
    #[error("the span of {stage} at {start_ns} ns ends after the repeat's {wall_ns} ns")]
    SpanOutside {
        /// Its stage.
        stage: reelbench_protocol::Stage,
        /// Its start.
        start_ns: u64,
        /// The repeat's length.
        wall_ns: u64,
    },
    /// Captions for other scenes than those asked.
    #[error("it captions {answered} scenes in order where {asked} were asked")]
    OtherScenes {
        /// How many of its captions stand at their place.
        answered: usize,
        /// How many there should be.
        asked: usize,
    },
    /// A caption that neither ended nor failed, or both.
    #[error("scene {scene} needs either a finish or a failure")]
    Unfinished {
        /// The scene.
        scene: u32,
    },
    /// Scenes that do not follow each other.
    #[error("scene {scene} does not start where the one before it ends, or is empty")]
    Gap {
        /// The scene.
        scene: usize,
    },
    /// A list of no scenes: a film without a cut is one scene.
    #[error("its list of scenes is empty")]
    NoScenes,
    /// Windows or frames that are not in the order of time.
    #[error("{what} {index} does not come after the one before it, or ends before it begins")]
    Disorder {
        /// Windows of sound or frames.
        what: &'static str,
        /// Counted from 0.
        index: usize,
    },
    /// More of something than can be.
    #[error("{what} has {count}, more than {most}")]
    TooMany {
        /// What has them.
        what: String,
        /// How many.
        count: usize,
        /// How many there can be.
        most: usize,
    },
    /// Parts of weights that are not the whole.
    #[error("the parts of its weights do not sum to their {whole} bytes")]
    OtherParts {
        /// Bytes in all.
        whole: u64,
    },
    /// A timeline without a unit or with an empty run.
    #[error("its timeline cannot be read: a denominator or a count of 0")]
    Timeline,
}

/// Checks what a load says it loaded.
///
/// # Errors
/// When the parts are not the whole.
pub(crate) fn check_parts(loaded: &Loaded) -> Result<(), Unusable> {
    let Loaded { weights_bytes, parts, .. } = loaded;
    let sum = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.bytes));
    if parts.is_empty() || sum == Some(*weights_bytes) {
        return Ok(());
    }
    Err(Unusable::OtherParts { whole: *weights_bytes })
}

/// Checks a result against the request it answers.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn check(run: &RunSpec, result: &RepeatResult) -> Result<(), Unusable> {
    let asked = (&run.cell, run.pass, run.repeat);
    let answered = (&result.cell, result.pass, result.repeat);
    if asked != answered {
        let name = |(cell, pass, repeat)| format!("cell {cell} {pass} {repeat}");
        return Err(Unusable::OtherRepeat { answered: name(answered), asked: name(asked) });
    }
    positive("media_s", result.media_s)?;
    positive("wall_ns", result.wall_ns as f64)?;
    spans(&result.spans, result.wall_ns)?;
    match (&run.spec.work, &result.output) {
        (Work::Stage1(_), Output::Stage1(output)) => stage1(output),
        (Work::Caption(caption), Output::Caption { scenes }) => {
            let found = run.scenes.as_ref().map_or(1, |list| list.scenes.len());
            let asked = caption.max_scenes.map_or(found, |most| found.min(most as usize));
            captions(scenes, asked, result.wall_ns)
        }
        _ => Err(Unusable::OtherKind),
    }
}

fn positive(name: &str, value: f64) -> Result<(), Unusable> {
    let is_possible = value.is_finite() && value > 0.0;
    is_possible.then_some(()).ok_or_else(|| Unusable::Absurd { name: name.to_owned(), value })
}

pub(crate) fn time(name: &str, value: f64) -> Result<(), Unusable> {
    value.is_finite().then_some(()).ok_or_else(|| Unusable::Absurd { name: name.to_owned(), value })
}

/// Spans lie within the repeat. They may overlap: requests go side by side, and so do speech and sounds.
fn spans(spans: &[Span], wall_ns: u64) -> Result<(), Unusable> {
    let end = |span: &Span| span.start_ns.checked_add(span.duration_ns);
    if let Some(span) = spans.iter().find(|span| end(span).is_none_or(|end| end > wall_ns)) {
        return Err(Unusable::SpanOutside { stage: span.stage, start_ns: span.start_ns, wall_ns });
    }
    Ok(())
}

fn stage1(output: &Stage1Output) -> Result<(), Unusable> {
    output.scenes.as_ref().map_or(Ok(()), scene_list)?;
    for segment in output.transcript.iter().flat_map(|transcript| &transcript.segments) {
        time("a segment's start", segment.start)?;
        time("a segment's end", segment.end)?;
    }
    output.sounds.as_ref().map_or(Ok(()), findings::sounds)?;
    output.objects.as_ref().map_or(Ok(()), findings::objects)
}

fn scene_list(list: &SceneList) -> Result<(), Unusable> {
    positive("fps", list.fps)?;
    if list.timeline.time_base.den == 0 || list.timeline.runs.iter().any(|run| run.count == 0) {
        return Err(Unusable::Timeline);
    }
    if list.scenes.is_empty() {
        return Err(Unusable::NoScenes);
    }
    let mut previous_end = None;
    for (scene, found) in list.scenes.iter().enumerate() {
        time("a scene's start_s", found.start_s)?;
        time("a scene's end_s", found.end_s)?;
        let follows = previous_end.is_none_or(|end| end == found.start_frame);
        if !follows || found.start_frame >= found.end_frame || found.start_s > found.end_s {
            return Err(Unusable::Gap { scene });
        }
        previous_end = Some(found.end_frame);
    }
    Ok(())
}

fn captions(captions: &[SceneCaption], asked: usize, wall_ns: u64) -> Result<(), Unusable> {
    let in_place = captions.iter().zip(0..).filter(|(caption, scene)| caption.scene == *scene).count();
    if in_place != asked || captions.len() != asked {
        return Err(Unusable::OtherScenes { answered: in_place, asked });
    }
    for caption in captions {
        if caption.finish.is_some() == caption.failure.is_some() {
            return Err(Unusable::Unfinished { scene: caption.scene });
        }
        caption.frame_pts_s.iter().try_for_each(|&pts| time("a frame's time", pts))?;
        if let Some(ttft_ns) = caption.ttft_ns.filter(|&ttft_ns| ttft_ns > wall_ns) {
            return Err(Unusable::Absurd { name: "ttft_ns".to_owned(), value: ttft_ns as f64 });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{
        Activity, CaptionSettings, CaptionSpec, CellId, CellSpec, Failure, FailureKind, Family, Finish, Pass,
        Scene, Settings, Stage, TicksRun, TimeBase, Timeline, VideoSpec, Weights, WeightsPart,
    };

    use super::*;

    fn scenes() -> SceneList {
        let time_base = TimeBase { num: 1, den: 24 };
        let timeline = Timeline { time_base, runs: vec![TicksRun { start: 0, step: 1, count: 48 }] };
        let scene = |start_frame: u32, end_frame: u32| Scene {
            start_frame,
            end_frame,
            start_s: f64::from(start_frame) / 24.0,
            end_s: f64::from(end_frame) / 24.0,
        };
        SceneList { fps: 24.0, timeline, scenes: vec![scene(0, 20), scene(20, 48)] }
    }

    fn caption(scene: u32) -> SceneCaption {
        SceneCaption {
            scene,
            frame_pts_s: vec![0.5],
            prompt: String::new(),
            prompt_tokens: 3,
            tokens: vec![1],
            text: "a".to_owned(),
            finish: Some(Finish::Eos),
            ttft_ns: Some(10),
            failure: None,
        }
    }

    fn conversation() -> (RunSpec, RepeatResult) {
        let work = Work::Caption(CaptionSpec {
            model: "model".parse().unwrap(),
            family: Family::LlavaNext,
            weights: Weights::Dummy { preset: "ok".to_owned(), seed: 0 },
            question: "What?".to_owned(),
            prompt: None,
            seed: None,
            settings: CaptionSettings::default(),
            scene: None,
            asr: None,
            ast: None,
            yolo: None,
            max_scenes: None,
        });
        let spec = CellSpec { video: VideoSpec { id: "film".parse().unwrap(), path: "f.mp4".into() }, work };
        let cell = CellId::of(&spec);
        let (repeat, pass) = (1, Pass::Measured);
        let result = RepeatResult {
            cell: cell.clone(),
            repeat,
            pass,
            media_s: 2.0,
            wall_ns: 100,
            spans: vec![span(Stage::Vision, 0, 40), span(Stage::Decode, 40, 60)],
            output: Output::Caption { scenes: vec![caption(0), caption(1)] },
            effective: Settings::new(),
            peak_rss_bytes: None,
            peak_vram_bytes: None,
        };
        let run = RunSpec {
            cell,
            repeat,
            pass,
            spec,
            scenes: Some(scenes()),
            questions: Vec::new(),
            save_frames: None,
        };
        (run, result)
    }

    fn span(stage: Stage, start_ns: u64, duration_ns: u64) -> Span {
        Span { stage, scene: None, activity: Activity::Compute, start_ns, duration_ns }
    }

    /// What is said about the good result after `spoil` had its way with it.
    fn verdict(spoil: impl FnOnce(&mut RunSpec, &mut RepeatResult)) -> Result<(), Unusable> {
        let (mut run, mut result) = conversation();
        spoil(&mut run, &mut result);
        check(&run, &result)
    }

    #[test]
    fn a_good_result_passes() {
        assert_eq!(verdict(|_, _| {}), Ok(()));
    }

    #[test]
    fn an_answer_to_something_else_is_refused() {
        assert!(matches!(verdict(|_, result| result.repeat = 0), Err(Unusable::OtherRepeat { .. })));
        assert!(matches!(verdict(|_, result| result.pass = Pass::Warmup), Err(Unusable::OtherRepeat { .. })));
        let stage1 = Output::Stage1(Stage1Output::default());
        assert_eq!(verdict(|_, result| result.output = stage1), Err(Unusable::OtherKind));
    }

    #[test]
    fn parts_of_weights_are_the_whole_where_they_are_told() {
        let loaded = |parts| Loaded { load_ns: 1, weights_bytes: 5, parts };
        let part = |bytes| WeightsPart::new("vision", bytes);
        assert_eq!(check_parts(&loaded(Vec::new())), Ok(()));
        assert_eq!(check_parts(&loaded(vec![part(2), part(3)])), Ok(()));
        for parts in [vec![part(2), part(2)], vec![part(u64::MAX), part(6)]] {
            assert_eq!(check_parts(&loaded(parts)), Err(Unusable::OtherParts { whole: 5 }));
        }
    }

    #[test]
    fn impossible_times_are_refused() {
        for media_s in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            assert!(matches!(verdict(|_, result| result.media_s = media_s), Err(Unusable::Absurd { .. })));
        }
        assert!(matches!(verdict(|_, result| result.wall_ns = 0), Err(Unusable::Absurd { .. })));
        let outside = [span(Stage::Decode, 90, 11), span(Stage::Decode, u64::MAX, 2)];
        for span in outside {
            assert!(matches!(
                verdict(|_, result| result.spans.push(span)),
                Err(Unusable::SpanOutside { .. })
            ));
        }
    }

    #[test]
    fn spans_may_overlap() {
        let waiting = Span { activity: Activity::RateLimit, ..span(Stage::Asr, 10, 80) };
        let beside = [span(Stage::Ast, 0, 100), span(Stage::Ast, 0, 100), waiting];
        assert_eq!(verdict(|_, result| result.spans.extend(beside)), Ok(()));
    }

    #[test]
    fn captions_of_other_scenes_are_refused() {
        let output = |scenes| Output::Caption { scenes };
        let wrong =
            [vec![caption(0)], vec![caption(1), caption(0)], vec![caption(0), caption(1), caption(2)]];
        for captions in wrong {
            let output = output(captions);
            assert!(matches!(verdict(|_, result| result.output = output), Err(Unusable::OtherScenes { .. })));
        }
        let both = SceneCaption { failure: Some(Failure::new(FailureKind::Input, "no frame")), ..caption(1) };
        let output = output(vec![caption(0), both]);
        assert_eq!(verdict(|_, result| result.output = output), Err(Unusable::Unfinished { scene: 1 }));
    }

    #[test]
    fn only_the_scenes_asked_for_are_needed() {
        let first_alone = |run: &mut RunSpec, result: &mut RepeatResult| {
            let Work::Caption(work) = &mut run.spec.work else { panic!() };
            work.max_scenes = Some(1);
            result.output = Output::Caption { scenes: vec![caption(0)] };
        };
        assert_eq!(verdict(first_alone), Ok(()));
    }

    #[test]
    fn scene_lists_have_neither_gaps_nor_nonsense() {
        let spoil = |change: fn(&mut SceneList)| {
            let mut list = scenes();
            change(&mut list);
            scene_list(&list)
        };
        assert_eq!(scene_list(&scenes()), Ok(()));
        assert_eq!(spoil(|list| list.scenes[1].start_frame = 21), Err(Unusable::Gap { scene: 1 }));
        assert_eq!(spoil(|list| list.scenes.clear()), Err(Unusable::NoScenes));
        assert_eq!(spoil(|list| list.timeline.runs[0].count = 0), Err(Unusable::Timeline));
        assert_eq!(spoil(|list| list.timeline.time_base.den = 0), Err(Unusable::Timeline));
        assert!(matches!(spoil(|list| list.fps = f64::NAN), Err(Unusable::Absurd { .. })));
    }
}

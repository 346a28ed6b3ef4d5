//! Whether a repeat's result can be believed. A wrong answer is a failure, never a number in a table.

use std::time::Duration;

use reelbench_protocol::{
    CaptionSpec, CellKind, Loaded, Output, RepeatResult, RunSpec, SceneCaption, SceneList, Span, Stage,
    Stage1Output, Timeline, Work,
};

use crate::findings;

/// Longest film in seconds: a year.
const LONGEST_FILM_S: f64 = 366.0 * 24.0 * 3600.0;

/// Shortest film in seconds, far below one frame.
const SHORTEST_FILM_S: f64 = 1e-6;

/// More bytes than any machine has memory: a pebibyte.
const MOST_BYTES: u64 = 1 << 50;

/// What a runner's clock may show beyond ours, beside one part in a hundred.
const MOMENT: Duration = Duration::from_millis(1);

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
    /// More time than passed between the question and its answer.
    #[error("{name} is {claimed:?}, and the answer came after {waited:?}")]
    LongerThanWaited {
        /// What.
        name: &'static str,
        /// How long it took, as the runner says.
        claimed: Duration,
        /// How long its answer was waited for.
        waited: Duration,
    },
    /// A span of a stage that the cell's kind does not have.
    #[error("it has a span of {stage}, which is no stage of a {kind} cell")]
    OtherStage {
        /// The stage.
        stage: Stage,
        /// The cell's kind.
        kind: CellKind,
    },
    /// A span of a scene that was not asked about.
    #[error("it has a span of scene {scene} where {asked} scenes were asked")]
    SpanOfNoScene {
        /// The scene, counted from 0.
        scene: u32,
        /// How many scenes were asked about.
        asked: usize,
    },
    /// A span that ends after the repeat.
    #[error("the span of {stage} at {start_ns} ns ends after the repeat's {wall_ns} ns")]
    SpanOutside {
        /// Its stage.
        stage: Stage,
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
    /// A scene with frames that the film does not have.
    #[error("scene {scene} ends with frame {end_frame} of a film of {frames} frames")]
    BeyondEnd {
        /// The scene.
        scene: usize,
        /// The frame after its last.
        end_frame: u32,
        /// How many frames the film has.
        frames: u32,
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
    /// A timeline without a unit, with an empty run, or in which time does not go on.
    #[error("its timeline cannot be read: {0}")]
    Timeline(&'static str),
    /// A film whose length changes from repeat to repeat.
    #[error("media_s is {now}, and was {before} before: a film has one length")]
    OtherLength {
        /// In an earlier repeat of the cell.
        before: f64,
        /// In this one.
        now: f64,
    },
}

/// Checks what a load says it loaded, `waited` after it was asked to.
///
/// # Errors
/// When the parts are not the whole, or it took longer than that.
pub fn check_load(loaded: &Loaded, waited: Duration) -> Result<(), Unusable> {
    let Loaded { load_ns, weights_bytes, parts } = loaded;
    elapsed("load_ns", *load_ns, waited)?;
    bytes("weights_bytes", Some(*weights_bytes))?;
    let sum = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.bytes));
    if parts.is_empty() || sum == Some(*weights_bytes) {
        return Ok(());
    }
    Err(Unusable::OtherParts { whole: *weights_bytes })
}

/// Checks a result against the request it answers, `waited` after that was sent.
///
/// A wall time far below `waited` is believed: what a runner does before it starts its clock and after it stops it,
/// such as saving frames, is outside of what is timed.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_repeat(run: &RunSpec, result: &RepeatResult, waited: Duration) -> Result<(), Unusable> {
    let asked = (&run.cell, run.pass, run.repeat);
    let answered = (&result.cell, result.pass, result.repeat);
    if asked != answered {
        let name = |(cell, pass, repeat)| format!("cell {cell} {pass} {repeat}");
        return Err(Unusable::OtherRepeat { answered: name(answered), asked: name(asked) });
    }
    within("media_s", result.media_s, SHORTEST_FILM_S, LONGEST_FILM_S)?;
    positive("wall_ns", result.wall_ns as f64)?;
    elapsed("wall_ns", result.wall_ns, waited)?;
    bytes("peak_rss_bytes", result.peak_rss_bytes)?;
    bytes("peak_vram_bytes", result.peak_vram_bytes)?;
    spans(&result.spans, result.wall_ns)?;
    stages(&result.spans, run.spec.kind())?;
    match (&run.spec.work, &result.output) {
        (Work::Stage1(_), Output::Stage1(output)) => stage1(output),
        (Work::Caption(caption), Output::Caption { scenes }) => {
            let found = run.scenes.as_ref().map_or(1, |list| list.scenes.len());
            let asked = caption.max_scenes.map_or(found, |most| found.min(most as usize));
            scenes_of_spans(&result.spans, asked)?;
            captions(scenes, caption, asked, result.wall_ns)
        }
        _ => Err(Unusable::OtherKind),
    }
}

fn absurd(name: &str, value: f64) -> Unusable {
    Unusable::Absurd { name: name.to_owned(), value }
}

fn positive(name: &str, value: f64) -> Result<(), Unusable> {
    within(name, value, f64::MIN_POSITIVE, f64::MAX)
}

/// No comparison holds for what is not a number.
fn within(name: &str, value: f64, least: f64, most: f64) -> Result<(), Unusable> {
    (least <= value && value <= most).then_some(()).ok_or_else(|| absurd(name, value))
}

pub(crate) fn time(name: &str, value: f64) -> Result<(), Unusable> {
    value.is_finite().then_some(()).ok_or_else(|| absurd(name, value))
}

fn bytes(name: &str, bytes: Option<u64>) -> Result<(), Unusable> {
    match bytes {
        Some(bytes) if bytes > MOST_BYTES => Err(absurd(name, bytes as f64)),
        _ => Ok(()),
    }
}

/// Nothing takes longer than its answer was waited for.
fn elapsed(name: &'static str, claimed_ns: u64, waited: Duration) -> Result<(), Unusable> {
    let claimed = Duration::from_nanos(claimed_ns);
    let possible = waited.saturating_add(waited / 100).saturating_add(MOMENT);
    (claimed <= possible).then_some(()).ok_or(Unusable::LongerThanWaited { name, claimed, waited })
}

/// Spans lie within the repeat. They may overlap: requests go side by side, and so do speech and sounds.
fn spans(spans: &[Span], wall_ns: u64) -> Result<(), Unusable> {
    let end = |span: &Span| span.start_ns.checked_add(span.duration_ns);
    if let Some(span) = spans.iter().find(|span| end(span).is_none_or(|end| end > wall_ns)) {
        return Err(Unusable::SpanOutside { stage: span.stage, start_ns: span.start_ns, wall_ns });
    }
    Ok(())
}

fn stages(spans: &[Span], kind: CellKind) -> Result<(), Unusable> {
    let is_other = |span: &&Span| kind_of(span.stage) != kind;
    spans.iter().find(is_other).map_or(Ok(()), |span| Err(Unusable::OtherStage { stage: span.stage, kind }))
}

fn kind_of(stage: Stage) -> CellKind {
    match stage {
        Stage::Scene | Stage::Asr | Stage::Ast | Stage::Yolo => CellKind::Stage1,
        Stage::Frames | Stage::Preprocess | Stage::Vision | Stage::Prefill | Stage::Decode => {
            CellKind::Caption
        }
    }
}

fn scenes_of_spans(spans: &[Span], asked: usize) -> Result<(), Unusable> {
    let mut scenes = spans.iter().filter_map(|span| span.scene);
    let stranger = scenes.find(|&scene| scene as usize >= asked);
    stranger.map_or(Ok(()), |scene| Err(Unusable::SpanOfNoScene { scene, asked }))
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
    let frames = frames(&list.timeline)?;
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
        // A runner that keeps no timeline tells no number of frames.
        if frames.is_some_and(|frames| found.end_frame > frames) {
            let frames = frames.unwrap_or_default();
            return Err(Unusable::BeyondEnd { scene, end_frame: found.end_frame, frames });
        }
        previous_end = Some(found.end_frame);
    }
    Ok(())
}

/// How many frames a timeline has; none where it is empty.
fn frames(timeline: &Timeline) -> Result<Option<u32>, Unusable> {
    if timeline.time_base.den == 0 {
        return Err(Unusable::Timeline("its unit has the denominator 0"));
    }
    let mut frames = None;
    let mut latest = None;
    for run in &timeline.runs {
        let steps = run.count.checked_sub(1).ok_or(Unusable::Timeline("a run has no frames"))?;
        let length = run.step.checked_mul(i64::from(steps));
        let last = length.and_then(|length| run.start.checked_add(length));
        let total = frames.unwrap_or(0_u32).checked_add(run.count);
        let (Some(last), Some(total)) = (last, total) else {
            return Err(Unusable::Timeline("it has more frames or ticks than can be counted"));
        };
        let goes_on = steps == 0 || run.step > 0;
        if !goes_on || latest.is_some_and(|latest| run.start <= latest) {
            return Err(Unusable::Timeline("a frame does not come after the one before it"));
        }
        (frames, latest) = (Some(total), Some(last));
    }
    Ok(frames)
}

fn captions(
    captions: &[SceneCaption],
    spec: &CaptionSpec,
    asked: usize,
    wall_ns: u64,
) -> Result<(), Unusable> {
    let in_place = captions.iter().zip(0..).filter(|(caption, scene)| caption.scene == *scene).count();
    if in_place != asked || captions.len() != asked {
        return Err(Unusable::OtherScenes { answered: in_place, asked });
    }
    for caption in captions {
        if caption.finish.is_some() == caption.failure.is_some() {
            return Err(Unusable::Unfinished { scene: caption.scene });
        }
        caption.frame_pts_s.iter().try_for_each(|&pts| time("a frame's time", pts))?;
        at_most(
            || format!("the list of new tokens of scene {}", caption.scene),
            caption.tokens.len(),
            spec.settings.max_new_tokens as usize,
        )?;
        if let Some(ttft_ns) = caption.ttft_ns.filter(|&ttft_ns| ttft_ns > wall_ns) {
            return Err(absurd("ttft_ns", ttft_ns as f64));
        }
    }
    Ok(())
}

pub(crate) fn at_most(what: impl FnOnce() -> String, count: usize, most: usize) -> Result<(), Unusable> {
    if count <= most { Ok(()) } else { Err(Unusable::TooMany { what: what(), count, most }) }
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{
        Activity, CaptionSettings, CaptionSpec, CellId, CellSpec, Failure, FailureKind, Family, Finish, Pass,
        Scene, Settings, Stage, TicksRun, TimeBase, Timeline, VideoSpec, Weights, WeightsPart,
    };

    use super::*;

    /// Just as long as the good result took.
    const WAITED: Duration = Duration::from_nanos(100);

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
        check_repeat(&run, &result, WAITED)
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
        let check_parts = |loaded: &Loaded| check_load(loaded, WAITED);
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
        let waiting = Span { activity: Activity::RateLimit, ..span(Stage::Vision, 10, 80) };
        let beside = [span(Stage::Decode, 0, 100), span(Stage::Decode, 0, 100), waiting];
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
        assert!(matches!(spoil(|list| list.fps = f64::NAN), Err(Unusable::Absurd { .. })));
    }

    #[test]
    fn timelines_go_on_and_hold_every_scene() {
        let spoil = |change: fn(&mut SceneList)| {
            let mut list = scenes();
            change(&mut list);
            scene_list(&list).unwrap_err().to_string()
        };
        let said = |reason: &str| format!("its timeline cannot be read: {reason}");
        let late = TicksRun { start: 0, step: 1, count: 1 };
        assert_eq!(spoil(|list| list.timeline.time_base.den = 0), said("its unit has the denominator 0"));
        assert_eq!(spoil(|list| list.timeline.runs[0].count = 0), said("a run has no frames"));
        let too_many = said("it has more frames or ticks than can be counted");
        assert_eq!(spoil(|list| list.timeline.runs[0].step = i64::MAX), too_many);
        assert_eq!(spoil(|list| list.timeline.runs[0].start = i64::MAX), too_many);
        let endless = |list: &mut SceneList| {
            list.timeline.runs.push(TicksRun { start: 100, step: 1, count: u32::MAX });
        };
        assert_eq!(spoil(endless), too_many);
        let stands_still = said("a frame does not come after the one before it");
        assert_eq!(spoil(|list| list.timeline.runs[0].step = 0), stands_still);
        assert_eq!(spoil(|list| list.timeline.runs[0].step = -1), stands_still);
        let mut back = scenes();
        back.timeline.runs.push(late);
        assert_eq!(scene_list(&back).unwrap_err().to_string(), stands_still);
        let beyond = spoil(|list| list.scenes[1].end_frame = 49);
        assert_eq!(beyond, "scene 1 ends with frame 49 of a film of 48 frames");
        let mut untold = scenes();
        untold.timeline.runs.clear();
        assert_eq!(scene_list(&untold), Ok(()), "a runner need not keep a timeline");
    }

    #[test]
    fn nothing_takes_longer_than_its_answer_was_waited_for() {
        let took = |wall_ns| verdict(move |_, result| result.wall_ns = wall_ns);
        assert_eq!(took(1_000_000), Ok(()), "clocks are read one after the other");
        let said = took(2_000_000_000).unwrap_err().to_string();
        assert_eq!(said, "wall_ns is 2s, and the answer came after 100ns");
        assert!(took(u64::MAX).is_err());
        let loaded = |load_ns| Loaded { load_ns, weights_bytes: 1, parts: Vec::new() };
        assert_eq!(check_load(&loaded(100), WAITED), Ok(()));
        let said = check_load(&loaded(2_000_000_000), WAITED).unwrap_err().to_string();
        assert_eq!(said, "load_ns is 2s, and the answer came after 100ns");
    }

    #[test]
    fn lengths_and_memory_beyond_reason_are_refused() {
        let said = |spoil: fn(&mut RepeatResult)| verdict(|_, result| spoil(result)).unwrap_err().to_string();
        assert_eq!(said(|result| result.media_s = 1e9), "media_s is 1000000000, which cannot be");
        assert_eq!(said(|result| result.media_s = 1e-9), "media_s is 0.000000001, which cannot be");
        let peak = said(|result| result.peak_rss_bytes = Some(1 << 51));
        assert_eq!(peak, "peak_rss_bytes is 2251799813685248, which cannot be");
        assert!(
            said(|result| result.peak_vram_bytes = Some(u64::MAX)).starts_with("peak_vram_bytes is 1844")
        );
        let loaded = Loaded { load_ns: 1, weights_bytes: u64::MAX, parts: Vec::new() };
        assert!(matches!(check_load(&loaded, WAITED), Err(Unusable::Absurd { .. })));
    }

    #[test]
    fn spans_are_of_the_cells_own_stages_and_scenes() {
        let with =
            |span| verdict(move |_, result| result.spans.push(span)).map_err(|error| error.to_string());
        let other = "it has a span of asr, which is no stage of a caption cell";
        assert_eq!(with(span(Stage::Asr, 0, 1)), Err(other.to_owned()));
        let of_scene = |scene| Span { scene: Some(scene), ..span(Stage::Decode, 0, 1) };
        assert_eq!(with(of_scene(1)), Ok(()));
        assert_eq!(with(of_scene(2)), Err("it has a span of scene 2 where 2 scenes were asked".to_owned()));
    }

    #[test]
    fn no_more_tokens_than_were_allowed() {
        let most = CaptionSettings::default().max_new_tokens;
        let saying = |count| SceneCaption { tokens: vec![1; count as usize], ..caption(1) };
        let said = |count| {
            let scenes = vec![caption(0), saying(count)];
            verdict(|_, result| result.output = Output::Caption { scenes }).map_err(|error| error.to_string())
        };
        assert_eq!(said(most), Ok(()));
        let many = format!("the list of new tokens of scene 1 has {}, more than {most}", most + 1);
        assert_eq!(said(most + 1), Err(many));
    }
}

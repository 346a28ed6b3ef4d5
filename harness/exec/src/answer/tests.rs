//! Each way in which a result cannot be believed.

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
    let spec = CellSpec {
        video: VideoSpec { id: "film".parse().unwrap(), path: "f.mp4".into(), title: None },
        work,
    };
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
        assert!(matches!(verdict(|_, result| result.spans.push(span)), Err(Unusable::SpanOutside { .. })));
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
    let wrong = [vec![caption(0)], vec![caption(1), caption(0)], vec![caption(0), caption(1), caption(2)]];
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
    assert!(said(|result| result.peak_vram_bytes = Some(u64::MAX)).starts_with("peak_vram_bytes is 1844"));
    let loaded = Loaded { load_ns: 1, weights_bytes: u64::MAX, parts: Vec::new() };
    assert!(matches!(check_load(&loaded, WAITED), Err(Unusable::Absurd { .. })));
}

#[test]
fn spans_are_of_the_cells_own_stages_and_scenes() {
    let with = |span| verdict(move |_, result| result.spans.push(span)).map_err(|error| error.to_string());
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

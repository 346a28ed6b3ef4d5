//! The conversation that the document shows, made from the types.

use std::path::PathBuf;

use reelbench_protocol::{
    Activity, AsrEngine, AsrModel, AsrSpec, AsrSupport, AstSpec, AstSupport, Capabilities, CaptionSettings,
    CaptionSpec, CaptionerSupport, CellId, CellSpec, Command, Detector, Device, Dtype, Event, Failure,
    FailureKind, Family, Finish, FrameObjects, Hello, LoadSpec, Loaded, MemoryEstimate, Models, ObjectBox,
    Objects, Output, PROTOCOL_VERSION, Pass, Probe, Progress, Quantization, RepeatResult, RunSpec,
    RunnerInfo, Scene, SceneCaption, SceneList, SceneProbe, SceneSpec, SceneSupport, Segment, SoundWindow,
    Sounds, Span, Stage, Stage1Output, Stage1Spec, StoredModel, Tag, TicksRun, TimeBase, Timeline, Tracker,
    Transcript, Unit, VideoSpec, Weights, WeightsPart, WhisperSpec, Work, YoloSpec, YoloSupport,
};
use serde_json::{Value, json};

/// One line of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    ToRunner(Command),
    FromRunner(Event),
}

impl Message {
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::ToRunner(command) => serde_json::to_value(command).unwrap(),
            Self::FromRunner(event) => serde_json::to_value(event).unwrap(),
        }
    }

    /// The message that a document's JSON stands for.
    pub(crate) fn parse(json: &Value) -> Self {
        if json.get("command").is_some() {
            Self::ToRunner(serde_json::from_value(json.clone()).unwrap())
        } else {
            Self::FromRunner(serde_json::from_value(json.clone()).unwrap())
        }
    }

    /// Its heading's arrow and name.
    pub(crate) fn name(&self) -> (&'static str, String) {
        let (arrow, key) = match self {
            Self::ToRunner(_) => ("→", "command"),
            Self::FromRunner(_) => ("←", "event"),
        };
        (arrow, self.json()[key].as_str().unwrap().to_owned())
    }
}

fn weights(preset: &str) -> Weights {
    Weights::Dummy { preset: preset.to_owned(), seed: 0 }
}

fn stored(preset: &str, quantization: Quantization) -> StoredModel {
    StoredModel { weights: weights(preset), quantization }
}

fn scenes() -> SceneList {
    let scene = |start_frame: u32, end_frame: u32| Scene {
        start_frame,
        end_frame,
        start_s: f64::from(start_frame) / 24.0,
        end_s: f64::from(end_frame) / 24.0,
    };
    let timeline = Timeline {
        time_base: TimeBase { num: 1, den: 12_288 },
        runs: vec![TicksRun { start: 0, step: 512, count: 96 }],
    };
    SceneList { fps: 24.0, timeline, scenes: vec![scene(0, 36), scene(36, 96)] }
}

fn asr() -> AsrSpec {
    let quantization = Quantization::None;
    let weights = weights("whisper-tiny.en");
    let whisper = WhisperSpec { weights, quantization, num_beams: 1, temperature_fallback: false };
    AsrSpec { model: AsrModel::Whisper(whisper), per: Unit::Scene, concurrency: 1 }
}

fn stage1_cell() -> CellSpec {
    let quantization = Quantization::Q8_0;
    let ast = AstSpec { weights: weights("ast-tiny"), quantization, per: Unit::File, batch: 4 };
    let yolo = YoloSpec { weights: weights("yolov8-tiny"), every_nth_frame: 24, tracker: Tracker::Bytetrack };
    film(Work::Stage1(Stage1Spec {
        scene: Some(SceneSpec::default()),
        asr: Some(asr()),
        ast: Some(ast),
        yolo: Some(yolo),
        parallel: true,
    }))
}

fn caption_cell() -> CellSpec {
    film(Work::Caption(CaptionSpec {
        model: "llava".parse().unwrap(),
        family: Family::LlavaNext,
        weights: weights("llava-next-tiny"),
        question: "Somebody says: {transcript} What happens?".to_owned(),
        prompt: None,
        seed: None,
        settings: CaptionSettings { max_new_tokens: 4, ..CaptionSettings::default() },
        scene: Some(SceneSpec::default()),
        asr: Some(asr()),
        ast: None,
        yolo: None,
        max_scenes: None,
    }))
}

fn film(work: Work) -> CellSpec {
    CellSpec {
        video: VideoSpec {
            id: "sintel".parse().unwrap(),
            path: PathBuf::from("/films/sintel.mp4"),
            title: None,
        },
        work,
    }
}

fn hello() -> Hello {
    let presets = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Hello {
        protocol: PROTOCOL_VERSION,
        runner: RunnerInfo {
            name: "example".to_owned(),
            version: "0.1.0".to_owned(),
            libraries: [("ffmpeg".to_owned(), "5.1.6".to_owned())].into(),
            threads: Some(2),
        },
        capabilities: Capabilities {
            scene: Some(SceneSupport { detectors: vec![Detector::Content] }),
            asr: Some(AsrSupport {
                engines: vec![AsrEngine::Whisper],
                per: vec![Unit::Scene, Unit::File],
                max_concurrency: 4,
                max_num_beams: 1,
                quantization: vec![Quantization::None],
                presets: presets(&["whisper-tiny.en"]),
            }),
            ast: Some(AstSupport {
                per: vec![Unit::Scene, Unit::File],
                max_batch: 64,
                quantization: vec![Quantization::None, Quantization::Q8_0],
                presets: presets(&["ast-tiny"]),
            }),
            yolo: Some(YoloSupport {
                trackers: vec![Tracker::Bytetrack, Tracker::None],
                presets: presets(&["yolov8-tiny"]),
            }),
            parallel: true,
            captioners: vec![CaptionerSupport {
                family: Family::LlavaNext,
                quantization: vec![Quantization::None, Quantization::Q4k],
                dtype: vec![Dtype::F32, Dtype::Auto],
                use_cache: vec![true, false],
                max_num_beams: 1,
                max_batch_scenes: 1,
                num_crops: false,
                sampling: true,
                presets: presets(&["llava-next-tiny"]),
            }],
            devices: vec!["cpu".to_owned()],
            estimates: true,
            slowdown: true,
        },
    }
}

fn span(stage: Stage, scene: Option<u32>, start_ns: u64, duration_ns: u64) -> Span {
    Span { stage, scene, activity: Activity::Compute, start_ns, duration_ns }
}

fn request(spec: CellSpec, pass: Pass) -> RunSpec {
    let (scenes, questions) = (None, Vec::new());
    RunSpec { cell: CellId::of(&spec), repeat: 0, pass, spec, scenes, questions, save_frames: None }
}

fn result(run: &RunSpec, wall_ns: u64, spans: Vec<Span>, output: Output) -> RepeatResult {
    let mut effective = run.spec.requested();
    if let Some(dtype) = effective.get_mut("dtype") {
        *dtype = json!(Dtype::F32);
    }
    RepeatResult {
        cell: run.cell.clone(),
        repeat: run.repeat,
        pass: run.pass,
        media_s: 4.0,
        wall_ns,
        spans,
        output,
        effective,
        peak_rss_bytes: Some(734_003_200),
        peak_vram_bytes: None,
    }
}

fn stage1_result(run: &RunSpec) -> RepeatResult {
    let text = " Look out!".to_owned();
    let segment =
        Segment { start: 0.5, end: 1.25, text: text.clone(), tokens: vec![50_388, 6803, 503, 0, 50_425] };
    let output = Stage1Output {
        scenes: Some(scenes()),
        transcript: Some(Transcript { text, segments: vec![segment] }),
        sounds: Some(sounds()),
        objects: Some(objects()),
        failures: Vec::new(),
    };
    let waiting = Activity::RateLimit;
    let spans = vec![
        span(Stage::Scene, None, 1_000, 90_000_000),
        span(Stage::Yolo, None, 90_005_000, 40_000_000),
        span(Stage::Asr, Some(0), 130_010_000, 60_000_000),
        Span { activity: waiting, ..span(Stage::Asr, Some(1), 190_010_000, 1_000_000) },
        span(Stage::Asr, Some(1), 191_010_000, 48_000_000),
        span(Stage::Ast, None, 130_015_000, 90_000_000),
    ];
    result(run, 240_000_000, spans, Output::Stage1(output))
}

fn sounds() -> Sounds {
    let tags = vec![Tag { label: "Music".to_owned(), index: 137, score: 0.75 }];
    Sounds { windows: vec![SoundWindow { start_s: 0.0, end_s: 4.0, tags }] }
}

fn objects() -> Objects {
    let dragon = ObjectBox {
        xyxy: [310.5, 96.0, 702.25, 540.0],
        score: 0.625,
        class: 14,
        label: "bird".to_owned(),
        track: Some(1),
    };
    let frame = |frame: u32, boxes| FrameObjects { frame, pts_s: f64::from(frame) / 24.0, boxes };
    let frames = vec![frame(0, vec![dragon]), frame(24, vec![]), frame(48, vec![]), frame(72, vec![])];
    Objects { tracker: Tracker::Bytetrack, frames }
}

fn questions() -> Vec<String> {
    let question = |speech: &str| format!("Somebody says: {speech} What happens?");
    vec![question("Look out!"), question("none")]
}

fn caption_result(run: &RunSpec) -> RepeatResult {
    let good = SceneCaption {
        scene: 0,
        frame_pts_s: vec![0.0, 0.75],
        prompt: "[INST] <image>\n<image>\nSomebody says: Look out! What happens? [/INST]".to_owned(),
        prompt_tokens: 3253,
        tokens: vec![330, 2746, 349, 6026],
        text: "A person is walking".to_owned(),
        finish: Some(Finish::Length),
        ttft_ns: Some(400_000_000),
        failure: None,
    };
    let failure =
        Failure::new(FailureKind::Input, "/films/sintel.mp4: no frame at 1.5 s; the file is cut short");
    let failed = SceneCaption {
        scene: 1,
        frame_pts_s: Vec::new(),
        prompt: String::new(),
        prompt_tokens: 0,
        tokens: Vec::new(),
        text: String::new(),
        finish: None,
        ttft_ns: None,
        failure: Some(failure.in_stage(Stage::Frames).in_scene(1)),
    };
    let spans = vec![
        span(Stage::Frames, Some(0), 500, 20_000_000),
        span(Stage::Preprocess, Some(0), 20_001_000, 9_000_000),
        span(Stage::Vision, Some(0), 29_002_000, 120_000_000),
        span(Stage::Prefill, Some(0), 149_003_000, 250_000_000),
        span(Stage::Decode, Some(0), 399_004_000, 90_000_000),
        span(Stage::Frames, Some(1), 489_100_000, 5_000_000),
    ];
    result(run, 495_000_000, spans, Output::Caption { scenes: vec![good, failed] })
}

/// Every message, in order.
pub(crate) fn conversation() -> Vec<Message> {
    use Message::{FromRunner, ToRunner};
    let stage1 = request(stage1_cell(), Pass::Measured);
    let caption =
        RunSpec { scenes: Some(scenes()), questions: questions(), ..request(caption_cell(), Pass::Warmup) };
    let load = |models| ToRunner(Command::Load(LoadSpec { device: Device::Auto, models }));
    let loaded = |load_ns, parts: Vec<WeightsPart>| {
        let weights_bytes = parts.iter().map(|part| part.bytes).sum();
        FromRunner(Event::Loaded(Loaded { load_ns, weights_bytes, parts }))
    };
    let captioner_parts =
        vec![WeightsPart::new("vision", 2_400_000), WeightsPart::new("language", 6_000_000)];
    let estimate = MemoryEstimate {
        weights_bytes: 8_400_000,
        working_bytes: 52_000_000,
        parts: captioner_parts.clone(),
    };
    let progress = |stage, done, total| FromRunner(Event::Progress(Progress { stage, done, total }));
    let again = RunSpec { pass: Pass::Measured, ..caption.clone() };
    let failure =
        Failure::new(FailureKind::Memory, "2.1 GB of keys and values do not fit; lower max_new_tokens");
    let probe = Probe::Scenes(SceneProbe { video: "/films/short.mp4".into(), scene: SceneSpec::default() });
    let probed =
        json!({"fps": 24.0, "frames": 4, "scenes": [[0, 4]], "content_val": [null, 1.25, 0.5, 0.75]});
    vec![
        FromRunner(Event::Hello(Box::new(hello()))),
        ToRunner(Command::Estimate { spec: Box::new(caption_cell()) }),
        FromRunner(Event::Estimated(estimate)),
        load(Models::Stage1 {
            asr: Some(stored("whisper-tiny.en", Quantization::None)),
            ast: Some(stored("ast-tiny", Quantization::Q8_0)),
            yolo: Some(weights("yolov8-tiny")),
        }),
        loaded(180_000_000, vec![WeightsPart::new("asr", 151_000_000)]),
        ToRunner(Command::Run(Box::new(stage1.clone()))),
        progress(Stage::Scene, 50, 100),
        FromRunner(Event::Repeat(Box::new(stage1_result(&stage1)))),
        load(Models::Caption {
            family: Family::LlavaNext,
            weights: weights("llava-next-tiny"),
            quantization: Quantization::None,
            dtype: Dtype::Auto,
        }),
        loaded(95_000_000, captioner_parts),
        ToRunner(Command::Run(Box::new(caption.clone()))),
        progress(Stage::Decode, 1, 2),
        FromRunner(Event::Repeat(Box::new(caption_result(&caption)))),
        ToRunner(Command::Run(Box::new(again))),
        FromRunner(Event::Failed(failure.in_stage(Stage::Prefill).in_scene(0))),
        ToRunner(Command::Probe(Box::new(probe))),
        FromRunner(Event::Probed { result: probed }),
        ToRunner(Command::Shutdown),
    ]
}

//! PROTOCOL.md cannot drift: its conversation is the one made here from the types, message by message.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use reelbench_protocol::{
    AsrEngine, AsrSpec, AsrSupport, AsrUnit, Capabilities, CaptionSettings, CaptionSpec, CaptionerSupport,
    CellId, CellSpec, Command, Detector, Device, Dtype, Event, Failure, FailureKind, Family, Finish, Hello,
    LoadSpec, Loaded, Models, Output, PROTOCOL_VERSION, Pass, Probe, Progress, Quantization, RepeatResult,
    RunSpec, RunnerInfo, Scene, SceneCaption, SceneList, SceneProbe, SceneSpec, SceneSupport, Segment, Span,
    Stage, Stage1Output, Stage1Spec, TicksRun, TimeBase, Timeline, Transcript, VideoSpec, Weights, Work,
};
use serde_json::{Value, json};

/// One line of the conversation.
#[derive(Debug, Clone, PartialEq)]
enum Message {
    ToRunner(Command),
    FromRunner(Event),
}

impl Message {
    fn json(&self) -> Value {
        match self {
            Self::ToRunner(command) => serde_json::to_value(command).unwrap(),
            Self::FromRunner(event) => serde_json::to_value(event).unwrap(),
        }
    }

    /// The message that a document's JSON stands for.
    fn parse(json: &Value) -> Self {
        if json.get("command").is_some() {
            Self::ToRunner(serde_json::from_value(json.clone()).unwrap())
        } else {
            Self::FromRunner(serde_json::from_value(json.clone()).unwrap())
        }
    }

    /// Its heading's arrow and name.
    fn name(&self) -> (&'static str, String) {
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

fn stage1_cell() -> CellSpec {
    let asr = AsrSpec {
        engine: AsrEngine::Whisper,
        weights: weights("whisper-tiny.en"),
        per: AsrUnit::Scene,
        concurrency: 1,
        num_beams: 1,
    };
    film(Work::Stage1(Stage1Spec { scene: Some(SceneSpec::default()), asr: Some(asr) }))
}

fn caption_cell() -> CellSpec {
    film(Work::Caption(CaptionSpec {
        model: "llava".parse().unwrap(),
        family: Family::LlavaNext,
        weights: weights("llava-next-tiny"),
        question: "Describe what happens in this scene.".to_owned(),
        prompt: None,
        settings: CaptionSettings { max_new_tokens: 4, ..CaptionSettings::default() },
        scene: Some(SceneSpec::default()),
        max_scenes: None,
    }))
}

fn film(work: Work) -> CellSpec {
    CellSpec {
        video: VideoSpec { id: "sintel".parse().unwrap(), path: PathBuf::from("/films/sintel.mp4") },
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
                per: vec![AsrUnit::Scene, AsrUnit::File],
                max_concurrency: 4,
                max_num_beams: 1,
                presets: presets(&["whisper-tiny.en"]),
            }),
            captioners: vec![CaptionerSupport {
                family: Family::LlavaNext,
                quantization: vec![Quantization::None, Quantization::Q4k],
                dtype: vec![Dtype::F32, Dtype::Auto],
                use_cache: vec![true, false],
                max_num_beams: 1,
                max_batch_scenes: 1,
                num_crops: false,
                presets: presets(&["llava-next-tiny"]),
            }],
            devices: vec!["cpu".to_owned()],
        },
    }
}

fn span(stage: Stage, scene: Option<u32>, start_ns: u64, duration_ns: u64) -> Span {
    Span { stage, scene, start_ns, duration_ns }
}

fn request(spec: CellSpec, pass: Pass, scenes: Option<SceneList>) -> RunSpec {
    RunSpec { cell: CellId::of(&spec), repeat: 0, pass, spec, scenes, save_frames: None }
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
        failures: Vec::new(),
    };
    let spans = vec![
        span(Stage::Scene, None, 1_000, 90_000_000),
        span(Stage::Asr, Some(0), 90_010_000, 60_000_000),
        span(Stage::Asr, Some(1), 150_020_000, 49_000_000),
    ];
    result(run, 200_000_000, spans, Output::Stage1(output))
}

fn caption_result(run: &RunSpec) -> RepeatResult {
    let good = SceneCaption {
        scene: 0,
        frame_pts_s: vec![0.0, 0.75],
        prompt: "[INST] <image>\n<image>\nDescribe what happens in this scene. [/INST]".to_owned(),
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

fn conversation() -> Vec<Message> {
    use Message::{FromRunner, ToRunner};
    let stage1 = request(stage1_cell(), Pass::Measured, None);
    let caption = request(caption_cell(), Pass::Warmup, Some(scenes()));
    let load = |models| ToRunner(Command::Load(LoadSpec { device: Device::Auto, models }));
    let loaded = |load_ns, weights_bytes| FromRunner(Event::Loaded(Loaded { load_ns, weights_bytes }));
    let progress = |stage, done, total| FromRunner(Event::Progress(Progress { stage, done, total }));
    let again = RunSpec { pass: Pass::Measured, ..caption.clone() };
    let failure =
        Failure::new(FailureKind::Memory, "2.1 GB of keys and values do not fit; lower max_new_tokens");
    let probe = Probe::Scenes(SceneProbe { video: "/films/short.mp4".into(), scene: SceneSpec::default() });
    let probed =
        json!({"fps": 24.0, "frames": 4, "scenes": [[0, 4]], "content_val": [null, 1.25, 0.5, 0.75]});
    vec![
        FromRunner(Event::Hello(Box::new(hello()))),
        load(Models::Stage1 { asr: Some(weights("whisper-tiny.en")) }),
        loaded(180_000_000, 151_000_000),
        ToRunner(Command::Run(Box::new(stage1.clone()))),
        progress(Stage::Scene, 50, 100),
        FromRunner(Event::Repeat(Box::new(stage1_result(&stage1)))),
        load(Models::Caption {
            family: Family::LlavaNext,
            weights: weights("llava-next-tiny"),
            quantization: Quantization::None,
            dtype: Dtype::Auto,
        }),
        loaded(95_000_000, 8_400_000),
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

/// A JSON block of the document and the heading it stands under.
struct Block {
    heading: String,
    json: Value,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = "";
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("### ") {
            heading = line;
        } else if line == "```json" {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let json = serde_json::from_str(&text.join("\n"))
                .unwrap_or_else(|error| panic!("PROTOCOL.md, under `{heading}`: {error}"));
            blocks.push(Block { heading: heading.to_owned(), json });
        }
    }
    blocks
}

#[test]
fn the_document_shows_this_conversation() {
    let document = include_str!("../PROTOCOL.md");
    let (blocks, conversation) = (blocks(document), conversation());
    for (block, message) in blocks.iter().zip(&conversation) {
        let Block { heading, json } = block;
        let (arrow, name) = message.name();
        assert!(
            heading.contains(arrow) && heading.contains(&format!("`{name}`")),
            "{heading}: now {arrow} `{name}`"
        );
        let expected = message.json();
        assert_eq!(*json, expected, "PROTOCOL.md, under `{heading}`, should show {expected:#}");
        assert_eq!(Message::parse(json), *message, "what the document shows can be read back");
    }
    assert_eq!(blocks.len(), conversation.len(), "every message is in the document, and no other");
    assert!(document.contains(&format!("Version {PROTOCOL_VERSION}.")));
}

#[test]
fn the_conversation_has_every_message_there_is() {
    let names: Vec<String> = conversation().iter().map(|message| message.name().1).collect();
    // A new message does not compile here until the conversation and the document have it.
    let name_of_command = |command: &Command| match command {
        Command::Load(_) => "load",
        Command::Run(_) => "run",
        Command::Probe(_) => "probe",
        Command::Shutdown => "shutdown",
    };
    let name_of_event = |event: &Event| match event {
        Event::Hello(_) => "hello",
        Event::Progress(_) => "progress",
        Event::Loaded(_) => "loaded",
        Event::Repeat(_) => "repeat",
        Event::Probed { .. } => "probed",
        Event::Failed(_) => "failed",
    };
    for (message, name) in conversation().iter().zip(&names) {
        let expected = match message {
            Message::ToRunner(command) => name_of_command(command),
            Message::FromRunner(event) => name_of_event(event),
        };
        assert_eq!(name, expected);
    }
    let all =
        ["load", "run", "probe", "shutdown", "hello", "progress", "loaded", "repeat", "probed", "failed"];
    for name in all {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn every_word_of_the_types_is_explained() {
    let document = include_str!("../PROTOCOL.md");
    let words =
        Stage::ALL.iter().map(ToString::to_string).chain(FailureKind::ALL.iter().map(ToString::to_string));
    for word in words {
        assert!(document.contains(&format!("`{word}`")), "PROTOCOL.md does not explain `{word}`");
    }
}

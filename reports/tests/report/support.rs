//! Builds run directories out of the protocol's own types.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reelbench_protocol::{
    Activity, AsrModel, AsrSpec, Capabilities, CaptionSettings, CaptionSpec, CellEnd, CellId, CellKind,
    CellSpec, Conditions, Device, Environment, Failure, Family, FileHash, Finish, GitRevision, Hello,
    JournalEvent, JournalLine, LoadSpec, Loaded, Manifest, Models, Output, PROTOCOL_VERSION, Pass,
    PlannedCell, Quantization, RUN_FORMAT_VERSION, RepeatResult, Repeats, RunnerInfo, Scene, SceneCaption,
    SceneList, SceneSpec, Segment, SkippedCell, Span, Stage, Stage1Output, Stage1Spec, TicksRun, TimeBase,
    Timeline, Transcript, Unit, VideoSpec, Warmup, Weights, WeightsPart, WeightsSource, WhisperSpec, Work,
};
use tempfile::TempDir;

pub(crate) const MS: u64 = 1_000_000;

/// A run directory in the making.
pub(crate) struct RunDir {
    pub(crate) manifest: Manifest,
    pub(crate) events: Vec<JournalEvent>,
    dir: TempDir,
}

impl RunDir {
    /// A run that has started and planned `cells`, each with three repeats.
    pub(crate) fn planned(cells: Vec<PlannedCell>, skipped: Vec<SkippedCell>) -> Self {
        let started = JournalEvent::Started { format: RUN_FORMAT_VERSION, run_id: "run-1".into() };
        let hello =
            Hello { protocol: PROTOCOL_VERSION, runner: runner(), capabilities: Capabilities::default() };
        let events = vec![
            started,
            JournalEvent::Planned { cells, skipped, repeats: Repeats::Fixed(3), warmup: Warmup::Fixed(1) },
            JournalEvent::RunnerStarted { hello: Box::new(hello), memory_limit_bytes: None },
        ];
        Self { manifest: manifest(), events, dir: tempfile::tempdir().unwrap() }
    }

    /// Adds a load that serves a cell.
    pub(crate) fn load(&mut self, cell: &PlannedCell, load_ms: u64) {
        let parts = match cell.spec.kind() {
            CellKind::Stage1 => Vec::new(),
            CellKind::Caption => {
                vec![WeightsPart::new("vision", 1 << 20), WeightsPart::new("language", 2 << 20)]
            }
        };
        self.events.push(JournalEvent::Loaded {
            load: LoadSpec {
                device: Device::Cpu,
                models: Models::Stage1 { asr: None, ast: None, yolo: None },
            },
            loaded: Loaded { load_ns: load_ms * MS, weights_bytes: 3 << 20, parts },
            cells: vec![cell.id.clone()],
        });
    }

    pub(crate) fn repeat(&mut self, result: RepeatResult) {
        self.events.push(JournalEvent::Repeat { result: Box::new(result), conditions: None });
    }

    /// Adds a repeat with what else went on meanwhile.
    pub(crate) fn repeat_amid(&mut self, result: RepeatResult, conditions: Conditions) {
        let conditions = Some(Box::new(conditions));
        self.events.push(JournalEvent::Repeat { result: Box::new(result), conditions });
    }

    /// Adds a load, a warm-up and three repeats that take `wall_ms` each.
    pub(crate) fn measure(
        &mut self,
        cell: &PlannedCell,
        wall_ms: [u64; 3],
        result: impl Fn(u64) -> RepeatResult,
    ) {
        self.load(cell, 1500);
        self.repeat(RepeatResult { pass: Pass::Warmup, ..result(wall_ms[0] * 2) });
        for (repeat, wall_ms) in (0..).zip(wall_ms) {
            self.repeat(RepeatResult { repeat, ..result(wall_ms) });
        }
    }

    pub(crate) fn end(&mut self, cell: &PlannedCell, end: CellEnd, failure: Failure, log: &[&str]) {
        let log_tail = log.iter().map(|&line| line.into()).collect();
        self.events.push(JournalEvent::CellEnded { cell: cell.id.clone(), end, failure, log_tail });
    }

    pub(crate) fn finish(&mut self) {
        self.events.push(JournalEvent::Finished);
        self.manifest.finished = Some("2026-01-02T03:14:05Z".into());
    }

    /// The journal as it stands on disk, with an event every millisecond.
    pub(crate) fn journal(&self) -> String {
        self.journal_at(|place| place as u64)
    }

    /// The same with each event so many milliseconds after the run's start as follows from its place.
    pub(crate) fn journal_at(&self, ms: impl Fn(usize) -> u64) -> String {
        let line = |(place, event): (usize, &JournalEvent)| {
            let line = JournalLine { at_ms: 1_767_323_045_000 + ms(place), event: event.clone() };
            serde_json::to_string(&line).unwrap() + "\n"
        };
        self.events.iter().enumerate().map(line).collect()
    }

    /// Writes the run directory.
    pub(crate) fn write(&self) -> &Path {
        self.write_journal(self.journal().as_bytes())
    }

    /// Writes the run directory with another journal.
    pub(crate) fn write_journal(&self, journal: &[u8]) -> &Path {
        let dir = self.dir.path();
        fs::write(dir.join("manifest.json"), serde_json::to_vec_pretty(&self.manifest).unwrap()).unwrap();
        fs::write(dir.join("journal.jsonl"), journal).unwrap();
        dir
    }
}

pub(crate) fn runner() -> RunnerInfo {
    RunnerInfo {
        name: "bench-runner".into(),
        version: "0.1.0".into(),
        libraries: BTreeMap::from([("candle".into(), "0.11.1".into()), ("ffmpeg".into(), "5.1".into())]),
        threads: Some(2),
    }
}

pub(crate) fn manifest() -> Manifest {
    let file = |used_by: &str, path: &str, bytes, digit: &str| FileHash {
        used_by: used_by.into(),
        path: path.into(),
        bytes,
        sha256: digit.repeat(64),
    };
    Manifest {
        format: RUN_FORMAT_VERSION,
        run_id: "run-1".into(),
        name: "fixture".into(),
        started: "2026-01-02T03:04:05Z".into(),
        changes: Vec::new(),
        finished: None,
        command: ["bench", "run", "my matrix.yaml", "--repeats", "3"].map(String::from).into(),
        folder: Some("/data/my films".into()),
        matrix_sha256: "ab".repeat(32),
        session: None,
        git: Some(GitRevision { commit: "0123456789abcdef".into(), dirty: true }),
        bench_version: "0.1.0".into(),
        runner: None,
        binaries: vec![file("bench-runner", "bin/bench-runner", 12 << 20, "1")],
        environment: Environment {
            cpu: "Test CPU | 3 GHz".into(),
            cpu_features: vec!["avx2".into(), "avx512f".into()],
            cores: 2,
            governor: Some("performance".into()),
            memory_bytes: 8 << 30,
            os: "Linux 6.1".into(),
            ffmpeg: Some("5.1".into()),
            gpus: Vec::new(),
            variables: BTreeMap::from([("RAYON_NUM_THREADS".into(), "2".into())]),
        },
        inputs: vec![file("sintel", "clips/sintel.mp4", 1_500_000, "2")],
        weights: vec![
            WeightsSource::Dummy { preset: "llava-next-tiny".into(), seed: 0 },
            WeightsSource::Hub {
                name: "hf:openai/whisper-tiny.en".into(),
                commit: "87c7102498dcde7456f24cfd30239ca606ed9063".into(),
            },
        ],
    }
}

pub(crate) fn planned(video: &str, work: Work, stage1: Option<&PlannedCell>) -> PlannedCell {
    let spec = CellSpec {
        video: VideoSpec {
            id: video.parse().unwrap(),
            path: PathBuf::from(format!("/videos/{video}.mp4")),
            title: None,
        },
        work,
    };
    PlannedCell { id: CellId::of(&spec), spec, stage1_from: stage1.map(|cell| cell.id.clone()) }
}

/// A stage-1 cell with scenes and speech.
pub(crate) fn stage1_cell(video: &str, concurrency: u32) -> PlannedCell {
    let asr = Some(whisper(concurrency));
    planned(
        video,
        Work::Stage1(Stage1Spec { scene: Some(SceneSpec::default()), asr, ..Stage1Spec::default() }),
        None,
    )
}

pub(crate) fn whisper(concurrency: u32) -> AsrSpec {
    let weights = Weights::Local { path: "/models/whisper".into(), name: "hf:openai/whisper-tiny.en".into() };
    let model = AsrModel::Whisper(WhisperSpec {
        weights,
        quantization: Quantization::None,
        num_beams: 1,
        temperature_fallback: true,
    });
    AsrSpec { model, per: Unit::Scene, concurrency }
}

/// A captioning cell of a dummy model.
pub(crate) fn caption_cell(
    video: &str,
    model: &str,
    settings: CaptionSettings,
    stage1: &PlannedCell,
) -> PlannedCell {
    let caption = CaptionSpec {
        model: model.parse().unwrap(),
        family: Family::LlavaNext,
        weights: Weights::Dummy { preset: "llava-next-tiny".into(), seed: 0 },
        question: "What happens?".into(),
        prompt: None,
        seed: None,
        settings,
        scene: Some(SceneSpec::default()),
        asr: None,
        ast: None,
        yolo: None,
        max_scenes: None,
    };
    planned(video, Work::Caption(caption), Some(stage1))
}

/// The settings asked for, as a runner reports them: without how the scenes were found.
fn effective(cell: &PlannedCell) -> reelbench_protocol::Settings {
    let mut effective = cell.spec.requested();
    if matches!(cell.spec.work, Work::Caption(_)) {
        effective.retain(|key, _| !key.starts_with("scene."));
        effective.insert("dtype".into(), "f32".into());
    }
    effective.insert("device".into(), "cpu".into());
    effective
}

/// Stages one after the other, each with its percentage of the wall time.
fn result(
    cell: &PlannedCell,
    wall_ms: u64,
    shares: &[(Stage, Option<u32>, u64)],
    output: Output,
) -> RepeatResult {
    let mut start_ns = 0;
    let spans = shares.iter().map(|&(stage, scene, percent)| {
        let duration_ns = wall_ms * MS * percent / 100;
        let span = Span { stage, scene, activity: Activity::Compute, start_ns, duration_ns };
        start_ns += span.duration_ns;
        span
    });
    result_of(cell, wall_ms, spans.collect(), output)
}

/// A repeat with these spans.
pub(crate) fn result_of(cell: &PlannedCell, wall_ms: u64, spans: Vec<Span>, output: Output) -> RepeatResult {
    RepeatResult {
        cell: cell.id.clone(),
        repeat: 0,
        pass: Pass::Measured,
        media_s: 20.0,
        wall_ns: wall_ms * MS + 7,
        spans,
        output,
        effective: effective(cell),
        peak_rss_bytes: Some(512 << 20),
        peak_vram_bytes: None,
    }
}

/// Two scenes of ten seconds.
pub(crate) fn two_scenes() -> SceneList {
    let scene = |start_frame, end_frame| Scene {
        start_frame,
        end_frame,
        start_s: f64::from(start_frame) / 24.0,
        end_s: f64::from(end_frame) / 24.0,
    };
    SceneList {
        fps: 24.0,
        timeline: Timeline {
            time_base: TimeBase { num: 1, den: 24 },
            runs: vec![TicksRun { start: 0, step: 1, count: 480 }],
        },
        scenes: vec![scene(0, 240), scene(240, 480)],
    }
}

/// A word in the first scene.
pub(crate) fn hello() -> Transcript {
    let segment = Segment { start: 0.0, end: 1.0, text: "hello".into(), tokens: vec![5, 6] };
    Transcript { text: "hello".into(), segments: vec![segment] }
}

/// A stage-1 repeat: 10 % scenes, 80 % speech.
pub(crate) fn stage1_result(cell: &PlannedCell, wall_ms: u64) -> RepeatResult {
    let output =
        Stage1Output { scenes: Some(two_scenes()), transcript: Some(hello()), ..Stage1Output::default() };
    result(cell, wall_ms, &[(Stage::Scene, None, 10), (Stage::Asr, None, 80)], Output::Stage1(output))
}

/// A captioning repeat of two scenes with three tokens each.
pub(crate) fn caption_result(cell: &PlannedCell, wall_ms: u64) -> RepeatResult {
    let shares: Vec<_> = [0, 1]
        .iter()
        .flat_map(|&scene| {
            [
                (Stage::Frames, Some(scene), 5),
                (Stage::Preprocess, Some(scene), 3),
                (Stage::Vision, Some(scene), 10),
                (Stage::Prefill, Some(scene), 10),
                (Stage::Decode, Some(scene), 20),
            ]
        })
        .collect();
    let scenes = vec![caption(0, &[1, 2, 3]), caption(1, &[4, 5, 6])];
    result(cell, wall_ms, &shares, Output::Caption { scenes })
}

/// A scene's caption.
pub(crate) fn caption(scene: u32, tokens: &[u32]) -> SceneCaption {
    SceneCaption {
        scene,
        frame_pts_s: vec![f64::from(scene) * 10.0, f64::from(scene) * 10.0 + 5.0],
        prompt: "<image>\nWhat happens?".into(),
        prompt_tokens: 100,
        tokens: tokens.to_vec(),
        text: "a cat | a \"dog\"".into(),
        finish: Some(Finish::Length),
        ttft_ns: Some(u64::from(scene + 1) * 40 * MS),
        failure: None,
    }
}

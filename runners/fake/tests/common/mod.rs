//! A small run against the real fake process.
#![expect(dead_code, reason = "each test file uses its own part of this")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use reelbench_exec::{
    Counts, MemoryLimit, Order, RunDirectory, RunEnd, RunPlan, RunnerCommand, StopFlag, execute, read_journal,
};
use reelbench_protocol::{
    AsrModel, AsrSpec, AstSpec, CaptionSettings, CaptionSpec, CellEnd, CellId, CellSpec, Device, Environment,
    Failure, Family, JournalEvent, Manifest, Pass, PlannedCell, Quantization, RUN_FORMAT_VERSION, RemoteSpec,
    RepeatResult, Repeats, SceneSpec, Stage1Spec, Tracker, Unit, VideoSpec, Warmup, Weights, WhisperSpec,
    Work, YoloSpec,
};
use tempfile::TempDir;

/// Far more than a fake repeat takes, on a busy machine too.
pub(crate) const AMPLE: Duration = Duration::from_mins(1);

pub(crate) const MATRIX: &[u8] = b"version: 1\nname: test\n";

/// How to start the fake runner.
pub(crate) fn runner(args: &[&str]) -> RunnerCommand {
    RunnerCommand {
        name: "fake".to_owned(),
        program: PathBuf::from(env!("CARGO_BIN_EXE_bench-runner-fake")),
        args: args.iter().map(ToString::to_string).collect(),
        variables: Vec::new(),
    }
}

/// A stage-1 cell with scene detection and, if named, speech by `dummy:PRESET`.
pub(crate) fn stage1(video: &str, preset: Option<&str>) -> PlannedCell {
    let asr = preset.map(whisper);
    planned(
        video,
        Work::Stage1(Stage1Spec { scene: Some(SceneSpec::default()), asr, ..Stage1Spec::default() }),
        None,
    )
}

/// Speech of each scene by `dummy:PRESET`.
pub(crate) fn whisper(preset: &str) -> AsrSpec {
    let spec = WhisperSpec {
        weights: dummy(preset),
        quantization: Quantization::None,
        num_beams: 1,
        temperature_fallback: true,
    };
    AsrSpec { model: AsrModel::Whisper(spec), per: Unit::Scene, concurrency: 1 }
}

/// Speech of each scene by a service that allows so many requests a minute.
pub(crate) fn service(concurrency: u32, requests_per_minute: Option<u32>) -> AsrSpec {
    let remote = RemoteSpec {
        endpoint: "https://example.org/v1".to_owned(),
        model: "whisper-1".to_owned(),
        requests_per_minute,
        request_timeout_s: 60,
        api_version: None,
    };
    AsrSpec { model: AsrModel::Openai(remote), per: Unit::Scene, concurrency }
}

/// A stage-1 cell with every stage.
pub(crate) fn every_stage(video: &str, change: impl FnOnce(&mut Stage1Spec)) -> PlannedCell {
    let mut spec = Stage1Spec {
        scene: Some(SceneSpec::default()),
        asr: Some(whisper("whisper-tiny.en")),
        ast: Some(AstSpec {
            weights: dummy("ast-tiny"),
            quantization: Quantization::None,
            per: Unit::Scene,
            batch: 1,
        }),
        yolo: Some(YoloSpec { weights: dummy("yolov8n"), every_nth_frame: 5, tracker: Tracker::Bytetrack }),
        parallel: false,
    };
    change(&mut spec);
    planned(video, Work::Stage1(spec), None)
}

/// A captioning cell of `dummy:PRESET` on the scenes of a stage-1 cell.
pub(crate) fn caption(video: &str, model: &str, preset: &str, stage1: Option<&PlannedCell>) -> PlannedCell {
    let work = Work::Caption(CaptionSpec {
        model: model.parse().unwrap(),
        family: Family::LlavaNext,
        weights: dummy(preset),
        question: "What happens?".to_owned(),
        prompt: None,
        seed: None,
        settings: CaptionSettings::default(),
        scene: stage1.map(|_| SceneSpec::default()),
        asr: None,
        ast: None,
        yolo: None,
        max_scenes: None,
    });
    planned(video, work, stage1)
}

fn dummy(preset: &str) -> Weights {
    Weights::Dummy { preset: preset.to_owned(), seed: 0 }
}

pub(crate) fn planned(video: &str, work: Work, stage1: Option<&PlannedCell>) -> PlannedCell {
    let path = Path::new("/films").join(format!("{video}.mp4"));
    let spec = CellSpec { video: VideoSpec { id: video.parse().unwrap(), path, title: None }, work };
    PlannedCell { id: CellId::of(&spec), spec, stage1_from: stage1.map(|cell| cell.id.clone()) }
}

/// A plan with two measured repeats and one warm-up.
pub(crate) fn plan(cells: Vec<PlannedCell>) -> RunPlan {
    RunPlan {
        cache_check: 0,
        cells,
        skipped: Vec::new(),
        known_failures: Vec::new(),
        repeats: Repeats::Fixed(2),
        warmup: Warmup::Fixed(1),
        timeout: AMPLE,
        run_timeout: None,
        memory_limit: MemoryLimit::Auto,
        seed: 0,
        order: Order::Interleaved,
        device: Device::Auto,
        save_frames: false,
    }
}

/// A run's directory in a temporary folder.
pub(crate) struct TestRun {
    pub(crate) directory: RunDirectory,
    folder: TempDir,
}

impl TestRun {
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// In a temporary folder of this one.
    pub(crate) fn within(folder: &Path) -> Self {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let directory = RunDirectory::create(&folder.path().join("run"), MATRIX).unwrap();
        directory.write_manifest(&manifest(&directory)).unwrap();
        Self { directory, folder }
    }

    pub(crate) fn execute(&self, plan: &RunPlan, runner: &RunnerCommand) -> RunEnd {
        execute(plan, &self.directory, runner, &mut (), &StopFlag::new()).unwrap()
    }

    /// Runs to the end and gives the counts.
    pub(crate) fn finish(&self, plan: &RunPlan, runner: &RunnerCommand) -> Counts {
        match self.execute(plan, runner) {
            RunEnd::Finished(counts) => counts,
            end => panic!("nobody interrupted it: {end:?}"),
        }
    }

    pub(crate) fn events(&self) -> Vec<JournalEvent> {
        read_journal(&self.directory.journal()).unwrap().into_iter().map(|line| line.event).collect()
    }

    /// How a cell ended before its time.
    pub(crate) fn ending(&self, cell: &PlannedCell) -> Option<(CellEnd, Failure, Vec<String>)> {
        let mut endings = self.events().into_iter().filter_map(|event| match event {
            JournalEvent::CellEnded { cell: id, end, failure, log_tail } if id == cell.id => {
                Some((end, failure, log_tail))
            }
            _ => None,
        });
        let ending = endings.next();
        assert!(endings.next().is_none(), "a cell ends once");
        ending
    }

    /// The results of a cell in order.
    pub(crate) fn results(&self, cell: &PlannedCell, pass: Pass) -> Vec<RepeatResult> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                JournalEvent::Repeat { result, .. } if result.cell == cell.id && result.pass == pass => {
                    Some(*result)
                }
                _ => None,
            })
            .collect()
    }

    /// The ids of the runner processes' children, as they wrote them to their logs.
    pub(crate) fn children(&self) -> Vec<u32> {
        let logs = std::fs::read_dir(self.directory.path().join("logs")).unwrap();
        let text: String = logs.map(|log| std::fs::read_to_string(log.unwrap().path()).unwrap()).collect();
        text.lines().filter_map(|line| line.strip_prefix("child ")?.parse().ok()).collect()
    }
}

pub(crate) fn manifest(directory: &RunDirectory) -> Manifest {
    Manifest {
        format: RUN_FORMAT_VERSION,
        run_id: directory.run_id().to_owned(),
        name: "test".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        finished: None,
        command: vec!["bench".to_owned()],
        folder: None,
        matrix_sha256: String::new(),
        git: None,
        session: None,
        bench_version: "0.1.0".to_owned(),
        runner: None,
        binaries: Vec::new(),
        environment: Environment::default(),
        inputs: Vec::new(),
        changes: Vec::new(),
        weights: Vec::new(),
    }
}

/// Whether a process is still running; one that only waits to be reaped is not.
pub(crate) fn is_running(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

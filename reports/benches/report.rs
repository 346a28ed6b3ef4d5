//! From the journal of a large run to its report: 1,000,000 stage rows, and 100,000 repeats.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::fs;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use reelbench_protocol::{
    Activity, CaptionSettings, CaptionSpec, CellId, CellSpec, Environment, Family, Finish, JournalEvent,
    JournalLine, Manifest, Output, Pass, PlannedCell, Quantization, RUN_FORMAT_VERSION, RepeatResult,
    Repeats, SceneCaption, Span, Stage, VideoSpec, Warmup, Weights, Work,
};
use reelbench_reports::{JOURNAL_FILE, MANIFEST_FILE, Run, Template, rebuild};

/// Stages of a captioned scene; a repeat has one row for each, and one for what is left over.
const STAGES: [Stage; 5] = [Stage::Frames, Stage::Preprocess, Stage::Vision, Stage::Prefill, Stage::Decode];

/// What the cells of a run differ in.
#[derive(Clone, Copy)]
enum Cells {
    /// Their weights, which are no knob.
    OfOneSetting,
    /// Eight knobs of two values each, on several films.
    OfEightKnobs,
}

/// How large a run is.
#[derive(Clone, Copy)]
struct Size {
    of: Cells,
    cells: u32,
    repeats: u32,
    scenes: u32,
}

impl Size {
    fn rows(self) -> u32 {
        self.cells * self.repeats * (self.scenes * STAGES.len() as u32 + 1)
    }
}

/// Settings of which each is one of two, by the bits of a number.
fn of_eight_knobs(number: u32) -> CaptionSettings {
    let bit = |place: u32| number >> place & 1;
    CaptionSettings {
        use_cache: bit(0) == 0,
        quantization: if bit(1) == 0 { Quantization::None } else { Quantization::Q4k },
        frames_per_scene: 1 + bit(2),
        num_beams: 1 + bit(3),
        max_new_tokens: 128 + bit(4),
        batch_scenes: 1 + bit(5),
        frame_size: 336 + bit(6),
        min_new_tokens: bit(7),
        ..CaptionSettings::default()
    }
}

fn cell(number: u32, of: Cells) -> PlannedCell {
    let (film, seed, settings) = match of {
        Cells::OfOneSetting => (0, u64::from(number), CaptionSettings::default()),
        Cells::OfEightKnobs => (number >> 8, 0, of_eight_knobs(number)),
    };
    let work = Work::Caption(CaptionSpec {
        model: "model".parse().unwrap(),
        family: Family::LlavaNext,
        weights: Weights::Dummy { preset: "llava-next-tiny".to_owned(), seed },
        question: "What happens?".to_owned(),
        prompt: None,
        seed: None,
        settings,
        scene: None,
        asr: None,
        ast: None,
        yolo: None,
        max_scenes: None,
    });
    let spec = CellSpec {
        video: VideoSpec {
            id: format!("film-{film}").parse().unwrap(),
            path: "film.mp4".into(),
            title: None,
        },
        work,
    };
    PlannedCell { id: CellId::of(&spec), spec, stage1_from: None }
}

fn repeat(cell: &PlannedCell, repeat: u32, scenes: u32) -> RepeatResult {
    const SPAN_NS: u64 = 1_000_000;
    let spans = (0..scenes).flat_map(|scene| STAGES.map(|stage| (scene, stage)));
    let spans: Vec<Span> = (0..)
        .zip(spans)
        .map(|(n, (scene, stage))| Span {
            stage,
            scene: Some(scene),
            activity: Activity::Compute,
            start_ns: n * SPAN_NS,
            duration_ns: SPAN_NS - u64::from(repeat),
        })
        .collect();
    let caption = |scene| SceneCaption {
        scene,
        frame_pts_s: vec![f64::from(scene)],
        prompt: "What happens?".to_owned(),
        prompt_tokens: 600,
        tokens: (0..32).collect(),
        text: "Two dogs play on a beach while the sun goes down behind them.".to_owned(),
        finish: Some(Finish::Eos),
        ttft_ns: Some(SPAN_NS),
        failure: None,
    };
    RepeatResult {
        cell: cell.id.clone(),
        repeat,
        pass: Pass::Measured,
        media_s: 600.0,
        wall_ns: spans.len() as u64 * SPAN_NS + u64::from(repeat),
        spans,
        output: Output::Caption { scenes: (0..scenes).map(caption).collect() },
        effective: cell.spec.requested(),
        peak_rss_bytes: Some(1 << 30),
        peak_vram_bytes: None,
    }
}

/// Writes a run directory.
fn write(folder: &Path, size: Size) {
    let manifest = Manifest {
        format: RUN_FORMAT_VERSION,
        run_id: "large".to_owned(),
        name: "large".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        changes: Vec::new(),
        folder: None,
        weights: Vec::new(),
        finished: None,
        command: vec!["bench".to_owned()],
        matrix_sha256: String::new(),
        git: None,
        session: None,
        bench_version: "0.1.0".to_owned(),
        runner: None,
        binaries: Vec::new(),
        environment: Environment::default(),
        inputs: Vec::new(),
    };
    fs::write(folder.join(MANIFEST_FILE), serde_json::to_vec(&manifest).unwrap()).unwrap();
    let mut journal = BufWriter::new(fs::File::create(folder.join(JOURNAL_FILE)).unwrap());
    let mut tell = |event| {
        let line = JournalLine { at_ms: 0, event };
        serde_json::to_writer(&mut journal, &line).unwrap();
        journal.write_all(b"\n").unwrap();
    };
    let cells: Vec<_> = (0..size.cells).map(|number| cell(number, size.of)).collect();
    tell(JournalEvent::Started { format: RUN_FORMAT_VERSION, run_id: "large".to_owned() });
    tell(JournalEvent::Planned {
        cells: cells.clone(),
        skipped: Vec::new(),
        repeats: Repeats::Fixed(size.repeats),
        warmup: Warmup::Fixed(0),
    });
    for number in 0..size.repeats {
        for cell in &cells {
            let result = Box::new(repeat(cell, number, size.scenes));
            tell(JournalEvent::Repeat { result, conditions: None });
        }
    }
    tell(JournalEvent::Finished);
}

/// The most memory that this process had so far, in MiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0_u64) / 1024
}

fn report(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a large run");
    group.sample_size(10).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(1));
    for (what, size) in [
        ("rows of stages", Size { of: Cells::OfOneSetting, cells: 100, repeats: 50, scenes: 40 }),
        ("repeats of one scene", Size { of: Cells::OfOneSetting, cells: 1_000, repeats: 100, scenes: 1 }),
        ("repeats of one cell", Size { of: Cells::OfOneSetting, cells: 1, repeats: 100_000, scenes: 1 }),
        ("cells of eight knobs", Size { of: Cells::OfEightKnobs, cells: 1_024, repeats: 5, scenes: 40 }),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), size);
        let megabytes = fs::metadata(folder.path().join(JOURNAL_FILE)).unwrap().len() / 1_000_000;
        let Size { cells, repeats, .. } = size;
        let name =
            format!("{what}: {} rows, {} repeats, journal {megabytes} MB", size.rows(), cells * repeats);
        group.bench_function(format!("read and replay, {name}"), |bencher| {
            bencher.iter(|| Run::load(black_box(folder.path())).unwrap().cells.len());
        });
        group.bench_function(format!("report, {name}"), |bencher| {
            bencher.iter(|| rebuild(black_box(folder.path()), &Template::Embedded).unwrap().paths.len());
        });
        eprintln_peak(what);
    }
    group.finish();
}

#[expect(clippy::print_stderr, reason = "a bench prints what matters")]
fn eprintln_peak(what: &str) {
    eprintln!("peak memory after {what}: {} MiB", peak_memory());
}

criterion_group!(benches, report);
criterion_main!(benches);

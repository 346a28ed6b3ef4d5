//! Tables of a run of two films and two captioners, as the reports that these replace have them.

use reelbench_protocol::{
    Activity, AstSpec, CaptionSettings, JournalEvent, Output, PlannedCell, RepeatResult, Repeats, Stage,
    Warmup, Weights, Work, YoloSpec,
};
use reelbench_reports::{Template, rebuild};

use crate::fixtures::*;
use crate::stage1_fixtures::*;
use crate::support::*;

const SECOND: u64 = 1_000;

/// A film: its id, its title, and its seconds.
#[derive(Clone, Copy)]
struct Film(&'static str, &'static str, f64);

const SHELDON: Film = Film("young-sheldon", "Young Sheldon", 168.4);
const ARGENTINA: Film = Film("argentina-v-france", "Argentina v France", 459.0);

fn local(name: &str) -> Weights {
    Weights::Local { path: format!("/models/{name}").into(), name: format!("hf:{name}") }
}

/// All base stages with weights that are not random.
fn stage1(film: Film) -> PlannedCell {
    let spec = spec(whisper(1), AT_REST);
    let ast = spec.ast.clone().map(|ast| AstSpec { weights: local("ast"), ..ast });
    let yolo = spec.yolo.clone().map(|yolo| YoloSpec { weights: local("yolov8n"), ..yolo });
    titled(film, planned(film.0, Work::Stage1(reelbench_protocol::Stage1Spec { ast, yolo, ..spec }), None))
}

fn captioner(film: Film, model: &str, settings: CaptionSettings) -> PlannedCell {
    let mut cell = caption_cell(film.0, model, settings, &stage1(film));
    if let Work::Caption(caption) = &mut cell.spec.work {
        caption.weights = local(model);
    }
    let PlannedCell { spec, stage1_from, .. } = cell;
    titled(film, PlannedCell { stage1_from, ..planned(film.0, spec.work, None) })
}

fn titled(film: Film, mut cell: PlannedCell) -> PlannedCell {
    cell.spec.video.title = Some(film.1.to_owned());
    cell
}

/// Stages one after the other, of so many tenths of a minute each.
fn of_stages(film: Film, cell: &PlannedCell, tenths: [u64; 4]) -> RepeatResult {
    let mut start = 0;
    let stages = [Stage::Scene, Stage::Asr, Stage::Ast, Stage::Yolo];
    let spans = stages.into_iter().zip(tenths).map(|(stage, tenths)| {
        let span = span(stage, Activity::Compute, start, tenths * 6 * SECOND);
        start += tenths * 6 * SECOND;
        span
    });
    let result =
        result_of(cell, tenths.iter().sum::<u64>() * 6 * SECOND, spans.collect(), Output::Stage1(found()));
    RepeatResult { media_s: film.2, ..result }
}

/// A caption of so many scenes.
fn of_scenes(film: Film, cell: &PlannedCell, scenes: u32, seconds: u64) -> RepeatResult {
    let captions = (0..scenes).map(|scene| caption(scene, &[1, 2, 3])).collect();
    let result = caption_result(cell, seconds * SECOND);
    RepeatResult { media_s: film.2, output: Output::Caption { scenes: captions }, ..result }
}

fn whole_run() -> RunDir {
    let no_cache = uncached();
    let phi = |film| captioner(film, "Phi-3.5-Vision", no_cache.clone());
    let llava = |film| captioner(film, "LLaVA-v1.6-7B", cached());
    let repeats = [
        of_stages(SHELDON, &stage1(SHELDON), [1, 90, 20, 2]),
        of_stages(ARGENTINA, &stage1(ARGENTINA), [1, 249, 32, 3]),
        of_scenes(SHELDON, &phi(SHELDON), 35, 2_128),
        of_scenes(ARGENTINA, &phi(ARGENTINA), 61, 5_900),
        of_scenes(SHELDON, &llava(SHELDON), 35, 160),
        of_scenes(ARGENTINA, &llava(ARGENTINA), 61, 700),
    ];
    let cells =
        [stage1(SHELDON), stage1(ARGENTINA), phi(SHELDON), phi(ARGENTINA), llava(SHELDON), llava(ARGENTINA)];
    let mut run = RunDir::planned(cells.to_vec(), vec![]);
    if let Some(JournalEvent::Planned { repeats, warmup, .. }) = run.events.get_mut(1) {
        (*repeats, *warmup) = (Repeats::Fixed(1), Warmup::Fixed(0));
    }
    for (cell, repeat) in cells.iter().zip(repeats) {
        run.load(cell, 1500);
        run.repeat(repeat);
    }
    run.finish();
    run
}

/// The rows of a report without the blanks that line them up.
fn rows(report: &str) -> Vec<String> {
    let rows = report.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn rows_read_like_those_of_the_reports_this_replaces() {
    let run = whole_run();
    rebuild(run.write(), &Template::Embedded).unwrap();
    let report = read(run.write(), "report.md");
    let rows = rows(&report);
    for row in [
        "| Model | Video | Video Length | Scenes | VLM Time | RTF | Status |",
        "| **Phi-3.5-Vision** | Young Sheldon | 2m 48s | 35 | 35.5 min | **12.6x** | ✅ Stable (No Cache) |",
        "| Video | Actual Length | Stage 1 Total | ASR | AST | YOLO |",
        "| **Argentina v France** | 7m 39s | 28.5 min | 24.9 min | 3.2 min | 0.3 min |",
    ] {
        assert!(rows.iter().any(|known| known == row), "no {row} in:\n{report}");
    }
    insta::assert_snapshot!("films_report", report);
}

#[test]
fn a_cell_without_cache_that_failed_needs_the_column() {
    let mut run = whole_run();
    let is_phi_on_sheldon = |event: &JournalEvent| matches!(event, JournalEvent::Repeat { result, .. } if result.wall_ns > 2_127_000_000_000 && result.wall_ns < 2_129_000_000_000);
    run.events.retain(|event| !is_phi_on_sheldon(event));
    rebuild(run.write(), &Template::Embedded).unwrap();
    let report = read(run.write(), "report.md");
    let expected = "| Model | Video | use_cache | Video Length | Scenes | VLM Time | RTF | Status |";
    assert!(rows(&report).iter().any(|row| row == expected), "{report}");
}

//! Questions that tell of what stage 1 found: how captions multiply, and which cell feeds them.

use std::collections::HashSet;

use reelbench_matrix::{Expansion, Selection, with_dependencies};
use reelbench_protocol::{AsrModel, CaptionSpec, PlannedCell, Stage1Spec, Work};

use crate::common::{errors, expand};

const STAGES: &str = "stage1:
  scene: {threshold: [20, 27]}
  asr: {weights: \"dummy:whisper-tiny\", num_beams: [1, 5], concurrency: [4, 2], per: scene}
  ast: {weights: \"dummy:ast-tiny\", per: [scene, file], batch: [1, 8]}
  yolo: {weights: \"dummy:yolov8-tiny\", every_nth_frame: [5, 1, 10]}
  parallel: [true, false]
";

/// A matrix with one film and one captioner for each question, with ids `m0`, `m1`, …
fn asking(questions: &[&str], lines: &str) -> String {
    let model = |(index, question): (usize, &&str)| {
        format!(
            "  - {{id: m{index}, family: llava-next, weights: \"dummy:captioner-tiny\", question: \"{question}\"}}\n"
        )
    };
    let models: String = questions.iter().enumerate().map(model).collect();
    format!("version: 1\nname: test\nvideos: [{{id: film, path: clips/film.mp4}}]\n{lines}models:\n{models}")
}

fn captions(expansion: &Expansion) -> Vec<(&PlannedCell, &CaptionSpec)> {
    let cells = expansion.cells.iter();
    cells
        .filter_map(|cell| match &cell.spec.work {
            Work::Caption(caption) => Some((cell, caption)),
            Work::Stage1(_) => None,
        })
        .collect()
}

fn stage1(expansion: &Expansion) -> Vec<(&PlannedCell, &Stage1Spec)> {
    let cells = expansion.cells.iter();
    cells
        .filter_map(|cell| match &cell.spec.work {
            Work::Stage1(stage1) => Some((cell, stage1)),
            Work::Caption(_) => None,
        })
        .collect()
}

#[test]
fn captions_multiply_over_what_their_question_tells_of() {
    for (question, expected) in [
        ("What?", 2),
        ("{{What}}?", 2),
        ("{transcript}", 2 * 2),
        ("{sounds}", 2 * 2),
        ("{objects}", 2 * 3),
        ("{transcript} {transcript}", 2 * 2),
        ("{sounds} {objects}", 2 * 2 * 3),
        ("{transcript} {sounds} {objects}", 2 * 2 * 2 * 3),
    ] {
        let expansion = expand(&asking(&[question], STAGES));
        assert_eq!(stage1(&expansion).len(), 2 * (2 * 2) * (2 * 2) * 3 * 2);
        let captions = captions(&expansion);
        assert_eq!(captions.len(), expected, "{question}");
        for (_, caption) in captions {
            assert_eq!(caption.asr.is_some(), question.contains("{transcript}"), "{question}");
            assert_eq!(caption.ast.is_some(), question.contains("{sounds}"), "{question}");
            assert_eq!(caption.yolo.is_some(), question.contains("{objects}"), "{question}");
            assert!(caption.asr.as_ref().is_none_or(|asr| asr.concurrency == 4), "the first of its axis");
            assert!(caption.ast.as_ref().is_none_or(|ast| ast.batch == 1), "the first of its axis");
        }
    }
}

#[test]
fn a_caption_is_fed_by_the_first_cell_that_finds_exactly_that() {
    let expansion = expand(&asking(&["{transcript} {objects}", "{sounds}", "What?"], STAGES));
    let cells = stage1(&expansion);
    let mut feeders = HashSet::new();
    for (cell, caption) in captions(&expansion) {
        let feeds = |stage1: &Stage1Spec| {
            stage1.scene == caption.scene
                && (caption.asr.is_none() || stage1.asr == caption.asr)
                && (caption.ast.is_none() || stage1.ast == caption.ast)
                && (caption.yolo.is_none() || stage1.yolo == caption.yolo)
        };
        let first = cells.iter().find(|(_, stage1)| feeds(stage1)).map(|(cell, _)| &cell.id);
        assert!(first.is_some());
        assert_eq!(cell.stage1_from.as_ref(), first);
        feeders.insert(first);
    }
    // The first way of finding sounds is found by the first cell of each detection, which feeds plain questions too.
    assert_eq!(feeders.len(), 2 * (2 * 3 + 1));
}

#[test]
fn a_film_without_scenes_is_told_of_as_a_whole() {
    let stages = "stage1: {asr: {weights: \"dummy:whisper-tiny\"}}\n";
    let expansion = expand(&asking(&["{transcript}", "What?"], stages));
    let fed: Vec<bool> = captions(&expansion).iter().map(|(cell, _)| cell.stage1_from.is_some()).collect();
    assert_eq!(fed, [true, false]);
}

#[test]
fn a_question_is_a_template_of_stages_that_are_there() {
    let stages = "stage1: {scene: {}, ast: {weights: \"dummy:ast-tiny\"}}\n";
    insta::assert_snapshot!(errors(&asking(
        &[
            "Of {objcts}?",
            "Of {transcript} and {sounds}?",
            "Of {speech}?",
            "A brace: {",
            "Of {objects}",
            "Fine: {sounds}"
        ],
        stages
    )));
}

#[test]
fn a_prompt_is_no_template_and_takes_the_questions_place() {
    let stages = "stage1: {ast: {weights: \"dummy:ast-tiny\"}}\n";
    let prompt = |question: &str, prompt: &str| {
        asking(&[question], stages)
            .replace("dummy:captioner-tiny\"", &format!("dummy:captioner-tiny\", prompt: \"{prompt}\""))
    };
    let said = errors(&prompt("{sounds}", "<image> What?"));
    assert_eq!(
        said,
        "matrix.yaml:6:75: `prompt` takes the place of a question that tells of what was found; remove one of them"
    );
    let warned = expand(&prompt("What?", "<image> {sounds}"));
    assert_eq!(warned.warnings.len(), 1);
    assert!(warned.warnings[0].message.contains("only `question` is a template"));
    assert_eq!(expand(&prompt("What?", "<image> {x}")).warnings, []);
}

#[test]
fn excluded_feeders_skip_their_captions() {
    let stages = "stage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\", concurrency: [1, 2], num_beams: [1, 5], per: scene}}\n";
    let count = |exclude: &str| {
        let expansion = expand(&(asking(&["{transcript}"], stages) + exclude));
        let reasons: Vec<String> = expansion.skipped.iter().map(|skipped| skipped.reason.clone()).collect();
        (stage1(&expansion).len(), captions(&expansion).len(), reasons)
    };
    assert_eq!(count(""), (4, 2, vec![]));
    // How fast speech is found is no value of a caption; what is said is.
    let reason = || "every stage-1 cell that finds what its question tells of is excluded".to_owned();
    assert_eq!(count("exclude: [{asr.concurrency: 1}]"), (2, 0, vec![reason(), reason()]));
    assert_eq!(count("exclude: [{asr.concurrency: 2}]"), (2, 2, vec![]));
    assert_eq!(count("exclude: [{asr.num_beams: 5}]"), (2, 1, vec![]));
    assert_eq!(count("exclude: [{model: m0, asr.num_beams: 5}]"), (4, 1, vec![]));
}

#[test]
fn an_included_caption_brings_the_cell_that_finds_what_it_tells() {
    let stages = "stage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\", concurrency: [3, 4], per: scene}, ast: {weights: \"dummy:ast-tiny\"}}\n";
    let text = asking(&["{transcript}", "What?"], stages);
    let expansion = expand(&format!("{text}include: [{{model: m0, asr.num_beams: 5}}]\n"));
    let (cells, captions) = (stage1(&expansion), captions(&expansion));
    assert_eq!((cells.len(), captions.len()), (2 + 1, 2 + 1));
    let (added, spec) = cells[2];
    let asr = spec.asr.as_ref().unwrap();
    assert!(
        matches!(&asr.model, AsrModel::Whisper(whisper) if whisper.num_beams == 5) && asr.concurrency == 3
    );
    assert!(spec.ast.is_some(), "the other stages run too, as in every cell");
    assert_eq!(captions[2].0.stage1_from.as_ref(), Some(&added.id));
    // Without a model the entry means those whose question tells of speech.
    let expansion = expand(&format!("{text}include: [{{frame_size: 10, asr.num_beams: 5}}]\n"));
    assert_eq!(self::captions(&expansion).len(), 2 + 1);
    // What is there already feeds an added caption.
    let expansion = expand(&format!("{text}include: [{{model: m0, frame_size: 10}}]\n"));
    assert_eq!((stage1(&expansion).len(), self::captions(&expansion).len()), (2, 3));
    let said = |entry: &str| errors(&format!("{text}include: [{entry}]\n"));
    let both = "an entry of `include` adds a caption or a stage-1 cell, not both at once; write ";
    for (entry, keys) in [
        ("{model: m1, asr.num_beams: 5}", "the `asr.` keys"),
        ("{model: m0, asr.concurrency: 5}", "the `asr.` keys"),
        ("{model: m0, ast.batch: 5}", "the `ast.` keys"),
        ("{model: m0, parallel: true}", "`parallel`"),
    ] {
        assert_eq!(said(entry), format!("matrix.yaml:8:11: {both}{keys} in an entry of their own"));
    }
}

#[test]
fn a_selected_caption_brings_the_cell_that_feeds_it() {
    let expansion = expand(&asking(&["{transcript} {objects}"], STAGES));
    let selection: Selection =
        "kind=caption,asr.num_beams=5,yolo.every_nth_frame=10,scene.threshold=27".parse().unwrap();
    let kept = with_dependencies(&expansion.cells, &selection);
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[1].stage1_from.as_ref(), Some(&kept[0].id));
    for (text, expected) in [
        ("asr.engine=whisper kind=caption", 2 * 2 * 3),
        ("ast.batch=8 kind=caption", 0),
        ("asr.concurrency=4 kind=caption", 0),
        ("ast.batch=8", 96),
        ("parallel=true", 96),
        ("yolo.tracker=bytetrack", 192 + 12),
        ("ast.weights=dummy:ast*", 192),
    ] {
        let selection: Selection = text.parse().unwrap();
        let count = expansion.cells.iter().filter(|cell| selection.matches(cell)).count();
        assert_eq!(count, expected, "{text}");
    }
}

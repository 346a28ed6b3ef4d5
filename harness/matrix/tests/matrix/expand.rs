//! Laws of the expansion.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::subsequence;
use reelbench_matrix::{Expansion, Selection, load_spec, with_dependencies};
use reelbench_protocol::{CellKind, Device, PlannedCell, SceneSpec, Work};

use crate::common::{expand, with};

/// A matrix by the values of its axes.
#[derive(Debug, Clone)]
struct Axes {
    videos: usize,
    models: usize,
    thresholds: Vec<u32>,
    concurrency: Vec<u32>,
    use_cache: Vec<bool>,
    quantization: Vec<&'static str>,
    num_beams: Vec<u32>,
}

impl Axes {
    fn text(&self) -> String {
        let videos = (0..self.videos).map(|index| format!("  - {{id: v{index}, path: clips/film.mp4}}\n"));
        let model =
            |index| format!("  - {{id: m{index}, family: llava-next, weights: \"dummy:captioner-tiny\"}}\n");
        format!(
            "version: 1\nname: laws\nvideos:\n{}stage1:\n  scene: {{threshold: {:?}}}\n  asr: {{weights: \
             \"dummy:whisper-tiny\", per: scene, concurrency: {:?}}}\nmodels:\n{}settings: {{use_cache: {:?}, \
             quantization: [{}], num_beams: {:?}}}\n",
            videos.collect::<String>(),
            self.thresholds,
            self.concurrency,
            (0..self.models).map(model).collect::<String>(),
            self.use_cache,
            self.quantization.join(", "),
            self.num_beams,
        )
    }

    fn stage1(&self) -> usize {
        self.videos * self.thresholds.len() * self.concurrency.len()
    }

    fn captions(&self) -> usize {
        let settings = self.use_cache.len() * self.quantization.len() * self.num_beams.len();
        self.videos * self.models * settings * self.thresholds.len()
    }
}

fn axes() -> impl Strategy<Value = Axes> {
    (
        1..3usize,
        1..3usize,
        subsequence(vec![3, 27, 40], 1..=3),
        subsequence(vec![1, 2, 4], 1..=3),
        subsequence(vec![true, false], 1..=2),
        subsequence(vec!["none", "q8_0", "q4k", "nf4"], 1..=4),
        subsequence(vec![1, 2, 3], 1..=3),
    )
        .prop_map(|(videos, models, thresholds, concurrency, use_cache, quantization, num_beams)| Axes {
            videos,
            models,
            thresholds,
            concurrency,
            use_cache,
            quantization,
            num_beams,
        })
}

fn kind(expansion: &Expansion, kind: CellKind) -> Vec<&PlannedCell> {
    expansion.cells.iter().filter(|cell| cell.spec.kind() == kind).collect()
}

fn scene(cell: &PlannedCell) -> Option<SceneSpec> {
    match &cell.spec.work {
        Work::Stage1(stage1) => stage1.scene,
        Work::Caption(caption) => caption.scene,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cells_are_the_product_of_the_axes(axes in axes()) {
        let expansion = expand(&axes.text());
        prop_assert_eq!(kind(&expansion, CellKind::Stage1).len(), axes.stage1());
        prop_assert_eq!(kind(&expansion, CellKind::Caption).len(), axes.captions());
        let ids: HashSet<_> = expansion.cells.iter().map(|cell| &cell.id).collect();
        prop_assert_eq!(ids.len(), expansion.cells.len());
        prop_assert_eq!(&expand(&axes.text()).cells, &expansion.cells);
    }

    #[test]
    fn scenes_come_from_the_first_cell_that_finds_them(axes in axes()) {
        let expansion = expand(&axes.text());
        for caption in kind(&expansion, CellKind::Caption) {
            let first = kind(&expansion, CellKind::Stage1)
                .into_iter()
                .find(|cell| cell.spec.video == caption.spec.video && scene(cell) == scene(caption));
            prop_assert_eq!(caption.stage1_from.as_ref(), first.map(|cell| &cell.id));
        }
    }

    #[test]
    fn exclude_takes_away_what_matches_and_nothing_else(axes in axes(), beams in 1..4u32, cache in any::<bool>()) {
        let all = expand(&axes.text());
        let some = expand(&format!("{}exclude: [{{video: v0, num_beams: {beams}, use_cache: {cache}}}]\n", axes.text()));
        let expected: Vec<PlannedCell> = all.cells.iter().filter(|cell| match &cell.spec.work {
            Work::Stage1(_) => true,
            Work::Caption(caption) => {
                cell.spec.video.id.as_str() != "v0"
                    || caption.settings.num_beams != beams
                    || caption.settings.use_cache != cache
            }
        }).cloned().collect();
        prop_assert_eq!(some.warnings.len(), usize::from(expected.len() == all.cells.len()));
        prop_assert_eq!(some.cells, expected);
    }

    #[test]
    fn include_adds_at_the_end_and_merges_what_is_there(axes in axes(), beams in 1..6u32) {
        let all = expand(&axes.text());
        let more = expand(&format!("{}include: [{{video: v0, model: m0, num_beams: {beams}}}]\n", axes.text()));
        prop_assert_eq!(&more.cells[..all.cells.len()], &all.cells[..]);
        let added = usize::from(!axes.num_beams.contains(&beams));
        prop_assert_eq!(more.cells.len(), all.cells.len() + added);
    }

    #[test]
    fn what_exclude_takes_include_gives_back(axes in axes()) {
        let text = format!("{}exclude: [{{model: m0}}]\ninclude: [{{video: v0, model: m0}}]\n", axes.text());
        let back = expand(&text);
        let of_m0 = kind(&back, CellKind::Caption).into_iter().filter(|cell| match &cell.spec.work {
            Work::Caption(caption) => caption.model.as_str() == "m0",
            Work::Stage1(_) => false,
        }).collect::<Vec<_>>();
        prop_assert_eq!(of_m0.len(), 1);
        prop_assert!(expand(&axes.text()).cells.contains(of_m0[0]));
    }

    #[test]
    fn a_selection_keeps_order_and_what_it_needs(axes in axes(), beams in 1..4u32) {
        let expansion = expand(&axes.text());
        let selection: Selection = format!("kind=caption num_beams={beams}").parse().unwrap();
        let kept = with_dependencies(&expansion.cells, &selection);
        let mut rest = expansion.cells.iter();
        prop_assert!(kept.iter().all(|cell| rest.any(|other| other == cell)));
        let ids: HashSet<_> = kept.iter().map(|cell| &cell.id).collect();
        for cell in &kept {
            prop_assert!(cell.stage1_from.as_ref().is_none_or(|id| ids.contains(id)));
            let needed = kept.iter().any(|other| other.stage1_from.as_ref() == Some(&cell.id));
            prop_assert!(selection.matches(cell) || needed);
        }
        prop_assert!(expansion.cells.iter().filter(|cell| selection.matches(cell)).all(|cell| ids.contains(&cell.id)));
    }
}

/// Stage-1 cells and captions as `video/kind`, with the values of some keys.
fn lines(expansion: &Expansion) -> Vec<String> {
    let line = |cell: &PlannedCell| match &cell.spec.work {
        Work::Stage1(stage1) => format!(
            "stage1 {} scene={:?} concurrency={:?}",
            cell.spec.video.id,
            stage1.scene.map(|scene| scene.threshold),
            stage1.asr.as_ref().map(|asr| asr.concurrency)
        ),
        Work::Caption(caption) => format!(
            "caption {} {} beams={} scene={:?}",
            cell.spec.video.id,
            caption.model,
            caption.settings.num_beams,
            caption.scene.map(|scene| scene.threshold)
        ),
    };
    expansion.cells.iter().map(line).collect()
}

#[test]
fn without_scenes_a_film_is_one_scene() {
    let expansion = expand(&with(""));
    assert_eq!(lines(&expansion), ["caption film captioner beams=1 scene=None"]);
    assert_eq!(expansion.cells[0].stage1_from, None);
    let expansion = expand(&with("stage1: {asr: {weights: \"dummy:whisper-tiny\"}}"));
    assert_eq!(
        lines(&expansion),
        ["stage1 film scene=None concurrency=Some(1)", "caption film captioner beams=1 scene=None"]
    );
    assert_eq!(expansion.cells[1].stage1_from, None);
}

#[test]
fn an_included_caption_brings_the_cell_that_finds_its_scenes() {
    let expansion = expand(&with(
        "stage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\", per: scene, concurrency: [2, 3]}}\n\
         include: [{num_beams: 2, scene.threshold: 9}, {scene.threshold: 5, asr.concurrency: 8}]",
    ));
    assert_eq!(
        lines(&expansion),
        [
            "stage1 film scene=Some(27.0) concurrency=Some(2)",
            "stage1 film scene=Some(27.0) concurrency=Some(3)",
            "stage1 film scene=Some(9.0) concurrency=Some(2)",
            "stage1 film scene=Some(5.0) concurrency=Some(8)",
            "caption film captioner beams=1 scene=Some(27.0)",
            "caption film captioner beams=2 scene=Some(9.0)",
        ]
    );
    assert_eq!(expansion.cells[5].stage1_from, Some(expansion.cells[2].id.clone()));
}

#[test]
fn stage1_keys_exclude_cells_of_stage1() {
    let stage1 = "stage1: {scene: {threshold: [3, 27]}, asr: {weights: \"dummy:whisper-tiny\", per: scene, concurrency: [1, 2]}}";
    let expansion =
        expand(&with(&format!("{stage1}\nexclude: [{{asr.concurrency: 1}}, {{scene.threshold: 3.0}}]")));
    assert_eq!(
        lines(&expansion),
        [
            "stage1 film scene=Some(27.0) concurrency=Some(2)",
            "caption film captioner beams=1 scene=Some(27.0)"
        ]
    );
}

#[test]
fn a_caption_whose_scenes_nobody_finds_is_skipped() {
    let expansion = expand(&with(
        "stage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\"}}\nexclude: [{asr.per: file}]",
    ));
    assert_eq!(expansion.cells, []);
    assert_eq!(expansion.skipped.len(), 1);
    assert_eq!(expansion.skipped[0].reason, "every stage-1 cell that finds its scenes is excluded");
}

#[test]
fn each_detector_has_its_own_threshold() {
    let expansion = expand(&with("stage1: {scene: {detector: [content, adaptive]}}"));
    let thresholds: Vec<f64> =
        expansion.cells.iter().filter_map(scene).map(|scene| scene.threshold).collect();
    assert_eq!(thresholds, [27.0, 3.0, 27.0, 3.0]);
}

#[test]
fn a_models_axis_replaces_that_of_all_models() {
    let text = "version: 1\nname: a\nvideos: [{id: film, path: clips/film.mp4}]\nsettings: {num_beams: [1, 2]}\nmodels:\n\
                - {id: a, family: llava-next, weights: weights}\n\
                - {id: b, family: phi3-v, weights: weights, settings: {num_beams: 5, num_crops: [4, 16]}}\n";
    let crops: Vec<Option<u32>> = expand(text)
        .cells
        .iter()
        .filter_map(|cell| match &cell.spec.work {
            Work::Caption(caption) => Some(caption.settings.num_crops),
            Work::Stage1(_) => None,
        })
        .collect();
    assert_eq!(crops, [None, None, Some(4), Some(16)]);
    assert!(lines(&expand(text))[2].contains("b beams=5"));
    // An entry that only phi3-v can honour adds to phi3-v alone.
    assert_eq!(expand(&format!("{text}include: [{{num_crops: 8}}]\n")).cells.len(), 5);
}

#[test]
fn cells_that_share_weights_share_a_process() {
    let expansion = expand(&with(
        "stage1: {scene: {threshold: [3, 27]}, asr: {weights: \"dummy:whisper-tiny\"}}\n\
         settings: {num_beams: [1, 2], quantization: [none, q4k]}",
    ));
    let loads: HashSet<_> = expansion.cells.iter().map(|cell| load_spec(cell, Device::Cpu)).collect();
    assert_eq!(loads.len(), 3, "stage 1, none and q4k");
}

#[test]
fn ten_thousand_cells_expand() {
    let list = |count: u32| (1..=count).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
    let settings = format!(
        "settings: {{num_beams: [{}], frame_size: [{}], num_crops: [4], max_new_tokens: [{}]}}",
        list(20),
        list(25),
        list(20)
    );
    let include = (0..1000).map(|index| format!("- {{num_beams: 30, max_new_tokens: {}}}\n", index + 1));
    let exclude = (0..100).map(|index| format!("- {{num_beams: 1, max_new_tokens: {}}}\n", index + 1));
    let text = with(&format!(
        "{settings}\nexclude:\n{}include:\n{}",
        exclude.collect::<String>(),
        include.collect::<String>()
    ));
    let expansion = expand(&text);
    assert_eq!(expansion.cells.len(), 20 * 25 * 20 - 25 * 20 + 1000);
    let selection: Selection = "num_beams=3*,frame_size=1".parse().unwrap();
    assert_eq!(with_dependencies(&expansion.cells, &selection).len(), 20 + 1000);
}

//! Differences of what was measured: cells, weights, settings in force, how often.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_protocol::{AsrSpec, CellId, CellSpec, Settings, Weights, Work, value_text};

use super::{Aspect, Differences};
use crate::run::{CellRecord, Run};
use crate::units;

pub(super) fn compare(base: &Run, head: &Run, differences: &mut Differences) {
    weights(base, head, differences);
    settings(base, head, differences);
    matrix(base, head, differences);
    differences.value(Aspect::Repeats, Some(base.repeats.to_string()), Some(head.repeats.to_string()));
    differences.value(Aspect::Warmup, Some(base.warmup.to_string()), Some(head.warmup.to_string()));
}

/// Models and stages that go by one name in both runs, and have no weights in common.
fn weights(base: &Run, head: &Run, differences: &mut Differences) {
    let [base, mut head] = [base, head].map(weights_by_name);
    for (name, base) in base {
        let Some(head) = head.remove(&name) else { continue };
        if base.is_disjoint(&head) {
            let [base, head] = [base, head].map(|all| Some(Vec::from_iter(all).join(", ")));
            differences.push(Aspect::Weights(name), base, head, Vec::new());
        }
    }
}

fn weights_by_name(run: &Run) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, weights) in run.cells.iter().flat_map(|cell| named_weights(cell.spec())) {
        names.entry(name).or_default().insert(weights.to_string());
    }
    names
}

/// The weights that a cell loads, each with the model or the stage that it is for.
fn named_weights(spec: &CellSpec) -> Vec<(String, &Weights)> {
    match &spec.work {
        Work::Stage1(stage1) => {
            let asr =
                stage1.asr.as_ref().and_then(AsrSpec::weights).map(|weights| ("asr".to_owned(), weights));
            let ast = stage1.ast.as_ref().map(|ast| ("ast".to_owned(), &ast.weights));
            let yolo = stage1.yolo.as_ref().map(|yolo| ("yolo".to_owned(), &yolo.weights));
            [asr, ast, yolo].into_iter().flatten().collect()
        }
        Work::Caption(caption) => vec![(caption.model.to_string(), &caption.weights)],
    }
}

/// Settings in force that differ in cells which both runs measured; equal differences of many cells are one.
fn settings(base: &Run, head: &Run, differences: &mut Differences) {
    let in_head: BTreeMap<&CellId, &CellRecord> =
        head.cells.iter().map(|cell| (&cell.planned.id, cell)).collect();
    let mut found: BTreeMap<(String, Option<String>, Option<String>), Vec<CellId>> = BTreeMap::new();
    for cell in &base.cells {
        let other = in_head.get(&cell.planned.id);
        let (Some(base), Some(head)) = (effective(cell), other.and_then(|cell| effective(cell))) else {
            continue;
        };
        let names: BTreeSet<&String> = base.keys().chain(head.keys()).collect();
        for name in names {
            let [base, head] = [base, head].map(|settings| settings.get(name).map(value_text));
            if base != head {
                found.entry((name.clone(), base, head)).or_default().push(cell.planned.id.clone());
            }
        }
    }
    for ((name, base, head), cells) in found {
        differences.push(Aspect::Setting(name), base, head, cells);
    }
}

/// The settings in force, once a sample has told.
fn effective(cell: &CellRecord) -> Option<&Settings> {
    cell.measured().first().map(|repeat| &repeat.effective)
}

/// Another matrix matters where the cells are not the same.
fn matrix(base: &Run, head: &Run, differences: &mut Differences) {
    let cells =
        |run: &Run| -> BTreeSet<CellId> { run.cells.iter().map(|cell| cell.planned.id.clone()).collect() };
    if cells(base) != cells(head) {
        let words = |run: &Run, alone| {
            let alone = units::count(alone, "cell");
            Some(format!("{} with {alone} of its own", run.manifest.matrix_sha256))
        };
        let [of_base, of_head] = [cells(base), cells(head)];
        let alone_in_base = of_base.difference(&of_head).count();
        let alone_in_head = of_head.difference(&of_base).count();
        differences.push(Aspect::Matrix, words(base, alone_in_base), words(head, alone_in_head), Vec::new());
    }
}

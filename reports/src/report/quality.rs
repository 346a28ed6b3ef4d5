//! Scores against references.

use std::collections::BTreeSet;

use reelbench_protocol::{Better, CellId, CellKind, CellSpec, VideoId, VideoSpec};
use reelbench_quality::CUT_TOLERANCE;
use reelbench_stats::{Level, jackknife_interval};

use super::section::{Section, SettingColumns, with_dummy_mark};
use super::table::{Cell, Column, Table};
use crate::quality::{Evidence, Quality, Score};
use crate::run::{CellRecord, Run};
use crate::summary::CellSummary;
use crate::units::{self, count};

/// One row per scored cell of a kind, and one for all films together where cells differ in their film alone.
pub(super) fn section(run: &Run, cells: &[CellSummary], quality: &Quality, kind: CellKind) -> Section {
    let recorded = run.cells.iter().zip(cells).zip(&quality.evidence);
    let scored: Vec<Scored<'_>> = recorded
        .filter(|((_, cell), _)| cell.kind == kind)
        .filter_map(|((record, cell), evidence)| Some(Scored { record, cell, evidence: evidence.as_ref()? }))
        .collect();
    let present: BTreeSet<Score> =
        scored.iter().flat_map(|scored| scored.evidence.scores().into_keys()).collect();
    if present.is_empty() {
        return Section::default();
    }
    let settings = SettingColumns::of(&scored.iter().map(|scored| scored.cell).collect::<Vec<_>>());
    let titled: Vec<(Score, &str)> =
        present.into_iter().filter_map(|score| Some((score, score.title()?))).collect();
    let mut columns = Vec::new();
    if kind == CellKind::Caption {
        columns.push(Column::left("Model").strong());
    }
    columns.push(Column::left("Video"));
    columns.extend(settings.columns());
    columns.extend(titled.iter().map(|(_, title)| Column::right(*title)));
    let row = |cell: &CellSummary, video: String, scores: Vec<Cell>| {
        let model = cell.model.as_ref().map(|model| Cell::from(model.to_string()));
        let mut row: Vec<Cell> = model.into_iter().chain([Cell::from(video)]).collect();
        if let Some(name) = row.first_mut() {
            *name = with_dummy_mark(name.clone(), cell);
        }
        row.extend(settings.cells(cell));
        row.extend(scores);
        row
    };
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for scored in &scored {
        let scores = scored.evidence.scores();
        let scores = titled.iter().map(|(score, _)| shown(*score, scores.get(score).copied())).collect();
        rows.push(row(scored.cell, scored.cell.video_name().to_owned(), scores));
    }
    for films in films_together(&scored) {
        let Some(first) = films.first() else { continue };
        let scores = titled.iter().map(|(score, _)| together(*score, &films)).collect();
        rows.push(row(first.cell, format!("all {}", count(films.len(), "video")), scores));
    }
    let together = rows.len() - scored.len();
    let notes = notes(&titled, together);
    Section { table: Table { columns, rows }, notes }
}

/// A cell with what speaks for and against it.
struct Scored<'a> {
    record: &'a CellRecord,
    cell: &'a CellSummary,
    evidence: &'a Evidence,
}

/// The cells that differ in their film alone, two or more of each.
fn films_together<'a>(scored: &'a [Scored<'a>]) -> Vec<Vec<&'a Scored<'a>>> {
    let mut groups: Vec<(CellId, Vec<&Scored<'_>>)> = Vec::new();
    for scored in scored {
        let Some(id) = without_film(scored.record.spec()) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == id) {
            Some((_, films)) => films.push(scored),
            None => groups.push((id, vec![scored])),
        }
    }
    groups.into_iter().map(|(_, films)| films).filter(|films| films.len() > 1).collect()
}

/// The id that cells share which differ in nothing but their film.
fn without_film(spec: &CellSpec) -> Option<CellId> {
    let any: VideoId = "any".parse().ok()?;
    let video = VideoSpec { id: any, path: "any".into(), title: None };
    Some(CellId::of(&CellSpec { video, ..spec.clone() }))
}

/// A score of all films together, with how far it might be off for other films.
fn together(score: Score, films: &[&Scored<'_>]) -> Cell {
    let of = |films: &mut dyn Iterator<Item = &Evidence>| {
        let mut all = Evidence::default();
        films.for_each(|evidence| all.add(evidence));
        all.scores().get(&score).copied()
    };
    let Some(value) = of(&mut films.iter().map(|film| film.evidence)) else { return Cell::none() };
    let without = (0..films.len()).map(|left_out| {
        let others = films.iter().enumerate().filter(|(place, _)| *place != left_out);
        of(&mut others.map(|(_, film)| film.evidence))
    });
    let without: Option<Vec<f64>> = without.collect();
    let interval = without.and_then(|without| jackknife_interval(value, &without, Level::default()));
    let cell = shown(score, Some(value));
    match interval {
        Some(interval) => cell.with_note(format!("± {}", words(score, interval.hi - value))),
        None => cell,
    }
}

fn shown(score: Score, value: Option<f64>) -> Cell {
    Cell::number(value, |value| words(score, value))
}

/// Error rates in percent, as papers give them; scores as their implementations print them.
fn words(score: Score, value: f64) -> String {
    match score.better() {
        Some(Better::Lower) => units::percent(value),
        _ => format!("{value:.3}"),
    }
}

fn notes(titled: &[(Score, &str)], together: usize) -> Vec<String> {
    let is_there = |wanted: Score| titled.iter().any(|(score, _)| *score == wanted);
    let cut_tolerance = format!("A cut is right within {CUT_TOLERANCE} frames.");
    let mut notes: Vec<&str> = Vec::new();
    if is_there(Score::Wer) || is_there(Score::Cer) {
        notes.push("WER and CER: edits per word and character of the reference, after Whisper's normalizer; lower is better.");
    }
    if is_there(Score::SceneF1) || is_there(Score::SceneRecall) {
        notes.push(&cut_tolerance);
    }
    if is_there(Score::ObjectAp) {
        notes.push("Box AP is COCO's, over the frames that were labelled and looked at.");
    }
    if is_there(Score::SoundAp) {
        notes.push("Sound mAP is the mean over the labels that are heard; labels that the runner does not tell count as 0.");
    }
    if is_there(Score::Cider) {
        notes.push("CIDEr weighs words by how rare they are in the references of the row, so it compares only where the same scenes are scored.");
    }
    if together > 0 {
        notes.push(
            "All videos: the scores of all outputs together; ± is half the 95 % interval over videos like these (jackknife, Student's t).",
        );
    }
    notes.into_iter().map(str::to_owned).collect()
}

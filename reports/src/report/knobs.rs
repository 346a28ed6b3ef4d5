//! What each knob does, one row per value.

use reelbench_protocol::{CellKind, Metric};
use reelbench_stats::{CONFIDENCE, Interval};

use super::section::Section;
use super::stages::part_title;
use super::table::{Cell, Column, Table};
use super::trade_offs;
use crate::knobs::{KnobEffect, Over, Ratio, ScoreDifference, TOKENS_OUT, WEIGHTS_BYTES};
use crate::quality::Score;
use crate::units::{self, count};

/// Figures that have a column where they change anywhere, with its heading.
const FIGURES: [(&str, &str); 5] = [
    (Metric::TtftS.as_str(), "First Token"),
    (Metric::PeakRssBytes.as_str(), "Peak Memory"),
    (Metric::PeakVramBytes.as_str(), "Peak Device Memory"),
    (WEIGHTS_BYTES, "Weights"),
    (TOKENS_OUT, "Tokens Out"),
];

/// Scores that have a column where any cell has them. Parts of a score, and the milder kinds of one, stay in the data.
const SCORES: [Score; 11] = [
    Score::TokenAgreement,
    Score::Wer,
    Score::Cer,
    Score::SceneF1,
    Score::ObjectAp,
    Score::Mota,
    Score::Idf1,
    Score::SoundAp,
    Score::Bleu4,
    Score::RougeL,
    Score::Cider,
];

/// A ratio nearer to 1 than this is shown as no change in a column that has none else.
const NO_CHANGE: f64 = 0.005;

/// One row per value of a knob. Empty where no two cells of the kind differ in one knob alone.
pub(super) fn section(kind: CellKind, effects: &[KnobEffect]) -> Section {
    let effects: Vec<&KnobEffect> = effects.iter().filter(|effect| effect.kind == kind).collect();
    if effects.is_empty() {
        return Section::default();
    }
    let figures: Vec<_> = FIGURES.into_iter().filter(|(name, _)| changes_anywhere(name, &effects)).collect();
    let scores: Vec<_> = SCORES.into_iter().filter(|score| is_known(*score, &effects)).collect();
    let mut columns = Vec::new();
    if kind == CellKind::Caption {
        columns.push(Column::left("Model").strong());
    }
    columns.extend([Column::left("Knob"), Column::left("Value"), Column::left("Instead of")]);
    columns.extend([Column::right("Pairs"), Column::right("RTF").strong(), Column::right("Most Moved")]);
    columns.extend(figures.iter().map(|(_, title)| Column::right(*title)));
    columns.extend(scores.iter().map(|score| Column::right(score.title().unwrap_or("Token Agreement"))));
    let row = |effect: &&KnobEffect| {
        let mut row = Vec::new();
        if let Some(model) = &effect.model {
            let model = Cell::from(model.to_string());
            row.push(if effect.dummy_weights { model.with_note("(dummy weights)") } else { model });
        }
        row.extend([&effect.knob, &effect.value, &effect.base].map(Cell::from));
        row.extend([pairs(effect), ratio(effect.ratio(Metric::Rtf)), most_moved(effect)]);
        row.extend(figures.iter().map(|(name, _)| ratio(effect.ratios.get(*name))));
        row.extend(scores.iter().map(|score| difference(effect.differences.get(score.as_str()))));
        row
    };
    let table = Table { columns, rows: effects.iter().map(row).collect() };
    Section { table, notes: notes(&effects) }
}

fn changes_anywhere(name: &str, effects: &[&KnobEffect]) -> bool {
    let ratios = effects.iter().filter_map(|effect| effect.ratios.get(name));
    ratios.into_iter().any(|ratio| (ratio.ratio - 1.0).abs() >= NO_CHANGE)
}

fn is_known(score: Score, effects: &[&KnobEffect]) -> bool {
    effects.iter().any(|effect| effect.differences.contains_key(score.as_str()))
}

/// `4 of 2 videos`.
fn pairs(effect: &KnobEffect) -> Cell {
    let pairs = Cell::count(Some(effect.pairs as u64));
    if effect.pairs > 0 { pairs.with_note(format!("of {}", count(effect.videos, "video"))) } else { pairs }
}

/// `0.324 (0.310 to 0.338)`.
fn ratio(ratio: Option<&Ratio>) -> Cell {
    let Some(ratio) = ratio else { return Cell::none() };
    let cell = Cell { value: Some(ratio.ratio), ..Cell::from(units::rate(ratio.ratio)) };
    with_interval(cell, ratio.interval, units::rate)
}

/// `−0.0310 (−0.0420 to −0.0200)`.
fn difference(difference: Option<&ScoreDifference>) -> Cell {
    let Some(difference) = difference else { return Cell::none() };
    let signed = |value: f64| units::signed(value, |size| format!("{size:.4}"));
    let cell = Cell { value: Some(difference.difference), ..Cell::from(signed(difference.difference)) };
    with_interval(cell, difference.interval, signed)
}

fn with_interval(cell: Cell, interval: Option<Interval>, words: impl Fn(f64) -> String) -> Cell {
    match interval {
        Some(Interval { lo, hi }) => cell.with_note(format!("({} to {})", words(lo), words(hi))),
        None => cell,
    }
}

/// `Decode −6.20 s (0.320)`.
fn most_moved(effect: &KnobEffect) -> Cell {
    let Some(moved) = &effect.most_moved else { return Cell::none() };
    let text = format!("{} {}", part_title(moved.metric), units::signed(moved.seconds, units::time));
    let cell = Cell { value: Some(moved.seconds), ..Cell::from(text) };
    match effect.ratio(moved.metric) {
        Some(ratio) => cell.with_note(format!("({})", units::rate(ratio.ratio))),
        None => cell,
    }
}

fn notes(effects: &[&KnobEffect]) -> Vec<String> {
    let mut notes = vec![
        "Each row holds cells with a value of a knob against cells that differ in nothing else. Figures are ratios, with the \
         value over without it: below 1 is less. Most Moved is the part of the time whose seconds moved furthest, the mean over \
         the pairs. Scores are differences, with the value less without it."
            .to_owned(),
    ];
    notes.extend(intervals(effects));
    notes.extend(trade_offs::sentences(effects));
    if let left_out @ 1.. = effects.iter().map(|effect| effect.left_out).sum::<usize>() {
        notes.push(format!("Left out: {} of which a cell is not ok.", count(left_out, "pair")));
    }
    notes
}

/// What the intervals are about, and how many of them may miss.
fn intervals(effects: &[&KnobEffect]) -> Vec<String> {
    let of_effect = |effect: &&KnobEffect| {
        let ratios = effect.ratios.values().filter_map(|ratio| ratio.interval.map(|_| ratio.over));
        let scores = effect.differences.values().filter_map(|score| score.interval.map(|_| Over::Videos));
        ratios.chain(scores).collect::<Vec<_>>()
    };
    let all: Vec<Over> = effects.iter().flat_map(of_effect).collect();
    let about = |over: Over, words: &str| all.contains(&over).then(|| words.to_owned());
    let videos = about(
        Over::Videos,
        "Intervals of several videos take the video for the unit drawn: they say where the effect lies over videos like these.",
    );
    let repeats = about(
        Over::Repeats,
        "Intervals of one video are about its repeats, paired round by round: they say nothing about other videos.",
    );
    let confidence = units::percent(CONFIDENCE);
    let single = (!all.is_empty())
        .then(|| format!("Each interval holds with {confidence} by itself: of many, some miss."));
    videos.into_iter().chain(repeats).chain(single).collect()
}

//! What is worth choosing: speed against quality, and against memory.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_charts::{Better, Candidate, Heading, Measure, Pareto};
use reelbench_protocol::{self as protocol, CellKind, VideoId};

use super::{Cells, Chart};
use crate::outcome::Outcome;
use crate::quality::Score;
use crate::summary::CellSummary;
use crate::units::{self, count, percent};

/// A number that is weighed against speed.
struct Weighed {
    /// The chart's name.
    name: String,
    kind: CellKind,
    title: &'static str,
    /// Stands behind the numbers of the axis.
    unit: &'static str,
    /// What one of them is worth.
    one: f64,
    better: Better,
    /// The number of a cell.
    of: Of,
    /// That of several films.
    over_films: fn(&[f64]) -> f64,
    /// It in words.
    words: fn(f64) -> String,
}

/// Where a cell has the number.
#[derive(Clone, Copy)]
enum Of {
    ResidentMemory,
    AcceleratorMemory,
    Score(Score),
}

/// RTF and a candidate's number on every film that it was measured on.
type ByFilm<'a> = BTreeMap<&'a VideoId, (f64, f64)>;

/// The scores that have charts. Others say much the same, and have columns in the tables.
const SCORES: [(CellKind, Score); 9] = [
    (CellKind::Caption, Score::TokenAgreement),
    (CellKind::Caption, Score::Cider),
    (CellKind::Caption, Score::Bleu4),
    (CellKind::Caption, Score::RougeL),
    (CellKind::Stage1, Score::Wer),
    (CellKind::Stage1, Score::SceneF1),
    (CellKind::Stage1, Score::ObjectAp50),
    (CellKind::Stage1, Score::SoundAp),
    (CellKind::Stage1, Score::Mota),
];

impl Weighed {
    fn memory(kind: CellKind, cells: &Cells<'_>) -> Self {
        let on_accelerator = cells.all.iter().any(|(_, cell)| cell.peak_vram_bytes.is_some());
        let (title, of) = if on_accelerator {
            ("Peak memory of the accelerator", Of::AcceleratorMemory)
        } else {
            ("Peak memory", Of::ResidentMemory)
        };
        let name = match kind {
            CellKind::Caption => "pareto_memory",
            CellKind::Stage1 => "pareto_stage1_memory",
        };
        let (unit, one) = memory_unit(cells);
        Self {
            name: name.to_owned(),
            kind,
            title,
            unit,
            one,
            better: Better::Lower,
            of,
            over_films: |peaks| peaks.iter().copied().fold(0.0, f64::max),
            words: |bytes| units::bytes(bytes as u64),
        }
    }

    fn score(kind: CellKind, score: Score) -> Self {
        let is_share = matches!(score, Score::TokenAgreement | Score::Wer);
        let (unit, one) = if is_share { (" %", 0.01) } else { ("", 1.0) };
        Self {
            name: format!("pareto_{score}"),
            kind,
            title: score.title().unwrap_or("Token agreement"),
            unit,
            one,
            better: match score.better() {
                Some(protocol::Better::Lower) => Better::Lower,
                Some(protocol::Better::Higher) | None => Better::Higher,
            },
            of: Of::Score(score),
            over_films: mean,
            words: if is_share { percent } else { |score| format!("{score:.3}") },
        }
    }

    fn of(&self, cell: &CellSummary) -> Option<f64> {
        match self.of {
            Of::ResidentMemory => cell.peak_rss_bytes.map(|bytes| bytes as f64),
            Of::AcceleratorMemory => cell.peak_vram_bytes.map(|bytes| bytes as f64),
            Of::Score(score) => cell.quality.get(score.as_str()).copied(),
        }
    }
}

/// The unit in which the largest peak of memory reads best, and its bytes.
fn memory_unit(cells: &Cells<'_>) -> (&'static str, f64) {
    let peaks = cells.all.iter().flat_map(|(_, cell)| [cell.peak_rss_bytes, cell.peak_vram_bytes]);
    match peaks.flatten().max() {
        Some(bytes) if bytes >= 1 << 30 => (" GiB", f64::from(1 << 30)),
        _ => (" MiB", f64::from(1 << 20)),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// A chart for every number in which settings differ.
pub(super) fn charts(cells: &Cells<'_>) -> Vec<Chart> {
    let memory = [CellKind::Caption, CellKind::Stage1].map(|kind| Weighed::memory(kind, cells));
    let scores = SCORES.map(|(kind, score)| Weighed::score(kind, score));
    memory.iter().chain(&scores).filter_map(|weighed| chart(cells, weighed)).collect()
}

/// `None` where candidates do not differ in both numbers.
fn chart(cells: &Cells<'_>, weighed: &Weighed) -> Option<Chart> {
    let (by_candidate, films) = by_candidate(cells, weighed);
    let complete = by_candidate.into_iter().filter(|(_, numbers)| numbers.len() == films);
    let candidates: Vec<Candidate> =
        complete.map(|(name, numbers)| candidate(name, &numbers, weighed)).collect();
    // Numbers that read alike leave nothing to choose.
    let number = |candidate: &Candidate| (weighed.words)(candidate.y * weighed.one);
    if !(differ(&candidates, |candidate| units::rtf(candidate.x, None).0) && differ(&candidates, number)) {
        return None;
    }
    let over = match films {
        0 | 1 => String::new(),
        more => format!(" Over {}: RTF as geometric mean.", count(more, "film")),
    };
    let title = weighed.title;
    let (section, whose) = match weighed.kind {
        CellKind::Caption => ("captioning", "captioning"),
        CellKind::Stage1 => ("stage1", "stage 1"),
    };
    let heading = Heading {
        name: weighed.name.clone(),
        title: format!("{title} and speed of {whose}"),
        subtitle: format!("No other setting beats those on the line in both.{over}"),
        description: format!(
            "{title} and real-time factor of every setting, with those marked that no other beats in both."
        ),
    };
    let measure =
        |title: &str, unit: &str, better| Measure { title: title.to_owned(), unit: unit.to_owned(), better };
    let x = measure("RTF", "x", Better::Lower);
    let y = measure(title, weighed.unit, weighed.better);
    let svg = Pareto { heading: heading.clone(), x, y, candidates }.svg();
    Some(Chart::new(section, heading, svg))
}

/// RTF and the number on every film, by candidate; and how many films any of them was measured on. What is unstable is no
/// candidate.
fn by_candidate<'a>(cells: &Cells<'a>, weighed: &Weighed) -> (BTreeMap<String, ByFilm<'a>>, usize) {
    let mut candidates: BTreeMap<String, ByFilm<'a>> = BTreeMap::new();
    let mut films = BTreeSet::new();
    let is_candidate = |cell: &CellSummary| cell.kind == weighed.kind && cell.outcome == Outcome::Ok;
    for (_, cell) in cells.all.iter().filter(|(_, cell)| is_candidate(cell)) {
        let Some((rtf, number)) = cell.rtf.as_ref().zip(weighed.of(cell)) else { continue };
        films.insert(&cell.video);
        candidates.entry(cells.setting(cell)).or_default().insert(&cell.video, (rtf.median, number));
    }
    (candidates, films.len())
}

fn candidate(name: String, numbers: &ByFilm<'_>, weighed: &Weighed) -> Candidate {
    let logs: Vec<f64> = numbers.values().map(|(rtf, _)| rtf.ln()).collect();
    let values: Vec<f64> = numbers.values().map(|(_, value)| *value).collect();
    let (x, y) = (mean(&logs).exp(), (weighed.over_films)(&values));
    let words = format!("{}, {}", units::rtf(x, None).0, (weighed.words)(y));
    Candidate { name, x, y: y / weighed.one, words }
}

fn differ(candidates: &[Candidate], of: impl Fn(&Candidate) -> String) -> bool {
    candidates.iter().map(of).collect::<BTreeSet<_>>().len() > 1
}

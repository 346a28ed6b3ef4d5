//! How right outputs are: scores against references, and agreement between settings.

mod agreement;
mod captions;
mod evidence;
mod score;
mod stage1;

use std::collections::BTreeMap;

use reelbench_protocol::Output;

pub(crate) use self::agreement::Agreement;
pub(crate) use self::captions::references_of;
pub(crate) use self::evidence::Evidence;
pub(crate) use self::score::Score;
use crate::outcome::Judgement;
use crate::references::References;
use crate::run::{CellRecord, Run};

/// How right the outputs of a run's cells are, one entry per cell in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quality {
    /// What speaks for and against each cell; none where nothing is known of what it did.
    pub(crate) evidence: Vec<Option<Evidence>>,
    /// How far each captioning cell agrees with the reference setting.
    pub(crate) agreements: Vec<Option<Agreement>>,
}

impl Quality {
    /// Scores every measured cell by its first sample.
    pub(crate) fn of(run: &Run, judgements: &[Judgement], references: &References) -> Self {
        let is_measured = |place: usize| {
            judgements.get(place).is_some_and(|judgement: &Judgement| judgement.outcome.is_measured())
        };
        let of_cell = |(place, cell): (usize, &CellRecord)| {
            is_measured(place).then(|| evidence(cell, references)).flatten()
        };
        Self {
            evidence: run.cells.iter().enumerate().map(of_cell).collect(),
            agreements: agreement::agreements(&run.cells, is_measured),
        }
    }

    /// Place of the cell that the captions of another are compared with.
    pub(crate) fn reference_of(&self, place: usize) -> Option<usize> {
        Some(self.agreements.get(place)?.as_ref()?.reference)
    }

    /// The scores of the cell at a place, under their names in `summary.json`.
    pub(crate) fn scores(&self, place: usize) -> BTreeMap<String, f64> {
        let mut scores =
            self.evidence.get(place).and_then(Option::as_ref).map(Evidence::scores).unwrap_or_default();
        if let Some(agreement) = self.agreements.get(place).and_then(Option::as_ref) {
            let per_scene = (agreement.scenes > 0).then(|| agreement.tokens as f64 / agreement.scenes as f64);
            let found = [
                (Score::TokenAgreement, agreement.token_share()),
                (Score::ScenesEqual, agreement.scene_share()),
                (Score::FirstDivergence, agreement.first.map(|first| f64::from(first.position))),
                (Score::TokensPerScene, per_scene),
            ];
            scores.extend(found.into_iter().filter_map(|(score, value)| Some((score, value?))));
        }
        scores.into_iter().map(|(score, value)| (score.to_string(), value)).collect()
    }
}

fn evidence(cell: &CellRecord, references: &References) -> Option<Evidence> {
    let known = references.get(&cell.spec().video.id)?;
    let evidence = match &cell.measured().first()?.output {
        Output::Stage1(found) => stage1::evidence(found, known),
        Output::Caption { scenes } => captions::evidence(scenes, known.captions.as_ref()?),
    };
    (evidence != Evidence::default()).then_some(evidence)
}

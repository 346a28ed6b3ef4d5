//! What captioners said of scenes, beside what their references said.

use reelbench_protocol::{CellKind, Finish, Output, RepeatResult, SceneCaption};
use serde::Serialize;

use super::diff::{Kind, Piece, pieces};
use crate::quality::Quality;
use crate::report::SettingColumns;
use crate::run::{CellRecord, Run};
use crate::summary::{CellSummary, Summary};
use crate::units::count;

/// What the markup of a caption takes up beside its words, in bytes: the caption's own, and that of each piece.
const CAPTION_MARKUP: usize = 700;
const PIECE_MARKUP: usize = 11;

/// A captioning cell with samples, and the one that it is compared with.
pub(super) struct Captioner<'a> {
    /// Its place in the plan.
    pub(super) column: usize,
    pub(super) record: &'a CellRecord,
    pub(super) summary: &'a CellSummary,
    reference: Option<Reference<'a>>,
    samples: Vec<&'a RepeatResult>,
    settings: Option<String>,
}

/// What a captioner is compared with.
#[derive(Clone, Copy)]
enum Reference<'a> {
    Itself,
    Other(&'a CellRecord),
}

/// How a caption stands to that of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// It is the reference.
    Reference,
    /// Word for word the same.
    Same,
    /// With other words.
    Different,
    /// There is nothing to compare it with.
    Alone,
}

/// What a captioner said of a scene in its first sample.
#[derive(Debug, Serialize)]
pub(super) struct Caption {
    column: usize,
    model: String,
    settings: Option<String>,
    is_dummy: bool,
    pub(super) standing: Standing,
    pieces: Vec<Piece>,
    /// `16 tokens, cut off at max_new_tokens`.
    length: String,
    pub(super) failure: Option<String>,
    other_samples: Vec<OtherSample>,
}

/// What another sample said instead.
#[derive(Debug, Serialize)]
struct OtherSample {
    /// Counted from 0.
    repeat: u32,
    /// Beside what the first sample said; empty where the words are the same, and only the tokens are not.
    pieces: Vec<Piece>,
    failure: Option<String>,
}

/// Every captioning cell with samples.
pub(super) fn captioners<'a>(run: &'a Run, summary: &'a Summary, quality: &Quality) -> Vec<Captioner<'a>> {
    let recorded = || run.cells.iter().zip(&summary.cells).enumerate();
    let speaking = || {
        recorded()
            .filter(|(_, (record, cell))| cell.kind == CellKind::Caption && !record.measured().is_empty())
    };
    let columns = SettingColumns::of(&speaking().map(|(_, (_, cell))| cell).collect::<Vec<_>>());
    let captioner = |(column, (record, summary)): (usize, (&'a CellRecord, &'a CellSummary))| {
        let reference = quality.reference_of(column).and_then(|index| {
            let other = || run.cells.get(index).map(Reference::Other);
            if index == column { Some(Reference::Itself) } else { other() }
        });
        let settings = columns.words(summary);
        Captioner { column, record, summary, reference, samples: record.measured(), settings }
    };
    speaking().map(captioner).collect()
}

impl Captioner<'_> {
    /// The scenes it has something to say about in any sample.
    pub(super) fn scenes(&self) -> impl Iterator<Item = u32> {
        self.samples.iter().flat_map(|sample| captions(sample)).map(|scene| scene.scene)
    }

    /// The most frames it was shown of a scene.
    pub(super) fn frames_per_scene(&self) -> usize {
        let first = self.samples.first().map(|sample| captions(sample)).unwrap_or_default();
        first.iter().map(|scene| scene.frame_pts_s.len()).max().unwrap_or_default()
    }

    /// What it said of a scene in its first sample.
    pub(super) fn said(&self, number: u32) -> Option<&SceneCaption> {
        said(self.samples.first()?, number)
    }

    /// The same, as the page shows it.
    pub(super) fn caption(&self, number: u32) -> Option<Caption> {
        let scene = self.said(number)?;
        let (standing, pieces) = match self.reference {
            _ if scene.failure.is_some() => (Standing::Alone, plain(&scene.text)),
            None => (Standing::Alone, plain(&scene.text)),
            Some(Reference::Itself) => (Standing::Reference, plain(&scene.text)),
            Some(Reference::Other(reference)) => beside(reference, scene),
        };
        Some(Caption {
            column: self.column,
            model: self.summary.model.as_ref().map(ToString::to_string).unwrap_or_default(),
            settings: self.settings.clone(),
            is_dummy: self.summary.dummy_weights,
            standing,
            pieces,
            length: length(scene),
            failure: scene.failure.as_ref().map(ToString::to_string),
            other_samples: self.other_samples(scene),
        })
    }

    /// The samples that did not say the same of a scene as the first.
    fn other_samples(&self, first: &SceneCaption) -> Vec<OtherSample> {
        let others = self.samples.iter().skip(1).filter_map(|sample| {
            let scene = said(sample, first.scene)?;
            let differs = scene.tokens != first.tokens || scene.failure != first.failure;
            differs.then(|| OtherSample {
                repeat: sample.repeat,
                pieces: if scene.text == first.text { Vec::new() } else { pieces(&first.text, &scene.text) },
                failure: scene.failure.as_ref().map(ToString::to_string),
            })
        });
        others.collect()
    }
}

impl Caption {
    /// About what it takes up on the page.
    pub(super) fn bytes(&self) -> usize {
        let bytes =
            |pieces: &[Piece]| -> usize { pieces.iter().map(|piece| piece.text.len() + PIECE_MARKUP).sum() };
        let others = self.other_samples.iter().map(|sample| bytes(&sample.pieces) + CAPTION_MARKUP / 2);
        CAPTION_MARKUP + bytes(&self.pieces) + others.sum::<usize>()
    }
}

/// A caption beside that of the same scene in the first sample of its reference.
fn beside(reference: &CellRecord, scene: &SceneCaption) -> (Standing, Vec<Piece>) {
    let samples = reference.measured();
    match samples.first().and_then(|sample| said(sample, scene.scene)).filter(|said| said.failure.is_none()) {
        None => (Standing::Alone, plain(&scene.text)),
        Some(expected) if expected.text == scene.text => (Standing::Same, plain(&scene.text)),
        Some(expected) => (Standing::Different, pieces(&expected.text, &scene.text)),
    }
}

/// A text beside nothing: one piece, or none without words.
fn plain(text: &str) -> Vec<Piece> {
    let piece = || Piece { kind: Kind::Same, text: text.to_owned() };
    (!text.trim().is_empty()).then(piece).into_iter().collect()
}

fn length(scene: &SceneCaption) -> String {
    let tokens = count(scene.tokens.len(), "token");
    match scene.finish {
        Some(Finish::Length) => format!("{tokens}, cut off at max_new_tokens"),
        Some(Finish::Eos) | None => tokens,
    }
}

fn captions(sample: &RepeatResult) -> &[SceneCaption] {
    match &sample.output {
        Output::Caption { scenes } => scenes,
        Output::Stage1(_) => &[],
    }
}

fn said(sample: &RepeatResult, number: u32) -> Option<&SceneCaption> {
    captions(sample).iter().find(|scene| scene.scene == number)
}

//! Whether head said as much as base, and the same.

use reelbench_protocol::{Output, RepeatResult, Stage1Output};
use serde::Serialize;

use crate::outcome::differing;
use crate::run::{CellRecord, tokens};

/// Saying less than this share of what base said is saying less.
pub(crate) const AS_MUCH: f64 = 0.9;

/// What is counted of what a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// New tokens of all scenes.
    Tokens,
    /// Words of speech.
    Words,
    /// Scenes found, or captioned.
    Scenes,
}

impl Said {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Words => "words",
            Self::Scenes => "scenes",
        }
    }
}

/// In what head's output differs from base's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Flag {
    /// It says less, by more than a tenth: being faster is no improvement then.
    SaidLess {
        /// Of what.
        what: Said,
        /// Mean over base's repeats.
        base: f64,
        /// Mean over head's.
        head: f64,
    },
    /// Its captions have other tokens.
    OtherCaptions {
        /// Scenes whose tokens differ.
        scenes: usize,
        /// Scenes in all.
        of: usize,
    },
    /// Stages of stage 1 found something else.
    OtherFindings {
        /// Their names.
        stages: Vec<String>,
    },
}

impl Flag {
    /// Whether it says less.
    pub fn is_less(&self) -> bool {
        matches!(self, Self::SaidLess { .. })
    }

    /// `said less (tokens 512 → 430)`, `other captions (2 of 5 scenes)`, `other findings (asr)`.
    pub fn words(&self) -> String {
        match self {
            Self::SaidLess { what, base, head } => {
                format!("said less ({} {base:.0} → {head:.0})", what.as_str())
            }
            Self::OtherCaptions { scenes, of } => format!("other captions ({scenes} of {of} scenes)"),
            Self::OtherFindings { stages } => format!("other findings ({})", stages.join(", ")),
        }
    }
}

/// How what was said differs.
pub(super) fn flags(base: &CellRecord, head: &CellRecord) -> Vec<Flag> {
    let less = [Said::Tokens, Said::Words, Said::Scenes].into_iter().filter_map(|what| {
        let (base, head) = (mean(base, what)?, mean(head, what)?);
        (head < AS_MUCH * base).then_some(Flag::SaidLess { what, base, head })
    });
    less.chain(other(base, head)).collect()
}

fn mean(cell: &CellRecord, what: Said) -> Option<f64> {
    let counts: Vec<f64> = cell.measured().into_iter().filter_map(|repeat| count(repeat, what)).collect();
    (!counts.is_empty()).then(|| counts.iter().sum::<f64>() / counts.len() as f64)
}

fn count(repeat: &RepeatResult, what: Said) -> Option<f64> {
    let count = match (&repeat.output, what) {
        (Output::Caption { scenes }, Said::Tokens) => scenes.iter().map(|scene| scene.tokens.len()).sum(),
        (Output::Caption { scenes }, Said::Scenes) => scenes.len(),
        (Output::Stage1(Stage1Output { scenes, .. }), Said::Scenes) => scenes.as_ref()?.scenes.len(),
        (Output::Stage1(Stage1Output { transcript, .. }), Said::Words) => {
            transcript.as_ref()?.text.split_whitespace().count()
        }
        _ => return None,
    };
    Some(count as f64)
}

/// Other outputs, by the first repeat of each side: an ok cell gives the same in each.
fn other(base: &CellRecord, head: &CellRecord) -> Option<Flag> {
    let (base, head) = (*base.measured().first()?, *head.measured().first()?);
    if let (Output::Stage1(of_base), Output::Stage1(of_head)) = (&base.output, &head.output) {
        let stages: Vec<String> = differing(of_base, of_head).keys().map(ToString::to_string).collect();
        return (!stages.is_empty()).then_some(Flag::OtherFindings { stages });
    }
    let (base, head) = (tokens(base), tokens(head));
    let alone = head.keys().filter(|scene| !base.contains_key(scene)).count();
    let differing = base.iter().filter(|(scene, tokens)| head.get(scene) != Some(tokens)).count();
    let (scenes, of) = (differing + alone, base.len() + alone);
    (scenes > 0).then_some(Flag::OtherCaptions { scenes, of })
}

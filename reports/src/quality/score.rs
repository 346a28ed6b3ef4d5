//! The scores by name.

use reelbench_protocol::Better;

/// A score of `quality` in `summary.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Score {
    Wer,
    Cer,
    ScenePrecision,
    SceneRecall,
    SceneF1,
    ObjectAp,
    ObjectAp50,
    Mota,
    Idf1,
    SoundAp,
    Bleu1,
    Bleu2,
    Bleu3,
    Bleu4,
    RougeL,
    Cider,
    TokenAgreement,
    ScenesEqual,
    FirstDivergence,
    TokensPerScene,
}
reelbench_protocol::words!(Score {
    Wer => "wer",
    Cer => "cer",
    ScenePrecision => "scene_precision",
    SceneRecall => "scene_recall",
    SceneF1 => "scene_f1",
    ObjectAp => "object_ap",
    ObjectAp50 => "object_ap50",
    Mota => "mota",
    Idf1 => "idf1",
    SoundAp => "sound_ap",
    Bleu1 => "bleu_1",
    Bleu2 => "bleu_2",
    Bleu3 => "bleu_3",
    Bleu4 => "bleu_4",
    RougeL => "rouge_l",
    Cider => "cider",
    TokenAgreement => "token_agreement",
    ScenesEqual => "scenes_equal",
    FirstDivergence => "first_divergence",
    TokensPerScene => "tokens_per_scene",
});

impl Score {
    /// The score of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|score| score.as_str() == name)
    }

    /// The heading of its column; none where it is no score against references.
    pub(crate) fn title(self) -> Option<&'static str> {
        Some(match self {
            Self::Wer => "WER",
            Self::Cer => "CER",
            Self::ScenePrecision => "Cut Precision",
            Self::SceneRecall => "Cut Recall",
            Self::SceneF1 => "Cut F1",
            Self::ObjectAp => "Box AP",
            Self::ObjectAp50 => "Box AP50",
            Self::Mota => "MOTA",
            Self::Idf1 => "IDF1",
            Self::SoundAp => "Sound mAP",
            Self::Bleu1 => "BLEU-1",
            Self::Bleu2 => "BLEU-2",
            Self::Bleu3 => "BLEU-3",
            Self::Bleu4 => "BLEU-4",
            Self::RougeL => "ROUGE-L",
            Self::Cider => "CIDEr",
            Self::TokenAgreement | Self::ScenesEqual | Self::FirstDivergence | Self::TokensPerScene => {
                return None;
            }
        })
    }

    /// Which way it gets better; of a length neither.
    pub(crate) fn better(self) -> Option<Better> {
        match self {
            Self::Wer | Self::Cer => Some(Better::Lower),
            Self::TokensPerScene => None,
            _ => Some(Better::Higher),
        }
    }
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::Metric;

    use super::*;

    #[test]
    fn what_a_gate_may_watch_is_a_score_and_gets_better_the_same_way() {
        for metric in Metric::ALL {
            let Some(name) = metric.quality() else { continue };
            let score = Score::named(name).unwrap();
            assert_eq!(score.better(), Some(metric.better()), "{name}");
        }
    }
}

//! Figures of a cell that can be compared between two runs.

use serde::{Serialize, Serializer};

use crate::Stage;

/// A figure of `summary.json` that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Processing seconds per second of video.
    Rtf,
    /// Seconds of a repeat.
    WallS,
    /// Seconds to the first token.
    TtftS,
    /// Decoded tokens per second.
    TokensPerS,
    /// Peak memory of the process.
    PeakRssBytes,
    /// Peak memory of the device.
    PeakVramBytes,
    /// Seconds of scene detection.
    Scene,
    /// Seconds of speech recognition.
    Asr,
    /// Seconds of naming sounds.
    Ast,
    /// Seconds of finding objects.
    Yolo,
    /// Seconds of getting frames.
    Frames,
    /// Seconds of preprocessing.
    Preprocess,
    /// Seconds of the vision tower.
    Vision,
    /// Seconds of prefill.
    Prefill,
    /// Seconds of decoding.
    Decode,
    /// Seconds that no stage covers.
    Unattributed,
    /// Word error rate of speech.
    Wer,
    /// Character error rate of speech.
    Cer,
    /// F1 of scene cuts.
    SceneF1,
    /// BLEU-4 of captions.
    Bleu4,
    /// ROUGE-L of captions.
    RougeL,
    /// `CIDEr` of captions.
    Cider,
}
crate::words!(Metric {
    Rtf => "rtf",
    WallS => "wall_s",
    TtftS => "ttft_s",
    TokensPerS => "tokens_per_s",
    PeakRssBytes => "peak_rss_bytes",
    PeakVramBytes => "peak_vram_bytes",
    Scene => "stages.scene",
    Asr => "stages.asr",
    Ast => "stages.ast",
    Yolo => "stages.yolo",
    Frames => "stages.frames",
    Preprocess => "stages.preprocess",
    Vision => "stages.vision",
    Prefill => "stages.prefill",
    Decode => "stages.decode",
    Unattributed => "stages.unattributed",
    Wer => "quality.wer",
    Cer => "quality.cer",
    SceneF1 => "quality.scene_f1",
    Bleu4 => "quality.bleu_4",
    RougeL => "quality.rouge_l",
    Cider => "quality.cider",
});

/// Which way a figure gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Times, memory, error rates.
    Lower,
    /// Rates and scores.
    Higher,
}

impl Metric {
    /// Which way it gets better.
    pub fn better(self) -> Better {
        match self {
            Self::TokensPerS | Self::SceneF1 | Self::Bleu4 | Self::RougeL | Self::Cider => Better::Higher,
            _ => Better::Lower,
        }
    }

    /// The stage whose seconds it is.
    pub fn stage(self) -> Option<Stage> {
        let name = self.as_str().strip_prefix("stages.")?;
        Stage::ALL.iter().copied().find(|stage| stage.as_str() == name)
    }

    /// The score of `summary.json` that it is, as it stands in `quality`.
    pub fn quality(self) -> Option<&'static str> {
        self.as_str().strip_prefix("quality.")
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_a_metric() {
        let stages: Vec<Stage> = Metric::ALL.iter().filter_map(|metric| metric.stage()).collect();
        assert_eq!(stages, Stage::ALL);
        assert_eq!(Metric::Bleu4.quality(), Some("bleu_4"));
        assert_eq!(Metric::Unattributed.stage(), None);
    }
}

//! A second try where the likeliest text looks wrong.
//!
//! Source: `decode_with_fallback` and the thresholds of openai/whisper (`transcribe.py`).

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::decoder::Heard;
use crate::error::AsrError;
use crate::transcribe::{TemperatureFallback, TranscribeOptions};
use crate::whisper::Whisper;
use crate::window::{Search, Writer, Written};

/// Temperatures tried one after another after the search without one.
const TEMPERATURES: [f32; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// Text that zlib makes smaller than by this factor repeats itself.
const MAX_COMPRESSION_RATIO: f64 = 2.4;
/// Text whose tokens are less likely than this on average is a guess.
const MIN_AVG_LOGPROB: f64 = -1.0;
/// A guess where silence is likelier than this is silence.
const MAX_NO_SPEECH: f64 = 0.6;

/// What a window's text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Plausible,
    Wrong,
    Silence,
}

/// What to do with what was written.
#[derive(Debug, PartialEq)]
pub(crate) enum Judged {
    /// It stands; `None` is silence.
    Stands(Option<Written>),
    /// It is written again.
    Again(Search),
}

impl TranscribeOptions {
    /// The first try.
    pub(crate) fn first_search(&self) -> Search {
        match self.num_beams {
            1 => Search::Greedy,
            num_beams => Search::Beams(num_beams as usize),
        }
    }
}

impl Whisper {
    /// Writes down a window by itself; `None` if it turns out to be silent.
    pub(crate) fn write(
        &self,
        writer: &Writer<'_>,
        heard: &Heard,
        options: &TranscribeOptions,
    ) -> Result<Option<Written>, AsrError> {
        let (mut search, mut tries) = (options.first_search(), 1);
        loop {
            match self.judge(writer.write(heard, search)?, tries, options)? {
                Judged::Stands(written) => return Ok(written),
                Judged::Again(next) => (search, tries) = (next, tries + 1),
            }
        }
    }

    /// Judges what was written at try number `tries`, from 1.
    pub(crate) fn judge(
        &self,
        written: Written,
        tries: usize,
        options: &TranscribeOptions,
    ) -> Result<Judged, AsrError> {
        if options.temperature_fallback == TemperatureFallback::Off {
            return Ok(Judged::Stands(Some(written)));
        }
        let verdict = verdict(&written, &self.text(&written.tokens)?);
        Ok(match (verdict, TEMPERATURES.get(tries - 1)) {
            (Verdict::Silence, _) => Judged::Stands(None),
            (Verdict::Wrong, Some(&temperature)) => {
                Judged::Again(Search::Sample { temperature, seed: options.seed })
            }
            // Where nothing looked right, the last try stands.
            (Verdict::Plausible, _) | (Verdict::Wrong, None) => Judged::Stands(Some(written)),
        })
    }
}

fn verdict(written: &Written, text: &str) -> Verdict {
    let is_guess = written.avg_logprob < MIN_AVG_LOGPROB;
    if is_guess && written.no_speech > MAX_NO_SPEECH {
        Verdict::Silence
    } else if is_guess || compression_ratio(text) > MAX_COMPRESSION_RATIO {
        Verdict::Wrong
    } else {
        Verdict::Plausible
    }
}

/// Bytes of `text` per byte of it compressed by zlib.
fn compression_ratio(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail; if it did, the text would count as incompressible.
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    let length = compressed.map_or(text.len(), |bytes| bytes.len());
    text.len() as f64 / length.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(avg_logprob: f64, no_speech: f64) -> Written {
        Written { tokens: Vec::new(), avg_logprob, no_speech }
    }

    #[test]
    fn repetition_compresses_and_speech_does_not() {
        let speech = " It was the best of times, it was the worst of times.";
        assert!(compression_ratio(speech) < 1.5);
        assert!(compression_ratio(&" Thank you.".repeat(20)) > MAX_COMPRESSION_RATIO);
        assert!(compression_ratio("") < f64::EPSILON);
    }

    #[test]
    fn a_guess_is_wrong_unless_silence_is_likely() {
        assert_eq!(verdict(&written(-0.2, 0.9), "Hello."), Verdict::Plausible);
        assert_eq!(verdict(&written(-1.2, 0.1), "Hello."), Verdict::Wrong);
        assert_eq!(verdict(&written(-1.2, 0.7), "Hello."), Verdict::Silence);
        assert_eq!(verdict(&written(-0.2, 0.1), &"la".repeat(100)), Verdict::Wrong);
    }
}

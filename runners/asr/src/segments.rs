//! From the tokens of a window to stretches of speech, and to where the next window starts.
//!
//! Source: `_retrieve_segment` of transformers 4.46.3 (`generation_whisper.py`). Times are kept in
//! frames of 10 ms until the end, so they are exact.

use std::ops::Range;

/// Frames of 10 ms that a timestamp token counts.
const FRAMES_PER_TIMESTAMP: usize = 2;
const FRAMES_PER_SECOND: f64 = 100.0;

/// A stretch of speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// In frames from the start of the audio.
    pub(crate) frames: Range<usize>,
    /// With its timestamps.
    pub(crate) tokens: Vec<u32>,
}

impl Stretch {
    pub(crate) fn start_s(&self) -> f64 {
        self.frames.start as f64 / FRAMES_PER_SECOND
    }

    pub(crate) fn end_s(&self) -> f64 {
        self.frames.end as f64 / FRAMES_PER_SECOND
    }
}

/// Cuts the tokens of the window that covers `window`, in frames from the start of the audio, into
/// stretches. Also gives the frame at which the next window starts.
///
/// Where two timestamps follow each other, one stretch ends and the next starts. What follows the
/// last such pair was cut off by the window's end: the next window hears it whole. A single
/// timestamp at the end means that nothing follows it in this window.
pub(crate) fn cut(tokens: &[u32], timestamp_begin: u32, window: Range<usize>) -> (Vec<Stretch>, usize) {
    let is_timestamp = |token: u32| token >= timestamp_begin;
    let frame =
        |token: u32| window.start + (token.saturating_sub(timestamp_begin)) as usize * FRAMES_PER_TIMESTAMP;
    let pairs = tokens.windows(2).enumerate();
    let mut ends: Vec<usize> =
        pairs.filter(|(_, pair)| pair.iter().all(|&token| is_timestamp(token))).map(|(i, _)| i + 1).collect();
    let (Some(&last_pair), Some(&last_token)) = (ends.last(), tokens.last()) else {
        let latest = tokens.iter().rev().copied().find(|&token| is_timestamp(token));
        let end = latest.filter(|&token| token > timestamp_begin).map_or(window.end, frame);
        return (vec![Stretch { frames: window.start..end, tokens: tokens.to_vec() }], window.end);
    };
    let ends_in_single_timestamp =
        is_timestamp(last_token) && tokens.len().checked_sub(2).is_some_and(|i| !is_timestamp(tokens[i]));
    let next = if ends_in_single_timestamp {
        ends.push(tokens.len());
        window.end
    } else {
        frame(tokens[last_pair - 1])
    };
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let stretches = starts.zip(&ends).map(|(start, &end)| {
        let tokens = tokens[start..end].to_vec();
        let frames = frame(tokens[0])..frame(tokens[tokens.len() - 1]);
        Stretch { frames, tokens }
    });
    (stretches.collect(), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time 0 is token 100; 150 is 1 s.
    fn cut_at(tokens: &[u32], window: Range<usize>) -> (Vec<Stretch>, usize) {
        cut(tokens, 100, window)
    }

    fn stretch(frames: Range<usize>, tokens: &[u32]) -> Stretch {
        Stretch { frames, tokens: tokens.to_vec() }
    }

    #[test]
    fn an_unfinished_stretch_is_left_to_the_next_window() {
        let (stretches, next) = cut_at(&[100, 1, 2, 150, 150, 3, 200, 210, 4, 5], 1000..4000);
        assert_eq!(
            stretches,
            [stretch(1000..1100, &[100, 1, 2, 150]), stretch(1100..1200, &[150, 3, 200])],
            "what follows 210 is not used"
        );
        assert_eq!(next, 1000 + 2 * 100, "the window's start and the first half of the last pair");
    }

    #[test]
    fn a_pair_at_the_end_starts_the_next_window_there() {
        let (stretches, next) = cut_at(&[100, 1, 150, 160], 0..3000);
        assert_eq!(stretches, [stretch(0..100, &[100, 1, 150])]);
        assert_eq!(next, 100);
    }

    #[test]
    fn a_single_timestamp_at_the_end_uses_up_the_window() {
        let (stretches, next) = cut_at(&[105, 1, 150, 150, 2, 200], 0..2500);
        assert_eq!(stretches, [stretch(10..100, &[105, 1, 150]), stretch(100..200, &[150, 2, 200])]);
        assert_eq!(next, 2500);
    }

    #[test]
    fn without_a_pair_the_window_is_one_stretch() {
        assert_eq!(cut_at(&[105, 1, 150], 50..3050), (vec![stretch(50..150, &[105, 1, 150])], 3050));
        assert_eq!(cut_at(&[100, 1], 50..3050), (vec![stretch(50..3050, &[100, 1])], 3050));
        assert_eq!(cut_at(&[1, 2], 50..60), (vec![stretch(50..60, &[1, 2])], 60));
        assert_eq!(cut_at(&[], 50..60), (vec![stretch(50..60, &[])], 60));
    }

    #[test]
    fn times_are_exact_in_hundredths() {
        let stretch = Stretch { frames: 508..888, tokens: vec![] };
        assert_eq!(
            (stretch.start_s().to_bits(), stretch.end_s().to_bits()),
            (5.08f64.to_bits(), 8.88f64.to_bits())
        );
    }
}

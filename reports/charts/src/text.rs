//! How much room words take, without a font at hand.

/// Height of the letters of every chart, in pixels.
pub(crate) const FONT_SIZE: f64 = 12.0;

/// Mean advance of a letter in ems, on the wide side of what system fonts have: words are never cut off, there is
/// rather some room left.
const LETTER: f64 = 0.58;

/// The width of a text in pixels, about.
pub(crate) fn width(text: &str) -> f64 {
    text.chars().map(|letter| if is_wide(letter) { 1.0 } else { LETTER }).sum::<f64>() * FONT_SIZE
}

/// Scripts whose letters fill a square.
fn is_wide(letter: char) -> bool {
    letter >= '\u{1100}' && !('\u{2000}'..'\u{2500}').contains(&letter)
}

/// The text, or where it is too wide for `room` pixels its two ends with `…` between, since settings differ at their ends.
pub(crate) fn shorten(text: &str, room: f64) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let keeping = |kept: usize| {
        let head = &letters[..kept.div_ceil(2)];
        let tail = &letters[letters.len() - kept / 2..];
        head.iter().chain(&['…']).chain(tail).collect::<String>()
    };
    let fitting = (0..letters.len()).rev().map(keeping).find(|short| width(short) <= room);
    fitting.unwrap_or_else(|| "…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_kept() {
        let long = "frames_per_scene 2, quantization none, use_cache false";
        assert_eq!(shorten(long, width(long)), long);
        let short = shorten(long, 140.0);
        assert_eq!(short, "frames_per…che false");
        assert!(width(&short) <= 140.0);
        assert_eq!(shorten(long, 1.0), "…");
        assert_eq!(shorten("", 0.0), "");
    }

    #[test]
    fn square_letters_take_more_room() {
        assert!(width("映画") > width("ab"));
        assert!((width("a…b") - width("a.b")).abs() < 1e-9);
    }
}

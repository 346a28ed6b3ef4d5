//! Fillers, contractions and titles of the English normalizer.

use std::sync::LazyLock;

use regex::Regex;

use super::words::{Start, replaced};
use super::{pattern, replace};

const FILLERS: &[&str] = &["hmm", "mm", "mhm", "mmm", "uh", "um"];

/// Whole words, in the order in which they are replaced. Titles leave room for the full stop that often follows.
const WORDS: &[(&str, &str)] = &[
    ("won't", "will not"),
    ("can't", "can not"),
    ("let's", "let us"),
    ("ain't", "aint"),
    ("y'all", "you all"),
    ("wanna", "want to"),
    ("gotta", "got to"),
    ("gonna", "going to"),
    ("i'ma", "i am going to"),
    ("imma", "i am going to"),
    ("woulda", "would have"),
    ("coulda", "could have"),
    ("shoulda", "should have"),
    ("ma'am", "madam"),
    ("mr", "mister "),
    ("mrs", "missus "),
    ("st", "saint "),
    ("dr", "doctor "),
    ("prof", "professor "),
    ("capt", "captain "),
    ("gov", "governor "),
    ("ald", "alderman "),
    ("gen", "general "),
    ("sen", "senator "),
    ("rep", "representative "),
    ("pres", "president "),
    ("rev", "reverend "),
    ("hon", "honorable "),
    ("asst", "assistant "),
    ("assoc", "associate "),
    ("lt", "lieutenant "),
    ("col", "colonel "),
    ("jr", "junior "),
    ("sr", "senior "),
    ("esq", "esquire "),
];

/// Ends of words, replaced after [`WORDS`], longer ones first.
const ENDINGS: &[(&str, &str)] = &[
    ("'d been", " had been"),
    ("'s been", " has been"),
    ("'d gone", " had gone"),
    ("'s gone", " has gone"),
    ("'d done", " had done"),
    ("'s got", " has got"),
    ("n't", " not"),
    ("'re", " are"),
    ("'s", " is"),
    ("'d", " would"),
    ("'ll", " will"),
    ("'t", " not"),
    ("'ve", " have"),
    ("'m", " am"),
];

/// Lower-case text without fillers, its contractions and titles written out.
pub(super) fn written_out(text: &str) -> String {
    static SPACED_APOSTROPHE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+'"));
    let mut text = text.to_owned();
    for filler in FILLERS {
        text = replaced(&text, filler, "", Start::OfWord);
    }
    text = replace(&SPACED_APOSTROPHE, &text, "'");
    for (word, full) in WORDS {
        text = replaced(&text, word, full, Start::OfWord);
    }
    for (ending, full) in ENDINGS {
        text = replaced(&text, ending, full, Start::Anywhere);
    }
    text
}

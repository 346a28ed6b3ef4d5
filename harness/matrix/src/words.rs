//! Words that come from a closed list, and what to offer for a word that does not.

use reelbench_protocol::{
    AsrEngine, CellKind, Detector, Dtype, Family, Metric, Placeholder, Quantization, Tracker, Unit, nearest,
};

use crate::run::Order;

/// A type whose every value has a word.
pub(crate) trait Closed: Copy + 'static {
    /// Every value, in the order of the documentation.
    fn all() -> &'static [Self];

    /// The word of a value.
    fn word(self) -> &'static str;

    /// Every word.
    fn words() -> Vec<&'static str> {
        Self::all().iter().map(|value| value.word()).collect()
    }

    /// The value of a word.
    fn from_word(word: &str) -> Option<Self> {
        Self::all().iter().copied().find(|value| value.word() == word)
    }
}

macro_rules! closed {
    ($($type:ty),+ $(,)?) => {
        $(impl Closed for $type {
            fn all() -> &'static [Self] {
                Self::ALL
            }
            fn word(self) -> &'static str {
                self.as_str()
            }
        })+
    };
}
closed!(
    AsrEngine,
    CellKind,
    Detector,
    Dtype,
    Family,
    Metric,
    Order,
    Placeholder,
    Quantization,
    Tracker,
    Unit
);

/// Help for a word that is not in the list: the nearest, and all of them.
pub(crate) fn offer(word: &str, what: &str, candidates: &[&str]) -> String {
    let all = candidates.join(", ");
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {what}: {all}"),
        None if candidates.is_empty() => format!("{what}: none"),
        None => format!("{what}: {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word() {
        let families = Family::words();
        for (slip, meant) in [("llava", "llava-next"), ("phi3v", "phi3-v"), ("InstructBLIP", "instructblip")]
        {
            assert_eq!(nearest(slip, families.iter().copied()), Some(meant));
        }
        assert_eq!(nearest("rft", Metric::words()), Some("rtf"));
        assert_eq!(nearest("int8", Quantization::words()), None);
    }

    #[test]
    fn every_word_leads_back_to_its_value() {
        fn check<T: Closed + PartialEq + std::fmt::Debug>() {
            for value in T::all() {
                assert_eq!(T::from_word(value.word()), Some(*value));
            }
        }
        check::<Family>();
        check::<Quantization>();
        check::<Dtype>();
        check::<Detector>();
        check::<AsrEngine>();
        check::<Unit>();
        check::<Tracker>();
        check::<Placeholder>();
        check::<Order>();
        check::<Metric>();
        check::<CellKind>();
    }
}

//! Words that numbers are spelled with.

const UNITS: [&str; 19] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// Each with its power of ten.
const MULTIPLIERS: [(&str, usize); 12] = [
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("billion", 9),
    ("trillion", 12),
    ("quadrillion", 15),
    ("quintillion", 18),
    ("sextillion", 21),
    ("septillion", 24),
    ("octillion", 27),
    ("nonillion", 30),
    ("decillion", 33),
];

/// What a word means in a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Zero,
    Unit(u32),
    Tens(u32),
    /// The power of ten.
    Multiplier(usize),
    UnitWith(u32, &'static str),
    TensWith(u32, &'static str),
    MultiplierWith(usize, &'static str),
    /// Of the number that follows.
    Sign(char),
    /// Of the number that came before.
    Currency(char),
    Percent,
    Per,
    And,
    /// "double" and "triple", with how often the next digit is written.
    Times(usize),
    Point,
}

impl Meaning {
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "o" | "oh" | "zero" => Self::Zero,
            "minus" | "negative" => Self::Sign('-'),
            "plus" | "positive" => Self::Sign('+'),
            "pound" | "pounds" => Self::Currency('£'),
            "euro" | "euros" => Self::Currency('€'),
            "dollar" | "dollars" => Self::Currency('$'),
            "cent" | "cents" => Self::Currency('¢'),
            "per" => Self::Per,
            "percent" => Self::Percent,
            "and" => Self::And,
            "double" => Self::Times(2),
            "triple" => Self::Times(3),
            "point" => Self::Point,
            _ => return Self::unit(word).or_else(|| Self::tens(word)).or_else(|| Self::multiplier(word)),
        })
    }

    fn unit(word: &str) -> Option<Self> {
        let number =
            |name: &str| UNITS.iter().zip(1..).find(|(unit, _)| **unit == name).map(|(_, number)| number);
        if let Some(number) = number(word) {
            return Some(Self::Unit(number));
        }
        match word {
            "zeroth" => Some(Self::UnitWith(0, "th")),
            "first" => Some(Self::UnitWith(1, "st")),
            "second" => Some(Self::UnitWith(2, "nd")),
            "third" => Some(Self::UnitWith(3, "rd")),
            "fifth" => Some(Self::UnitWith(5, "th")),
            "eighth" => Some(Self::UnitWith(8, "th")),
            "twelfth" => Some(Self::UnitWith(12, "th")),
            "sixes" => Some(Self::UnitWith(6, "s")),
            "sixs" => None,
            _ => {
                if let Some(plural) = word.strip_suffix('s').and_then(number) {
                    return Some(Self::UnitWith(plural, "s"));
                }
                let ordinal = word.strip_suffix("th").and_then(number)?;
                let is_regular = ordinal > 3 && !matches!(ordinal, 5 | 8 | 12);
                is_regular.then_some(Self::UnitWith(ordinal, "th"))
            }
        }
    }

    fn tens(word: &str) -> Option<Self> {
        let number = |stem: &str| {
            let found = TENS.iter().zip(2..).find(|(tens, _)| tens.strip_suffix('y') == Some(stem));
            found.map(|(_, tens)| tens * 10)
        };
        let plain = || word.strip_suffix('y').and_then(number).map(Self::Tens);
        let plural = || word.strip_suffix("ies").and_then(number).map(|tens| Self::TensWith(tens, "s"));
        let ordinal = || word.strip_suffix("ieth").and_then(number).map(|tens| Self::TensWith(tens, "th"));
        plain().or_else(plural).or_else(ordinal)
    }

    fn multiplier(word: &str) -> Option<Self> {
        let power = |name: &str| MULTIPLIERS.iter().find(|(word, _)| *word == name).map(|(_, power)| *power);
        let plural = || word.strip_suffix('s').and_then(power).map(|power| Self::MultiplierWith(power, "s"));
        let ordinal =
            || word.strip_suffix("th").and_then(power).map(|power| Self::MultiplierWith(power, "th"));
        power(word).map(Self::Multiplier).or_else(plural).or_else(ordinal)
    }

    pub(super) fn is_decimal(self) -> bool {
        matches!(self, Self::Zero | Self::Unit(_) | Self::Tens(_))
    }
}

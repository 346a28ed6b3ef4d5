//! Spelled numbers in digits, as the English normalizer's `EnglishNumberNormalizer` writes them.
//!
//! Its oddities are kept, since a score is only comparable with them: "one two three" is `123`, "ninth" is no number, "1.5"
//! is `one.5`, and a "point" that no number follows disappears when it comes before a number word.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::decimal::{Fraction, Natural, is_number};
use super::number_words::Meaning;
use super::words::{Start, replaced};
use super::{pattern, replace};

/// A number under way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// One that words may still be added to or multiply.
    Whole(Natural),
    /// Digits said one after another, or with a point: more are appended.
    Digits(String),
}

impl Value {
    fn text(&self) -> &str {
        match self {
            Self::Whole(number) => number.digits(),
            Self::Digits(digits) => digits,
        }
    }

    fn with(&self, more: u32) -> String {
        format!("{}{more}", self.text())
    }
}

/// A word, with what it and those beside it mean.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    previous: Option<Meaning>,
    next: Option<&'t str>,
}

impl Word<'_> {
    fn next_meaning(&self) -> Option<Meaning> {
        self.next.and_then(Meaning::of)
    }

    fn next_is_digits(&self) -> bool {
        self.next.is_some_and(is_number)
    }
}

/// Whether the word after the current one has been used up with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Free,
    Used,
}

#[derive(Default)]
struct Numbers {
    prefix: Option<char>,
    value: Option<Value>,
    words: Vec<String>,
}

impl Numbers {
    /// Ends the number under way with a text of its own.
    fn put(&mut self, text: &str) {
        self.value = None;
        let prefix = self.prefix.take().map(String::from).unwrap_or_default();
        self.words.push(prefix + text);
    }

    /// Ends the number under way, if there is one.
    fn end(&mut self) {
        if let Some(value) = self.value.take() {
            self.put(value.text());
        }
    }

    /// The digits so far; nothing where there are none or only a zero.
    fn digits(&self) -> String {
        match &self.value {
            Some(Value::Whole(number)) if number.is_zero() => String::new(),
            Some(value) => value.text().to_owned(),
            None => String::new(),
        }
    }

    fn take(&mut self, word: Word<'_>) -> Next {
        let without_prefix = word.text.strip_prefix(['-', '+', '£', '€', '$', '¢']).unwrap_or(word.text);
        if is_number(without_prefix) {
            self.digits_written(word.text, without_prefix);
            return Next::Free;
        }
        let Some(meaning) = Meaning::of(word.text) else {
            self.end();
            self.put(word.text);
            return Next::Free;
        };
        match meaning {
            Meaning::Zero => self.value = Some(Value::Digits(self.digits() + "0")),
            Meaning::Unit(number) => self.value = Some(self.with_unit(number, word.previous)),
            Meaning::UnitWith(number, suffix) => {
                let value = self.with_unit(number, word.previous);
                self.put(&format!("{}{suffix}", value.text()));
            }
            Meaning::Tens(number) => self.value = Some(self.with_tens(number)),
            Meaning::TensWith(number, suffix) => {
                let value = self.with_tens(number);
                self.put(&format!("{}{suffix}", value.text()));
            }
            Meaning::Multiplier(power) => self.multiply(power),
            Meaning::MultiplierWith(power, suffix) => self.multiply_with(power, suffix),
            Meaning::Sign(sign) => self.sign(sign, word),
            Meaning::Currency(currency) => self.currency(currency, word.text),
            Meaning::Percent if self.value.is_some() => self.percent(),
            Meaning::Per if self.value.is_some() && word.next == Some("cent") => {
                self.percent();
                return Next::Used;
            }
            Meaning::Percent | Meaning::Per => self.plain(word.text),
            Meaning::And | Meaning::Times(_) | Meaning::Point => return self.joint(meaning, word),
        }
        Next::Free
    }

    fn plain(&mut self, word: &str) {
        self.end();
        self.put(word);
    }

    fn digits_written(&mut self, word: &str, without_prefix: &str) {
        match &self.value {
            Some(Value::Digits(digits)) if digits.ends_with('.') => {
                self.value = Some(Value::Digits(format!("{digits}{word}")));
                return;
            }
            Some(_) => self.end(),
            None => {}
        }
        if without_prefix.len() < word.len() {
            self.prefix = word.chars().next();
        }
        let whole = Fraction::read(without_prefix).and_then(|fraction| fraction.times_power_of_ten(0));
        self.value = Some(whole.map_or_else(|| Value::Digits(without_prefix.to_owned()), Value::Whole));
    }

    fn with_unit(&self, number: u32, previous: Option<Meaning>) -> Value {
        let follows_unit = matches!(previous, Some(Meaning::Unit(_)));
        let follows_tens = matches!(previous, Some(Meaning::Tens(_)));
        match &self.value {
            None => Value::Whole(Natural::of(number)),
            Some(Value::Digits(digits)) if follows_tens && number < 10 => {
                let mut digits = digits.clone();
                digits.pop();
                Value::Digits(format!("{digits}{number}"))
            }
            Some(value @ Value::Whole(whole)) if !follows_unit => {
                let places = if number < 10 { 1 } else { 2 };
                whole.filled(places, number).map_or_else(|| Value::Digits(value.with(number)), Value::Whole)
            }
            Some(value) => Value::Digits(value.with(number)),
        }
    }

    fn with_tens(&self, number: u32) -> Value {
        match &self.value {
            None => Value::Whole(Natural::of(number)),
            Some(value @ Value::Whole(whole)) => {
                whole.filled(2, number).map_or_else(|| Value::Digits(value.with(number)), Value::Whole)
            }
            Some(value) => Value::Digits(value.with(number)),
        }
    }

    fn multiply(&mut self, power: usize) {
        let product = match &self.value {
            None => Some(Natural::power_of_ten(power)),
            Some(Value::Whole(whole)) => Some(whole.last_three_times_power_of_ten(power)),
            Some(Value::Digits(digits)) => {
                Fraction::read(digits).and_then(|fraction| fraction.times_power_of_ten(power))
            }
        };
        let product = product.unwrap_or_else(|| {
            self.end();
            Natural::power_of_ten(power)
        });
        self.value = Some(Value::Whole(product));
    }

    fn multiply_with(&mut self, power: usize, suffix: &str) {
        self.multiply(power);
        if let Some(value) = self.value.take() {
            self.put(&format!("{}{suffix}", value.text()));
        }
    }

    fn sign(&mut self, sign: char, word: Word<'_>) {
        self.end();
        if word.next_meaning().is_some() || word.next_is_digits() {
            self.prefix = Some(sign);
        } else {
            self.put(word.text);
        }
    }

    fn currency(&mut self, currency: char, word: &str) {
        if self.value.is_some() {
            self.prefix = Some(currency);
            self.end();
        } else {
            self.put(word);
        }
    }

    fn percent(&mut self) {
        if let Some(value) = self.value.take() {
            self.put(&format!("{}%", value.text()));
        }
    }

    /// "and", "double", "triple" and "point", which only mean something between numbers.
    fn joint(&mut self, meaning: Meaning, word: Word<'_>) -> Next {
        let next = word.next_meaning();
        if next.is_none() && !word.next_is_digits() {
            self.plain(word.text);
            return Next::Free;
        }
        match (meaning, next) {
            (Meaning::And, _) if matches!(word.previous, Some(Meaning::Multiplier(_))) => {}
            (Meaning::Times(times), Some(Meaning::Unit(_) | Meaning::Zero)) => {
                let digit = if let Some(Meaning::Unit(number)) = next { number } else { 0 };
                self.value = Some(Value::Digits(self.digits() + &digit.to_string().repeat(times)));
                return Next::Used;
            }
            (Meaning::Point, _) => {
                if next.is_some_and(Meaning::is_decimal) || word.next_is_digits() {
                    self.value = Some(Value::Digits(self.digits() + "."));
                }
            }
            _ => self.plain(word.text),
        }
        Next::Free
    }
}

/// The text with its numbers in digits, words separated by single spaces.
pub(super) fn in_digits(text: &str) -> String {
    let prepared = prepared(text);
    let words: Vec<&str> = prepared.split_whitespace().collect();
    let mut numbers = Numbers::default();
    let mut next = Next::Free;
    for (place, text) in words.iter().enumerate() {
        if next == Next::Used {
            next = Next::Free;
            continue;
        }
        let previous =
            place.checked_sub(1).and_then(|place| words.get(place)).and_then(|word| Meaning::of(word));
        next = numbers.take(Word { text, previous, next: words.get(place + 1).copied() });
    }
    numbers.end();
    finished(&numbers.words.join(" "))
}

/// "and a half" as a decimal, and spaces between digits and letters but for endings as in `1960s` and `32nd`.
fn prepared(text: &str) -> String {
    static HALF: LazyLock<Regex> = LazyLock::new(|| pattern(r"\band\s+a\s+half\b"));
    static LETTER_DIGIT: LazyLock<Regex> = LazyLock::new(|| pattern("([a-z])([0-9])"));
    static DIGIT_LETTER: LazyLock<Regex> = LazyLock::new(|| pattern("([0-9])([a-z])"));
    static ENDING: LazyLock<Regex> = LazyLock::new(|| pattern(r"([0-9])\s+(st|nd|rd|th|s)\b"));
    let mut segments: Vec<&str> = HALF.split(text).collect();
    let last = segments.pop().unwrap_or_default();
    let mut parts = Vec::new();
    for segment in segments {
        // Nothing before it: the words are dropped, as they are there.
        let Some(word) = segment.split_whitespace().next_back() else { continue };
        let is_number =
            Meaning::of(word).is_some_and(|word| word.is_decimal() || matches!(word, Meaning::Multiplier(_)));
        parts.extend([segment, if is_number { "point five" } else { "and a half" }]);
    }
    if !last.trim().is_empty() {
        parts.push(last);
    }
    let text = replace(&LETTER_DIGIT, &parts.join(" "), "$1 $2");
    let text = replace(&DIGIT_LETTER, &text, "$1 $2");
    replace(&ENDING, &text, "$1$2")
}

/// Dollars and cents joined, and a lone 1 written as a word.
fn finished(text: &str) -> String {
    static DOLLARS_AND_CENTS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b"));
    static CENTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[€£$]0.([0-9]{1,2})\b"));
    let cents = |digits: &str| digits.parse::<u8>().unwrap_or_default();
    let text = DOLLARS_AND_CENTS.replace_all(text, |found: &Captures<'_>| {
        format!("{}{}.{:02}", &found[1], &found[2], cents(&found[3]))
    });
    let text = CENTS.replace_all(&text, |found: &Captures<'_>| format!("¢{}", cents(&found[1])));
    replaced(&replaced(&text, "1s", "ones", Start::OfWord), "1", "one", Start::OfWord)
}

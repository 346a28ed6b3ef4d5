//! Whole numbers of any length in decimal digits: a transcript may say "nine hundred decillion", and may say anything.

/// A natural number; its digits without leading zeros, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Natural(String);

/// A decimal fraction as it is written: whole digits and digits after the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fraction {
    whole: String,
    decimals: String,
}

impl Natural {
    pub(super) fn of(number: u32) -> Self {
        Self(number.to_string())
    }

    /// Ten to a power.
    pub(super) fn power_of_ten(power: usize) -> Self {
        Self::from_digits(&format!("1{}", "0".repeat(power)))
    }

    fn from_digits(digits: &str) -> Self {
        let digits = digits.trim_start_matches('0');
        Self(if digits.is_empty() { "0" } else { digits }.to_owned())
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0 == "0"
    }

    pub(super) fn digits(&self) -> &str {
        &self.0
    }

    /// The sum, where the last `places` digits are zeros that a number of so many digits can fill; `None` where they are not.
    pub(super) fn filled(&self, places: usize, number: u32) -> Option<Self> {
        if self.is_zero() {
            return Some(Self::of(number));
        }
        let kept = self.0.len().checked_sub(places)?;
        let (kept, zeros) = self.0.split_at(kept);
        let is_free = zeros.bytes().all(|digit| digit == b'0');
        is_free.then(|| Self(format!("{kept}{number:0>places$}")))
    }

    /// What "million" after it makes of a number: its last three digits are multiplied, what stands before them is added.
    pub(super) fn last_three_times_power_of_ten(&self, power: usize) -> Self {
        let (thousands, rest) = self.0.split_at(self.0.len().saturating_sub(3));
        let before = Self::from_digits(&format!("{thousands}000"));
        before.plus(&Self::from_digits(&format!("{rest}{}", "0".repeat(power))))
    }

    fn plus(&self, other: &Self) -> Self {
        let width = self.0.len().max(other.0.len());
        let mut sum = vec![b'0'; width + 1];
        let mut carry = 0;
        let digit = |number: &Self, place: usize| {
            number
                .0
                .len()
                .checked_sub(place + 1)
                .and_then(|at| number.0.as_bytes().get(at))
                .map_or(0, |d| d - b'0')
        };
        for place in 0..=width {
            let total = digit(self, place) + digit(other, place) + carry;
            if let Some(slot) = sum.get_mut(width - place) {
                *slot = b'0' + total % 10;
            }
            carry = total / 10;
        }
        Self::from_digits(&sum.into_iter().map(char::from).collect::<String>())
    }
}

impl Fraction {
    /// Reads digits of any script with at most one point and at least one digit.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && decimals.is_empty() {
            return None;
        }
        let ascii = |part: &str| part.chars().map(ascii_digit).collect::<Option<String>>();
        Some(Self { whole: ascii(whole)?, decimals: ascii(decimals)?.trim_end_matches('0').to_owned() })
    }

    /// Ten to a power times the fraction, where that is a whole number.
    pub(super) fn times_power_of_ten(&self, power: usize) -> Option<Natural> {
        let missing = power.checked_sub(self.decimals.len())?;
        Some(Natural::from_digits(&format!("{}{}{}", self.whole, self.decimals, "0".repeat(missing))))
    }
}

/// Whether a word is digits, with or without a point and digits after it.
pub(super) fn is_number(word: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| ascii_digit(c).is_some());
    match word.split_once('.') {
        Some((whole, decimals)) => digits(whole) && digits(decimals),
        None => digits(word),
    }
}

/// The ASCII digit of the same value. Unicode keeps every script's ten digits in one run that starts with the zero.
fn ascii_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    if !is_decimal_digit(c) {
        return None;
    }
    let below = |c: char| char::from_u32(u32::from(c).checked_sub(1)?).filter(|c| is_decimal_digit(*c));
    let value = std::iter::successors(below(c), |c| below(*c)).count() % 10;
    char::from_digit(u32::try_from(value).ok()?, 10)
}

fn is_decimal_digit(c: char) -> bool {
    static DIGIT: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| super::pattern(r"\d"));
    DIGIT.is_match(c.encode_utf8(&mut [0; 4]))
}

//! A hash as it is written in a matrix and in the catalog.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(String);

/// A text that is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256: write its 64 hexadecimal digits, as `sha256sum FILE` prints them")]
pub struct Sha256Error(pub String);

impl Sha256 {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Sha256Error;
    fn try_from(text: String) -> Result<Self, Sha256Error> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(Sha256Error(text))
        }
    }
}

impl FromStr for Sha256 {
    type Err = Sha256Error;
    fn from_str(text: &str) -> Result<Self, Sha256Error> {
        Self::try_from(text.to_owned())
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_are_one_hash() {
        let upper: Sha256 = "AB".repeat(32).parse().unwrap();
        assert_eq!(upper, "ab".repeat(32).parse().unwrap());
    }

    #[test]
    fn other_lengths_and_letters_are_refused() {
        for text in ["", "8c", &"g0".repeat(32), &"ab".repeat(33)] {
            assert_eq!(text.parse::<Sha256>(), Err(Sha256Error(text.to_owned())));
        }
    }
}

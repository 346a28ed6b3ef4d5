//! Keys and tokens: into one request header, and nowhere else.

use std::fmt;

use reqwest::header::HeaderValue;

/// What stands in place of a secret in text from a service.
const REDACTED: &str = "[key]";

/// A key or token. It is never printed: neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A text that no HTTP header can carry. It does not show the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is printable ASCII without spaces")]
pub struct UnusableSecret;

impl Secret {
    /// A secret as it was given out; white space around it is not part of it.
    ///
    /// # Errors
    /// When it is empty or no HTTP header can carry it.
    pub fn new(text: &str) -> Result<Self, UnusableSecret> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UnusableSecret);
        }
        Ok(Self(text.to_owned()))
    }

    /// The value of a header that carries the secret alone, marked so that no log shows it.
    ///
    /// # Errors
    /// When no header can carry it.
    pub fn header(&self) -> Result<HeaderValue, UnusableSecret> {
        Self::sensitive(&self.0)
    }

    /// The value of `Authorization` (RFC 6750, 2.1), marked so that no log shows it.
    ///
    /// # Errors
    /// When no header can carry it.
    pub fn bearer(&self) -> Result<HeaderValue, UnusableSecret> {
        Self::sensitive(&format!("Bearer {}", self.0))
    }

    fn sensitive(text: &str) -> Result<HeaderValue, UnusableSecret> {
        let mut value = HeaderValue::from_str(text).map_err(|_unprintable| UnusableSecret)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// `text` without the secret, should a service repeat it.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, REDACTED)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "sk-very-secret";

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::new(TEXT).unwrap();
        assert_eq!(format!("{secret:?} {secret:#?}"), "[key] [key]");
        for header in [secret.header().unwrap(), secret.bearer().unwrap()] {
            assert!(header.is_sensitive());
            assert!(!format!("{header:?}").contains(TEXT));
        }
        assert_eq!(secret.redact("bad key sk-very-secret, sk-very-secret"), "bad key [key], [key]");
    }

    #[test]
    fn headers_are_what_services_expect() {
        let secret = Secret::new(" sk-very-secret\n").unwrap();
        assert_eq!(secret.header().unwrap().to_str().unwrap(), "sk-very-secret");
        assert_eq!(secret.bearer().unwrap().to_str().unwrap(), "Bearer sk-very-secret");
    }

    #[test]
    fn what_no_header_can_carry_is_refused() {
        for unusable in ["", " \n", "two words", "line\nbreak", "schlüssel"] {
            assert_eq!(Secret::new(unusable), Err(UnusableSecret), "{unusable}");
        }
    }
}

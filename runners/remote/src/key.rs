//! Keys of services: from the environment into one request header, and nowhere else.

use std::ffi::OsString;
use std::fmt;

use reqwest::header::HeaderValue;

use crate::endpoint::Service;
use crate::error::SetupError;

/// What stands in place of a key in text from a service.
const REDACTED: &str = "[key]";

/// A service's key. It is never printed: neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key as the service gave it out; white space around it is not part of it.
    ///
    /// # Errors
    /// When it is empty or no HTTP header can carry it; the error names the service's variable.
    pub fn new(key: &str, service: Service) -> Result<Self, SetupError> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SetupError::UnusableKey { variable: service.key_variable() });
        }
        Ok(Self(key.to_owned()))
    }

    /// The key that the service's environment variable holds; `None` where it is unset or empty.
    ///
    /// # Errors
    /// When no HTTP header can carry what it holds.
    pub fn from_env(service: Service) -> Result<Option<Self>, SetupError> {
        Self::from_variable(service, std::env::var_os(service.key_variable()))
    }

    fn from_variable(service: Service, value: Option<OsString>) -> Result<Option<Self>, SetupError> {
        let Some(value) = value else { return Ok(None) };
        match value.to_str() {
            Some(text) if text.trim().is_empty() => Ok(None),
            Some(text) => Self::new(text, service).map(Some),
            None => Err(SetupError::UnusableKey { variable: service.key_variable() }),
        }
    }

    /// The value of the service's header, marked so that no log shows it.
    pub(crate) fn header(&self, service: Service) -> Result<HeaderValue, SetupError> {
        let text = match service {
            Service::Azure => self.0.clone(),
            Service::Openai => format!("Bearer {}", self.0),
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_unprintable| SetupError::UnusableKey { variable: service.key_variable() })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// `text` without the key, should a service repeat it.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, REDACTED)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([key])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "sk-very-secret";

    #[test]
    fn nothing_shows_a_key() {
        let key = ApiKey::new(SECRET, Service::Openai).unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey([key])");
        assert_eq!(format!("{key:#?}"), "ApiKey([key])");
        let header = key.header(Service::Openai).unwrap();
        assert!(header.is_sensitive());
        assert!(!format!("{header:?}").contains(SECRET));
        assert_eq!(key.redact("bad key sk-very-secret, sk-very-secret"), "bad key [key], [key]");
    }

    #[test]
    fn the_header_is_what_the_service_expects() {
        let key = ApiKey::new(SECRET, Service::Azure).unwrap();
        assert_eq!(key.header(Service::Azure).unwrap().to_str().unwrap(), "sk-very-secret");
        assert_eq!(key.header(Service::Openai).unwrap().to_str().unwrap(), "Bearer sk-very-secret");
    }

    #[test]
    fn a_variable_holds_a_key_or_none() {
        let read = |value: Option<&str>| ApiKey::from_variable(Service::Azure, value.map(OsString::from));
        assert_eq!(read(None).unwrap(), None);
        assert_eq!(read(Some(" \n")).unwrap(), None);
        assert_eq!(read(Some("abc\n")).unwrap(), Some(ApiKey("abc".to_owned())));
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
        for unusable in ["two words", "line\nbreak", "schlüssel"] {
            let error = ApiKey::from_variable(Service::Azure, Some(unusable.into())).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("AZURE_OPENAI_API_KEY"), "{text}");
            assert!(!text.contains(unusable), "{text}");
        }
    }
}

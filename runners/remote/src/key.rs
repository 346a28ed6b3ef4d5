//! Keys of services: from the environment into one request header, and nowhere else.

use std::ffi::OsString;

use reelbench_http::{Secret, UnusableSecret};
use reqwest::header::HeaderValue;

use crate::endpoint::Service;
use crate::error::SetupError;

/// A service's key. It is never printed: neither `Debug` nor any error shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// A key as the service gave it out; white space around it is not part of it.
    ///
    /// # Errors
    /// When it is empty or no HTTP header can carry it; the error names the service's variable.
    pub fn new(key: &str, service: Service) -> Result<Self, SetupError> {
        Secret::new(key).map(Self).map_err(unusable(service))
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
        let header = match service {
            Service::Azure => self.0.header(),
            Service::Openai => self.0.bearer(),
        };
        header.map_err(unusable(service))
    }

    /// `text` without the key, should a service repeat it.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.redact(text)
    }
}

fn unusable(service: Service) -> impl FnOnce(UnusableSecret) -> SetupError {
    move |_unshown| SetupError::UnusableKey { variable: service.key_variable() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "sk-very-secret";

    #[test]
    fn nothing_shows_a_key() {
        let key = ApiKey::new(SECRET, Service::Openai).unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey([key])");
        assert!(!format!("{key:#?}").contains(SECRET));
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
        assert_eq!(read(Some("abc\n")).unwrap(), Some(ApiKey::new("abc", Service::Azure).unwrap()));
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

//! Where requests go, and whether a key may go there.

use reelbench_http::Reach;
use reelbench_protocol::{AsrEngine, RemoteSpec};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName};

use crate::error::SetupError;

/// Version of Azure's interface that is asked for where a matrix names none.
const AZURE_API_VERSION: &str = "2024-06-01";

/// The host that gives nothing without a key.
const OPENAI_HOST: &str = "api.openai.com";

/// A kind of transcription service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// A deployment of Azure `OpenAI`.
    Azure,
    /// `OpenAI`, or a service that speaks its protocol.
    Openai,
}

impl Service {
    /// The engine's name in a matrix.
    pub fn engine(self) -> AsrEngine {
        match self {
            Self::Azure => AsrEngine::Azure,
            Self::Openai => AsrEngine::Openai,
        }
    }

    /// The environment variable that holds its key.
    pub fn key_variable(self) -> &'static str {
        match self {
            Self::Azure => "AZURE_OPENAI_API_KEY",
            Self::Openai => "OPENAI_API_KEY",
        }
    }

    pub(crate) fn key_header(self) -> HeaderName {
        match self {
            Self::Azure => HeaderName::from_static("api-key"),
            Self::Openai => AUTHORIZATION,
        }
    }
}

/// Whether requests carry a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Keyed,
    Open,
}

/// The address of all requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) reach: Reach,
}

impl Endpoint {
    /// The address that `spec` names for a service.
    ///
    /// # Errors
    /// When the endpoint is no plain `http` or `https` URL, the model or version cannot be asked for, a key is missing
    /// where one is needed, or it would go over an unprotected connection.
    pub(crate) fn new(service: Service, spec: &RemoteSpec, access: Access) -> Result<Self, SetupError> {
        let base = parse(&spec.endpoint)?;
        let host = base.host_str().unwrap_or_default().to_owned();
        let reach = Reach::of(&base);
        let variable = service.key_variable();
        if access == Access::Open && (service == Service::Azure || host == OPENAI_HOST) {
            return Err(SetupError::MissingKey { variable, host });
        }
        if base.scheme() == "http" && access == Access::Keyed && reach == Reach::Public {
            return Err(SetupError::UnprotectedKey { variable, host });
        }
        if matches!(spec.model.trim(), "" | "." | "..") {
            return Err(SetupError::Model);
        }
        let url = match service {
            Service::Openai if spec.api_version.is_some() => return Err(SetupError::ApiVersionUnused),
            Service::Openai => joined(base, &["audio", "transcriptions"]),
            Service::Azure => {
                let mut url =
                    joined(base, &["openai", "deployments", &spec.model, "audio", "transcriptions"]);
                url.query_pairs_mut().append_pair("api-version", api_version(spec)?);
                url
            }
        };
        Ok(Self { url, reach })
    }
}

/// The errors leave out the endpoint itself: what is no URL may hold a secret.
fn parse(endpoint: &str) -> Result<Url, SetupError> {
    let url = Url::parse(endpoint).map_err(|error| SetupError::NotUrl { reason: error.to_string() })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(SetupError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SetupError::UserInfo);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(SetupError::Query);
    }
    Ok(url)
}

fn api_version(spec: &RemoteSpec) -> Result<&str, SetupError> {
    match spec.api_version.as_deref().map(str::trim) {
        Some("") => Err(SetupError::ApiVersionEmpty),
        Some(version) => Ok(version),
        None => Ok(AZURE_API_VERSION),
    }
}

fn joined(mut base: Url, segments: &[&str]) -> Url {
    // A URL with a host always has a path, and both schemes need a host.
    if let Ok(mut path) = base.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(endpoint: &str) -> RemoteSpec {
        RemoteSpec {
            endpoint: endpoint.to_owned(),
            model: "whisper-1".to_owned(),
            requests_per_minute: None,
            request_timeout_s: 60,
            api_version: None,
        }
    }

    fn url(service: Service, spec: &RemoteSpec) -> String {
        Endpoint::new(service, spec, Access::Keyed).unwrap().url.to_string()
    }

    #[test]
    fn openai_appends_its_path_to_the_endpoint() {
        let expected = "https://api.openai.com/v1/audio/transcriptions";
        for endpoint in ["https://api.openai.com/v1", "https://api.openai.com/v1/"] {
            assert_eq!(url(Service::Openai, &spec(endpoint)), expected);
        }
        assert_eq!(
            url(Service::Openai, &spec("http://127.0.0.1:8000")),
            "http://127.0.0.1:8000/audio/transcriptions"
        );
    }

    #[test]
    fn azure_names_deployment_and_version() {
        let mut azure =
            RemoteSpec { model: "my whisper/2".to_owned(), ..spec("https://x.openai.azure.com/") };
        let path = "https://x.openai.azure.com/openai/deployments/my%20whisper%2F2/audio/transcriptions";
        assert_eq!(url(Service::Azure, &azure), format!("{path}?api-version=2024-06-01"));
        azure.api_version = Some("2025-03-01-preview".to_owned());
        assert_eq!(url(Service::Azure, &azure), format!("{path}?api-version=2025-03-01-preview"));
    }

    #[test]
    fn an_endpoint_that_could_leak_or_mislead_is_refused() {
        let refusal = |endpoint: &str| {
            Endpoint::new(Service::Openai, &spec(endpoint), Access::Keyed).unwrap_err().to_string()
        };
        for (endpoint, word) in [
            ("", "URL"),
            ("api.openai.com/v1", "URL"),
            ("ftp://x/secret", "https"),
            ("https://user:secret@x/v1", "user"),
            ("https://secret@x/v1", "user"),
            ("https://x/v1?code=secret", "`?`"),
            ("https://x/v1#secret", "`?`"),
            ("http://example.com/v1", "OPENAI_API_KEY"),
            ("http://8.8.8.8/v1", "OPENAI_API_KEY"),
            ("http://[2001:db8::1]/v1", "OPENAI_API_KEY"),
            ("http://localhost.example.com/v1", "OPENAI_API_KEY"),
        ] {
            let message = refusal(endpoint);
            assert!(message.contains(word), "{endpoint}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn plain_http_takes_a_key_in_the_own_network_only() {
        let endpoint = spec("http://192.168.0.9:8000/v1");
        let keyed = Endpoint::new(Service::Openai, &endpoint, Access::Keyed).unwrap();
        assert_eq!(keyed.reach, Reach::Local);
        let open = Endpoint::new(Service::Openai, &spec("http://gpu.example.com/v1"), Access::Open).unwrap();
        assert_eq!(open.reach, Reach::Public, "without a key there is nothing to protect but the sound");
    }

    #[test]
    fn a_key_is_needed_where_nothing_is_free() {
        for (service, endpoint, variable) in [
            (Service::Openai, "https://api.openai.com/v1", "OPENAI_API_KEY"),
            (Service::Azure, "https://x.openai.azure.com", "AZURE_OPENAI_API_KEY"),
            (Service::Azure, "http://127.0.0.1:9", "AZURE_OPENAI_API_KEY"),
        ] {
            let error = Endpoint::new(service, &spec(endpoint), Access::Open).unwrap_err();
            assert!(matches!(&error, SetupError::MissingKey { variable: named, .. } if *named == variable));
            assert!(error.to_string().contains(variable), "{error}");
        }
    }

    #[test]
    fn models_and_versions_that_mean_nothing_are_refused() {
        let refused = |service, change: &dyn Fn(&mut RemoteSpec)| {
            let mut spec = spec("https://x.openai.azure.com");
            change(&mut spec);
            Endpoint::new(service, &spec, Access::Keyed).unwrap_err()
        };
        for model in ["", " ", ".", ".."] {
            let error = refused(Service::Azure, &|spec| model.clone_into(&mut spec.model));
            assert!(matches!(error, SetupError::Model), "{model}");
        }
        let empty = refused(Service::Azure, &|spec| spec.api_version = Some(String::new()));
        assert!(matches!(empty, SetupError::ApiVersionEmpty));
        let unused = refused(Service::Openai, &|spec| spec.api_version = Some("2024-06-01".to_owned()));
        assert!(matches!(unused, SetupError::ApiVersionUnused));
    }
}

//! The hub's address, and the token that goes there.

use reelbench_http::{Reach, Secret};
use reelbench_matrix::HubModel;
use reqwest::Url;

use crate::error::FetchError;

/// The hub, where `HF_ENDPOINT` names no other.
const PUBLIC_HUB: &str = "https://huggingface.co";

/// The hub or a mirror of it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    base: Url,
    pub(crate) token: Option<Secret>,
    pub(crate) reach: Reach,
}

impl Endpoint {
    /// `HF_ENDPOINT`, with the token of `HF_TOKEN` if there is one.
    pub(crate) fn from_env() -> Result<Self, FetchError> {
        let address = std::env::var("HF_ENDPOINT").ok().filter(|address| !address.trim().is_empty());
        let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.trim().is_empty());
        let token = token.map(|token| Secret::new(&token)).transpose()?;
        Self::new(address.as_deref().unwrap_or(PUBLIC_HUB), token)
    }

    /// The errors leave out the address itself: what is no URL may hold a secret.
    pub(crate) fn new(address: &str, token: Option<Secret>) -> Result<Self, FetchError> {
        let wrong = |reason: &str| FetchError::Endpoint { reason: reason.to_owned() };
        let base = Url::parse(address.trim()).map_err(|error| wrong(&format!("is no URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong("must begin with https:// or http://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("holds a user or password"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("ends in `?` or `#` and more"));
        }
        let reach = Reach::of(&base);
        if token.is_some() && base.scheme() == "http" && reach == Reach::Public {
            let host = base.host_str().unwrap_or_default().to_owned();
            return Err(FetchError::UnprotectedToken { host });
        }
        Ok(Self { base, token, reach })
    }

    /// Whether requests are protected on their way.
    pub(crate) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// What lists a model's files with their sizes and hashes.
    pub(crate) fn listing(&self, model: &HubModel) -> Url {
        let repository = model.repository();
        let head = ["api", "models"].into_iter().chain(repository.split('/'));
        let mut url = self.joined(head.chain(["revision", model.revision()]));
        url.set_query(Some("blobs=true"));
        url
    }

    /// One of a model's files.
    pub(crate) fn file(&self, model: &HubModel, commit: &str, path: &str) -> Url {
        let repository = model.repository();
        self.joined(repository.split('/').chain(["resolve", commit]).chain(path.split('/')))
    }

    /// Where people read about a model.
    pub(crate) fn page(&self, model: &HubModel) -> Url {
        self.joined(model.repository().split('/'))
    }

    fn joined<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        // A URL with a host always has a path, and both schemes need a host.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_model() {
        let model: HubModel = "hf:a/b@refs/pr/1".parse().unwrap();
        for base in ["https://hub.example/mirror", "https://hub.example/mirror/"] {
            let hub = Endpoint::new(base, None).unwrap();
            let at = "https://hub.example/mirror";
            assert_eq!(
                hub.listing(&model).as_str(),
                format!("{at}/api/models/a/b/revision/refs%2Fpr%2F1?blobs=true")
            );
            let file = hub.file(&model, "c0", "qformer_tokenizer/vocab 1.txt");
            assert_eq!(file.as_str(), format!("{at}/a/b/resolve/c0/qformer_tokenizer/vocab%201.txt"));
            assert_eq!(hub.page(&model).as_str(), format!("{at}/a/b"));
        }
    }

    #[test]
    fn an_address_that_could_leak_is_refused_and_not_repeated() {
        for address in [
            "",
            "hub.example",
            "ftp://x/secret",
            "https://me:secret@x",
            "https://x?t=secret",
            "https://x#secret",
        ] {
            let error = Endpoint::new(address, None).unwrap_err().to_string();
            assert!(error.contains("HF_ENDPOINT") && !error.contains("secret"), "{error}");
        }
        let token = || Some(Secret::new("hf_secret").unwrap());
        let error = Endpoint::new("http://hub.example", token()).unwrap_err().to_string();
        assert!(error.contains("hub.example") && !error.contains("secret"), "{error}");
        assert!(Endpoint::new("http://127.0.0.1:9", token()).is_ok());
        assert!(Endpoint::new("http://hub.example", None).is_ok());
    }
}

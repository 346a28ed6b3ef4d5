//! A hub of models that serves one repository.

use sha2::Digest as _;

use crate::http::{Play, Received, answer, answer_with};

/// The commit of [`Repository::new`].
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A repository as the hub serves it: safetensors as large files with a SHA-256, all others with git's hash.
#[derive(Debug, Clone)]
pub struct Repository {
    name: String,
    files: Vec<(String, Vec<u8>)>,
}

impl Repository {
    /// An empty one of a name such as `owner/name`; its branch `main` and its tag `v1` are at [`COMMIT`].
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), files: Vec::new() }
    }

    /// With one more file.
    #[must_use]
    pub fn with(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.push((path.to_owned(), content.as_ref().to_owned()));
        self
    }

    /// With the files of a small model of two shards.
    #[must_use]
    pub fn with_model(self) -> Self {
        let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
        self.with("config.json", r#"{"model_type": "small"}"#)
            .with("tokenizer.json", "{}")
            .with("qformer_tokenizer/tokenizer.json", "{\"qformer\": true}")
            .with("model.safetensors.index.json", index)
            .with("model-1.safetensors", "first ".repeat(1000))
            .with("model-2.safetensors", "second ".repeat(1000))
            .with("pytorch_model.bin", "never")
            .with("README.md", "# Small")
    }

    /// The content of a file.
    pub fn content(&self, path: &str) -> &[u8] {
        &self.files.iter().find(|(name, _)| name == path).unwrap().1
    }

    /// What the hub answers; ranges are honoured.
    pub fn answer(&self, request: &Received) -> Play {
        let target = request.target.as_str();
        for revision in ["main", "v1", COMMIT] {
            if target == format!("/api/models/{}/revision/{revision}?blobs=true", self.name) {
                return answer(200, self.listing());
            }
        }
        if target.starts_with(&format!("/api/models/{}/revision/", self.name)) {
            return answer_with(404, &[("X-Error-Code", "RevisionNotFound")], "");
        }
        let path = target.strip_prefix(&format!("/{}/resolve/{COMMIT}/", self.name));
        let file = path.and_then(|path| self.files.iter().find(|(name, _)| name == path));
        match file {
            Some((_, content)) => part(content, request.header("range")),
            None => answer_with(404, &[("X-Error-Code", "RepoNotFound")], ""),
        }
    }

    /// The list of files with sizes and hashes.
    pub fn listing(&self) -> String {
        let siblings: Vec<_> = self.files.iter().map(|(path, content)| sibling(path, content)).collect();
        serde_json::json!({"id": self.name, "sha": COMMIT, "siblings": siblings}).to_string()
    }
}

fn sibling(path: &str, content: &[u8]) -> serde_json::Value {
    let size = content.len();
    let mut sibling = serde_json::json!({"rfilename": path, "size": size, "blobId": git_blob(content)});
    if path.ends_with(".safetensors") {
        sibling["blobId"] = git_blob(b"a pointer").into();
        sibling["lfs"] = serde_json::json!({"size": size, "sha256": sha256(content), "pointerSize": 134});
    }
    sibling
}

fn part(content: &[u8], range: Option<&str>) -> Play {
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match from {
        None => answer(200, content),
        Some(from) if from < content.len() => {
            let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
            answer_with(206, &[("Content-Range", &range)], &content[from..])
        }
        Some(_) => answer(416, ""),
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    digits(&sha2::Sha256::digest(content))
}

/// git's hash of a file in hexadecimal.
pub fn git_blob(content: &[u8]) -> String {
    digits(&sha1::Sha1::new_with_prefix(format!("blob {}\0", content.len())).chain_update(content).finalize())
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

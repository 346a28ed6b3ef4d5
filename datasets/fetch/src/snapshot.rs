//! Where a model's files go in the hub's cache.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use reelbench_matrix::HubModel;

use crate::digest::Digest;
use crate::error::FetchError;
use crate::listing::HubFile;

/// Tells apart the temporary names that threads of this process give.
static NAMES_GIVEN: AtomicU64 = AtomicU64::new(0);

/// One commit of a model in the hub's cache.
pub(crate) struct Snapshot<'a> {
    pub(crate) cache: &'a Path,
    pub(crate) model: &'a HubModel,
    pub(crate) commit: &'a str,
}

impl Snapshot<'_> {
    /// Where the model's files are kept by their hashes.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.cache.join(self.model.folder_name()).join("blobs")
    }

    /// What one process at a time holds while a blob is on its way; other programs of the cache use the same.
    pub(crate) fn lock(&self, digest: &Digest) -> PathBuf {
        let name = format!("{}.lock", digest.as_str());
        self.cache.join(".locks").join(self.model.folder_name()).join(name)
    }

    /// The folder of the commit.
    pub(crate) fn folder(&self) -> PathBuf {
        self.model.snapshot(self.cache, self.commit)
    }

    /// Links files whose blobs are all there, then notes the commit of the branch or tag.
    pub(crate) fn publish<'f>(&self, files: impl Iterator<Item = &'f HubFile>) -> Result<(), FetchError> {
        for file in files {
            let link = self.folder().join(&file.path);
            place_link(&link, &blob_from_link(file)).map_err(FetchError::file("link", link))?;
        }
        match self.model.reference(self.cache) {
            Some(reference) => {
                place_text(&reference, self.commit).map_err(FetchError::file("write", reference))
            }
            None => Ok(()),
        }
    }
}

/// A file's blob as seen from the folder of its link, so that a cache can be moved as a whole.
fn blob_from_link(file: &HubFile) -> PathBuf {
    let up = file.path.split('/').count() + 1;
    (0..up).map(|_| "..").chain(["blobs", file.digest.as_str()]).collect()
}

fn place_link(link: &Path, target: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    place(link, |temporary| symlink(target, temporary))
}

fn place_text(path: &Path, text: &str) -> io::Result<()> {
    place(path, |temporary| fs::write(temporary, text))
}

/// Makes something under a name that nobody else uses and gives it its own at once, so that nobody sees half of it.
fn place(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    let mut name = path.as_os_str().to_owned();
    let number = NAMES_GIVEN.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{number}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    make(&temporary)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_blobs_from_any_depth() {
        let cache = tempfile::tempdir().unwrap();
        let model: HubModel = "hf:a/b@v1".parse().unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let snapshot = Snapshot { cache: cache.path(), model: &model, commit };
        let digest = Digest::sha256(&"ab".repeat(32)).unwrap();
        fs::create_dir_all(snapshot.blobs()).unwrap();
        fs::write(snapshot.blobs().join(digest.as_str()), "content").unwrap();
        let files = ["config.json", "qformer_tokenizer/vocab.txt"].map(|path| HubFile {
            path: path.to_owned(),
            bytes: 7,
            digest: digest.clone(),
        });
        for _again in 0..2 {
            snapshot.publish(files.iter()).unwrap();
            for file in &files {
                assert_eq!(fs::read_to_string(snapshot.folder().join(&file.path)).unwrap(), "content");
            }
        }
        assert_eq!(model.cached_commit(cache.path()).as_deref(), Some(commit));
        assert_eq!(fs::read_dir(snapshot.folder()).unwrap().count(), 2, "no temporary names are left");
    }
}

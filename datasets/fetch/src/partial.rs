//! A file on its way.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hasher};

/// A file under a temporary name, hashed as it grows.
pub(crate) struct Partial<'a> {
    path: PathBuf,
    file: File,
    digest: &'a Digest,
    hasher: Hasher,
    bytes: u64,
}

/// Where a file is kept until it is whole; other programs of the hub's cache go on with it, and leave it, by this name.
pub(crate) fn partial_path(target: &Path) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(".incomplete");
    name.into()
}

impl<'a> Partial<'a> {
    /// What has come of `target` so far, if anything.
    pub(crate) fn open(target: &Path, digest: &'a Digest) -> io::Result<Self> {
        let path = partial_path(target);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut hasher = digest.hasher();
        let bytes = hasher.read(&mut file)?;
        Ok(Self { path, file, digest, hasher, bytes })
    }

    /// How much has come.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds what came next.
    pub(crate) fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Forgets what has come.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = self.digest.hasher();
        self.bytes = 0;
        Ok(())
    }

    /// Gives the file its own name where its hash is right; else deletes it and tells the hash it has.
    pub(crate) fn settle(self, target: &Path) -> io::Result<Result<(), String>> {
        if let Some(found) = self.digest.differs(self.hasher.finish()) {
            fs::remove_file(&self.path)?;
            return Ok(Err(found));
        }
        // A crash of the machine must not leave a whole name on half a file.
        self.file.sync_all()?;
        fs::rename(&self.path, target).map(Ok)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_grows_over_several_openings_and_settles_once_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("blob");
        let digest = Digest::git_blob("b45ef6fec89518d314f546fd6c3025367b721684", 13).unwrap();
        Partial::open(&target, &digest).unwrap().append(b"Hello, ").unwrap();
        let mut partial = Partial::open(&target, &digest).unwrap();
        assert_eq!(partial.bytes(), 7);
        partial.append(b"World!").unwrap();
        partial.settle(&target).unwrap().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"Hello, World!");
        assert!(!partial_path(&target).exists());
    }

    #[test]
    fn a_wrong_file_is_deleted_and_one_begun_anew_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("blob");
        let digest = Digest::git_blob("b45ef6fec89518d314f546fd6c3025367b721684", 13).unwrap();
        let mut partial = Partial::open(&target, &digest).unwrap();
        partial.append(b"Hello, world!").unwrap();
        assert!(partial.settle(&target).unwrap().is_err());
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is left");
        let mut partial = Partial::open(&target, &digest).unwrap();
        partial.append(b"something longer than the file").unwrap();
        partial.restart().unwrap();
        partial.append(b"Hello, World!").unwrap();
        partial.settle(&target).unwrap().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"Hello, World!");
    }
}

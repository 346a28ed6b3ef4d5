//! What a file's bytes must come to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::Digest as _;

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// What a file's bytes must come to, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Digest {
    /// SHA-256 of the bytes, for large files.
    Sha256(String),
    /// git's name of the file: SHA-1 of `blob SIZE`, a zero byte and the bytes (git-hash-object).
    GitBlob { sha1: String, bytes: u64 },
}

impl Digest {
    /// A SHA-256, if the text is one.
    pub(crate) fn sha256(text: &str) -> Option<Self> {
        hexadecimal(text, 64).map(Self::Sha256)
    }

    /// git's hash of a file of that size, if the text is one.
    pub(crate) fn git_blob(text: &str, bytes: u64) -> Option<Self> {
        hexadecimal(text, 40).map(|sha1| Self::GitBlob { sha1, bytes })
    }

    /// The digits: the name of the file's blob in the hub's cache.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Sha256(digits) => digits,
            Self::GitBlob { sha1, .. } => sha1,
        }
    }

    /// Begins to hash a file.
    pub(crate) fn hasher(&self) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(sha2::Sha256::new()),
            Self::GitBlob { bytes, .. } => {
                Hasher::Sha1(sha1::Sha1::new_with_prefix(format!("blob {bytes}\0")))
            }
        }
    }

    /// What a file's bytes come to instead; nothing where they are right.
    pub(crate) fn mismatch(&self, path: &Path) -> io::Result<Option<String>> {
        let mut hasher = self.hasher();
        hasher.read(&mut File::open(path)?)?;
        Ok(self.differs(hasher.finish()))
    }

    /// `found`, where it is not this.
    pub(crate) fn differs(&self, found: String) -> Option<String> {
        (found != self.as_str()).then_some(found)
    }
}

/// Hashes bytes as they come.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    Sha1(sha1::Sha1),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
        }
    }

    /// Hashes a file to its end; the number of bytes it had.
    pub(crate) fn read(&mut self, file: &mut File) -> io::Result<u64> {
        let mut piece = vec![0; PIECE];
        let mut bytes = 0;
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(bytes),
                Ok(read) => {
                    self.update(piece.get(..read).unwrap_or_default());
                    bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The digits.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => digits(&hasher.finalize()),
            Self::Sha1(hasher) => digits(&hasher.finalize()),
        }
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

fn hexadecimal(text: &str, length: usize) -> Option<String> {
    let right = text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    right.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(digest: &Digest, bytes: &[u8]) -> String {
        let mut hasher = digest.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn known_hashes() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha256 = Digest::sha256(&abc.to_uppercase()).unwrap();
        assert_eq!(sha256.differs(hash(&sha256, b"abc")), None);
        // `printf 'Hello, World!' | git hash-object --stdin` of git 2.39.
        let git = Digest::git_blob("b45ef6fec89518d314f546fd6c3025367b721684", 13).unwrap();
        assert_eq!(git.differs(hash(&git, b"Hello, World!")), None);
        assert!(git.differs(hash(&git, b"Hello, world!")).is_some());
    }

    #[test]
    fn a_name_that_could_lead_elsewhere_is_no_hash() {
        for text in ["", "../../../../../../../../../../../../../etc", &"g".repeat(64), &"a".repeat(63)] {
            assert_eq!(Digest::sha256(text), None, "{text}");
            assert_eq!(Digest::git_blob(text, 1), None, "{text}");
        }
    }
}

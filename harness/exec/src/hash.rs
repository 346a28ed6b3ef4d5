//! SHA-256 of files, read in pieces.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// A file that cannot be hashed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {} to hash it: check that it exists and may be read", path.display())]
pub struct HashError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Size in bytes and SHA-256 in hexadecimal of a file, however large.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> Result<(u64, String), HashError> {
    digest(path).map_err(|source| HashError { path: path.to_owned(), source })
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        let read = match file.read(&mut piece) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(filled) = piece.get(..read).filter(|filled| !filled.is_empty()) else { break };
        hasher.update(filled);
        bytes += read as u64;
    }
    Ok((bytes, hex(&hasher.finalize())))
}

/// SHA-256 of bytes in hexadecimal.
pub fn hash_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_hash_of_abc_and_a_file_of_several_pieces() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash_bytes(b"abc"), abc);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let content = vec![7; 2 * PIECE + 3];
        std::fs::write(&path, &content).unwrap();
        assert_eq!(hash_file(&path).unwrap(), (content.len() as u64, hash_bytes(&content)));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = hash_file(Path::new("/nowhere/film.mp4")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/film.mp4"));
    }
}

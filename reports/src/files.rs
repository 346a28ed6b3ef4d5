//! Files that are written as a whole or not at all.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

/// Replaces a file: writes beside it, then renames, so that a reader never sees half of it. A link is followed; what is no
/// file, such as a pipe, is written to as it is.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_new| path.to_owned());
    if path.exists() && !path.is_file() {
        return fs::write(path, bytes);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or(OsStr::new("file")).to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, bytes)?;
    if let Ok(before) = fs::metadata(&path) {
        fs::set_permissions(&part, before.permissions())?;
    }
    fs::rename(&part, &path)
}

//! The end of a runner's log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::secrets;

/// How many lines a failure keeps.
const LINES: usize = 20;

/// How far back they are looked for.
const BYTES: u64 = 64 << 10;

/// The last lines of a log without the keys that it may hold; none where it cannot be read, as a failure must not fail for want of its log.
pub(crate) fn tail(path: &Path) -> Vec<String> {
    let Ok(bytes) = last_bytes(path) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(LINES)).map(|line| secrets::masked(line)).collect()
}

fn last_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_twenty_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.log");
        let lines: Vec<String> = (0..10_000).map(|n| format!("line {n}")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        assert_eq!(tail(&path), lines[9_980..]);
        assert_eq!(tail(&folder.path().join("none.log")), Vec::<String>::new());
    }
}

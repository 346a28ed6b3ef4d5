//! The end of a runner's log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use crate::secrets;

/// How many lines a failure keeps.
const LINES: usize = 20;

/// How far back they are looked for.
const BYTES: u64 = 64 << 10;

/// What a runner process writes to its standard error.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Bytes that were there when the part at hand began.
    begin: u64,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, begin: 0 }
    }

    /// Another part begins here: what stands before it is not the end of it.
    pub(crate) fn begin_part(&mut self) {
        self.begin = std::fs::metadata(&self.path).map_or(self.begin, |file| file.len());
    }

    /// The last lines of the part, without the keys that they may hold; none where it cannot be read, as a failure must not fail for want of its log.
    pub(crate) fn tail(&self) -> Vec<String> {
        let Ok(bytes) = self.last_bytes() else { return Vec::new() };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(LINES)).map(|line| secrets::masked(line)).collect()
    }

    fn last_bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES).max(self.begin)))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_twenty_lines_of_a_part() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(folder.path().join("1.log"));
        let lines: Vec<String> = (0..10_000).map(|n| format!("line {n}")).collect();
        let whole = lines.join("\n");
        std::fs::write(&log.path, &whole).unwrap();
        assert_eq!(log.tail(), lines[9_980..]);
        log.begin_part();
        assert_eq!(log.tail(), Vec::<String>::new());
        std::fs::write(&log.path, format!("{whole}\nits own\nand last")).unwrap();
        assert_eq!(log.tail(), ["", "its own", "and last"]);
        assert_eq!(Log::new(folder.path().join("none.log")).tail(), Vec::<String>::new());
    }
}

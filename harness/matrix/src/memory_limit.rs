//! How much memory a runner may have.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// Units of memory and their bytes.
const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
];

/// What a runner may allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryLimit {
    /// What the machine has, less what is left to others; on an accelerator as much as it likes.
    #[default]
    Auto,
    /// As much as it likes.
    None,
    /// So much, on any device.
    Size(ByteSize),
}

/// A number of bytes, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(NonZeroU64);

/// A text that is no limit of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a limit of memory: write auto, none, or a number and its unit, such as 8GB or 512MiB", .0.escape_debug())]
pub struct NotAMemoryLimit(String);

impl ByteSize {
    /// So many bytes; none is no size.
    pub fn new(bytes: u64) -> Option<Self> {
        NonZeroU64::new(bytes).map(Self)
    }

    /// How many.
    pub fn bytes(self) -> u64 {
        self.0.get()
    }

    fn parse(text: &str) -> Option<Self> {
        let (unit, bytes) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
        let number: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        let bytes = number * *bytes as f64;
        // Beyond 2^53 a float does not count single bytes, and no machine has so many.
        (1.0..=9.0e15).contains(&bytes).then(|| Self::new(bytes as u64)).flatten()
    }
}

impl FromStr for MemoryLimit {
    type Err = NotAMemoryLimit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            size => ByteSize::parse(size).map(Self::Size).ok_or_else(|| NotAMemoryLimit(size.to_owned())),
        }
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit of which it is a whole number, `512 MiB`, or else to a tenth of one, `23.6 GB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        if let Some((unit, size)) = UNITS.iter().find(|(_, size)| bytes.is_multiple_of(*size)) {
            return write!(f, "{} {unit}", bytes / size);
        }
        let decimal = UNITS.iter().find(|(unit, size)| !unit.contains('i') && bytes >= *size);
        match decimal {
            Some((unit, size)) => write!(f, "{:.1} {unit}", bytes as f64 / *size as f64),
            None => write!(f, "{bytes} bytes"),
        }
    }
}

impl fmt::Display for MemoryLimit {
    /// As it is written in a matrix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Size(size) => write!(f, "{size}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let bytes = |text: &str| match text.parse() {
            Ok(MemoryLimit::Size(size)) => size.bytes(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(bytes("8GB"), 8_000_000_000);
        assert_eq!(bytes("512MiB"), 512 << 20);
        assert_eq!(bytes("1.5 GiB"), 3 << 29);
        assert_eq!("auto".parse(), Ok(MemoryLimit::Auto));
        assert_eq!("none".parse(), Ok(MemoryLimit::None));
        for wrong in ["", "8", "GB", "-1GB", "0GB", "nanGB", "infGB", "1e300GB", "8gb", "8 GBs", "8iB"] {
            let error = wrong.parse::<MemoryLimit>().unwrap_err();
            assert!(error.to_string().contains("such as 8GB or 512MiB"), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_said_as_it_was_written() {
        for (bytes, text) in
            [(512 << 20, "512 MiB"), (8_000_000_000, "8 GB"), (23_612_345_678, "23.6 GB"), (1, "1 bytes")]
        {
            assert_eq!(ByteSize::new(bytes).unwrap().to_string(), text);
        }
    }
}

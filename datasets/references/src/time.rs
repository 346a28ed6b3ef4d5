//! Stretches of a film.

use thiserror::Error;

/// A stretch of a film, in seconds from its first frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeSpan {
    start_s: f64,
    end_s: f64,
}

/// Times that are no stretch of a film.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("a stretch from {start_s} s to {end_s} s: it must begin at 0 or later, and end after it begins")]
pub struct BadTimes {
    /// Where it would begin.
    pub start_s: f64,
    /// Where it would end.
    pub end_s: f64,
}

impl TimeSpan {
    /// Refuses times before the film, empty and backward stretches, and what is no number.
    pub fn new(start_s: f64, end_s: f64) -> Result<Self, BadTimes> {
        let holds = start_s >= 0.0 && end_s > start_s && end_s.is_finite();
        if holds { Ok(Self { start_s, end_s }) } else { Err(BadTimes { start_s, end_s }) }
    }

    /// Where it begins, in seconds.
    pub fn start_s(self) -> f64 {
        self.start_s
    }

    /// Where it ends, in seconds.
    pub fn end_s(self) -> f64 {
        self.end_s
    }
}

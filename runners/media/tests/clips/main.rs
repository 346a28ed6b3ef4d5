//! Generated clips whose frame *n* shows *n*, and small films and sounds of unusual kinds: decoding, sampling, one pass,
//! sound, and what is said about broken ones.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod bad_input;
mod clip;
mod decoding;
mod odd_films;
mod pass;
mod sounds;

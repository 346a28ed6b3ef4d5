//! Generated clips whose frame *n* shows *n*: decoding, sampling, sound, and what is said about broken ones.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod bad_input;
mod clip;
mod decoding;

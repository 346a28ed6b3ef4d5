//! Scores against what the published implementations make of the same cases. `ci/peers/quality_references.py` writes the
//! fixtures.

#![expect(clippy::expect_used, reason = "what is missing from a fixture ends the test")]

mod boxes;
mod captions;
mod support;
mod transcripts;

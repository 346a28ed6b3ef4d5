//! Scores against what the published implementations make of the same cases. `ci/peers/quality_references.py` writes the
//! fixtures.

mod support;
mod transcripts;

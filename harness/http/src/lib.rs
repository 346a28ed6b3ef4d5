//! What the HTTP clients of both sides of the process boundary share: how long to wait before the next attempt, where
//! a secret may go, and what may be said of an error.

mod backoff;
mod reach;
mod retry_after;
mod secret;
mod words;

pub use backoff::Backoff;
pub use reach::Reach;
pub use retry_after::retry_after;
pub use secret::{Secret, UnusableSecret};
pub use words::{chain, shortened};

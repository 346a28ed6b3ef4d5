//! Against a real HTTP server on a local port that plays the hub.

#[cfg(test)]
mod common;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod films;
#[cfg(test)]
mod models;
#[cfg(test)]
mod secrets;

//! Against a real HTTP server on a local port, which checks each request and plays each fault.

#[cfg(test)]
mod activities;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod form;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod setup;

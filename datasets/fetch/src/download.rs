//! One file, from a server to its place.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use reelbench_http::Secret;
use reqwest::blocking::Response;
use reqwest::header::CONTENT_RANGE;
use reqwest::{StatusCode, Url};

use crate::client::{Client, Get, broken};
use crate::digest::Digest;
use crate::error::{Fault, FetchError, HttpError};
use crate::partial::Partial;
use crate::progress::{Event, Progress};
use crate::retry::{Gained, Setback};
use crate::space;
use crate::stored::{Check, Checked, State};

/// Bytes taken from the wire at a time.
const PIECE: usize = 256 << 10;

/// A file and where it belongs.
pub(crate) struct Item<'a> {
    /// What messages call it.
    pub(crate) name: String,
    pub(crate) url: Url,
    pub(crate) token: Option<&'a Secret>,
    pub(crate) target: PathBuf,
    pub(crate) lock: PathBuf,
    /// Its size, where known.
    pub(crate) bytes: Option<u64>,
    pub(crate) digest: Digest,
    /// The environment variable that names the folder.
    pub(crate) variable: &'static str,
}

/// What lies in a file's place.
enum Found {
    Nothing,
    Right,
    Wrong,
}

/// How far a file got without a fault.
enum Passed {
    Whole,
    /// Something is wrong with it that another download may put right.
    WrongHash {
        found: String,
        resumed: Resumed,
    },
}

/// Whether part of a file was there before it was downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resumed {
    Yes,
    No,
}

impl Client {
    /// Sees to it that a file is in its place and right.
    ///
    /// # Errors
    /// When it cannot be downloaded, or is not what it should be; then nothing lies in its place.
    pub(crate) fn provide(
        &self,
        item: &Item<'_>,
        check: Check,
        progress: &dyn Progress,
    ) -> Result<(State, Checked), FetchError> {
        let present = match (check, item.bytes) {
            (Check::Hash, _) => Checked::Hash,
            (Check::Size, Some(_)) => Checked::Size,
            (Check::Size, None) => Checked::Presence,
        };
        if matches!(item.inspect(check)?, Found::Right) {
            return Ok((State::Present, present));
        }
        let _lock = item.locked(progress)?;
        // Another process may have brought it while this one waited.
        let state = match item.inspect(check)? {
            Found::Right => return Ok((State::Present, present)),
            Found::Nothing => State::Fetched,
            Found::Wrong => {
                fs::remove_file(&item.target).map_err(FetchError::file("remove", &item.target))?;
                State::Replaced
            }
        };
        if let Passed::WrongHash { found, resumed } = self.bring(item, progress)? {
            // What was there before may have been another program's, written in another order.
            let again = match resumed {
                Resumed::Yes => self.bring(item, progress)?,
                Resumed::No => Passed::WrongHash { found, resumed },
            };
            if let Passed::WrongHash { found, .. } = again {
                let expected = item.digest.as_str().to_owned();
                return Err(FetchError::WrongHash { what: item.name.clone(), expected, found });
            }
        }
        Ok((state, Checked::Hash))
    }

    /// Downloads a file, from where it ended last time, until it is whole or there is no more hope.
    fn bring(&self, item: &Item<'_>, progress: &dyn Progress) -> Result<Passed, FetchError> {
        let mut partial =
            Partial::open(&item.target, &item.digest).map_err(FetchError::file("open", &item.target))?;
        let before = partial.bytes();
        self.policy.run(
            || self.attempt(item, &mut partial, progress),
            |source| FetchError::Http { what: item.name.clone(), source },
            |delay, fault| progress.event(&item.name, &Event::Waiting { delay, fault }),
        )?;
        let resumed = if before > 0 { Resumed::Yes } else { Resumed::No };
        let bytes = partial.bytes();
        match partial.settle(&item.target).map_err(FetchError::file("write", &item.target))? {
            Ok(()) => {
                progress.event(&item.name, &Event::Finished { bytes });
                Ok(Passed::Whole)
            }
            Err(found) => Ok(Passed::WrongHash { found, resumed }),
        }
    }

    fn attempt(
        &self,
        item: &Item<'_>,
        partial: &mut Partial<'_>,
        progress: &dyn Progress,
    ) -> Result<(), Setback<FetchError>> {
        if item.bytes.is_some_and(|bytes| partial.bytes() > bytes) {
            restart(partial)?;
        }
        if item.bytes == Some(partial.bytes()) {
            return Ok(());
        }
        let get = Get { url: item.url.clone(), token: item.token, from: partial.bytes() };
        let response = self.get(&get).map_err(|setback| item.named(setback))?;
        let response = positioned(response, partial)?;
        let total = item.bytes.or_else(|| Some(partial.bytes() + response.content_length()?));
        let to_come = total.unwrap_or_default().saturating_sub(partial.bytes());
        let folder = item.target.parent().unwrap_or(Path::new("."));
        space::require(folder, to_come, item.variable).map_err(Setback::Final)?;
        progress.event(&item.name, &Event::Started { already: partial.bytes(), total });
        item.receive(response, partial, progress)
    }
}

impl Item<'_> {
    fn inspect(&self, check: Check) -> Result<Found, FetchError> {
        let Ok(metadata) = fs::metadata(&self.target) else { return Ok(Found::Nothing) };
        if self.bytes.is_some_and(|bytes| bytes != metadata.len()) {
            return Ok(Found::Wrong);
        }
        if check == Check::Size {
            return Ok(Found::Right);
        }
        let mismatch = self.digest.mismatch(&self.target).map_err(FetchError::file("read", &self.target))?;
        Ok(if mismatch.is_some() { Found::Wrong } else { Found::Right })
    }

    /// Holds the file's lock until dropped.
    fn locked(&self, progress: &dyn Progress) -> Result<File, FetchError> {
        for path in [&self.target, &self.lock] {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder).map_err(FetchError::file("create", folder))?;
        }
        let lock = || {
            let file = File::create(&self.lock)?;
            if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
                progress.event(&self.name, &Event::Locked);
                file.lock()?;
            }
            // A file system without locks leaves it at that: names are still given at once, and only when whole.
            Ok(file)
        };
        lock().map_err(FetchError::file("lock", &self.lock))
    }

    fn receive(
        &self,
        mut response: Response,
        partial: &mut Partial<'_>,
        progress: &dyn Progress,
    ) -> Result<(), Setback<FetchError>> {
        let mut piece = vec![0; PIECE];
        let mut gained = Gained::Nothing;
        loop {
            let read = match response.read(&mut piece) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(Setback::Fault { fault: broken(error, self.token), asked: None, gained });
                }
            };
            let bytes = partial.bytes();
            let fault = match (read, self.bytes) {
                (0, Some(expected)) if bytes < expected => Fault::CutOff { bytes, expected },
                (0, _) => return Ok(()),
                (_, Some(expected)) if bytes + read as u64 > expected => {
                    restart(partial)?;
                    gained = Gained::Nothing;
                    Fault::OtherPart
                }
                _ => {
                    let new = piece.get(..read).unwrap_or_default();
                    partial.append(new).map_err(|error| unwritable(error, partial))?;
                    gained = Gained::Bytes;
                    progress.event(&self.name, &Event::Received { bytes: partial.bytes() });
                    continue;
                }
            };
            return Err(Setback::Fault { fault, asked: None, gained });
        }
    }

    fn named(&self, setback: Setback<HttpError>) -> Setback<FetchError> {
        match setback {
            Setback::Final(source) => Setback::Final(FetchError::Http { what: self.name.clone(), source }),
            Setback::Fault { fault, asked, gained } => Setback::Fault { fault, asked, gained },
        }
    }
}

/// An answer whose first byte is the next one that is wanted.
fn positioned(response: Response, partial: &mut Partial<'_>) -> Result<Response, Setback<FetchError>> {
    let status = response.status();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        if range.and_then(first_byte) == Some(partial.bytes()) {
            return Ok(response);
        }
    } else if status != StatusCode::RANGE_NOT_SATISFIABLE {
        // The server answers with the whole file, whether or not a part was asked for.
        restart(partial)?;
        return Ok(response);
    }
    restart(partial)?;
    Err(Setback::Fault { fault: Fault::OtherPart, asked: None, gained: Gained::Nothing })
}

fn restart(partial: &mut Partial<'_>) -> Result<(), Setback<FetchError>> {
    partial.restart().map_err(|error| unwritable(error, partial))
}

fn unwritable(error: io::Error, partial: &Partial<'_>) -> Setback<FetchError> {
    Setback::Final(FetchError::file("write", partial.path())(error))
}

/// `100` of `bytes 100-199/200` (RFC 9110, 14.4).
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_begin_where_they_say() {
        assert_eq!(first_byte("bytes 100-199/200"), Some(100));
        assert_eq!(first_byte("bytes 0-9/*"), Some(0));
        for other in ["", "bytes */200", "lines 1-2/3", "bytes x-9/10"] {
            assert_eq!(first_byte(other), None, "{other}");
        }
    }
}

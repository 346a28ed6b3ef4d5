//! What can be wrong with a film, a sound or a picture.

use std::path::{Path, PathBuf};

use reelbench_protocol::{Failure, FailureKind};

use crate::VideoFile;

/// A file that cannot be used, with the place and the remedy.
///
/// Times are in seconds from the start of the film.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MediaError {
    /// The file cannot be read at all.
    #[error("{}: cannot be read: {reason}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file has no bytes.
    #[error("{}: the file is empty; copy or download it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The container is unknown or broken.
    #[error(
        "{}: not a film or sound that FFmpeg can open: {reason}; check that the file is complete and what its \
         name says",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What FFmpeg said.
        reason: String,
    },
    /// There is nothing to see.
    #[error("{}: no video stream; scenes and captions need a film with pictures", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to hear: a silent film. Not a fault of the file; its speech and sounds are empty.
    #[error("{}: no sound; leave out the stages that need it for this file", path.display())]
    NoAudio {
        /// The file.
        path: PathBuf,
    },
    /// No decoder for the stream, or one that refuses it.
    #[error(
        "{}: cannot decode {codec}: {reason}; convert the file, for example to H.264 and AAC",
        path.display()
    )]
    Codec {
        /// The file.
        path: PathBuf,
        /// Name of the codec.
        codec: String,
        /// What FFmpeg said.
        reason: String,
    },
    /// The pictures would take too much memory.
    #[error(
        "{}: pictures of {width}×{height}, larger than {} million pixels; scale the film down",
        path.display(),
        crate::container::MOST_PIXELS / 1_000_000
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The stream holds nothing that could be decoded.
    #[error(
        "{}: nothing in it could be decoded; the file is damaged or of a kind that FFmpeg cannot decode, replace \
         or convert it",
        path.display()
    )]
    NothingDecoded {
        /// The file.
        path: PathBuf,
    },
    /// Damage in the middle of a stream.
    #[error("{}: damaged at {at_s:.3} s: {reason}; replace the file or cut it before that time", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Time of the last good frame or sample.
        at_s: f64,
        /// What was noticed.
        reason: String,
    },
    /// The stream ends clearly before the container says it does.
    #[error(
        "{}: truncated: ends at {at_s:.3} s of {declared_s:.3} s; copy or download it again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where it ends.
        at_s: f64,
        /// Where it should end.
        declared_s: f64,
    },
    /// A frame that the timeline knows is not in the film.
    #[error(
        "{}: scene {scene}: no frame at {at_s:.6} s; the timeline belongs to another version of the file, detect \
         its scenes again",
        path.display()
    )]
    NoSuchFrame {
        /// The file.
        path: PathBuf,
        /// The scene, counted from 0.
        scene: u32,
        /// Time of the frame.
        at_s: f64,
    },
    /// Scenes that do not fit the timeline they came with.
    #[error("{}: scene {scene} is empty or past the end of the timeline; detect the scenes again", path.display())]
    NoSuchScene {
        /// The file.
        path: PathBuf,
        /// The scene, counted from 0.
        scene: u32,
    },
    /// A frame whose pixels cannot be converted.
    #[error("{}: frame at {at_s:.3} s cannot be converted to RGB: {reason}; convert the file", path.display())]
    Convert {
        /// The file.
        path: PathBuf,
        /// Time of the frame.
        at_s: f64,
        /// What FFmpeg said.
        reason: String,
    },
    /// A picture file that cannot be loaded or saved.
    #[error("{}: not a usable PNG or JPEG: {reason}; check the file", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
}

impl MediaError {
    pub(crate) fn unreadable(path: &Path, reason: &impl ToString) -> Self {
        Self::Unreadable { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn damaged(path: &Path, at_s: f64, reason: &impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), at_s, reason: reason.to_string() }
    }

    pub(crate) fn not_convertible(film: &VideoFile, pts: i64, reason: &impl ToString) -> Self {
        let (path, at_s) = (film.path().to_owned(), film.seconds(pts));
        Self::Convert { path, at_s, reason: reason.to_string() }
    }
}

impl From<MediaError> for Failure {
    fn from(error: MediaError) -> Self {
        Self::new(FailureKind::Input, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_which_file_where_and_what_to_do() {
        let error = MediaError::Truncated { path: PathBuf::from("film.mp4"), at_s: 3.5, declared_s: 10.0 };
        let failure = Failure::from(error);
        assert_eq!(failure.kind, FailureKind::Input);
        assert_eq!(
            failure.message,
            "film.mp4: truncated: ends at 3.500 s of 10.000 s; copy or download it again"
        );
    }
}

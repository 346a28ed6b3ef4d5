//! All that is known of one film.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::captions::{Captions, read_captions};
use crate::error::ReferenceError;
use crate::objects::{Objects, read_objects};
use crate::scenes::{Scenes, read_scenes};
use crate::sounds::{Sounds, read_sounds};
use crate::transcript::{Transcript, language_of, read_transcript};

/// What a reference file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceKind {
    /// What is said.
    Transcript,
    /// Where scenes begin and end.
    Scenes,
    /// What people wrote about scenes.
    Captions,
    /// Objects in frames.
    Objects,
    /// What is heard when.
    Sounds,
}

impl ReferenceKind {
    /// Every kind, in the order of the pipeline.
    pub const ALL: [Self; 5] = [Self::Transcript, Self::Scenes, Self::Captions, Self::Objects, Self::Sounds];

    /// Its key in a matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transcript => "transcript",
            Self::Scenes => "scenes",
            Self::Captions => "captions",
            Self::Objects => "objects",
            Self::Sounds => "sounds",
        }
    }

    /// The name under which a copy of a file is read as the file itself: `transcript.fr.srt` for `talk.FR.srt`. The
    /// format and the language are told by the endings, which it keeps.
    pub fn file_name(self, original: &Path) -> PathBuf {
        let language = match self {
            Self::Transcript => language_of(original).map(|language| format!(".{language}")),
            Self::Scenes | Self::Captions | Self::Objects | Self::Sounds => None,
        };
        let ending =
            original.extension().map(|ending| format!(".{}", ending.to_string_lossy().to_lowercase()));
        PathBuf::from(format!("{self}{}{}", language.unwrap_or_default(), ending.unwrap_or_default()))
    }

    /// The kind that a copy's name begins with.
    pub fn of_file(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let first = name.split_once('.').map_or(name, |(first, _)| first);
        Self::ALL.into_iter().find(|kind| kind.as_str() == first)
    }
}

impl fmt::Display for ReferenceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// All that is known of a film; what is absent is not known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FilmReferences {
    /// What is said.
    pub transcript: Option<Transcript>,
    /// Its scenes.
    pub scenes: Option<Scenes>,
    /// What people wrote about its scenes.
    pub captions: Option<Captions>,
    /// What is to be seen in its frames.
    pub objects: Option<Objects>,
    /// What is heard.
    pub sounds: Option<Sounds>,
}

impl FilmReferences {
    /// Reads a file and keeps what it tells, in place of what was known of the kind.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn read(&mut self, kind: ReferenceKind, path: &Path) -> Result<(), ReferenceError> {
        match kind {
            ReferenceKind::Transcript => self.transcript = Some(read_transcript(path)?),
            ReferenceKind::Scenes => self.scenes = Some(read_scenes(path)?),
            ReferenceKind::Captions => self.captions = Some(read_captions(path)?),
            ReferenceKind::Objects => self.objects = Some(read_objects(path)?),
            ReferenceKind::Sounds => self.sounds = Some(read_sounds(path)?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_read_as_what_they_were_made_from() {
        let name = |kind: ReferenceKind, path: &str| kind.file_name(Path::new(path)).display().to_string();
        assert_eq!(name(ReferenceKind::Transcript, "/films/talk.FR.srt"), "transcript.fr.srt");
        assert_eq!(name(ReferenceKind::Transcript, "talk.v2.VTT"), "transcript.vtt");
        assert_eq!(name(ReferenceKind::Scenes, "talk.fr.csv"), "scenes.csv");
        assert_eq!(name(ReferenceKind::Captions, "captions"), "captions");
        for kind in ReferenceKind::ALL {
            assert_eq!(ReferenceKind::of_file(&kind.file_name(Path::new("a.b.c"))), Some(kind));
        }
        assert_eq!(ReferenceKind::of_file(Path::new("transcripts.srt")), None);
    }
}

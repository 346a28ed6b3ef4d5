//! What is known of a film, read from the formats that people keep it in: transcripts, scenes, captions, objects and sounds.
//!
//! `datasets/REFERENCES.md` describes the formats, with an example of each. Which one a file has is told by its name's ending
//! and its first characters. Nothing is repaired silently: what cannot be understood is an error with the file, the place in
//! it, and what to do.

mod captions;
mod error;
mod film;
mod objects;
mod scenes;
mod sounds;
mod text;
mod time;
mod transcript;

pub use captions::{CaptionReference, Captions, Whereabouts, read_captions};
pub use error::{Place, Problem, ReferenceError};
pub use film::{FilmReferences, ReferenceKind};
pub use objects::{LabelledObject, Objects, read_objects};
pub use scenes::{Scene, Scenes, read_scenes};
pub use sounds::{SoundWindow, Sounds, read_sounds};
pub use time::{BadTimes, TimeSpan};
pub use transcript::{Language, Segment, Transcript, read_transcript};

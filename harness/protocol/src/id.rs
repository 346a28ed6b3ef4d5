//! Validated names. The harness compares them and prints them; it never looks inside.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::CellSpec;

/// A name that is not made of the allowed characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid id: use letters, digits, `.`, `_` and `-`, at least one and at most 100")]
pub struct IdError(pub String);

fn check(text: &str) -> Result<(), IdError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=100).contains(&text.len()) && text.chars().all(allowed) {
        Ok(())
    } else {
        Err(IdError(text.to_owned()))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check(&text).map(|()| Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A video's id in the matrix.
    VideoId
}
name! {
    /// A model's id in the matrix.
    ModelId
}
name! {
    /// A cell's id: the first 16 hexadecimal digits of the SHA-256 of its canonical specification,
    /// so the same cell has the same id in every run.
    CellId
}

impl CellId {
    /// The id of a specification. Videos count by their id and not by their path or title, so
    /// that a run can be repeated from another folder.
    pub fn of(spec: &CellSpec) -> Self {
        let mut spec = spec.clone();
        spec.video.path = std::path::PathBuf::new();
        spec.video.title = None;
        let canonical = spec.canonical_json();
        let digest = Sha256::digest(canonical.as_bytes());
        Self(digest.iter().take(8).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{SceneSpec, Stage1Spec, VideoSpec, Work};

    fn spec(path: &str, threshold: f64) -> CellSpec {
        let scene = SceneSpec { threshold, ..SceneSpec::default() };
        CellSpec {
            video: VideoSpec { id: "film".parse().unwrap(), path: PathBuf::from(path), title: None },
            work: Work::Stage1(Stage1Spec { scene: Some(scene), ..Stage1Spec::default() }),
        }
    }

    #[test]
    fn an_id_says_what_is_done_and_not_where_the_film_lies() {
        assert_eq!(CellId::of(&spec("/a/film.mp4", 27.0)), CellId::of(&spec("/b/film.mp4", 27.0)));
        assert_ne!(CellId::of(&spec("/a/film.mp4", 27.0)), CellId::of(&spec("/a/film.mp4", 26.0)));
        let mut titled = spec("/a/film.mp4", 27.0);
        titled.video.title = Some("A Film".to_owned());
        assert_eq!(CellId::of(&titled), CellId::of(&spec("/a/film.mp4", 27.0)));
    }

    #[test]
    fn an_id_is_the_same_in_every_version_of_this_format() {
        assert_eq!(CellId::of(&spec("film.mp4", 27.0)).as_str(), "3dacfb41990c7390");
    }

    #[test]
    fn names_with_blanks_or_slashes_are_refused() {
        for bad in ["", "a b", "a/b", "ü"] {
            assert_eq!(bad.parse::<VideoId>(), Err(IdError(bad.to_owned())));
        }
    }
}

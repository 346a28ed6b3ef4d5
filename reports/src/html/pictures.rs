//! Frames that a run has kept, small enough to stand within a page.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, ImageReader, Limits};
use reelbench_protocol::{CellId, frame_file};
use serde::Serialize;

/// Longest side of a picture on the page, in pixels.
const LONGEST_SIDE: u32 = 360;
/// JPEG quality, of 100.
const QUALITY: u8 = 75;
/// Most that the pictures of a page take up, in bytes of the page.
const MOST_BYTES: usize = 6 << 20;
/// Longest side of a frame that is opened, in pixels, and the most memory that it may take up: frames are files like
/// any other, and may have been changed.
const LONGEST_FRAME: u32 = 16_384;
const MOST_MEMORY: u64 = 512 << 20;

/// A picture for a page, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Picture {
    /// A `data:` address, with the picture's size in pixels.
    Shown { address: String, width: u32, height: u32 },
    /// The page has as many pictures as it may have.
    LeftOut,
    /// Why the file cannot be shown.
    Unreadable { reason: String },
}

/// The frames of a run, as long as there is room for them.
pub(super) struct Album {
    frames: PathBuf,
    left: usize,
}

impl Album {
    /// The frames in `folder`, which need not be there.
    pub(super) fn new(frames: PathBuf) -> Self {
        Self { frames, left: MOST_BYTES }
    }

    /// Whether frames of a cell were kept.
    pub(super) fn has(&self, cell: &CellId) -> bool {
        self.frames.join(cell.as_str()).is_dir()
    }

    /// A frame of a scene; none where the cell has no such file.
    pub(super) fn picture(&mut self, cell: &CellId, scene: u32, frame: usize) -> Option<Picture> {
        let path = self.frames.join(cell.as_str()).join(frame_file(scene, frame));
        if !path.is_file() {
            return None;
        }
        if self.left == 0 {
            return Some(Picture::LeftOut);
        }
        let picture = match thumbnail(&path) {
            Ok((jpeg, (width, height))) => {
                let address = format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg));
                // The first picture that does not fit is the last one.
                self.left = self.left.saturating_sub(address.len());
                Picture::Shown { address, width, height }
            }
            Err(error) => Picture::Unreadable { reason: error.to_string() },
        };
        Some(picture)
    }
}

/// A frame as a small JPEG, with its width and height.
fn thumbnail(path: &Path) -> Result<(Vec<u8>, (u32, u32)), ImageError> {
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_FRAME);
    limits.max_image_height = Some(LONGEST_FRAME);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let frame = reader.decode()?;
    let is_small = frame.width().max(frame.height()) <= LONGEST_SIDE;
    let small = if is_small { frame } else { frame.thumbnail(LONGEST_SIDE, LONGEST_SIDE) }.into_rgb8();
    let mut jpeg = Cursor::new(Vec::new());
    small.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, QUALITY))?;
    Ok((jpeg.into_inner(), small.dimensions()))
}

//! Pictures as models see them: packed 8-bit RGB.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ffmpeg_next::software::scaling::Flags;
use ffmpeg_next::{Error, ffi, format::Pixel, frame};
pub use image::RgbImage;

use crate::scaler::{Scaler, Siting, Source, Target};
use crate::video::{VideoFile, VideoFrame};
use crate::{MediaError, Rotation};

/// Whether a file is a PNG or JPEG, by how it begins.
///
/// # Errors
/// When the file cannot be read.
pub fn is_still_image(path: &Path) -> Result<bool, MediaError> {
    let mut start = [0; 8];
    let mut file = File::open(path).map_err(|reason| MediaError::unreadable(path, &reason))?;
    // A file that is shorter than that, or a folder, is neither.
    let read = file.read(&mut start).unwrap_or(0);
    Ok(matches!(
        image::guess_format(start.get(..read).unwrap_or_default()),
        Ok(image::ImageFormat::Png | image::ImageFormat::Jpeg)
    ))
}

/// Loads a PNG or JPEG as 8-bit RGB. Transparency is dropped, grey becomes RGB.
///
/// # Errors
/// When the file cannot be read, or is not a whole PNG or JPEG.
pub fn load_image(path: &Path) -> Result<RgbImage, MediaError> {
    let bytes = std::fs::read(path).map_err(|reason| MediaError::unreadable(path, &reason))?;
    if bytes.is_empty() {
        return Err(MediaError::Empty { path: path.to_owned() });
    }
    let picture = image::load_from_memory(&bytes)
        .map_err(|reason| MediaError::Picture { path: path.to_owned(), reason: reason.to_string() })?;
    Ok(picture.into_rgb8())
}

/// Saves a picture as PNG.
///
/// # Errors
/// When the file cannot be written.
pub fn save_png(picture: &RgbImage, path: &Path) -> Result<(), MediaError> {
    picture
        .save_with_format(path, image::ImageFormat::Png)
        .map_err(|reason| MediaError::Picture { path: path.to_owned(), reason: reason.to_string() })
}

/// Turns decoded frames into RGB with the stream's own colour matrix and range.
///
/// A stream that does not say which matrix it uses is taken as players take it: BT.709 from 720p up, BT.601 below.
#[derive(Default)]
struct RgbConverter(Option<(Source, Scaler)>);

impl RgbConverter {
    /// The frame as RGB, not yet rotated.
    fn convert(&mut self, picture: &frame::Video) -> Result<RgbImage, Error> {
        let (width, height) = (picture.width(), picture.height());
        let is_large = width.min(height) >= 720;
        let source = Source::of(picture, if is_large { ffi::SWS_CS_ITU709 } else { ffi::SWS_CS_ITU601 });
        let scaler = match self.0.take() {
            Some((known, scaler)) if known == source => scaler,
            _ => {
                let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT | Flags::BITEXACT;
                let siting = Siting::Middle;
                Scaler::new(source, Target { format: Pixel::RGB24, width, height, flags, siting })?
            }
        };
        self.0.insert((source, scaler)).1.run(picture)
    }
}

/// Turns the frames of one film into pictures as they are to be seen: in RGB, and upright.
pub(crate) struct UprightConverter {
    converter: RgbConverter,
    rotation: Rotation,
}

impl UprightConverter {
    /// For a film whose frames are to be turned by `rotation`.
    pub(crate) fn new(rotation: Rotation) -> Self {
        Self { converter: RgbConverter::default(), rotation }
    }

    /// The picture of a frame of `film`.
    pub(crate) fn convert(&mut self, film: &VideoFile, frame: &VideoFrame) -> Result<RgbImage, MediaError> {
        let picture = self
            .converter
            .convert(&frame.picture)
            .map_err(|reason| MediaError::not_convertible(film, frame.pts, &reason))?;
        Ok(self.rotation.apply(picture))
    }
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::color;

    use super::*;

    fn grey_frame(space: color::Space, range: color::Range, luma: u8, cb: u8, cr: u8) -> frame::Video {
        let mut frame = frame::Video::new(Pixel::YUV420P, 32, 16);
        for (plane, value) in [luma, cb, cr].into_iter().enumerate() {
            frame.data_mut(plane).fill(value);
        }
        frame.set_color_space(space);
        frame.set_color_range(range);
        frame
    }

    /// BT.601 and BT.709 by their definitions (ITU-R BT.601-7, BT.709-6), limited range.
    fn expected(kr: f64, kb: f64, luma: u8, cb: u8, cr: u8) -> [f64; 3] {
        let y = (f64::from(luma) - 16.0) / 219.0;
        let (pb, pr) = ((f64::from(cb) - 128.0) / 224.0, (f64::from(cr) - 128.0) / 224.0);
        let r = y + 2.0 * (1.0 - kr) * pr;
        let b = y + 2.0 * (1.0 - kb) * pb;
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        [r, g, b].map(|level| (level * 255.0).clamp(0.0, 255.0))
    }

    #[test]
    fn the_streams_matrix_is_used() {
        for (space, kr, kb) in [
            (color::Space::BT709, 0.2126, 0.0722),
            (color::Space::SMPTE170M, 0.299, 0.114),
            (color::Space::Unspecified, 0.299, 0.114),
        ] {
            let frame = grey_frame(space, color::Range::MPEG, 120, 90, 180);
            let picture = RgbConverter::default().convert(&frame).unwrap();
            let want = expected(kr, kb, 120, 90, 180);
            for (got, want) in picture.get_pixel(9, 7).0.into_iter().zip(want) {
                assert!((f64::from(got) - want).abs() <= 1.0, "{space:?}: {got} for {want}");
            }
        }
    }

    #[test]
    fn full_range_is_used() {
        let convert = |range, luma| {
            RgbConverter::default().convert(&grey_frame(color::Space::BT709, range, luma, 128, 128)).unwrap()
        };
        assert_eq!(convert(color::Range::MPEG, 16).get_pixel(0, 0).0, [0, 0, 0]);
        assert_eq!(convert(color::Range::MPEG, 235).get_pixel(0, 0).0, [255, 255, 255]);
        assert_eq!(convert(color::Range::JPEG, 16).get_pixel(0, 0).0, [16, 16, 16]);
    }

    #[test]
    fn pictures_that_are_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        std::fs::write(&path, b"no picture").unwrap();
        assert!(matches!(load_image(&path), Err(MediaError::Picture { .. })));
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(load_image(&path), Err(MediaError::Empty { .. })));
    }

    #[test]
    fn png_round_trips() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8 * 40, y as u8 * 80, 7]));
        save_png(&picture, &path).unwrap();
        assert_eq!(load_image(&path).unwrap(), picture);
    }
}

//! Pictures as models see them: packed 8-bit RGB.

use std::path::Path;

use ffmpeg_next::software::scaling::{self, Flags};
use ffmpeg_next::{Error, color, ffi, format::Pixel, frame};
pub use image::RgbImage;

use crate::MediaError;
use crate::ffmpeg::{self, ColorConversion};

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
pub(crate) struct RgbConverter {
    scaler: Option<(Source, scaling::Context)>,
    packed: Option<frame::Video>,
}

/// What a conversion depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Source {
    format: Pixel,
    width: u32,
    height: u32,
    conversion: ColorConversion,
}

impl RgbConverter {
    /// The frame as RGB, not yet rotated.
    pub(crate) fn convert(&mut self, picture: &frame::Video) -> Result<RgbImage, Error> {
        let source = Source {
            format: picture.format(),
            width: picture.width(),
            height: picture.height(),
            conversion: conversion_of(picture),
        };
        let scaler = match self.scaler.take() {
            Some((known, scaler)) if known == source => scaler,
            _ => {
                self.packed = None;
                scaler_for(&source)?
            }
        };
        let (_, scaler) = self.scaler.insert((source, scaler));
        let packed = self.packed.get_or_insert_with(frame::Video::empty);
        scaler.run(picture, packed)?;
        without_padding(packed).ok_or(Error::BufferTooSmall)
    }
}

fn scaler_for(source: &Source) -> Result<scaling::Context, Error> {
    let accurate = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT | Flags::BITEXACT;
    let (width, height) = (source.width, source.height);
    let mut scaler =
        scaling::Context::get(source.format, width, height, Pixel::RGB24, width, height, accurate)?;
    ffmpeg::set_colors(&mut scaler, source.conversion)?;
    Ok(scaler)
}

fn conversion_of(picture: &frame::Video) -> ColorConversion {
    let matrix = match picture.color_space() {
        color::Space::BT709 => ffi::SWS_CS_ITU709,
        color::Space::FCC => ffi::SWS_CS_FCC,
        color::Space::SMPTE240M => ffi::SWS_CS_SMPTE240M,
        color::Space::BT2020NCL | color::Space::BT2020CL => ffi::SWS_CS_BT2020,
        color::Space::Unspecified if picture.height().min(picture.width()) >= 720 => ffi::SWS_CS_ITU709,
        _ => ffi::SWS_CS_ITU601,
    };
    let full_range = picture.color_range() == color::Range::JPEG || is_full_range(picture.format());
    ColorConversion { matrix, full_range }
}

/// Whether the pixel format itself says that all 256 levels are used.
pub(crate) fn is_full_range(format: Pixel) -> bool {
    matches!(
        format,
        Pixel::YUVJ420P
            | Pixel::YUVJ422P
            | Pixel::YUVJ444P
            | Pixel::YUVJ440P
            | Pixel::YUVJ411P
            | Pixel::GRAY8
    )
}

/// Copies the rows of a packed RGB or BGR frame together; `None` if the frame is smaller than it says.
pub(crate) fn without_padding(packed: &frame::Video) -> Option<RgbImage> {
    let (width, height) = (packed.width(), packed.height());
    let row = width as usize * 3;
    let stride = packed.stride(0);
    let mut data = Vec::with_capacity(row * height as usize);
    for line in packed.data(0).chunks(stride).take(height as usize) {
        data.extend_from_slice(line.get(..row)?);
    }
    RgbImage::from_raw(width, height, data)
}

#[cfg(test)]
mod tests {
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

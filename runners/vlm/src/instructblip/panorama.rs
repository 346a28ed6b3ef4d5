//! Several frames as one picture.

use std::borrow::Cow;

use reelbench_media::RgbImage;

use crate::VlmError;

/// Bytes of a pixel.
const CHANNELS: usize = 3;

/// Frames side by side, in order.
///
/// # Errors
/// When there are none, or their heights differ.
pub(super) fn panorama(frames: &[RgbImage]) -> Result<Cow<'_, RgbImage>, VlmError> {
    let Some((first, others)) = frames.split_first() else { return Err(VlmError::NoFrames) };
    if others.is_empty() {
        return Ok(Cow::Borrowed(first));
    }
    let height = first.height();
    if let Some((frame, odd)) = (1..).zip(others).find(|(_, frame)| frame.height() != height) {
        return Err(VlmError::FrameHeight { frame, height: odd.height(), first: height });
    }
    let rows: Vec<_> = frames.iter().map(|frame| frame.width() as usize * CHANNELS).collect();
    let mut bytes = Vec::with_capacity(rows.iter().sum::<usize>() * height as usize);
    for y in 0..height as usize {
        for (frame, row) in frames.iter().zip(&rows) {
            bytes.extend(frame.as_raw().iter().skip(y * row).take(*row));
        }
    }
    let width: usize = rows.iter().map(|row| row / CHANNELS).sum();
    let panorama = u32::try_from(width).ok().and_then(|width| RgbImage::from_raw(width, height, bytes));
    panorama.map(Cow::Owned).ok_or(VlmError::WidePanorama { width })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: u32, height: u32, first: u8) -> RgbImage {
        let values = (0..width * height * 3).map(|value| value as u8 + first);
        RgbImage::from_raw(width, height, values.collect()).unwrap()
    }

    #[test]
    fn frames_stand_side_by_side() {
        let frames = [frame(2, 2, 0), frame(1, 2, 100)];
        let panorama = panorama(&frames).unwrap();
        assert_eq!(panorama.dimensions(), (3, 2));
        assert_eq!(panorama.as_raw()[..9], [0, 1, 2, 3, 4, 5, 100, 101, 102]);
        assert_eq!(panorama.as_raw()[9..], [6, 7, 8, 9, 10, 11, 103, 104, 105]);
    }

    #[test]
    fn frames_of_different_heights_are_an_error_that_names_them() {
        let error = panorama(&[frame(2, 2, 0), frame(2, 2, 0), frame(2, 3, 0)]).unwrap_err();
        assert!(matches!(error, VlmError::FrameHeight { frame: 2, height: 3, first: 2 }), "{error}");
        assert!(matches!(panorama(&[]), Err(VlmError::NoFrames)));
    }
}

//! Rotation metadata: how a phone was held.

use ffmpeg_next::codec::packet::side_data::Type;
use ffmpeg_next::format::stream::Stream;
use image::RgbImage;
use image::imageops;

/// How the frames of a film must be turned for viewing, by quarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// As they are.
    #[default]
    None,
    /// A quarter turn clockwise.
    Clockwise90,
    /// Upside down.
    Half,
    /// A quarter turn counterclockwise.
    Counterclockwise90,
}

impl Rotation {
    /// The rotation that the stream's display matrix asks for; other angles than quarters count as none.
    pub(crate) fn of_stream(stream: &Stream<'_>) -> Self {
        stream
            .side_data()
            .find(|data| data.kind() == Type::DisplayMatrix)
            .map_or(Self::None, |data| Self::of_display_matrix(data.data()))
    }

    /// Reads a 3×3 matrix of native-endian 32-bit numbers, row by row; the turn stands in its upper left corner
    /// (`libavutil/display.h` of FFmpeg 5.1).
    fn of_display_matrix(bytes: &[u8]) -> Self {
        let cell = |index: usize| -> Option<f64> {
            let number = bytes.get(index * 4..)?.first_chunk::<4>()?;
            Some(f64::from(i32::from_ne_bytes(*number)))
        };
        let (Some(a), Some(b), Some(c), Some(d)) = (cell(0), cell(1), cell(3), cell(4)) else {
            return Self::None;
        };
        let (width, height) = (a.hypot(c), b.hypot(d));
        if width <= 0.0 || height <= 0.0 {
            return Self::None;
        }
        match (b / height).atan2(a / width).to_degrees().round() as i32 {
            90 => Self::Clockwise90,
            180 | -180 => Self::Half,
            -90 => Self::Counterclockwise90,
            _ => Self::None,
        }
    }

    /// The picture as it is to be seen.
    pub fn apply(self, picture: RgbImage) -> RgbImage {
        match self {
            Self::None => picture,
            Self::Clockwise90 => imageops::rotate90(&picture),
            Self::Half => imageops::rotate180(&picture),
            Self::Counterclockwise90 => imageops::rotate270(&picture),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> Vec<u8> {
        [a, b, 0, c, d, 0, 0, 0, 1 << 30].iter().flat_map(|cell: &i32| cell.to_ne_bytes()).collect()
    }

    #[test]
    fn quarters_are_recognized() {
        const ONE: i32 = 1 << 16;
        let read = |a, b, c, d| Rotation::of_display_matrix(&matrix(a, b, c, d));
        assert_eq!(read(ONE, 0, 0, ONE), Rotation::None);
        assert_eq!(read(0, ONE, -ONE, 0), Rotation::Clockwise90);
        assert_eq!(read(-ONE, 0, 0, -ONE), Rotation::Half);
        assert_eq!(read(0, -ONE, ONE, 0), Rotation::Counterclockwise90);
        assert_eq!(read(0, 0, 0, 0), Rotation::None);
        assert_eq!(Rotation::of_display_matrix(&[1, 2, 3]), Rotation::None);
    }
}

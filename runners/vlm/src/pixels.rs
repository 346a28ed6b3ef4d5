//! From bytes to a model's inputs, and the keys of `preprocessor_config.json` that say how.

use reelbench_media::RgbImage;
use serde::Deserialize;

/// CLIP's mean and standard deviation of red, green and blue.
const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// The part of `preprocessor_config.json` that transformers' processors share, as written.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RawPixels {
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
    rescale_factor: Option<f64>,
    resample: Option<u32>,
    do_resize: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
}

impl RawPixels {
    /// The levels, absent values being CLIP's.
    ///
    /// # Errors
    /// What is not supported, beginning with the key.
    pub(crate) fn levels(&self) -> Result<Levels, String> {
        if self.resample.is_some_and(|filter| filter != 3) {
            return Err("resample: only 3, bicubic, is supported".to_owned());
        }
        let steps = [
            ("do_resize", self.do_resize),
            ("do_rescale", self.do_rescale),
            ("do_normalize", self.do_normalize),
        ];
        if let Some((key, _)) = steps.iter().find(|(_, step)| *step == Some(false)) {
            return Err(format!("{key}: leaving it out is not supported"));
        }
        let factor = self.rescale_factor.unwrap_or(1.0 / 255.0);
        Ok(Levels::new(factor, self.image_mean.unwrap_or(CLIP_MEAN), self.image_std.unwrap_or(CLIP_STD)))
    }
}

/// A size as processors write it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Size {
    /// A square's side.
    Side(usize),
    /// The shorter side, before a square is cut out.
    ShortestEdge {
        /// In pixels.
        shortest_edge: usize,
    },
    /// Both sides.
    Exact {
        /// In pixels.
        height: usize,
        /// In pixels.
        width: usize,
    },
}

impl Size {
    /// Checks that what `key` says are squares of `side` pixels.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(crate) fn check(&self, key: &str, side: usize) -> Result<(), String> {
        let square = match *self {
            Self::Side(own) | Self::ShortestEdge { shortest_edge: own } => own == side,
            Self::Exact { height, width } => (height, width) == (side, side),
        };
        if square { Ok(()) } else { Err(format!("{key}: the vision tower takes squares of {side} pixels")) }
    }
}

/// The model's input for each value of red, green and blue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Levels(Box<[[f32; 256]; 3]>);

impl Levels {
    /// `(value * factor - mean) / std`.
    pub(crate) fn new(factor: f64, mean: [f32; 3], std: [f32; 3]) -> Self {
        let level =
            |channel: usize, value: usize| ((value as f64 * factor) as f32 - mean[channel]) / std[channel];
        Self(Box::new(std::array::from_fn(|channel| std::array::from_fn(|value| level(channel, value)))))
    }

    /// Writes a picture as its planes of red, green and blue.
    pub(crate) fn write(&self, picture: &RgbImage, planes: &mut [f32]) {
        let area = picture.width() as usize * picture.height() as usize;
        for ((plane, levels), channel) in planes.chunks_exact_mut(area.max(1)).zip(self.0.iter()).zip(0..) {
            for (value, pixel) in plane.iter_mut().zip(picture.pixels()) {
                *value = levels[pixel.0[channel] as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_hold_what_the_keys_say() {
        let raw = r#"{"image_mean": [0, 0.5, 1], "image_std": [1, 0.5, 2], "rescale_factor": 0.01}"#;
        let levels = serde_json::from_str::<RawPixels>(raw).unwrap().levels().unwrap();
        let picture = RgbImage::from_raw(2, 1, vec![100, 100, 100, 0, 50, 200]).unwrap();
        let mut planes = [0f32; 6];
        levels.write(&picture, &mut planes);
        let expected = [1.0, 0.0, 1.0, 0.0, 0.0, 0.5];
        assert!(planes.iter().zip(expected).all(|(plane, expected)| (plane - expected).abs() < 1e-6));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (raw, key) in [(r#"{"resample": 2}"#, "resample"), (r#"{"do_normalize": false}"#, "do_normalize")]
        {
            let error = serde_json::from_str::<RawPixels>(raw).unwrap().levels().unwrap_err();
            assert!(error.starts_with(key), "{error}");
        }
        let size: Size = serde_json::from_str(r#"{"height": 224, "width": 336}"#).unwrap();
        assert!(size.check("size", 224).unwrap_err().starts_with("size"));
        assert!(Size::Side(224).check("size", 224).is_ok());
    }
}

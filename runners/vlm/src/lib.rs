//! Vision-language captioners, one module per family.

mod clip;
mod dummy;
mod error;
mod llava_next;
mod request;
mod text;

use candle_core::{DType, Device};
use reelbench_media::RgbImage;
use reelbench_nn::StageObserver;
use reelbench_protocol::{CaptionerSupport, Dtype, Family, Quantization, Settings, Weights};

pub use error::VlmError;
use llava_next::LlavaNext;
pub use request::{Caption, CaptionRequest};

/// What the captioners of this build offer.
pub fn captioner_support() -> Vec<CaptionerSupport> {
    vec![llava_next::support()]
}

/// A loaded captioner.
pub struct Captioner {
    model: Model,
    quantization: Quantization,
    dtype: Dtype,
}

/// One variant per family.
enum Model {
    LlavaNext(Box<LlavaNext>),
}

impl Captioner {
    /// Loads a captioner. `Dtype::Auto` becomes `f32`, which is the fastest on a processor.
    ///
    /// # Errors
    /// When the family, quantization or type is not offered, or the weights cannot be used.
    pub fn load(
        family: Family,
        weights: &Weights,
        quantization: Quantization,
        dtype: Dtype,
        device: &Device,
    ) -> Result<Self, VlmError> {
        let support = captioner_support();
        let support =
            support.iter().find(|support| support.family == family).ok_or(VlmError::Family(family))?;
        if !support.quantization.contains(&quantization) {
            return Err(VlmError::Quantization { family, quantization });
        }
        if !support.dtype.contains(&dtype) {
            return Err(VlmError::Dtype { family, dtype });
        }
        let model = match family {
            Family::LlavaNext => Model::LlavaNext(Box::new(LlavaNext::load(weights, DType::F32, device)?)),
            Family::Instructblip | Family::Phi3V => return Err(VlmError::Family(family)),
        };
        Ok(Self { model, quantization, dtype: Dtype::F32 })
    }

    /// Captions the frames of one scene, in order. Stages `preprocess`, `vision`, `prefill` and
    /// `decode` are told to `observer`, one after another; the first token is there when `prefill` ends.
    ///
    /// # Errors
    /// When a frame is empty, the prompt does not fit frames or model, or a computation fails.
    pub fn caption(
        &mut self,
        frames: &[RgbImage],
        request: &CaptionRequest,
        observer: &mut dyn StageObserver,
    ) -> Result<Caption, VlmError> {
        match &self.model {
            Model::LlavaNext(model) => model.caption(frames, request, observer),
        }
    }

    /// Bytes the weights take up in memory.
    pub fn weights_bytes(&self) -> u64 {
        match &self.model {
            Model::LlavaNext(model) => model.weights_bytes(),
        }
    }

    /// The settings in force when `request` is carried out, under the matrix's names.
    pub fn effective(&self, request: &CaptionRequest) -> Settings {
        let mut effective = request.effective();
        effective.insert("quantization".to_owned(), self.quantization.as_str().into());
        effective.insert("dtype".to_owned(), self.dtype.as_str().into());
        effective.insert("batch_scenes".to_owned(), 1.into());
        effective
    }
}

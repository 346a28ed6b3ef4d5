//! Vision-language captioners, one module per family.

mod checks;
mod clip;
mod dummy;
mod embeddings;
mod error;
mod family;
mod instructblip;
mod llava_next;
mod memory;
#[cfg(test)]
mod parity;
mod phi3_v;
mod pixels;
mod precision;
mod request;
mod t5;
#[cfg(test)]
mod testing;
mod text;
mod vit;

use candle_core::Device;
use reelbench_nn::StageObserver;
use reelbench_protocol::{
    CaptionSettings, CaptionSpec, CaptionerSupport, Dtype, Family, MemoryEstimate, Quantization, Settings,
    Weights, WeightsPart,
};

pub use error::VlmError;
use family::{FamilyModel, LoadRequest};
use instructblip::InstructBlip;
use llava_next::LlavaNext;
use memory::Workload;
use phi3_v::Phi3V;
pub use request::{Caption, CaptionRequest, SceneInput};

/// A family of this build.
struct Registered {
    support: fn() -> CaptionerSupport,
    load: fn(&LoadRequest<'_>) -> Result<Box<dyn FamilyModel>, VlmError>,
    memory: fn(&LoadRequest<'_>, &Workload) -> Result<MemoryEstimate, VlmError>,
}

const FAMILIES: [Registered; 3] = [
    Registered {
        support: llava_next::support,
        load: |request| Ok(Box::new(LlavaNext::load(request)?)),
        memory: LlavaNext::memory,
    },
    Registered {
        support: instructblip::support,
        load: |request| Ok(Box::new(InstructBlip::load(request)?)),
        memory: InstructBlip::memory,
    },
    Registered {
        support: phi3_v::support,
        load: |request| Ok(Box::new(Phi3V::load(request)?)),
        memory: Phi3V::memory,
    },
];

/// The family, if this build offers it with these weights.
fn registered(
    family: Family,
    quantization: Quantization,
    dtype: Dtype,
) -> Result<&'static Registered, VlmError> {
    let registered = FAMILIES.iter().find(|registered| (registered.support)().family == family);
    let registered = registered.ok_or_else(|| VlmError::Family { family, families: families() })?;
    let support = (registered.support)();
    if !support.quantization.contains(&quantization) {
        return Err(VlmError::Quantization { family, quantization });
    }
    if !support.dtype.contains(&dtype) {
        return Err(VlmError::Dtype { family, dtype });
    }
    Ok(registered)
}

/// How much memory a cell's captions will need, by the checkpoint's configuration: nothing is loaded.
///
/// # Errors
/// When the family, quantization or type is not offered, or the checkpoint cannot be used.
pub fn memory(spec: &CaptionSpec) -> Result<MemoryEstimate, VlmError> {
    let &CaptionSettings { quantization, dtype, .. } = &spec.settings;
    let registered = registered(spec.family, quantization, dtype)?;
    let request = LoadRequest::new(&spec.weights, quantization, dtype, &Device::Cpu);
    (registered.memory)(&request, &Workload::from(&spec.settings))
}

/// What the captioners of this build offer.
pub fn captioner_support() -> Vec<CaptionerSupport> {
    FAMILIES.iter().map(|registered| (registered.support)()).collect()
}

/// Their names.
fn families() -> String {
    let names: Vec<String> = captioner_support().iter().map(|support| support.family.to_string()).collect();
    names.join(", ")
}

/// A loaded captioner.
pub struct Captioner {
    model: Box<dyn FamilyModel>,
    quantization: Quantization,
    dtype: Dtype,
}

impl Captioner {
    /// Loads a captioner. `Dtype::Auto` becomes `f32`, whose tokens are the references'.
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
        let registered = registered(family, quantization, dtype)?;
        let model = (registered.load)(&LoadRequest::new(weights, quantization, dtype, device))?;
        let dtype = if dtype == Dtype::Auto { Dtype::F32 } else { dtype };
        Ok(Self { model, quantization, dtype })
    }

    /// Captions scenes together. Stages `preprocess` and `vision` of one scene after the other, then
    /// each one's `prefill`, then everybody's `decode` are told to `observer`; a scene's first token is
    /// there when its `prefill` ends. Each scene gets the tokens that it would get alone.
    ///
    /// # Errors
    /// For a scene whose frame is empty, or whose prompt does not fit frames or model; for all of them
    /// where a computation fails while they are decoded.
    pub fn caption(
        &self,
        scenes: &[SceneInput<'_>],
        request: &CaptionRequest,
        observer: &mut dyn StageObserver,
    ) -> Vec<Result<Caption, VlmError>> {
        family::caption(&*self.model, scenes, request, observer)
    }

    /// The model's parts, and what the weights of each take up in memory.
    pub fn weights(&self) -> Vec<WeightsPart> {
        self.model.weights()
    }

    /// The settings in force when `request` is carried out, under the matrix's names.
    pub fn effective(&self, request: &CaptionRequest) -> Settings {
        let mut effective = request.effective();
        effective.insert("quantization".to_owned(), self.quantization.as_str().into());
        effective.insert("dtype".to_owned(), self.dtype.as_str().into());
        if let Some(num_crops) = self.model.num_crops(request) {
            effective.insert("num_crops".to_owned(), num_crops.into());
        }
        effective
    }
}

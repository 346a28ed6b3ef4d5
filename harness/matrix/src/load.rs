//! What a process must hold to run a cell.

use reelbench_protocol::{Device, LoadSpec, Models, PlannedCell, Work};

/// What a process must load to run a cell; cells with equal specifications share a process.
pub fn load_spec(cell: &PlannedCell, device: Device) -> LoadSpec {
    let models = match &cell.spec.work {
        Work::Stage1(stage1) => Models::Stage1 { asr: stage1.asr.as_ref().map(|asr| asr.weights.clone()) },
        Work::Caption(caption) => Models::Caption {
            family: caption.family,
            weights: caption.weights.clone(),
            quantization: caption.settings.quantization,
            dtype: caption.settings.dtype,
        },
    };
    LoadSpec { device, models }
}

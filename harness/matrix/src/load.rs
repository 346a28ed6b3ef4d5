//! What a process must hold to run a cell.

use reelbench_protocol::{
    AsrModel, AsrSpec, AstSpec, Device, LoadSpec, Models, PlannedCell, StoredModel, Work,
};

/// What a process must load to run a cell; cells with equal specifications share a process.
pub fn load_spec(cell: &PlannedCell, device: Device) -> LoadSpec {
    let models = match &cell.spec.work {
        Work::Stage1(stage1) => Models::Stage1 {
            asr: stage1.asr.as_ref().and_then(speech),
            ast: stage1.ast.as_ref().map(sounds),
            yolo: stage1.yolo.as_ref().map(|yolo| yolo.weights.clone()),
        },
        Work::Caption(caption) => Models::Caption {
            family: caption.family,
            weights: caption.weights.clone(),
            quantization: caption.settings.quantization,
            dtype: caption.settings.dtype,
        },
    };
    LoadSpec { device, models }
}

/// What is loaded for speech; nothing where a service transcribes.
fn speech(asr: &AsrSpec) -> Option<StoredModel> {
    match &asr.model {
        AsrModel::Whisper(whisper) => {
            Some(StoredModel { weights: whisper.weights.clone(), quantization: whisper.quantization })
        }
        AsrModel::Azure(_) | AsrModel::Openai(_) => None,
    }
}

fn sounds(ast: &AstSpec) -> StoredModel {
    StoredModel { weights: ast.weights.clone(), quantization: ast.quantization }
}

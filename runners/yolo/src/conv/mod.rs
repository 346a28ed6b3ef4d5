//! Convolutions on the processor.
//!
//! candle's convolution copies every pixel nine times over and calls a general matrix product; on
//! the small matrices of a detector that leaves most of the processor idle. Here feature maps are
//! kept in blocks of sixteen channels ([`Map`]), weights are put in order once, when they are
//! loaded, sums stay in registers until they are complete (`kernel`), and filters of 3 × 3 pixels
//! save three of four multiplications (`winograd`).

mod direct;
mod epilogue;
mod filters;
mod kernel;
mod map;
mod simd;
mod winograd;

pub(crate) use direct::fold_lane;
pub use epilogue::Activation;
pub use filters::{FilterSizes, Filters};
pub use kernel::Stride;
pub use map::{Channels, Map, Target, View};
pub(crate) use simd::{LANES, Lanes};

use direct::Direct;
use epilogue::Epilogue;
use winograd::Winograd;

/// Most tasks per thread: enough that a thread that is held up leaves its work to others.
const TASKS_PER_THREAD: usize = 4;

/// A convolution with its bias and activation.
#[derive(Debug)]
pub struct Conv {
    method: Method,
    epilogue: Epilogue,
}

#[derive(Debug)]
enum Method {
    Direct(Direct),
    Winograd(Winograd),
}

impl Conv {
    /// Filters of side 1, or of side 3 with a padding of 1.
    pub fn new(
        filters: &Filters,
        inputs: &Channels,
        outputs: &Channels,
        stride: Stride,
        activation: Activation,
    ) -> Self {
        let method = if filters.side == 3 && stride == Stride::One {
            Method::Winograd(Winograd::new(filters, inputs, outputs))
        } else {
            Method::Direct(Direct::new(filters, inputs, outputs, stride))
        };
        Self { method, epilogue: Epilogue { bias: filters::by_block(&filters.bias, outputs), activation } }
    }

    /// The first layer: side 3, stride 2, on pictures folded as [`fold_lane`] says.
    pub(crate) fn folded(filters: &Filters, outputs: &Channels) -> Self {
        let bias = filters::by_block(&filters.bias, outputs);
        Self {
            method: Method::Direct(Direct::folded(filters, outputs)),
            epilogue: Epilogue { bias, activation: Activation::Silu },
        }
    }

    /// Bytes of the weights as they lie in memory.
    pub fn bytes(&self) -> u64 {
        let weights = match &self.method {
            Method::Direct(direct) => direct.bytes(),
            Method::Winograd(winograd) => winograd.bytes(),
        };
        weights + size_of_val(self.epilogue.bias.as_slice()) as u64
    }

    /// Computes all pixels of the target's map, in the blocks from the target's first one on.
    ///
    /// # Panics
    /// When the maps have other channels than this layer, or the input is not as large as the
    /// target times the stride.
    pub fn run(&self, input: View<'_>, mut target: Target<'_>) {
        match &self.method {
            Method::Direct(direct) => direct.run(input, &mut target, &self.epilogue),
            Method::Winograd(winograd) => winograd.run(input, &mut target, &self.epilogue),
        }
    }
}

/// Rows per task where about `tasks` would be best: at least as many as threads, and no more than
/// [`TASKS_PER_THREAD`].
fn rows_per_task(rows: usize, tasks: usize) -> usize {
    let threads = rayon::current_num_threads();
    rows.div_ceil(tasks.clamp(threads, threads * TASKS_PER_THREAD)).max(1)
}

#[cfg(test)]
mod tests;

//! Access to a tensor's values from inside a custom operation.

use candle_core::{CpuStorage, Layout, Result, bail};

/// The values of a `f32` tensor from its first element on.
pub(crate) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match values.get(layout.start_offset()..) {
        Some(values) => Ok(values),
        None => bail!("offset {} is outside of the {} values", layout.start_offset(), values.len()),
    }
}

/// The values of a `f32` tensor that lies without gaps.
pub(crate) fn contiguous_floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("the tensor must be contiguous, its strides are {:?}", layout.stride());
    };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(values) => Ok(values),
        None => bail!("values {start}..{end} are outside of the tensor"),
    }
}

//! Access to a tensor's values from inside a custom operation.

use std::ops::Range;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, Layout, Result, Tensor, bail};

/// The values of a `f32` tensor from its first element on.
pub(crate) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match values.get(layout.start_offset()..) {
        Some(values) => Ok(values),
        None => bail!("offset {} is outside of the {} values", layout.start_offset(), values.len()),
    }
}

/// The values of a `f32` tensor that lies without gaps.
///
/// # Errors
/// When the tensor has gaps or another type.
pub fn contiguous_floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let range = contiguous_range(layout)?;
    match storage.as_slice::<f32>()?.get(range.clone()) {
        Some(values) => Ok(values),
        None => bail!("values {range:?} are outside of the tensor"),
    }
}

/// The values of a `f32` tensor that lies without gaps, to be changed in place.
///
/// # Errors
/// When the tensor has gaps or another type.
pub fn contiguous_floats_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let range = contiguous_range(layout)?;
    let CpuStorage::F32(values) = storage else {
        bail!("the tensor must be f32, not {:?}", storage.dtype());
    };
    match values.get_mut(range.clone()) {
        Some(values) => Ok(values),
        None => bail!("values {range:?} are outside of the tensor"),
    }
}

fn contiguous_range(layout: &Layout) -> Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!("the tensor must be contiguous, its strides are {:?}", layout.stride()),
    }
}

/// Bytes that a tensor takes up in memory.
pub fn bytes_of(tensor: &Tensor) -> u64 {
    (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64
}

#[cfg(test)]
mod tests {
    use candle_core::Shape;

    use super::*;

    #[test]
    fn values_without_gaps_are_found_where_the_layout_says() {
        let mut storage = CpuStorage::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0]);
        let layout = Layout::contiguous_with_offset((1, 3), 1);
        contiguous_floats_mut(&mut storage, &layout).unwrap()[0] = 7.0;
        assert_eq!(contiguous_floats(&storage, &layout).unwrap(), [7.0, 2.0, 3.0]);
        assert_eq!(storage.as_slice::<f32>().unwrap(), [0.0, 7.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn gaps_other_types_and_layouts_past_the_end_are_refused() {
        let gaps = Layout::new(Shape::from((2, 2)), vec![1, 2], 0);
        let whole = Layout::contiguous(4);
        let past_the_end = Layout::contiguous_with_offset(4, 1);
        let floats = || CpuStorage::F32(vec![0.0; 4]);
        for (mut storage, layout) in
            [(floats(), gaps), (floats(), past_the_end), (CpuStorage::F64(vec![0.0; 4]), whole)]
        {
            assert!(contiguous_floats(&storage, &layout).is_err(), "{storage:?} {layout:?}");
            assert!(contiguous_floats_mut(&mut storage, &layout).is_err(), "{storage:?} {layout:?}");
        }
    }
}

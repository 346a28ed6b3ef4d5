//! What is added to the scores for how far a key is from a query.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::bytes_of;

/// What distances are sorted into: half of the buckets hold one distance each, the others ever
/// longer ranges of them, the last all from `max_distance` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buckets {
    /// How many there are.
    pub(crate) count: usize,
    /// The distance from which on all are alike.
    pub(crate) max_distance: usize,
}

/// Which keys a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// All of them. The buckets are halved among keys before and after it.
    Both,
    /// Itself and those before it.
    Past,
}

impl Buckets {
    /// Checks that there are ranges to be made.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let Self { count, max_distance } = *self;
        if count < 4 || !count.is_multiple_of(4) {
            return Err(format!("relative_attention_num_buckets: {count} cannot be divided into quarters"));
        }
        if max_distance <= count / 2 {
            return Err(format!(
                "relative_attention_max_distance: {max_distance} is not above half of the {count} buckets"
            ));
        }
        Ok(())
    }

    /// The bucket of a key that stands `distance` positions after the query, or before it.
    fn bucket(&self, distance: i64, direction: Direction) -> u32 {
        let length = distance.unsigned_abs() as usize;
        match direction {
            Direction::Both => {
                let half = self.count / 2;
                (if distance > 0 { half } else { 0 } + self.range(length, half)) as u32
            }
            Direction::Past => self.range(if distance > 0 { 0 } else { length }, self.count) as u32,
        }
    }

    /// The bucket of a distance among `count`. In `f32` as in the reference, whose rounding decides
    /// at the ranges' ends.
    fn range(&self, length: usize, count: usize) -> usize {
        let exact = count / 2;
        if length < exact {
            return length;
        }
        let ranges = (count - exact) as f32;
        let longest = (self.max_distance as f64 / exact as f64).ln() as f32;
        let range = (length as f32 / exact as f32).ln() / longest * ranges;
        (exact + range as usize).min(count - 1)
    }
}

/// The learnt bias of every bucket and head, which all layers share.
#[derive(Debug)]
pub(super) struct PositionBias {
    /// Of shape (buckets, heads).
    table: Tensor,
    buckets: Buckets,
    direction: Direction,
}

impl PositionBias {
    /// Takes `weight`.
    pub(super) fn load(
        buckets: Buckets,
        heads: usize,
        direction: Direction,
        tensors: &VarBuilder<'_>,
    ) -> Result<Self> {
        Ok(Self { table: tensors.get((buckets.count, heads), "weight")?, buckets, direction })
    }

    pub(super) fn weights_bytes(&self) -> u64 {
        bytes_of(&self.table)
    }

    pub(super) fn device(&self) -> &Device {
        self.table.device()
    }

    /// For `length` queries and as many keys, of shape (heads, queries, keys): negative infinity where
    /// a query does not see a key.
    pub(super) fn whole(&self, length: usize) -> Result<Tensor> {
        let bias = self.of((0..length).map(|query| (query, length)))?.reshape(((), length, length))?;
        if self.direction == Direction::Both {
            return Ok(bias);
        }
        let seen = (0..length).flat_map(|query| (0..length).map(move |key| key <= query));
        let mask: Vec<f32> = seen.map(|seen| if seen { 0.0 } else { f32::NEG_INFINITY }).collect();
        bias.broadcast_add(&Tensor::from_vec(mask, (length, length), self.device())?)
    }

    /// For the last of `length` positions, of shape (heads, keys).
    pub(super) fn last(&self, length: usize) -> Result<Tensor> {
        self.of(std::iter::once((length.saturating_sub(1), length)))
    }

    /// For queries and how many keys each has, of shape (heads, keys of all queries).
    fn of(&self, queries: impl Iterator<Item = (usize, usize)>) -> Result<Tensor> {
        let distances = queries.flat_map(|(query, keys)| (0..keys).map(move |key| key as i64 - query as i64));
        let buckets: Vec<u32> =
            distances.map(|distance| self.buckets.bucket(distance, self.direction)).collect();
        self.table.index_select(&Tensor::new(buckets, self.device())?, 0)?.t()?.contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances at which the bucket changes, by transformers 4.46's `_relative_position_bucket`.
    #[test]
    fn distances_are_sorted_as_the_reference_sorts_them() {
        let published = Buckets { count: 32, max_distance: 128 };
        let small = Buckets { count: 8, max_distance: 20 };
        let (both, past) = (Direction::Both, Direction::Past);
        let cases: [(Buckets, Direction, &[i64]); 4] = [
            (published, both, &[1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]),
            (
                published,
                past,
                &[
                    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 24, 27, 31, 35, 40, 46,
                    52, 59, 67, 77, 87, 99, 113,
                ],
            ),
            (small, both, &[1, 2, 7]),
            (small, past, &[1, 2, 3, 4, 6, 9, 14]),
        ];
        for (buckets, direction, changes) in cases {
            let bucket = |distance| buckets.bucket(distance, direction);
            let found: Vec<i64> = (1..3000).filter(|&far| bucket(-far) != bucket(1 - far)).collect();
            assert_eq!(found, changes, "{buckets:?} {direction:?}");
            assert_eq!(bucket(-3000) as usize, changes.len());
            let after = if direction == both { buckets.count / 2 + changes.len() } else { 0 };
            assert_eq!(bucket(3000) as usize, after);
        }
    }

    #[test]
    fn the_last_positions_bias_is_the_last_row_of_the_whole() {
        let tensors = reelbench_nn::Checkpoint::dummy(2).var_builder(candle_core::DType::F32, &Device::Cpu);
        let buckets = Buckets { count: 8, max_distance: 20 };
        let bias = PositionBias::load(buckets, 3, Direction::Past, &tensors).unwrap();
        let whole = bias.whole(30).unwrap();
        assert_eq!(whole.dims(), [3, 30, 30]);
        let row = whole.narrow(1, 29, 1).unwrap().squeeze(1).unwrap();
        assert_eq!(bias.last(30).unwrap().to_vec2::<f32>().unwrap(), row.to_vec2::<f32>().unwrap());
        let whole = whole.to_vec3::<f32>().unwrap();
        assert!(whole[0][4][4].is_finite() && whole[0][4][5] == f32::NEG_INFINITY);
    }
}

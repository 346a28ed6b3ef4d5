//! Keys and values of past positions.

use candle_core::{Result, Tensor};

/// Positions that a cache grows by at least.
const GROWTH: usize = 256;

/// Whether keys and values of past positions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMode {
    /// They are: a step computes its own position only.
    On,
    /// They are not: every step computes the whole context anew.
    Off,
}

/// One layer's keys and values, of shape (batch, positions, heads, dimension).
///
/// Room is made ahead of need, so that a step copies its own position and nothing else.
#[derive(Debug)]
pub struct KvCache {
    mode: CacheMode,
    room: Option<Room>,
    length: usize,
}

#[derive(Debug)]
struct Room {
    k: Tensor,
    v: Tensor,
}

impl KvCache {
    /// An empty cache.
    pub fn new(mode: CacheMode) -> Self {
        Self { mode, room: None, length: 0 }
    }

    /// Number of positions kept.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no position is kept.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds positions and returns the keys and values of all positions so far, as views into the
    /// cache that are valid until the next call. With the cache off, returns `k` and `v`.
    ///
    /// # Errors
    /// When the shapes differ from those before in more than positions.
    pub fn append(&mut self, k: Tensor, v: Tensor) -> Result<(Tensor, Tensor)> {
        if self.mode == CacheMode::Off {
            return Ok((k, v));
        }
        let added = k.dim(1)?;
        let total = self.length + added;
        let room = match self.room.take() {
            Some(room) if room.k.dim(1)? >= total => room,
            smaller => {
                Room::with_capacity(total.next_multiple_of(GROWTH), &k, smaller.as_ref(), self.length)?
            }
        };
        room.k.slice_set(&k.contiguous()?, 1, self.length)?;
        room.v.slice_set(&v.contiguous()?, 1, self.length)?;
        let all = (room.k.narrow(1, 0, total)?, room.v.narrow(1, 0, total)?);
        self.room = Some(room);
        self.length = total;
        Ok(all)
    }

    /// Makes row `i` of the batch a copy of row `rows[i]`; `rows` may be longer or shorter than
    /// the batch. Beam search calls it after each choice.
    ///
    /// # Errors
    /// When a row does not exist.
    pub fn select_rows(&mut self, rows: &[u32]) -> Result<()> {
        if let Some(Room { k, v }) = &self.room {
            self.room =
                Some(Room { k: select_rows(k, rows, self.length)?, v: select_rows(v, rows, self.length)? });
        }
        Ok(())
    }
}

impl Room {
    /// Room for `capacity` positions of tensors like `k`, with the first `length` positions of `old`.
    fn with_capacity(capacity: usize, k: &Tensor, old: Option<&Self>, length: usize) -> Result<Self> {
        let (batch, _, heads, dimension) = k.dims4()?;
        // Doubling keeps the cost of copying below that of filling.
        let capacity = capacity.max(length * 2);
        let zeros = || Tensor::zeros((batch, capacity, heads, dimension), k.dtype(), k.device());
        let room = Self { k: zeros()?, v: zeros()? };
        if let Some(old) = old {
            room.k.slice_set(&old.k.narrow(1, 0, length)?.contiguous()?, 1, 0)?;
            room.v.slice_set(&old.v.narrow(1, 0, length)?.contiguous()?, 1, 0)?;
        }
        Ok(room)
    }
}

/// The first `length` positions of the given rows, in as much room. The rest of the room is not
/// copied: a row's positions lie together, but those of several rows do not.
fn select_rows(room: &Tensor, rows: &[u32], length: usize) -> Result<Tensor> {
    let (_, capacity, heads, dimension) = room.dims4()?;
    let selected = Tensor::zeros((rows.len(), capacity, heads, dimension), room.dtype(), room.device())?;
    for (index, &row) in rows.iter().enumerate() {
        let positions = room.narrow(0, row as usize, 1)?.narrow(1, 0, length)?;
        selected.narrow(0, index, 1)?.slice_set(&positions, 1, 0)?;
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn positions(first: u32, count: u32, batch: usize) -> Tensor {
        let values =
            Tensor::arange(first, first + count, &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap();
        values
            .reshape((1, count as usize, 1, 1))
            .unwrap()
            .broadcast_as((batch, count as usize, 2, 3))
            .unwrap()
    }

    #[test]
    fn positions_stay_in_order_through_growth() {
        let mut cache = KvCache::new(CacheMode::On);
        for (first, count) in [(0, 200), (200, 1), (201, 300), (501, 1), (502, 600)] {
            let (k, v) = cache.append(positions(first, count, 2), positions(first, count, 2)).unwrap();
            let expected: Vec<f32> = (0..first + count).map(|position| position as f32).collect();
            for tensor in [k, v] {
                let column =
                    tensor.narrow(0, 1, 1).unwrap().narrow(2, 1, 1).unwrap().narrow(3, 2, 1).unwrap();
                assert_eq!(column.flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected);
            }
        }
        assert_eq!(cache.len(), 1102);
    }

    #[test]
    fn an_off_cache_keeps_nothing() {
        let mut cache = KvCache::new(CacheMode::Off);
        cache.append(positions(0, 3, 1), positions(0, 3, 1)).unwrap();
        let (k, _) = cache.append(positions(7, 2, 1), positions(7, 2, 1)).unwrap();
        assert_eq!((k.dims(), cache.len()), ([1, 2, 2, 3].as_slice(), 0));
        assert!(cache.is_empty());
    }

    #[test]
    fn rows_are_copied_in_the_order_asked_for() {
        let mut cache = KvCache::new(CacheMode::On);
        let rows = Tensor::cat(&[positions(0, 2, 1), positions(10, 2, 1)], 0).unwrap();
        cache.append(rows.clone(), rows).unwrap();
        cache.select_rows(&[1, 1, 0]).unwrap();
        assert!(cache.select_rows(&[3]).is_err());
        let (k, _) = cache.append(positions(20, 1, 3), positions(20, 1, 3)).unwrap();
        let column = k.narrow(2, 0, 1).unwrap().narrow(3, 0, 1).unwrap().reshape((3, 3)).unwrap();
        let expected = [[10.0, 11.0, 20.0], [10.0, 11.0, 20.0], [0.0, 1.0, 20.0]];
        assert_eq!(column.to_vec2::<f32>().unwrap(), expected);
    }

    #[test]
    fn only_the_positions_in_use_are_copied() {
        let mut cache = KvCache::new(CacheMode::On);
        cache.append(positions(1, 2, 2), positions(1, 2, 2)).unwrap();
        let room = cache.room.as_ref().unwrap();
        let capacity = room.k.dim(1).unwrap();
        for tensor in [&room.k, &room.v] {
            tensor.slice_set(&positions(1, capacity as u32 - 2, 2).contiguous().unwrap(), 1, 2).unwrap();
        }
        cache.select_rows(&[1, 0, 1]).unwrap();
        let Room { k, v } = cache.room.as_ref().unwrap();
        for tensor in [k, v] {
            assert_eq!(tensor.dims(), [3, capacity, 2, 3]);
            let unused = tensor.narrow(1, 2, capacity - 2).unwrap().flatten_all().unwrap();
            assert!(unused.to_vec1::<f32>().unwrap().iter().all(|&value| value.abs() < f32::MIN_POSITIVE));
        }
    }
}

//! Feature maps: rows of blocks of sixteen channels, with a border of zeros.

use std::ops::Range;

use super::simd::{LANES, Lanes};

/// Rows and columns of tiles are this wide where a convolution goes by tiles; maps end in as many
/// zeros as the last tile needs.
pub(crate) const TILE: usize = 4;

/// Channels of a feature map, in the segments that were written by different layers. Every segment
/// begins with a block of its own, so that concatenating costs nothing; a block that a segment
/// does not fill ends in zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels(Vec<usize>);

impl Channels {
    /// Segments of so many channels each.
    pub fn new(segments: impl IntoIterator<Item = usize>) -> Self {
        Self(segments.into_iter().collect())
    }

    /// A single segment.
    pub fn one(count: usize) -> Self {
        Self(vec![count])
    }

    /// How many there are, zeros left out.
    pub fn count(&self) -> usize {
        self.0.iter().sum()
    }

    /// Blocks of sixteen that they take.
    pub fn blocks(&self) -> usize {
        self.0.iter().map(|segment| segment.div_ceil(LANES)).sum()
    }

    /// Where a segment's blocks stand.
    pub(crate) fn blocks_of(&self, segment: usize) -> Range<usize> {
        let blocks = |segments: &[usize]| segments.iter().map(|count| count.div_ceil(LANES)).sum::<usize>();
        blocks(&self.0[..segment])..blocks(&self.0[..=segment])
    }

    /// The channels of every block.
    pub(crate) fn by_block(&self) -> Vec<Range<usize>> {
        let mut blocks = Vec::with_capacity(self.blocks());
        let mut first = 0;
        for segment in &self.0 {
            let end = first + segment;
            blocks.extend((first..end).step_by(LANES).map(|start| start..end.min(start + LANES)));
            first = end;
        }
        blocks
    }
}

/// A feature map. In memory: row by row, in a row block by block, in a block pixel by pixel.
#[derive(Debug)]
pub struct Map {
    values: Vec<Lanes>,
    pub(crate) blocks: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Pixels from one block of a row to the next: the width and the zeros around it.
    pub(crate) pitch: usize,
}

impl Map {
    /// A map of zeros.
    pub fn new(blocks: usize, height: usize, width: usize) -> Self {
        let pitch = width.next_multiple_of(TILE) + 2;
        let rows = height.next_multiple_of(TILE) + 2;
        Self { values: vec![Lanes::ZERO; rows * blocks * pitch], blocks, height, width, pitch }
    }

    /// [`Lanes`] from one row to the next.
    pub(crate) fn row_length(&self) -> usize {
        self.blocks * self.pitch
    }

    /// Everything, the border too: the first row is above the picture.
    pub(crate) fn values(&self) -> &[Lanes] {
        &self.values
    }

    /// The rows of the picture, without those of the border.
    pub(crate) fn rows_mut(&mut self) -> &mut [Lanes] {
        let row = self.row_length();
        &mut self.values[row..row * (self.height + 1)]
    }

    /// The pixels of one block in one row of the picture.
    pub(crate) fn pixels(&self, row: usize, block: usize) -> &[Lanes] {
        let first = (row + 1) * self.row_length() + block * self.pitch + 1;
        &self.values[first..first + self.width]
    }

    /// All blocks.
    pub fn all(&self) -> View<'_> {
        View { map: self, first_block: 0 }
    }

    /// The blocks from one on.
    pub fn from_block(&self, first_block: usize) -> View<'_> {
        View { map: self, first_block }
    }
}

/// Some blocks of a map, to be read.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(crate) map: &'a Map,
    pub(crate) first_block: usize,
}

/// Some blocks of a map, to be written.
#[derive(Debug)]
pub struct Target<'a> {
    /// The map.
    pub map: &'a mut Map,
    /// The block that the first one is written to.
    pub first_block: usize,
    /// Where in the same map a block stands that is added to the result; before the target.
    pub residual: Option<usize>,
}

impl<'a> Target<'a> {
    /// The blocks from one on, with nothing added.
    pub fn new(map: &'a mut Map, first_block: usize) -> Self {
        Self { map, first_block, residual: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_begin_with_a_block_of_their_own() {
        let channels = Channels::new([24, 16, 3]);
        assert_eq!((channels.count(), channels.blocks()), (43, 4));
        assert_eq!(channels.by_block(), [0..16, 16..24, 24..40, 40..43]);
        assert_eq!(channels.blocks_of(0), 0..2);
        assert_eq!(channels.blocks_of(2), 3..4);
    }
}

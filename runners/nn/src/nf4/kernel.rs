//! Products of a panel in NF4 and packed vectors: those of the weights in 32 bits, to the bit.

use super::{BLOCK, FRACTIONS, Nf4Panel, SCALES};
use crate::panels::{Accumulate, Group, Inputs, PANEL, Rows, Sums, VECTORS};
use crate::register::{LANES, Nibbles, Register};

/// Two columns of 64 rows: sixteen words of eight weights. Word `lane` has those of rows `lane`,
/// `lane + 16`, `lane + 32` and `lane + 48` in the first column, from its lowest bits on, and then
/// those in the second.
type Pairs = [[u8; PANEL]; BLOCK / 2];

/// Lays a block of one row where the kernel reads it.
pub(super) fn lay(row: usize, bytes: &[u8; BLOCK / 2], pairs: &mut Pairs) {
    let (part, lane) = (row / LANES, row % LANES);
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        for (column, weight) in [byte >> 4, byte & 15].into_iter().enumerate() {
            pair[4 * lane + 2 * column + part / 2] |= weight << (4 * (part % 2));
        }
    }
}

/// Adds the products of a panel with every vector to `sums`.
pub(super) fn add(panel: &Nf4Panel, inputs: &Inputs<f32>, sums: &mut [[f32; PANEL]]) {
    let mut scales = Scales::new(panel);
    let mut room = [[0.0; PANEL]; BLOCK];
    for (index, pairs) in panel.weights.iter().enumerate() {
        let mut block = Block { pairs, scales: &scales.of_block(index) };
        let groups = inputs.groups(index * BLOCK, BLOCK).zip(sums.chunks_mut(VECTORS));
        if inputs.vectors() <= VECTORS {
            groups.for_each(|(inputs, sums)| Group { inputs, sums }.accumulate(&mut block));
        } else {
            block.unpack(&mut room);
            groups.for_each(|(inputs, sums)| Group { inputs, sums }.accumulate(&mut Rows(&room)));
        }
    }
}

/// One block of every row.
struct Block<'a> {
    pairs: &'a Pairs,
    scales: &'a [f32; PANEL],
}

impl Block<'_> {
    /// Calls `step` with the 64 weights of every column.
    #[inline]
    fn for_each(&self, mut step: impl FnMut(usize, [Register; PANEL / LANES])) {
        let fractions = Register::load(&FRACTIONS);
        let scales = self.scales.as_chunks().0;
        let scales: [Register; PANEL / LANES] = std::array::from_fn(|part| Register::load(&scales[part]));
        for (index, pair) in self.pairs.iter().enumerate() {
            let mut numbers = Nibbles::load(pair);
            for column in 2 * index..2 * index + 2 {
                let weights = scales.map(|scales| {
                    let weights = fractions.select(numbers).times(scales);
                    numbers = numbers.next();
                    weights
                });
                step(column, weights);
            }
        }
    }

    fn unpack(&self, out: &mut [[f32; PANEL]; BLOCK]) {
        self.for_each(|column, weights| {
            for (weights, out) in weights.iter().zip(out[column].as_chunks_mut().0) {
                weights.store(out);
            }
        });
    }
}

impl Accumulate<f32> for Block<'_> {
    fn add<const N: usize>(&mut self, inputs: &[[f32; VECTORS]], sums: &mut Sums<N>) {
        self.for_each(|column, weights| sums.step::<f32>(weights, &inputs[column]));
    }
}

/// The scales of a panel, block by block.
struct Scales<'a> {
    panel: &'a Nf4Panel,
    /// The largest of the scales around every row's, up to block `until`.
    largest: [f32; PANEL],
    until: usize,
}

impl<'a> Scales<'a> {
    fn new(panel: &'a Nf4Panel) -> Self {
        Self { panel, largest: [0.0; PANEL], until: 0 }
    }

    /// Those of the blocks at `index` of all rows; called with every index in turn.
    fn of_block(&mut self, index: usize) -> [f32; PANEL] {
        let Nf4Panel { key, scales, .. } = self.panel;
        if index >= self.until {
            self.find_largest(index);
        }
        let fractions = scales[index].map(|byte| key.fractions[usize::from(byte)]);
        std::array::from_fn(|row| fractions[row] * self.largest[row] + key.mean)
    }

    fn find_largest(&mut self, index: usize) {
        let Nf4Panel { key, rows, scales, first_block, .. } = self.panel;
        self.until = scales.len();
        for (row, largest) in self.largest.iter_mut().enumerate().take(rows.len()) {
            let block = first_block + row * scales.len() + index;
            *largest = key.largest[block / SCALES];
            self.until = self.until.min(index + SCALES - block % SCALES);
        }
    }
}

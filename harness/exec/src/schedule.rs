//! In which order cells come. Nothing here knows how they are run, or how often.

use rand::seq::SliceRandom;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reelbench_matrix::{Order, load_spec};
use reelbench_protocol::{Arm, CellKind, Device, LoadSpec, PlannedCell};

/// Cells that one load serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// What is loaded.
    pub load: LoadSpec,
    /// The cells, in the order of the plan.
    pub cells: Vec<&'a PlannedCell>,
    /// Its place in the run; its shuffles depend on the seed and on this alone.
    index: u32,
}

/// Cells of a group that are measured in rounds: all are warmed up before the first round.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<'a> {
    /// The cells, in the order of the plan.
    pub cells: Vec<&'a PlannedCell>,
    /// What its rounds are drawn from.
    random: ChaCha8Rng,
}

/// A cell's turn in a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visit<'a> {
    /// The cell.
    pub cell: &'a PlannedCell,
    /// Which side of a paired session goes first.
    pub first: Arm,
}

/// Gathers cells by what they load: first stage 1, whose scenes the captioners need, then the captioners;
/// within each, loads in the order in which the plan comes to them.
pub fn groups(cells: &[PlannedCell], device: Device) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for kind in [CellKind::Stage1, CellKind::Caption] {
        for cell in cells.iter().filter(|cell| cell.spec.kind() == kind) {
            let load = load_spec(cell, device);
            match groups.iter_mut().find(|group| group.load == load) {
                Some(group) => group.cells.push(cell),
                None => groups.push(Group { load, cells: vec![cell], index: groups.len() as u32 }),
            }
        }
    }
    groups
}

impl<'a> Group<'a> {
    /// What is measured together: all cells where they are interleaved, else one after another.
    pub fn batches(&self, order: Order, seed: u64) -> Vec<Batch<'a>> {
        let batch = |(index, cells): (usize, Vec<&'a PlannedCell>)| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(u64::from(self.index) << 32 | index as u64);
            Batch { cells, random }
        };
        let batches = match order {
            Order::Interleaved => vec![self.cells.clone()],
            Order::Sequential => self.cells.iter().map(|&cell| vec![cell]).collect(),
        };
        batches.into_iter().enumerate().map(batch).collect()
    }
}

impl<'a> Batch<'a> {
    /// Rounds without end, each with every cell once in an order of its own. They are the same for the same seed,
    /// whichever cells leave them earlier: a run that goes on passes over what is done.
    pub fn rounds(&self) -> Rounds<'a> {
        let first = self.cells.iter().map(|&cell| Visit { cell, first: Arm::Base }).collect();
        Rounds { visits: first, random: self.random.clone(), parity: Parity::Even }
    }
}

/// The rounds of a batch.
#[derive(Debug, Clone)]
pub struct Rounds<'a> {
    /// The visits of the round before, in the order of the plan.
    visits: Vec<Visit<'a>>,
    random: ChaCha8Rng,
    parity: Parity,
}

#[derive(Debug, Clone, Copy)]
enum Parity {
    Even,
    Odd,
}

impl<'a> Iterator for Rounds<'a> {
    type Item = Vec<Visit<'a>>;

    /// Which side goes first is drawn for every other round and the other way round in the next, so that each goes first
    /// equally often with each cell.
    fn next(&mut self) -> Option<Self::Item> {
        for visit in &mut self.visits {
            visit.first = match (self.parity, visit.first) {
                (Parity::Even, _) if self.random.random_bool(0.5) => Arm::Base,
                (Parity::Even, _) | (Parity::Odd, Arm::Base) => Arm::Head,
                (Parity::Odd, Arm::Head) => Arm::Base,
            };
        }
        self.parity = match self.parity {
            Parity::Even => Parity::Odd,
            Parity::Odd => Parity::Even,
        };
        let mut round = self.visits.clone();
        round.shuffle(&mut self.random);
        Some(round)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use reelbench_protocol::{
        CaptionSettings, CaptionSpec, CellId, CellSpec, Family, Models, Stage1Spec, VideoSpec, Weights, Work,
    };

    use super::*;

    fn cell(name: &str, work: Work) -> PlannedCell {
        let video = VideoSpec { id: name.parse().unwrap(), path: "film.mp4".into(), title: None };
        let spec = CellSpec { video, work };
        PlannedCell { id: CellId::of(&spec), spec, stage1_from: None }
    }

    fn caption(name: &str, preset: &str) -> PlannedCell {
        let caption = CaptionSpec {
            model: "model".parse().unwrap(),
            family: Family::LlavaNext,
            weights: Weights::Dummy { preset: preset.to_owned(), seed: 0 },
            question: "What happens?".to_owned(),
            prompt: None,
            seed: None,
            settings: CaptionSettings::default(),
            scene: None,
            asr: None,
            ast: None,
            yolo: None,
            max_scenes: None,
        };
        cell(name, Work::Caption(caption))
    }

    fn captions(count: usize) -> Vec<PlannedCell> {
        (0..count).map(|n| caption(&format!("film-{n}"), "one")).collect()
    }

    #[test]
    fn stage_1_comes_first_and_equal_loads_are_one_group() {
        let stage1 = || Work::Stage1(Stage1Spec::default());
        let cells = [
            caption("a", "x"),
            caption("a", "y"),
            cell("a", stage1()),
            caption("b", "x"),
            cell("b", stage1()),
        ];
        let groups = groups(&cells, Device::Cpu);
        let names: Vec<Vec<String>> = groups
            .iter()
            .map(|group| group.cells.iter().map(|cell| cell.spec.video.id.to_string()).collect())
            .collect();
        assert_eq!(names, [vec!["a", "b"], vec!["a", "b"], vec!["a"]]);
        assert_eq!(groups[0].load.models, Models::Stage1 { asr: None, ast: None, yolo: None });
    }

    fn order(round: &[Visit<'_>]) -> Vec<String> {
        round.iter().map(|visit| visit.cell.spec.video.id.to_string()).collect()
    }

    #[test]
    fn sequential_is_cell_by_cell() {
        let cells = captions(2);
        let groups = groups(&cells, Device::Cpu);
        let batches = groups[0].batches(Order::Sequential, 0);
        assert_eq!(batches.len(), 2);
        for (cell, batch) in cells.iter().zip(&batches) {
            assert!(batch.rounds().take(3).all(|round| round.len() == 1 && round[0].cell == cell));
        }
    }

    #[test]
    fn another_seed_and_another_group_give_another_order() {
        let cells: Vec<_> =
            captions(20).into_iter().chain((0..20).map(|n| caption(&format!("film-{n}"), "two"))).collect();
        let groups = groups(&cells, Device::Cpu);
        let first = |seed, group: usize| {
            order(&groups[group].batches(Order::Interleaved, seed)[0].rounds().next().unwrap())
        };
        assert_eq!(first(7, 0), first(7, 0));
        assert_ne!(first(7, 0), first(8, 0));
        assert_ne!(first(7, 0), first(7, 1));
    }

    proptest! {
        #[test]
        fn rounds_have_every_cell_once_and_each_side_first_equally_often(
            count in 1_usize..12, pairs in 1_usize..4, seed: u64,
        ) {
            let cells = captions(count);
            let groups = groups(&cells, Device::Cpu);
            let batches = groups[0].batches(Order::Interleaved, seed);
            prop_assert_eq!(batches.len(), 1);
            let rounds: Vec<_> = batches[0].rounds().take(2 * pairs).collect();
            prop_assert_eq!(&rounds, &batches[0].rounds().take(2 * pairs).collect::<Vec<_>>());
            for round in &rounds {
                let ids: HashSet<_> = round.iter().map(|visit| &visit.cell.id).collect();
                prop_assert_eq!((ids.len(), round.len()), (count, count));
            }
            for cell in &cells {
                let visits = rounds.iter().flatten().filter(|visit| visit.cell == cell);
                prop_assert_eq!(visits.filter(|visit| visit.first == Arm::Head).count(), pairs);
            }
        }
    }
}

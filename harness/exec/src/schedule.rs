//! What is run when. Nothing here knows how.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use reelbench_matrix::{Order, load_spec};
use reelbench_protocol::{CellKind, Device, LoadSpec, Pass, PlannedCell};

/// How often a cell is run, and in which order with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// Repeats whose times do not count, first of all.
    pub warmup: u32,
    /// Repeats that count.
    pub measured: u32,
    /// The order.
    pub order: Order,
    /// What the shuffles are drawn from.
    pub seed: u64,
}

/// Cells that one load serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a> {
    /// What is loaded.
    pub load: LoadSpec,
    /// The cells, in the order of the plan.
    pub cells: Vec<&'a PlannedCell>,
    /// Its place in the run; its shuffles depend on the seed and on this alone.
    index: u64,
}

/// One repeat of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn<'a> {
    /// The cell.
    pub cell: &'a PlannedCell,
    /// Warm-up or sample.
    pub pass: Pass,
    /// Counted from 0 within the pass.
    pub repeat: u32,
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
                None => groups.push(Group { load, cells: vec![cell], index: groups.len() as u64 }),
            }
        }
    }
    groups
}

impl<'a> Group<'a> {
    /// Every turn of the group's cells in order: interleaved, all warm-ups come before the first sample.
    /// The same seed gives the same order.
    pub fn turns(&self, rounds: &Rounds) -> Vec<Turn<'a>> {
        match rounds.order {
            Order::Interleaved => self.interleaved(rounds),
            Order::Sequential => {
                let one_cell = |cell| warmups(cell, rounds).chain(samples(cell, rounds));
                self.cells.iter().copied().flat_map(one_cell).collect()
            }
        }
    }

    fn interleaved(&self, rounds: &Rounds) -> Vec<Turn<'a>> {
        let mut random = ChaCha8Rng::seed_from_u64(rounds.seed);
        random.set_stream(self.index);
        let mut turns: Vec<_> = self.cells.iter().flat_map(|&cell| warmups(cell, rounds)).collect();
        for repeat in 0..rounds.measured {
            let mut round = self.cells.clone();
            round.shuffle(&mut random);
            turns.extend(round.into_iter().map(|cell| Turn { cell, pass: Pass::Measured, repeat }));
        }
        turns
    }
}

fn warmups<'a>(cell: &'a PlannedCell, rounds: &Rounds) -> impl Iterator<Item = Turn<'a>> + use<'a> {
    (0..rounds.warmup).map(move |repeat| Turn { cell, pass: Pass::Warmup, repeat })
}

fn samples<'a>(cell: &'a PlannedCell, rounds: &Rounds) -> impl Iterator<Item = Turn<'a>> + use<'a> {
    (0..rounds.measured).map(move |repeat| Turn { cell, pass: Pass::Measured, repeat })
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
        let video = VideoSpec { id: name.parse().unwrap(), path: "film.mp4".into() };
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

    #[test]
    fn sequential_is_cell_by_cell() {
        let cells = captions(2);
        let rounds = Rounds { warmup: 1, measured: 2, order: Order::Sequential, seed: 0 };
        let turns = groups(&cells, Device::Cpu)[0].turns(&rounds);
        let order: Vec<_> =
            turns.iter().map(|turn| (turn.cell == &cells[1], turn.pass, turn.repeat)).collect();
        let of_one =
            |second| [(second, Pass::Warmup, 0), (second, Pass::Measured, 0), (second, Pass::Measured, 1)];
        assert_eq!(order, [of_one(false), of_one(true)].concat());
    }

    #[test]
    fn another_seed_and_another_group_give_another_order() {
        let cells: Vec<_> =
            captions(20).into_iter().chain((0..20).map(|n| caption(&format!("film-{n}"), "two"))).collect();
        let order = |seed, group: usize| -> Vec<String> {
            let rounds = Rounds { warmup: 0, measured: 1, order: Order::Interleaved, seed };
            let turns = groups(&cells, Device::Cpu)[group].turns(&rounds);
            turns.iter().map(|turn| turn.cell.spec.video.id.to_string()).collect()
        };
        assert_eq!(order(7, 0), order(7, 0));
        assert_ne!(order(7, 0), order(8, 0));
        assert_ne!(order(7, 0), order(7, 1));
    }

    proptest! {
        #[test]
        fn interleaved_turns_are_rounds_and_reproducible(
            count in 1_usize..12, warmup in 0_u32..3, measured in 1_u32..6, seed: u64,
        ) {
            let cells = captions(count);
            let rounds = Rounds { warmup, measured, order: Order::Interleaved, seed };
            let turns = groups(&cells, Device::Cpu)[0].turns(&rounds);
            prop_assert_eq!(&turns, &groups(&cells, Device::Cpu)[0].turns(&rounds));
            let (warmups, samples) = turns.split_at(count * warmup as usize);
            prop_assert!(warmups.iter().all(|turn| turn.pass == Pass::Warmup));
            prop_assert_eq!(samples.len(), count * measured as usize);
            for (repeat, round) in samples.chunks(count).enumerate() {
                let ids: HashSet<_> = round.iter().map(|turn| &turn.cell.id).collect();
                prop_assert_eq!(ids.len(), count, "every cell once a round");
                prop_assert!(round.iter().all(|turn| turn.pass == Pass::Measured && turn.repeat == repeat as u32));
            }
        }
    }
}

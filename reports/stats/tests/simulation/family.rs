//! How often a gate's verdicts are wrong.
//!
//! Every matrix is simulated twice. The first time each cell of head is slower than base by exactly what is allowed,
//! the hardest case there is: a verdict other than inconclusive is an interval that misses the truth, and a fail is a
//! false alarm. The second time each cell is as slow as the first time printed for it, and fails are what should be
//! found.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use reelbench_stats::{CONFIDENCE, Comparison, Level, Verdict, compare_paired, compare_unpaired};

use crate::draw::margin;
use crate::session::{Noise, Session, Times};

/// Matrices of each size, number of rounds and kind of noise.
const MATRICES: u32 = 1_000;
const CELLS: [usize; 3] = [6, 12, 24];
const ROUNDS: [usize; 4] = [5, 7, 10, 20];
/// The rate at which a family of intervals may miss.
const STATED: f64 = 1.0 - CONFIDENCE;
/// How often an effect as large as printed is found at least.
const POWER: f64 = 0.9;

type Compare = fn(&[f64], &[f64], Level, f64) -> Option<Comparison>;

/// What happened in the matrices of one kind.
#[derive(Debug, Default)]
struct Tally {
    matrices: u32,
    /// Matrices with a cell that fails though it is no slower than allowed.
    alarms: u32,
    /// Matrices with a cell whose interval misses the truth.
    misses: u32,
    /// Cells that were as slow as was printed for them.
    slowed: u32,
    /// Those of them that failed.
    found: u32,
    /// The effects printed.
    printed: Vec<f64>,
}

impl Tally {
    fn of(compare: Compare, session: &Session, allowed: f64) -> Self {
        let level = Level::default().for_family(session.cells);
        let mut rng = ChaCha8Rng::seed_from_u64((session.cells * 1_000 + session.rounds) as u64);
        let mut measured = |ratios: &[f64]| -> Vec<Comparison> {
            let times = session.run(ratios, &mut rng);
            times.iter().map(|cell| compare(&cell.base, &cell.head, level, allowed).unwrap()).collect()
        };
        let mut tally = Self { matrices: MATRICES, ..Self::default() };
        for _ in 0..MATRICES {
            let unchanged = measured(&vec![1.0 + allowed; session.cells]);
            let any = |verdict| unchanged.iter().any(|cell| cell.verdict(allowed) == verdict);
            tally.alarms += u32::from(any(Verdict::Fail));
            tally.misses += u32::from(any(Verdict::Fail) || any(Verdict::Pass));
            let effects: Vec<f64> = unchanged.iter().map(|cell| cell.detectable.unwrap()).collect();
            let slowed = measured(&effects);
            tally.slowed += slowed.len() as u32;
            tally.found += slowed.iter().filter(|cell| cell.verdict(allowed) == Verdict::Fail).count() as u32;
            tally.printed.extend(effects);
        }
        tally.printed.sort_by(f64::total_cmp);
        tally
    }

    fn alarm_rate(&self) -> f64 {
        f64::from(self.alarms) / f64::from(self.matrices)
    }

    fn miss_rate(&self) -> f64 {
        f64::from(self.misses) / f64::from(self.matrices)
    }

    fn power(&self) -> f64 {
        f64::from(self.found) / f64::from(self.slowed)
    }

    /// False alarms must stay under the stated rate as they stand. Misses on both sides together are stated exactly
    /// where noise is normal, so that a simulated rate lies above as often as below.
    #[track_caller]
    fn assert_rates(&self, session: &Session) {
        let margin = margin(STATED, self.matrices);
        assert!(self.alarm_rate() <= STATED, "{session:?}: {} false alarms", self.alarms);
        assert!(self.miss_rate() <= STATED + margin, "{session:?}: {} misses", self.misses);
    }

    fn print(&self, session: &Session, how: &str) {
        println!(
            "{how:<8} {:<15} {:>5} {:>6} | {:>11.1} % {:>5.1} % {:>5.1} % {:>6.1} %",
            format!("{:?}", session.noise),
            session.cells,
            session.rounds,
            self.alarm_rate() * 100.0,
            self.miss_rate() * 100.0,
            self.power() * 100.0,
            (self.printed[self.printed.len() / 2] - 1.0) * 100.0,
        );
    }
}

fn sessions(noise: Noise) -> impl Iterator<Item = Session> {
    CELLS.into_iter().flat_map(move |cells| ROUNDS.map(|rounds| Session { noise, cells, rounds }))
}

/// [`POWER`], but for one kind of noise: of a disturbance that strikes one run in ten, five rounds often show nothing,
/// and the next five do.
fn promised(session: &Session) -> f64 {
    match session.noise {
        Noise::Contaminated if session.rounds < 20 => 0.8,
        _ => POWER,
    }
}

/// Simulates sessions of one kind of noise and holds them against what is stated.
fn hold(how: &str, compare: Compare, noise: Noise) {
    let mut all = Tally::default();
    for session in sessions(noise) {
        let tally = Tally::of(compare, &session, 0.0);
        tally.print(&session, how);
        tally.assert_rates(&session);
        assert!(tally.power() >= promised(&session), "{session:?}: power {}", tally.power());
        all.matrices += tally.matrices;
        all.alarms += tally.alarms;
        all.misses += tally.misses;
    }
    let any_size = Session { noise, cells: 0, rounds: 0 };
    all.assert_rates(&any_size);
}

/// One test for each kind of noise, so that they run at once.
mod paired {
    use super::*;

    #[test]
    fn normal_noise() {
        hold("paired", compare_paired, Noise::LogNormal);
    }

    #[test]
    fn a_slow_run_in_ten() {
        hold("paired", compare_paired, Noise::Contaminated);
    }

    #[test]
    fn skewed_noise() {
        hold("paired", compare_paired, Noise::Skewed);
    }

    #[test]
    fn a_drifting_machine() {
        hold("paired", compare_paired, Noise::Drift);
    }

    #[test]
    fn a_wandering_machine() {
        hold("paired", compare_paired, Noise::Autocorrelated);
    }

    #[test]
    fn an_allowed_regression() {
        for rounds in ROUNDS {
            let session = Session { noise: Noise::LogNormal, cells: 12, rounds };
            let tally = Tally::of(compare_paired, &session, 0.05);
            tally.print(&session, "by 5 %");
            tally.assert_rates(&session);
            assert!(tally.power() >= POWER, "{session:?}: power {}", tally.power());
        }
    }
}

mod unpaired {
    use super::*;

    #[test]
    fn normal_noise() {
        hold("unpaired", compare_unpaired, Noise::LogNormal);
    }

    #[test]
    fn a_slow_run_in_ten() {
        hold("unpaired", compare_unpaired, Noise::Contaminated);
    }

    #[test]
    fn skewed_noise() {
        hold("unpaired", compare_unpaired, Noise::Skewed);
    }

    /// Why a gate runs both sides in turn: a machine that wanders makes one whole run slower than another.
    #[test]
    fn runs_apart_on_a_wandering_machine_miss_more_than_stated() {
        let session = Session { noise: Noise::Autocorrelated, cells: 12, rounds: 10 };
        let level = Level::default().for_family(session.cells);
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        let mut run = || session.run(&vec![1.0; session.cells], &mut rng);
        let missed = |base: &Times, head: &Times| {
            let compared = compare_unpaired(&base.base, &head.head, level, 0.0).unwrap();
            compared.verdict(0.0) != Verdict::Inconclusive
        };
        let misses =
            (0..MATRICES).filter(|_| run().iter().zip(&run()).any(|(base, head)| missed(base, head))).count();
        println!(
            "runs apart on a wandering machine: misses {:.1} %",
            misses as f64 * 100.0 / f64::from(MATRICES)
        );
        assert!(misses as f64 > STATED * f64::from(MATRICES), "{misses}");
    }
}

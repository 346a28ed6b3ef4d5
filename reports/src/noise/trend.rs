//! Whether values go up or down with a place, whatever the course: Kendall's test, with every cell a block of its own.

use std::cmp::Ordering;

/// A place and the value there.
pub(super) type Point = (f64, f64);

/// How values go with places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// Standard deviations from no trend; positive where values grow.
    pub(super) z: f64,
    /// Growth per unit of place: the median over all pairs of a block.
    pub(super) slope: f64,
}

/// Pairs of points that are compared, about, over all blocks: their number grows with the square of the repeats.
const MOST_PAIRS: f64 = 1e6;
/// Points of a block that are always compared.
const LEAST_POINTS: f64 = 30.0;

/// The seasonal Kendall test and slope of Hirsch, Slack and Smith, "Techniques of trend analysis for monthly water quality
/// data" (1982), with blocks for months: only points of one block are compared, so that blocks may lie as far apart as
/// they like. The variance is that of Kendall, "Rank correlation methods" (1970), with ties on either side; z is corrected
/// for continuity. Of long blocks evenly spaced points stand for all. `None` where no two points of a block can be
/// compared.
pub(super) fn trend(blocks: &[Vec<Point>]) -> Option<Trend> {
    let most = (2.0 * MOST_PAIRS / blocks.len() as f64).sqrt().max(LEAST_POINTS);
    let blocks: Vec<Vec<Point>> = blocks.iter().map(|block| thinned(block, most)).collect();
    let (score, variance) = blocks.iter().fold((0.0, 0.0), |(score, variance), block| {
        (score + self::score(block), variance + self::variance(block))
    });
    let mut slopes: Vec<f64> = blocks.iter().flat_map(|block| pairs(block)).filter_map(slope).collect();
    let middle = slopes.len() / 2;
    let has_spread = variance > 0.0 && !slopes.is_empty();
    has_spread.then(|| Trend {
        z: score.signum() * (score.abs() - 1.0).max(0.0) / variance.sqrt(),
        slope: *slopes.select_nth_unstable_by(middle, f64::total_cmp).1,
    })
}

/// Every nth point, so that no more than `most` are left.
fn thinned(block: &[Point], most: f64) -> Vec<Point> {
    let step = (block.len() as f64 / most).ceil().max(1.0);
    block.iter().step_by(step as usize).copied().collect()
}

fn pairs(block: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    block.iter().enumerate().flat_map(|(index, &a)| block.iter().skip(index + 1).map(move |&b| (a, b)))
}

fn slope((a, b): (Point, Point)) -> Option<f64> {
    let distance = b.0 - a.0;
    (distance != 0.0).then(|| (b.1 - a.1) / distance)
}

/// Pairs that go up less those that go down.
fn score(block: &[Point]) -> f64 {
    let sign = |a: f64, b: f64| match b.total_cmp(&a) {
        Ordering::Less => -1.0,
        Ordering::Equal => 0.0,
        Ordering::Greater => 1.0,
    };
    pairs(block).map(|(a, b)| sign(a.0, b.0) * sign(a.1, b.1)).sum()
}

/// The variance of the score over all orders of the values.
fn variance(block: &[Point]) -> f64 {
    let n = block.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let places = ties(block.iter().map(|point| point.0).collect());
    let values = ties(block.iter().map(|point| point.1).collect());
    let sum = |ties: &[f64], of: fn(f64) -> f64| ties.iter().map(|&t| of(t)).sum::<f64>();
    let whole = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let pairs = |t: f64| t * (t - 1.0);
    let triples = |t: f64| t * (t - 1.0) * (t - 2.0);
    let mut variance = (whole(n) - sum(&places, whole) - sum(&values, whole)) / 18.0;
    variance += sum(&places, pairs) * sum(&values, pairs) / (2.0 * pairs(n));
    if n > 2.0 {
        variance += sum(&places, triples) * sum(&values, triples) / (9.0 * triples(n));
    }
    variance
}

/// How many stand at each value.
fn ties(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|group| group.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        values.iter().enumerate().map(|(place, &value)| (place as f64, value)).collect()
    }

    /// Every order of the values.
    fn orders(values: &[f64]) -> Vec<Vec<f64>> {
        if values.is_empty() {
            return vec![Vec::new()];
        }
        let with = |first: usize| {
            let mut rest = values.to_vec();
            let value = rest.remove(first);
            orders(&rest).into_iter().map(move |mut order| {
                order.push(value);
                order
            })
        };
        (0..values.len()).flat_map(with).collect()
    }

    #[test]
    fn a_long_block_is_compared_in_no_time_and_as_it_would_be_whole() {
        // Seven values that go round, on a slope.
        let value = |place: usize| (place % 7) as f64 + place as f64 * 0.01;
        let long: Vec<f64> = (0..200_000).map(value).collect();
        let found = trend(&[points(&long)]).unwrap();
        assert!((found.slope - 0.01).abs() < 1e-4 && found.z > 30.0, "{found:?}");
        let short = points(&long[..900]);
        assert_eq!(thinned(&short, 1_000.0), short);
    }

    #[test]
    fn the_variance_is_that_over_all_orders() {
        for (places, values) in [
            ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            ([1.0, 1.0, 2.0, 2.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            ([1.0, 1.0, 1.0, 2.0, 3.0, 3.0], [1.0, 1.0, 2.0, 2.0, 2.0, 3.0]),
        ] {
            let scores: Vec<f64> = orders(&values)
                .iter()
                .map(|order| score(&places.iter().copied().zip(order.iter().copied()).collect::<Vec<_>>()))
                .collect();
            let exact = scores.iter().map(|score| score * score).sum::<f64>() / scores.len() as f64;
            let told = variance(&places.iter().copied().zip(values).collect::<Vec<_>>());
            assert!((told - exact).abs() < 1e-9, "{told} is not {exact} for {places:?} and {values:?}");
        }
    }

    #[test]
    fn blocks_are_compared_within_themselves_only() {
        // Each block goes up by 2 a place; the second lies far below the first.
        let rising = |at: f64| points(&[at, at + 2.0, at + 4.0, at + 6.0]);
        let told = trend(&[rising(1000.0), rising(0.0)]).unwrap();
        // Twice 6 pairs, all up; the variance of each block is 4 * 3 * 13 / 18.
        assert!((told.z - 11.0 / (2.0 * 156.0 / 18.0_f64).sqrt()).abs() < 1e-12, "{told:?}");
        assert!((told.slope - 2.0).abs() < 1e-12);
        let falling: Vec<Vec<Point>> = vec![points(&[3.0, 2.0, 1.0])];
        assert!(trend(&falling).unwrap().z < 0.0);
    }

    #[test]
    fn chance_rarely_looks_like_a_trend() {
        // Numbers like chance: the upper half of a linear congruential generator with Knuth's constants.
        let mut state = 1_u64;
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as f64
        };
        let mut found = 0;
        for _ in 0..5000 {
            let blocks: Vec<_> = (0..8).map(|_| points(&[chance(), chance(), chance()])).collect();
            found += u32::from(trend(&blocks).unwrap().z.abs() > 1.96);
        }
        // At most 5 % by design; three standard errors of 5,000 trials are 0.9 %.
        assert!((50..=295).contains(&found), "{found} of 5000");
    }

    #[test]
    fn what_cannot_be_compared_has_no_trend() {
        assert_eq!(trend(&[]), None);
        assert_eq!(trend(&[points(&[1.0]), points(&[2.0])]), None);
        assert_eq!(trend(&[vec![(1.0, 5.0), (1.0, 7.0)]]), None, "one place");
    }
}

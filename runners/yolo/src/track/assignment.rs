//! Which track takes which box: linear assignment with a limit on the cost.
//!
//! Source: the shortest augmenting paths of Jonker and Volgenant, "A Shortest Augmenting Path Algorithm
//! for Dense and Sparse Linear Assignment Problems", Computing 38, 1987. A row may stay alone at the
//! price of `limit`, which gives the optimum of `lap.lapjv(cost, extend_cost=True, cost_limit=limit)`
//! (a row and a column that stay alone pay half of it each there) without its dummy rows and columns.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A column that a row may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) column: usize,
    pub(super) cost: f64,
}

/// The column of every row, at most one row per column, so that the costs of the pairs plus `limit`
/// for every row without a column are least. `rows` holds each row's candidates, their columns below
/// `columns` and their costs below `limit`.
pub(super) fn solve(rows: &[Vec<Candidate>], columns: usize, limit: f64) -> Vec<Option<usize>> {
    let mut solver = Solver {
        rows,
        limit,
        taken: vec![None; rows.len()],
        row_of: vec![None; columns],
        price: vec![0.0; columns],
        distance: vec![f64::INFINITY; columns],
        way: vec![None; columns],
    };
    for row in 0..rows.len() {
        solver.place(row);
    }
    solver.taken.into_iter().map(|taken| taken.map(|candidate| candidate.column)).collect()
}

/// The last step of a way to a column: the row that would take it, and at which cost.
#[derive(Debug, Clone, Copy)]
struct Step {
    row: usize,
    cost: f64,
}

/// Where a way ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At a column that no row has.
    Column(usize),
    /// At a row that stays alone from now on.
    Row(usize),
}

/// The search for the shortest way from a row to an end.
struct Search {
    /// The nearest end found so far, and how far it is.
    end: End,
    length: f64,
    /// Columns of other rows that are nearer, perhaps several times.
    open: BinaryHeap<Reached>,
}

impl Search {
    /// The next column to go on from, while one is nearer than the end found so far.
    fn take_nearest(&mut self) -> Option<Reached> {
        self.open.peek().filter(|nearest| nearest.distance < self.length)?;
        self.open.pop()
    }
}

/// A column and the length of a way to it. The greatest is the nearest.
#[derive(Debug, Clone, Copy)]
struct Reached {
    column: usize,
    distance: f64,
}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then(other.column.cmp(&self.column))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Reached {}

struct Solver<'a> {
    rows: &'a [Vec<Candidate>],
    limit: f64,
    /// What every row placed so far has taken; `None`: it stays alone.
    taken: Vec<Option<Candidate>>,
    row_of: Vec<Option<usize>>,
    /// Dual variable of every column: rows compare `cost - price`.
    price: Vec<f64>,
    /// How far each column is from the row that is being placed: infinitely while no way is known, and
    /// `NEG_INFINITY` once no way can be shorter, lest rounding make one look so.
    distance: Vec<f64>,
    way: Vec<Option<Step>>,
}

impl Solver<'_> {
    /// Places one more row and moves others where that costs less: Dijkstra's algorithm over reduced
    /// costs, from the row to the nearest column that is free or row that had better stay alone.
    fn place(&mut self, start: usize) {
        let mut search = Search { end: End::Row(start), length: self.limit, open: BinaryHeap::new() };
        let mut settled = Vec::new();
        self.reach_from(start, 0.0, &mut search);
        while let Some(nearest) = search.take_nearest() {
            if nearest.distance > self.distance[nearest.column] {
                continue;
            }
            self.distance[nearest.column] = f64::NEG_INFINITY;
            settled.push(nearest);
            self.go_on_from(nearest, &mut search);
        }
        self.take_along(search.end);
        for Reached { column, distance } in settled {
            self.price[column] += distance - search.length;
            self.distance[column] = f64::INFINITY;
        }
        for Reached { column, .. } in search.open {
            self.distance[column] = f64::INFINITY;
        }
    }

    /// Follows the ways on which the row that has a column gives it up and gets back what it paid.
    fn go_on_from(&mut self, Reached { column, distance }: Reached, search: &mut Search) {
        let Some(row) = self.row_of[column] else { return };
        let Some(taken) = self.taken[row] else { return };
        let so_far = distance - (taken.cost - self.price[column]);
        if so_far + self.limit < search.length {
            search.length = so_far + self.limit;
            search.end = End::Row(row);
        }
        self.reach_from(row, so_far, search);
    }

    /// Notes the ways over `row` that are shorter than those known.
    fn reach_from(&mut self, row: usize, so_far: f64, search: &mut Search) {
        for &Candidate { column, cost } in &self.rows[row] {
            let distance = so_far + cost - self.price[column];
            if distance >= search.length || distance >= self.distance[column] {
                continue;
            }
            self.way[column] = Some(Step { row, cost });
            if self.row_of[column].is_some() {
                self.distance[column] = distance;
                search.open.push(Reached { column, distance });
            } else {
                search.length = distance;
                search.end = End::Column(column);
            }
        }
    }

    /// Gives every row on the way to `end` the column that the way reaches from it. The way begins at
    /// the row that is being placed, which has none to give up.
    fn take_along(&mut self, end: End) {
        let mut next = match end {
            End::Column(column) => Some(column),
            End::Row(row) => self.taken[row].take().map(|given_up| given_up.column),
        };
        while let Some(column) = next {
            let Some(Step { row, cost }) = self.way[column] else { break };
            let given_up = self.taken[row].replace(Candidate { column, cost });
            self.row_of[column] = Some(row);
            next = given_up.map(|given_up| given_up.column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least sum over every way of pairing, by trying them all.
    fn least_sum(costs: &[Vec<f64>], free: &mut Vec<bool>, limit: f64) -> f64 {
        let Some((row, rest)) = costs.split_first() else {
            return 0.0;
        };
        let mut least = limit + least_sum(rest, free, limit);
        for (column, cost) in row.iter().enumerate() {
            if free[column] && *cost < limit {
                free[column] = false;
                least = least.min(cost + least_sum(rest, free, limit));
                free[column] = true;
            }
        }
        least
    }

    fn candidates(costs: &[Vec<f64>], limit: f64) -> Vec<Vec<Candidate>> {
        let of_row = |row: &Vec<f64>| {
            let all = row.iter().enumerate().map(|(column, &cost)| Candidate { column, cost });
            all.filter(|candidate| candidate.cost < limit).collect()
        };
        costs.iter().map(of_row).collect()
    }

    /// The sum that `assigned` comes to, after checking that no column is given twice.
    fn sum_of(assigned: &[Option<usize>], costs: &[Vec<f64>], limit: f64) -> f64 {
        let mut columns: Vec<usize> = assigned.iter().flatten().copied().collect();
        let pairs = columns.len();
        columns.sort_unstable();
        columns.dedup();
        assert_eq!(columns.len(), pairs, "{assigned:?} gives a column twice");
        assigned.iter().zip(costs).map(|(column, row)| column.map_or(limit, |column| row[column])).sum()
    }

    /// Numbers from 0 to 1 that are the same every time (Knuth's MMIX generator).
    fn random() -> impl FnMut() -> f64 {
        let mut state = 1_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64
        }
    }

    #[test]
    fn no_other_pairing_sums_to_less() {
        let mut random = random();
        for trial in 0..20_000 {
            let (rows, columns) = ((random() * 7.0) as usize, (random() * 7.0) as usize);
            let limit = random() * 1.2;
            // Costs in coarse steps tie often.
            let steps = if trial % 2 == 0 { 5.0 } else { 1e6 };
            let mut cost = || (random() * steps).floor() / steps;
            let costs: Vec<Vec<f64>> = (0..rows).map(|_| (0..columns).map(|_| cost()).collect()).collect();

            let assigned = solve(&candidates(&costs, limit), columns, limit);
            let (sum, least) =
                (sum_of(&assigned, &costs, limit), least_sum(&costs, &mut vec![true; columns], limit));
            assert!((sum - least).abs() < 1e-12, "{sum} is not {least} for {costs:?} below {limit}");
        }
    }

    #[test]
    fn a_row_gives_its_best_column_up_to_one_that_has_no_other() {
        let costs = [vec![0.1, 0.2], vec![0.3, 0.9]];
        assert_eq!(solve(&candidates(&costs, 0.8), 2, 0.8), [Some(1), Some(0)]);
    }

    #[test]
    fn a_pair_at_the_limit_stays_apart() {
        let costs = [vec![0.5]];
        assert_eq!(solve(&candidates(&costs, 0.5), 1, 0.5), [None]);
        assert_eq!(solve(&candidates(&costs, 0.51), 1, 0.51), [Some(0)]);
    }

    #[test]
    fn nothing_is_assigned_to_nothing() {
        assert!(solve(&[], 3, 0.5).is_empty());
        assert_eq!(solve(&[vec![], vec![]], 0, 0.5), [None, None]);
    }
}

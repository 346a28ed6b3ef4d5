//! The cheapest assignment of rows to columns: Kuhn, "The Hungarian method for the assignment problem" (1955), in the form with
//! potentials that takes rows one by one (Jonker and Volgenant, 1987), in O(rows² · columns).

/// For each row its column, so that as many as possible have one and the sum of costs is least; `None` for a row that has none,
/// because there are more rows than columns.
pub(crate) fn cheapest(
    rows: usize,
    columns: usize,
    cost: impl Fn(usize, usize) -> f64,
) -> Vec<Option<usize>> {
    if rows <= columns {
        return of_few_rows(rows, columns, cost).into_iter().map(Some).collect();
    }
    let mut assigned = vec![None; rows];
    for (column, row) in of_few_rows(columns, rows, |column, row| cost(row, column)).into_iter().enumerate() {
        assigned[row] = Some(column);
    }
    assigned
}

/// The column of each row, where there are at least as many columns. Columns count from 1 inside; 0 holds the row being placed.
fn of_few_rows(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let mut row_potential = vec![0.0; rows];
    let mut column_potential = vec![0.0; columns + 1];
    let mut owner: Vec<Option<usize>> = vec![None; columns + 1];
    for row in 0..rows {
        owner[0] = Some(row);
        let mut from = vec![0; columns + 1];
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut visited = vec![false; columns + 1];
        let mut at = 0;
        while let Some(row) = owner[at] {
            visited[at] = true;
            let (mut step, mut next) = (f64::INFINITY, 0);
            for column in (1..=columns).filter(|column| !visited[*column]) {
                let reduced = cost(row, column - 1) - row_potential[row] - column_potential[column];
                if reduced < least[column] {
                    (least[column], from[column]) = (reduced, at);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if visited[column] {
                    column_potential[column] -= step;
                    if let Some(row) = owner[column] {
                        row_potential[row] += step;
                    }
                } else {
                    least[column] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            owner[at] = owner[from[at]];
            at = from[at];
        }
    }
    let mut assigned = vec![0; rows];
    for (column, owner) in owner.iter().enumerate().skip(1) {
        if let Some(row) = owner {
            assigned[*row] = column - 1;
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least sum over all ways to give every row of the smaller side a partner of its own.
    fn least(costs: &[Vec<f64>], used: &mut Vec<bool>) -> f64 {
        let Some((row, rest)) = costs.split_first() else { return 0.0 };
        let mut best = f64::INFINITY;
        for column in 0..row.len() {
            if !used[column] {
                used[column] = true;
                best = best.min(row[column] + least(rest, used));
                used[column] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_other_assignment_is_cheaper(
            costs in (0usize..5, 5usize..6).prop_flat_map(|(rows, columns)| {
                prop::collection::vec(prop::collection::vec(-9.0..9.0, columns), rows)
            })
        ) {
            let found = cheapest(costs.len(), 5, |row, column| costs[row][column]);
            let sum: f64 = found.iter().enumerate().map(|(row, column)| costs[row][column.expect("a column")]).sum();
            prop_assert!((sum - least(&costs, &mut vec![false; 5])).abs() < 1e-9);
            let turned = cheapest(5, costs.len(), |row, column| costs[column][row]);
            let back: f64 = turned.iter().enumerate().filter_map(|(row, column)| Some(costs[(*column)?][row])).sum();
            prop_assert!((sum - back).abs() < 1e-9);
            prop_assert_eq!(turned.iter().flatten().count(), costs.len());
        }
    }
}

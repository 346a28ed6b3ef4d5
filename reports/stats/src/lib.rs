//! Statistics of a few repeated times: medians with intervals, ratios of two sides with intervals that hold for
//! a whole family of cells at once, the smallest regression that would have been seen, and when to stop repeating.
//!
//! Pure functions: the same samples give the same numbers. The simulations in `tests/simulation` show how
//! often they are wrong.

mod bootstrap;
mod describe;
mod detectable;
mod enough;
mod family;
mod jackknife;
mod pooled;
mod ratio;
mod special;
mod student;

pub use describe::{Interval, median, median_interval, quantile, supported_percentile};
pub use enough::{Enough, enough, ever_enough, warm_enough};
pub use family::{CONFIDENCE, Level};
pub use jackknife::jackknife_interval;
pub use pooled::{Clustered, Pooled, pooled_mean, pooled_ratio};
pub use ratio::{Comparison, Verdict, compare_paired, compare_unpaired};

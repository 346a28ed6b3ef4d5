//! Axes: from numbers to pixels, and round numbers on the way.

/// Beyond this the values of an axis are cut off, so that differences of any two are still numbers.
const LARGEST: f64 = 1e150;
/// Below this there is no place on a logarithmic axis.
const SMALLEST: f64 = 1e-150;
/// Values that lie further apart than this get a logarithmic axis.
const WIDE: f64 = 10.0;
/// Ticks of a linear axis, at most.
const LINEAR_TICKS: f64 = 7.0;
/// Ticks of a logarithmic axis, at most.
const LOG_TICKS: usize = 8;

/// What an axis must show beside its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From nothing: lengths are compared.
    Zero,
    /// Only where the values are; logarithmic where they lie far apart.
    Free,
}

/// An axis: a range of numbers, and the pixels where it begins and ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    lo: f64,
    hi: f64,
    /// Pixels of both ends.
    from: f64,
    to: f64,
    ticks: Vec<Tick>,
    is_log: bool,
}

/// A round number on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// The number.
    pub(crate) value: f64,
    /// The number in words.
    pub(crate) label: String,
}

impl Scale {
    /// An axis that shows all the values, from one pixel to another. What is no finite number is passed over.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>, origin: Origin, (from, to): (f64, f64)) -> Self {
        let values = values.into_iter().filter(|value| value.is_finite());
        let values: Vec<f64> = values.map(|value| value.clamp(-LARGEST, LARGEST)).collect();
        let lo = values.iter().copied().reduce(f64::min).unwrap_or(0.0);
        let hi = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
        let is_log = origin == Origin::Free && lo >= SMALLEST && hi / lo > WIDE;
        let ticks = match origin {
            _ if is_log => log_ticks(lo, hi),
            Origin::Zero => linear_ticks(lo.min(0.0), hi.max(0.0)),
            Origin::Free => linear_ticks(lo, hi),
        };
        let ends = ticks.first().zip(ticks.last()).map(|(first, last)| (first.value, last.value));
        let (lo, hi) = ends.unwrap_or((lo, hi));
        Self { lo, hi, from, to, ticks, is_log }
    }

    /// Where a number stands, in pixels; at an end where it is beyond.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let on_axis = |value: f64| if self.is_log { value.max(SMALLEST).log10() } else { value };
        let (lo, hi) = (on_axis(self.lo), on_axis(self.hi));
        let share = (on_axis(value.clamp(self.lo, self.hi)) - lo) / (hi - lo);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round numbers from one end to the other.
    pub(crate) fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// What a reader must know about it, to stand behind its title.
    pub(crate) fn remark(&self) -> &'static str {
        if self.is_log { " (logarithmic)" } else { "" }
    }

    /// Whether equal ratios take equal room.
    pub(crate) fn is_log(&self) -> bool {
        self.is_log
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, from below `lo` to above `hi`.
fn linear_ticks(lo: f64, hi: f64) -> Vec<Tick> {
    // A range of one number, or of what arithmetic cannot tell from it, gets some room.
    let least = lo.abs().max(hi.abs()) * 1e-6;
    let (lo, hi) = if hi - lo <= least { widened(lo, hi) } else { (lo, hi) };
    let rough = (hi - lo) / (LINEAR_TICKS - 2.0);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((lo / step).floor(), (hi / step).ceil());
    let count = (last - first).round().clamp(1.0, 2.0 * LINEAR_TICKS) as u32;
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let tick = |index| {
        let value = (first + f64::from(index)) * step;
        Tick { value, label: words(value, hi.abs().max(lo.abs()), decimals) }
    };
    (0..=count).map(tick).collect()
}

fn widened(lo: f64, hi: f64) -> (f64, f64) {
    let room = (hi.abs() * 0.1).max(lo.abs() * 0.1);
    if room > SMALLEST { (lo - room, hi + room) } else { (0.0, 1.0) }
}

/// 1, 2 and 5 times powers of ten from below `lo` to above `hi`; fewer where they would be too many.
fn log_ticks(lo: f64, hi: f64) -> Vec<Tick> {
    let powers = lo.log10().floor() as i32..=hi.log10().ceil() as i32;
    let fine: Vec<f64> =
        powers.flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * 10_f64.powi(power))).collect();
    let first = fine.iter().rposition(|value| *value <= lo).unwrap_or(0);
    let last = fine.iter().position(|value| *value >= hi).unwrap_or(fine.len() - 1);
    // Every one, only the powers of ten, or every so many of these; with one more at the end to reach `hi`.
    let strides = [1, 3].into_iter().chain((2..).map(|decades| 3 * decades));
    let chosen = strides.map(|stride| {
        let first = first - if stride == 1 { 0 } else { first % 3 };
        let last = first + (last.max(first + 1) - first).div_ceil(stride) * stride;
        (first, last, stride)
    });
    let fitting = chosen.into_iter().find(|(first, last, stride)| (last - first) / stride < LOG_TICKS);
    let (first, last, stride) = fitting.unwrap_or((first, last, 1));
    let value = |index: usize| {
        [1.0, 2.0, 5.0][index % 3] * 10_f64.powi(lo.log10().floor() as i32 + (index / 3) as i32)
    };
    let tick = |value: f64| {
        let decimals = (-value.log10().floor()).clamp(0.0, 12.0) as usize;
        Tick { value, label: words(value, value, decimals) }
    };
    (first..=last).step_by(stride).map(|index| tick(value(index))).collect()
}

/// A round number: `0.05`, `20`, `5e9` where it would be long.
fn words(value: f64, largest: f64, decimals: usize) -> String {
    if largest < 1e6 && decimals <= 5 {
        return format!("{value:.decimals$}");
    }
    let scientific = format!("{value:.2e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    if mantissa == "0" { mantissa.to_owned() } else { format!("{mantissa}e{exponent}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], origin: Origin) -> Vec<String> {
        let scale = Scale::of(values.iter().copied(), origin, (0.0, 100.0));
        scale.ticks().iter().map(|tick| tick.label.clone()).collect()
    }

    #[test]
    fn linear_axes_have_round_numbers() {
        assert_eq!(labels(&[3.2, 12.6], Origin::Zero), ["0", "5", "10", "15"]);
        assert_eq!(labels(&[0.97, 1.04], Origin::Free), ["0.96", "0.98", "1.00", "1.02", "1.04"]);
        assert_eq!(labels(&[-3.0, 4.0], Origin::Free), ["-4", "-2", "0", "2", "4"]);
        assert_eq!(labels(&[0.0, 2_000_000.0], Origin::Zero), ["0", "5e5", "1e6", "1.5e6", "2e6"]);
    }

    #[test]
    fn values_far_apart_get_equal_room_for_equal_ratios() {
        assert_eq!(labels(&[0.3, 4.0], Origin::Free), ["0.2", "0.5", "1", "2", "5"]);
        assert_eq!(labels(&[0.02, 900.0], Origin::Free), ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(labels(&[1e-9, 1e9], Origin::Free), ["1e-9", "1e-6", "0.001", "1", "1000", "1e6", "1e9"]);
        assert_eq!(
            labels(&[1.0, 10.0], Origin::Free).first().map(String::as_str),
            Some("0"),
            "not yet far apart"
        );
        let scale = Scale::of([0.1, 10.0], Origin::Free, (0.0, 100.0));
        assert!(scale.is_log());
        assert!((scale.place(1.0) - 50.0).abs() < 1e-9, "{}", scale.place(1.0));
    }

    #[test]
    fn equal_values_and_none_at_all_have_an_axis() {
        assert_eq!(labels(&[5.0], Origin::Free), ["4.4", "4.6", "4.8", "5.0", "5.2", "5.4", "5.6"]);
        assert_eq!(labels(&[0.0], Origin::Free), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(
            labels(&[f64::NAN, f64::INFINITY], Origin::Zero),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
    }

    #[test]
    fn values_beyond_an_axis_stand_at_its_end() {
        let scale = Scale::of([0.0, 10.0], Origin::Zero, (20.0, 120.0));
        for (value, place) in [(-5.0, 20.0), (0.0, 20.0), (5.0, 70.0), (10.0, 120.0), (50.0, 120.0)] {
            assert!((scale.place(value) - place).abs() < 1e-9, "{value} at {}", scale.place(value));
        }
    }
}

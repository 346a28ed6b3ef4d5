//! Where a box is expected next: a Kalman filter of constant velocity.
//!
//! Source: the filter of `DeepSORT` (Wojke et al., 2017) that ByteTrack uses. Its state is centre x,
//! centre y, aspect and height with their velocities per frame; noise is proportional to the height.
//! Every covariance that enters it is diagonal and each coordinate moves by its own velocity alone, so
//! the 8 × 8 filter is four independent filters of two variables: the same numbers without matrices.

/// Deviation of a position per pixel of the box's height.
const POSITION_WEIGHT: f64 = 1.0 / 20.0;
/// Deviation of a velocity per pixel of the box's height.
const VELOCITY_WEIGHT: f64 = 1.0 / 160.0;
/// Deviation of the aspect in a frame's motion, and at first.
const ASPECT_DEVIATION: f64 = 1e-2;
/// Deviation of a measured aspect.
const MEASURED_ASPECT_DEVIATION: f64 = 1e-1;
/// Deviation of the aspect's velocity.
const ASPECT_VELOCITY_DEVIATION: f64 = 1e-5;

/// Place of the height among the coordinates.
const HEIGHT: usize = 3;

/// The motion of one box.
#[derive(Debug, Clone)]
pub(super) struct Motion {
    /// Centre x, centre y, aspect, height.
    coordinates: [Coordinate; 4],
}

impl Motion {
    /// At rest at the measured centre, aspect and height.
    pub(super) fn at_rest(xyah: [f64; 4]) -> Self {
        let height = xyah[HEIGHT];
        let position = per_coordinate(2.0 * POSITION_WEIGHT * height, ASPECT_DEVIATION);
        let velocity = per_coordinate(10.0 * VELOCITY_WEIGHT * height, ASPECT_VELOCITY_DEVIATION);
        let coordinate = |n: usize| Coordinate::at_rest(xyah[n], position[n], velocity[n]);
        Self { coordinates: std::array::from_fn(coordinate) }
    }

    /// The expected centre x, centre y, aspect and height.
    pub(super) fn xyah(&self) -> [f64; 4] {
        [0, 1, 2, 3].map(|n: usize| self.coordinates[n].position)
    }

    /// Forgets how the height changes: of an object out of sight it says nothing.
    pub(super) fn hold_height(&mut self) {
        self.coordinates[HEIGHT].velocity = 0.0;
    }

    /// Moves on by one frame.
    pub(super) fn predict(&mut self) {
        let height = self.coordinates[HEIGHT].position;
        let position = per_coordinate(POSITION_WEIGHT * height, ASPECT_DEVIATION);
        let velocity = per_coordinate(VELOCITY_WEIGHT * height, ASPECT_VELOCITY_DEVIATION);
        for (n, coordinate) in self.coordinates.iter_mut().enumerate() {
            coordinate.predict(position[n], velocity[n]);
        }
    }

    /// Takes in a measured centre, aspect and height.
    pub(super) fn correct(&mut self, xyah: [f64; 4]) {
        let height = self.coordinates[HEIGHT].position;
        let deviation = per_coordinate(POSITION_WEIGHT * height, MEASURED_ASPECT_DEVIATION);
        for (n, coordinate) in self.coordinates.iter_mut().enumerate() {
            coordinate.correct(xyah[n], deviation[n]);
        }
    }
}

fn per_coordinate(pixels: f64, aspect: f64) -> [f64; 4] {
    [pixels, pixels, aspect, pixels]
}

/// One coordinate and its velocity per frame, with their covariance.
#[derive(Debug, Clone)]
struct Coordinate {
    position: f64,
    velocity: f64,
    position_variance: f64,
    covariance: f64,
    velocity_variance: f64,
}

impl Coordinate {
    fn at_rest(position: f64, position_deviation: f64, velocity_deviation: f64) -> Self {
        Self {
            position,
            velocity: 0.0,
            position_variance: position_deviation.powi(2),
            covariance: 0.0,
            velocity_variance: velocity_deviation.powi(2),
        }
    }

    /// `x ← F x`, `P ← F P Fᵀ + Q` with `F = [1 1; 0 1]`.
    fn predict(&mut self, position_deviation: f64, velocity_deviation: f64) {
        self.position += self.velocity;
        self.position_variance += 2.0 * self.covariance + self.velocity_variance + position_deviation.powi(2);
        self.covariance += self.velocity_variance;
        self.velocity_variance += velocity_deviation.powi(2);
    }

    /// `K = P Hᵀ / S`, `x ← x + K (z − H x)`, `P ← P − K S Kᵀ` with `H = [1 0]`, `S = H P Hᵀ + R`.
    fn correct(&mut self, measured: f64, deviation: f64) {
        let innovation_variance = self.position_variance + deviation.powi(2);
        let position_gain = self.position_variance / innovation_variance;
        let velocity_gain = self.covariance / innovation_variance;
        let innovation = measured - self.position;
        self.position += position_gain * innovation;
        self.velocity += velocity_gain * innovation;
        self.velocity_variance -= velocity_gain * self.covariance;
        self.covariance -= velocity_gain * self.position_variance;
        self.position_variance -= position_gain * self.position_variance;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-9 * expected.abs().max(1.0), "{actual} for {expected}");
    }

    /// By hand, for height 100: P₀ = (10², 0; 0, 6.25²), Q = (5², 0.625²), R = 5².
    #[test]
    fn one_step_is_as_worked_out_by_hand() {
        let mut motion = Motion::at_rest([0.0, 50.0, 0.5, 100.0]);
        motion.predict();
        let x = &motion.coordinates[0];
        assert_close(x.position_variance, 164.0625);
        assert_close(x.covariance, 39.0625);
        assert_close(x.velocity_variance, 39.453_125);

        motion.correct([10.0, 50.0, 0.5, 100.0]);
        let x = &motion.coordinates[0];
        assert_close(x.position, 1050.0 / 121.0);
        assert_close(x.velocity, 250.0 / 121.0);
        assert_close(x.position_variance, 2625.0 / 121.0);
        assert_close(x.covariance, 625.0 / 121.0);
        assert_close(x.velocity_variance, 39.453_125 - 976.5625 / 121.0);
    }

    /// By hand: P₀ = (1e-4, 0; 0, 1e-10), Q = (1e-4, 1e-10), R = 1e-2, whatever the height.
    #[test]
    fn the_aspect_is_nearly_constant() {
        let mut motion = Motion::at_rest([0.0, 0.0, 0.5, 100.0]);
        motion.predict();
        motion.correct([0.0, 0.0, 0.6, 100.0]);
        let variance = 2e-4 + 1e-10;
        assert_close(motion.xyah()[2], 0.5 + 0.1 * variance / (variance + 1e-2));
    }

    #[test]
    fn a_steady_speed_is_learned_and_kept_while_nothing_is_measured() {
        let mut motion = Motion::at_rest([0.0, 0.0, 1.0, 40.0]);
        for frame in 1..=200 {
            motion.predict();
            motion.correct([f64::from(frame) * 3.0, 0.0, 1.0, 40.0]);
        }
        motion.predict();
        motion.predict();
        assert!((motion.xyah()[0] - 202.0 * 3.0).abs() < 1e-3, "{:?}", motion.xyah());
    }

    #[test]
    fn a_held_height_stays() {
        let mut motion = Motion::at_rest([0.0, 0.0, 1.0, 40.0]);
        motion.predict();
        motion.correct([0.0, 0.0, 1.0, 50.0]);
        let height = motion.xyah()[HEIGHT];
        motion.hold_height();
        motion.predict();
        assert_close(motion.xyah()[HEIGHT], height);
    }
}

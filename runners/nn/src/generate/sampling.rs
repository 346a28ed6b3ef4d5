//! Tokens that are drawn (transformers 4.46: `TemperatureLogitsWarper`, `TopPLogitsWarper`).

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// What logits are divided by.
    pub temperature: f64,
    /// The likeliest tokens that together reach this probability are drawn from; 1 for all.
    pub top_p: f64,
    /// Every sequence begins anew from it, so that a scene's tokens do not depend on its neighbours.
    pub seed: u64,
}

/// A sequence's draws.
pub(super) struct Draw {
    sampling: Sampling,
    state: u64,
}

impl Draw {
    pub(super) fn new(sampling: Sampling) -> Self {
        Self { sampling, state: sampling.seed }
    }

    pub(super) fn token(&mut self, logits: &[f32]) -> u32 {
        let Sampling { temperature, top_p, .. } = self.sampling;
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| (f64::from(logit - max) / temperature).exp();
        let mut tokens: Vec<(u32, f64)> = (0..).zip(logits.iter().map(|&logit| weight(logit))).collect();
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1));
        let sum: f64 = tokens.iter().map(|(_, weight)| weight).sum();
        let mut mass = 0.0;
        let kept = tokens.iter().take_while(|(_, weight)| {
            let before = mass;
            mass += weight;
            // The likeliest always stays.
            before == 0.0 || before < top_p * sum
        });
        let kept = kept.count();
        tokens.truncate(kept.max(1));
        let sum: f64 = tokens.iter().map(|(_, weight)| weight).sum();
        let mut rest = self.uniform() * sum;
        for &(token, weight) in &tokens {
            rest -= weight;
            if rest < 0.0 {
                return token;
            }
        }
        tokens.last().map_or(0, |(token, _)| *token)
    }

    /// A number from 0 to below 1: 53 bits of `SplitMix64` (Steele, Lea, Flood, 2014).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(temperature: f64, top_p: f64) -> [f64; 3] {
        let mut draw = Draw::new(Sampling { temperature, top_p, seed: 5 });
        let logits = [0.2f32.ln(), 0.5f32.ln(), 0.3f32.ln()];
        let mut counts = [0f64; 3];
        for _ in 0..20_000 {
            counts[draw.token(&logits) as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        for (found, expected) in [
            (shares(1.0, 1.0), [0.2, 0.5, 0.3]),
            (shares(0.5, 1.0), [0.04 / 0.38, 0.25 / 0.38, 0.09 / 0.38]),
            (shares(1.0, 0.7), [0.0, 0.625, 0.375]),
            (shares(1.0, 0.3), [0.0, 1.0, 0.0]),
        ] {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 0.015, "{found} {expected}");
            }
        }
    }

    #[test]
    fn a_seed_draws_the_same_again() {
        let draw = |seed| {
            let mut draw = Draw::new(Sampling { temperature: 1.0, top_p: 1.0, seed });
            (0..50).map(|_| draw.token(&[0.0; 100])).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

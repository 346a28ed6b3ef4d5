//! `rope_scaling` of Phi-3 (its published code's `Phi3SuScaledRotaryEmbedding`, transformers 4.46:
//! `models/phi3/modeling_phi3.py`).

use reelbench_nn::LongRope;
use serde::Deserialize;

/// `rope_scaling` as written. Its kind stands under either of two names, or both.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawRopeScaling {
    r#type: Option<String>,
    rope_type: Option<String>,
    #[serde(default)]
    short_factor: Vec<f32>,
    #[serde(default)]
    long_factor: Vec<f32>,
}

impl RawRopeScaling {
    /// The factors for heads of `head_dim` values, of a model trained for `original` positions and made
    /// for `positions`.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn resolve(
        self,
        head_dim: usize,
        original: usize,
        positions: usize,
    ) -> Result<LongRope, String> {
        let kind = self.r#type.or(self.rope_type).unwrap_or_default();
        if kind != "su" && kind != "longrope" {
            return Err(format!("rope_scaling.type: `{kind}` is not supported; su and longrope are"));
        }
        for (key, factors) in [("short_factor", &self.short_factor), ("long_factor", &self.long_factor)] {
            let (count, pairs) = (factors.len(), head_dim / 2);
            if count != pairs {
                return Err(format!("rope_scaling.{key}: {count} factors for {pairs} pairs of values"));
            }
            if let Some(factor) = factors.iter().find(|factor| !(**factor > 0.0 && factor.is_finite())) {
                return Err(format!("rope_scaling.{key}: {factor} is not a positive number"));
            }
        }
        if original < 2 {
            return Err(format!("original_max_position_embeddings: {original} is not supported"));
        }
        Ok(LongRope { short: self.short_factor, long: self.long_factor, original, positions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<LongRope, String> {
        serde_json::from_str::<RawRopeScaling>(text).unwrap().resolve(4, 4096, 131_072)
    }

    #[test]
    fn both_names_of_the_kind_are_known() {
        let factors = r#""short_factor": [1, 1.5], "long_factor": [2, 30]"#;
        for kind in [r#""type": "su""#, r#""type": "longrope""#, r#""rope_type": "longrope""#] {
            let rope = resolve(&format!("{{{kind}, {factors}}}")).unwrap();
            assert_eq!((rope.short, rope.long), (vec![1.0, 1.5], vec![2.0, 30.0]));
            assert_eq!((rope.original, rope.positions), (4096, 131_072));
        }
    }

    #[test]
    fn factors_that_do_not_fit_are_named() {
        for (scaling, key) in [
            (r#"{"short_factor": [1, 1], "long_factor": [1, 1]}"#, "rope_scaling.type"),
            (r#"{"type": "su", "short_factor": [1, 1]}"#, "rope_scaling.long_factor: 0"),
            (
                r#"{"type": "su", "short_factor": [1, 0], "long_factor": [1, 1]}"#,
                "rope_scaling.short_factor: 0",
            ),
            (
                r#"{"type": "su", "short_factor": [1, 1, 1], "long_factor": [1, 1]}"#,
                "rope_scaling.short_factor: 3",
            ),
        ] {
            assert!(resolve(scaling).unwrap_err().starts_with(key), "{scaling}");
        }
    }
}

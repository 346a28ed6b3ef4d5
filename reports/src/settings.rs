//! Settings as a report shows them.

use reelbench_protocol::{Dtype, Settings, value_text};

/// A requested setting as a report shows it; `auto` with what it came to.
pub(crate) fn shown(key: &str, requested: &Settings, effective: Option<&Settings>) -> Option<String> {
    let wanted = requested.get(key)?;
    let text = value_text(wanted);
    match effective.and_then(|effective| effective.get(key)) {
        Some(got) if wanted.as_str() == Some(Dtype::Auto.as_str()) => {
            Some(format!("{text} ({})", value_text(got)))
        }
        _ => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn auto_is_shown_with_what_it_came_to() {
        let settings = |value| -> Settings { serde_json::from_value(value).unwrap() };
        let requested = settings(json!({"dtype": "auto", "num_beams": 1}));
        let effective = settings(json!({"dtype": "f16", "num_beams": 1}));
        assert_eq!(shown("dtype", &requested, Some(&effective)).as_deref(), Some("auto (f16)"));
        assert_eq!(shown("dtype", &requested, None).as_deref(), Some("auto"));
        assert_eq!(shown("num_beams", &requested, Some(&effective)).as_deref(), Some("1"));
        assert_eq!(shown("use_cache", &requested, None), None);
    }
}

//! Polars columns out of our values.

use polars::prelude::*;
use reelbench_protocol::value_text;
use serde_json::Value;

/// A column of a setting's values, with the narrowest type that holds them all: boolean, integer, number or text.
pub(super) fn of_values(name: &str, values: &[Option<&Value>]) -> Column {
    fn all<'a, T>(
        values: &[Option<&'a Value>],
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        // An absent setting is a null; a value of another type ends the attempt.
        values.iter().map(|value| value.map_or(Some(None), |value| read(value).map(Some))).collect()
    }
    if let Some(values) = all(values, Value::as_bool) {
        return Column::new(name.into(), values);
    }
    if let Some(values) = all(values, Value::as_i64) {
        return Column::new(name.into(), values);
    }
    if let Some(values) = all(values, Value::as_f64) {
        return Column::new(name.into(), values);
    }
    let texts: Vec<Option<String>> = values.iter().map(|value| value.map(value_text)).collect();
    Column::new(name.into(), texts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_keep_their_type() {
        let (yes, one, half, word) = (json!(true), json!(1), json!(0.5), json!("f32"));
        for (values, expected) in [
            (vec![Some(&yes), None], DataType::Boolean),
            (vec![None, Some(&one)], DataType::Int64),
            (vec![Some(&one), Some(&half)], DataType::Float64),
            (vec![Some(&word), Some(&one)], DataType::String),
        ] {
            assert_eq!(of_values("x", &values).dtype(), &expected);
        }
    }
}

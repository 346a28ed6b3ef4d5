//! The JSON schema of matrix.yaml, made from the grammar that the reader checks by.

use serde_json::{Map, Value, json};

use crate::defaults::{Default, defaults};
use crate::grammar::MATRIX;
use crate::shape::{Key, Keys, Presence, Shape};

/// The JSON schema (draft 2020-12) of matrix.yaml.
pub fn schema() -> Value {
    let mut schema = of_keys(&MATRIX);
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("Reelbench matrix"));
    let mut schema = Value::Object(schema);
    for Default { map, key, value } in defaults() {
        let described = schema.pointer_mut(&format!("{map}/properties/{key}"));
        if let Some(described) = described.and_then(Value::as_object_mut) {
            described.insert("default".to_owned(), value);
        }
    }
    schema
}

fn of_keys(keys: &Keys) -> Map<String, Value> {
    let properties: Map<String, Value> =
        keys.known.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required = keys.known.iter().filter(|key| key.presence == Presence::Required);
    let required: Vec<&str> = required.map(|key| key.name).collect();
    object([
        ("type", json!("object")),
        ("properties", Value::Object(properties)),
        ("required", json!(required)),
        ("additionalProperties", json!(false)),
    ])
}

fn of_key(key: &Key) -> Value {
    let mut schema = of_shape(&key.shape);
    schema.insert("description".to_owned(), json!(key.about));
    Value::Object(schema)
}

fn of_shape(shape: &Shape) -> Map<String, Value> {
    match shape {
        Shape::Flag => object([("type", json!("boolean"))]),
        Shape::FlagOr(word) => object([("enum", json!([true, false, word]))]),
        Shape::Count { least, most } => {
            object([("type", json!("integer")), ("minimum", json!(least)), ("maximum", json!(most))])
        }
        Shape::CountOr { least, most, word } => {
            let count = of_shape(&Shape::Count { least: *least, most: *most });
            object([("anyOf", json!([count, {"const": word}]))])
        }
        Shape::Number { least, most } => {
            object([("type", json!("number")), ("minimum", json!(least)), ("maximum", json!(most))])
        }
        Shape::Text { pattern, such_as } => {
            let mut text = object([("type", json!("string"))]);
            text.extend(pattern.map(|pattern| ("pattern".to_owned(), json!(pattern))));
            text.extend(such_as.map(|example| ("examples".to_owned(), json!([example]))));
            text
        }
        Shape::Word { words, aliases, .. } => {
            let aliases = aliases.iter().map(|(alias, _)| *alias);
            object([("enum", json!(words().into_iter().chain(aliases).collect::<Vec<_>>()))])
        }
        Shape::OrNull(shape) => object([("anyOf", json!([{"type": "null"}, of_shape(shape)]))]),
        Shape::Axis(shape) => {
            let value = of_shape(shape);
            let list = json!({"type": "array", "items": value, "minItems": 1, "uniqueItems": true});
            object([("anyOf", json!([value, list]))])
        }
        Shape::List { of, least } => object([
            ("type", json!("array")),
            ("items", Value::Object(of_shape(of))),
            ("minItems", json!(least)),
        ]),
        Shape::Map(keys) => of_keys(keys),
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

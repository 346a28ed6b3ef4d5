use serde_json::{Value, json};

use super::*;
use crate::text::Projections;

fn published() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/published-form/phi-3-vision.config.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn resolve(config: &Value) -> Result<Phi3VConfig, String> {
    let (raw, text): (RawConfig, RawTextConfig) =
        (serde_json::from_value(config.clone()).unwrap(), serde_json::from_value(config.clone()).unwrap());
    raw.resolve(text)
}

#[test]
fn the_published_form_is_understood() {
    let config = resolve(&published()).unwrap();
    assert_eq!(config.vision, ClipVisionConfig::vit_l_14_336());
    assert_eq!((config.vision_layers, config.merged()), (23, 4096));
    let text = &config.text;
    assert_eq!((text.hidden_size, text.intermediate_size, text.num_hidden_layers), (3072, 8192, 32));
    assert_eq!((text.head_dim, text.num_key_value_heads, text.projections), (96, 32, Projections::Joined));
    assert_eq!((text.sliding_window, text.max_position_embeddings), (Some(131_072), 131_072));
    let rope = text.long_rope.as_ref().unwrap();
    assert_eq!((rope.original, rope.positions, rope.short.len()), (4096, 131_072, 48));
    assert_eq!((rope.short[47], rope.long[47]), (3.05, 64.81));
    // As the published processor counts them for 672x672.
    assert_eq!(config.features(2, 2), 757);
}

#[test]
fn su_and_longrope_are_the_same() {
    let mut config = published();
    config["rope_scaling"]["type"] = json!("longrope");
    assert_eq!(resolve(&config), resolve(&published()));
}

#[test]
fn what_is_not_supported_is_named() {
    for (part, key, value) in [
        ("embd_layer", "hd_transform_order", json!("glb_sub")),
        ("embd_layer", "projection_cls", json!("linear")),
        ("embd_layer", "use_hd_transform", json!(false)),
        ("embd_layer", "with_learnable_separator", json!(false)),
        ("img_processor", "model_name", json!("openai/clip-vit-base-patch32")),
        ("img_processor", "image_dim_out", json!(768)),
        ("img_processor", "num_img_tokens", json!(256)),
        ("img_processor", "layer_idx", json!(-26)),
        ("img_processor", "type_feature", json!("cls_patch")),
        ("rope_scaling", "type", json!("yarn")),
        ("rope_scaling", "short_factor", json!([1.0])),
    ] {
        let mut config = published();
        config[part][key] = value;
        let error = resolve(&config).unwrap_err();
        assert!(error.starts_with(&format!("{part}.{key}")), "{error}");
    }
}

#[test]
fn crops_are_the_requests_or_the_checkpoints_or_four() {
    let config = resolve(&published()).unwrap();
    assert_eq!(config.num_crops(None).unwrap(), 4);
    let preprocessor =
        |text: &str| serde_json::from_str::<RawPreprocessor>(text).unwrap().apply(config.clone());
    let sixteen = preprocessor(r#"{"num_crops": 16}"#).unwrap();
    assert_eq!((sixteen.num_crops(None).unwrap(), sixteen.num_crops(Some(9)).unwrap()), (16, 9));
    for outside in [0, 65] {
        let error = sixteen.num_crops(Some(outside)).unwrap_err().to_string();
        assert_eq!(error, format!("num_crops is {outside}; use 1 to 64"));
    }
    assert!(preprocessor(r#"{"num_crops": 0}"#).unwrap_err().starts_with("num_crops"));
}

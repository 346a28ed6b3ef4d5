use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::Tensor;
use candle_nn::{VarBuilder, VarMap};
use tempfile::TempDir;

use super::*;

type Tensors = HashMap<String, Tensor>;

fn picture(width: u32, height: u32) -> RgbImage {
    let mut picture = RgbImage::new(width, height);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        pixel.0 = [x as u8, y as u8, (x ^ y) as u8];
    }
    picture
}

fn dummy(preset: &str) -> Result<Detector, YoloError> {
    let weights = Weights::Dummy { preset: preset.to_owned(), seed: 1 };
    Detector::load(&weights, &Device::Cpu)
}

#[test]
fn pictures_of_every_shape_are_searched() {
    let detector = dummy("yolov8-tiny").unwrap();
    let everything = DetectOptions { conf: 0.0, iou: 0.7, max_det: 20 };
    for (width, height) in [(1, 1), (1, 8000), (8000, 1), (7680, 4320), (640, 384), (33, 57)] {
        let picture = picture(width, height);
        let found = detector.detect(&picture, &everything).unwrap();
        assert!(!found.is_empty() && found.len() <= 20, "{width}×{height}: {}", found.len());
        for detection in found {
            let [left, top, right, bottom] = detection.xyxy;
            assert!(0.0 <= left && left <= right && right <= width as f32, "{detection:?}");
            assert!(0.0 <= top && top <= bottom && bottom <= height as f32, "{detection:?}");
        }
        assert!(detector.detect(&picture, &DetectOptions::default()).unwrap().is_empty());
    }
}

#[test]
fn bad_questions_are_errors() {
    let detector = dummy("yolov8-tiny").unwrap();
    let options = DetectOptions::default();
    let nothing = detector.detect(&RgbImage::new(0, 4), &options).unwrap_err().to_string();
    assert!(nothing.contains("0 × 4"), "{nothing}");
    let picture = RgbImage::new(32, 32);
    let conf = detector.detect(&picture, &DetectOptions { conf: f32::NAN, ..options }).unwrap_err();
    assert!(conf.to_string().contains("`conf` is NaN"), "{conf}");
    let iou = detector.detect(&picture, &DetectOptions { iou: 1.5, ..options }).unwrap_err();
    assert!(iou.to_string().contains("`iou` is 1.5"), "{iou}");
    let preset = dummy("yolov8z").unwrap_err().to_string();
    assert!(preset.contains("yolov8z") && preset.contains("yolov8n"), "{preset}");
}

/// Parameters of the published models, batch normalization folded in.
#[test]
fn presets_have_the_published_sizes() {
    for (name, millions) in
        [("yolov8n", 3.15), ("yolov8s", 11.16), ("yolov8m", 25.89), ("yolov8l", 43.67), ("yolov8x", 68.2)]
    {
        let architecture = Preset::find(name).unwrap().architecture;
        let checkpoint = Checkpoint::dummy(0);
        Network::load(&architecture, &checkpoint.var_builder(DType::F32, &Device::Cpu)).unwrap();
        let usage = checkpoint.finish(&[]).unwrap();
        let parameters = usage.bytes as f64 / 4e6;
        assert!((parameters / millions - 1.0).abs() < 0.01, "{name}: {parameters} million");
    }
}

/// A small detector with three classes and odd numbers of channels, batch normalization folded in.
fn tensors() -> Tensors {
    let architecture = Architecture {
        widths: [4, 6, 10, 12, 20],
        depth: 1,
        deep: 2,
        box_width: 8,
        class_width: 5,
        classes: 3,
    };
    let names = VarMap::new();
    let builder = VarBuilder::from_varmap(&names, DType::F32, &Device::Cpu);
    Network::load(&architecture, &builder).unwrap();
    let shapes = names.data().lock().unwrap();
    let random = |name: &String, shape: &[usize]| {
        let spread = (shape.iter().skip(1).product::<usize>() as f64).sqrt().recip();
        let seed = name.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let value = |index: usize| ((index as f64 + seed as f64 % 1000.0) * 12.9898).sin() * spread;
        let values = (0..shape.iter().product()).map(|index| value(index) as f32).collect::<Vec<_>>();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let mut tensors: Tensors =
        shapes.iter().map(|(name, var)| (name.clone(), random(name, var.dims()))).collect();
    let distances = Tensor::arange(0_f32, 16.0, &Device::Cpu).unwrap().reshape((1, 16, 1, 1)).unwrap();
    tensors.insert("model.22.dfl.conv.weight".to_owned(), distances);
    tensors
}

/// The same detector with batch normalization apart.
fn unfolded(tensors: &Tensors) -> Tensors {
    let mut apart = tensors.clone();
    for (name, bias) in tensors {
        let Some(layer) = name.strip_suffix(".conv.bias") else { continue };
        let channels = bias.dims1().unwrap();
        let vector = |start: f32, step: f32| {
            let values = (0..channels).map(|channel| start + step * channel as f32).collect::<Vec<_>>();
            Tensor::from_vec(values, channels, &Device::Cpu).unwrap()
        };
        let (gain, mean, variance) = (vector(0.5, 0.1), vector(-0.3, 0.05), vector(0.7, 0.2));
        let scale = (&gain / (&variance + 1e-3).unwrap().sqrt().unwrap()).unwrap();
        let weight = format!("{layer}.conv.weight");
        let divided = tensors[&weight].broadcast_div(&scale.reshape((channels, 1, 1, 1)).unwrap()).unwrap();
        let shift = (bias + (&mean * &scale).unwrap()).unwrap();
        apart.remove(name);
        apart.extend([
            (weight, divided),
            (format!("{layer}.bn.weight"), gain),
            (format!("{layer}.bn.bias"), shift),
            (format!("{layer}.bn.running_mean"), mean),
            (format!("{layer}.bn.running_var"), variance),
            (format!("{layer}.bn.num_batches_tracked"), Tensor::new(5_i64, &Device::Cpu).unwrap()),
        ]);
    }
    apart
}

fn saved(tensors: &Tensors) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    candle_core::safetensors::save(tensors, &path).unwrap();
    (folder, path)
}

fn local(path: &Path) -> Result<Detector, YoloError> {
    Detector::load(&Weights::Local { path: path.to_owned(), name: "small".to_owned() }, &Device::Cpu)
}

fn predictions(tensors: &Tensors) -> Vec<f32> {
    let (_folder, path) = saved(tensors);
    let detector = local(&path).unwrap();
    let mut session = detector.session(&picture(100, 90)).unwrap();
    session.infer();
    session.raw()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn folded_and_unfolded_normalization_and_half_floats_agree() {
    let tensors = tensors();
    let folded = predictions(&tensors);
    let scores = folded.chunks_exact(7).map(|anchor| anchor[4]).collect::<Vec<_>>();
    assert!(scores.iter().any(|score| (score - scores[0]).abs() > 1e-4), "every score is the same");
    assert!(largest_difference(&folded, &predictions(&unfolded(&tensors))) < 1e-3);
    let half = |tensor: &Tensor| tensor.to_dtype(DType::F16).unwrap();
    let halves = tensors.iter().map(|(name, tensor)| (name.clone(), half(tensor))).collect();
    let difference = largest_difference(&folded, &predictions(&halves));
    assert!(difference > 0.0 && difference < 2.0, "{difference}");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let message = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = tensors();
        change(&mut tensors);
        let (_folder, path) = saved(&tensors);
        local(&path).unwrap_err().to_string()
    };
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    for name in [
        "model.9.cv2.conv.weight",
        "model.0.conv.weight",
        "model.22.cv3.2.2.bias",
        "model.22.dfl.conv.weight",
    ] {
        let missing = message(&|tensors| drop(tensors.remove(name)));
        assert!(missing.contains(name), "{missing}");
        let misshapen = message(&|tensors| drop(tensors.insert(name.to_owned(), zeros(&[3, 2]))));
        assert!(misshapen.contains(name), "{misshapen}");
    }
    let extra = message(&|tensors| drop(tensors.insert("model.23.weight".to_owned(), zeros(&[1]))));
    assert!(extra.contains("model.23.weight"), "{extra}");
    let distances = message(&|tensors| {
        tensors.insert("model.22.dfl.conv.weight".to_owned(), zeros(&[1, 16, 1, 1]));
    });
    assert!(distances.contains("0 to 15"), "{distances}");
    let empty =
        message(&|tensors| drop(tensors.insert("model.22.cv3.0.2.weight".to_owned(), zeros(&[0, 5, 1, 1]))));
    assert!(empty.contains("number of classes"), "{empty}");
    let damaged = message(&|tensors| {
        let weight = &tensors["model.3.conv.weight"];
        tensors.insert("model.3.conv.weight".to_owned(), (weight / 0.0).unwrap());
    });
    assert!(damaged.contains("model.3"), "{damaged}");
}

#[test]
fn names_of_classes_come_from_the_checkpoint() {
    let (folder, path) = saved(&tensors());
    assert_eq!(local(&path).unwrap().labels(), ["class 0", "class 1", "class 2"]);
    let config = folder.path().join("config.json");
    std::fs::write(&config, r#"{"names": {"0": "cat", "1": "dog", "2": "crow"}}"#).unwrap();
    assert_eq!(local(folder.path()).unwrap().labels(), ["cat", "dog", "crow"]);
    std::fs::write(&config, r#"{"names": ["cat", "dog"]}"#).unwrap();
    let message = local(folder.path()).unwrap_err().to_string();
    assert!(message.contains("config.json") && message.contains("2 classes"), "{message}");
    std::fs::remove_file(&config).unwrap();
    let metadata = HashMap::from([("names".to_owned(), r#"["a", "b", "c"]"#.to_owned())]);
    safetensors::serialize_to_file(&tensors(), Some(metadata), &path).unwrap();
    assert_eq!(local(&path).unwrap().labels(), ["a", "b", "c"]);
}

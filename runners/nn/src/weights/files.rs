//! Memory-mapped safetensors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Shape, Tensor};
use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;

use super::WeightsError;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLED: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

/// The tensors of one file, or of the shards of one folder.
pub(super) struct TensorFiles {
    /// What errors about the whole point at.
    place: PathBuf,
    shards: Vec<Shard>,
    entries: BTreeMap<String, Entry>,
}

struct Shard {
    path: PathBuf,
    bytes: Mmap,
}

/// Where a tensor lies. The range is inside its shard: [`Shard::entries`] has checked it.
struct Entry {
    shard: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl TensorFiles {
    /// Opens one file, or a folder in the hub's layout.
    pub(super) fn open(path: &Path) -> Result<Self, WeightsError> {
        if !path.is_dir() {
            return Self::from_shards(path.to_owned(), &[path.to_owned()]);
        }
        let single = path.join(SINGLE);
        if single.is_file() {
            return Self::from_shards(single.clone(), &[single]);
        }
        let index = path.join(INDEX);
        if index.is_file() {
            return Self::from_index(path, &index);
        }
        let pickled = PICKLED.iter().any(|name| path.join(name).is_file());
        let hint = if pickled { ", only pickled PyTorch weights, which are never opened" } else { "" };
        Err(WeightsError::NoTensors { path: path.to_owned(), hint })
    }

    fn from_index(folder: &Path, index: &Path) -> Result<Self, WeightsError> {
        let at_odds = |reason: String| WeightsError::Index { path: index.to_owned(), reason };
        let text = std::fs::read(index).map_err(|source| WeightsError::read(index, source))?;
        let Index { weight_map } = serde_json::from_slice(&text)
            .map_err(|source| WeightsError::Json { path: index.to_owned(), source })?;
        let names: BTreeSet<&String> = weight_map.values().collect();
        let mut paths = Vec::with_capacity(names.len());
        for name in names {
            // A checkpoint must not make us read outside of its folder.
            if Path::new(name).file_name() != Some(name.as_ref()) {
                return Err(at_odds(format!("shard `{name}` is not a plain file name")));
            }
            paths.push(folder.join(name));
        }
        let files = Self::from_shards(index.to_owned(), &paths)?;
        for (tensor, shard) in &weight_map {
            if files
                .entries
                .get(tensor)
                .is_none_or(|entry| files.shards[entry.shard].path != folder.join(shard))
            {
                return Err(at_odds(format!("tensor `{tensor}` is not in `{shard}` as it says")));
            }
        }
        Ok(files)
    }

    fn from_shards(place: PathBuf, paths: &[PathBuf]) -> Result<Self, WeightsError> {
        let mut files = Self { place, shards: Vec::with_capacity(paths.len()), entries: BTreeMap::new() };
        for path in paths {
            let shard = Shard::open(path)?;
            for (name, entry) in shard.entries(files.shards.len())? {
                if let Some(other) = files.entries.get(&name) {
                    let other = files.shards[other.shard].path.display();
                    let reason = format!("tensor `{name}` is in {other} too");
                    return Err(WeightsError::Index { path: path.clone(), reason });
                }
                files.entries.insert(name, entry);
            }
            files.shards.push(shard);
        }
        Ok(files)
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Copies a tensor out of its file, after checking it against `expected` if that is known.
    pub(super) fn load(
        &self,
        name: &str,
        expected: Option<&Shape>,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, WeightsError> {
        let Some(entry) = self.entries.get(name) else {
            let (path, tensor) = (self.place.clone(), name.to_owned());
            return Err(WeightsError::Missing { path, tensor, shape: expected.cloned() });
        };
        let shard = &self.shards[entry.shard];
        if let Some(expected) = expected
            && expected.dims() != entry.shape
        {
            return Err(WeightsError::Misshapen {
                path: shard.path.clone(),
                tensor: name.to_owned(),
                expected: expected.clone(),
                found: Shape::from(entry.shape.clone()),
            });
        }
        let readable = match dtype {
            DType::U8 => entry.dtype == Dtype::U8,
            _ => matches!(entry.dtype, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16),
        };
        if !readable {
            let dtype = format!("{:?}", entry.dtype);
            return Err(WeightsError::StoredAs { path: shard.path.clone(), tensor: name.to_owned(), dtype });
        }
        let data = &shard.bytes[entry.range.clone()];
        let view = TensorView::new(entry.dtype, entry.shape.clone(), data)
            .map_err(|error| WeightsError::not_safetensors(&shard.path, &shard.bytes, &error))?;
        Ok(view.load(device)?.to_dtype(dtype)?)
    }
}

impl Shard {
    fn open(path: &Path) -> Result<Self, WeightsError> {
        let file = File::open(path).map_err(|source| WeightsError::read(path, source))?;
        // SAFETY: nobody else may write to the file while it is mapped. Weights are written once
        // and renamed into place, and whoever edits them under a measurement invalidates it anyway.
        #[expect(unsafe_code, reason = "memory-mapping is what keeps loading at the speed of the disk")]
        let bytes = unsafe { Mmap::map(&file) }.map_err(|source| WeightsError::read(path, source))?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// Reads and checks the header: offsets without gaps, sizes that match shapes and types, and
    /// a file that ends where the last tensor does.
    fn entries(&self, shard: usize) -> Result<BTreeMap<String, Entry>, WeightsError> {
        let (header, metadata) = SafeTensors::read_metadata(&self.bytes)
            .map_err(|error| WeightsError::not_safetensors(&self.path, &self.bytes, &error))?;
        // The header's length itself takes eight bytes.
        let data = header + 8;
        Ok(metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (start, end) = info.data_offsets;
                let range = data + start..data + end;
                (name, Entry { shard, dtype: info.dtype, shape: info.shape.clone(), range })
            })
            .collect())
    }
}

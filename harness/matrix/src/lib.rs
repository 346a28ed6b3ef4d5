//! matrix.yaml to validated matrix, cells and plan.
//!
//! [`Matrix::load`] reads and validates a file, [`Matrix::expand`] turns it into cells for a runner
//! of given capabilities, [`with_dependencies`] keeps the cells that `--only` means, and
//! [`load_spec`] says which of them can share a process. Everything that is wrong with a matrix is
//! reported at once, each with its line ([`MatrixError`]).

mod axes;
mod check;
mod combination;
mod defaults;
mod exclude;
mod expand;
mod films;
mod folders;
mod grammar;
mod hub;
mod knob;
mod layout;
mod link;
mod load;
mod matrix;
mod memory_limit;
mod needs;
mod node;
mod point;
mod problem;
mod read;
mod run;
mod runners;
mod schema;
mod select;
mod setting;
mod shape;
mod support;
mod value;
mod weights;
mod words;

pub use expand::Expansion;
pub use films::{CatalogError, cached_path, catalog, find_film};
pub use folders::Folders;
pub use grammar::DEFAULT_QUESTION;
pub use hub::{
    HubModel, NotARepository, SHARD_INDEX, SINGLE_FILE, ShardIndexError, is_commit, missing_weights, shards,
};
pub use load::load_spec;
pub use matrix::{Matrix, Video};
pub use memory_limit::{ByteSize, MemoryLimit, NotAMemoryLimit};
pub use needs::Needs;
pub use problem::{MatrixError, MatrixReport, Place, Problem, Severity};
pub use run::{Gate, HowMany, Order, Run, RunOverrides};
pub use runners::{RunnerEntry, read_runners};
pub use schema::schema;
pub use select::{Selection, SelectionError, with_dependencies};
pub use weights::{WeightsError, resolve_weights};

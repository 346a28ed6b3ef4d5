//! What can be typed after `bench fetch`.

use std::path::PathBuf;

use clap::Args;
use reelbench_fetch::Check;

use super::{Network, NetworkArgs, OutputArgs};

const EXAMPLES: &str = "\
Examples:
  bench fetch matrix.yaml                   download what is missing
  bench fetch matrix.yaml --verify          hash what is there, too, and replace what is damaged
  bench fetch matrix.yaml --offline         only tell what is missing
  HF_TOKEN=... bench fetch matrix.yaml      models behind a licence

Models come from the hub (HF_ENDPOINT) into its cache (HF_HUB_CACHE, else HF_HOME/hub), where every program that \
knows the cache finds them; films come into reelbench/datasets below XDG_CACHE_HOME. Every download is held against \
its hash before it gets its name; one that was interrupted goes on where it ended.

Exit codes:
  0 everything is there   2 usage or invalid matrix   1 something is missing";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FetchArgs {
    /// The matrix
    #[arg(value_name = "MATRIX.yaml")]
    pub(crate) matrix: PathBuf,
    /// Hash files that are there already instead of only looking at their size
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl FetchArgs {
    pub(crate) fn check(&self) -> Check {
        if self.verify { Check::Hash } else { Check::Size }
    }

    pub(crate) fn network(&self) -> Network {
        self.network.network()
    }
}

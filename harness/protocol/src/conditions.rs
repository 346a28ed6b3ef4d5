//! What else went on on the machine while a repeat ran.

use serde::{Deserialize, Serialize};

/// What `bench` saw of the machine from just before a repeat's command to just after its answer. What the system does not
/// say is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Processor seconds that the runner and what it started used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_cpu_s: Option<f64>,
    /// Processor seconds that all others used, `bench` included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others_cpu_s: Option<f64>,
}

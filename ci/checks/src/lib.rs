//! Checks of the workspace itself; they live in `tests`.

//! Resizes that give the same bytes as the libraries the reference pipelines use.
//!
//! Models were trained and published with Pillow's antialiased resize, scene detection with OpenCV's, which does
//! not antialias. The two differ by far more than rounding.

mod cv2;
mod pil;

pub use cv2::cv2_linear;
pub(crate) use cv2::{AxisTaps, Edge, blend_rows, is_halving};
pub use pil::{pil_bicubic, pil_bilinear};

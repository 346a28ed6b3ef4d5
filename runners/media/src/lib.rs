//! Decoding, resampling, frame sampling, exact resizes and scene detection.
//!
//! # One clock
//! Everything here counts time from the start of the film, that is, of its container: time stamps of frames, times of
//! scenes, and the samples of the sound, of which number 0 stands at that start. A film whose own clock starts
//! elsewhere (a recording of a broadcast, a clip cut without re-encoding) is moved there; distances are kept exactly.
//!
//! # Pictures
//! [`VideoFile`] decodes. [`FrameSampler`] gives the frames of each scene that a captioner sees: [`RgbImage`]s in the
//! stream's own colours, turned as the rotation metadata says. Pixels are taken as square.
//!
//! # One pass
//! [`FilmPass`] decodes a film once for scene detection and for whoever wants every nth frame.
//!
//! # Scenes
//! [`detect_scenes`] finds the cuts that `PySceneDetect` 0.7.2 finds, and [`whole_film_scene_list`] takes the film as one
//! scene. Both know the time stamp of every frame, so that a frame can be found again exactly.
//!
//! # Bad input
//! A film that is missing, empty, truncated or damaged, or lacks the stream that is asked for, is a [`MediaError`] that
//! names the file and the place. [`VideoFile`] and [`decode_audio`] state the rules.

mod audio;
mod clock;
mod container;
mod error;
mod ffmpeg;
mod pass;
mod picture;
pub mod resize;
mod rotation;
mod sampling;
mod scaler;
mod scene;
mod timeline;
mod video;

pub use audio::{Audio, decode_audio};
pub use error::MediaError;
pub use ffmpeg::ffmpeg_version;
pub use pass::{FilmFrame, FilmPass, detect_scenes};
pub use picture::{RgbImage, is_still_image, load_image, save_png};
pub use rotation::Rotation;
pub use sampling::{FrameSampler, SceneFrames, fitted_size, sampled_frames};
pub use scene::Detection;
pub use timeline::{duration_s, scan_timeline, whole_film_scene_list};
pub use video::{DecodeThreads, VideoFile, VideoFrame};

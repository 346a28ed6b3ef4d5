//! The few things that FFmpeg can do and `ffmpeg-next` does not offer, and its set-up.

use std::ffi::CStr;
use std::ptr;
use std::sync::Once;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::packet::Ref;
use ffmpeg_next::software::resampling;
use ffmpeg_next::{Packet, codec, ffi, format, frame};

static READY: Once = Once::new();

/// Registers FFmpeg's error texts and quiets its log, which goes to stderr, to errors. Cheap after the first time.
pub(crate) fn ready() {
    READY.call_once(|| {
        ffmpeg::util::error::register_all();
        ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    });
}

/// Version of the FFmpeg that is linked, such as `5.1.6-0+deb12u1`.
pub fn ffmpeg_version() -> String {
    #[expect(unsafe_code, reason = "ffmpeg-next has no call for it; FFmpeg returns a static C string")]
    let version = unsafe { CStr::from_ptr(ffi::av_version_info()) };
    version.to_string_lossy().into_owned()
}

/// Whether the frame in `packet` must be decoded but not shown: it lies outside the edit list.
pub(crate) fn is_hidden(packet: &Packet) -> bool {
    #[expect(unsafe_code, reason = "ffmpeg-next drops this flag; the pointer is that of a live packet")]
    let flags = unsafe { (*packet.as_ptr()).flags };
    flags & ffi::AV_PKT_FLAG_DISCARD != 0
}

/// Tells the demuxer to read one stream only.
pub(crate) fn read_only_stream(input: &mut format::context::Input, wanted: usize) {
    for index in 0..input.streams().count() {
        if index == wanted {
            continue;
        }
        #[expect(unsafe_code, reason = "ffmpeg-next cannot set it; the index is below the number of streams")]
        unsafe {
            let stream = *(*input.as_mut_ptr()).streams.add(index);
            (*stream).discard = ffi::AVDiscard::AVDISCARD_ALL;
        }
    }
}

/// The container's start in microseconds; 0 where it does not say.
pub(crate) fn start_us(input: &format::context::Input) -> i64 {
    #[expect(unsafe_code, reason = "ffmpeg-next has no accessor; the pointer is that of an open input")]
    let start = unsafe { (*input.as_ptr()).start_time };
    if start == ffi::AV_NOPTS_VALUE { 0 } else { start }
}

/// Whether durations are only a guess from the bit rate.
pub(crate) fn durations_are_guessed(input: &format::context::Input) -> bool {
    #[expect(unsafe_code, reason = "ffmpeg-next has no accessor; the pointer is that of an open input")]
    let method = unsafe { (*input.as_ptr()).duration_estimation_method };
    method == ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE
}

/// Sets the number of decoding threads (0: one per processor) and lets the codec choose how it uses them.
pub(crate) fn set_threads(context: &mut codec::Context, threads: usize) {
    let threads = i32::try_from(threads).unwrap_or(i32::MAX);
    #[expect(
        unsafe_code,
        reason = "ffmpeg-next's setter also narrows the kind of threading; the codec is not open yet"
    )]
    unsafe {
        (*context.as_mut_ptr()).thread_count = threads;
    }
}

/// Width and height that a stream of pictures states; 0 where it does not.
pub(crate) fn picture_size(parameters: &codec::Parameters) -> (u32, u32) {
    #[expect(unsafe_code, reason = "ffmpeg-next has no accessor; the pointer is that of live parameters")]
    let (width, height) = unsafe { ((*parameters.as_ptr()).width, (*parameters.as_ptr()).height) };
    (width.unsigned_abs(), height.unsigned_abs())
}

/// Makes a codec refuse pictures of more than `most` pixels.
pub(crate) fn limit_pixels(context: &mut codec::Context, most: i64) {
    #[expect(unsafe_code, reason = "ffmpeg-next cannot set it; the codec is not open yet")]
    unsafe {
        (*context.as_mut_ptr()).max_pixels = most;
    }
}

/// Feeds a frame, or for `None` what is still held back, to a resampler with packed mono float output, and returns
/// how many samples it wrote.
///
/// `frame` must be of the format, layout and rate that `resampler` was made for. (The binding's own call compares
/// layouts by name and so refuses frames that only know how many channels they have.)
pub(crate) fn resample(
    resampler: &mut resampling::Context,
    frame: Option<&frame::Audio>,
    output: &mut [f32],
) -> Result<usize, ffmpeg::Error> {
    let capacity = i32::try_from(output.len()).unwrap_or(i32::MAX);
    let mut planes = [output.as_mut_ptr().cast::<u8>()];
    #[expect(
        unsafe_code,
        reason = "the output has room for `capacity` samples, the input for as many as it says"
    )]
    let written = unsafe {
        let (input, samples) = match frame {
            Some(frame) => ((*frame.as_ptr()).extended_data, (*frame.as_ptr()).nb_samples),
            None => (ptr::null_mut(), 0),
        };
        ffi::swr_convert(resampler.as_mut_ptr(), planes.as_mut_ptr().cast(), capacity, input.cast(), samples)
    };
    if written < 0 { Err(ffmpeg::Error::from(written)) } else { Ok(written as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_one() {
        assert!(ffmpeg_version().chars().any(|c| c.is_ascii_digit()), "{}", ffmpeg_version());
    }
}

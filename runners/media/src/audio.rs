//! Sound as speech and sound models take it: 16 kHz, one channel.

use std::path::Path;

use ffmpeg_next::channel_layout::ChannelLayout;
use ffmpeg_next::error::EAGAIN;
use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::software::resampling;
use ffmpeg_next::{Error, codec, frame};

use crate::container::{Container, Medium};
use crate::{MediaError, ffmpeg};

/// Mono sound; sample 0 is the start of the film, on the same clock as the frames of
/// [`VideoFile`](crate::VideoFile).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audio {
    /// Amplitudes, nominally from -1 to 1, [`Audio::SAMPLE_RATE`] per second.
    pub samples: Vec<f32>,
}

impl Audio {
    /// Samples per second.
    pub const SAMPLE_RATE: u32 = 16_000;

    /// Length in seconds.
    pub fn duration_s(&self) -> f64 {
        self.samples.len() as f64 / f64::from(Self::SAMPLE_RATE)
    }
}

/// A shift shorter than this is left alone: it is below what speech and sound models resolve, and it is what decoders
/// do that swallow their first frame (AAC, most often). The `ffmpeg` tool leaves it alone as well, so that sound without
/// a real offset comes out sample for sample as from there.
const SHORTEST_SHIFT_S: f64 = 0.05;

/// Decodes the best audio stream of `path` (of several, the one marked as default; else the one with more channels or a
/// higher bit rate), mixes its channels to one as FFmpeg does for floating-point output (they keep
/// their power) and resamples it with libswresample.
///
/// Sound that starts after the film is preceded by silence, sound before the film's start is dropped, a gap in the time
/// stamps is filled with silence, and where they go back the sound that is already there is kept, so that every sample
/// stands at its time (to 0.05 s; shorter shifts are left alone). Sound that is 16-bit, mono and at 16 kHz already is only
/// divided by 32768.
///
/// # Errors
/// [`MediaError::NoAudio`] when the file has no sound: no audio stream, or one without a single packet. Else when the file
/// cannot be opened, is damaged in the middle (which includes a gap that reaches more than a second beyond the declared end,
/// gaps of more than 24 hours together, and samples that are infinite, not numbers or beyond a million times full scale),
/// or stops more than a second before its declared end. Bytes at the very end that do not decode (tags behind an MP3, say)
/// are passed over.
pub fn decode_audio(path: &Path) -> Result<Audio, MediaError> {
    let container = Container::open(path, Medium::Audio)?;
    let decoder = container.decoder(1)?.audio().map_err(|reason| container.no_codec(reason))?;
    // The stream's own length may leave out a late start.
    let file_end_s = container.declared_duration_s().unwrap_or(0.0);
    let declared_end_s = container.declared_end_s().map(|end_s| end_s.max(file_end_s));
    let mut reader = AudioReader { container, decoder, has_packets: false, sent_end: false, rejected: None };
    let mut track = Track { declared_end_s, ..Track::default() };
    while let Some(frame) = reader.next_frame(&track)? {
        let clock = reader.container.clock();
        let at_s = frame.timestamp().map(|ticks| clock.seconds(clock.film_ticks(ticks)));
        track.append(&frame, at_s).map_err(|error| reader.unusable(&error, track.end_s))?;
    }
    let end_s = track.end_s;
    let samples = track.finish().map_err(|error| reader.unusable(&error, end_s))?;
    if !reader.has_packets && !reader.container.promises_packets() {
        return Err(MediaError::NoAudio { path: path.to_owned() });
    }
    reader.container.early_end(end_s)?;
    if samples.is_empty() {
        return Err(MediaError::NothingDecoded { path: path.to_owned() });
    }
    Ok(Audio { samples })
}

/// The decoder and what feeds it.
struct AudioReader {
    container: Container,
    decoder: codec::decoder::Audio,
    has_packets: bool,
    sent_end: bool,
    /// Why the last packet was not decoded.
    rejected: Option<Error>,
}

impl AudioReader {
    /// The error of sound that ends at `end_s` and cannot go on.
    fn unusable(&self, error: &AppendError, end_s: f64) -> MediaError {
        let at_s = match *error {
            AppendError::Resample(reason) => return self.container.no_codec(reason),
            AppendError::FarJump { .. } => end_s,
            AppendError::NoLevel { at_s } => at_s,
        };
        MediaError::damaged(self.container.path(), at_s, error)
    }

    fn next_frame(&mut self, track: &Track) -> Result<Option<frame::Audio>, MediaError> {
        let mut frame = frame::Audio::empty();
        loop {
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    return match self.rejected.take().filter(|_| track.has_sound()) {
                        Some(reason) => Err(MediaError::damaged(self.container.path(), track.end_s, &reason)),
                        None => Ok(Some(frame)),
                    };
                }
                Err(Error::Other { errno: EAGAIN }) => self.feed(),
                Err(Error::Eof) => return Ok(None),
                Err(reason) => self.rejected = Some(reason),
            }
        }
    }

    fn feed(&mut self) {
        if self.sent_end {
            return;
        }
        let sent = if let Some(packet) = self.container.next_packet() {
            self.has_packets = true;
            self.decoder.send_packet(&packet)
        } else {
            self.sent_end = true;
            self.decoder.send_eof()
        };
        if let Err(reason) = sent {
            self.rejected = Some(reason);
        }
    }
}

/// The sound so far, on the film's clock.
#[derive(Default)]
struct Track {
    samples: Vec<f32>,
    output: Vec<f32>,
    resampler: Option<(Shape, resampling::Context)>,
    /// Where the sound decoded so far ends.
    end_s: f64,
    /// Samples before the start of the film, or where there is sound already, that are still to be dropped.
    to_drop: usize,
    /// Samples of silence that filled gaps.
    silence: i64,
    /// Where the file says that it ends.
    declared_end_s: Option<f64>,
    started: bool,
}

/// Why a frame cannot be added to a track.
#[derive(Debug, PartialEq, thiserror::Error)]
enum AppendError {
    #[error(transparent)]
    Resample(#[from] Error),
    #[error("the next sound is said to be at {to_s:.3} s, far past the end")]
    FarJump { to_s: f64 },
    #[error("a sample is not a number or far beyond full scale")]
    NoLevel { at_s: f64 },
}

/// Containers round, and so a gap may reach this much past the declared end.
const PAST_END_S: f64 = 1.0;
/// More silence than this, in samples (24 hours), comes from time stamps that are wrong; it would fill the memory.
const MOST_SILENCE: i64 = 24 * 60 * 60 * Audio::SAMPLE_RATE as i64;

/// Sound is never louder than this, also where a file counts in 16-bit units; its square and sums of it stay finite.
const LOUDEST: f32 = 1e6;

/// What a resampler depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    format: Sample,
    layout: ChannelLayout,
    rate: u32,
}

const MONO_FLOAT: Sample = Sample::F32(Type::Packed);

impl Track {
    fn has_sound(&self) -> bool {
        self.started
    }

    fn append(&mut self, frame: &frame::Audio, at_s: Option<f64>) -> Result<(), AppendError> {
        let start_s = at_s.unwrap_or(self.end_s);
        if (start_s - self.end_s).abs() > SHORTEST_SHIFT_S {
            self.flush()?;
            self.jump(start_s)?;
        }
        self.started = true;
        self.end_s += frame.samples() as f64 / f64::from(frame.rate().max(1));
        self.resample(frame)
    }

    /// Lets the next sample stand at `to_s`: fills up to there with silence, or drops what would overlap.
    fn jump(&mut self, to_s: f64) -> Result<(), AppendError> {
        let place = (to_s * f64::from(Audio::SAMPLE_RATE)).round() as i64;
        let missing = place.saturating_sub(self.samples.len() as i64);
        if missing > 0 {
            self.silence = self.silence.saturating_add(missing);
            let is_past_end = self.declared_end_s.is_some_and(|end_s| to_s > end_s + PAST_END_S);
            if is_past_end || self.silence > MOST_SILENCE {
                return Err(AppendError::FarJump { to_s });
            }
            self.samples.resize(place as usize, 0.0);
        }
        self.to_drop = missing.saturating_neg().max(0) as usize;
        self.end_s = to_s;
        Ok(())
    }

    fn resample(&mut self, frame: &frame::Audio) -> Result<(), AppendError> {
        let shape = shape_of(frame);
        if self.resampler.as_ref().is_none_or(|(known, _)| *known != shape) {
            self.flush()?;
            self.resampler = Some((shape, resampler_for(shape)?));
        }
        let Some((_, resampler)) = &mut self.resampler else { return Ok(()) };
        let resampled = frame.samples() as u64 * u64::from(Audio::SAMPLE_RATE) / u64::from(shape.rate.max(1));
        self.output.resize((resampled + MARGIN) as usize, 0.0);
        let written = ffmpeg::resample(resampler, Some(frame), &mut self.output)?;
        self.keep(written)
    }

    /// Takes what the resampler still holds.
    fn flush(&mut self) -> Result<(), AppendError> {
        let Some((_, mut resampler)) = self.resampler.take() else { return Ok(()) };
        self.output.resize(MARGIN as usize, 0.0);
        loop {
            match ffmpeg::resample(&mut resampler, None, &mut self.output)? {
                0 => return Ok(()),
                written => self.keep(written)?,
            }
        }
    }

    /// Appends what was written to the output.
    fn keep(&mut self, written: usize) -> Result<(), AppendError> {
        let dropped = self.to_drop.min(written);
        self.to_drop -= dropped;
        let kept = &self.output[dropped..written];
        let is_level = |sample: &f32| sample.abs() <= LOUDEST;
        if !kept.iter().all(is_level) {
            let good = self.samples.len() + kept.iter().take_while(|sample| is_level(sample)).count();
            return Err(AppendError::NoLevel { at_s: good as f64 / f64::from(Audio::SAMPLE_RATE) });
        }
        self.samples.extend_from_slice(kept);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<f32>, AppendError> {
        self.flush()?;
        Ok(self.samples)
    }
}

/// Room for what a resampler holds back: its filter is far shorter.
const MARGIN: u64 = 4096;

fn shape_of(frame: &frame::Audio) -> Shape {
    let layout = frame.channel_layout();
    let layout = if layout.is_empty() { ChannelLayout::default(i32::from(frame.channels())) } else { layout };
    Shape { format: frame.format(), layout, rate: frame.rate() }
}

/// FFmpeg's own mixing down for floating-point output: channels keep their power, so that loud stereo may pass full
/// scale.
fn resampler_for(shape: Shape) -> Result<resampling::Context, Error> {
    resampling::Context::get(
        shape.format,
        shape.layout,
        shape.rate,
        MONO_FLOAT,
        ChannelLayout::MONO,
        Audio::SAMPLE_RATE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = Audio::SAMPLE_RATE as usize;

    /// A second of sound at one level, which needs no resampling.
    fn second_of(level: f32) -> frame::Audio {
        let mut frame = frame::Audio::new(MONO_FLOAT, SECOND, ChannelLayout::MONO);
        frame.set_rate(Audio::SAMPLE_RATE);
        frame.plane_mut::<f32>(0).fill(level);
        frame
    }

    /// The track of a second of sound at each of these times, at levels 1, 2 and so on.
    fn track_of(times_s: &[f64]) -> Vec<f32> {
        let mut track = Track::default();
        for (index, at_s) in times_s.iter().enumerate() {
            track.append(&second_of((index + 1) as f32), Some(*at_s)).unwrap();
        }
        track.finish().unwrap()
    }

    /// Levels with how many samples they last.
    fn levels(samples: &[f32]) -> Vec<(f32, usize)> {
        samples.chunk_by(|a, b| a.to_bits() == b.to_bits()).map(|run| (run[0], run.len())).collect()
    }

    #[test]
    fn sound_that_overlaps_does_not_make_later_sound_late() {
        let half = SECOND / 2;
        assert_eq!(levels(&track_of(&[0.0, 0.5, 1.5])), [(1.0, SECOND), (2.0, half), (3.0, SECOND)]);
        // Wholly inside what is there already.
        assert_eq!(levels(&track_of(&[0.0, 1.0, 0.5, 2.0])), [(1.0, SECOND), (2.0, SECOND), (4.0, SECOND)]);
    }

    #[test]
    fn samples_that_are_no_numbers_are_noticed_with_their_time() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            let mut track = Track::default();
            track.append(&second_of(1.0), Some(0.0)).unwrap();
            let mut frame = second_of(0.5);
            frame.plane_mut::<f32>(0)[SECOND / 4..].fill(bad);
            let error = track.append(&frame, Some(1.0)).unwrap_err();
            assert_eq!(error, AppendError::NoLevel { at_s: 1.25 });
        }
    }

    #[test]
    fn short_shifts_are_left_alone() {
        assert_eq!(levels(&track_of(&[0.04, 1.04, 1.96])), [(1.0, SECOND), (2.0, SECOND), (3.0, SECOND)]);
    }

    #[test]
    fn sound_before_the_film_is_dropped_whatever_follows() {
        let half = SECOND / 2;
        assert_eq!(levels(&track_of(&[-0.5, 0.5])), [(1.0, half), (2.0, SECOND)]);
        assert_eq!(levels(&track_of(&[-3.0, 0.5])), [(0.0, half), (2.0, SECOND)]);
    }

    #[test]
    fn a_gap_past_the_declared_end_is_refused() {
        let mut track = Track { declared_end_s: Some(3.0), ..Track::default() };
        track.append(&second_of(1.0), Some(0.0)).unwrap();
        track.append(&second_of(2.0), Some(2.0)).unwrap();
        let error = track.append(&second_of(3.0), Some(4.1)).unwrap_err();
        assert_eq!(error, AppendError::FarJump { to_s: 4.1 });
        assert!((track.end_s - 3.0).abs() < 1e-9, "{}", track.end_s);
    }

    #[test]
    fn time_stamps_that_cannot_be_are_refused() {
        for at_s in [25.0 * 3600.0, 1e15, f64::INFINITY] {
            let mut track = Track::default();
            track.append(&second_of(1.0), Some(0.0)).unwrap();
            let error = track.append(&second_of(2.0), Some(at_s)).unwrap_err();
            assert_eq!(error, AppendError::FarJump { to_s: at_s });
        }
        assert!(track_of(&[0.0, -1e15, f64::NEG_INFINITY]).len() == SECOND);
    }
}

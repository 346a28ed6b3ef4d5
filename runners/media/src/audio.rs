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

/// Decodes the best audio stream of `path`, mixes its channels with equal weight and resamples it with libswresample.
///
/// Sound that starts after the film is preceded by silence, sound before the film's start is dropped, and a gap in
/// the time stamps is filled with silence, so that every sample stands at its time (to 0.05 s; shorter shifts are left
/// alone). Sound that is 16-bit, mono and at 16 kHz already is only divided by 32768.
///
/// # Errors
/// When the file cannot be opened, has no sound, is damaged in the middle, or stops more than a second before its
/// declared end. Bytes at the very end that do not decode (tags behind an MP3, say) are passed over.
pub fn decode_audio(path: &Path) -> Result<Audio, MediaError> {
    let container = Container::open(path, Medium::Audio)?;
    let decoder = container.decoder(1)?.audio().map_err(|reason| container.no_codec(reason))?;
    let mut reader = AudioReader { container, decoder, sent_end: false, rejected: None };
    let mut track = Track::default();
    while let Some(frame) = reader.next_frame(&track)? {
        let clock = reader.container.clock();
        let at_s = frame.timestamp().map(|ticks| clock.seconds(clock.film_ticks(ticks)));
        track.append(&frame, at_s).map_err(|reason| reader.container.no_codec(reason))?;
    }
    let end_s = track.end_s;
    let samples = track.finish().map_err(|reason| reader.container.no_codec(reason))?;
    if samples.is_empty() {
        return Err(MediaError::NothingDecoded { path: path.to_owned() });
    }
    reader.container.early_end(end_s)?;
    Ok(Audio { samples })
}

/// The decoder and what feeds it.
struct AudioReader {
    container: Container,
    decoder: codec::decoder::Audio,
    sent_end: bool,
    /// Why the last packet was not decoded.
    rejected: Option<Error>,
}

impl AudioReader {
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
    /// Samples before the start of the film that are still to be dropped.
    to_drop: usize,
    started: bool,
}

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

    fn append(&mut self, frame: &frame::Audio, at_s: Option<f64>) -> Result<(), Error> {
        let start_s = at_s.unwrap_or(self.end_s);
        if (start_s - self.end_s).abs() > SHORTEST_SHIFT_S {
            let place = (start_s * f64::from(Audio::SAMPLE_RATE)).round();
            if !self.started {
                self.to_drop = (-place).max(0.0) as usize;
            }
            self.flush()?;
            self.samples.resize(self.samples.len().max(place.max(0.0) as usize), 0.0);
            self.end_s = start_s;
        }
        self.started = true;
        self.end_s += frame.samples() as f64 / f64::from(frame.rate().max(1));
        self.resample(frame)
    }

    fn resample(&mut self, frame: &frame::Audio) -> Result<(), Error> {
        let shape = shape_of(frame);
        if self.resampler.as_ref().is_none_or(|(known, _)| *known != shape) {
            self.flush()?;
            self.resampler = Some((shape, resampler_for(shape)?));
        }
        let Some((_, resampler)) = &mut self.resampler else { return Ok(()) };
        let resampled = frame.samples() as u64 * u64::from(Audio::SAMPLE_RATE) / u64::from(shape.rate.max(1));
        self.output.resize((resampled + MARGIN) as usize, 0.0);
        let written = ffmpeg::resample(resampler, Some(frame), &mut self.output)?;
        self.keep(written);
        Ok(())
    }

    /// Takes what the resampler still holds.
    fn flush(&mut self) -> Result<(), Error> {
        let Some((_, mut resampler)) = self.resampler.take() else { return Ok(()) };
        self.output.resize(MARGIN as usize, 0.0);
        loop {
            match ffmpeg::resample(&mut resampler, None, &mut self.output)? {
                0 => return Ok(()),
                written => self.keep(written),
            }
        }
    }

    /// Appends what was written to the output.
    fn keep(&mut self, written: usize) {
        let dropped = self.to_drop.min(written);
        self.to_drop -= dropped;
        self.samples.extend_from_slice(&self.output[dropped..written]);
    }

    fn finish(mut self) -> Result<Vec<f32>, Error> {
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

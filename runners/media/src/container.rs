//! Opening a file and reading one of its streams, packet by packet.

use std::path::{Path, PathBuf};

use ffmpeg_next::{Error, Packet, codec, format, media};

use crate::MediaError;
use crate::clock::{FilmClock, MICROSECONDS};
use crate::ffmpeg;

/// Damage is only certain once the stream ends this much before its declared end: containers round, and the sound
/// of a film is often a little shorter than its pictures.
const EARLY_END_S: f64 = 1.0;

/// An open file and the stream of it that is read.
pub(crate) struct Container {
    input: format::context::Input,
    path: PathBuf,
    stream: usize,
    clock: FilmClock,
    damage: Option<String>,
}

/// What a stream is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    Video,
    Audio,
}

impl Container {
    /// Opens `path` and picks the best stream of `medium`.
    pub(crate) fn open(path: &Path, medium: Medium) -> Result<Self, MediaError> {
        let mut input = open_input(path)?;
        let kind = match medium {
            Medium::Video => media::Type::Video,
            Medium::Audio => media::Type::Audio,
        };
        let of_kind = input.streams().filter(|stream| stream.parameters().medium() == kind);
        let mut candidates = input.streams().best(kind).into_iter().chain(of_kind);
        let stream = candidates.find(is_playable).ok_or_else(|| match medium {
            Medium::Video => MediaError::NoVideo { path: path.to_owned() },
            Medium::Audio => MediaError::NoAudio { path: path.to_owned() },
        })?;
        let (stream, time_base) = (stream.index(), stream.time_base());
        let clock = FilmClock::new(time_base, ffmpeg::start_us(&input));
        ffmpeg::read_only_stream(&mut input, stream);
        Ok(Self { input, path: path.to_owned(), stream, clock, damage: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn clock(&self) -> FilmClock {
        self.clock
    }

    /// The stream that is read.
    pub(crate) fn stream(&self) -> Result<format::stream::Stream<'_>, MediaError> {
        self.input.stream(self.stream).ok_or_else(|| MediaError::NothingDecoded { path: self.path.clone() })
    }

    /// A context for decoding the stream with `threads` threads (0: one per processor), and the codec's name.
    pub(crate) fn decoder(&self, threads: usize) -> Result<codec::decoder::Decoder, MediaError> {
        let stream = self.stream()?;
        let mut context =
            codec::Context::from_parameters(stream.parameters()).map_err(|e| self.no_codec(e))?;
        ffmpeg::set_threads(&mut context, threads);
        ffmpeg::limit_pixels(&mut context, MOST_PIXELS);
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(stream.time_base());
        Ok(decoder)
    }

    /// The error of a stream that cannot be decoded at all.
    pub(crate) fn no_codec(&self, reason: Error) -> MediaError {
        let codec = self
            .stream()
            .map_or_else(|_| "the stream".to_owned(), |stream| stream.parameters().id().name().to_owned());
        MediaError::Codec { path: self.path.clone(), codec, reason: reason.to_string() }
    }

    /// The next packet of the stream; `None` at its end, or where the file is damaged, which
    /// [`Self::early_end`] tells apart.
    pub(crate) fn next_packet(&mut self) -> Option<Packet> {
        while self.damage.is_none() {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => {}
                Ok(()) if packet.is_corrupt() => {
                    self.damage = Some("a packet is cut short or fails its checksum".to_owned());
                }
                Ok(()) => return Some(packet),
                Err(Error::Eof) => return None,
                Err(reason) => self.damage = Some(format!("the container cannot be read on: {reason}")),
            }
        }
        None
    }

    /// Where the container says that the stream ends, in seconds of film time; `None` if it does not say or guesses.
    pub(crate) fn declared_end_s(&self) -> Option<f64> {
        if ffmpeg::durations_are_guessed(&self.input) {
            return None;
        }
        let stream = self.input.stream(self.stream)?;
        if stream.duration() > 0 {
            return Some(self.declared_start_s() + self.clock.seconds(stream.duration()));
        }
        // Matroska keeps the end of a stream in a tag, in the container's own time.
        let end_s = stream.metadata().get("DURATION").and_then(clock_seconds)?;
        Some(end_s - ffmpeg::start_us(&self.input) as f64 * f64::from(MICROSECONDS))
    }

    /// Where the container says that the stream starts, in seconds of film time; 0 if it does not say.
    pub(crate) fn declared_start_s(&self) -> f64 {
        let start = self.input.stream(self.stream).map(|stream| stream.start_time());
        start
            .filter(|&start| start != NO_TIME)
            .map_or(0.0, |start| self.clock.seconds(self.clock.film_ticks(start)))
    }

    /// Length of the whole file as the container states it, in seconds.
    pub(crate) fn declared_duration_s(&self) -> Option<f64> {
        let duration = self.input.duration();
        (duration > 0).then(|| duration as f64 * f64::from(MICROSECONDS))
    }

    /// Whether a stream that gave no packet should have given some: it says how many it has, or the file is damaged.
    pub(crate) fn promises_packets(&self) -> bool {
        self.damage.is_some() || self.input.stream(self.stream).is_some_and(|stream| stream.frames() > 0)
    }

    /// The error of a stream that went well up to `end_s` and then stopped, if it should not have stopped there.
    pub(crate) fn early_end(&self, end_s: f64) -> Result<(), MediaError> {
        let declared_s = self.declared_end_s();
        match (declared_s, &self.damage) {
            (Some(declared_s), _) if end_s + EARLY_END_S < declared_s => {
                Err(MediaError::Truncated { path: self.path.clone(), at_s: end_s, declared_s })
            }
            (_, Some(reason)) => Err(MediaError::damaged(&self.path, end_s, reason)),
            _ => Ok(()),
        }
    }
}

/// Pictures of more pixels than this are refused: two 8K frames in one. Decoders hold many, of up to 8 bytes a pixel.
pub(crate) const MOST_PIXELS: i64 = 2 * 7680 * 4320;

/// FFmpeg's mark for a time that is not known.
const NO_TIME: i64 = ffmpeg_next::ffi::AV_NOPTS_VALUE;

/// A cover picture of a sound file is no film.
fn is_playable(stream: &format::stream::Stream<'_>) -> bool {
    !stream.disposition().contains(format::stream::Disposition::ATTACHED_PIC)
}

fn open_input(path: &Path) -> Result<format::context::Input, MediaError> {
    ffmpeg::ready();
    let file = std::fs::metadata(path).map_err(|reason| MediaError::unreadable(path, &reason))?;
    if !file.is_file() {
        return Err(MediaError::unreadable(path, &"it is not a file"));
    }
    if file.len() == 0 {
        return Err(MediaError::Empty { path: path.to_owned() });
    }
    // The binding takes paths that are UTF-8 only, and would panic on others.
    if path.to_str().is_none() {
        return Err(MediaError::unreadable(path, &"its name is not UTF-8, rename it"));
    }
    format::input(path)
        .map_err(|reason| MediaError::Open { path: path.to_owned(), reason: reason.to_string() })
}

/// Reads `00:00:52.208000000`.
fn clock_seconds(text: &str) -> Option<f64> {
    text.trim().split(':').try_fold(0.0, |seconds, part| Some(seconds * 60.0 + part.parse::<f64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matroska_durations_are_read() {
        assert_eq!(clock_seconds("00:01:02.500000000"), Some(62.5));
        assert_eq!(clock_seconds("soon"), None);
    }
}

//! Decoding a film: every frame that is shown, in presentation order, with its exact time stamp.

use std::collections::VecDeque;
use std::path::Path;

use ffmpeg_next::error::EAGAIN;
use ffmpeg_next::frame::decode_error::DecodeError;
use ffmpeg_next::{Discard, Error, Packet, codec, frame};
use reelbench_protocol::TimeBase;

use crate::MediaError;
use crate::clock::StampRepair;
use crate::container::{Container, MOST_PIXELS, Medium};
use crate::ffmpeg;
use crate::rotation::Rotation;

/// How many threads decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecodeThreads {
    /// One per processor.
    #[default]
    PerProcessor,
    /// This many; 0 counts as 1.
    Exactly(usize),
}

impl DecodeThreads {
    fn count(self) -> usize {
        match self {
            Self::PerProcessor => 0,
            Self::Exactly(threads) => threads.max(1),
        }
    }
}

/// A decoded frame as the codec left it.
pub struct VideoFrame {
    /// Presentation time stamp in film ticks (see [`VideoFile`]); later than that of the frame before.
    pub pts: i64,
    pub(crate) picture: frame::Video,
}

/// A film that is decoded from start to end.
///
/// **Time stamps** are in ticks of the video stream's time base, counted from the start of the container, which is
/// also where the first sample of [`decode_audio`](crate::decode_audio) stands. They are the ones the frames carry,
/// exactly; frames without one, or with one that is not later than their predecessor's, are placed as
/// `StampRepair` (in `clock.rs`) says, so that no frame is lost and no two share a time stamp.
///
/// **Which frames**: those that are shown. Frames outside the container's edit list are decoded and not given out.
///
/// **Damage**: packets that cannot be decoded before the first good frame are passed over, since a recording may
/// start in the middle of a group of pictures. After that, frames come up to the damage and then
/// [`MediaError::Damaged`] for a packet or a frame that is broken, or [`MediaError::Truncated`] for a stream that
/// stops more than a second before its declared end.
pub struct VideoFile {
    container: Container,
    decoder: codec::decoder::Video,
    stamps: StampRepair,
    queue: VecDeque<Packet>,
    shown: u64,
    sent_end: bool,
    /// Frames that precede it are broken, since decoding started at this one.
    skip_before: Option<i64>,
    /// Frames that precede it are not wanted.
    wanted_from: Option<i64>,
}

impl VideoFile {
    /// Opens the best video stream of `path`.
    ///
    /// # Errors
    /// When the file is missing, empty, of no known format, without a video stream, in an unknown codec or of pictures that
    /// are larger than two 8K frames.
    pub fn open(path: &Path) -> Result<Self, MediaError> {
        Self::open_with(path, DecodeThreads::default())
    }

    /// As [`Self::open`], with a choice of threads.
    pub fn open_with(path: &Path, threads: DecodeThreads) -> Result<Self, MediaError> {
        let container = Container::open(path, Medium::Video)?;
        let (width, height) = ffmpeg::picture_size(&container.stream()?.parameters());
        if i64::from(width) * i64::from(height) > MOST_PIXELS {
            return Err(MediaError::TooLarge { path: path.to_owned(), width, height });
        }
        let decoder =
            container.decoder(threads.count())?.video().map_err(|reason| container.no_codec(reason))?;
        Ok(Self {
            container,
            decoder,
            stamps: StampRepair::default(),
            queue: VecDeque::new(),
            shown: 0,
            sent_end: false,
            skip_before: None,
            wanted_from: None,
        })
    }

    /// Average frames per second as the container states it; `None` where it does not.
    pub fn fps(&self) -> Option<f64> {
        let stream = self.container.stream().ok()?;
        [stream.avg_frame_rate(), stream.rate()]
            .into_iter()
            .map(f64::from)
            .find(|fps| fps.is_finite() && *fps > 0.0)
    }

    /// Unit of the time stamps.
    pub fn time_base(&self) -> TimeBase {
        self.container.clock().time_base()
    }

    /// How the frames must be turned for viewing.
    pub fn rotation(&self) -> Rotation {
        self.container.stream().map_or(Rotation::None, |stream| Rotation::of_stream(&stream))
    }

    /// Where the film ends in seconds, as the container declares it; `None` where it does not.
    pub fn declared_end_s(&self) -> Option<f64> {
        self.container.declared_end_s()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.container.path()
    }

    /// Seconds of a time stamp.
    pub fn seconds(&self, pts: i64) -> f64 {
        self.container.clock().seconds(pts)
    }

    /// Where the last frame given out ends, in film ticks; `None` before the first.
    pub fn end_pts(&self) -> Option<i64> {
        self.stamps.end(self.usual_duration())
    }

    /// How long a frame lasts on average, in ticks.
    pub(crate) fn usual_duration(&self) -> i64 {
        let base = self.time_base();
        let ticks = |fps: f64| (f64::from(base.den) / (f64::from(base.num) * fps)).round() as i64;
        self.fps().map_or(1, ticks).max(1)
    }

    /// The next frame that is shown; `None` at the end of the film.
    ///
    /// # Errors
    /// See [`VideoFile`]. The next call goes on behind the damage, where that is possible.
    pub fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        let mut picture = frame::Video::empty();
        loop {
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => {
                    if let Some(pts) = self.accept(&picture)? {
                        return Ok(Some(VideoFrame { pts, picture }));
                    }
                }
                Err(Error::Other { errno: EAGAIN }) => self.feed()?,
                Err(Error::Eof) => return self.finish().map(|()| None),
                Err(reason) => self.tolerate_at_start(&reason)?,
            }
        }
    }

    /// Checks a decoded frame and stamps it; `None` if it is not to be shown.
    fn accept(&mut self, picture: &frame::Video) -> Result<Option<i64>, MediaError> {
        let clock = self.container.clock();
        let pts = picture.timestamp().map(|ticks| clock.film_ticks(ticks));
        if let Some(first) = self.skip_before {
            // Pictures that lead a group of pictures lean on the group before, which was skipped.
            if pts.is_none_or(|pts| pts < first) {
                return Ok(None);
            }
            self.skip_before = None;
        }
        let flaws = picture.decode_error_flags().difference(DecodeError::MISSING_REFERENCE);
        if picture.is_corrupt() || !flaws.is_empty() {
            self.tolerate_at_start(&"a frame is incomplete")?;
            return Ok(None);
        }
        self.shown += 1;
        Ok(Some(self.stamps.stamp(pts, picture.packet().duration)))
    }

    /// Hands the decoder its next packet, or the end.
    fn feed(&mut self) -> Result<(), MediaError> {
        if self.sent_end {
            return Ok(());
        }
        let packet = self.queue.pop_front().or_else(|| self.container.next_packet());
        let sent = if let Some(packet) = packet {
            let pts = packet.pts().map(|ticks| self.container.clock().film_ticks(ticks));
            let is_unwanted = pts.zip(self.wanted_from).is_some_and(|(pts, wanted)| pts < wanted);
            // Frames that no other frame leans on need not be decoded unless they are wanted themselves.
            self.decoder.skip_frame(if is_unwanted { Discard::NonReference } else { Discard::Default });
            self.decoder.send_packet(&packet)
        } else {
            self.sent_end = true;
            self.decoder.send_eof()
        };
        sent.or_else(|reason| self.tolerate_at_start(&reason))
    }

    fn tolerate_at_start(&self, reason: &impl ToString) -> Result<(), MediaError> {
        if self.shown == 0 {
            return Ok(());
        }
        Err(MediaError::damaged(self.container.path(), self.end_s(), reason))
    }

    fn finish(&self) -> Result<(), MediaError> {
        if self.shown == 0 {
            return Err(MediaError::NothingDecoded { path: self.container.path().to_owned() });
        }
        self.container.early_end(self.end_s())
    }

    fn end_s(&self) -> f64 {
        self.seconds(self.end_pts().unwrap_or(0))
    }

    /// Announces that no frame before `wanted` is needed: skips ahead to the last key frame that is shown no later, if
    /// one lies between here and there, and from there on leaves out frames that no other leans on.
    ///
    /// Reading packets costs little next to decoding them, so this looks through the packets up to `wanted`: where a
    /// group of pictures starts on the way, everything before it is dropped. It needs no index and cannot miss, as
    /// seeking by time can. At most [`LOOK_AHEAD_BYTES`] are held.
    pub(crate) fn skip_towards(&mut self, wanted: i64) {
        self.wanted_from = Some(wanted);
        let mut ahead = std::mem::take(&mut self.queue);
        let mut latest_pts = i64::MIN;
        let mut bytes: usize = 0;
        let mut key_pts = None;
        let mut inspected = 0;
        while bytes < LOOK_AHEAD_BYTES {
            if inspected == ahead.len() {
                match self.container.next_packet() {
                    Some(packet) => ahead.push_back(packet),
                    None => break,
                }
            }
            let Some(packet) = ahead.get(inspected) else { break };
            let clock = self.container.clock();
            let (Some(pts), Some(dts)) = (packet.pts(), packet.dts()) else { break };
            let (pts, dts) = (clock.film_ticks(pts), clock.film_ticks(dts));
            if dts > wanted {
                break;
            }
            // A key frame that does not come after all before it is no safe place to start from.
            if packet.is_key()
                && pts > latest_pts
                && pts <= wanted
                && !ffmpeg::is_hidden(packet)
                && inspected > 0
            {
                ahead.drain(..inspected);
                key_pts = Some(pts);
                inspected = 0;
                bytes = 0;
            }
            bytes += ahead.get(inspected).map_or(0, Packet::size);
            inspected += 1;
            latest_pts = latest_pts.max(pts);
        }
        self.queue = ahead;
        if let Some(pts) = key_pts {
            self.decoder.flush();
            self.stamps = StampRepair::default();
            self.skip_before = Some(pts);
        }
    }
}

/// Most bytes of packets that are held while looking for a key frame.
const LOOK_AHEAD_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// `ffprobe -show_packets` names key frames at 0, 58, 120, … of the quickstart clip, one at every cut.
    #[test]
    fn skipping_starts_at_the_last_key_frame_on_the_way() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/clips/sintel-quickstart.mp4");
        let mut film = VideoFile::open(&path).unwrap();
        let ticks_per_frame = film.usual_duration();
        film.skip_towards(119 * ticks_per_frame);
        assert_eq!(film.next_frame().unwrap().unwrap().pts, 58 * ticks_per_frame);
        film.skip_towards(119 * ticks_per_frame);
        let next = film.next_frame().unwrap().unwrap().pts;
        assert!(
            (59 * ticks_per_frame..=119 * ticks_per_frame).contains(&next),
            "no key frame lies between: {next}"
        );
    }
}

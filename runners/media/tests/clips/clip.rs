//! Writes clips whose frame *n* shows *n*, as blocks that survive lossy coding.

use std::path::Path;

use ffmpeg_next::codec::{self, Id};
use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::format::{self, Flags, Pixel};
use ffmpeg_next::{ChannelLayout, Dictionary, Packet, Rational, encoder, frame};
use image::RgbImage;

const BITS: u32 = 16;
const BLOCK: u32 = 16;
const PER_ROW: u32 = 8;
const WIDTH: u32 = BLOCK * PER_ROW;
const HEIGHT: u32 = BLOCK * BITS / PER_ROW;

/// How a clip is coded.
pub(crate) struct Clip<'a> {
    /// Time stamp of every frame, in `time_base`.
    pub(crate) stamps: &'a [i64],
    pub(crate) time_base: Rational,
    /// Frames between key frames.
    pub(crate) gop: u32,
    pub(crate) b_frames: usize,
    /// Options of the container.
    pub(crate) options: &'a [(&'a str, &'a str)],
    /// Sound: a ramp at 16 kHz that starts at this time in seconds.
    pub(crate) sound_from_s: Option<f64>,
}

impl Default for Clip<'_> {
    fn default() -> Self {
        Self {
            stamps: &[],
            time_base: Rational(1, 24),
            gop: 12,
            b_frames: 0,
            options: &[],
            sound_from_s: None,
        }
    }
}

/// Samples of the ramp, all exact in 16 bits.
pub(crate) const RAMP: usize = 16_000;

pub(crate) fn ramp_sample(index: usize) -> i16 {
    (index % 2000) as i16 * 10 - 10_000
}

impl Clip<'_> {
    /// Writes the clip; the container follows from the file's name.
    pub(crate) fn write(&self, path: &Path) {
        let mut output = format::output(path).unwrap();
        let global_header = output.format().flags().contains(Flags::GLOBAL_HEADER);
        let mut video = self.video_encoder(global_header);
        let mut stream = output.add_stream(encoder::find(Id::MPEG4)).unwrap();
        stream.set_time_base(self.time_base);
        stream.set_parameters(&video);
        let mut sound = self.sound_from_s.map(|_| {
            let sound = sound_encoder();
            let mut stream = output.add_stream(encoder::find(Id::PCM_S16LE)).unwrap();
            stream.set_time_base(Rational(1, 16_000));
            stream.set_parameters(&sound);
            sound
        });
        let mut options = Dictionary::new();
        for (name, value) in self.options {
            options.set(name, value);
        }
        output.write_header_with(options).unwrap();
        for (&pts, number) in self.stamps.iter().zip(0..) {
            let mut frame = numbered_frame(number);
            frame.set_pts(Some(pts));
            video.send_frame(&frame).unwrap();
            self.drain_video(&mut video, &mut output);
        }
        video.send_eof().unwrap();
        self.drain_video(&mut video, &mut output);
        if let (Some(sound), Some(from_s)) = (&mut sound, self.sound_from_s) {
            let mut frame = frame::Audio::new(Sample::I16(Type::Packed), RAMP, ChannelLayout::MONO);
            frame.set_rate(16_000);
            for (index, sample) in frame.plane_mut::<i16>(0).iter_mut().enumerate() {
                *sample = ramp_sample(index);
            }
            frame.set_pts(Some((from_s * 16_000.0) as i64));
            sound.send_frame(&frame).unwrap();
            sound.send_eof().unwrap();
            let mut packet = Packet::empty();
            while sound.receive_packet(&mut packet).is_ok() {
                write(&mut packet, Rational(1, 16_000), 1, &mut output);
            }
        }
        output.write_trailer().unwrap();
    }

    fn drain_video(&self, video: &mut encoder::Video, output: &mut format::context::Output) {
        let mut packet = Packet::empty();
        while video.receive_packet(&mut packet).is_ok() {
            // Without it, the MP4 muxer's edit list ends before the last frame.
            let later = self.stamps.iter().filter(|&&pts| Some(pts) > packet.pts()).min();
            let duration = later.zip(packet.pts()).map_or(1, |(later, pts)| later - pts);
            packet.set_duration(duration);
            write(&mut packet, self.time_base, 0, output);
        }
    }

    fn video_encoder(&self, global_header: bool) -> encoder::Video {
        let codec = encoder::find(Id::MPEG4).unwrap();
        let mut video = codec::Context::new_with_codec(codec).encoder().video().unwrap();
        video.set_width(WIDTH);
        video.set_height(HEIGHT);
        video.set_format(Pixel::YUV420P);
        video.set_time_base(self.time_base);
        video.set_gop(self.gop);
        video.set_max_b_frames(self.b_frames);
        video.set_bit_rate(2_000_000);
        if global_header {
            video.set_flags(codec::Flags::GLOBAL_HEADER);
        }
        video.open_as(codec).unwrap()
    }
}

fn sound_encoder() -> encoder::Audio {
    let codec = encoder::find(Id::PCM_S16LE).unwrap();
    let mut sound = codec::Context::new_with_codec(codec).encoder().audio().unwrap();
    sound.set_rate(16_000);
    sound.set_format(Sample::I16(Type::Packed));
    sound.set_channel_layout(ChannelLayout::MONO);
    sound.set_time_base(Rational(1, 16_000));
    sound.open_as(codec).unwrap()
}

fn write(packet: &mut Packet, time_base: Rational, stream: usize, output: &mut format::context::Output) {
    packet.set_stream(stream);
    packet.rescale_ts(time_base, output.stream(stream).unwrap().time_base());
    packet.write_interleaved(output).unwrap();
}

fn numbered_frame(number: u32) -> frame::Video {
    let mut frame = frame::Video::new(Pixel::YUV420P, WIDTH, HEIGHT);
    let stride = frame.stride(0);
    for (y, row) in frame.data_mut(0).chunks_mut(stride).enumerate() {
        for (x, luma) in row.iter_mut().take(WIDTH as usize).enumerate() {
            let bit = y as u32 / BLOCK * PER_ROW + x as u32 / BLOCK;
            *luma = if number >> bit & 1 == 1 { 235 } else { 16 };
        }
    }
    frame.data_mut(1).fill(128);
    frame.data_mut(2).fill(128);
    frame
}

/// Reads the number back from a picture of any size with the clip's aspect.
pub(crate) fn number_of(picture: &RgbImage) -> u32 {
    (0..BITS)
        .filter(|bit| {
            let center = |index: u32, blocks: u32, side: u32| (2 * index + 1) * side / (2 * blocks);
            let x = center(bit % PER_ROW, PER_ROW, picture.width());
            let y = center(bit / PER_ROW, BITS / PER_ROW, picture.height());
            picture.get_pixel(x, y).0[1] > 127
        })
        .map(|bit| 1 << bit)
        .sum()
}

/// Overwrites bytes of a box of an MP4, found by its name, `offset` bytes behind it.
pub(crate) fn patch_box(path: &Path, name: &[u8], offset: usize, bytes: &[u8]) {
    let mut file = std::fs::read(path).unwrap();
    let start = file.windows(4).position(|window| window == name).unwrap() + 4 + offset;
    file[start..start + bytes.len()].copy_from_slice(bytes);
    std::fs::write(path, file).unwrap();
}

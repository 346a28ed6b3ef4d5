//! Small BGR pictures of decoded frames, with the bytes that OpenCV's video reader and resize give.
//!
//! OpenCV turns every pixel of a frame into BGR and then drops most of them: its linear resize looks at two pixels per
//! axis, whatever the distance. For the usual pixel format only the pixels that count are converted here, with the
//! arithmetic of swscale's fast path; the others go through swscale.

use ffmpeg_next::software::scaling::Flags;
use ffmpeg_next::{Error, ffi, format::Pixel, frame};

use super::hsv::Bgr;
use super::yuv::YuvToBgr;
use crate::Rotation;
use crate::resize::{AxisTaps, Edge, cv2_linear, is_halving};
use crate::scaler::{Scaler, Siting, Source, Target};

/// `PySceneDetect` shrinks frames until their longer side has about this many pixels.
const LONGER_SIDE: f64 = 256.0;

/// Shrinks one frame after the other, keeping what it can for the next.
pub(crate) struct Shrinker {
    rotation: Rotation,
    /// Width and height of the first frame.
    size: Option<(u32, u32)>,
    method: Option<(Shape, Method)>,
    small: Bgr,
}

/// A frame as decoded, and what is done to it before it is shrunk: OpenCV scales all frames to the size of the first, and
/// turns them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    source: Source,
    width: u32,
    height: u32,
    rotation: Rotation,
}

impl Shape {
    /// Width and height once turned.
    fn upright(self) -> (u32, u32) {
        match self.rotation {
            Rotation::None | Rotation::Half => (self.width, self.height),
            Rotation::Clockwise90 | Rotation::Counterclockwise90 => (self.height, self.width),
        }
    }
}

enum Method {
    Sparse(Box<Sparse>),
    Whole(Box<Whole>),
}

impl Shrinker {
    /// For frames that are to be turned by `rotation`.
    pub(crate) fn new(rotation: Rotation) -> Self {
        Self { rotation, size: None, method: None, small: Bgr::default() }
    }

    /// The small picture of a frame.
    pub(crate) fn shrink(&mut self, picture: &frame::Video) -> Result<&Bgr, Error> {
        let source = Source::of(picture, ffi::SWS_CS_ITU601);
        let (width, height) = *self.size.get_or_insert((source.width, source.height));
        let shape = Shape { source, width, height, rotation: self.rotation };
        let method = match self.method.take() {
            Some((known, method)) if known == shape => method,
            _ => Method::new(shape, picture)?,
        };
        let (_, method) = self.method.insert((shape, method));
        match method {
            Method::Sparse(sparse) => sparse.shrink(picture, &mut self.small),
            Method::Whole(whole) => whole.shrink(picture, &mut self.small)?,
        }
        Ok(&self.small)
    }
}

impl Method {
    fn new(shape: Shape, picture: &frame::Video) -> Result<Self, Error> {
        let (width, height) = shape.upright();
        let target = small_size(width, height);
        let is_planar = matches!(shape.source.format, Pixel::YUV420P | Pixel::YUVJ420P);
        let is_whole_size = (shape.source.width, shape.source.height) == (shape.width, shape.height);
        // A frame that is stored upside down has negative strides.
        let is_upright = (0..picture.planes()).all(|plane| i32::try_from(picture.stride(plane)).is_ok());
        // swscale's fast path takes pairs of rows only.
        let is_even = shape.height.is_multiple_of(2);
        if is_planar && is_upright && is_whole_size && is_even && !is_halving((width, height), target) {
            return Ok(Self::Sparse(Box::new(Sparse::new(shape, target))));
        }
        Whole::new(shape, target).map(|whole| Self::Whole(Box::new(whole)))
    }
}

/// Size of the picture that is analysed.
fn small_size(width: u32, height: u32) -> (u32, u32) {
    let factor = f64::from(width.max(height)) / LONGER_SIDE;
    if factor <= 1.0 {
        return (width, height);
    }
    let shrunk = |side: u32| ((f64::from(side) / factor).round_ties_even() as u32).max(1);
    (shrunk(width), shrunk(height))
}

/// Any pixel format: the whole frame is converted by swscale, then resized.
struct Whole {
    scaler: Scaler,
    rotation: Rotation,
    target: (u32, u32),
}

impl Whole {
    fn new(shape: Shape, target: (u32, u32)) -> Result<Self, Error> {
        let Shape { source, width, height, rotation } = shape;
        let (format, flags, siting) = (Pixel::BGR24, Flags::BICUBIC, Siting::AsStated);
        let scaler = Scaler::new(source, Target { format, width, height, flags, siting })?;
        Ok(Self { scaler, rotation, target })
    }

    fn shrink(&mut self, picture: &frame::Video, small: &mut Bgr) -> Result<(), Error> {
        let bgr = self.rotation.apply(self.scaler.run(picture)?);
        let shrunk = cv2_linear(&bgr, self.target.0, self.target.1);
        small.resize(shrunk.len() / 3);
        let planes = small.blue.iter_mut().zip(&mut small.green).zip(&mut small.red);
        for (pixel, ((blue, green), red)) in shrunk.chunks_exact(3).zip(planes) {
            (*blue, *green, *red) = (pixel[0], pixel[1], pixel[2]);
        }
        Ok(())
    }
}

/// 8-bit YUV 4:2:0: only the pixels that the resize looks at are converted.
struct Sparse {
    shape: Shape,
    columns: AxisTaps,
    rows: AxisTaps,
    /// Whether the resize mixes nothing, as when a side shrinks by an odd number.
    only_picks: bool,
    colors: YuvToBgr,
    pixels: PickedRow,
    near: [Vec<i32>; 3],
    far: [Vec<i32>; 3],
}

impl Sparse {
    fn new(shape: Shape, (width, height): (u32, u32)) -> Self {
        let upright = shape.upright();
        let columns = AxisTaps::new(upright.0, width, Edge::Whole);
        let rows = AxisTaps::new(upright.1, height, Edge::Split);
        let only_picks = columns.only_picks() && rows.only_picks();
        let sums = || std::array::from_fn(|_| vec![0; width as usize]);
        Self {
            shape,
            columns,
            rows,
            only_picks,
            colors: YuvToBgr::new(shape.source.colors),
            pixels: PickedRow::default(),
            near: sums(),
            far: sums(),
        }
    }

    fn shrink(&mut self, picture: &frame::Video, small: &mut Bgr) {
        let width = self.columns.0.len();
        small.resize(width * self.rows.0.len());
        let planes = Planes::of(picture, self.shape);
        for (row, tap) in self.rows.0.iter().enumerate() {
            let [blue, green, red] = small.row_mut(row * width, width);
            if self.only_picks {
                self.pixels.pick(&planes, tap.near, self.columns.0.iter().map(|tap| tap.near));
                self.colors.convert(&self.pixels.luma, &self.pixels.cb, &self.pixels.cr, [blue, green, red]);
                continue;
            }
            blend_picked(&mut self.pixels, &self.colors, &planes, tap.near, &self.columns, &mut self.near);
            blend_picked(&mut self.pixels, &self.colors, &planes, tap.far, &self.columns, &mut self.far);
            for (target, (near, far)) in [blue, green, red].into_iter().zip(self.near.iter().zip(&self.far)) {
                crate::resize::blend_rows(near, far, *tap, target);
            }
        }
    }
}

/// The planes of a 4:2:0 frame, with their strides.
struct Planes<'a> {
    luma: (&'a [u8], usize),
    cb: (&'a [u8], usize),
    cr: (&'a [u8], usize),
    shape: Shape,
}

impl<'a> Planes<'a> {
    fn of(picture: &'a frame::Video, shape: Shape) -> Self {
        let plane = |index| (picture.data(index), picture.stride(index));
        Self { luma: plane(0), cb: plane(1), cr: plane(2), shape }
    }

    /// Where the pixel at `x` and `y` of the upright picture stands in the frame.
    fn place(&self, x: usize, y: usize) -> (usize, usize) {
        let (right, bottom) = (self.shape.width as usize - 1, self.shape.height as usize - 1);
        match self.shape.rotation {
            Rotation::None => (x, y),
            Rotation::Clockwise90 => (y, bottom - x),
            Rotation::Half => (right - x, bottom - y),
            Rotation::Counterclockwise90 => (right - y, x),
        }
    }
}

/// Some pixels of one row.
#[derive(Default)]
struct PickedRow {
    luma: Vec<u8>,
    cb: Vec<u8>,
    cr: Vec<u8>,
    bgr: [Vec<u8>; 3],
}

impl PickedRow {
    /// Takes pixels of row `y` of the upright picture.
    fn pick(&mut self, planes: &Planes<'_>, y: usize, columns: impl Iterator<Item = usize> + Clone) {
        if planes.shape.rotation != Rotation::None {
            let places = columns.map(|x| planes.place(x, y));
            let level = |(plane, stride): (&[u8], usize), (x, y): (usize, usize)| plane[y * stride + x];
            let chroma = |(x, y)| (x / 2, y / 2);
            refill(&mut self.luma, places.clone().map(|place| level(planes.luma, place)));
            refill(&mut self.cb, places.clone().map(|place| level(planes.cb, chroma(place))));
            refill(&mut self.cr, places.map(|place| level(planes.cr, chroma(place))));
            return;
        }
        // The same for the usual case, with less to work out for every pixel.
        let luma = &planes.luma.0[y * planes.luma.1..];
        let cb = &planes.cb.0[y / 2 * planes.cb.1..];
        let cr = &planes.cr.0[y / 2 * planes.cr.1..];
        refill(&mut self.luma, columns.clone().map(|x| luma[x]));
        refill(&mut self.cb, columns.clone().map(|x| cb[x / 2]));
        refill(&mut self.cr, columns.map(|x| cr[x / 2]));
    }

    /// The picked pixels in BGR.
    fn bgr(&mut self, colors: &YuvToBgr) -> &[Vec<u8>; 3] {
        for plane in &mut self.bgr {
            plane.resize(self.luma.len(), 0);
        }
        let [blue, green, red] = &mut self.bgr;
        colors.convert(&self.luma, &self.cb, &self.cr, [blue, green, red]);
        &self.bgr
    }
}

fn refill(row: &mut Vec<u8>, levels: impl Iterator<Item = u8>) {
    row.clear();
    row.extend(levels);
}

/// Row `y` with the two pixels of every tap mixed, as sums with 11 more bits.
fn blend_picked(
    pixels: &mut PickedRow,
    colors: &YuvToBgr,
    planes: &Planes<'_>,
    y: usize,
    columns: &AxisTaps,
    sums: &mut [Vec<i32>; 3],
) {
    pixels.pick(planes, y, columns.0.iter().map(|tap| tap.near));
    for (sums, levels) in sums.iter_mut().zip(pixels.bgr(colors)) {
        for (sum, (&level, tap)) in sums.iter_mut().zip(levels.iter().zip(&columns.0)) {
            *sum = i32::from(level) * tap.near_weight;
        }
    }
    pixels.pick(planes, y, columns.0.iter().map(|tap| tap.far));
    for (sums, levels) in sums.iter_mut().zip(pixels.bgr(colors)) {
        for (sum, (&level, tap)) in sums.iter_mut().zip(levels.iter().zip(&columns.0)) {
            *sum += i32::from(level) * tap.far_weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::color;

    use super::*;

    /// A frame of noise that is the same every time.
    fn noise(format: Pixel, width: u32, height: u32) -> frame::Video {
        let mut frame = frame::Video::new(format, width, height);
        let mut state = 1_u32;
        for plane in 0..3 {
            for level in frame.data_mut(plane) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *level = (state >> 24) as u8;
            }
        }
        frame
    }

    #[test]
    fn sizes_are_pyscenedetects() {
        assert_eq!(small_size(1280, 720), (256, 144));
        assert_eq!(small_size(640, 272), (256, 109));
        assert_eq!(small_size(720, 1280), (144, 256));
        assert_eq!(small_size(256, 100), (256, 100));
        assert_eq!(small_size(64, 48), (64, 48));
        assert_eq!(small_size(4000, 2), (256, 1));
    }

    /// What the sparse path is a short cut for. Swscale's own bytes differ between processors, and the sparse path
    /// follows those of x86.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn sparse_equals_whole() {
        use Rotation::{Clockwise90, Counterclockwise90, Half, None};
        let sizes = [(1280, 720), (640, 272), (1920, 800), (128, 96), (854, 480), (272, 640)];
        let turns = [None, Clockwise90, Half, Counterclockwise90];
        let spaces = [color::Space::Unspecified, color::Space::BT709, color::Space::BT2020NCL];
        let looks = turns.into_iter().flat_map(|turn| spaces.map(|space| (turn, space)));
        for ((width, height), (rotation, space)) in
            sizes.into_iter().flat_map(|size| looks.clone().map(move |look| (size, look)))
        {
            for format in [Pixel::YUV420P, Pixel::YUVJ420P] {
                let mut frame = noise(format, width, height);
                frame.set_color_space(space);
                let shape = Shape { source: Source::of(&frame, ffi::SWS_CS_ITU601), width, height, rotation };
                let (upright_width, upright_height) = shape.upright();
                let target = small_size(upright_width, upright_height);
                let (mut sparse, mut whole) = (Bgr::default(), Bgr::default());
                Sparse::new(shape, target).shrink(&frame, &mut sparse);
                Whole::new(shape, target).unwrap().shrink(&frame, &mut whole).unwrap();
                assert!(sparse == whole, "{width}x{height} {format:?} {rotation:?} {space:?}");
            }
        }
    }
}

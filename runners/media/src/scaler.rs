//! Frames turned into packed RGB or BGR by libswscale, with every choice that matters made here.
//!
//! `ffmpeg-next`'s own scaler cannot be told where chroma samples lie or which colours a stream uses.

use std::ffi::CStr;
use std::ptr::{self, NonNull};

use ffmpeg_next::software::scaling::Flags;
use ffmpeg_next::{Error, chroma, color, ffi, format::Pixel, frame};
use image::RgbImage;

/// What the pixels of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) format: Pixel,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) colors: Colors,
    pub(crate) chroma: chroma::Location,
}

/// How luma and chroma mean colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colors {
    /// One of FFmpeg's `SWS_CS_*`.
    pub(crate) matrix: i32,
    pub(crate) range: LumaRange,
}

/// Which of the levels luma uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LumaRange {
    /// Those from 16 (black) to 235 of 256, unless the pixel format itself says otherwise.
    Limited,
    /// All.
    Full,
}

/// What is wanted of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// `RGB24` or `BGR24`.
    pub(crate) format: Pixel,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) flags: Flags,
    pub(crate) siting: Siting,
}

/// Where chroma samples are taken to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Siting {
    /// In the middle between their pixels.
    Middle,
    /// Where the frame says.
    AsStated,
}

impl Source {
    /// The frame's own properties. Where it does not say which matrix it uses, that is `unstated`.
    pub(crate) fn of(picture: &frame::Video, unstated: i32) -> Self {
        let matrix = match picture.color_space() {
            color::Space::BT709 => ffi::SWS_CS_ITU709,
            color::Space::FCC => ffi::SWS_CS_FCC,
            color::Space::SMPTE240M => ffi::SWS_CS_SMPTE240M,
            color::Space::BT2020NCL | color::Space::BT2020CL => ffi::SWS_CS_BT2020,
            color::Space::Unspecified => unstated,
            _ => ffi::SWS_CS_ITU601,
        };
        let is_full = picture.color_range() == color::Range::JPEG || picture.format() == Pixel::YUVJ420P;
        Self {
            format: picture.format(),
            width: picture.width(),
            height: picture.height(),
            colors: Colors { matrix, range: if is_full { LumaRange::Full } else { LumaRange::Limited } },
            chroma: picture.chroma_location(),
        }
    }
}

/// Factors of a `SWS_CS_*` matrix in 16-bit fixed point, times 255/224: of red by Cr, blue by Cb, and, to be
/// subtracted, green by Cb and by Cr.
pub(crate) fn chroma_factors(matrix: i32) -> [i32; 4] {
    #[expect(unsafe_code, reason = "FFmpeg returns one of its static tables of four numbers")]
    unsafe {
        *ffi::sws_getCoefficients(matrix).cast::<[i32; 4]>()
    }
}

/// Converts frames of one kind.
pub(crate) struct Scaler {
    context: NonNull<ffi::SwsContext>,
    source: Source,
    packed: frame::Video,
    target: Target,
}

#[expect(unsafe_code, reason = "the context belongs to this value alone and has no ties to a thread")]
unsafe impl Send for Scaler {}

impl Scaler {
    pub(crate) fn new(source: Source, target: Target) -> Result<Self, Error> {
        #[expect(unsafe_code, reason = "allocates; checked for null")]
        let context = NonNull::new(unsafe { ffi::sws_alloc_context() }).ok_or(Error::Unknown)?;
        let mut scaler = Self { context, source, packed: frame::Video::empty(), target };
        scaler.describe()?;
        #[expect(unsafe_code, reason = "the context was described and is not initialized yet")]
        check(unsafe { ffi::sws_init_context(scaler.context.as_ptr(), ptr::null_mut(), ptr::null_mut()) })?;
        scaler.set_colors()?;
        Ok(scaler)
    }

    /// The frame in the target's format and size, its rows without padding. (The image's type says RGB in any case.)
    pub(crate) fn run(&mut self, picture: &frame::Video) -> Result<RgbImage, Error> {
        let Source { format, width, height, .. } = self.source;
        if (picture.format(), picture.width(), picture.height()) != (format, width, height) {
            return Err(Error::InputChanged);
        }
        if self.packed.planes() == 0 {
            let Target { format, width, height, .. } = self.target;
            self.packed = frame::Video::new(format, width, height);
        }
        #[expect(unsafe_code, reason = "both frames are of the formats and sizes that the context is for")]
        check(unsafe {
            ffi::sws_scale_frame(self.context.as_ptr(), self.packed.as_mut_ptr(), picture.as_ptr())
        })?;
        without_padding(&self.packed).ok_or(Error::BufferTooSmall)
    }

    fn describe(&mut self) -> Result<(), Error> {
        let (source, target) = (self.source, self.target);
        let number = |format: Pixel| i64::from(ffi::AVPixelFormat::from(format) as i32);
        let options = [
            (c"srcw", i64::from(source.width)),
            (c"srch", i64::from(source.height)),
            (c"src_format", number(source.format)),
            (c"dstw", i64::from(target.width)),
            (c"dsth", i64::from(target.height)),
            (c"dst_format", number(target.format)),
            (c"sws_flags", i64::from(target.flags.bits())),
        ];
        options.into_iter().try_for_each(|(name, value)| self.set(name, value))?;
        let chroma_place = match target.siting {
            Siting::Middle => None,
            Siting::AsStated => chroma_place(source),
        };
        if let Some((x, y)) = chroma_place {
            self.set(c"src_h_chr_pos", x)?;
            self.set(c"src_v_chr_pos", y)?;
        }
        Ok(())
    }

    fn set(&mut self, name: &CStr, value: i64) -> Result<(), Error> {
        #[expect(unsafe_code, reason = "a context of libswscale starts with its class, as options need it")]
        check(unsafe { ffi::av_opt_set_int(self.context.as_ptr().cast(), name.as_ptr(), value, 0) })
    }

    /// The source's colours, and full-range RGB.
    fn set_colors(&mut self) -> Result<(), Error> {
        const UNIT: i32 = 1 << 16;
        let (mut tables, mut ranges) = ([ptr::null_mut(); 2], [0; 2]);
        let (mut brightness, mut contrast, mut saturation) = (0, 0, 0);
        #[expect(
            unsafe_code,
            reason = "every pointer is to a variable; the tables are FFmpeg's own static ones"
        )]
        let status = unsafe {
            let [input, output] = &mut tables;
            let [is_full, is_output_full] = &mut ranges;
            // Initializing has found out which pixel formats are full-range by themselves.
            ffi::sws_getColorspaceDetails(
                self.context.as_ptr(),
                input,
                is_full,
                output,
                is_output_full,
                &raw mut brightness,
                &raw mut contrast,
                &raw mut saturation,
            );
            let Colors { matrix, range } = self.source.colors;
            ffi::sws_setColorspaceDetails(
                self.context.as_ptr(),
                ffi::sws_getCoefficients(matrix),
                i32::from(*is_full != 0 || range == LumaRange::Full),
                ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT),
                1,
                0,
                UNIT,
                UNIT,
            )
        };
        check(status)
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "the context is this value's own and is used no more")]
        unsafe {
            ffi::sws_freeContext(self.context.as_ptr());
        }
    }
}

fn check(status: i32) -> Result<(), Error> {
    if status < 0 { Err(Error::from(status)) } else { Ok(()) }
}

/// FFmpeg's mark for a place that does not matter.
const NOWHERE: i64 = -513;

/// Place of the first chroma sample in 256ths of a luma pixel, as FFmpeg 8's `libswscale/graph.c` works it out; `None`
/// where the frame does not say, or luma and chroma have the same size.
fn chroma_place(source: Source) -> Option<(i64, i64)> {
    let (x, y) = match source.chroma {
        chroma::Location::Unspecified => return None,
        chroma::Location::Left => (0, 128),
        chroma::Location::Center => (128, 128),
        chroma::Location::TopLeft => (0, 0),
        chroma::Location::Top => (128, 0),
        chroma::Location::BottomLeft => (0, 256),
        chroma::Location::Bottom => (128, 256),
    };
    let descriptor = source.format.descriptor()?;
    let (halvings_x, halvings_y) = (descriptor.log2_chroma_w(), descriptor.log2_chroma_h());
    let place = |place: i64, halvings: u8| match halvings {
        0 => NOWHERE,
        halvings => place * ((1 << halvings) - 1),
    };
    Some((place(x, halvings_x), place(y, halvings_y)))
}

/// Copies the rows of a packed RGB or BGR frame together; `None` if the frame is smaller than it says.
fn without_padding(packed: &frame::Video) -> Option<RgbImage> {
    let (width, height) = (packed.width(), packed.height());
    let row = width as usize * 3;
    let mut data = Vec::with_capacity(row * height as usize);
    for line in packed.data(0).chunks(packed.stride(0).max(1)).take(height as usize) {
        data.extend_from_slice(line.get(..row)?);
    }
    RgbImage::from_raw(width, height, data)
}

//! YUV to BGR with the arithmetic of swscale's fast path on x86 (`libswscale/yuv2rgb.c` and
//! `x86/yuv_2_rgb.asm`, the same from FFmpeg 4 to 8): 16-bit products, nearest chroma.
//!
//! This is what OpenCV's video reader, and so `PySceneDetect`, sees; done here, it also does not vary with the processor.

use crate::scaler::{Colors, LumaRange, chroma_factors};

/// Fixed-point coefficients: the high halves of 16-bit products are added up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct YuvToBgr {
    luma: i32,
    black: i32,
    cb_to_blue: i32,
    cb_to_green: i32,
    cr_to_green: i32,
    cr_to_red: i32,
}

impl YuvToBgr {
    pub(crate) fn new(colors: Colors) -> Self {
        const ONE: i64 = 1 << 16;
        let [cr_to_red, cb_to_blue, cb_from_green, cr_from_green] =
            chroma_factors(colors.matrix).map(i64::from);
        let (luma, black) = match colors.range {
            LumaRange::Limited => (ONE * 255 / 219, 16 << 3),
            LumaRange::Full => (ONE, 0),
        };
        let chroma = |factor: i64| match colors.range {
            LumaRange::Limited => factor,
            LumaRange::Full => factor * 224 / 255,
        };
        let to_product = |factor: i64| ((factor * (1 << 13) + (1 << 15)) >> 16) as i32;
        Self {
            luma: to_product(luma),
            black,
            cb_to_blue: to_product(chroma(cb_to_blue)),
            cb_to_green: to_product(chroma(-cb_from_green)),
            cr_to_green: to_product(chroma(-cr_from_green)),
            cr_to_red: to_product(chroma(cr_to_red)),
        }
    }

    /// Converts pixels; all slices are of the same length.
    pub(crate) fn convert(self, luma: &[u8], cb: &[u8], cr: &[u8], bgr: [&mut [u8]; 3]) {
        let [blue, green, red] = bgr;
        let sources = luma.iter().zip(cb).zip(cr);
        let targets = blue.iter_mut().zip(green).zip(red);
        for (((&luma, &cb), &cr), ((blue, green), red)) in sources.zip(targets) {
            let light = (((i32::from(luma) << 3) - self.black) * self.luma) >> 16;
            let cb = (i32::from(cb) << 3) - 1024;
            let cr = (i32::from(cr) << 3) - 1024;
            *blue = to_level(light + ((cb * self.cb_to_blue) >> 16));
            *green = to_level(light + ((cb * self.cb_to_green) >> 16) + ((cr * self.cr_to_green) >> 16));
            *red = to_level(light + ((cr * self.cr_to_red) >> 16));
        }
    }
}

fn to_level(sum: i32) -> u8 {
    sum.clamp(0, 255) as u8
}

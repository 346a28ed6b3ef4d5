//! Sound as a WAV file: 16 kHz, mono, 16-bit PCM.
//!
//! Source: the RIFF layout of "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991),
//! with the 16-byte `fmt ` chunk of plain PCM.

/// Samples per second.
pub const SAMPLE_RATE: u32 = 16_000;

/// Bytes before the first sample.
const HEADER_BYTES: usize = 44;

/// Bytes of one sample.
const SAMPLE_BYTES: usize = 2;

/// Bytes of the file that holds so many samples.
pub(crate) fn encoded_len(samples: usize) -> usize {
    HEADER_BYTES + samples * SAMPLE_BYTES
}

/// The file that holds `samples`, each rounded to the nearest of 65,536 steps and held within −1 to 1; what is not a
/// number becomes silence. There must be fewer than 2³¹ of them, which [`encoded_len`] tells beforehand.
pub(crate) fn encode(samples: &[f32]) -> Vec<u8> {
    let data_bytes = (samples.len() * SAMPLE_BYTES) as u32;
    let mut file = Vec::with_capacity(encoded_len(samples.len()));
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(data_bytes + HEADER_BYTES as u32 - 8).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes()); // PCM
    file.extend_from_slice(&1_u16.to_le_bytes()); // one channel
    file.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
    file.extend_from_slice(&(SAMPLE_RATE * SAMPLE_BYTES as u32).to_le_bytes());
    file.extend_from_slice(&(SAMPLE_BYTES as u16).to_le_bytes());
    file.extend_from_slice(&(8 * SAMPLE_BYTES as u16).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data_bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|&sample| quantize(sample).to_le_bytes()));
    file
}

/// The step nearest to a sample. A decoder divides steps by 32,768, so that much is multiplied here.
fn quantize(sample: f32) -> i16 {
    // Converting saturates, and takes what is not a number for 0.
    (sample * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_rounded_and_held_in_range() {
        let steps = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 1.4 / 32_768.0, 1.6 / 32_768.0, f32::NAN].map(quantize);
        assert_eq!(steps, [0, 32_767, -32_768, 32_767, -32_768, 16_384, 1, 2, 0]);
    }

    #[test]
    fn what_was_decoded_from_16_bits_is_encoded_to_the_same() {
        for step in i16::MIN..=i16::MAX {
            assert_eq!(quantize(f32::from(step) / 32_768.0), step);
        }
    }

    #[test]
    fn the_header_is_that_of_16_khz_mono_pcm() {
        let file = encode(&[0.0, 0.25, -0.25]);
        let expected = b"RIFF\x2a\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\x00\x7d\0\0\x02\0\x10\0data\x06\0\0\0\0\0\x00\x20\x00\xe0";
        assert_eq!(file, expected);
        assert_eq!(file.len(), encoded_len(3));
    }
}

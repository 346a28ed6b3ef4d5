//! Takes requests apart: the form, and the WAV file in it.

use reelbench_testkit::http::Received;

/// One part of a form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) value: Vec<u8>,
}

impl Field {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.value).unwrap()
    }
}

/// The parts of a `multipart/form-data` body, which must be well-formed.
pub(crate) fn fields(request: &Received) -> Vec<Field> {
    let content_type = request.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let delimiter = format!("--{boundary}\r\n").into_bytes();
    let end = format!("--{boundary}--\r\n").into_bytes();
    let mut rest = request.body.strip_prefix(delimiter.as_slice()).unwrap();
    let mut fields = Vec::new();
    loop {
        let separator = format!("\r\n--{boundary}").into_bytes();
        let length = position(rest, &separator).unwrap();
        fields.push(field(&rest[..length]));
        rest = &rest[length + 2..];
        let Some(after) = rest.strip_prefix(delimiter.as_slice()) else {
            assert_eq!(rest, end);
            return fields;
        };
        rest = after;
    }
}

/// The text of the field called `name`.
pub(crate) fn text(request: &Received, name: &str) -> Option<String> {
    fields(request).iter().find(|field| field.name == name).map(|field| field.text().to_owned())
}

/// The samples of the request's file.
pub(crate) fn samples(request: &Received) -> Vec<i16> {
    let fields = fields(request);
    let file = fields.iter().find(|field| field.name == "file").unwrap();
    wav_samples(&file.value)
}

/// The samples of a file that must be 16 kHz mono 16-bit PCM.
pub(crate) fn wav_samples(file: &[u8]) -> Vec<i16> {
    let u32_at = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let u16_at = |at: usize| u16::from_le_bytes(file[at..at + 2].try_into().unwrap());
    assert_eq!((&file[..4], &file[8..16], &file[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    assert_eq!(u32_at(4) as usize, file.len() - 8);
    assert_eq!((u32_at(16), u16_at(20), u16_at(22)), (16, 1, 1), "PCM, one channel");
    assert_eq!((u32_at(24), u32_at(28), u16_at(32), u16_at(34)), (16_000, 32_000, 2, 16));
    assert_eq!(u32_at(40) as usize, file.len() - 44);
    file[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn field(part: &[u8]) -> Field {
    let head_end = position(part, b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&part[..head_end]).unwrap();
    let line = |name: &str| {
        head.lines().find_map(|line| line.to_lowercase().starts_with(name).then(|| line[name.len()..].trim()))
    };
    let disposition = line("content-disposition:").unwrap();
    let quoted = |key: &str| {
        let (_, after) = disposition.split_once(&format!("; {key}=\""))?;
        Some(after.split_once('"').unwrap().0.to_owned())
    };
    Field {
        name: quoted("name").unwrap(),
        file_name: quoted("filename"),
        content_type: line("content-type:").map(str::to_owned),
        value: part[head_end + 4..].to_vec(),
    }
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

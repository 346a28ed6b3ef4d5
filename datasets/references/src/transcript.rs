//! What is said: plain text, SubRip (`.srt`) or WebVTT (`.vtt`).

use std::path::Path;

use crate::error::{Place, Problem, ReferenceError};
use crate::text::{ends_with, lines, read};
use crate::time::TimeSpan;

/// A transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// What is said, in the file's order. Subtitles may overlap where people talk at once.
    pub segments: Vec<Segment>,
    /// What it is said in.
    pub language: Language,
}

/// The language of a transcript, as far as it matters for how words are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English, which has a normalizer of its own.
    English,
    /// Any other.
    Other,
}

/// A piece of speech.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// When it is said; plain text does not tell.
    pub span: Option<TimeSpan>,
    /// The words, without markup.
    pub text: String,
}

impl Transcript {
    /// All that is said, pieces joined by spaces.
    pub fn text(&self) -> String {
        self.segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Reads a transcript. Subtitles are told by their ending, or by a first line `WEBVTT` or a first cue.
pub fn read_transcript(path: &Path) -> Result<Transcript, ReferenceError> {
    let text = read(path)?;
    let segments = if text.starts_with("WEBVTT")
        || ends_with(path, "vtt")
        || ends_with(path, "srt")
        || begins_with_cue(&text)
    {
        cues(path, &text)?
    } else {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() { Vec::new() } else { vec![Segment { span: None, text }] }
    };
    if segments.is_empty() {
        return Err(Problem::Empty("words").at(path, Place::File));
    }
    let language = match language_of(path).as_deref() {
        None | Some("en") => Language::English,
        Some(_) => Language::Other,
    };
    Ok(Transcript { segments, language })
}

/// The language in a file's name, as subtitles are named: `talk.fr.srt`. Two letters, lower case.
pub(crate) fn language_of(path: &Path) -> Option<String> {
    let code = Path::new(path.file_stem()?).extension()?.to_str()?;
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code.then(|| code.to_ascii_lowercase())
}

/// A number, and times below it.
fn begins_with_cue(text: &str) -> bool {
    let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
    let is_number =
        |line: &str| !line.trim().is_empty() && line.trim().bytes().all(|byte| byte.is_ascii_digit());
    lines.next().is_some_and(is_number) && lines.next().is_some_and(|line| line.contains("-->"))
}

fn cues(path: &Path, text: &str) -> Result<Vec<Segment>, ReferenceError> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut cue: Option<(TimeSpan, Vec<String>)> = None;
    // The header, notes and styles of WebVTT end with an empty line.
    let mut in_block = false;
    for (number, line) in lines(text) {
        let line = line.trim();
        if line.is_empty() {
            segments.extend(cue.take().and_then(spoken));
            in_block = false;
        } else if let Some((from, to)) = line.split_once("-->").filter(|_| !in_block) {
            // A cue may follow another without an empty line; its number was then taken for a line of speech.
            if let Some((_, said)) = &mut cue {
                said.pop_if(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
            }
            segments.extend(cue.take().and_then(spoken));
            cue =
                Some((times(from, to).map_err(|problem| problem.at(path, Place::Line(number)))?, Vec::new()));
        } else if let Some((_, said)) = &mut cue {
            said.push(without_markup(line));
        } else {
            let word = line.split([' ', '\t']).next().unwrap_or_default();
            in_block |= matches!(word, "WEBVTT" | "NOTE" | "STYLE" | "REGION");
        }
    }
    segments.extend(cue.and_then(spoken));
    Ok(segments)
}

fn spoken((span, said): (TimeSpan, Vec<String>)) -> Option<Segment> {
    let text = said.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(Segment { span: Some(span), text })
}

/// `00:01:02,500` of SubRip, `01:02.500` of WebVTT, whose cue settings may follow.
fn times(from: &str, to: &str) -> Result<TimeSpan, Problem> {
    let end = to.split_whitespace().next().unwrap_or_default();
    Ok(TimeSpan::new(seconds(from.trim())?, seconds(end)?)?)
}

fn seconds(text: &str) -> Result<f64, Problem> {
    let wrong = || Problem::unexpected("a time such as 00:01:02,500 or 01:02.500", text);
    let (clock, fraction) = text.split_once([',', '.']).unwrap_or((text, ""));
    let digits = |part: &str| part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len())
        || !digits(fraction)
        || parts.iter().any(|part| part.is_empty() || !digits(part))
    {
        return Err(wrong());
    }
    let whole =
        parts.iter().try_fold(0.0, |sum, part| part.parse::<f64>().ok().map(|number| sum * 60.0 + number));
    let part = if fraction.is_empty() { Some(0.0) } else { format!("0.{fraction}").parse::<f64>().ok() };
    Ok(whole.ok_or_else(wrong)? + part.ok_or_else(wrong)?)
}

/// Without `<i>`, `<v Speaker>` and `{\an8}`, and with the characters that WebVTT escapes.
fn without_markup(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(['<', '{']) {
        let (before, tag) = rest.split_at(start);
        plain.push_str(before);
        // A tag ends before another begins; else the character is speech.
        let inside = &tag[1..];
        let begins = if tag.starts_with('<') {
            inside.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        } else {
            inside.starts_with('\\')
        };
        let closing = if tag.starts_with('<') { '>' } else { '}' };
        let end =
            inside.find(['<', '{', closing]).filter(|end| begins && inside[*end..].starts_with(closing));
        let skipped = end.map_or(1, |end| end + 2);
        if end.is_none() {
            plain.push_str(&tag[..skipped]);
        }
        rest = &tag[skipped..];
    }
    plain.push_str(rest);
    // The ampersand last, so that `&amp;lt;` stays `&lt;`.
    let plain = plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
        .replace("&lrm;", "")
        .replace("&rlm;", "");
    plain.replace("&amp;", "&")
}

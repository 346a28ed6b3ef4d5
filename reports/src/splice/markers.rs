//! Where the markers of a file stand.

use std::collections::BTreeMap;
use std::ops::Range;

use super::MarkerProblem;
use super::fences::Fences;

/// What stands between two markers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    /// The part that belongs there.
    pub(super) name: String,
    /// The line of the marker that begins it, counted from 1.
    pub(super) line: usize,
    /// The bytes between the lines of the markers.
    pub(super) inner: Range<usize>,
    /// How the first marker's line ends.
    pub(super) line_end: &'static str,
}

#[derive(Debug, PartialEq, Eq)]
enum Marker<'a> {
    Open(&'a str),
    Close(&'a str),
}

/// The regions of a file in their order. A problem comes with its line.
pub(super) fn regions(text: &[u8]) -> Result<Vec<Region>, (usize, MarkerProblem)> {
    let mut regions: Vec<Region> = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut open: Option<Region> = None;
    let mut fences = Fences::default();
    let mut end = 0;
    for (number, line) in (1..).zip(text.split_inclusive(|&byte| byte == b'\n')) {
        let begin = end;
        end += line.len();
        let words = String::from_utf8_lossy(line);
        if fences.is_code(words.trim_end_matches(['\r', '\n'])) {
            continue;
        }
        match (marker(&words), open.take()) {
            (None, before) => open = before,
            (Some(Marker::Open(name)), None) => {
                let name = name.to_owned();
                if let Some(first) = seen.insert(name.clone(), number) {
                    return Err((number, MarkerProblem::Twice { name, first }));
                }
                let line_end = if line.ends_with(b"\r\n") { "\r\n" } else { "\n" };
                open = Some(Region { name, line: number, inner: end..end, line_end });
            }
            (Some(Marker::Open(inner)), Some(Region { name: outer, line: begins, .. })) => {
                return Err((number, MarkerProblem::Nested { inner: inner.to_owned(), outer, begins }));
            }
            (Some(Marker::Close(name)), Some(region)) if region.name == name => {
                regions.push(Region { inner: region.inner.start..begin, ..region });
            }
            (Some(Marker::Close(name)), _) => {
                return Err((number, MarkerProblem::Unopened(name.to_owned())));
            }
        }
    }
    match open {
        Some(Region { name, line, .. }) => Err((line, MarkerProblem::Unclosed(name))),
        None => Ok(regions),
    }
}

/// The marker that a line is, if it is one and nothing else.
fn marker(line: &str) -> Option<Marker<'_>> {
    let words = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    if let Some(name) = words.strip_prefix("reelbench:") {
        return Some(Marker::Open(name.trim()));
    }
    words.strip_prefix("/reelbench:").map(|name| Marker::Close(name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_stand_alone_on_their_line() {
        assert_eq!(marker("<!-- reelbench:verdict -->\r\n"), Some(Marker::Open("verdict")));
        assert_eq!(marker("  <!--/reelbench:verdict-->"), Some(Marker::Close("verdict")));
        for text in
            ["", "<!-- -->", "<!-- reelbench -->", "see `<!-- reelbench:verdict -->`", "<!---->", "<!-->"]
        {
            assert_eq!(marker(text), None, "{text}");
        }
    }

    #[test]
    fn a_marker_that_does_not_fit_is_told_with_its_line() {
        let problem = |text: &str| regions(text.as_bytes()).unwrap_err();
        let (open, close) = ("<!-- reelbench:a -->\n", "<!-- /reelbench:a -->\n");
        assert_eq!(problem(&format!("x\n{open}")), (2, MarkerProblem::Unclosed("a".to_owned())));
        assert_eq!(problem(close), (1, MarkerProblem::Unopened("a".to_owned())));
        let twice = MarkerProblem::Twice { name: "a".to_owned(), first: 1 };
        assert_eq!(problem(&format!("{open}{close}\n{open}{close}")), (4, twice));
        let nested = MarkerProblem::Nested { inner: "b".to_owned(), outer: "a".to_owned(), begins: 1 };
        assert_eq!(problem(&format!("{open}<!-- reelbench:b -->\n{close}")), (2, nested));
        let crossed = MarkerProblem::Unopened("b".to_owned());
        assert_eq!(problem(&format!("{open}<!-- /reelbench:b -->\n{close}")), (2, crossed));
    }

    #[test]
    fn code_has_no_markers() {
        let text = "```\n<!-- reelbench:a -->\n```\n<!-- reelbench:b -->\n~~~\n<!-- /reelbench:b -->\n~~~\n<!-- /reelbench:b -->";
        let found = regions(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].line), ("b", 4));
        assert_eq!(&text[found[0].inner.clone()], "~~~\n<!-- /reelbench:b -->\n~~~\n");
    }
}

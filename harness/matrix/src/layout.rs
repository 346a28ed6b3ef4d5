//! Where everything in a YAML text stands.
//!
//! `serde_yaml` keeps no positions, so a second parser's events are folded into a tree of places of
//! the same shape. This pass comes first and bounds everything that could grow: aliases are
//! counted before they are followed, so a text whose aliases multiply is refused and not expanded.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScanError, Span};

use crate::problem::{Place, Problem};

/// Most values a matrix may have once its aliases are followed.
const MAX_NODES: usize = 250_000;
/// Deepest nesting of lists and maps; a matrix needs five.
const MAX_DEPTH: usize = 32;

/// What is wrong where the parser says these words.
const REMEDIES: [(&str, &str); 4] = [
    (
        "mapping values are not allowed",
        "begin the keys of a map in the same column, and put a text with `: ` in it in quotes",
    ),
    ("expected '-'", "entries of a list, and keys of a map, begin in the same column"),
    ("hexadecimal", "a backslash means itself only without quotes or in single ones; paths may have `/`"),
    ("illegal placement of ':'", "is a `[`, `{` or quote before it left open?"),
];

/// A node's place and those of its children; a map's are key, value, key, value…
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) place: Place,
    /// Shared, so that an alias costs nothing here.
    pub(crate) children: Vec<Rc<Self>>,
}

/// A finished node that an alias can stand for.
struct Anchor {
    layout: Rc<Layout>,
    /// Nodes of `layout`, itself included.
    size: usize,
}

/// A list or map whose end has not been seen.
struct Open {
    layout: Layout,
    anchor: usize,
    /// Number of nodes before it.
    before: usize,
}

/// Folds events into a tree.
struct Builder<'t> {
    places: Places<'t>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
    documents: usize,
    root: Option<Rc<Layout>>,
}

/// The tree of places of `text`; `None` when it holds nothing but comments.
pub(crate) fn read(text: &str) -> Result<Option<Rc<Layout>>, Problem> {
    let mut builder = Builder {
        places: Places::new(text),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        documents: 0,
        root: None,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| builder.places.syntax_error(&error))?;
        builder.take(event, span)?;
    }
    Ok(builder.root)
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = self.places.of(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::error("a second YAML document begins here")
                        .at(place)
                        .help("a matrix is one document: remove the `---` or put the rest in its own file"));
                }
            }
            Event::Scalar(_, _, anchor, tag) => {
                no_tag(tag.as_deref(), place)?;
                self.finish(Layout { place, children: Vec::new() }, anchor, self.nodes)?;
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                no_tag(tag.as_deref(), place)?;
                if self.open.len() == MAX_DEPTH {
                    return Err(Problem::error(format!("nested deeper than {MAX_DEPTH} levels")).at(place));
                }
                let layout = Layout { place: self.places.line_from(place), children: Vec::new() };
                self.open.push(Open { layout, anchor, before: self.nodes });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { layout, anchor, before }) = self.open.pop() {
                    self.finish(layout, anchor, before)?;
                }
            }
            Event::Alias(id) => self.follow(id, place)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Adds what an alias stands for.
    fn follow(&mut self, id: usize, place: Place) -> Result<(), Problem> {
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(Problem::error("this alias stands inside what it refers to").at(place));
        };
        self.nodes += anchor.size;
        self.bound(place)?;
        let layout = Rc::clone(&anchor.layout);
        self.attach(layout);
        Ok(())
    }

    /// Adds a node that is complete; `before` nodes were complete before it began.
    fn finish(&mut self, layout: Layout, anchor: usize, before: usize) -> Result<(), Problem> {
        self.nodes += 1;
        self.bound(layout.place)?;
        let layout = Rc::new(layout);
        if anchor > 0 {
            let size = self.nodes - before;
            self.anchors.insert(anchor, Anchor { layout: Rc::clone(&layout), size });
        }
        self.attach(layout);
        Ok(())
    }

    fn attach(&mut self, layout: Rc<Layout>) {
        match self.open.last_mut() {
            Some(parent) => parent.layout.children.push(layout),
            None => self.root = Some(layout),
        }
    }

    fn bound(&self, place: Place) -> Result<(), Problem> {
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Problem::error(format!("more than {MAX_NODES} values once aliases are followed")).at(place))
    }
}

fn no_tag(tag: Option<&saphyr_parser::Tag>, place: Place) -> Result<(), Problem> {
    let Some(tag) = tag else { return Ok(()) };
    let tag = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
    Err(Problem::error(format!("the tag `{tag}` means nothing in a matrix"))
        .at(place)
        .help("remove it; quotes make a text of anything"))
}

/// Turns the parser's character offsets into places.
pub(crate) struct Places<'t> {
    text: &'t str,
    /// Byte offset of every character; absent when the text is ASCII and they are the same.
    bytes: Option<Vec<usize>>,
    /// Byte offset of every line break.
    line_ends: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).collect());
        let line_ends = text.match_indices(['\n', '\r']).map(|(byte, _)| byte).collect();
        Self { text, bytes, line_ends }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            None => character.min(self.text.len()),
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.text.len()),
        }
    }

    /// The part of a span that lies in its first line.
    fn of(&self, span: Span) -> Place {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).clamp(start, self.end_of_line(start));
        Place { line: span.start.line() as u32, column: span.start.col() as u32 + 1, start, end }
    }

    /// The same start, to the end of its line.
    fn line_from(&self, place: Place) -> Place {
        let line = self.text.get(place.start..self.end_of_line(place.start)).unwrap_or_default();
        Place { end: place.start + line.trim_end().len(), ..place }
    }

    fn end_of_line(&self, start: usize) -> usize {
        let line = self.line_ends.partition_point(|end| *end < start);
        self.line_ends.get(line).copied().unwrap_or(self.text.len())
    }

    /// The place of a byte.
    pub(crate) fn of_byte(&self, byte: usize) -> Place {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() as u32 + 1;
        Place { line, column, start: before.len(), end: before.len() }
    }

    fn syntax_error(&self, error: &ScanError) -> Problem {
        let marker = *error.marker();
        // A tab is reported where the value before it begins, or behind it where it indents.
        let reported = self.byte(marker.index());
        let start = self.text.get(..reported).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let tab = self.text.get(start..).and_then(|rest| rest.find('\t')).map(|tab| start + tab);
        if let (true, Some(tab)) = (error.info().contains("tab"), tab) {
            return Problem::error("not valid YAML: a tab where only spaces may stand")
                .at(self.of_byte(tab))
                .help("indent with spaces");
        }
        let problem =
            Problem::error(format!("not valid YAML: {}", error.info())).at(self.of(Span::empty(marker)));
        let remedy = REMEDIES.iter().find(|(words, _)| error.info().contains(words));
        match remedy {
            Some((_, remedy)) => problem.help(*remedy),
            None => problem,
        }
    }
}

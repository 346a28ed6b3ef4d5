//! SVG text, mark by mark.

use std::fmt::Write as _;

use crate::{Heading, theme};

/// Where a text stands relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A place in pixels, from the upper left corner.
pub(crate) type Place = (f64, f64);

/// A picture in the making. Nothing is drawn outside of it.
pub(crate) struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

impl Canvas {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// A text whose letters stand on `y`.
    pub(crate) fn text(&mut self, at: Place, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let (x, y) = (self.x(at.0), self.y(at.1));
        self.push(format_args!("<text x=\"{x}\" y=\"{y}\"{anchor}{class}>{}</text>\n", escaped(text)));
    }

    pub(crate) fn line(&mut self, from: Place, to: Place, class: &str) {
        let (x1, y1, x2, y2) = (self.x(from.0), self.y(from.1), self.x(to.0), self.y(to.1));
        self.push(format_args!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>\n"
        ));
    }

    /// A bar between two corners, with words that a pointer brings up.
    pub(crate) fn bar(&mut self, (left, top): Place, (right, bottom): Place, class: &str, tooltip: &str) {
        let (x, y) = (self.x(left), self.y(top));
        let (width, height) = (number((right - left).max(0.0)), number((bottom - top).max(0.0)));
        self.push(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\">"
        ));
        self.tooltip(tooltip);
        self.push(format_args!("</rect>\n"));
    }

    /// A dot, with words that a pointer brings up.
    pub(crate) fn dot(&mut self, centre: Place, radius: f64, class: &str, tooltip: &str) {
        let (x, y, r) = (self.x(centre.0), self.y(centre.1), number(radius));
        self.push(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" class=\"{class}\">"));
        self.tooltip(tooltip);
        self.push(format_args!("</circle>\n"));
    }

    /// A line through several places; through fewer than two there is none.
    pub(crate) fn polyline(&mut self, places: &[Place], class: &str) {
        if places.len() < 2 {
            return;
        }
        let points: Vec<String> =
            places.iter().map(|&(x, y)| format!("{},{}", self.x(x), self.y(y))).collect();
        self.push(format_args!("<polyline points=\"{}\" class=\"{class}\"/>\n", points.join(" ")));
    }

    /// Everything between, with words that a pointer brings up anywhere in it.
    pub(crate) fn group(&mut self, tooltip: &str, draw: impl FnOnce(&mut Self)) {
        self.push(format_args!("<g>"));
        self.tooltip(tooltip);
        self.push(format_args!("\n"));
        draw(self);
        self.push(format_args!("</g>\n"));
    }

    /// The picture as a document that also stands inside of an HTML page.
    pub(crate) fn finish(self, heading: &Heading) -> String {
        let Heading { name, title, description, .. } = heading;
        let (name, title, description) = (escaped(name), escaped(title), escaped(description));
        let (width, height) = (number(self.width), number(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"rb-chart\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"rb-{name}-title rb-{name}-desc\">\n\
             <title id=\"rb-{name}-title\">{title}</title>\n<desc id=\"rb-{name}-desc\">{description}</desc>\n\
             <style>\n{}</style>\n{}</svg>\n",
            theme::style(),
            self.body
        )
    }

    fn tooltip(&mut self, words: &str) {
        if !words.is_empty() {
            self.push(format_args!("<title>{}</title>", escaped(words)));
        }
    }

    fn push(&mut self, words: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.body.write_fmt(words);
    }

    fn x(&self, x: f64) -> String {
        number(x.clamp(0.0, self.width))
    }

    fn y(&self, y: f64) -> String {
        number(y.clamp(0.0, self.height))
    }
}

/// Pixels to a tenth; half of one on a sharp screen can be seen, less cannot.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(ToOwned::to_owned).unwrap_or(text)
}

/// A text as XML has it. Characters that XML 1.0 cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escaped("a<b & \"c\"\u{1}\n'd'"), "a&lt;b &amp; &quot;c&quot; &#39;d&#39;");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([3.0, 3.04, 3.06, 0.0].map(number), ["3", "3", "3.1", "0"]);
    }
}

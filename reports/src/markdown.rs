//! GitHub-flavoured Markdown that cannot be broken by what is put into it, and that reads well raw.

use std::fmt::Write as _;

use minijinja::value::Value;

use crate::report::{Align, Cell, Column, Emphasis, Table};

/// Text as it is: what would be markup is escaped, and line breaks become spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut previous = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' => escaped.extend(['\\', c]),
            // Within a word an underscore is no markup, and names read better with it bare.
            '_' if !(previous.is_alphanumeric() && next.is_alphanumeric()) => escaped.push_str("\\_"),
            '\r' if next == '\n' => {}
            _ if c.is_control() => escaped.push(' '),
            _ => escaped.push(c),
        }
        previous = c;
    }
    escaped
}

/// Text as a code span, on one line. Not for tables, which are cut at their bars before code is found.
pub(crate) fn code_span(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let fence = "`".repeat(longest_run_of_backticks(&line) + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// Text as a fenced block, whatever fences stand in it.
pub(crate) fn code_block(text: &str) -> String {
    let text = without_terminal_codes(text);
    let fence = "`".repeat(longest_run_of_backticks(&text).max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Log lines without the colours and other controls meant for a terminal (`ESC [ … letter`).
pub(crate) fn without_terminal_codes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' && rest.next_if_eq(&'[').is_some() {
            // Parameters end at the first character from `@` on.
            rest.by_ref().find(|c| ('@'..='~').contains(c));
        } else if !c.is_control() || matches!(c, '\n' | '\t') {
            plain.push(c);
        }
    }
    plain
}

fn longest_run_of_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Who reads a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A Markdown renderer.
    Markdown,
    /// A person at a terminal.
    Terminal,
}

/// A table whose columns are padded to equal width. Empty when it has no rows.
pub(crate) fn table(table: &Table, reader: Reader) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let header: Vec<String> = table.columns.iter().map(|column| text_for(reader, &column.title)).collect();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| {
            row.iter().zip(&table.columns).map(|(cell, column)| markup(cell, column, reader)).collect()
        })
        .collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|i| {
            let cells = std::iter::once(&header).chain(&rows).filter_map(|row| row.get(i));
            cells.map(|cell| display_width(cell)).max().unwrap_or(0).max(3)
        })
        .collect();
    let aligns: Vec<Align> = table.columns.iter().map(|column| column.align).collect();
    let rules: Vec<String> = widths
        .iter()
        .zip(&aligns)
        .map(|(&width, align)| match align {
            Align::Left => "-".repeat(width),
            Align::Right => format!("{}:", "-".repeat(width - 1)),
        })
        .collect();
    let mut text = String::new();
    for row in [&header, &rules].into_iter().chain(&rows) {
        push_row(&mut text, row, &widths, &aligns);
    }
    text
}

/// Text within a tag of HTML, where Markdown is not looked for, as a template takes it.
pub(crate) fn safe_html(text: &str) -> Value {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Value::from_safe_string(line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

/// A table as a template takes it, not to be escaped again.
pub(crate) fn safe_table(rows: &Table) -> Value {
    Value::from_safe_string(table(rows, Reader::Markdown))
}

fn push_row(text: &mut String, row: &[String], widths: &[usize], aligns: &[Align]) {
    for ((cell, &width), align) in row.iter().zip(widths).zip(aligns) {
        let padding = " ".repeat(width.saturating_sub(display_width(cell)));
        // Writing to a string cannot fail.
        let _ = match align {
            Align::Left => write!(text, "| {cell}{padding} "),
            Align::Right => write!(text, "| {padding}{cell} "),
        };
    }
    text.push_str("|\n");
}

fn text_for(reader: Reader, text: &str) -> String {
    match reader {
        Reader::Markdown => escape(text),
        Reader::Terminal => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
    }
}

fn markup(cell: &Cell, column: &Column, reader: Reader) -> String {
    let text = text_for(reader, &cell.text);
    let is_strong = column.emphasis == Emphasis::Strong && reader == Reader::Markdown;
    let text = if is_strong && cell.text != Cell::NONE { format!("**{text}**") } else { text };
    match &cell.note {
        Some(note) => format!("{text} {}", text_for(reader, note)),
        None => text,
    }
}

/// Columns that text takes up in a monospaced font. The emoji of our statuses and East Asian scripts take two,
/// combining marks and variation selectors none; for scripts beyond those it is an estimate.
fn display_width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x23E9..=0x23FA
        | 0x2600..=0x27BF
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_stays_text() {
        assert_eq!(
            escape("a|b\r\nc <img src=x> **d** `e` [f](g) snake_case _h_ i&j"),
            "a\\|b c &lt;img src=x&gt; \\*\\*d\\*\\* \\`e\\` \\[f\\](g) snake_case \\_h\\_ i&amp;j"
        );
    }

    #[test]
    fn code_keeps_its_backticks() {
        assert_eq!(code_span("a `b` c"), "``a `b` c``");
        assert_eq!(code_span("a|`b`"), "`` a|`b` ``");
        assert_eq!(code_block("x\r\n```\n\u{1b}[1;31my\u{1b}[0m\n"), "````text\nx\n```\ny\n````");
    }

    #[test]
    fn columns_are_padded_to_equal_width() {
        let columns = vec![Column::left("Name").strong(), Column::right("RTF"), Column::left("Status")];
        let rows = vec![
            vec![Cell::from("a|b"), Cell::from("12.6x").with_note("± 0.3"), Cell::from("✅ Stable")],
            vec![Cell::from("東京"), Cell::none(), Cell::from("⚠️ Unstable")],
        ];
        let expected = "\
| Name     |         RTF | Status      |
| -------- | ----------: | ----------- |
| **a\\|b** | 12.6x ± 0.3 | ✅ Stable   |
| **東京** |           – | ⚠️ Unstable |
";
        assert_eq!(table(&Table { columns, rows }, Reader::Markdown), expected);
    }
}

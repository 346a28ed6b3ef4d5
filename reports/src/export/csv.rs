//! Tables as comma-separated values: RFC 4180, in UTF-8.
//!
//! A value that is absent is an empty field, an empty text is `""`. Numbers have the fewest digits that read back as
//! the same number. Spreadsheets take a text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a
//! formula, and a run's texts come from models and files: such a text gets an apostrophe before it
//! (<https://owasp.org/www-community/attacks/CSV_Injection>).

use std::fmt::Write as _;
use std::io::{self, Write};

use polars::prelude::{AnyValue, Column, DataFrame};

/// Writes the titles of the columns, then the rows.
pub(super) fn write(table: &DataFrame, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for (place, column) in table.columns().iter().enumerate() {
        separate(&mut line, place);
        push_text(&mut line, column.name());
    }
    end(&mut line, out)?;
    let columns = table.columns().iter().map(Column::as_materialized_series);
    let mut columns: Vec<_> = columns.map(|column| column.iter()).collect();
    for _ in 0..table.height() {
        for (place, column) in columns.iter_mut().enumerate() {
            separate(&mut line, place);
            push_value(&mut line, &column.next().unwrap_or(AnyValue::Null));
        }
        end(&mut line, out)?;
    }
    Ok(())
}

fn separate(line: &mut String, place: usize) {
    if place > 0 {
        line.push(',');
    }
}

fn end(line: &mut String, out: &mut dyn Write) -> io::Result<()> {
    line.push_str("\r\n");
    out.write_all(line.as_bytes())?;
    line.clear();
    Ok(())
}

fn push_value(line: &mut String, value: &AnyValue<'_>) {
    // Writing to a string cannot fail.
    let _ = match value {
        AnyValue::Null => Ok(()),
        AnyValue::Boolean(flag) => write!(line, "{flag}"),
        AnyValue::UInt32(number) => write!(line, "{number}"),
        AnyValue::UInt64(number) => write!(line, "{number}"),
        AnyValue::Int64(number) => write!(line, "{number}"),
        AnyValue::Float64(number) => write!(line, "{number}"),
        AnyValue::String(text) => {
            push_text(line, text);
            Ok(())
        }
        other => {
            push_text(line, &other.to_string());
            Ok(())
        }
    };
}

fn push_text(line: &mut String, text: &str) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let apostrophe = if is_formula { "'" } else { "" };
    if text.is_empty() || text.contains([',', '"', '\r', '\n']) {
        line.push('"');
        line.push_str(apostrophe);
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(apostrophe);
        line.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_they_must_be_and_are_never_formulas() {
        for (text, field) in [
            ("a cat", "a cat"),
            ("", "\"\""),
            ("a, b", "\"a, b\""),
            ("a \"cat\"", "\"a \"\"cat\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("-2,5", "\"'-2,5\""),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("a=b", "a=b"),
        ] {
            let mut line = String::new();
            push_text(&mut line, text);
            assert_eq!(line, field);
        }
    }

    #[test]
    fn numbers_read_back_as_they_were_and_what_is_absent_is_empty() {
        let columns = vec![
            Column::new("a number".into(), [Some(0.1 + 0.2), None, Some(1e-9), Some(-1.5e300)]),
            Column::new("count".into(), [Some(u64::MAX), Some(0), None, Some(1)]),
            Column::new("flag".into(), [Some(true), None, Some(false), None]),
        ];
        let mut csv = Vec::new();
        write(&DataFrame::new_infer_height(columns).unwrap(), &mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let rows: Vec<Vec<&str>> =
            csv.split_terminator("\r\n").map(|line| line.split(',').collect()).collect();
        assert_eq!(rows[0], ["a number", "count", "flag"]);
        assert_eq!(rows[1][1..], ["18446744073709551615", "true"]);
        assert_eq!(rows[2], ["", "0", ""]);
        let numbers = [1, 3, 4].map(|row: usize| rows[row][0].parse::<f64>().unwrap().to_bits());
        assert_eq!(numbers, [0.1 + 0.2, 1e-9, -1.5e300].map(f64::to_bits));
    }
}

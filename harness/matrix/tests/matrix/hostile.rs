//! Texts made to hurt: each ends in an error, soon and without much memory.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use reelbench_matrix::{Folders, Matrix};
use reelbench_protocol::{Repeats, Warmup};

use crate::common::{errors, everything, expand, fixtures, parse, with};

/// Far more than any of these needs, far less than what they ask for.
const SOON: Duration = Duration::from_secs(20);

fn soon<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
    result
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let of = format!("*a{}", level - 1);
        let _ = writeln!(text, "a{level}: &a{level} [{}]", [of.as_str(); 10].join(", "));
    }
    let said = soon(|| errors(&text));
    assert!(said.contains("more than 250000 values once aliases are followed"), "{said}");
}

#[test]
fn one_long_list_with_many_aliases_is_refused() {
    let long = vec!["x"; 10_000].join(", ");
    let text = format!("a: &a [{long}]\nb: [{}]\n", vec!["*a"; 10_000].join(", "));
    let said = soon(|| errors(&text));
    assert!(said.contains("more than 250000 values once aliases are followed"), "{said}");
}

#[test]
fn an_honest_alias_works() {
    let text = with(
        "settings: &all {num_beams: [1, 2]}\ninclude: [&extra {num_beams: 3}, *extra]\nrun: {repeats: &n 2, warmup: *n}",
    );
    assert_eq!(expand(&text).cells.len(), 3);
    let matrix = parse(&text).unwrap();
    assert_eq!((matrix.run().repeats, matrix.run().warmup), (Repeats::Fixed(2), Warmup::Fixed(2)));
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        for depth in [40, 1000, 200_000] {
            let text = format!("version: {}{}", open.repeat(depth), close.repeat(depth));
            let said = soon(|| errors(&text));
            // The parser looks ahead, and has a limit of its own.
            let refused = ["nested deeper than 32 levels", "recursion limit exceeded"];
            assert!(refused.iter().any(|reason| said.contains(reason)), "{said}");
        }
    }
    let mut block = String::new();
    for depth in 0..500 {
        let _ = writeln!(block, "{}a:", " ".repeat(depth));
    }
    assert!(soon(|| errors(&block)).contains("nested deeper than 32 levels"));
}

#[test]
fn a_large_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.yaml");
    std::fs::write(&file, "# comment\n".repeat(200_000)).unwrap();
    let error = Matrix::load(&file, &Folders::default()).unwrap_err();
    assert!(error.to_string().ends_with("large.yaml: the matrix is larger than 1048576 bytes"), "{error}");
    #[cfg(unix)]
    {
        let error = soon(|| Matrix::load(Path::new("/dev/zero"), &Folders::default())).unwrap_err();
        assert!(error.to_string().contains("larger than"), "{error}");
    }
}

#[test]
fn the_largest_file_is_read_soon() {
    let long_list = format!("a: [{}]", "x, ".repeat(340_000));
    let long_lines = "- x\n".repeat(260_000);
    let long_word = format!("a: {}", "x".repeat(1_000_000));
    let mut many_keys = String::new();
    for key in 0..100_000 {
        let _ = writeln!(many_keys, "k{key}:");
    }
    let not_ascii = format!("a: [{}]", "é, ".repeat(200_000));
    for text in [long_list, long_lines, long_word, many_keys, not_ascii] {
        assert!(text.len() < 1 << 20);
        soon(|| parse(&text).unwrap_err());
    }
}

#[test]
fn what_cannot_be_read_says_so() {
    let load =
        |name: &str| Matrix::load(&fixtures().join(name), &Folders::default()).unwrap_err().to_string();
    assert!(load("nowhere.yaml").contains("nowhere.yaml: the matrix cannot be read: No such file"));
    assert!(load("clips").contains("clips: the matrix cannot be read: Is a directory"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latin1.yaml");
    std::fs::write(&file, b"version: 1\nname: caf\xe9\n").unwrap();
    let said = Matrix::load(&file, &Folders::default()).unwrap_err().to_string();
    assert!(said.contains("not UTF-8 text: line 2 has a byte"), "{said}");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    let text = format!("\u{feff}{}", with("settings: {num_beams: [1, 2]}").replace('\n', "\r\n"));
    assert_eq!(expand(&text).cells.len(), 2);
    let said = errors(&text.replace("num_beams", "num_baems"));
    assert!(said.starts_with("matrix.yaml:5:12: unknown key `num_baems`"), "{said}");
}

proptest! {
    /// Whatever is thrown at the reader, it answers.
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z0-9:\\[\\]{},&*!|>'\"%@#? \n\t-]{0,80}") {
        let _ = parse(&text);
    }

    /// Nor does a matrix with a piece of it replaced.
    #[test]
    fn no_change_makes_the_reader_panic(at in 0usize..1700, cut in 0usize..20, put in "[a-z0-9:\\[\\]{},&*!|é \n-]{0,12}") {
        let text = std::fs::read_to_string(fixtures().join("bad.yaml")).unwrap();
        let (at, end) = (at.min(text.len()), (at + cut).min(text.len()));
        let changed = format!("{}{put}{}", &text[..at], &text[end..]);
        let _ = parse(&changed).map(|matrix| matrix.expand(&everything()));
    }
}

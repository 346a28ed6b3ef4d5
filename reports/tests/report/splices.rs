//! Parts of a report between markers of another file.

use std::fs;
use std::path::{Path, PathBuf};

use reelbench_reports::{Report, Results, Spliced, splice};

use crate::fixtures::*;

const README: &str = "\
# Films

<!-- reelbench:verdict -->
old
<!-- /reelbench:verdict -->

```html
<!-- reelbench:end_to_end -->
```

<!--reelbench:end_to_end-->
<!--/reelbench:end_to_end-->
Behind it.

<!-- reelbench:provenance -->
<!-- /reelbench:provenance -->
no line break at the end";

fn report() -> Report {
    Results::load(finished_run().write()).unwrap().report
}

fn file(folder: &tempfile::TempDir, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join("README.md");
    fs::write(&path, text).unwrap();
    path
}

fn spliced(report: &Report, path: &Path) -> Spliced {
    splice(report, &[path.to_owned()]).unwrap().remove(0)
}

#[test]
fn tables_stand_between_their_markers_and_nothing_else_changes() {
    let (folder, report) = (tempfile::tempdir().unwrap(), report());
    let path = file(&folder, README);
    let first = spliced(&report, &path);
    assert_eq!(first.changed, Some(4));
    assert_eq!(
        first.parts,
        [("verdict", 3), ("end_to_end", 11), ("provenance", 15)].map(|(n, l)| (n.into(), l))
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), README, "nothing is written yet");
    first.write().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!("spliced_readme", text);

    let again = spliced(&report, &path);
    assert_eq!((again.changed, again.content()), (None, text.as_bytes()), "a second time changes nothing");
}

#[test]
fn line_ends_and_bytes_that_are_no_text_are_kept() {
    let (folder, report) = (tempfile::tempdir().unwrap(), report());
    let mut text = b"\xff\xfe no UTF-8\nunix\r\n".to_vec();
    text.extend(b"<!-- reelbench:verdict -->\r\n<!-- /reelbench:verdict -->\r\nlast\n");
    let path = file(&folder, &text);
    let spliced = spliced(&report, &path);
    let verdict = format!("\r\n**{}**\r\n\r\n", report.verdict.text);
    let expected = [
        b"\xff\xfe no UTF-8\nunix\r\n<!-- reelbench:verdict -->\r\n".as_slice(),
        verdict.as_bytes(),
        b"<!-- /reelbench:verdict -->\r\nlast\n".as_slice(),
    ];
    assert_eq!(spliced.content(), expected.concat());
}

#[test]
fn a_part_that_is_empty_leaves_nothing_between_its_markers() {
    let (folder, report) = (tempfile::tempdir().unwrap(), report());
    let path = file(&folder, "<!-- reelbench:cache_check -->\nold\n<!-- /reelbench:cache_check -->\n");
    assert_eq!(
        spliced(&report, &path).content(),
        b"<!-- reelbench:cache_check -->\n<!-- /reelbench:cache_check -->\n"
    );
}

#[test]
fn every_section_can_be_put_into_a_file() {
    let (folder, report) = (tempfile::tempdir().unwrap(), report());
    let markers = report
        .sections()
        .map(|named| format!("<!-- reelbench:{} -->\n<!-- /reelbench:{} -->\n", named.name, named.name));
    let path = file(&folder, markers.concat());
    let names: Vec<String> = spliced(&report, &path).parts.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, report.sections().map(|named| named.name));
}

#[test]
fn a_marker_that_does_not_fit_is_told_and_no_file_is_written() {
    let (folder, report) = (tempfile::tempdir().unwrap(), report());
    let told = |text: &str| {
        let path = file(&folder, text);
        let error = splice(&report, std::slice::from_ref(&path)).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "README.md")
    };
    let unknown = told("\n<!-- reelbench:end-to-end -->\n<!-- /reelbench:end-to-end -->\n");
    let start = "README.md:2: a report has no part `end-to-end`; did you mean `end_to_end`? it has verdict, end_to_end, ";
    assert!(unknown.starts_with(start), "{unknown}");
    assert_eq!(
        told("<!-- reelbench:verdict -->\n"),
        "README.md:1: `<!-- reelbench:verdict -->` is not closed: put a line `<!-- /reelbench:verdict -->` below it"
    );
    assert!(told("nothing").starts_with("README.md: no markers: put a line `<!-- reelbench:NAME -->`"));
    let missing = splice(&report, &[folder.path().join("absent.md")]).unwrap_err().to_string();
    assert!(missing.contains("absent.md: cannot be read: "), "{missing}");
}

#[cfg(unix)]
#[test]
fn a_link_stays_one_and_a_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, report) = (tempfile::tempdir().unwrap(), report());
    let path = file(&folder, "<!-- reelbench:verdict -->\n<!-- /reelbench:verdict -->\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link.md");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    spliced(&report, &link).write().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&path).unwrap().contains("All cells ok"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

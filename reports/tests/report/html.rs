//! `report.html` without a browser.

use reelbench_reports::{Results, Template, rebuild};

use crate::fixtures::*;
use crate::scene_fixtures::*;
use crate::support::*;

fn page(run: &RunDir) -> String {
    rebuild(run.write(), &Template::Embedded).unwrap();
    read(run.write(), "report.html")
}

/// What stands on the page from one place on, without the bytes of its pictures.
fn content(page: &str, from: &str) -> String {
    let main = page.split_once(from).unwrap().1.split_once("</main>").unwrap().0;
    let mut parts = main.split("base64,");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |content, part| content + "base64,…" + &part[part.find('"').unwrap()..])
}

#[test]
fn a_page_of_scenes() {
    let page = page(&scenes_run());
    insta::assert_snapshot!("page_of_scenes", content(&page, "<section aria-labelledby=\"failures\">"));
}

#[test]
fn a_page_of_nothing() {
    let mut run = RunDir::planned(vec![], vec![]);
    run.finish();
    let page = page(&run);
    assert!(page.contains("<strong>⚠️ No cells: nothing was measured.</strong>"));
    assert!(page.contains("id=\"provenance\""));
    assert_eq!(["failures", "scenes"].map(|id| page.contains(&format!("id=\"{id}\""))), [false; 2]);
}

#[test]
fn every_page_has_the_rows_of_the_report() {
    let run = mixed_run();
    let (page, report) = (page(&run), Results::load(run.write()).unwrap().report);
    let rows: usize = report.sections().iter().map(|named| named.section.table.rows.len()).sum();
    let files = report.provenance.files.rows.len();
    assert_eq!(page.matches("<th scope=\"row\"").count(), rows + files);
    for failure in &report.failures {
        assert!(page.contains(&format!("Cell <code>{}</code>", failure.cell)), "{failure:?}");
    }
}

#[test]
fn numbers_are_those_of_the_summary() {
    let run = scenes_run();
    let page = page(&run);
    let cells = Results::load(run.write()).unwrap().summary.cells;
    let rtfs: Vec<f64> = cells.iter().filter_map(|cell| Some(cell.rtf.as_ref()?.median)).collect();
    assert_eq!(rtfs.len(), 5, "all that were measured, one of them in stage 1");
    for rtf in rtfs {
        assert!(page.contains(&format!("data-value=\"{rtf}\"")), "{rtf}");
    }
}

#[test]
fn nothing_can_be_loaded_and_text_stays_text() {
    let page = page(&scenes_run());
    assert!(page.contains(
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-"
    ));
    let tags = ["<script", "</script", "<template", "</template"];
    assert_eq!(tags.map(|tag| page.matches(tag).count()), [1; 4], "only the page's own");
    assert_eq!(page.matches("<img").count(), page.matches("src=\"data:image/jpeg;base64,").count());
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!page.contains("://") && !page.contains("url("));
}

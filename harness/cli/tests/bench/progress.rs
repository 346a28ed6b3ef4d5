//! How a run shows that it goes on, where standard error is no terminal.

use crate::common::{Ended, Workplace};

const MATRIX: &str = r#"
version: 1
name: progress
videos: [{id: film, path: film.mp4}]
stage1: {scene: {}}
models:
  - {id: crashes, family: llava-next, weights: "dummy:crash"}
  - {id: good, family: llava-next, weights: "dummy:llava-next-tiny"}
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 2, warmup: 1, cache_check: 0}
"#;

fn run(workplace: &Workplace, options: &str) -> Ended {
    workplace.write("film.mp4", "film");
    workplace.write("matrix.yaml", MATRIX);
    workplace.bench(&format!("run matrix.yaml --runner fake {options}"))
}

#[test]
fn every_line_of_a_repeat_says_how_many_of_all_were_done_and_what_is_left() {
    let ended = run(&Workplace::new(), "--out run").expect(3);
    assert!(!ended.stderr.contains('\r') && !ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(lines.len(), 6, "{}", ended.stderr);
    assert!(lines[0].starts_with("[1/9] warmup 1 "), "{}", lines[0]);
    assert!(lines[1].starts_with("[2/9] measured 1/2 "), "{}", lines[1]);
    assert!(lines.iter().all(|line| line.contains(" elapsed, ") && line.ends_with(" left)")), "{lines:#?}");
    assert!(lines[0].contains("more than "), "captions are yet to come: {}", lines[0]);
    // The cell that crashed needs none of its three repeats any more.
    assert!(lines[2].starts_with("[3/9] ") && lines[5].starts_with("[6/6] "), "{}", lines[5]);
    assert!(ended.stderr.lines().any(|line| line.starts_with("failed  film crashes: ")), "{}", ended.stderr);
}

#[test]
fn quiet_says_only_what_goes_wrong_and_the_result() {
    let workplace = Workplace::new();
    let ended = run(&workplace, "--out run -q").expect(3);
    // The fake runner has a log of its own.
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| !line.starts_with("estimating ")).collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    assert!(lines[0].starts_with("failed  film crashes: "), "{}", lines[0]);
    assert!(ended.stdout.contains("report: [WORK]/run/report.md"), "{}", ended.stdout);
}

#[test]
fn a_manual_page_has_the_examples_and_every_exit_code() {
    let workplace = Workplace::new();
    let page = workplace.bench("man").expect(0).stdout;
    for words in [".TH bench 1", ".SH EXAMPLES", "bench plan matrix.yaml", ".SH \"EXIT STATUS\""] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
    let help = workplace.bench("--help").expect(0).stdout;
    for (code, meaning) in [
        ("0", "all cells ok"),
        ("2", "invalid matrix"),
        ("3", "did not end ok"),
        ("10", "regression"),
        ("11", "inconclusive"),
        ("12", "nothing gated"),
        ("130", "resumable"),
    ] {
        assert!(help.lines().any(|line| line.trim().starts_with(code) && line.contains(meaning)), "{help}");
        assert!(page.contains(&format!("\\fB{code}\\fR")), "{code} is not in\n{page}");
    }
    workplace.bench("man pages").expect(0);
    for page in ["bench.1", "bench-run.1", "bench-plan.1", "bench-probe-scenes.1"] {
        assert!(workplace.read(&format!("pages/{page}")).starts_with(".ie"), "{page}");
    }
    for (page, example) in [("bench-report.1", "\\-\\-format csv"), ("bench-history.1", "bench history runs")]
    {
        let page = workplace.read(&format!("pages/{page}"));
        assert!(page.contains(".SH EXAMPLES") && page.contains(example), "{example} is not in\n{page}");
    }
}

#[test]
fn help_explains_how_cells_are_selected() {
    let help = Workplace::new().bench("plan --help").expect(0).stdout;
    for words in ["key!=value", "quantization=none|q4k", "Keys: id, kind, video"] {
        assert!(help.contains(words), "{words} is not in\n{help}");
    }
}

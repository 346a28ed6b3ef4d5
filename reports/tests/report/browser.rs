//! `report.html` in a real browser.

use std::path::{Path, PathBuf};

use reelbench_reports::{Template, rebuild};
use serde_json::{Value, json};

use crate::chromium::{self, Browser, Tab};
use crate::fixtures::mixed_run;
use crate::scene_fixtures::{HOSTILE, scenes_run};
use crate::support::RunDir;

/// The End-to-End table, and the heading of its column of times.
const TABLE: &str = "document.querySelector('[aria-labelledby=end_to_end] table')";
const TIME: &str = "[...document.querySelectorAll('[aria-labelledby=end_to_end] thead th')].find(h => h.textContent.includes('VLM Time'))";

/// Everything is looked at in one browser, which takes a while to start.
#[test]
fn the_page_in_a_browser() {
    let Some(mut browser) = chromium::start() else { return };
    let (scenes, mixed) = (scenes_run(), mixed_run());
    let (page, mixed) = (page(&scenes), page(&mixed));
    let checks: [fn(&mut Tab<'_>); 12] = [
        asks_for_nothing_and_has_no_errors,
        sorts_by_click_and_key,
        filters_rows,
        changes_its_theme_and_remembers,
        marks_what_differs,
        chooses_captions,
        shows_charts_with_tooltips,
        can_be_used_from_the_keyboard,
        names_its_controls,
        does_not_run_what_was_said,
        is_as_wide_as_the_window,
        prints_everything_but_controls,
    ];
    for check in checks {
        check(&mut open(&mut browser, &page));
    }
    let mut tab = open(&mut browser, &mixed);
    empty_cells_come_last(&mut tab);
    is_as_wide_as_the_window(&mut tab);
    asks_for_nothing_and_has_no_errors(&mut tab);
}

fn page(run: &RunDir) -> PathBuf {
    rebuild(run.write(), &Template::Embedded).unwrap();
    run.write().join("report.html")
}

fn open<'a>(browser: &'a mut Browser, page: &Path) -> Tab<'a> {
    let mut tab = browser.open(page);
    tab.call("Emulation.setFocusEmulationEnabled", &json!({"enabled": true}));
    tab.resize(1200, 900);
    tab
}

fn asks_for_nothing_and_has_no_errors(tab: &mut Tab<'_>) {
    tab.value("document.querySelectorAll('details').forEach(d => { d.open = true; })");
    tab.wait_for("[...document.images].every(image => image.complete && image.naturalWidth > 0)");
    let requests = tab.requests();
    assert!(requests.len() == 1 && requests[0].ends_with("/report.html"), "{requests:?}");
    assert_eq!(tab.complaints(), Vec::<Value>::new());
}

/// The values of the column of times, from top to bottom; null where there is none.
fn times(tab: &mut Tab<'_>) -> Vec<Option<f64>> {
    let values = tab.value(&format!(
        "[...{TABLE}.tBodies[0].rows].map(row => row.cells[{TIME}.cellIndex].dataset.value ?? null)"
    ));
    let numbers = values.as_array().unwrap().iter().map(|value| value.as_str().map(|v| v.parse().unwrap()));
    numbers.collect()
}

fn sorts_by_click_and_key(tab: &mut Tab<'_>) {
    let planned = times(tab);
    let mut ascending = planned.clone();
    // What is not there comes last.
    ascending.sort_by(|a, b| a.is_none().cmp(&b.is_none()).then(a.partial_cmp(b).unwrap()));
    assert_ne!(planned, ascending, "the fixture is not in order");
    // As words, the longest time comes before others.
    assert_eq!(
        tab.value(&format!("['10.00 s', '3.3 min'].every(t => {TABLE}.textContent.includes(t))")),
        true
    );

    tab.click(&format!("{TIME}.querySelector('button')"));
    assert_eq!(times(tab), ascending);
    assert_eq!(tab.value(&format!("{TIME}.getAttribute('aria-sort')")), "ascending");
    tab.value(&format!("{TIME}.querySelector('button').focus()"));
    tab.press("Enter");
    assert_eq!(tab.value(&format!("{TIME}.getAttribute('aria-sort')")), "descending");
    let numbers = |values: Vec<Option<f64>>| values.into_iter().flatten().collect::<Vec<_>>();
    let mut descending = numbers(ascending);
    descending.reverse();
    assert_eq!(numbers(times(tab)), descending);
    tab.press(" ");
    assert_eq!(times(tab), planned, "as it was");
    let sorted = "document.querySelectorAll('[aria-sort]:not([aria-sort=none])').length";
    assert_eq!(tab.value(sorted), 0);
}

fn empty_cells_come_last(tab: &mut Tab<'_>) {
    for direction in ["ascending", "descending"] {
        tab.click(&format!("{TIME}.querySelector('button')"));
        assert_eq!(tab.value(&format!("{TIME}.getAttribute('aria-sort')")), direction);
        let values = times(tab);
        let measured = values.iter().take_while(|value| value.is_some()).count();
        assert!(measured >= 2 && measured < values.len(), "{values:?}");
        assert!(values[measured..].iter().all(Option::is_none), "{direction}: {values:?}");
    }
}

fn filters_rows(tab: &mut Tab<'_>) {
    let shown = format!("[...{TABLE}.tBodies[0].rows].filter(row => row.checkVisibility()).length");
    let all = tab.value(&shown).as_u64().unwrap();
    tab.click("document.querySelector('#filter-all')");
    tab.type_text("llava FALSE");
    assert_eq!(tab.value(&shown), 2);
    tab.click("document.querySelector('[aria-label=\"Filter rows of End-to-End\"]')");
    tab.type_text("q4k");
    assert_eq!(tab.value(&shown), 1);
    let status = "document.querySelector('[aria-labelledby=end_to_end] [role=status]').textContent";
    assert_eq!(tab.value(status), format!("1 of {all} rows"));
    tab.value("document.querySelectorAll('input[type=search]').forEach(input => { input.value = ''; input.dispatchEvent(new Event('input')); })");
    assert_eq!(tab.value(&shown), all);
    assert_eq!(tab.value(status), "");
}

fn changes_its_theme_and_remembers(tab: &mut Tab<'_>) {
    let media = |scheme: &str| json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    let ground = "getComputedStyle(document.body).backgroundColor";
    tab.call("Emulation.setEmulatedMedia", &media("light"));
    let light = tab.value(ground);
    tab.call("Emulation.setEmulatedMedia", &media("dark"));
    let dark = tab.value(ground);
    assert_ne!(light, dark, "the system's theme is followed");
    tab.call("Emulation.setEmulatedMedia", &media("light"));
    tab.click("document.querySelector('#theme')");
    assert_eq!(tab.value(ground), dark);
    assert_eq!(tab.value("document.querySelector('#theme').textContent"), "Use light theme");
    let address = tab.value("location.pathname");
    tab.show(address.as_str().unwrap().as_ref());
    assert_eq!(tab.value(ground), dark, "remembered");
    tab.click("document.querySelector('#theme')");
    assert_eq!(tab.value(ground), light);
    tab.value("localStorage.clear()");
}

fn marks_what_differs(tab: &mut Tab<'_>) {
    let marks = |tag: &str| {
        format!("[...document.querySelectorAll('.different {tag}')].map(e => e.textContent.trim())")
    };
    assert_eq!(tab.value(&marks("del")), json!(["grey", "heavy"]));
    assert_eq!(tab.value(&marks("ins")), json!(["dark", "the"]));
    let line = |tag: &str| format!("getComputedStyle(document.querySelector('{tag}')).textDecorationLine");
    assert_eq!(
        (tab.value(&line("del")), tab.value(&line("ins"))),
        (json!("line-through"), json!("underline"))
    );
    assert_eq!(tab.value("document.querySelectorAll('.same :is(ins, del)').length"), 0);
    let wavers = tab.value("document.querySelector('.unstable').textContent");
    assert!(wavers.as_str().unwrap().starts_with("⚠️ Repeat 2: A man in a grey dark coat"), "{wavers}");
}

fn chooses_captions(tab: &mut Tab<'_>) {
    let scene = "document.querySelector('.scene')";
    let shown = format!("[...{scene}.querySelectorAll('.caption')].filter(c => c.checkVisibility()).length");
    assert_eq!(tab.value(&shown), 5);
    let choice = |facet: &str, value: &str| {
        format!(
            "[...document.querySelectorAll('fieldset')].find(f => f.querySelector('legend').textContent === '{facet}') \
             .querySelectorAll('label').values().find(l => l.textContent.trim() === '{value}').querySelector('input')"
        )
    };
    tab.value(&format!("{}.focus()", choice("use_cache", "false")));
    tab.press(" ");
    assert_eq!(tab.value(&shown), 3);
    tab.click(&choice("model", "hostile"));
    assert_eq!(tab.value(&shown), 2);
    assert_eq!(tab.value("document.querySelector('#chosen').textContent"), "2 of 5 settings chosen");
    let select = |value: &str| {
        format!(
            "(() => {{ const s = document.querySelector('#show'); s.value = '{value}'; s.dispatchEvent(new Event('change', {{bubbles: true}})); }})()"
        )
    };
    tab.value(&select("references"));
    assert_eq!(tab.value(&shown), 1);
    tab.click(&choice("use_cache", "false"));
    tab.value(&select("differing"));
    assert_eq!(tab.value(&shown), 3, "the reference, what differs, and what has no stable words to compare");
    tab.click("document.querySelector('#close-all')");
    assert_eq!(tab.value("document.querySelectorAll('.scene[open]').length"), 0);
    tab.click("document.querySelector('#open-all')");
    assert_eq!(tab.value("document.querySelectorAll('.scene:not([open])').length"), 0);
}

fn shows_charts_with_tooltips(tab: &mut Tab<'_>) {
    assert!(tab.value("document.querySelectorAll('.rb-chart').length").as_u64().unwrap() > 0);
    let mark = "[...document.querySelectorAll('.rb-chart circle')].at(-1)";
    assert_eq!(tab.value("document.querySelector('.tip').checkVisibility()"), false);
    tab.point_at(mark);
    tab.wait_for("document.querySelector('.tip').checkVisibility()");
    let words = tab.value("document.querySelector('.tip').textContent");
    assert!(words.as_str().unwrap().contains("hostile"), "{words}");
    let ink = format!("getComputedStyle({mark}).fill");
    let themed = ["light", "dark"].map(|theme| {
        tab.value(&format!("document.documentElement.dataset.theme = '{theme}'"));
        tab.value(&ink)
    });
    assert_ne!(themed[0], themed[1], "charts follow the page");
}

/// From the top of the page, every control is reached, and the first is the way past the contents.
fn can_be_used_from_the_keyboard(tab: &mut Tab<'_>) {
    const CONTROLS: &str = "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')] \
                            .filter(e => e.checkVisibility({contentVisibilityAuto: true}))";
    let controls = tab.value(&format!("{CONTROLS}.length")).as_u64().unwrap();
    assert!(controls > 30, "{controls}");
    tab.value("globalThis.reached = []; document.addEventListener('focusin', e => reached.push(e.target))");
    for _ in 0..controls {
        tab.press("Tab");
        let outline = "getComputedStyle(document.activeElement).outlineStyle";
        assert_eq!(tab.value(outline), "solid", "focus is seen");
        if tab.value("reached.length") == 1 {
            assert_eq!(tab.value("document.activeElement.textContent"), "Skip to the report");
            assert_eq!(tab.value("document.activeElement.getBoundingClientRect().left >= 0"), true);
        }
    }
    let missed = format!("{CONTROLS}.filter(e => !reached.includes(e)).map(e => e.outerHTML)");
    assert_eq!(tab.value(&missed), json!([]));
    tab.value("document.querySelector('.skip').focus()");
    tab.press("Enter");
    assert_eq!(tab.value("document.activeElement.id"), "content");
}

fn names_its_controls(tab: &mut Tab<'_>) {
    const CONTROLS: [&str; 9] =
        ["button", "link", "searchbox", "checkbox", "combobox", "table", "navigation", "main", "region"];
    let tree = tab.call("Accessibility.getFullAXTree", &json!({}));
    let mut found = Vec::new();
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if let Some(role) = CONTROLS.iter().find(|known| **known == role) {
            found.push(*role);
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(*role == "main" || !name.trim().is_empty(), "{node:#}");
        }
    }
    for role in CONTROLS {
        assert!(found.contains(&role), "no {role}");
    }
    let levels = tab.value("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])");
    let levels: Vec<u64> = levels.as_array().unwrap().iter().map(|level| level.as_u64().unwrap()).collect();
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    let ids = "(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.filter((id, at) => ids.indexOf(id) < at); })()";
    assert_eq!(tab.value(ids), json!([]), "every id once");
}

fn does_not_run_what_was_said(tab: &mut Tab<'_>) {
    assert_eq!(tab.value("document.title"), "fixture – Reelbench report");
    let texts = format!(
        "[...document.querySelectorAll('.caption .text')].some(e => e.textContent === {})",
        json!(HOSTILE)
    );
    assert_eq!(tab.value(&texts), true, "it is shown as it is");
    assert_eq!(tab.value("document.scripts.length"), 1);
    // Were it markup after all, the page's policy would still not run it.
    let inject = format!("document.body.insertAdjacentHTML('beforeend', {})", json!(HOSTILE));
    tab.value(&inject);
    let script = "(() => { const s = document.createElement('script'); s.textContent = \"document.title='taken'\"; document.body.append(s); })()";
    tab.value(script);
    tab.wait_for("[...document.images].every(image => image.complete)");
    assert_eq!(tab.value("document.title"), "fixture – Reelbench report");
}

fn is_as_wide_as_the_window(tab: &mut Tab<'_>) {
    tab.value("document.querySelectorAll('details').forEach(d => { d.open = true; })");
    for width in [360, 700, 1200] {
        tab.resize(width, 800);
        let wide = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, pre, .skip') && \
                    e.getBoundingClientRect().right > document.documentElement.clientWidth).map(e => e.outerHTML.slice(0, 100))";
        assert_eq!(tab.value(wide), json!([]), "at {width}");
        assert_eq!(tab.value("document.documentElement.scrollWidth <= innerWidth"), true);
    }
    tab.resize(360, 800);
    let scrolls = format!("{TABLE}.parentElement.scrollWidth > {TABLE}.parentElement.clientWidth");
    assert_eq!(tab.value(&scrolls), true, "a wide table scrolls in its own box");
}

fn prints_everything_but_controls(tab: &mut Tab<'_>) {
    tab.value("document.documentElement.dataset.theme = 'dark'");
    tab.call("Emulation.setEmulatedMedia", &json!({"media": "print"}));
    tab.resize(700, 1000);
    let controls = "[...document.querySelectorAll('input, select, nav, .skip, #theme, [data-copy]')].filter(e => e.checkVisibility()).length";
    assert_eq!(tab.value(controls), 0);
    let hidden = "[...document.querySelectorAll('.scene .text, .failure pre')].filter(e => e.getBoundingClientRect().height === 0 && e.textContent.trim()).length";
    assert_eq!(tab.value(hidden), 0, "what is folded is printed");
    assert_eq!(tab.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    let cut = "[...document.querySelectorAll('.scroll')].filter(e => getComputedStyle(e).overflowX !== 'visible' || e.scrollWidth > innerWidth).length";
    assert_eq!(tab.value(cut), 0, "no table is cut");
    let opened =
        "(dispatchEvent(new Event('beforeprint')), document.querySelectorAll('details:not([open])').length)";
    assert_eq!(tab.value(opened), 0);
    assert_eq!(tab.value("(dispatchEvent(new Event('afterprint')), document.querySelectorAll('details:not([open])').length > 0)"), true);
}

//! The colours, for light and dark pages, and the few rules that marks share.

/// How many colours there are to tell series apart.
pub(crate) const INKS: usize = 5;

/// Colours on a page of one kind, as `#rrggbb`.
struct Theme {
    text: &'static str,
    muted: &'static str,
    grid: &'static str,
    inks: [&'static str; INKS],
}

/// Text and grid are those of GitHub's pages. Blue, vermilion and green are of the palette of Okabe and Ito, "Color Universal
/// Design" (2008); wine and indigo, where that one is too pale for white, of "muted" in Paul Tol's "Colour Schemes"
/// (SRON/EPS/TN/09-002, 2021).
const LIGHT: Theme = Theme {
    text: "#1f2328",
    muted: "#59636e",
    grid: "#d1d9e0",
    inks: ["#0072b2", "#d55e00", "#009e73", "#882255", "#332288"],
};

/// All of Okabe and Ito's palette.
const DARK: Theme = Theme {
    text: "#f0f6fc",
    muted: "#9198a1",
    grid: "#3d444d",
    inks: ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442"],
};

/// What stays the same on every page.
const RULES: &str = "\
.rb-chart{font:12px -apple-system,BlinkMacSystemFont,\"Segoe UI\",\"Noto Sans\",Helvetica,Arial,sans-serif}
.rb-chart text{fill:var(--rb-text)}
.rb-chart .rb-strong{font-weight:600}
.rb-chart .rb-muted{fill:var(--rb-muted)}
.rb-chart .rb-grid{stroke:var(--rb-grid)}
.rb-chart .rb-limit{stroke:var(--rb-text);stroke-width:1.5;stroke-dasharray:5 3}
.rb-chart .rb-leader{stroke:var(--rb-muted);stroke-width:.75}
.rb-chart .rb-fill{fill:var(--rb-ink)}
.rb-chart .rb-pale{fill:var(--rb-ink);fill-opacity:.3;stroke:var(--rb-ink)}
.rb-chart .rb-rest{fill:var(--rb-muted);fill-opacity:.5}
.rb-chart .rb-line{fill:none;stroke:var(--rb-ink);stroke-width:2}
.rb-chart .rb-hollow{fill:var(--rb-ink);fill-opacity:.1;stroke:var(--rb-ink);stroke-width:1.5}
.rb-chart .rb-0{--rb-ink:var(--rb-muted)}
";

/// The style sheet of a chart. Its colours follow the reader's system, or a page's `data-theme` where it has one.
/// Paper is always light.
pub(crate) fn style() -> String {
    let rule = |ink| format!(".rb-chart .rb-{ink}{{--rb-ink:var(--rb-ink-{ink})}}\n");
    let inks = (1..=INKS).map(rule).collect::<Vec<_>>().concat();
    let (light, dark) = (variables(&LIGHT), variables(&DARK));
    format!(
        ".rb-chart,[data-theme=light] .rb-chart{{{light}}}\n\
         @media screen and (prefers-color-scheme:dark){{.rb-chart{{{dark}}}}}\n\
         @media screen{{[data-theme=dark] .rb-chart{{{dark}}}}}\n\
         {RULES}{inks}"
    )
}

fn variables(theme: &Theme) -> String {
    let Theme { text, muted, grid, inks } = theme;
    let ink = |(ink, colour): (usize, &&str)| format!("--rb-ink-{ink}:{colour}");
    let inks: Vec<String> = (1..).zip(inks).map(ink).collect();
    format!("--rb-text:{text};--rb-muted:{muted};--rb-grid:{grid};{}", inks.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Linear = [f64; 3];

    /// GitHub's pages, and paper.
    const PAGES: [(&Theme, &str); 2] = [(&LIGHT, "#ffffff"), (&DARK, "#0d1117")];

    /// Linear light of sRGB (IEC 61966-2-1).
    fn linear(colour: &str) -> Linear {
        [1, 3, 5].map(|at| {
            let part = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// Contrast ratio of WCAG 2.1.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour| {
            let [red, green, blue] = linear(colour);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Ottosson, "A perceptual color space for image processing" (2020).
    fn oklab(linear: Linear) -> Linear {
        let mix = |rows: [Linear; 3], of: Linear| rows.map(|row| (0..3).map(|i| row[i] * of[i]).sum::<f64>());
        let cones = mix(
            [
                [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
                [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
                [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
            ],
            linear,
        );
        mix(
            [
                [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
                [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
                [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
            ],
            cones.map(f64::cbrt),
        )
    }

    /// What protanopes, deuteranopes and tritanopes see: Machado, Oliveira and Fernandes, "A physiologically-based model for
    /// simulation of color vision deficiency" (2009), severity 1; and what others see.
    const SIGHTS: [[Linear; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];

    #[test]
    fn everything_stands_out_from_its_page() {
        for (theme, page) in PAGES {
            // WCAG 2.1: 4.5 for text (1.4.3), 3 for graphics (1.4.11).
            for text in [theme.text, theme.muted] {
                assert!(contrast(text, page) >= 4.5, "{text} on {page}: {}", contrast(text, page));
            }
            for ink in theme.inks {
                assert!(contrast(ink, page) >= 3.0, "{ink} on {page}: {}", contrast(ink, page));
            }
        }
    }

    #[test]
    fn colours_can_be_told_apart_by_all() {
        for (theme, _) in PAGES {
            for sight in SIGHTS {
                let seen = theme.inks.map(|ink| {
                    let ink = linear(ink);
                    let mixed = sight.map(|row| (0..3).map(|i| row[i] * ink[i]).sum::<f64>().clamp(0.0, 1.0));
                    oklab(mixed)
                });
                for (index, one) in seen.iter().enumerate() {
                    for (other_index, other) in seen.iter().enumerate().skip(index + 1) {
                        let distance = (0..3).map(|i| (one[i] - other[i]).powi(2)).sum::<f64>().sqrt();
                        // Three to four times what can just be told apart in OKLab.
                        assert!(distance > 0.07, "{} and {}", theme.inks[index], theme.inks[other_index]);
                    }
                }
            }
        }
    }

    #[test]
    fn a_page_can_choose() {
        let style = style();
        for (theme, choice) in
            [(&LIGHT, "[data-theme=light] .rb-chart{"), (&DARK, "[data-theme=dark] .rb-chart{")]
        {
            let (_, rest) = style.split_once(choice).unwrap();
            assert!(rest.starts_with(&variables(theme)), "{rest}");
        }
    }
}

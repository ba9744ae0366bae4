//! The timings as a picture: one row for each kernel, one dot for each process.

use super::{escape, text};
use serde_json::Value;
use std::fmt::Write;

const LEFT: f64 = 230.0;
const WIDTH: f64 = 620.0;
const ROW: f64 = 26.0;
/// The right end of the scale.
const MOST: f64 = 1000.0;

/// |t| on a scale that is linear near 0 and logarithmic far out.
fn x(t: f64) -> f64 {
    LEFT + WIDTH * (1.0 + t.min(MOST)).ln() / (1.0 + MOST).ln()
}

/// An SVG of all targets of the dudect layer.
pub(super) fn dudect(targets: &[&Value]) -> String {
    let height = 50.0 + ROW * targets.len() as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {} {height}\" role=\"img\" aria-label=\"t values of each kernel\">",
        LEFT + WIDTH + 110.0
    );
    let bottom = height - 30.0;
    let top = 14.0;
    let _ = write!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{}\" class=\"calm\"/>",
        x(4.5) - LEFT,
        bottom - top
    );
    for (t, class) in [
        (0.0, "grid"),
        (1.0, "grid"),
        (4.5, "limit"),
        (10.0, "seen"),
        (100.0, "grid"),
        (MOST, "grid"),
    ] {
        let at = x(t);
        let _ = write!(
            svg,
            "<line x1=\"{at}\" x2=\"{at}\" y1=\"{top}\" y2=\"{bottom}\" class=\"{class}\"/>\
             <text x=\"{at}\" y=\"{}\" class=\"tick\">{t}</text>",
            bottom + 18.0
        );
    }
    for (row, target) in targets.iter().enumerate() {
        let y = top + ROW * (row as f64 + 0.6);
        let control = target["control"] == true;
        let class = if control { "control" } else { "dot" };
        let name = if control { "control: planted branch" } else { text(&target["target"]) };
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" class=\"name\">{}</text>",
            LEFT - 12.0,
            y + 4.0,
            escape(name)
        );
        let mut all: Vec<f64> =
            target["t"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        all.sort_by(f64::total_cmp);
        for t in &all {
            let _ = write!(svg, "<circle cx=\"{}\" cy=\"{y}\" r=\"4\" class=\"{class}\"/>", x(*t));
        }
        if let Some(median) = all.get(all.len() / 2) {
            let at = x(*median);
            let _ = write!(
                svg,
                "<line x1=\"{at}\" x2=\"{at}\" y1=\"{}\" y2=\"{}\" class=\"median {class}\"/>\
                 <text x=\"{}\" y=\"{}\" class=\"value\">median {median:.1}</text>",
                y - 9.0,
                y + 9.0,
                LEFT + WIDTH + 10.0,
                y + 4.0
            );
        }
    }
    svg + "</svg>"
}

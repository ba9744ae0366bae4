//! The times of both engines as one SVG picture, readable on light and on dark pages.

use std::fmt::Write;

use super::attack::{Attack, Watched, percent};
use super::observer::Rule;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 400.0;
/// Of a panel's drawing area.
const PANEL: f64 = 380.0;
const LEFTS: [f64; 2] = [40.0, 460.0];
/// The line between the classes, and how far the tallest bar reaches from it.
const AXIS: f64 = 210.0;
const REACH: f64 = 90.0;
const BINS: usize = 38;

const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 } .name { font-size: 14px; font-weight: 600 }
  .small { font-size: 12px; fill: #57606a } .page { fill: #ffffff }
  .axis { stroke: #57606a; stroke-width: 1 } .cut { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 5 4 }
  .first { fill: #0072b2 } .second { fill: #d55e00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9da7b3 } .page { fill: #0d1117 }
    .axis { stroke: #9da7b3 } .cut { stroke: #e6edf3 } .first { fill: #56b4e9 } .second { fill: #f0883e }
  }";

/// Draws the picture: a panel for each engine, times to the right, one class above the line and the
/// other below it, each as shares of its own class.
pub(crate) fn draw(attack: &Attack) -> String {
    let [first, second] = attack.classes.each_ref().map(|name| escape(name));
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Histograms of the time of one row, by answer, on two engines">
<style>{STYLE}
</style>
<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="8"/>
<text class="title" x="40" y="36">How long one row takes, by its secret answer</text>
<rect class="first" x="560" y="25" width="12" height="12"/><text x="578" y="36">{first} (up)</text>
<rect class="second" x="690" y="25" width="12" height="12"/><text x="708" y="36">{second} (down)</text>
"#
    );
    for (engine, left) in attack.engines.iter().zip(LEFTS) {
        panel(&mut svg, attack, engine, left);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, attack: &Attack, engine: &Watched, left: f64) {
    let scale = Scale::of(&engine.nanos);
    let report = &engine.report;
    let _ = writeln!(svg, r#"<text class="name" x="{left}" y="78">{}</text>"#, escape(engine.name));
    let said = escape(&attack.finding(report));
    let _ = writeln!(svg, r#"<text class="small" x="{left}" y="98">{said}</text>"#);
    bars(svg, attack, engine, &scale, left);
    let right = left + PANEL;
    let _ = writeln!(svg, r#"<path class="axis" d="M{left} {AXIS}H{right}"/>"#);
    if let Rule::Slower { cut, .. } = report.rule {
        let x = left + scale.place(cut) * PANEL;
        let (top, bottom) = (AXIS - REACH - 6.0, AXIS + REACH + 6.0);
        let _ = writeln!(svg, r#"<path class="cut" d="M{x:.1} {top}V{bottom}"/>"#);
    }
    for (nanos, label) in scale.ticks() {
        let x = left + scale.place(nanos) * PANEL;
        let (top, text) = (AXIS + REACH + 10.0, AXIS + REACH + 28.0);
        let _ = writeln!(svg, r#"<path class="axis" d="M{x:.1} {top}v5"/>"#);
        let _ = writeln!(
            svg,
            r#"<text class="small" x="{x:.1}" y="{text}" text-anchor="middle">{label}</text>"#
        );
    }
    let (accuracy, base) = (percent(report.accuracy()), percent(report.base_rate()));
    let (low, high) = (percent(report.interval.0), percent(report.interval.1));
    let _ = writeln!(
        svg,
        r#"<text x="{left}" y="364">guessed right: {accuracy} (99% interval {low} to {high})</text>
<text class="small" x="{left}" y="384">base rate, without a clock: {base}</text>"#
    );
}

/// The bars of both classes: upwards for the first, downwards for the second, as shares of their
/// class; the tallest of the panel has the full height.
fn bars(svg: &mut String, attack: &Attack, engine: &Watched, scale: &Scale, left: f64) {
    let shares = [false, true].map(|wanted| {
        let mut counts = [0.0f64; BINS];
        let queries = engine.nanos.iter().zip(&attack.second);
        for (&nanos, _) in queries.filter(|(_, second)| **second == wanted) {
            counts[((scale.place(nanos) * BINS as f64) as usize).min(BINS - 1)] += 1.0;
        }
        let total = counts.iter().sum::<f64>().max(1.0);
        counts.map(|count| count / total)
    });
    let tallest = shares.iter().flatten().fold(0.0, |a: f64, &b| a.max(b)).max(1e-9);
    let width = PANEL / BINS as f64;
    for (share, class) in shares.iter().zip(["first", "second"]) {
        for (bin, &share) in share.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            // a single row stays visible beside a spike of a hundred
            let height = (REACH * share / tallest).max(2.0);
            let x = left + bin as f64 * width;
            let y = if class == "first" { AXIS - height } else { AXIS };
            let _ = writeln!(
                svg,
                r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{:.1}" height="{height:.1}"/>"#,
                width - 1.0
            );
        }
    }
}

/// From nanoseconds to the width of a panel.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    /// From the fastest to where 98 of 100 are; what is slower is drawn at the end.
    fn of(nanos: &[f64]) -> Self {
        let mut sorted = nanos.to_vec();
        sorted.sort_by(f64::total_cmp);
        let from = sorted.first().copied().unwrap_or(0.0);
        let to = sorted.get(sorted.len() * 98 / 100).copied().unwrap_or(1.0);
        let margin = ((to - from) * 0.05).max(from * 1e-4).max(0.01);
        Self { from: from - margin, to: to + margin }
    }

    /// 0 to 1.
    fn place(&self, nanos: f64) -> f64 {
        ((nanos - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// Round numbers, with their text.
    fn ticks(&self) -> Vec<(f64, String)> {
        let (unit, name) = if self.to < 10_000.0 { (1.0, "ns") } else { (1000.0, "\u{b5}s") };
        let span = (self.to - self.from) / unit;
        let power = 10f64.powf((span / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * power).into_iter().find(|s| span / s <= 5.0);
        let step = step.unwrap_or(span);
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let first = (self.from / unit / step).ceil();
        let ticks = (0..6).map(|i| (first + f64::from(i)) * step).filter(|t| *t <= self.to / unit);
        ticks.map(|t| (t * unit, format!("{t:.digits$} {name}"))).collect()
    }
}

/// A class name comes out of a model file.
fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.chars().filter(|c| !c.is_control()).collect()
}

//! The page.

use super::{Results, escape, plot, text, thousands};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn page(results: &Results, facts: &[(&'static str, String)]) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Tautochrone: evidence</title>\
         <style>{STYLE}</style></head><body><main><h1>Tautochrone: evidence of constant time</h1>"
    );
    html.push_str("<table class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(html, "<tr><th>{name}</th><td>{}</td></tr>", escape(value));
    }
    html.push_str("</table>");
    layers(&mut html, results);
    html.push_str(MEANING);
    planted(&mut html, results);
    kernels(&mut html, results);
    code(&mut html, results);
    timings(&mut html, results);
    mutants(&mut html, results);
    html + NOT_CHECKED + "</main></body></html>\n"
}

const MEANING: &str = "<h2>What the words mean</h2><ul>\
<li><b>Same</b>: for these secrets, on this path, in this binary, an observer of every instruction, every address and \
every operand of a variable-time instruction sees the same. It is no proof for other secrets.</li>\
<li><b>Clean</b>: on the path that ran, no branch and no address depended on a secret bit, whatever its value.</li>\
<li><b>As expected</b>: the machine code, on all paths, holds no instruction that has no place in a kernel, and its \
jumps and divisions are those that somebody looked at.</li>\
<li><b>Strict</b>: rows and model are secret. <b>Data-oblivious</b>: rows are secret. <b>Both</b>: the code knows no \
model.</li></ul>";

const NOT_CHECKED: &str = "<h2>What this page does not show</h2><ul>\
<li>AVX-512 code that ran: this processor's backends stand at the top. Where avx512 is not among them, its code was \
read (scan), not run.</li>\
<li>Other processors than this one: whether each vector instruction takes constant time there. Whether they are on \
Intel's list of data-operand-independent timing, or Arm's, is an open question.</li>\
<li>Speculation, power, frequency and faults.</li></ul>";

fn layers(html: &mut String, results: &Results) {
    let count = |layer: &str, list: &str, verdict: &str| {
        results.list(layer, list).iter().filter(|row| row["verdict"] == verdict).count()
    };
    let steps: u64 = results
        .list("trace", "targets")
        .iter()
        .filter_map(|row| row["steps_compared"].as_u64())
        .sum();
    let same_code =
        results.list("same-code", "functions").iter().filter(|f| f["state"] == "same").count();
    let caught = results.list("mutants", "mutants");
    let all = caught.len();
    let caught = caught.iter().filter(|mutant| !mutant["caught_by"].is_null()).count();
    let cards = [
        (
            "trace",
            "Tracer",
            format!(
                "{} targets same, {} instructions compared; {} planted leaks seen",
                count("trace", "targets", "same"),
                thousands(steps),
                count("trace", "targets", "leak seen")
            ),
        ),
        (
            "memcheck",
            "Memcheck",
            format!(
                "{} targets clean; {} planted leaks seen",
                count("memcheck", "targets", "clean"),
                count("memcheck", "targets", "leak seen")
            ),
        ),
        (
            "scan",
            "Static scan",
            format!(
                "{} functions as expected; {} planted leaks seen",
                results.list("scan", "functions").len(),
                count("scan", "planted", "leak seen")
            ),
        ),
        ("same-code", "Same code", format!("{same_code} kernels equal in the shipped command")),
        (
            "dudect",
            "Timings",
            format!(
                "{} kernels show no difference; control seen: {}",
                count("dudect", "targets", "no difference seen"),
                if count("dudect", "targets", "leak seen") > 0 { "yes" } else { "no" }
            ),
        ),
        ("mutants", "Mutants", format!("{caught} of {all} caught")),
    ];
    html.push_str("<div class=\"cards\">");
    for (layer, title, what) in cards {
        let good = match layer {
            "mutants" => (all > 0).then_some(caught * 100 >= all * 95),
            _ => results.passed(layer),
        };
        let (class, word) = match good {
            Some(true) => ("good", "passed"),
            Some(false) => ("bad", "FAILED"),
            None => ("none", "not run"),
        };
        let what = if good.is_none() { String::new() } else { what };
        let _ = write!(
            html,
            "<div class=\"card {class}\"><h3>{title}</h3><b>{word}</b><p>{what}</p></div>"
        );
    }
    html.push_str("</div>");
}

/// Planted leaks by layer.
fn planted(html: &mut String, results: &Results) {
    let mut rows: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
    for layer in ["trace", "memcheck"] {
        for row in results.list(layer, "targets").iter().filter(|row| row["planted"] == true) {
            let name = text(&row["kernel"]).trim_start_matches("planted+");
            let name = format!("{name} ({})", text(&row["backend"]));
            rows.entry(name).or_default().insert(layer, text(&row["verdict"]).to_string());
        }
    }
    html.push_str(
        "<h2>Leaks planted on purpose</h2><p>They run beside the real kernels, in the same call. A layer that misses \
         one that it claims to see fails. A regression is a leak that once was in this project.</p>\
         <table><tr><th>leak</th><th>tracer</th><th>memcheck</th></tr>",
    );
    for (name, verdicts) in rows {
        let cell = |layer: &str| match verdicts.get(layer).map(String::as_str) {
            Some("leak seen") => "<td class=\"good\">seen</td>".to_string(),
            Some("not claimed") => "<td class=\"none\">not claimed</td>".to_string(),
            Some(other) => format!("<td class=\"bad\">{}</td>", escape(other)),
            None => "<td class=\"none\">not run</td>".to_string(),
        };
        let _ = write!(
            html,
            "<tr><td>{}</td>{}{}</tr>",
            escape(&name),
            cell("trace"),
            cell("memcheck")
        );
    }
    html.push_str(
        "</table><table><tr><th>function with a leak</th><th>instruction</th><th>scan</th></tr>",
    );
    for row in results.list("scan", "planted") {
        let seen = row["verdict"] == "leak seen";
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td class=\"{}\">{}</td></tr>",
            escape(text(&row["function"])),
            text(&row["class"]),
            if seen { "good" } else { "bad" },
            if seen { "seen" } else { "UNSEEN" }
        );
    }
    html.push_str("</table>");
}

/// Each kernel and profile, a column for each backend.
fn kernels(html: &mut String, results: &Results) {
    type Key<'a> = (&'a str, &'a str, &'a str);
    let mut cells: BTreeMap<Key<'_>, [Option<&Value>; 2]> = BTreeMap::new();
    for (place, layer) in ["trace", "memcheck"].into_iter().enumerate() {
        for row in results.list(layer, "targets").into_iter().filter(|row| row["planted"] != true) {
            let key = (text(&row["kernel"]), text(&row["profile"]), text(&row["backend"]));
            cells.entry(key).or_default()[place] = Some(row);
        }
    }
    html.push_str(
        "<h2>Kernels and pipelines</h2><p>Tracer: secrets tried, instructions of one run, and the first digits of the \
         trace's fingerprint, which all secrets share. In strict, at least eight of the secrets are different models of \
         one shape class. Where a kernel's data-oblivious run has no trace of its own, the strict run tried the same \
         rows on the same code.</p><table class=\"kernels\"><tr><th>kernel</th><th>profile</th><th>backend</th>\
         <th>tracer</th><th>secrets</th><th>instructions</th><th>fingerprint</th><th>memcheck</th></tr>",
    );
    let rows: BTreeSet<Key<'_>> = cells.keys().copied().collect();
    let mut before = ("", "");
    for (kernel, profile, backend) in rows {
        let [trace, memcheck] = cells[&(kernel, profile, backend)];
        let verdict = |row: Option<&Value>, good: &str, none: &str| match row {
            None => format!("<td class=\"none\">{none}</td>"),
            Some(row) => format!(
                "<td class=\"{}\">{}</td>",
                if row["verdict"] == good { "good" } else { "bad" },
                text(&row["verdict"])
            ),
        };
        let number = |name: &str| {
            trace.and_then(|row| row[name].as_u64()).map(thousands).unwrap_or_default()
        };
        let fingerprint: String = trace
            .map(|row| text(&row["fingerprint"]).chars().take(12).collect())
            .unwrap_or_default();
        let again = before == (kernel, profile);
        let _ = write!(
            html,
            "<tr{}><td>{}</td><td>{}</td><td>{backend}</td>{}<td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td><code>{fingerprint}</code></td>{}</tr>",
            if again { "" } else { " class=\"first\"" },
            if again { String::new() } else { escape(kernel) },
            if again { "" } else { profile },
            verdict(trace, "same", "only in full runs"),
            number("secrets"),
            number("steps"),
            verdict(memcheck, "clean", "not run")
        );
        before = (kernel, profile);
    }
    html.push_str("</table>");
}

/// Inventory of the machine code.
fn code(html: &mut String, results: &Results) {
    let shipped: BTreeMap<&str, &Value> = results
        .list("same-code", "functions")
        .into_iter()
        .map(|function| (text(&function["function"]), function))
        .collect();
    html.push_str(
        "<h2>Machine code</h2><p>What could depend on operands, on all paths of each kernel. No gather, masked load or \
         store, float division, square root or bit count but the exceptions in <code>scan.rs</code>, each with its \
         reason. Divisions cut public lengths into chunks. Shipped: the code equals that in the release build of the \
         command, addresses masked.</p><table class=\"kernels\"><tr><th>function</th><th>backend</th><th>found</th>\
         <th>shipped</th></tr>",
    );
    for function in results.list("scan", "functions") {
        let name = text(&function["function"]);
        let counts = function["counts"].as_object().into_iter().flatten();
        let counts: Vec<String> = counts.map(|(class, count)| format!("{count} {class}")).collect();
        let state = shipped.get(name).map_or("not compared", |function| text(&function["state"]));
        let short = name.split("engine::kernel::").nth(1).unwrap_or(name);
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"{}\">{state}</td></tr>",
            escape(short.strip_suffix('>').unwrap_or(short)),
            text(&function["backend"]),
            counts.join(", "),
            if state == "same" { "good" } else { "none" }
        );
    }
    html.push_str("</table>");
}

fn timings(html: &mut String, results: &Results) {
    let targets = results.list("dudect", "targets");
    if targets.is_empty() {
        return;
    }
    let _ = write!(
        html,
        "<h2>Timings</h2><p>Welch's t between a fixed secret and other ones, five processes, a dot for each; the bar \
         is the median. Above 4.5 twice in a row is a leak. The control, a planted branch, must be above 10, or the \
         run says nothing. The scale is logarithmic.</p>{}",
        plot::dudect(&targets)
    );
}

fn mutants(html: &mut String, results: &Results) {
    let mutants = results.list("mutants", "mutants");
    if mutants.is_empty() {
        return;
    }
    let mut kinds: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for mutant in &mutants {
        let layer = mutant["caught_by"].as_str().unwrap_or("survived");
        *kinds.entry(text(&mutant["kind"])).or_default().entry(layer).or_default() += 1;
    }
    html.push_str(
        "<h2>Mutants</h2><p>Leaks planted one by one in the source of the kernels and primitives. Layers are asked in \
         the order of the columns.</p><table><tr><th>kind</th><th>memcheck</th><th>tracer</th><th>scan</th>\
         <th>survived</th></tr>",
    );
    for (kind, layers) in kinds {
        let _ = write!(html, "<tr><td>{kind}</td>");
        for layer in ["memcheck", "trace", "scan", "survived"] {
            let count = layers.get(layer).copied().unwrap_or_default();
            let class = if layer == "survived" && count > 0 { "bad" } else { "n" };
            let _ = write!(html, "<td class=\"n {class}\">{count}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
    let survivors: Vec<&&Value> = mutants.iter().filter(|m| m["caught_by"].is_null()).collect();
    if !survivors.is_empty() {
        html.push_str("<p>Survivors; docs/mutants.md explains each.</p><ul>");
        for mutant in survivors {
            let _ = write!(html, "<li><code>{}</code></li>", escape(text(&mutant["mutant"])));
        }
        html.push_str("</ul>");
    }
}

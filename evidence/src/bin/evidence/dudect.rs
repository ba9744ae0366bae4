//! Layer dudect: the gate over timings. The bench is `benches/benches/dudect.rs`.
//!
//! Five processes; the median of a target's |t| decides. Above 4.5 twice in a row is a leak. The
//! control, a planted branch, must exceed 10, or the machine was too noisy to see anything and the
//! run says nothing: it is tried once more, and then it fails as inconclusive.

use crate::work::{self, Fault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROCESSES: usize = 5;
const LEAK: f64 = 4.5;
const CONTROL_SEEN: f64 = 10.0;
const CONTROL: &str = "planted+branch/both";

/// For each target, |t| and the samples of each process.
type Timings = BTreeMap<String, Vec<(f64, f64)>>;

pub(crate) fn run() -> Result<bool, Fault> {
    let bench = build()?;
    let mut first = timings(&bench)?;
    let mut conclusive = median(&first, CONTROL) > CONTROL_SEEN;
    if !conclusive {
        println!("dudect: the control went unseen; once more");
        first = timings(&bench)?;
        conclusive = median(&first, CONTROL) > CONTROL_SEEN;
    }
    let suspect = |timings: &Timings| -> Vec<String> {
        let above = timings.keys().filter(|name| *name != CONTROL && median(timings, name) > LEAK);
        above.cloned().collect()
    };
    let suspects = suspect(&first);
    let second = if suspects.is_empty() { Timings::new() } else { timings(&bench)? };
    let leaks: Vec<String> =
        suspects.into_iter().filter(|name| suspect(&second).contains(name)).collect();
    let mut targets = Vec::new();
    println!("{:34} {:>9} {:>9} {:>9}", "target", "samples", "median|t|", "again");
    for name in first.keys() {
        let again = second.contains_key(name).then(|| median(&second, name));
        let verdict = match (name == CONTROL, leaks.contains(name)) {
            (true, _) if conclusive => "leak seen",
            (true, _) => "PLANTED LEAK UNSEEN",
            (_, true) => "LEAK",
            _ if conclusive => "no difference seen",
            _ => "inconclusive",
        };
        let samples: f64 = first[name].iter().map(|(_, samples)| samples).sum();
        let shown = again.map_or_else(|| "-".to_string(), |t| format!("{t:.2}"));
        let t = median(&first, name);
        println!("{name:34} {samples:9.0} {t:9.2} {shown:>9}  {verdict}");
        targets.push(json!({
            "target": name,
            "control": name == CONTROL,
            "t": first[name].iter().map(|(t, _)| t).collect::<Vec<_>>(),
            "t_again": second.get(name).map(|all| all.iter().map(|(t, _)| t).collect::<Vec<_>>()),
            "samples": samples,
            "verdict": verdict,
        }));
    }
    let good = conclusive && leaks.is_empty();
    if !conclusive {
        println!(
            "dudect: INCONCLUSIVE: the planted branch went unseen twice; the machine is too noisy"
        );
    }
    let results: Value = json!({
        "layer": "dudect",
        "passed": good,
        "conclusive": conclusive,
        "processes": PROCESSES,
        "leak_above": LEAK,
        "control_above": CONTROL_SEEN,
        "targets": targets,
    });
    work::write("dudect", &results)?;
    Ok(good)
}

fn median(timings: &Timings, name: &str) -> f64 {
    let mut all: Vec<f64> = timings[name].iter().map(|&(t, _)| t).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn timings(bench: &Path) -> Result<Timings, Fault> {
    let mut timings = Timings::new();
    for _ in 0..PROCESSES {
        let out = work::output(&mut Command::new(bench))?;
        if !out.status.success() {
            return Err(String::from_utf8_lossy(&out.stderr).trim().to_string());
        }
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        for (name, t, samples) in text.lines().filter_map(parse) {
            timings.entry(name).or_default().push((t, samples));
        }
    }
    if timings.contains_key(CONTROL) && timings.values().all(|all| all.len() == PROCESSES) {
        Ok(timings)
    } else {
        Err("the bench did not time every target in every process".into())
    }
}

/// `bench NAME ... : n == +0.046M, max t = -1.5, ...`
fn parse(line: &str) -> Option<(String, f64, f64)> {
    let (name, rest) = line.strip_prefix("bench ")?.split_once(" ... : n == ")?;
    let (samples, rest) = rest.split_once("M, max t = ")?;
    let (t, _) = rest.split_once(',')?;
    let samples: f64 = samples.parse().ok()?;
    Some((name.trim().to_string(), t.parse::<f64>().ok()?.abs(), samples * 1e6))
}

fn build() -> Result<PathBuf, Fault> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--release", "--locked", "--quiet", "-p", "benches", "--bench", "dudect"]);
    cargo.args(["--message-format", "json"]).current_dir(work::root());
    let out = work::output(&mut cargo)?;
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "dudect")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "the bench does not build: cargo build -p benches --bench dudect".into())
}

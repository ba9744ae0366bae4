//! One page for an auditor, from what the layers wrote: no script, no other file.

mod page;
mod plot;

use crate::work::{self, Fault};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// Results of all layers; a layer that was not run is missing.
pub(crate) struct Results(BTreeMap<&'static str, Value>);

const LAYERS: [&str; 6] = ["trace", "memcheck", "scan", "same-code", "dudect", "mutants"];

impl Results {
    fn read() -> Self {
        let mut found: BTreeMap<&'static str, Value> =
            LAYERS.into_iter().filter_map(|layer| Some((layer, work::read(layer)?))).collect();
        if let (false, Some(sample)) = (found.contains_key("mutants"), work::read("mutants-sample"))
        {
            found.insert("mutants", sample);
        }
        if let (Some(here), Some(elsewhere)) = (found.get_mut("trace"), work::read("trace-avx512"))
        {
            join(here, elsewhere);
        }
        Self(found)
    }

    /// A layer's list of this name.
    fn list(&self, layer: &str, name: &str) -> Vec<&Value> {
        let list = self.0.get(layer).and_then(|results| results[name].as_array());
        list.into_iter().flatten().collect()
    }

    fn passed(&self, layer: &str) -> Option<bool> {
        self.0.get(layer).map(|results| results["passed"] == true)
    }
}

/// Targets that were traced on another machine, the emulated one, are no longer missing.
fn join(here: &mut Value, mut elsewhere: Value) {
    let Some(more) = elsewhere["targets"].as_array_mut() else { return };
    let has = |target: &Value, list: &[Value]| list.iter().any(|t| t["target"] == *target);
    if let Some(absent) = here["not_on_this_cpu"].as_array_mut() {
        absent.retain(|target| !has(target, more));
    }
    here["passed"] = Value::Bool(here["passed"] == true && elsewhere_passed(more));
    if let Some(targets) = here["targets"].as_array_mut() {
        more.retain(|target| !has(&target["target"], targets));
        targets.append(more);
    }
}

fn elsewhere_passed(targets: &[Value]) -> bool {
    let good = ["same", "leak seen"];
    targets.iter().all(|target| target["verdict"].as_str().is_some_and(|v| good.contains(&v)))
}

pub(crate) fn run() -> Result<bool, Fault> {
    let results = Results::read();
    if results.0.is_empty() {
        return Err("no layer has been run: see docs/evidence.md".into());
    }
    let file = work::scratch("report")?.join("index.html");
    std::fs::write(&file, page::page(&results, &facts()))
        .map_err(|fault| format!("{}: {fault}", file.display()))?;
    println!("written: {}", file.display());
    Ok(true)
}

/// Commit, compiler, processor and tools.
fn facts() -> Vec<(&'static str, String)> {
    let say = |program: &str, arguments: &[&str]| {
        work::output(Command::new(program).args(arguments).current_dir(work::root()))
            .ok()
            .filter(|out| out.status.success())
            .map(|out| String::from_utf8_lossy(&out.stdout).trim().to_string())
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?.to_string();
        let detail = |name: &str| {
            let line = text.lines().find(|line| line.split('\t').next() == Some(name))?;
            Some(format!(", {name} {}", line.split(':').nth(1)?.trim()))
        };
        let model = line.split(':').nth(1)?.trim().to_string();
        let details = ["cpu family", "model", "stepping"].into_iter().filter_map(detail);
        Some(model + &details.collect::<String>())
    });
    let backends: Vec<&str> = ops::Backend::available().iter().map(|b| b.name()).collect();
    let mut facts = vec![
        ("commit", say("git", &["describe", "--always", "--dirty"])),
        ("compiler", say("rustc", &["-V"])),
        ("profile", Some("release: opt-level 3, one codegen unit, no LTO".to_string())),
        ("processor", cpu),
        ("backends that it runs", Some(backends.join(", "))),
        ("valgrind", say("valgrind", &["--version"])),
    ];
    facts.retain(|(_, value)| value.is_some());
    facts.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

/// Text in HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// 12345 as 12,345.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        let _ = write!(out, "{digit}");
    }
    out
}

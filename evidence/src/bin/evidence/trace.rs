//! Layer trace: `ctrace trace` over every target that this CPU can run.
//!
//! Each target runs once for each of its secrets, from one process image; instruction pointers,
//! every effective address, and the operands of instructions of variable latency are compared. The
//! first secret runs twice, as a control of determinism. A planted leak that goes unseen fails the
//! run, as does a real target with fewer than eight secrets.

use crate::work::{self, Fault, Listed};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the tracer says of one target.
pub(crate) struct Traced {
    pub(crate) name: String,
    /// `same`, `leak`, `incomplete` or `not-deterministic`.
    pub(crate) outcome: String,
    pub(crate) secrets: usize,
    /// Instructions of the reference run.
    pub(crate) steps: u64,
    /// Over all runs.
    pub(crate) compared: u64,
    pub(crate) fingerprint: String,
    /// What differed, and where.
    pub(crate) places: Vec<String>,
}

/// Every target that this CPU can run.
pub(crate) fn run(full: bool) -> Result<bool, Fault> {
    let harness = work::build(&work::root(), None)?;
    let ctrace = work::build_ctrace()?;
    let listed = work::list(&harness)?;
    let (good, results) = results(&harness, &ctrace, &listed, full)?;
    work::write("trace", &results)?;
    Ok(good)
}

/// The targets of one backend, with a harness and a tracer that stand in a folder already: for a
/// machine without a compiler, as the emulated one is. The results go to standard output too, on
/// one line after [`RESULTS`], since such a machine may have no other way out.
pub(crate) fn run_prebuilt(backend: &str, folder: &Path) -> Result<bool, Fault> {
    let (harness, ctrace) = (folder.join("harness"), folder.join("ctrace"));
    let mut listed = work::list(&harness)?;
    listed.retain(|target| target.backend() == backend);
    if listed.is_empty() || listed.iter().any(|target| !target.here) {
        return Err(format!("{backend}: not on this CPU, or no target has it"));
    }
    let (good, results) = results(&harness, &ctrace, &listed, false)?;
    println!("{RESULTS}{results}");
    Ok(good)
}

/// Takes the line of [`run_prebuilt`] out of what a machine printed.
pub(crate) fn keep_prebuilt(backend: &str, printed: &Path) -> Result<bool, Fault> {
    let text = std::fs::read_to_string(printed)
        .map_err(|fault| format!("{}: {fault}", printed.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix(RESULTS));
    let results = line.and_then(|line| serde_json::from_str::<Value>(line.trim()).ok());
    let results = results.ok_or_else(|| format!("{}: no results in it", printed.display()))?;
    work::write(&format!("trace-{backend}"), &results)?;
    Ok(results["passed"] == true)
}

const RESULTS: &str = "evidence-results: ";

fn results(
    harness: &Path,
    ctrace: &Path,
    listed: &[Listed],
    full: bool,
) -> Result<(bool, Value), Fault> {
    let here: Vec<&Listed> =
        listed.iter().filter(|target| target.here && (full || !target.long)).collect();
    let names: Vec<&str> = here.iter().map(|target| target.name.as_str()).collect();
    let traced = check(ctrace, harness, &names)?;
    let mut good = true;
    let mut rows = Vec::new();
    let (mut same, mut seen, mut steps) = (0, 0, 0);
    for (target, traced) in here.iter().zip(&traced) {
        let verdict = match (target.real, traced.outcome.as_str()) {
            (true, "same") if traced.secrets >= 8 => "same",
            (true, "same") => "TOO FEW SECRETS",
            (true, "leak") => "LEAK",
            (false, "leak") => "leak seen",
            (false, "same") if !target.trace_sees => "not claimed",
            (false, _) => "PLANTED LEAK UNSEEN",
            _ => "NO VERDICT",
        };
        let fine = matches!(verdict, "same" | "leak seen" | "not claimed");
        good &= fine;
        same += usize::from(verdict == "same");
        seen += usize::from(verdict == "leak seen");
        steps += traced.compared;
        if !target.real || !fine {
            println!("{:44} {verdict}", target.name);
            traced.places.iter().filter(|_| !fine).for_each(|place| println!("    {place}"));
        }
        rows.push(json!({
            "target": target.name,
            "kernel": target.kernel(),
            "backend": target.backend(),
            "profile": target.profile(),
            "planted": !target.real,
            "secrets": traced.secrets,
            "steps": traced.steps,
            "steps_compared": traced.compared,
            "fingerprint": traced.fingerprint,
            "places": traced.places,
            "verdict": verdict,
        }));
    }
    let absent: Vec<&str> =
        listed.iter().filter(|target| !target.here).map(|target| target.name.as_str()).collect();
    let all = here.iter().filter(|target| target.real).count();
    println!(
        "trace: {same} of {all} targets same, {seen} planted leaks seen, {steps} instructions compared"
    );
    println!("trace: {} targets are not on this CPU", absent.len());
    let results = json!({
        "layer": "trace",
        "passed": good,
        "full": full,
        "not_on_this_cpu": absent,
        "targets": rows,
    });
    Ok((good, results))
}

/// Traces targets, one on each processor at a time.
pub(crate) fn check(ctrace: &Path, harness: &Path, names: &[&str]) -> Result<Vec<Traced>, Fault> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let traced = one(ctrace, harness, name);
                    // progress; what counts comes at the end, on standard output
                    if let Ok(traced) = &traced {
                        eprintln!("{name}: {}, {} instructions", traced.outcome, traced.compared);
                    }
                    done.lock().unwrap_or_else(|lock| lock.into_inner()).push(traced);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(|lock| lock.into_inner());
    let mut traced = done.into_iter().collect::<Result<Vec<Traced>, Fault>>()?;
    traced.sort_by_key(|traced| names.iter().position(|name| *name == traced.name));
    Ok(traced)
}

fn one(ctrace: &Path, harness: &Path, name: &str) -> Result<Traced, Fault> {
    let mut command = Command::new(ctrace);
    command.args(["trace", "--json", "--"]).arg(harness).args(["run", name]);
    let out = work::output(&mut command)?;
    let fault = || {
        let why = String::from_utf8_lossy(&out.stderr).trim().to_string();
        format!("{name}: the tracer gives no report: {why}")
    };
    let report: Value = serde_json::from_slice(&out.stdout).map_err(|_| fault())?;
    let region = &report["regions"][0];
    let runs = region["runs"].as_array().ok_or_else(fault)?;
    let leaks = region["leaks"].as_array().ok_or_else(fault)?;
    let problems = region["problems"].as_array().ok_or_else(fault)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let places = leaks
        .iter()
        .map(|leak| format!("{} at {}", text(&leak["what"]), work::short(&text(&leak["line"]))));
    let steps = |run: &Value| run["steps"].as_u64().unwrap_or_default();
    Ok(Traced {
        name: name.to_string(),
        outcome: text(&region["outcome"]),
        secrets: runs.iter().filter(|run| run["control"] == false).count(),
        steps: runs.first().map_or(0, steps),
        compared: runs.iter().map(steps).sum(),
        fingerprint: runs.first().map_or_else(String::new, |run| text(&run["fingerprint"])),
        places: places.chain(problems.iter().map(text)).collect(),
    })
}

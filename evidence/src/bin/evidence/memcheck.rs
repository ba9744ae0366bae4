//! Layer memcheck: every branch and every address that depends on an undefined, that is secret, bit.
//!
//! Valgrind has no AVX-512, so that backend is not here. Memcheck says nothing about divisions, and
//! a conditional move is no branch to it: it passes undefined bits on to the result, as it should.
//! In a strict pipeline one report must come, and no other: where `AllegedProgram::judge` tells
//! whether the parameters are valid.

use crate::work::{self, Fault, Listed};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// What memcheck says of one target.
pub(crate) struct Finding {
    pub(crate) name: String,
    pub(crate) errors: u64,
    /// Where, in the first target of a run that had it: Valgrind names each place once.
    pub(crate) places: Vec<String>,
}

pub(crate) fn run() -> Result<bool, Fault> {
    let harness = work::build(&work::root(), None)?;
    let targets = work::list(&harness)?;
    let here: Vec<&Listed> = targets.iter().filter(|t| t.backend() != "avx512").collect();
    let names: Vec<&str> = here.iter().map(|target| target.name.as_str()).collect();
    let findings = check(&harness, &names)?;
    let mut good = true;
    let mut rows = Vec::new();
    let (mut clean, mut seen) = (0, 0);
    for (target, finding) in here.iter().zip(&findings) {
        let verdict = verdict(target, finding);
        let fine = matches!(verdict, "clean" | "leak seen" | "not claimed");
        good &= fine;
        clean += usize::from(verdict == "clean");
        seen += usize::from(verdict == "leak seen");
        if !target.real || !fine {
            println!("{:44} {:5} reports  {verdict}", target.name, finding.errors);
            for place in finding.places.iter().filter(|_| !fine) {
                println!("    {place}");
            }
        }
        rows.push(json!({
            "target": target.name,
            "kernel": target.kernel(),
            "backend": target.backend(),
            "profile": target.profile(),
            "planted": !target.real,
            "reports": finding.errors,
            "places": finding.places,
            "verdict": verdict,
        }));
    }
    let all = here.iter().filter(|target| target.real).count();
    println!("memcheck: {clean} of {all} targets clean, {seen} planted leaks seen");
    work::write("memcheck", &json!({ "layer": "memcheck", "passed": good, "targets": rows }))?;
    Ok(good)
}

/// The one place of a strict pipeline where a secret bit is told.
const JUDGE: &str = "AllegedProgram>::judge";

fn verdict(target: &Listed, finding: &Finding) -> &'static str {
    if !target.real {
        return match (target.memcheck_sees, finding.errors) {
            (true, 0) => "PLANTED LEAK UNSEEN",
            (true, _) => "leak seen",
            (false, _) => "not claimed",
        };
    }
    let judged = target.kernel().starts_with("pipeline") && target.profile() == "strict";
    let elsewhere = finding.places.iter().any(|place| !place.contains(JUDGE));
    // a rule without parameters has nothing to judge
    let rule = target.kernel().starts_with("rule") && finding.errors <= 1;
    match (rule || finding.errors == u64::from(judged)) && !elsewhere {
        true => "clean",
        false => "LEAK",
    }
}

/// Runs targets under memcheck in one process.
pub(crate) fn check(harness: &Path, names: &[&str]) -> Result<Vec<Finding>, Fault> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--error-limit=no", "--num-callers=4", "--quiet", "--read-inline-info=no"]);
    let out = work::output(valgrind.arg(harness).arg("memcheck").args(names))
        .map_err(|fault| format!("{fault}; install valgrind"))?;
    let log = String::from_utf8_lossy(&out.stderr).into_owned();
    if !out.status.success() {
        return Err(format!("memcheck stopped: {}", log.lines().last().unwrap_or_default()));
    }
    let mut findings: Vec<Finding> = Vec::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(Ok(errors))) = (words.next(), words.next().map(str::parse)) else {
            return Err(format!("the harness says {line:?}"));
        };
        findings.push(Finding { name: name.to_string(), errors, places: Vec::new() });
    }
    if !findings.iter().map(|finding| finding.name.as_str()).eq(names.iter().copied()) {
        return Err("memcheck did not run every target".into());
    }
    let mut at = None;
    for line in log.lines() {
        if let Some(name) = line.strip_prefix("target ") {
            at = findings.iter().position(|finding| finding.name == name);
        } else if let (Some(at), Some((_, place))) = (at, line.split_once("    at 0x"))
            && let Some((_, place)) = place.split_once(": ")
        {
            findings[at].places.push(place.to_string());
        }
    }
    Ok(findings)
}

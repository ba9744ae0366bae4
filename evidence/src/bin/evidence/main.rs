//! Runs the constant-time checks and writes what they found.
//!
//! | command | what it does |
//! |---|---|
//! | `evidence trace [--full]` | the tracer over every target |
//! | `evidence trace --backend B --prebuilt FOLDER` | one backend's targets on a machine without a compiler |
//! | `evidence trace --backend B --keep FILE` | takes such results out of what the machine printed |
//! | `evidence memcheck` | valgrind memcheck with undefined secrets |
//! | `evidence scan [--record]` | the machine code of every kernel |
//! | `evidence same-code` | the kernels that were checked against those that ship |
//! | `evidence dudect` | timings of ten kernels, and a control |
//! | `evidence mutants [--sample N]` | leaks planted in the source, and which layer catches them |
//! | `evidence report` | one page from the results |
//! | `evidence all [--full]` | all of them; without `--full` what CI runs |
//!
//! Results go to `target/evidence/LAYER.json`. Exit code 0: all clean and every planted leak seen;
//! 1: not so, or a tool is missing; 2: usage.

mod dudect;
mod memcheck;
mod mutants;
mod report;
mod scan;
mod trace;
mod work;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["trace"] => trace::run(false),
        ["trace", "--full"] => trace::run(true),
        ["trace", "--backend", backend, "--prebuilt", folder] => {
            trace::run_prebuilt(backend, Path::new(folder))
        }
        ["trace", "--backend", backend, "--keep", file] => {
            trace::keep_prebuilt(backend, Path::new(file))
        }
        ["memcheck"] => memcheck::run(),
        ["scan"] => scan::run(false),
        ["scan", "--record"] => scan::run(true),
        ["same-code"] => scan::same_code(),
        ["dudect"] => dudect::run(),
        ["mutants", options @ ..] => mutants::run(options),
        ["report"] => report::run(),
        ["all"] => all(false),
        ["all", "--full"] => all(true),
        _ => {
            eprintln!(
                "usage: evidence trace | memcheck | scan | same-code | dudect | mutants | report | all"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("evidence: {fault}");
            ExitCode::FAILURE
        }
    }
}

type Layer<'a> = &'a dyn Fn() -> Result<bool, work::Fault>;

/// Every layer, also after one has failed, and then the page.
fn all(full: bool) -> Result<bool, work::Fault> {
    let sample: &[&str] = if full { &[] } else { &["--sample", "10"] };
    let layers: [(&str, Layer<'_>); 6] = [
        ("scan", &|| scan::run(false)),
        ("same-code", &scan::same_code),
        ("memcheck", &memcheck::run),
        ("trace", &|| trace::run(full)),
        ("dudect", &dudect::run),
        ("mutants", &|| mutants::run(sample)),
    ];
    let mut failed = Vec::new();
    for (layer, run) in layers {
        println!("\n== {layer}");
        match run() {
            Ok(true) => {}
            Ok(false) => failed.push(layer),
            Err(fault) => {
                println!("evidence: {fault}");
                failed.push(layer);
            }
        }
    }
    report::run()?;
    if failed.is_empty() {
        println!("evidence: all layers passed");
    } else {
        println!("evidence: FAILED: {}", failed.join(", "));
        failed.iter().for_each(|layer| again(layer));
    }
    Ok(failed.is_empty())
}

/// What a layer found wrong, once more: the end of a long log is what is read.
fn again(layer: &str) {
    let Some(results) = work::read(layer) else { return };
    for line in results["wrong"].as_array().into_iter().flatten() {
        // a function, what was expected, what was found; the places stand above
        let line = line.as_str().unwrap_or_default().lines().take(3);
        println!("{layer}: {}", line.collect::<Vec<_>>().join("; "));
    }
    for target in results["targets"].as_array().into_iter().flatten() {
        let verdict = target["verdict"].as_str().unwrap_or_default();
        // a verdict in capitals is a failure
        if verdict.starts_with(|c: char| c.is_uppercase()) {
            println!("{layer}: {}: {verdict}", target["target"].as_str().unwrap_or_default());
            for place in target["places"].as_array().into_iter().flatten() {
                println!("    {}", place.as_str().unwrap_or_default());
            }
        }
    }
}

//! Runs the constant-time checks and writes what they found.
//!
//! | command | what it does |
//! |---|---|
//! | `evidence memcheck` | valgrind memcheck with undefined secrets |
//! | `evidence dudect` | timings of ten kernels, and a control |
//! | `evidence mutants [--sample N]` | plants mutants in the source and sees which layer catches them |
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

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["memcheck"] => memcheck::run(),
        ["trace"] => trace::run(false),
        ["trace", "--full"] => trace::run(true),
        ["scan"] => scan::run(false),
        ["scan", "--record"] => scan::run(true),
        ["same-code"] => scan::same_code(),
        ["report"] => report::run(),
        ["dudect"] => dudect::run(),
        ["mutants", options @ ..] => mutants::run(options),
        _ => {
            eprintln!("usage: evidence memcheck | dudect | mutants [--sample N]");
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

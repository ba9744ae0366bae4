//! Runs targets under a tracer, under memcheck, or alone.
//!
//! | command | what it does |
//! |---|---|
//! | `harness list` | one line a target: name, `planted` or `real`, `long` or `short`, `here` or `absent` |
//! | `harness run TARGET` | the target's region, once for each secret; `ctrace trace` traces it |
//! | `harness memcheck TARGET...` | under valgrind: each target with its secrets undefined |
//!
//! Exit code 2: no such target. Exit code 3: not on this CPU.

use evidence::{Leak, Profile, Region, Target, client_request, targets};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => list(),
        ["run", name] => run(name),
        ["memcheck", names @ ..] if !names.is_empty() => memcheck(names),
        _ => usage("usage: harness list | run TARGET | memcheck TARGET..."),
    }
}

fn usage(line: &str) -> ExitCode {
    eprintln!("{line}");
    ExitCode::from(2)
}

fn list() -> ExitCode {
    for target in targets::all() {
        let planted = match target.planted {
            None => "real",
            Some(Leak { memcheck: false, .. }) => "planted-unseen-by-memcheck",
            Some(Leak { trace: false, .. }) => "planted-unseen-by-trace",
            Some(_) => "planted",
        };
        let length = if target.long { "long" } else { "short" };
        let there = target.backend == "scalar" || ops::Backend::named(target.backend).is_some();
        let there = if there { "here" } else { "absent" };
        println!("{} {planted} {length} {there}", target.name());
    }
    ExitCode::SUCCESS
}

fn find(name: &str) -> Result<(Target, Region), ExitCode> {
    let Some(target) = targets::all().into_iter().find(|target| target.name() == name) else {
        return Err(usage(&format!("no target {name}; see: harness list")));
    };
    let Some(region) = (target.make)() else {
        eprintln!("{name}: not on this CPU, which has no {}", target.backend);
        return Err(ExitCode::from(3));
    };
    Ok((target, region))
}

fn run(name: &str) -> ExitCode {
    let (_, region) = match find(name) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let mut lines = region.layout.buffer();
    let secrets: Vec<Vec<u8>> = region.secrets.iter().map(|secret| secret.bytes.clone()).collect();
    for (number, secret) in region.secrets.iter().enumerate() {
        println!("secret {number}: {}", secret.name);
    }
    ctrace_marker::region(&secrets, Region::bytes(&mut lines), region.body);
    ExitCode::SUCCESS
}

/// For each target one line on standard output: name, errors, checksum of the results. The errors
/// themselves are Valgrind's, on standard error, after a line that names the target.
fn memcheck(names: &[&str]) -> ExitCode {
    if !client_request::on_valgrind() {
        return usage("run this under valgrind");
    }
    for name in names {
        let (target, region) = match find(name) {
            Ok(found) => found,
            Err(code) => return code,
        };
        let mut lines = region.layout.buffer();
        let buffer = Region::bytes(&mut lines);
        let secret = &region.secrets[region.secrets.len() / 4].bytes;
        eprintln!("target {name}");
        buffer.copy_from_slice(secret);
        (region.body)(buffer);
        let expected = checksum(buffer);

        let before = client_request::errors();
        buffer.copy_from_slice(secret);
        for range in region.layout.secret_ranges(target.profile != Profile::DataOblivious) {
            client_request::mark_secret(&mut buffer[range]);
        }
        (region.body)(buffer);
        // Declassified: results are what the caller of a kernel asked for.
        client_request::mark_public(buffer);
        let errors = client_request::errors() - before;
        let found = checksum(buffer);
        println!("{name} {errors} {found:016x}");
        if found != expected {
            eprintln!("{name}: other results under marks");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Shows that something was computed, and that the marks changed nothing. FNV-1a.
fn checksum(buffer: &[u8]) -> u64 {
    buffer.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

//! The command `tautochrone-dev`: what takes two parties and an enclave, on one machine, with stand-ins.
//!
//! Exit codes as `tautochrone`: 0 success; 1 a failure of the operating system, or a negative verdict; 2 refused input or
//! usage.
#![forbid(unsafe_code)]

mod demo;

use clap::{Parser, Subcommand};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Try the two-party flow on this machine
///
/// The security module, the store and the network are stand-ins that prove and protect nothing. The host, the channel,
/// the agreement and the engine are the real ones.
#[derive(Parser)]
#[command(name = "tautochrone-dev", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
}

fn main() -> ExitCode {
    let Command::Demo(arguments) = Cli::parse().command;
    match demo::run(&arguments) {
        Ok(report) => say(&report),
        Err(failure) => {
            // stderr may be closed; the exit code still tells
            let _ = writeln!(std::io::stderr(), "error: {}", failure.text.replace('\n', " "));
            ExitCode::from(failure.code)
        }
    }
}

/// Prints to stdout. A reader that has seen enough is no failure.
fn say(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(std::io::stderr(), "error: can't write to standard output ({error})");
            ExitCode::from(1)
        }
        _ => ExitCode::SUCCESS,
    }
}

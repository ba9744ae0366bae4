//! The command `tautochrone`, as a library, so that `tautochrone-dev` can be the same command with another root.
//!
//! Exit codes: 0 success; 1 a failure of the operating system, or a negative verdict; 2 refused
//! input or usage. Every failure is one line on stderr: `error: what, where: how to mend it`.

mod agreement;
mod attest;
mod bench;
mod card;
mod compile;
mod demo;
mod export_script;
mod failure;
mod give;
mod identity;
mod inspect;
mod kms;
mod load;
mod options;
mod parent;
mod progress;
mod receipt;
mod remote;
mod remote_rows;
mod remote_score;
mod rule;
mod rule_card;
mod score;
mod status;
mod submit;

use std::ffi::OsString;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;

use clap::{Parser, Subcommand};
use failure::Failure;
use protocol::attestation::Root;

/// Evaluate models on secret data in constant time.
///
/// The running time and the memory accesses of an evaluation are a function of the program's public
/// shape and the number of rows, whatever the model's parameters and the rows are. `inspect` shows
/// everything that is public.
#[derive(Parser)]
#[command(name = "tautochrone", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Compile(compile::Arguments),
    Inspect(inspect::Arguments),
    Score(score::Arguments),
    Bench(bench::Arguments),
    ExportScript(export_script::Arguments),
    Rule(rule::Arguments),
    Agreement(agreement::Arguments),
    Attest(attest::Arguments),
    Receipt(receipt::Arguments),
    Identity(identity::Arguments),
    Kms(kms::Arguments),
    Model(submit::Arguments),
    Data(remote_score::Arguments),
    Status(status::Arguments),
    Parent(parent::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  tautochrone demo
  tautochrone score --model model.json --data rows.csv --out predictions.csv
  tautochrone compile model.json -o model.tau
  tautochrone inspect model.tau
  tautochrone export-script sklearn > sklearn_export.py
  tautochrone rule check policy.rule
  tautochrone agreement check agreement.toml
  tautochrone attest verify document.cbor --agreement agreement.toml

Exit codes: 0 success, 1 I/O failure or negative verdict, 2 refused input or usage.";

/// What a command is given beside its flags.
pub struct World {
    /// Where chains of certificates must end.
    pub root: Root,
    /// The command line, without the program's name.
    pub arguments: Vec<OsString>,
}

/// Runs the command.
pub fn main(world: &World) -> ExitCode {
    static FAULT: Mutex<String> = Mutex::new(String::new());
    // The hook prints nothing: a message could quote what it should not, and damaged Parquet files
    // panic inside a library that catches it. What reaches the end of main is told in one line.
    panic::set_hook(Box::new(|info| {
        if let (Some(place), Ok(mut fault)) = (info.location(), FAULT.lock()) {
            *fault = format!(" at {}:{}", place.file(), place.line());
        }
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| run(world))).unwrap_or_else(|_| {
        let place = FAULT.lock().map(|fault| fault.clone()).unwrap_or_default();
        Err(Failure::Refused(format!(
            "internal fault{place}, nothing was written: please report this line with the command"
        )))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // stderr may be closed; the exit code still tells
            let _ = writeln!(std::io::stderr(), "error: {}", failure.line());
            ExitCode::from(failure.code())
        }
    }
}

fn run(world: &World) -> Result<(), Failure> {
    let words = std::iter::once("tautochrone".into()).chain(world.arguments.iter().cloned());
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) if error.exit_code() == 0 => return failure::print(&error.render().to_string()),
        Err(error) => return Err(Failure::usage(&error, world)),
    };
    match cli.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Score(arguments) => score::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::ExportScript(arguments) => export_script::run(&arguments),
        Command::Rule(arguments) => rule::run(&arguments, &world.root),
        Command::Agreement(arguments) => agreement::run(&arguments),
        Command::Attest(arguments) => attest::run(&arguments, &world.root),
        Command::Receipt(arguments) => receipt::run(&arguments, &world.root),
        Command::Identity(arguments) => identity::run(&arguments),
        Command::Kms(arguments) => kms::run(&arguments),
        Command::Model(arguments) => submit::run(&arguments, &world.root),
        Command::Data(arguments) => remote_score::run(&arguments, &world.root),
        Command::Status(arguments) => status::run(&arguments, &world.root),
        Command::Parent(arguments) => parent::run(&arguments),
    }
}

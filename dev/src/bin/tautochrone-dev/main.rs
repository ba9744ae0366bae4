//! The command `tautochrone-dev`: what `tautochrone` does, under a root of one's own, and a development enclave to do it with.
//!
//! Exit codes as `tautochrone`: 0 success; 1 a failure of the operating system, or a negative verdict; 2 refused input or
//! usage.
#![forbid(unsafe_code)]

mod demo;
mod kms;
mod local;
mod serve;

use clap::{Parser, Subcommand};
use client::command::World;
use protocol::attestation::Root;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Try the two-party flow on this machine
///
/// The security module, the store and the network are stand-ins that prove and protect nothing. The host, the channel,
/// the agreement and the engine are the real ones.
///
/// Every command of `tautochrone` is one of this program too. With --root before it, documents must lead to that root in
/// place of AWS's.
#[derive(Parser)]
#[command(name = "tautochrone-dev", version)]
struct Cli {
    /// The root (PEM) that documents must lead to [default: AWS's]
    #[arg(long, value_name = "PEM", conflicts_with = "local")]
    root: Option<PathBuf>,

    /// Serve the command's agreement from a development enclave that lives as long as the command
    #[arg(long)]
    local: bool,

    /// With --local: the identity of another party with a pre-shared key (repeatable)
    #[arg(long = "with", value_name = "FILE", requires = "local")]
    identities: Vec<PathBuf>,

    /// With --local: a program (.tau) that its owner submits first
    #[arg(long, value_name = "FILE.tau", requires = "local")]
    program: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Enclave(serve::Arguments),
    Kms(kms::Arguments),
    /// Run the untrusted machine around an enclave: `tautochrone-dev parent --help`
    #[command(disable_help_flag = true)]
    Parent {
        /// See `tautochrone-dev parent --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Any command of `tautochrone`
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// A failure, with its exit code.
struct Failure {
    text: String,
    code: u8,
}

/// The input or the usage was refused.
fn refused(what: impl Display) -> Failure {
    Failure { text: what.to_string(), code: 2 }
}

/// The system failed, or the answer is no.
fn failed(what: impl Display) -> Failure {
    Failure { text: what.to_string(), code: 1 }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // `kms` alone serves one, here; what a party prints for its key is a command of `tautochrone`
    if arguments.starts_with(&["kms".into(), "policy".into()]) {
        return match trusted(None) {
            Ok(root) => client::command::main(&World { root, arguments }),
            Err(failure) => told(&failure),
        };
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // the help and the version, which are no errors
        Err(error) if error.exit_code() == 0 => error.exit(),
        Err(error) => return told(&usage(&error)),
    };
    if cli.local {
        return match &cli.command {
            Command::Other(command) => local::run(command, &cli.identities, cli.program.as_deref())
                .unwrap_or_else(|failure| told(&failure)),
            _ => told(&refused("--local: give a command of tautochrone that talks to an enclave")),
        };
    }
    let done = match (cli.command, cli.root) {
        (Command::Demo(arguments), None) => demo::run(&arguments).and_then(|report| say(&report)),
        (Command::Enclave(arguments), None) => serve::run(&arguments),
        (Command::Kms(arguments), None) => kms::run(&arguments),
        (Command::Parent { arguments }, None) => {
            let program = OsString::from("tautochrone-dev parent");
            return parent::command::main(std::iter::once(program).chain(arguments));
        }
        (Command::Other(arguments), root) => match trusted(root.as_deref()) {
            Ok(root) => return client::command::main(&World { root, arguments }),
            Err(failure) => Err(failure),
        },
        (_, Some(_)) => Err(refused("--root: this command makes its own root: leave --root out")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => told(&failure),
    }
}

/// What is wrong with the command line, in one line.
fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    refused(format!("{first}: see `tautochrone-dev --help`"))
}

fn told(failure: &Failure) -> ExitCode {
    // stderr may be closed; the exit code still tells
    let _ = writeln!(std::io::stderr(), "error: {}", failure.text.replace('\n', " "));
    ExitCode::from(failure.code)
}

fn trusted(root: Option<&Path>) -> Result<Root, Failure> {
    let Some(path) = root else { return Root::aws().map_err(refused) };
    let text = std::fs::read(path)
        .map_err(|error| failed(format!("{}: can't be read ({error})", path.display())))?;
    let certificate = CertificateDer::from_pem_slice(&text).ok();
    certificate
        .and_then(|certificate| Root::other(&certificate).ok())
        .ok_or_else(|| refused(format!("{}: no certificate in PEM", path.display())))
}

/// Prints to stdout. A reader that has seen enough is no failure.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(failed(format!("can't write to standard output ({error})")))
        }
        _ => Ok(()),
    }
}

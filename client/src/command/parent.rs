//! `tautochrone parent`: a program of its own, so that what the operator's side needs is not in what owners of data run.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;

use crate::command::failure::Failure;

/// The program, beside this one.
const PROGRAM: &str = "tautochrone-parent";

/// Run the untrusted machine around an enclave: `tautochrone parent --help`
///
/// This is the program `tautochrone-parent`, which must be beside this one.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// See `tautochrone parent --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let here = std::env::current_exe().unwrap_or_default();
    let program = here.with_file_name(PROGRAM);
    // it comes back only where the other program could not be started
    let error = Command::new(&program).args(&arguments.arguments).exec();
    Err(Failure::Io(format!(
        "{}: can't be started ({error}): build it with `cargo build --release -p parent`",
        program.display()
    )))
}

//! `tautochrone-parent`, which is `tautochrone parent`: the untrusted machine around an enclave.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    parent::command::main(std::env::args_os())
}

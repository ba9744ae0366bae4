//! The command `tautochrone`. Documents must lead to AWS's root, and no flag changes that.
#![forbid(unsafe_code)]

use client::command::{World, main as command};
use protocol::attestation::Root;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Ok(root) = Root::aws() else {
        // it is part of this program, and a test reads it
        return ExitCode::from(1);
    };
    command(&World { root, arguments: std::env::args_os().skip(1).collect() })
}

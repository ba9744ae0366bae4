//! The command `tautochrone` as a person runs it: flags, files, exit codes, one line of error.

mod agreement;
mod attest;
mod bench;
mod demo;
// `ulimit -v` binds on Linux only
#[cfg(target_os = "linux")]
mod kms;
mod malformed;
mod receipt;
mod rule;
mod score;
mod support;
mod usage;

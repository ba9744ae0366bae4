//! The command `tautochrone` as a person runs it: flags, files, exit codes, one line of error.

mod malformed;
mod score;
mod support;
mod usage;

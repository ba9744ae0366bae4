//! The client's library: agreements, row files and predictions.
//!
//! Everything here runs on the owner's own machine, before or after an evaluation. It parses files
//! as hostile and prints plain errors; it must never be linked into an enclave.
#![forbid(unsafe_code)]

pub mod agreement;
pub mod data;
pub mod enclave;
pub mod hex;
pub mod rule;

//! The client's library: agreements, row files, predictions, the conversation with an enclave, and the command.
//!
//! Everything here runs on the owner's own machine, before or after an evaluation. It parses files
//! as hostile and prints plain errors; it must never be linked into an enclave.
#![forbid(unsafe_code)]

pub mod agreement;
pub mod command;
pub mod data;
pub mod enclave;
pub mod hex;
pub mod identity;
pub mod policy;
pub mod provisioned;
pub mod rule;
pub mod wrap;

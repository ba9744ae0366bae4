//! Stand-ins for what only an enclave has, for development and tests: nothing here proves or protects anything.
//!
//! No other crate names this one, and what ships does not contain it: there is no feature and no flag that turns the one
//! into the other.
#![forbid(unsafe_code)]

pub mod enclave;
pub mod envelope;
pub mod kms;
pub mod network;
pub mod nsm;
pub mod outside;

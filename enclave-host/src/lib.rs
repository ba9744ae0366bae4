//! What runs inside the enclave: requests in, replies out.
//!
//! ```text
//! frame -> RawRequest --admit: charge, seal, store--> Spent --evaluate--> Evaluated --release--> Response
//! ```
//! Each arrow consumes its input and is the only way to its output: whoever holds a [`Spent`] knows
//! that the call was charged and its record stored. The core has no I/O: the outside is behind the
//! traits of [`world`]. [`serve`] puts it behind sockets, [`pace`] lets replies leave on time, [`log`] tells the parent
//! what everyone may know, and [`start`] does all of it in order. The phases are in the module `phase`, on one screen.
//!
//! Never here: a model importer, a TOML parser, a command line.
#![forbid(unsafe_code)]

mod boot;
mod core;
mod evaluation;
pub mod keys;
pub mod kms;
mod ledger;
pub mod lockdown;
pub mod log;
pub mod measured;
pub mod nsm;
mod outputs;
pub mod pace;
pub mod parent;
mod phase;
mod rule_inputs;
pub mod serve;
pub mod sockets;
pub mod start;
mod values;
pub mod world;

pub use boot::Boot;
pub use core::{Core, Next, StartError};
pub use evaluation::{Evaluated, Response, Spent, score_outputs};

/// The code that looks at secret values, for the evidence to run.
#[doc(hidden)]
pub mod secret_values {
    pub use crate::outputs::{Checked, check};
    pub use crate::rule_inputs::{once_is_constant, rule_inputs};
    pub use crate::values::{allowed_f32, allowed_f64};
}

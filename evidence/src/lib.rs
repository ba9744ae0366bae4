//! What the constant-time checks run: a registry of targets, each with its secrets.
//!
//! A target is a kernel on one backend in one profile, or a whole pipeline, or a planted leak. It
//! says which bytes are secret, gives at least eight secrets of one length, and runs on a buffer
//! that holds one of them. Tracer, memcheck and dudect run the same targets.
//!
//! This is a package of its own, not part of `tests`: the binary `harness` must link what ships and
//! little else, so that its kernels can be compared with the shipped ones, and so that a mutant
//! builds fast. Nothing here ships.

pub mod client_request;
mod layout;
mod models;
mod numbers;
mod plain;
pub mod planted;
mod rows;
mod target;
pub mod targets;

pub use layout::{Class, Layout};
pub use numbers::Numbers;
pub use target::{Body, Leak, Profile, Region, Secret, Target};

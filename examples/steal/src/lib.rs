//! Steals a decision tree through the trace of the engine that runs it, after TrEEStealer
//! (arXiv 2604.18716): the attacker chooses rows, watches which instructions run, and rebuilds the
//! tree. It never reads the model, nor an answer.
//!
//! This is an attack on our own demo, to show what the engine is for. See the README beside it.
#![forbid(unsafe_code)]

pub mod attack;
pub mod practice;
pub mod trace;

//! Rules: text, or typed values in Rust, to a checked program of engine instructions.
//!
//! ```text
//! text  --parse-->  ast::Rule  --check-->  engine::Program
//! ```
//! The language is total: no loops, no recursion, no branches. What it means stands in
//! `docs/rules.md`. This crate runs beside the rule's author; it must never be linked into an
//! enclave, and it knows no files: whoever calls it gives it parameters and models.
#![forbid(unsafe_code)]

pub mod ast;
mod check;
mod error;
mod graph;
mod lexer;
mod lower;
mod number;
mod parser;
mod value;

pub use check::{Compiled, DEFAULT_ROWS, Given, check};
pub use error::{At, RuleError};
pub use number::{NumberFault, cells, text};
pub use parser::{MAX_TEXT, parse};

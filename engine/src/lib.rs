//! The oblivious core: programs whose running time and memory accesses tell nothing of their secrets.
//!
//! ```text
//! Ensemble | Linear  --compile-->  Program (public Shape + secret parameters)
//! Program, Rows      --evaluate->  Scores
//! ```
//! This crate knows no sockets, keys, files or clocks.
#![forbid(unsafe_code)]

mod check;
mod compile;
mod cost;
pub mod ensemble;
mod error;
mod evaluate;
pub mod kernel;
mod linear;
mod pipeline;
mod program;
mod rows;
pub mod rule;
mod schema;
mod scratch;
pub mod shape;
mod sliced;
mod walk;

pub use check::{MAX_BLOCKS, MAX_PROGRAM_BYTES, shape as check_shape};
pub use compile::{CompileOptions, Purpose, SumMode, compile};
pub use cost::{Cost, cost, fixed_error_bound};
pub use ensemble::{Ensemble, EnsembleParts};
pub use error::{CompileError, EvaluateError, ModelError, ProgramError};
pub use evaluate::{
    Evaluation, Scores, evaluate, outputs, shape_outputs, tree_kernel, tree_kernels,
};
pub use linear::{LINEAR_MAGNITUDE, Linear, LinearParts, Model};
pub use ops::{Backend, Secret, key_f32, key_f64, value_f32, value_f64};
pub use program::{AllegedProgram, Program, ProgramParts, section_bytes};
pub use rows::{RowValues, Rows};
pub use schema::{LabelRule, Link, MAX_NAME, Output, Precision, Schema};
pub use shape::{Profile, Shape, ShapeClass};
pub use walk::TreeKernel;

//! The oblivious core: programs whose running time and memory accesses tell nothing of their secrets.
//!
//! ```text
//! Ensemble | Linear  --compile-->  Program (public Shape + secret parameters)
//! Program, Rows      --evaluate->  Scores
//! ```
//! This crate knows no sockets, keys, files or clocks.
#![forbid(unsafe_code)]

pub mod ensemble;
mod error;
mod linear;
mod schema;
pub mod shape;

pub use ensemble::{Ensemble, EnsembleParts};
pub use error::ModelError;
pub use linear::{LINEAR_MAGNITUDE, Linear, LinearParts, Model};
pub use schema::{LabelRule, Link, MAX_NAME, Output, Precision, Schema};
pub use shape::{Profile, Shape, ShapeClass};

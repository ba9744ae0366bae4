//! The plain model: what a program must compute, written with branches and floats. It never ships.
#![forbid(unsafe_code)]

mod case;
mod forest;
mod npy;
mod random;
mod reach;
pub mod rule;

pub use case::Case;
pub use forest::{Answer, answer};
pub use npy::{Npy, NpyValues};
pub use random::{RandomForest, random_forest, rows_around};
pub use reach::{backends, cases};

//! The plain model: what a program must compute, written with branches and floats. It never ships.
#![forbid(unsafe_code)]

mod forest;
mod random;

pub use forest::{Answer, answer};
pub use random::{RandomForest, random_forest, rows_around};

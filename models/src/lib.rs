//! Model files into [`engine::Model`], each with the exact semantics of the library that wrote it.
//!
//! Runs on the model owner's machine, never in an enclave. Files are hostile until proven otherwise:
//! size-capped, strictly parsed, never trusted about a count. What a format can say and the engine
//! cannot do is refused by name; nothing is guessed.
//!
//! | format | read by | meaning |
//! |---|---|---|
//! | XGBoost JSON, 1.7 to 3.x | `xgboost` | `x < t` on f32, f32 sums from the base margin |
//! | LightGBM text, v3 and v4 | `lightgbm` | `x <= t` on f64, f64 sums |
//! | scikit-learn, by our exporter | `sklearn` | `x <= t` on rows rounded to f32, f64 sums; linear models |
#![forbid(unsafe_code)]

mod detect;
mod error;
mod export;
mod json;
mod lightgbm;
mod read;
mod sklearn;
mod source;
mod xgboost;

pub use error::ImportError;
pub use export::SKLEARN_EXPORTER;
pub use read::{import, import_file};
pub use source::{Format, ImportOptions, Imported, Iterations, Rounds, SourceInfo};

//! The TOML form of an agreement: one meaning, one digest; errors that say where and what to do.

mod errors;
mod meaning;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of an example agreement.
fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("examples/agreements").join(name)).unwrap()
}

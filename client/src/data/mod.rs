//! Row files: tables of numbers in, predictions out.
//!
//! ```text
//! path, Selection  --read-->   Table (row-major values, copied columns)
//! Predictions      --write-->  path
//! ```
//! A file is CSV, Parquet or NumPy `.npy`, told by its extension and held against its first bytes.
//! Reading decides first which column is which (the plan), from the header alone, and only then
//! touches cells, so that a wrong column is reported as a wrong column and not as a bad number.
//!
//! # What a cell may say
//! - A number is parsed to the nearest f64, then rounded to the nearest value of the model's width
//!   (f32 models: `f64 as f32`, so 1e300 becomes infinity, as it does in NumPy). Values that the
//!   file already holds as f32 are taken as they are, and widen exactly for f64 models.
//! - Missing in CSV is exactly: an empty cell, `NA`, `NaN`, `nan`. In Parquet, null and NaN. In
//!   `.npy`, NaN. It reaches the model as NaN.
//! - Infinity in CSV is `inf` or `Infinity`, with or without a sign. A decimal number that
//!   overflows f64 (`1e999`) is refused: it would change silently.
//! - Integers in Parquet and `.npy` must be exact in f64; booleans are 0 and 1.

mod cell;
mod csv;
mod error;
mod fault;
mod format;
mod npy;
mod parquet;
mod plan;
mod values;
mod write;

use std::fs::File;
use std::path::Path;

use engine::{EvaluateError, Precision, RowValues, Rows, Schema};

pub use error::DataError;
pub use fault::Fault;
pub use format::Format;
pub use values::{CopiedColumn, CopiedValues, Values};
pub use write::{Predictions, ScoreValues, check, replace_file, write};

use error::Reject;

/// What is wanted from a row file: the model's columns, those to copy, those to drop.
#[derive(Clone, Copy)]
pub struct Selection<'a> {
    /// The model's columns.
    pub schema: &'a Schema,
    /// Columns to copy to the output unread, in this order (`--id`).
    pub copy: &'a [String],
    /// Columns to drop (`--ignore`).
    pub ignore: &'a [String],
}

/// Caps on what a file may ask for, checked before anything is allocated for it.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Largest file, in bytes.
    pub file_bytes: u64,
    /// Most values (`rows x features`).
    pub values: usize,
    /// Most columns of the file.
    pub columns: usize,
}

impl Default for Limits {
    /// Files of 64 GiB, 2^31 values, 2^17 columns.
    fn default() -> Self {
        Self { file_bytes: 64 << 30, values: 1 << 31, columns: 1 << 17 }
    }
}

/// A row file as the model wants it.
#[derive(Debug)]
pub struct Table {
    rows: usize,
    features: usize,
    values: Values,
    source: Precision,
    copied: Vec<CopiedColumn>,
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns that the model reads.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Precision in which the file held the model's columns: `F32` if every one of them was f32.
    pub fn source_precision(&self) -> Precision {
        self.source
    }

    /// The values, `rows x features`, row-major, in the model's column order.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The columns to copy to the output.
    pub fn copied(&self) -> &[CopiedColumn] {
        &self.copied
    }

    /// Hands the values to the engine, which wipes them after use, and the columns to copy.
    ///
    /// # Errors
    /// Never for a table that was read: its values are whole rows.
    pub fn into_rows(self) -> Result<(Rows, Vec<CopiedColumn>), EvaluateError> {
        let values = match self.values {
            Values::F32(values) => RowValues::F32(values),
            Values::F64(values) => RowValues::F64(values),
        };
        Ok((Rows::try_new(self.features, values)?, self.copied))
    }
}

/// Reads a row file to the width of a model.
///
/// # Errors
/// Names the file, the row and the column, says what is wrong and how to mend it; never shows more
/// than the first characters of one cell.
pub fn read(
    path: &Path,
    selection: &Selection<'_>,
    width: Precision,
    limits: &Limits,
) -> Result<Table, DataError> {
    read_any(path, selection, width, limits).map_err(|reject| reject.in_file(path))
}

fn read_any(
    path: &Path,
    selection: &Selection<'_>,
    width: Precision,
    limits: &Limits,
) -> Result<Table, Reject> {
    let format = Format::of(path)?;
    let mut file = File::open(path).map_err(Fault::Read)?;
    let info = file.metadata().map_err(Fault::Read)?;
    if !info.is_file() {
        return Err(Fault::NotAFile.into());
    }
    if info.len() == 0 {
        return Err(Fault::EmptyFile.into());
    }
    if info.len() > limits.file_bytes {
        return Err(Fault::FileSize { found: info.len(), cap: limits.file_bytes }.into());
    }
    format.check_magic(&mut file)?;
    match format {
        Format::Csv => csv::read(file, selection, width, limits),
        Format::Npy => npy::read(file, info.len(), selection, width, limits),
        Format::Parquet => parquet::read(file, info.len(), selection, width, limits),
    }
}

//! Predictions out: the copied columns, then the scores, one line a row.
//!
//! The file appears under its name only when it is complete: it is written to a temporary sibling
//! and renamed.

mod csv;
mod npy;
mod parquet;
mod staged;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use staged::Staged;

use super::error::{DataError, Reject};
use super::fault::Fault;
use super::format::Format;
use super::values::CopiedColumn;

/// What is written: copied columns and scores of equally many rows.
#[derive(Clone, Copy)]
pub struct Predictions<'a> {
    /// Copied columns, first in the file.
    pub copied: &'a [CopiedColumn],
    /// Name of each score column.
    pub names: &'a [String],
    /// The scores.
    pub scores: ScoreValues<'a>,
}

/// Score values, `rows x names`, row-major.
#[derive(Clone, Copy)]
pub enum ScoreValues<'a> {
    /// Scores in f32: printed as the shortest text that reads back to the same f32.
    F32(&'a [f32]),
    /// Scores in f64: printed as the shortest text that reads back to the same f64.
    F64(&'a [f64]),
    /// Leaf numbers.
    U32(&'a [u32]),
    /// One class index per row, written as the class label.
    Classes {
        /// Indices into `labels`.
        indices: &'a [u32],
        /// The class labels.
        labels: &'a [String],
    },
}

impl ScoreValues<'_> {
    fn len(&self) -> usize {
        match self {
            ScoreValues::F32(values) => values.len(),
            ScoreValues::F64(values) => values.len(),
            ScoreValues::U32(values) => values.len(),
            ScoreValues::Classes { indices, .. } => indices.len(),
        }
    }
}

impl Predictions<'_> {
    fn rows(&self) -> usize {
        self.scores.len() / self.names.len().max(1)
    }
}

/// Class labels as numbers, if that loses nothing.
enum Numeric {
    U32(Vec<u32>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

/// Labels as the narrowest numbers that print back to the same text (floats: read to a number).
fn numeric_labels(labels: &[String]) -> Option<Numeric> {
    fn integers<T: std::str::FromStr + ToString>(labels: &[String]) -> Option<Vec<T>> {
        let parse = |label: &String| label.parse().ok().filter(|n: &T| n.to_string() == *label);
        labels.iter().map(parse).collect()
    }
    integers(labels).map(Numeric::U32).or_else(|| integers(labels).map(Numeric::I64)).or_else(
        || {
            let parse = |label: &String| super::cell::number(label.as_bytes()).ok();
            let floats: Option<Vec<f64>> = labels.iter().map(parse).collect();
            floats.filter(|f| f.iter().all(|v| v.is_finite())).map(Numeric::F64)
        },
    )
}

/// Refuses early, before any scoring, what [`write`] would refuse: the values of the scores are not
/// looked at, and may be none yet.
///
/// # Errors
/// The same as [`write`].
pub fn check(path: &Path, predictions: &Predictions<'_>) -> Result<(), DataError> {
    let attempt = || -> Result<(), Reject> {
        check_columns(path, predictions)?;
        // a folder that can't be written to fails here; the empty file is removed again
        Staged::create(path).map(drop)?;
        Ok(())
    };
    attempt().map_err(|reject| reject.in_file(path))
}

/// Puts `bytes` into a file, which appears under its name only when it is complete.
///
/// # Errors
/// `path` is a folder, device or pipe, or the operating system fails; then nothing has changed.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let attempt = || -> Result<(), Fault> {
        let staged = Staged::create(path)?;
        io::Write::write_all(&mut staged.file(), bytes).map_err(Fault::Write)?;
        staged.commit()
    };
    attempt().map_err(|fault| Reject::from(fault).in_file(path))
}

fn check_columns(path: &Path, predictions: &Predictions<'_>) -> Result<Format, Reject> {
    let format = Format::of(path)?;
    for (index, column) in predictions.copied.iter().enumerate() {
        if format == Format::Npy {
            let fault = Fault::NpyText("a copied column (--id)");
            return Err(fault.at_column(index, Some(&column.name)));
        }
        if predictions.names.contains(&column.name) {
            return Err(Fault::OutputName.at_column(index, Some(&column.name)));
        }
    }
    if let (Format::Npy, ScoreValues::Classes { labels, .. }) = (format, predictions.scores)
        && numeric_labels(labels).is_none()
    {
        return Err(Fault::NpyText("a class label that is not a number").into());
    }
    Ok(format)
}

/// Writes predictions in the format that the path's extension names.
///
/// # Errors
/// The extension names no format; text is asked for in `.npy`; a copied column has the name of a
/// score column; the operating system fails, and then no file is left behind.
pub fn write(path: &Path, predictions: &Predictions<'_>) -> Result<(), DataError> {
    let attempt = || -> Result<(), Reject> {
        let format = check_columns(path, predictions)?;
        let staged = Staged::create(path)?;
        let mut out = BufWriter::with_capacity(1 << 16, staged.file());
        write_format(format, predictions, &mut out).map_err(Fault::Write)?;
        drop(out);
        Ok(staged.commit()?)
    };
    attempt().map_err(|reject| reject.in_file(path))
}

fn write_format(
    format: Format,
    predictions: &Predictions<'_>,
    out: &mut BufWriter<&File>,
) -> io::Result<()> {
    match format {
        Format::Csv => csv::write(predictions, out)?,
        Format::Npy => npy::write(predictions, out)?,
        Format::Parquet => parquet::write(predictions, out)?,
    }
    io::Write::flush(out)
}

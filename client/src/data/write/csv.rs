//! Predictions as CSV: one header line, one line a row, floats that read back to the same bits.

use std::io::{self, Write};

use csv::{QuoteStyle, WriterBuilder};

use super::{Predictions, ScoreValues};
use crate::data::values::CopiedValues;

pub(super) fn write(predictions: &Predictions<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Necessary).from_writer(out);
    for column in predictions.copied {
        writer.write_field(&column.name)?;
    }
    writer.write_record(predictions.names)?;
    let width = predictions.names.len();
    let mut cell = String::new();
    for row in 0..predictions.rows() {
        for column in predictions.copied {
            copied_cell(&column.values, row, &mut cell);
            writer.write_field(&cell)?;
        }
        for index in row * width..(row + 1) * width {
            score_cell(&predictions.scores, index, &mut cell);
            writer.write_field(&cell)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

fn score_cell(scores: &ScoreValues<'_>, index: usize, cell: &mut String) {
    match scores {
        ScoreValues::F32(values) => put(cell, format_args!("{:?}", values[index])),
        ScoreValues::F64(values) => put(cell, format_args!("{:?}", values[index])),
        ScoreValues::U32(values) => put(cell, format_args!("{}", values[index])),
        ScoreValues::Classes { indices, labels } => {
            put(cell, format_args!("{}", labels[indices[index] as usize]));
        }
    }
}

fn copied_cell(values: &CopiedValues, row: usize, cell: &mut String) {
    match values {
        CopiedValues::Text(values) => {
            put(cell, format_args!("{}", values[row].as_deref().unwrap_or("")));
        }
        CopiedValues::Int(values) => optional(cell, values[row]),
        CopiedValues::F32(values) => optional(cell, values[row].map(Shortest)),
        CopiedValues::F64(values) => optional(cell, values[row].map(Shortest)),
        CopiedValues::Bool(values) => optional(cell, values[row]),
    }
}

/// Debug of a float is the shortest text that reads back, with an exponent where it is long.
struct Shortest<T>(T);

impl<T: std::fmt::Debug> std::fmt::Display for Shortest<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn optional(cell: &mut String, value: Option<impl std::fmt::Display>) {
    match value {
        Some(value) => put(cell, format_args!("{value}")),
        None => cell.clear(),
    }
}

fn put(cell: &mut String, text: std::fmt::Arguments<'_>) {
    use std::fmt::Write as _;
    cell.clear();
    // writing to a String never fails
    let _ = cell.write_fmt(text);
}

//! What can be wrong with a row file or an output, and how to mend each.

use std::io;

use super::format::Format;

/// What is wrong with a row file.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The operating system could not read the file.
    #[error("can't read the file ({0})")]
    Read(io::Error),
    /// The operating system could not write the file.
    #[error("can't write the file ({0})")]
    Write(io::Error),
    /// A folder, device or pipe.
    #[error("not a regular file")]
    NotAFile,
    /// The extension tells no format.
    #[error("the file name does not end in .csv, .parquet or .npy")]
    Extension,
    /// The first bytes belong to another format than the extension.
    #[error("the name says {named} but the first bytes are of {found}")]
    Magic {
        /// Format by extension.
        named: Format,
        /// What the first bytes look like.
        found: &'static str,
    },
    /// Zero bytes.
    #[error("the file is empty")]
    EmptyFile,
    /// The file is over its cap.
    #[error("the file has {found} bytes, more than the cap of {cap}")]
    FileSize {
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        cap: u64,
    },
    /// A count is over its cap.
    #[error("the file has {found} {what}, more than the cap of {cap}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        cap: u64,
    },
    /// The values do not fit into memory.
    #[error("the table does not fit into this machine's memory")]
    Memory,
    /// Not text in UTF-8.
    #[error("not valid UTF-8 text")]
    Utf8,
    /// A zero byte in text.
    #[error("a zero byte in text")]
    Nul,
    /// A header name occurs twice.
    #[error("the column name occurs twice")]
    DuplicateColumn,
    /// The first line holds numbers.
    #[error("the first line holds numbers, not column names")]
    NoHeader,
    /// The header is one cell with another separator inside.
    #[error("the header has no comma but has {0:?}")]
    Separator(char),
    /// A row is longer or shorter than the header.
    #[error("the row has {found} cells, the header {expected}")]
    Ragged {
        /// Cells in the row.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// A blank line in a file of one column: a missing value, or nothing?
    #[error("a blank line in a file of one column")]
    BlankLine,
    /// A line break inside a copied cell: usually a quote that was never closed.
    #[error("a line break inside a quoted cell")]
    LineBreak,
    /// A cell is no number.
    #[error("{0:?} is not a number")]
    NotANumber(String),
    /// A decimal number overflows.
    #[error("{0:?} is too large for a 64-bit float")]
    Overflow(String),
    /// An integer is not exact in f64.
    #[error("the integer {0} has no exact 64-bit float")]
    Inexact(i128),
    /// A column of the model is not in the file.
    #[error("the model's column {name:?} is not in the file (missing: {missing} of {wanted})")]
    MissingColumn {
        /// The first missing name.
        name: String,
        /// How many are missing.
        missing: usize,
        /// How many the model reads.
        wanted: usize,
    },
    /// A column of the file is not in the model.
    #[error("the model has no column of this name (such columns: {0})")]
    ExtraColumn(usize),
    /// The number of columns is not the model's.
    #[error("the file has {found} columns for a model that reads {wanted}")]
    ColumnCount {
        /// Columns left after `--id` and `--ignore`.
        found: usize,
        /// Columns that the model reads.
        wanted: usize,
    },
    /// `--id` or `--ignore` names a column that is not there.
    #[error("{flag} names the column {name:?}, which is not in the file")]
    FlagColumn {
        /// The flag.
        flag: &'static str,
        /// The name given.
        name: String,
    },
    /// A column is named twice by the flags, or is one of the model's.
    #[error("{flag} names a column that {why}")]
    FlagConflict {
        /// The flag.
        flag: &'static str,
        /// Why it can't be.
        why: &'static str,
    },
    /// `--id` or `--ignore` on a file without column names.
    #[error("{0} names a column, but a .npy file has no column names")]
    FlagUnnamed(&'static str),
    /// The file breaks its format.
    #[error("damaged or not {format}: {what}")]
    Damaged {
        /// The format.
        format: Format,
        /// What is broken.
        what: String,
    },
    /// A type that holds no plain number.
    #[error("the type {0} is not a plain number")]
    NumberType(String),
    /// A type that is not copied.
    #[error("the type {0} is not copied")]
    CopyType(String),
    /// The format can express it, this reader does not take it.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// Text can't stand in a `.npy` file.
    #[error("{0} can't stand in a .npy file, which holds numbers only")]
    NpyText(&'static str),
    /// A copied column has the name of a score column.
    #[error("the copied column has the name of an output column")]
    OutputName,
}

impl Fault {
    /// How to mend it, in the imperative.
    pub(super) fn mend(&self) -> &'static str {
        match self {
            Fault::Read(error) if error.kind() == io::ErrorKind::NotFound => "check the path",
            Fault::Read(_) => "check the path and its permissions",
            Fault::Write(_) => "check that the folder exists, is writable and has space",
            Fault::NotAFile => "give the path of a regular file",
            Fault::Extension => "rename the file, or save the table in one of these formats",
            Fault::Magic { .. } => "rename the file to its format, or save it as a table",
            Fault::EmptyFile => "save the table again",
            Fault::FileSize { .. } | Fault::TooMany { .. } => "split the table into parts",
            Fault::Memory => "split the table into parts",
            Fault::Utf8 => "save the file as UTF-8",
            Fault::Nul => "save the file as plain UTF-8 text without zero bytes",
            Fault::DuplicateColumn => "give every column its own name",
            Fault::NoHeader => "put a first line with the column names before the rows",
            Fault::Separator(_) => "separate the cells with commas",
            Fault::Ragged { .. } => "give every row one cell for each header name",
            Fault::BlankLine => "write NA for a missing value, or remove the line",
            Fault::LineBreak => "close the quote, or remove the line break from the cell",
            Fault::NotANumber(_) => {
                "write a decimal number with a point, or NA (or nothing) where it is missing"
            }
            Fault::Overflow(_) => "write inf if infinity is meant, or correct the number",
            Fault::Inexact(_) => "store the column as 64-bit float",
            Fault::MissingColumn { .. } => "add the column, or rename the file's column to it",
            Fault::ExtraColumn(_) => {
                "drop it with --ignore COLUMN, or copy it to the output with --id COLUMN"
            }
            Fault::ColumnCount { .. } => {
                "give one column for each of the model's, in its order; drop others with --ignore \
                 COLUMN or copy them with --id COLUMN"
            }
            Fault::FlagColumn { .. } => "check the spelling against the file's header",
            Fault::FlagConflict { .. } => "name each column once, and none that the model reads",
            Fault::FlagUnnamed(_) => "save the table as .csv or .parquet, or leave the flag out",
            Fault::Damaged { .. } => "save the table again",
            Fault::NumberType(_) => "store it as float, integer or boolean, or drop the column",
            Fault::CopyType(_) => "store it as text or integer",
            Fault::Unsupported(_) => "save the table in a plainer form",
            Fault::NpyText(_) => "name the output .csv or .parquet",
            Fault::OutputName => "rename the column in the row file",
        }
    }
}

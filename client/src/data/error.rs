//! Errors about row files: what is wrong, where, and how to mend it, in one line.
//!
//! Rows are their owner's secret and messages end up in logs: at most [`CLIP`] characters of one
//! cell are ever shown.

use std::fmt;
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// Most characters of a cell or name that a message shows.
pub(super) const CLIP: usize = 24;

/// Why a row file was refused, or could not be read or written.
#[derive(Debug)]
pub struct DataError {
    file: PathBuf,
    reject: Box<Reject>,
}

impl DataError {
    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.reject.fault
    }

    /// Whether the operating system failed, rather than the file's content.
    pub fn is_io(&self) -> bool {
        matches!(self.reject.fault, Fault::Read(_) | Fault::Write(_))
    }

    /// The row, counted from 1 without the header, if the fault lies in one.
    pub fn row(&self) -> Option<u64> {
        self.reject.row
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reject { row, line, column, fault } = &*self.reject;
        write!(f, "{fault}, {}", one_line(&self.file.to_string_lossy(), 400))?;
        if let Some(row) = row {
            write!(f, ", row {row}")?;
        }
        if let Some(line) = line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", fault.mend())
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reject.fault {
            Fault::Read(error) | Fault::Write(error) => Some(error),
            _ => None,
        }
    }
}

/// A fault and its place, before the file's name is known.
#[derive(Debug)]
pub(super) struct Reject {
    pub(super) row: Option<u64>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<String>,
    pub(super) fault: Fault,
}

impl Reject {
    pub(super) fn in_file(self, file: &Path) -> DataError {
        DataError { file: file.to_path_buf(), reject: Box::new(self) }
    }
}

impl From<Fault> for Reject {
    fn from(fault: Fault) -> Self {
        Self { row: None, line: None, column: None, fault }
    }
}

impl Fault {
    /// In the column at `index` (from 0), by name where there is one.
    pub(super) fn at_column(self, index: usize, name: Option<&str>) -> Reject {
        let column = match name {
            Some(name) => format!("{} {:?}", index + 1, clip(name)),
            None => (index + 1).to_string(),
        };
        Reject { column: Some(column), ..self.into() }
    }
}

/// The first characters of a text, on one line.
pub(super) fn clip(text: &str) -> String {
    one_line(text, CLIP)
}

/// A text without control characters, cut after `limit` characters.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let mut out: String =
        text.chars().take(limit).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

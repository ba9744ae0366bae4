//! Which format a file has: its extension says, its first bytes must not contradict.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::fault::Fault;

/// A format of row files and predictions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated text in UTF-8 with one header line.
    Csv,
    /// NumPy's array file.
    Npy,
    /// Apache Parquet.
    Parquet,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Csv => "CSV",
            Format::Npy => "npy",
            Format::Parquet => "Parquet",
        })
    }
}

impl Format {
    /// The format that a path's extension names.
    ///
    /// # Errors
    /// [`Fault::Extension`] for any other extension, or none.
    pub fn of(path: &Path) -> Result<Self, Fault> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Format::Csv),
            "npy" => Ok(Format::Npy),
            "parquet" => Ok(Format::Parquet),
            _ => Err(Fault::Extension),
        }
    }

    /// Holds the first bytes against the extension and rewinds.
    pub(super) fn check_magic(self, file: &mut File) -> Result<(), Fault> {
        let mut start = Vec::with_capacity(8);
        file.by_ref().take(8).read_to_end(&mut start).map_err(Fault::Read)?;
        file.seek(SeekFrom::Start(0)).map_err(Fault::Read)?;
        let known = SIGNATURES.iter().find(|(magic, ..)| start.starts_with(magic));
        match (self, known) {
            (_, Some(&(_, found, format))) if format != Some(self) => {
                Err(Fault::Magic { named: self, found })
            }
            (Format::Npy | Format::Parquet, None) => {
                Err(Fault::Magic { named: self, found: "no known table format" })
            }
            _ => Ok(()),
        }
    }
}

const SIGNATURES: [(&[u8], &str, Option<Format>); 9] = [
    (b"PAR1", "Parquet", Some(Format::Parquet)),
    (b"\x93NUMPY", "npy", Some(Format::Npy)),
    (b"PARE", "encrypted Parquet", None),
    (b"PK\x03\x04", "a ZIP container (xlsx or npz)", None),
    (b"\x1f\x8b", "gzip", None),
    (b"\x28\xb5\x2f\xfd", "zstd", None),
    (b"\xff\xfe", "UTF-16 text", None),
    (b"\xfe\xff", "UTF-16 text", None),
    (b"ARROW1", "an Arrow or Feather file", None),
];

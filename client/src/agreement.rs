//! The TOML form of an agreement.
//!
//! ```text
//! text --toml--> values with their lines --fields--> AgreementParts --Agreement::new--> Agreement
//! ```
//! Every error names a line, a field, and what to do. The enclave never sees this form.

mod fields;
mod read;
mod table;
mod template;
mod values;

pub use template::{Fill, template};
pub use values::{ValueFault, check_values};

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use protocol::agreement::Agreement;

/// Longest text that is read.
pub const MAX_TEXT: u64 = 16 << 20;

/// Why a text is no agreement.
#[derive(Debug, thiserror::Error)]
pub enum AgreementFileError {
    /// The file can't be read.
    #[error("can't be read ({0}): check that it exists and that you may read it")]
    Io(#[from] io::Error),
    /// The file is too large.
    #[error("is larger than {} MiB: an agreement is a short text, is this the right file?", MAX_TEXT >> 20)]
    TooLarge,
    /// The file is no text.
    #[error("is not UTF-8 text: save it as UTF-8, is this the right file?")]
    NotText,
    /// The text says something that is no agreement.
    #[error("line {line}, {place}: {what}")]
    Refused {
        /// The line, from 1.
        line: usize,
        /// The field, as people find it in the text.
        place: String,
        /// What is wrong and how to mend it.
        what: String,
    },
}

/// Reads a file.
///
/// # Errors
/// Where it can't be read or is no agreement.
pub fn read(path: &Path) -> Result<Agreement, AgreementFileError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(AgreementFileError::TooLarge);
    }
    parse(std::str::from_utf8(&bytes).map_err(|_| AgreementFileError::NotText)?)
}

/// Reads a text.
///
/// # Errors
/// Where it is no agreement.
pub fn parse(text: &str) -> Result<Agreement, AgreementFileError> {
    if text.len() as u64 > MAX_TEXT {
        return Err(AgreementFileError::TooLarge);
    }
    read::agreement(text)
}

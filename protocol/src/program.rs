//! Program bytes, the `.tau` form: `docs/decisions/0003-program-bytes.md`.
//!
//! ```text
//! offset  bytes  what
//! 0       8      magic "TAUTOCH\n"
//! 8       4      version, u32 little-endian
//! 12      4      length of the header, u32 little-endian
//! 16      h      header: the public half (shape and schema), flat, through `bytes`
//! 16+h    ...    the sections of secret parameters, raw planes, their lengths a function of the shape
//! ```
//! Secret content is in fixed-width planes only: no length, option or enum over it anywhere.

mod header;

use crate::bytes;
use engine::{Program, ProgramError, ProgramParts, Secret, section_bytes};
use header::Header;

/// The first bytes of a program file.
pub const MAGIC: [u8; 8] = *b"TAUTOCH\n";
/// The version of the format, and of what its numbers mean.
pub const VERSION: u32 = 1;
/// Longest header: names of features and classes are the bulk of it.
pub const MAX_HEADER: usize = 16 << 20;

const FIXED: usize = 16;

/// Why bytes are not a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProgramBytesError {
    /// The magic is another one.
    #[error("these bytes are not a program (.tau)")]
    Magic,
    /// The version is another one.
    #[error(
        "the program has format version {found}, this build reads version {VERSION}: compile the model again"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// The header is cut off, too long, or not one.
    #[error("the program's header is damaged")]
    Header,
    /// The parameters are cut off, or more than the shape asks for.
    #[error("the program is {found} bytes long where its shape asks for {expected}")]
    Length {
        /// Bytes found.
        found: u64,
        /// Bytes that the shape asks for.
        expected: u64,
    },
    /// The engine refused it.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// Program to bytes.
///
/// # Errors
/// [`ProgramBytesError::Header`] where feature and class names take more than 16 MiB.
pub fn encode(program: Program) -> Result<Vec<u8>, ProgramBytesError> {
    let parts = program.into_parts();
    let header = Header::from_parts(&parts.shape, &parts.schema);
    let header = bytes::encode::<_, MAX_HEADER>(&header).ok_or(ProgramBytesError::Header)?;
    let sections = parts.sections.expose();
    let length: usize = sections.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(FIXED + header.len() + length);
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend((header.len() as u32).to_le_bytes());
    out.extend(header);
    for section in sections {
        out.extend_from_slice(section);
    }
    Ok(out)
}

/// Bytes to program. The bytes are hostile: nothing is allocated before its length is known to be
/// there, and the engine checks every parameter again.
///
/// # Leaks
/// The header, and whether the parameters are valid.
///
/// # Errors
/// What is wrong with the public part, by name; one code for the secret part.
pub fn decode(bytes: &[u8]) -> Result<Program, ProgramBytesError> {
    let (magic, rest) = bytes.split_first_chunk().ok_or(ProgramBytesError::Magic)?;
    if *magic != MAGIC {
        return Err(ProgramBytesError::Magic);
    }
    let (version, rest) = rest.split_first_chunk().ok_or(ProgramBytesError::Header)?;
    match u32::from_le_bytes(*version) {
        VERSION => {}
        found => return Err(ProgramBytesError::Version { found }),
    }
    let (length, rest) = rest.split_first_chunk().ok_or(ProgramBytesError::Header)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > rest.len() {
        return Err(ProgramBytesError::Header);
    }
    let (header, mut rest) = rest.split_at(length);
    let header: Header = bytes::decode::<_, MAX_HEADER>(header).ok_or(ProgramBytesError::Header)?;
    let (shape, schema) = header.into_parts().ok_or(ProgramBytesError::Header)?;
    engine::check_shape(&shape, &schema)?;
    let lengths = section_bytes(&shape);
    let expected = lengths.iter().sum::<u64>();
    if rest.len() as u64 != expected {
        return Err(ProgramBytesError::Length { found: rest.len() as u64, expected });
    }
    let mut sections = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (section, after) = rest.split_at(length as usize);
        sections.push(section.to_vec());
        rest = after;
    }
    let parts = ProgramParts { shape, schema, sections: Secret::new(sections) };
    Ok(Program::try_from_parts(parts)?)
}

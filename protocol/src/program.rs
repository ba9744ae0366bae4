//! Program bytes, the `.tau` form: `docs/decisions/0003-program-bytes.md`.
//!
//! ```text
//! offset  bytes  what
//! 0       8      magic "TAUTOCH\n"
//! 8       4      version, u32 little-endian: 1 for models, 2 for rules
//! 12      4      length of the header, u32 little-endian
//! 16      h      header: the public half (shape and schema), flat, through `bytes`
//! 16+h    ...    the sections of secret parameters, raw planes, their lengths a function of the shape
//! ```
//! Secret content is in fixed-width planes only: no length, option or enum over it anywhere.

mod header;
mod rule_header;

use crate::bytes;
use engine::shape::StepShape;
use engine::{Program, ProgramError, ProgramParts, Schema, Secret, Shape, section_bytes};
use header::Header;
use rule_header::RuleHeader;

/// The first bytes of a program file.
pub const MAGIC: [u8; 8] = *b"TAUTOCH\n";
/// The version of the format of models, and of what its numbers mean.
pub const VERSION: u32 = 1;
/// The version of the format of rules.
pub const RULE_VERSION: u32 = 2;
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
        "the program has format version {found}, this build reads versions {VERSION} (models) and \
         {RULE_VERSION} (rules): compile it again"
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
/// [`ProgramBytesError::Header`] where names, or the instructions of a rule, take more than 16 MiB.
pub fn encode(program: Program) -> Result<Vec<u8>, ProgramBytesError> {
    let parts = program.into_parts();
    let (version, header) = match parts.shape.steps.as_slice() {
        [StepShape::Rule(rule)] => {
            let header = RuleHeader::from_shape(rule).ok_or(ProgramBytesError::Header)?;
            (RULE_VERSION, bytes::encode::<_, MAX_HEADER>(&header))
        }
        _ => {
            let header = Header::from_parts(&parts.shape, &parts.schema);
            (VERSION, bytes::encode::<_, MAX_HEADER>(&header))
        }
    };
    let header = header.ok_or(ProgramBytesError::Header)?;
    let sections = parts.sections.expose();
    let length: usize = sections.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(FIXED + header.len() + length);
    out.extend(MAGIC);
    out.extend(version.to_le_bytes());
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
    let version = match u32::from_le_bytes(*version) {
        known @ (VERSION | RULE_VERSION) => known,
        found => return Err(ProgramBytesError::Version { found }),
    };
    let (length, rest) = rest.split_first_chunk().ok_or(ProgramBytesError::Header)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > rest.len() {
        return Err(ProgramBytesError::Header);
    }
    let (header, mut rest) = rest.split_at(length);
    let public = if version == RULE_VERSION {
        let header = bytes::decode::<RuleHeader, MAX_HEADER>(header);
        let rule = header.and_then(RuleHeader::into_shape);
        rule.map(|rule| (Shape::of_rule(rule), Schema::of_rule()))
    } else {
        bytes::decode::<Header, MAX_HEADER>(header).and_then(Header::into_parts)
    };
    let (shape, schema) = public.ok_or(ProgramBytesError::Header)?;
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

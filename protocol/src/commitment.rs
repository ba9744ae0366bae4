//! What an agreement says of a program: the digest of its public half, and a salted commitment to
//! the whole.

use crate::digest::{Domain, Sha384, sha256_of, tagged};
use crate::program::MAGIC;

/// Bytes of the salt of a commitment. A model is rarely guessable; with the salt it need not be.
pub const SALT_BYTES: usize = 32;

/// The digest of the public half of program bytes: everything before the secret parameters. `None`
/// where these are no program bytes.
///
/// Two programs have the same card exactly if everything on their shape cards is the same.
pub fn card(program: &[u8]) -> Option<Sha384> {
    let header = u32::from_le_bytes(*program.get(12..)?.first_chunk()?) as usize;
    let public = program.get(..header.checked_add(16)?)?;
    public.starts_with(&MAGIC).then(|| tagged(Domain::Card, &[public]))
}

/// The commitment to program bytes. It tells nothing of them without the salt.
pub fn commitment(salt: &[u8; SALT_BYTES], program: &[u8]) -> Sha384 {
    tagged(Domain::Program, &[salt, program])
}

/// The commitment to the rows of a call, as its sender sent them. It tells nothing of them without
/// the salt. The rows themselves go through SHA-256, which CPUs have instructions for: both sides hash
/// every byte of every call.
pub fn input_commitment(salt: &[u8; SALT_BYTES], rows: u32, values: &[u8]) -> Sha384 {
    tagged(Domain::Input, &[salt, &rows.to_le_bytes(), &sha256_of(&[salt, values]).0])
}

/// The digest of outputs as released.
pub fn output_digest(rows: u32, outputs: &[u8]) -> Sha384 {
    tagged(Domain::Output, &[&rows.to_le_bytes(), outputs])
}

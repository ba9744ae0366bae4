//! Bytes that travel between parties. No I/O here: bytes in, types out, and back.
#![forbid(unsafe_code)]

pub mod agreement;
pub mod attestation;
mod bytes;
mod code;
mod commitment;
mod digest;
pub mod document;
pub mod envelope;
pub mod frame;
pub mod kms;
pub mod layers;
pub mod message;
pub mod parent;
pub mod program;
pub mod receipt;
pub mod record;

pub use code::Code;
pub use commitment::{SALT_BYTES, card, commitment, input_commitment, output_digest};
pub use digest::{Sha256, Sha384, sha256};

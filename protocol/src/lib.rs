//! Bytes that travel between parties. No I/O here: bytes in, types out, and back.
#![forbid(unsafe_code)]

pub mod agreement;
mod bytes;
mod commitment;
mod digest;
pub mod program;

pub use commitment::{SALT_BYTES, card, commitment};
pub use digest::{Sha256, Sha384};

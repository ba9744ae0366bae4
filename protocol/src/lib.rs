//! Bytes that travel between parties. No I/O here: bytes in, types out, and back.
#![forbid(unsafe_code)]

mod bytes;
pub mod program;

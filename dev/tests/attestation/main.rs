//! Attestation documents: real ones, as AWS signed them, and ones under a root of the tests' own.
//!
//! The real ones are other people's data and no part of this project: where they are missing their tests say so, and
//! fail if nothing may be skipped.

mod forge;
mod real;
mod test_root;

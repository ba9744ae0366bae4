//! A security module and its judge, for tests.

use protocol::Sha384;
use protocol::document::*;
use std::time::{Duration, Instant};

pub(crate) const AGREEMENT: Sha384 = Sha384([1; 48]);
pub(crate) const BOOT: [u8; 32] = [9; 32];

/// A hang guard, not a measure.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A document that says what it was asked for and who made it.
pub(crate) struct Module(pub(crate) &'static [u8]);

impl Attester for Module {
    fn document_for(
        &self,
        user_data: &Sha384,
        nonce: &[u8; 32],
        _: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument> {
        Ok([self.0, &user_data.0, nonce].concat())
    }
}

/// Accepts documents of the true module that say what is expected.
pub(crate) struct Judge;

impl Verifier for Judge {
    fn verify(&self, document: &[u8], expected: &Expected) -> Result<(), NotAttested> {
        let honest = [b"true".as_slice(), &expected.user_data.0, &expected.nonce].concat();
        if document == honest { Ok(()) } else { Err(NotAttested) }
    }
}

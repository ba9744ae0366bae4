//! Attestation documents of the Nitro security module: whether one proves an enclave of the expected image.
//!
//! Bytes and a time come in, a verdict comes out. In this order, and each step refuses by name:
//!
//! 1. [`read`](Document::read): one COSE_Sign1 with a payload of AWS's fields within AWS's limits, nothing else, nothing
//!    twice, nothing behind it.
//! 2. The certificate chain leads from the signer to the pinned [`Root`] and holds at the time given.
//! 3. The signer signed the document.
//! 4. The enclave is not in debug mode.
//! 5. Every expected measurement is there and is the expected one.
//!
//! Then [`Verified`] tells what the document is bound to; [`Judge`] checks that too.
//!
//! Not checked: whether a certificate was revoked (the signer's lives three hours), and key usage beyond who may sign
//! certificates.

mod chain;
mod claims;
mod fields;
mod measurements;
mod refusal;
mod sign1;

pub use chain::{Root, RootError};
pub use claims::Claims;
pub use measurements::{Measurements, MeasurementsError, PCRS, pcr16};
pub use refusal::Refusal;
pub use rustls_pki_types::UnixTime;

use crate::document::{Expected, MAX_DOCUMENT, NotAttested, Verifier};
use sign1::Sign1;
use std::time::Duration;

/// A document that is well formed. What it claims is not proven.
pub struct Document<'a> {
    signed: Sign1<'a>,
    claims: Claims<'a>,
}

/// What a document that was verified says.
pub struct Verified<'a>(Claims<'a>);

impl<'a> Document<'a> {
    /// Reads a document.
    ///
    /// # Errors
    /// Where it is none, or holds anything that AWS's format does not.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_DOCUMENT {
            return Err(Refusal::Size);
        }
        let signed = Sign1::read(bytes)?;
        let claims = Claims::read(signed.payload)?;
        Ok(Self { signed, claims })
    }

    /// When the security module made it, as the document says: for one that is kept, such as a receipt's, the time to
    /// [`verify`](Self::verify) it at. A forger can choose it, but not a certificate that holds at it.
    pub fn claimed_time(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_millis(self.claims.timestamp))
    }

    /// PCR0 as the document says it, for a verifier that has no expectation of its own, as KMS: its policies have.
    pub fn pcr0(&self) -> Option<crate::Sha384> {
        self.claims.pcrs.get(&0).copied()
    }

    /// Verifies the document.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        self,
        root: &Root,
        expected: &Measurements,
        at: UnixTime,
    ) -> Result<Verified<'a>, Refusal> {
        let key = chain::verify(root, self.claims.certificate, &self.claims.cabundle, at)?;
        self.signed.verify(&key)?;
        if self.claims.debug() {
            return Err(Refusal::Debug);
        }
        expected.check(&self.claims.pcrs)?;
        Ok(Verified(self.claims))
    }
}

impl<'a> Verified<'a> {
    /// Everything that the document says.
    pub fn claims(&self) -> &Claims<'a> {
        &self.0
    }

    /// Checks the verifier's challenge.
    ///
    /// # Errors
    /// [`Refusal::Nonce`] where it is missing or another one.
    pub fn challenged_by(&self, nonce: &[u8]) -> Result<(), Refusal> {
        if self.0.nonce == Some(nonce) { Ok(()) } else { Err(Refusal::Nonce) }
    }

    /// Checks what the document is bound to: `document::user_data`.
    ///
    /// # Errors
    /// [`Refusal::UserData`] where it is missing or something else.
    pub fn bound_to(&self, user_data: &[u8]) -> Result<(), Refusal> {
        if self.0.user_data == Some(user_data) { Ok(()) } else { Err(Refusal::UserData) }
    }
}

/// Judges documents for a channel: by a root, the agreement's measurements and a clock.
pub struct Judge {
    root: Root,
    expected: Measurements,
    now: fn() -> UnixTime,
}

impl Judge {
    /// A judge. The clock is the verifier's own.
    pub fn new(root: Root, expected: Measurements, now: fn() -> UnixTime) -> Self {
        Self { root, expected, now }
    }

    /// As [`Verifier::verify`], with the reason.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn judge(&self, document: &[u8], expected: &Expected) -> Result<(), Refusal> {
        let verified =
            Document::read(document)?.verify(&self.root, &self.expected, (self.now)())?;
        verified.challenged_by(&expected.nonce)?;
        verified.bound_to(&expected.user_data.0)
    }
}

impl Verifier for Judge {
    fn verify(&self, document: &[u8], expected: &Expected) -> Result<(), NotAttested> {
        self.judge(document, expected).map_err(|_| NotAttested)
    }
}

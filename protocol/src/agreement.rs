//! The agreement: who takes part, what runs, what goes in, what comes out, and to whom.
//!
//! ```text
//! AgreementParts  --Agreement::new-->     Agreement  --encode-->  canonical bytes
//! canonical bytes --Agreement::decode-->  Agreement  --digest-->  SHA-384
//! ```
//! Everything else is bound to the digest. Only canonical bytes are parsed here; TOML stays with the
//! client. An agreement is public: nothing in it is a secret.

mod check;
mod disclosure;
mod error;
mod facts;
mod fit;
mod terms;
mod wire;

pub use check::{MAX_CATEGORIES, MAX_COLUMNS, MAX_NAME, MAX_PARTIES, MAX_ROWS};
pub use disclosure::{Reading, readings};
pub use error::{AgreementError, Fault};
pub use facts::{facts, output_name, role_name};
pub use fit::{
    RuleColumn, fits, rule_columns, rule_outputs, rule_releases, rule_selection, values_per_row,
};
pub use terms::*;

use crate::bytes;
use crate::digest::{Domain, Sha256, Sha384, sha256, tagged};
use error::at;
use wire::Wire;

/// The first bytes of the canonical form.
pub const MAGIC: [u8; 8] = *b"TAUAGRM\n";
/// The version of the form.
pub const VERSION: u32 = 1;
/// The version of what its terms mean.
pub const SEMANTICS: u32 = 1;
/// Longest canonical form.
pub const MAX_BYTES: usize = 16 << 20;

const FIXED: usize = 16;

/// An agreement that meets every rule, and its canonical form.
#[derive(Clone, PartialEq, Debug)]
pub struct Agreement {
    terms: AgreementParts,
    canonical: Vec<u8>,
}

impl Agreement {
    /// Checks terms.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn new(mut terms: AgreementParts) -> Result<Self, AgreementError> {
        check::check(&mut terms)?;
        let too_large = || at("agreement", Fault::TooLarge { limit: MAX_BYTES });
        let body =
            bytes::encode::<_, MAX_BYTES>(&Wire::from_parts(&terms)).ok_or_else(too_large)?;
        let mut canonical = Vec::with_capacity(FIXED + body.len());
        canonical.extend(MAGIC);
        canonical.extend(VERSION.to_le_bytes());
        canonical.extend(SEMANTICS.to_le_bytes());
        canonical.extend(body);
        Ok(Self { terms, canonical })
    }

    /// Reads the canonical form, and no other: the bytes must be the ones that `encode` gives.
    ///
    /// # Errors
    /// Where they are not, where a version is another one, or where a rule is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, AgreementError> {
        let not_canonical = || at("agreement", Fault::NotCanonical);
        let (head, body) = bytes.split_first_chunk::<FIXED>().ok_or_else(not_canonical)?;
        let (magic, versions) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(not_canonical());
        }
        let (form, semantics) = versions.split_at(4);
        for (path, found, known) in
            [("agreement", form, VERSION), ("semantics", semantics, SEMANTICS)]
        {
            if found != known.to_le_bytes() {
                let found = found.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
                return Err(at(path, Fault::Version { found, known }));
            }
        }
        let wire: Wire = bytes::decode::<_, MAX_BYTES>(body).ok_or_else(not_canonical)?;
        let agreement = Self::new(wire.into_parts().ok_or_else(not_canonical)?)?;
        // sets and releases have an order in the canonical form, and only that one
        if agreement.canonical != bytes {
            return Err(not_canonical());
        }
        Ok(agreement)
    }

    /// The canonical form.
    pub fn encode(&self) -> &[u8] {
        &self.canonical
    }

    /// The digest of the canonical form, which everything else is bound to.
    pub fn digest(&self) -> Sha384 {
        tagged(Domain::Agreement, &[&self.canonical])
    }

    /// The terms.
    pub fn terms(&self) -> &AgreementParts {
        &self.terms
    }
}

impl Party {
    /// What identifies the party: the SHA-256 of its KMS key's ARN; without one, a digest of its
    /// pinned key.
    pub fn id(&self) -> Sha256 {
        match (&self.key, self.authentication) {
            (PartyKey::Kms(arn), _) => sha256(arn.as_bytes()),
            (
                PartyKey::NoneAccepted,
                Authentication::Tls { key_sha256: digest } | Authentication::Psk { sha256: digest },
            ) => sha256(&tagged(Domain::PinnedParty, &[&digest.0]).0),
        }
    }
}

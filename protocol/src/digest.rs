//! Digests, and the one way to make them: SHA-384 with a domain in front.
//!
//! ```text
//! tagged(domain, parts) = SHA-384( u8 length of domain | domain | for each part: u64 LE length | part )
//! ```
//! A digest of one domain is never one of another, and no two lists of parts give the same bytes.
//! SHA-2 runs in a time that depends on lengths alone.

use aws_lc_rs::digest::{Context, SHA256, SHA384};
use std::fmt;

/// A SHA-384 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha384(pub [u8; 48]);

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// What a digest is about. Each has a text of its own.
#[derive(Clone, Copy)]
pub(crate) enum Domain {
    /// The canonical form of an agreement.
    Agreement,
    /// The public half of a program.
    Card,
    /// A program, salted.
    Program,
    /// The identity of a party without a KMS key.
    PinnedParty,
    /// Rows, salted.
    Input,
    /// Outputs as released.
    Output,
    /// What a receipt's signature is over.
    Receipt,
    /// A sealed record, for the next one to name.
    Record,
    /// What an attestation document is bound to.
    UserData,
    /// The name of a pre-shared key.
    PskIdentity,
}

impl Domain {
    fn text(self) -> &'static str {
        match self {
            Domain::Agreement => "tautochrone agreement v1",
            Domain::Card => "tautochrone program card v1",
            Domain::Program => "tautochrone program commitment v1",
            Domain::PinnedParty => "tautochrone pinned party v1",
            Domain::Input => "tautochrone input commitment v1",
            Domain::Output => "tautochrone output v1",
            Domain::Receipt => "tautochrone receipt v1",
            Domain::Record => "tautochrone record v1",
            Domain::UserData => "tautochrone document v1",
            Domain::PskIdentity => "tautochrone psk identity v1",
        }
    }
}

/// The digest of some parts, in a domain.
pub(crate) fn tagged(domain: Domain, parts: &[&[u8]]) -> Sha384 {
    let text = domain.text().as_bytes();
    let mut context = Context::new(&SHA384);
    // the texts above are short: their length fits a byte
    context.update(&[text.len() as u8]);
    context.update(text);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    sha384_of(context)
}

/// Plain SHA-384 of some bytes after others.
pub(crate) fn sha384(first: &[u8], second: &[u8]) -> Sha384 {
    let mut context = Context::new(&SHA384);
    context.update(first);
    context.update(second);
    sha384_of(context)
}

fn sha384_of(context: Context) -> Sha384 {
    let mut bytes = [0; 48];
    // a SHA-384 digest has 48 bytes
    for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    Sha384(bytes)
}

/// Plain SHA-256.
pub fn sha256(bytes: &[u8]) -> Sha256 {
    sha256_of(&[bytes])
}

/// Plain SHA-256 of some bytes one after the other.
pub(crate) fn sha256_of(parts: &[&[u8]]) -> Sha256 {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    // a SHA-256 digest has 32 bytes
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    Sha256(out)
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for Sha384 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Sha384 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

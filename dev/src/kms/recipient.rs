//! The enclave that a secret is for: its document, verified.

use super::policy::Facts;
use aws_lc_rs::rsa::PublicEncryptingKey;
use protocol::attestation::{Document, Measurements, Root, UnixTime};

/// The only size of key that KMS seals for.
const BITS: usize = 2048;

/// What a document that verified says.
pub(super) struct Recipient {
    /// The key that secrets are sealed for.
    pub(super) key: Vec<u8>,
    /// What policies may ask about.
    pub(super) facts: Facts,
}

impl Recipient {
    /// Verifies a document under one of the roots.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn read(bytes: &[u8], roots: &[Root], at: UnixTime) -> Result<Self, &'static str> {
        let claimed = Document::read(bytes).map_err(|_| "the document is none")?.pcr0();
        // KMS expects no measurement, its policies do; but an enclave in debug mode has none
        let expected = claimed.and_then(|pcr0| Measurements::new([(0, pcr0)]).ok());
        let expected = expected.ok_or("the document is of debug mode, or without PCR0")?;
        let verified = roots.iter().find_map(|root| {
            // reading borrows alone: once for each root
            Document::read(bytes).ok()?.verify(root, &expected, at).ok()
        });
        let verified = verified.ok_or("the document does not verify")?;
        let claims = verified.claims();
        let key = claims.public_key.ok_or("the document has no public key")?;
        let bits = PublicEncryptingKey::from_der(key).map(|key| key.key_size_bits());
        if bits.ok() != Some(BITS) {
            return Err("the document's public key is not RSA of 2048 bits");
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let name = |name: &str| format!("kms:recipientattestation:{name}");
        let mut facts = Facts::new();
        for (number, value) in &claims.pcrs {
            facts.insert(name(&format!("pcr{number}")), vec![hex(&value.0)]);
            if *number == 0 {
                facts.insert(name("imagesha384"), vec![hex(&value.0)]);
            }
        }
        Ok(Self { key: key.to_vec(), facts })
    }
}

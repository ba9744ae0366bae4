//! A pre-shared key of one party in one agreement.

use protocol::document::psk_identity;
use protocol::{Sha256, Sha384, sha256};
use zeroize::Zeroizing;

/// 256 random bits, and the name under which they are offered.
pub struct Psk {
    identity: Sha384,
    secret: Zeroizing<[u8; 32]>,
}

impl Psk {
    /// A key whose hash the agreement knows. Whoever may encrypt under a party's KMS key could
    /// otherwise plant one.
    ///
    /// `None` where it is another one.
    pub fn new(
        secret: [u8; 32],
        agreed: &Sha256,
        agreement: &Sha384,
        party: &Sha256,
    ) -> Option<Self> {
        let secret = Zeroizing::new(secret);
        // the hash is public, and a comparison of it tells nothing of the key
        (sha256(&*secret) == *agreed)
            .then(|| Self { identity: psk_identity(agreement, party), secret })
    }

    pub(crate) fn identity(&self) -> &Sha384 {
        &self.identity
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

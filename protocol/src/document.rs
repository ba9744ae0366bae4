//! What an attestation document is asked for, and who judges it. The documents themselves come with
//! the security module; here are only the bindings that both sides compute.

use crate::digest::{Domain, Sha256, Sha384, tagged};

/// Longest document.
pub const MAX_DOCUMENT: usize = 16 << 10;
/// Bytes of a challenge.
pub const NONCE_BYTES: usize = 32;
/// The label under which both ends of a channel export what a document binds to it.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-tautochrone-channel-v1";

/// What a document is for. One made for one purpose fits no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A channel, by what its two ends export.
    Channel,
    /// KMS, by the key that it encrypts to.
    Kms,
    /// Receipts, by the key that signs them.
    Receipt,
}

/// The `user_data` of a document: everything that it is bound to.
pub fn user_data(purpose: Purpose, agreement: &Sha384, boot: &[u8; 32], key: &[u8]) -> Sha384 {
    let purpose = match purpose {
        Purpose::Channel => 1,
        Purpose::Kms => 2,
        Purpose::Receipt => 3,
    };
    tagged(Domain::UserData, &[&[purpose], &agreement.0, boot, key])
}

/// The identity under which a party's pre-shared key is offered. It is no secret, and another
/// agreement has another one.
pub fn psk_identity(agreement: &Sha384, party: &Sha256) -> Sha384 {
    tagged(Domain::PskIdentity, &[&agreement.0, &party.0])
}

/// What a verifier must find in a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// See [`user_data`].
    pub user_data: Sha384,
    /// The verifier's own challenge.
    pub nonce: [u8; NONCE_BYTES],
}

/// Makes documents: the enclave's security module.
pub trait Attester {
    /// A fresh document, with a key that answers may be sealed for.
    ///
    /// # Errors
    /// Where the module gives none.
    fn document_for(
        &self,
        user_data: &Sha384,
        nonce: &[u8; NONCE_BYTES],
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument>;

    /// A fresh document.
    ///
    /// # Errors
    /// Where the module gives none.
    fn document(
        &self,
        user_data: &Sha384,
        nonce: &[u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, NoDocument> {
        self.document_for(user_data, nonce, None)
    }
}

impl<A: Attester> Attester for &A {
    fn document_for(
        &self,
        user_data: &Sha384,
        nonce: &[u8; NONCE_BYTES],
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument> {
        A::document_for(self, user_data, nonce, public_key)
    }
}

impl<A: Attester> Attester for std::sync::Arc<A> {
    fn document_for(
        &self,
        user_data: &Sha384,
        nonce: &[u8; NONCE_BYTES],
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument> {
        A::document_for(self, user_data, nonce, public_key)
    }
}

/// Judges documents: roots, measurements and time are the verifier's own affair.
pub trait Verifier {
    /// Accepts a document that an enclave of the agreement's image made for this.
    ///
    /// # Errors
    /// For any other.
    fn verify(&self, document: &[u8], expected: &Expected) -> Result<(), NotAttested>;
}

/// The security module gave no document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the security module gave no attestation document: start the enclave again")]
pub struct NoDocument;

/// A document that does not prove what it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the attestation document does not prove an enclave of this agreement: do not send anything to this address"
)]
pub struct NotAttested;

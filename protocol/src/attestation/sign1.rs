//! COSE_Sign1 (RFC 9052) in the one shape that the security module makes: untagged, ES384, no unprotected header.

use super::fields::{end, unreadable};
use super::refusal::Refusal;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use minicbor::{Decoder, Encoder};

/// `{1: -35}`: the algorithm is ES384.
const PROTECTED: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];

/// A signed payload.
pub(super) struct Sign1<'a> {
    pub(super) payload: &'a [u8],
    /// Raw r and s. Either s of a pair is taken: real documents have both kinds.
    signature: &'a [u8],
}

impl<'a> Sign1<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut cbor = Decoder::new(bytes);
        if cbor.array().map_err(unreadable)? != Some(4)
            || cbor.bytes().map_err(unreadable)? != PROTECTED
            || cbor.map().map_err(unreadable)? != Some(0)
        {
            return Err(Refusal::Envelope);
        }
        let payload = cbor.bytes().map_err(unreadable)?;
        let signature = cbor.bytes().map_err(unreadable)?;
        if signature.len() != 96 {
            return Err(Refusal::Envelope);
        }
        end(&cbor, bytes)?;
        Ok(Self { payload, signature })
    }

    /// `key`: the signer's SubjectPublicKeyInfo in DER.
    pub(super) fn verify(&self, key: &[u8]) -> Result<(), Refusal> {
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key)
            .verify(&self.signed()?, self.signature)
            .map_err(|_| Refusal::Signature)
    }

    /// What the signature is over: RFC 9052, section 4.4.
    fn signed(&self) -> Result<Vec<u8>, Refusal> {
        let mut cbor = Encoder::new(Vec::with_capacity(self.payload.len() + 32));
        cbor.array(4)
            .and_then(|cbor| cbor.str("Signature1"))
            .and_then(|cbor| cbor.bytes(&PROTECTED))
            .and_then(|cbor| cbor.bytes(&[]))
            .and_then(|cbor| cbor.bytes(self.payload))
            .map_err(|_| Refusal::Signature)?;
        Ok(cbor.into_writer())
    }
}

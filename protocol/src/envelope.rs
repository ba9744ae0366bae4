//! What KMS answers an enclave with: a secret, for the key that the enclave's document names.
//!
//! `CiphertextForRecipient` is a CMS EnvelopedData (RFC 5652) in BER as KMS writes it: indefinite lengths, content in chunks;
//! one recipient, by the SHA-256 of its public key; RSA-OAEP with SHA-256 throughout; AES-256-CBC. Nothing else is read.
//!
//! The content is not authenticated: whoever changes its bits gets another secret, or none. So every secret that comes this
//! way is checked by what it is for: a pre-shared key by its hash in the agreement, a data key by what it opens. What goes
//! wrong has one code.

mod ber;

use crate::digest::sha256;
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use ber::Envelope;
use engine::Secret;

/// Longest reply: KMS keeps at most 4 KiB, and the rest is 600 bytes.
pub const MAX_ENVELOPE: usize = 8 << 10;

/// The key that replies are for, made by an enclave for one boot. It never leaves this type.
pub struct RecipientKey {
    key: OaepPrivateDecryptingKey,
    public: Vec<u8>,
}

/// A reply that does not open. Why, is not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the reply of KMS does not open: it is damaged, of another form, or for another key")]
pub struct NotOpened;

impl RecipientKey {
    /// A new RSA key of 2048 bits, which is what KMS asks for.
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn generate() -> Result<Self, NotOpened> {
        Self::of(PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| NotOpened)?)
    }

    /// A key that is there already, in PKCS#8. For tests.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, NotOpened> {
        Self::of(PrivateDecryptingKey::from_pkcs8(der).map_err(|_| NotOpened)?)
    }

    fn of(key: PrivateDecryptingKey) -> Result<Self, NotOpened> {
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(&key.public_key());
        let public = public.map_err(|_| NotOpened)?.as_ref().to_vec();
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| NotOpened)?;
        Ok(Self { key, public })
    }

    /// Its SubjectPublicKeyInfo in DER, for a document's `public_key`.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Opens a reply. The secret is what the bits say, and not more: see the module.
    ///
    /// # Errors
    /// [`NotOpened`], whatever is wrong.
    pub fn open(&self, reply: &[u8]) -> Result<Secret<Vec<u8>>, NotOpened> {
        if reply.len() > MAX_ENVELOPE {
            return Err(NotOpened);
        }
        let envelope = Envelope::read(reply).ok_or(NotOpened)?;
        if envelope.recipient != sha256(&self.public).0 {
            return Err(NotOpened);
        }
        let mut content_key = Secret::new(vec![0; self.key.min_output_size()]);
        let found = self
            .key
            .decrypt(
                &OAEP_SHA256_MGF1SHA256,
                envelope.encrypted_key,
                content_key.expose_mut(),
                None,
            )
            .map_err(|_| NotOpened)?;
        // another length is another cipher's
        let key = UnboundCipherKey::new(&AES_256, found).map_err(|_| NotOpened)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| NotOpened)?;
        let iv = DecryptionContext::Iv128(FixedLength::from(envelope.iv));
        let mut content = Secret::new(envelope.content);
        let length = key.decrypt(content.expose_mut(), iv).map_err(|_| NotOpened)?.len();
        content.expose_mut().truncate(length);
        Ok(content)
    }
}

//! One boot: its id, and the keys that live and die with it. No key leaves this type.

use crate::world::{Entropy, NoEntropy};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use engine::Secret;
use protocol::Sha384;
use protocol::layers::{self, Layer};
use protocol::receipt::{Receipt, ReceiptBody};
use protocol::record::Sealer;

/// One boot of an enclave.
pub struct Boot {
    id: [u8; 32],
    state_key: Secret<[u8; 32]>,
    /// Of the hashes by which a request is known again. Keyed, so that a stored hash tells nothing
    /// of rows that someone could guess.
    request_key: hmac::Key,
    receipt_key: Ed25519KeyPair,
}

impl Boot {
    /// A new boot.
    ///
    /// # Errors
    /// Where there is no entropy.
    pub fn new(entropy: &mut impl Entropy) -> Result<Self, NoEntropy> {
        let mut random = || -> Result<Secret<[u8; 32]>, NoEntropy> {
            let mut bytes = Secret::new([0; 32]);
            entropy.fill(bytes.expose_mut())?;
            Ok(bytes)
        };
        // Declassified: the id is a name, and was drawn for that.
        let id = random()?.declassify();
        let (state_key, request_key, seed) = (random()?, random()?, random()?);
        Ok(Self {
            id,
            state_key,
            request_key: hmac::Key::new(hmac::HMAC_SHA384, request_key.expose()),
            receipt_key: Ed25519KeyPair::from_seed_unchecked(seed.expose())
                .map_err(|_| NoEntropy)?,
        })
    }

    /// The boot id.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// The public key of receipts.
    pub fn receipt_public_key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        // an Ed25519 public key has 32 bytes
        for (to, from) in key.iter_mut().zip(self.receipt_key.public_key().as_ref()) {
            *to = *from;
        }
        key
    }

    /// Seals records, the first of which names the head.
    pub(crate) fn sealer(&self, agreement: Sha384, head: Sha384) -> Option<Sealer> {
        Sealer::new(&self.state_key, agreement, self.id, head)
    }

    /// The state key under every layer in turn.
    pub(crate) fn head(&self, agreement: &Sha384, layers: &[Layer]) -> Option<Vec<u8>> {
        layers::seal(&self.state_key, agreement, &self.id, layers)
    }

    /// The keyed hash of some parts; every length is part of it.
    pub(crate) fn request_hash(&self, parts: &[&[u8]]) -> Sha384 {
        let mut context = hmac::Context::with_key(&self.request_key);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut hash = Sha384([0; 48]);
        for (to, from) in hash.0.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        hash
    }

    /// Signs a receipt. The same body gives the same signature, so a reply that is asked for again
    /// is the same.
    pub(crate) fn sign(&self, body: ReceiptBody) -> Receipt {
        let signature = self.receipt_key.sign(&body.signed().0);
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        Receipt { body, signature: bytes }
    }
}

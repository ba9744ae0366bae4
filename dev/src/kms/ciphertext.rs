//! What a ciphertext is: its key's ARN behind a length, a nonce, and the sealed bytes, bound to the ARN and the context.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::fill;
use engine::Secret;

/// A ciphertext that has all its parts.
pub(super) struct Blob<'a> {
    pub(super) arn: &'a str,
    nonce: [u8; NONCE_LEN],
    sealed: &'a [u8],
}

impl<'a> Blob<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&length, rest) = bytes.split_first()?;
        let (arn, rest) = rest.split_at_checked(length.into())?;
        let (&nonce, sealed) = rest.split_first_chunk()?;
        Some(Self { arn: str::from_utf8(arn).ok()?, nonce, sealed })
    }

    /// Opens it; `None` under another key, for another context, or where a byte was changed.
    pub(super) fn open(&self, secret: &Secret<[u8; 32]>, context: &str) -> Option<Vec<u8>> {
        let mut plain = self.sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let opened = cipher(secret)?.open_in_place(nonce, bound(self.arn, context), &mut plain);
        opened.ok().map(|plain| plain.to_vec())
    }
}

/// Seals a secret; `None` where the cryptographic library fails.
pub(super) fn seal(
    arn: &str,
    secret: &Secret<[u8; 32]>,
    context: &str,
    plain: &[u8],
) -> Option<Vec<u8>> {
    // a development key seals far fewer than the 2^32 secrets that random nonces are good for
    let mut nonce = [0; NONCE_LEN];
    fill(&mut nonce).ok()?;
    let mut sealed = plain.to_vec();
    cipher(secret)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            bound(arn, context),
            &mut sealed,
        )
        .ok()?;
    let length = u8::try_from(arn.len()).ok()?;
    Some([&[length], arn.as_bytes(), &nonce, &sealed].concat())
}

fn cipher(secret: &Secret<[u8; 32]>) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, secret.expose()).ok().map(LessSafeKey::new)
}

/// The context is a JSON object: it begins with what no ARN has.
fn bound(arn: &str, context: &str) -> Aad<Vec<u8>> {
    Aad::from([arn.as_bytes(), context.as_bytes()].concat())
}

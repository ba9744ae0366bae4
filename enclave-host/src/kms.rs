//! Asks KMS for secrets that only this boot can read. See `docs/decisions/0027-kms.md`.
//!
//! ```text
//! request made here -> the parent signs it -> TLS to KMS, ended here -> CiphertextForRecipient -> secret
//! ```
//! The parent carries bytes and adds a signature. Whether KMS answers is up to the key's policy, which looks at the document.
//! What comes out is not authenticated: see `protocol::envelope`. Whoever uses a secret checks it.

mod http;
mod json;
mod roots;

pub use roots::amazon;

use crate::world::Connect;
use aws_lc_rs::error::Unspecified;
use channel::{ChannelError, Socket, Web};
use engine::Secret;
use protocol::document::{Attester, NONCE_BYTES, Purpose, user_data};
use protocol::envelope::RecipientKey;
use protocol::kms::{
    self, CONTENT_TYPE, KeyPlace, MAX_CIPHERTEXT, MAX_SIGNING, Operation, Signed, ToSign,
};
use protocol::parent::Service;
use protocol::{Sha256, Sha384, sha256};
use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Attempts of one question, at most: a start asks each key twice at most, so six times as many requests as keys.
pub const ATTEMPTS: u32 = 3;
/// Before the second attempt; before each further one twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// Bytes that are read from KMS in one exchange, TLS and all.
const MOST: u64 = 256 << 10;
/// Bytes of a data key, and of a pre-shared key.
const KEY: usize = 32;

/// KMS, as one boot sees it.
pub struct Kms<'a, N, C> {
    module: &'a N,
    parent: &'a C,
    roots: &'a [&'a str],
    agreement: Sha384,
    boot: [u8; 32],
    recipient: RecipientKey,
}

/// Why KMS gave no secret.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// The parent does not serve.
    #[error("the parent does not carry bytes to KMS ({0}): look at its log")]
    Parent(io::Error),
    /// The parent did not sign.
    #[error("the parent gave no signature ({0}): does it have credentials?")]
    Unsigned(io::Error),
    /// What the parent gave is no signature of this request.
    #[error(
        "the parent gave something else than a signature of the request: do not rely on this parent"
    )]
    Signature,
    /// No TLS.
    #[error("no secure connection to KMS: is the parent's relay what it should be? ({0})")]
    Channel(ChannelError),
    /// The module gave no document.
    #[error("the security module gave no document: start the enclave again")]
    Document,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed: start the enclave again")]
    Crypto,
    /// KMS refused.
    #[error("KMS refused: {0}")]
    Refused(Refusal),
    /// What came is no answer.
    #[error("KMS's answer is none ({0})")]
    Answer(&'static str),
    /// The answer is about another key than was asked.
    #[error("KMS answered with another key than was asked")]
    OtherKey,
    /// The answer is not sealed for this boot.
    #[error("KMS answered in the clear: such a KMS is not to be used")]
    Plain,
    /// What was sealed does not open.
    #[error("KMS's answer does not open, or is no key of 32 bytes")]
    NotOpened,
}

/// KMS's own reasons, as far as they tell what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// `AccessDeniedException`.
    #[error(
        "access denied: is the key's policy that of `tautochrone kms policy`, for this agreement, image and role?"
    )]
    AccessDenied,
    /// `InvalidCiphertextException`.
    #[error(
        "invalid ciphertext: wrap the identity for this agreement, `tautochrone identity wrap`"
    )]
    InvalidCiphertext,
    /// `IncorrectKeyException`.
    #[error("incorrect key: the identity is wrapped under another key")]
    IncorrectKey,
    /// `NotFoundException`.
    #[error("there is no such key")]
    NotFound,
    /// `DisabledException` or `KMSInvalidStateException`.
    #[error("the key is disabled, or to be deleted")]
    Disabled,
    /// `ThrottlingException`, `LimitExceededException`.
    #[error("too many requests: try again later")]
    Throttled,
    /// The server failed.
    #[error("KMS failed: try again later")]
    Failed,
    /// Another reason.
    #[error("for a reason of its own: look into CloudTrail")]
    Other,
}

impl From<Unspecified> for KmsError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

impl KmsError {
    /// Whether the same question may be answered a moment later.
    fn passing(&self) -> bool {
        matches!(
            self,
            Self::Parent(_)
                | Self::Unsigned(_)
                | Self::Channel(ChannelError::Broken | ChannelError::Closed)
                | Self::Refused(Refusal::Throttled | Refusal::Failed)
        )
    }
}

/// Reads bytes as a whole reply about a key, for fuzzing.
///
/// # Errors
/// See [`KmsError`].
#[doc(hidden)]
pub fn read_reply(bytes: &[u8], key: &str) -> Result<(), KmsError> {
    let mut rest = bytes;
    let (status, body) = http::reply(&mut |buffer: &mut [u8]| {
        let count = rest.len().min(buffer.len());
        let (now, later) = rest.split_at_checked(count).unwrap_or_default();
        buffer.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
        rest = later;
        Ok(count)
    })?;
    match status {
        200 => json::reply(&body, key).map(drop),
        _ => Err(KmsError::Refused(json::refusal(status, &body))),
    }
}

impl<'a, N: Attester, C: Connect> Kms<'a, N, C> {
    /// KMS for one boot: makes the key that answers are sealed for. `roots` (PEM) are what KMS's certificates are checked
    /// against.
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn new(
        module: &'a N,
        parent: &'a C,
        roots: &'a [&'a str],
        agreement: Sha384,
        boot: [u8; 32],
    ) -> Result<Self, KmsError> {
        let recipient = RecipientKey::generate().map_err(|_| KmsError::Crypto)?;
        Ok(Self { module, parent, roots, agreement, boot, recipient })
    }

    /// The secret of a ciphertext that was made under this key, for this party and purpose.
    ///
    /// # Errors
    /// See [`KmsError`].
    pub fn decrypt(
        &self,
        key: &KeyPlace,
        party: &Sha256,
        purpose: kms::KeyPurpose,
        ciphertext: &[u8],
    ) -> Result<Secret<[u8; KEY]>, KmsError> {
        let context = kms::context(&self.agreement, party, purpose);
        let document = self.document()?;
        let body = json::decrypt(&key.arn, &context, ciphertext, &document);
        let reply = self.ask(key, Operation::Decrypt, body.as_deref().ok_or(KmsError::Crypto)?)?;
        self.open(&reply.for_recipient)
    }

    /// A new key, and its ciphertext under this one, for this party and purpose.
    ///
    /// # Errors
    /// See [`KmsError`].
    pub fn data_key(
        &self,
        key: &KeyPlace,
        party: &Sha256,
        purpose: kms::KeyPurpose,
    ) -> Result<(Secret<[u8; KEY]>, Vec<u8>), KmsError> {
        let context = kms::context(&self.agreement, party, purpose);
        let document = self.document()?;
        let body =
            json::generate_data_key(&key.arn, &context, &document).ok_or(KmsError::Crypto)?;
        let reply = self.ask(key, Operation::GenerateDataKey, &body)?;
        let wrapped = reply.ciphertext.ok_or(KmsError::Answer("no ciphertext of the data key"))?;
        if wrapped.is_empty() || wrapped.len() > MAX_CIPHERTEXT {
            return Err(KmsError::Answer("a ciphertext of another size than KMS's"));
        }
        Ok((self.open(&reply.for_recipient)?, wrapped))
    }

    fn document(&self) -> Result<Vec<u8>, KmsError> {
        let key = self.recipient.public();
        let bound = user_data(Purpose::Kms, &self.agreement, &self.boot, key);
        self.module
            .document_for(&bound, &[0; NONCE_BYTES], Some(key))
            .map_err(|_| KmsError::Document)
    }

    fn open(&self, sealed: &[u8]) -> Result<Secret<[u8; KEY]>, KmsError> {
        let opened = self.recipient.open(sealed).map_err(|_| KmsError::NotOpened)?;
        if opened.expose().len() != KEY {
            return Err(KmsError::NotOpened);
        }
        let mut key = Secret::new([0; KEY]);
        key.expose_mut().copy_from_slice(opened.expose());
        Ok(key)
    }

    fn ask(
        &self,
        key: &KeyPlace,
        operation: Operation,
        body: &[u8],
    ) -> Result<json::Reply, KmsError> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            match self.attempt(key, operation, body) {
                Err(error) if error.passing() && attempt < ATTEMPTS => {
                    thread::sleep(pause);
                    pause *= 2;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    fn attempt(
        &self,
        key: &KeyPlace,
        operation: Operation,
        body: &[u8],
    ) -> Result<json::Reply, KmsError> {
        let to_sign = ToSign {
            region: key.region.clone(),
            host: key.host.clone(),
            target: operation.target(),
            body: sha256(body),
        };
        let signed = self.signature(&to_sign)?;
        let deadline = Instant::now() + PATIENCE;
        let mut stream = self.parent.connect(Service::Kms).map_err(KmsError::Parent)?;
        let length = u8::try_from(key.host.len()).map_err(|_| KmsError::Crypto)?;
        let name = [&[length], key.host.as_bytes()].concat();
        stream
            .set_timeout(PATIENCE)
            .and_then(|()| stream.write_all(&name))
            .map_err(KmsError::Parent)?;
        let web = Web::connect(stream, &key.host, self.roots, deadline, MOST);
        let mut web = web.map_err(KmsError::Channel)?;
        let headers = [
            ("host", key.host.as_str()),
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", &to_sign.target),
        ];
        let headers: Vec<_> = headers.into_iter().chain(signed.headers()).collect();
        web.write_all(&http::request(&headers, body)).map_err(KmsError::Channel)?;
        let mut read = |buffer: &mut [u8]| web.read(buffer).map_err(KmsError::Channel);
        let (status, body) = http::reply(&mut read)?;
        web.close();
        if status == 200 {
            return json::reply(&body, &key.arn);
        }
        Err(KmsError::Refused(json::refusal(status, &body)))
    }

    fn signature(&self, to_sign: &ToSign) -> Result<Signed, KmsError> {
        let asked = to_sign.encode();
        let length = u16::try_from(asked.len()).map_err(|_| KmsError::Crypto)?;
        let answer = || {
            let mut stream = self.parent.connect(Service::Sign)?;
            stream.set_timeout(PATIENCE)?;
            stream.write_all(&[&length.to_le_bytes(), &asked[..]].concat())?;
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let length = usize::from(u16::from_le_bytes(length));
            if length > MAX_SIGNING {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut answer = vec![0; length];
            stream.read_exact(&mut answer)?;
            Ok(answer)
        };
        let answer = answer().map_err(KmsError::Unsigned)?;
        Signed::decode(&answer, to_sign).ok_or(KmsError::Signature)
    }
}

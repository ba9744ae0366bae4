//! Signs what the enclave asks KMS, with the credentials of this machine. They grant nothing by themselves: the keys' policies
//! ask for the enclave's document.

use crate::address::{Listener, Stream};
use crate::kms::is_kms;
use crate::metrics::Metrics;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};
use protocol::kms::{CONTENT_TYPE, MAX_SIGNING, Operation, Signed, ToSign};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::{Builder, Runtime};

/// How long an enclave may take to say what to sign.
const PATIENCE: Duration = Duration::from_secs(10);

/// The credentials of this machine: in the environment, or those of its role. A shared credentials file is not read.
pub struct Signer {
    credentials: AwsCredentialProvider,
    runtime: Runtime,
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// There is no runtime, or the connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// There are no credentials.
    #[error("no credentials ({0}): set them in the environment, or give the machine a role")]
    Credentials(#[from] object_store::Error),
    /// The enclave asks for something else than the two operations on KMS.
    #[error("the enclave asked to sign what is no question to KMS")]
    Question,
    /// The signer failed.
    #[error("the signature could not be made: this is a bug, please report it")]
    Signer,
}

impl Signer {
    /// Finds out where credentials come from. They are asked for with each signature, and renewed before they end.
    ///
    /// # Errors
    /// Where there is no runtime.
    pub fn new() -> Result<Self, NotSigned> {
        // the store itself is never used: it knows where AWS keeps credentials, and is in this program already
        let place = AmazonS3Builder::from_env().with_bucket_name("none").build()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { credentials: Arc::clone(place.credentials()), runtime })
    }

    /// Signs a question to KMS.
    ///
    /// # Errors
    /// See [`NotSigned`].
    pub fn sign(&self, asked: &ToSign, now: SystemTime) -> Result<Signed, NotSigned> {
        let ours = [Operation::Decrypt, Operation::GenerateDataKey];
        if !ours.iter().any(|operation| operation.target() == asked.target) || !is_kms(&asked.host)
        {
            return Err(NotSigned::Question);
        }
        let found = self.runtime.block_on(self.credentials.get_credential())?;
        let credentials =
            Credentials::new(&found.key_id, &found.secret_key, found.token.clone(), None, "parent");
        let identity = credentials.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&asked.region)
            .name("kms")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| NotSigned::Signer)?
            .into();
        let headers = [
            ("content-type", CONTENT_TYPE),
            ("host", &asked.host),
            ("x-amz-target", &asked.target),
        ];
        let request = SignableRequest::new(
            "POST",
            format!("https://{}/", asked.host),
            headers.into_iter(),
            SignableBody::Precomputed(asked.body.to_string()),
        );
        let signed = sign(request.map_err(|_| NotSigned::Signer)?, &parameters);
        let (added, _) = signed.map_err(|_| NotSigned::Signer)?.into_parts();
        let header = |name: &str| {
            added.headers().find(|(added, _)| *added == name).map_or("", |(_, value)| value)
        };
        let token = header("x-amz-security-token");
        Signed::new(header("x-amz-date"), token, header("authorization"), asked)
            .ok_or(NotSigned::Signer)
    }
}

/// Serves the enclave until its listener fails, one question at a time: it asks few.
pub fn serve(listener: &Listener, signer: &Signer, metrics: &Metrics) {
    while let Ok(stream) = listener.accept() {
        match converse(stream, signer) {
            Ok(()) => metrics.signed.add(1),
            Err(error) => {
                metrics.not_signed.add(1);
                // no secret is in any of these
                eprintln!("sign: {error}");
            }
        }
    }
}

fn converse(mut stream: Stream, signer: &Signer) -> Result<(), NotSigned> {
    stream.set_timeout(PATIENCE)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let length = usize::from(u16::from_le_bytes(length));
    if length > MAX_SIGNING {
        return Err(NotSigned::Question);
    }
    let mut asked = vec![0; length];
    stream.read_exact(&mut asked)?;
    let asked = ToSign::decode(&asked).ok_or(NotSigned::Question)?;
    let answer = signer.sign(&asked, SystemTime::now())?.encode();
    let length = u16::try_from(answer.len()).map_err(|_| NotSigned::Signer)?;
    Ok(stream.write_all(&[&length.to_le_bytes(), &answer[..]].concat())?)
}

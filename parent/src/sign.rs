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
        let known = ours.iter().any(|operation| operation.target() == asked.target);
        let here = asked.host.starts_with(&format!("kms.{}.", asked.region));
        if !known || !here || !is_kms(&asked.host) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
    use object_store::StaticCredentialProvider;
    use object_store::aws::AwsCredential;
    use protocol::{Sha256, sha256};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

    fn signer(token: &str) -> Signer {
        let token = Some(token.to_owned()).filter(|token| !token.is_empty());
        let credential = AwsCredential { key_id: KEY.into(), secret_key: SECRET.into(), token };
        Signer {
            credentials: Arc::new(StaticCredentialProvider::new(credential)),
            runtime: Builder::new_current_thread().build().unwrap(),
        }
    }

    fn asked() -> ToSign {
        ToSign {
            region: "eu-central-1".into(),
            host: "kms.eu-central-1.amazonaws.com".into(),
            target: Operation::Decrypt.target(),
            body: Sha256([7; 32]),
        }
    }

    /// 2026-11-27T18:00:00Z.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_802_400)
    }

    /// Signature Version 4 as AWS documents it, step by step.
    fn expected(token: &str) -> String {
        let (line, name) = match token {
            "" => (String::new(), ""),
            _ => (format!("x-amz-security-token:{token}\n"), "x-amz-security-token;"),
        };
        let names = format!("content-type;host;x-amz-date;{name}x-amz-target");
        let canonical = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:kms.eu-central-1.amazonaws.com\n\
             x-amz-date:20261127T180000Z\n{line}x-amz-target:TrentService.Decrypt\n\n{names}\n{}",
            "07".repeat(32)
        );
        let scope = "20261127/eu-central-1/kms/aws4_request";
        let canonical = sha256(canonical.as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n20261127T180000Z\n{scope}\n{canonical}");
        let mut key = format!("AWS4{SECRET}").into_bytes();
        for part in ["20261127", "eu-central-1", "kms", "aws4_request", &text] {
            key = hmac(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let signature: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
    }

    #[test]
    fn a_signature_is_what_aws_documents() {
        for token in ["", "IQoJb3JpZ2luX2VjEXAMPLE+/=="] {
            let token = token.replace('_', "");
            let signed = signer(&token).sign(&asked(), now()).unwrap();
            let headers = signed.headers();
            assert_eq!(headers.first(), Some(&("x-amz-date", "20261127T180000Z")));
            assert_eq!(headers.last(), Some(&("authorization", expected(&token).as_str())));
            assert_eq!(headers.len(), if token.is_empty() { 2 } else { 3 });
        }
    }

    #[test]
    fn nothing_but_two_operations_on_a_region_s_own_kms_is_signed() {
        let signer = signer("");
        assert!(signer.sign(&asked(), now()).is_ok());
        for other in [
            ToSign { target: "TrentService.Encrypt".into(), ..asked() },
            ToSign { target: "TrentService.PutKeyPolicy".into(), ..asked() },
            ToSign { host: "kms.eu-west-1.amazonaws.com".into(), ..asked() },
            ToSign { host: "s3.eu-central-1.amazonaws.com".into(), ..asked() },
            ToSign { host: "kms.eu-central-1.example.org".into(), ..asked() },
            ToSign { region: "eu".into(), ..asked() },
        ] {
            assert!(matches!(signer.sign(&other, now()), Err(NotSigned::Question)), "{other:?}");
        }
    }
}

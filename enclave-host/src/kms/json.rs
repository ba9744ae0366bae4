//! Bodies of requests to KMS and of its replies.

use super::{KmsError, Refusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one algorithm by which replies are sealed for a document's key.
const ALGORITHM: &str = "RSAES_OAEP_SHA_256";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    key_id: &'a str,
    encryption_context: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_spec: Option<&'a str>,
    recipient: Recipient<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Recipient<'a> {
    attestation_document: String,
    key_encryption_algorithm: &'a str,
}

type Context<'a> = [(&'a str, String)];

fn request(
    key: &str,
    context: &Context<'_>,
    ciphertext: Option<&[u8]>,
    key_spec: Option<&str>,
    document: &[u8],
) -> Option<Vec<u8>> {
    let request = Request {
        key_id: key,
        encryption_context: context.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        ciphertext_blob: ciphertext.map(|bytes| STANDARD.encode(bytes)),
        key_spec,
        recipient: Recipient {
            attestation_document: STANDARD.encode(document),
            key_encryption_algorithm: ALGORITHM,
        },
    };
    serde_json::to_vec(&request).ok()
}

pub(super) fn decrypt(
    key: &str,
    context: &Context<'_>,
    ciphertext: &[u8],
    document: &[u8],
) -> Option<Vec<u8>> {
    request(key, context, Some(ciphertext), None, document)
}

pub(super) fn generate_data_key(
    key: &str,
    context: &Context<'_>,
    document: &[u8],
) -> Option<Vec<u8>> {
    request(key, context, None, Some("AES_256"), document)
}

/// What KMS answered.
pub(super) struct Reply {
    /// The secret, sealed for the document's key.
    pub(super) for_recipient: Vec<u8>,
    /// A new key's ciphertext.
    pub(super) ciphertext: Option<Vec<u8>>,
}

/// Fields that are not here may come one day, and say nothing to this client.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    key_id: &'a str,
    ciphertext_for_recipient: Option<&'a str>,
    ciphertext_blob: Option<&'a str>,
    plaintext: Option<&'a str>,
}

/// Reads a reply about a key.
pub(super) fn reply(body: &[u8], key: &str) -> Result<Reply, KmsError> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|_| KmsError::Answer("other JSON than KMS's"))?;
    if answer.plaintext.is_some_and(|plain| !plain.is_empty()) {
        return Err(KmsError::Plain);
    }
    if answer.key_id != key {
        return Err(KmsError::OtherKey);
    }
    let decoded = |text: &str| STANDARD.decode(text).map_err(|_| KmsError::Answer("no base64"));
    let sealed = answer.ciphertext_for_recipient.ok_or(KmsError::Answer("no sealed secret"))?;
    Ok(Reply {
        for_recipient: decoded(sealed)?,
        ciphertext: answer.ciphertext_blob.map(decoded).transpose()?,
    })
}

#[derive(Deserialize)]
struct Refused<'a> {
    #[serde(rename = "__type")]
    kind: &'a str,
}

/// Why KMS refused. Nothing of its text is kept.
pub(super) fn refusal(status: u16, body: &[u8]) -> Refusal {
    let refused: Result<Refused<'_>, _> = serde_json::from_slice(body);
    let kind = refused.map_or("", |refused| refused.kind);
    match kind.rsplit('#').next().unwrap_or_default() {
        "AccessDeniedException" => Refusal::AccessDenied,
        "InvalidCiphertextException" => Refusal::InvalidCiphertext,
        "IncorrectKeyException" => Refusal::IncorrectKey,
        "NotFoundException" => Refusal::NotFound,
        "DisabledException" | "KMSInvalidStateException" => Refusal::Disabled,
        "ThrottlingException" | "LimitExceededException" => Refusal::Throttled,
        _ if status >= 500 => Refusal::Failed,
        _ => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_reply_is_sealed_and_about_the_key_that_was_asked() {
        let body = |fields: &str| format!("{{\"KeyId\":\"{KEY}\"{fields}}}").into_bytes();
        let good = reply(&body(",\"CiphertextForRecipient\":\"AAEC\",\"New\":{\"a\":[1]}"), KEY);
        assert_eq!(good.ok().unwrap().for_recipient, [0, 1, 2]);
        let blank = body(",\"CiphertextForRecipient\":\"AAEC\",\"Plaintext\":\"\"");
        assert!(reply(&blank, KEY).is_ok());
        let plain = body(",\"CiphertextForRecipient\":\"AAEC\",\"Plaintext\":\"AAEC\"");
        assert!(matches!(reply(&plain, KEY), Err(KmsError::Plain)));
        let other = KEY.replace("1234abcd", "1234abce");
        let asked = body(",\"CiphertextForRecipient\":\"AAEC\"");
        assert!(matches!(reply(&asked, &other), Err(KmsError::OtherKey)));
        for bad in [
            body(""),
            body(",\"CiphertextForRecipient\":\"AAE\""),
            body(",\"CiphertextForRecipient\":\"AAEC\",\"CiphertextForRecipient\":\"AAEC\""),
            body(",\"CiphertextForRecipient\":7"),
            b"{}".to_vec(),
            b"[".to_vec(),
            "[".repeat(60_000).into_bytes(),
            [asked, b"{}".to_vec()].concat(),
        ] {
            assert!(matches!(reply(&bad, KEY), Err(KmsError::Answer(_))));
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (status, body, expected) in [
            (400, "{\"__type\":\"AccessDeniedException\"}", Refusal::AccessDenied),
            (400, "{\"__type\":\"com.amazonaws.kms#NotFoundException\"}", Refusal::NotFound),
            (400, "{\"__type\":\"ThrottlingException\",\"message\":\"x\"}", Refusal::Throttled),
            (400, "{\"__type\":\"X\"}", Refusal::Other),
            (503, "<html>", Refusal::Failed),
            (404, "", Refusal::Other),
        ] {
            assert_eq!(refusal(status, body.as_bytes()), expected);
        }
    }
}

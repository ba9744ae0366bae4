//! Signature Version 4, as AWS documents it: made and checked by the same steps.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use protocol::sha256;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Credentials. They open nothing but a development KMS.
#[derive(Clone)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// What a session's requests have to show besides.
    pub session_token: Option<String>,
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The header `authorization` of a POST to `/` with these headers (lower case; `x-amz-date` is among them) and body hash.
/// `None` where the date is missing.
pub fn sign(
    credentials: &Credentials,
    region: &str,
    headers: &BTreeMap<String, String>,
    body_sha256: &str,
) -> Option<String> {
    let date = headers.get("x-amz-date")?;
    let scope = format!("{}/{region}/kms/aws4_request", date.get(..8)?);
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    let signed = names.join(";");
    let mut canonical = "POST\n/\n\n".to_owned();
    for (name, value) in headers {
        // a string takes everything
        let _ = writeln!(canonical, "{name}:{}", value.trim());
    }
    let _ = write!(canonical, "\n{signed}\n{body_sha256}");
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{}", credentials.secret_access_key).into_bytes();
    for part in scope.split('/') {
        key = hmac(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    let tag = hmac(&Key::new(HMAC_SHA256, &key), text.as_bytes());
    let signature: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
        credentials.access_key_id
    ))
}

/// What a request says of its signature: who, where, over which headers.
pub(super) struct Said<'a> {
    pub(super) access_key_id: &'a str,
    pub(super) region: &'a str,
    pub(super) headers: Vec<&'a str>,
}

/// Reads a header `authorization`.
pub(super) fn said(authorization: &str) -> Option<Said<'_>> {
    let rest = authorization.strip_prefix(ALGORITHM)?.trim_start();
    let mut parts = rest.split(',').map(str::trim);
    let credential = parts.next()?.strip_prefix("Credential=")?;
    let headers = parts.next()?.strip_prefix("SignedHeaders=")?;
    let mut scope = credential.split('/');
    let (access_key_id, _day, region) = (scope.next()?, scope.next()?, scope.next()?);
    (scope.next()? == "kms").then_some(())?;
    Some(Said { access_key_id, region, headers: headers.split(';').collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of AWS's documentation, and its string to sign, give its signature.
    #[test]
    fn the_key_is_derived_as_aws_documents_it() {
        // "Deriving the signing key": 20150830/us-east-1/iam/aws4_request
        let mut key = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        for part in ["20150830", "us-east-1", "iam", "aws4_request"] {
            key = hmac(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }
}

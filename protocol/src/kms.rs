//! What an enclave asks KMS for, and how the parent signs it.
//!
//! The parent has the credentials. The enclave makes the whole request, hands out what a signature is over, and takes back
//! three headers in one strict form: there is no other byte that the parent could change. The credentials grant nothing by
//! themselves; the key's policy asks for the enclave's document.

use crate::agreement::{Agreement, Party, PartyKey};
use crate::digest::{Sha256, Sha384};

/// The service's version in the name of every operation.
const TARGET: &str = "TrentService";
/// The type of requests and replies.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// Longest ciphertext of a secret of 32 bytes that is taken; KMS's are about 200 bytes.
pub const MAX_CIPHERTEXT: usize = 988;

/// What a secret that KMS guards is for. One made for one purpose opens for no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyPurpose {
    /// A party's pre-shared key.
    Psk,
    /// A boot's data key, of one layer around the state key.
    State,
}

impl KeyPurpose {
    /// Both purposes.
    pub const ALL: [KeyPurpose; 2] = [KeyPurpose::Psk, KeyPurpose::State];

    /// Its name in the context.
    pub fn name(self) -> &'static str {
        match self {
            KeyPurpose::Psk => "psk",
            KeyPurpose::State => "state",
        }
    }
}

/// The encryption context of a secret: names and values, sorted by name. KMS opens a ciphertext under the same one alone.
pub fn context(
    agreement: &Sha384,
    party: &Sha256,
    purpose: KeyPurpose,
) -> [(&'static str, String); 3] {
    [
        ("tautochrone-agreement", agreement.to_string()),
        ("tautochrone-party", party.to_string()),
        ("tautochrone-purpose", purpose.name().to_owned()),
    ]
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPlace {
    /// The full ARN.
    pub arn: String,
    /// The region.
    pub region: String,
    /// The name that KMS's certificate must show.
    pub host: String,
}

impl KeyPlace {
    /// Of a party's key; `None` where it has none.
    pub fn of(party: &Party) -> Option<Self> {
        let PartyKey::Kms(arn) = &party.key else { return None };
        let mut parts = arn.split(':');
        // the agreement's check has made sure of the form
        let (partition, region) = (parts.nth(1)?, parts.nth(1)?);
        let end = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = format!("kms.{region}.{end}");
        Some(Self { arn: arn.clone(), region: region.to_owned(), host })
    }

    /// Of every party that has a key, with its position, in the agreement's order.
    pub fn all(agreement: &Agreement) -> Vec<(u16, Self)> {
        let parties = (0..).zip(&agreement.terms().parties);
        parties.filter_map(|(number, party)| Some((number, Self::of(party)?))).collect()
    }
}

/// An operation that an enclave asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// A ciphertext's secret.
    Decrypt,
    /// A new secret, and its ciphertext.
    GenerateDataKey,
}

impl Operation {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Decrypt => "Decrypt",
            Operation::GenerateDataKey => "GenerateDataKey",
        }
    }

    /// The header `x-amz-target`.
    pub fn target(self) -> String {
        format!("{TARGET}.{}", self.name())
    }
}

/// What a signature is over: a POST to `/` of a host with the headers `content-type`, `host`, `x-amz-date`,
/// `x-amz-security-token` where the credentials have one, and `x-amz-target`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToSign {
    /// The region that the signature is for.
    pub region: String,
    /// The host.
    pub host: String,
    /// The header `x-amz-target`.
    pub target: String,
    /// SHA-256 of the body.
    pub body: Sha256,
}

/// Longest text of [`ToSign`].
const MAX_TEXT: usize = 128;
/// Longest message about a signature.
pub const MAX_SIGNING: usize = 16 << 10;

impl ToSign {
    /// The bytes: three texts, each behind a `u16` length; the hash.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in [&self.region, &self.host, &self.target] {
            text_into(&mut bytes, text);
        }
        bytes.extend(self.body.0);
        bytes
    }

    /// Reads them; `None` where they are none.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut text = || -> Option<String> {
            let text = text_of(&mut bytes).filter(|text| (1..=MAX_TEXT).contains(&text.len()))?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
            text.bytes().all(plain).then(|| text.to_owned())
        };
        let (region, host, target) = (text()?, text()?, text()?);
        let body = Sha256(bytes.try_into().ok()?);
        Some(Self { region, host, target, body })
    }
}

/// A signature: the values of the three headers that a request gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    date: String,
    token: String,
    authorization: String,
}

impl Signed {
    /// From the parts of a signature over something; `None` where they are of another form than Signature Version 4's, or
    /// are about another region, other headers, another day.
    pub fn new(date: &str, token: &str, authorization: &str, over: &ToSign) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let (day, time) = date.strip_suffix('Z')?.split_once('T')?;
        if (day.len(), time.len()) != (8, 6) || !digits(day) || !digits(time) {
            return None;
        }
        let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        if token.len() > MAX_SIGNING || !token.bytes().all(base64) {
            return None;
        }
        let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=")?;
        let (access_key, rest) = rest.split_once('/')?;
        let word = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if !(16..=128).contains(&access_key.len()) || !access_key.bytes().all(word) {
            return None;
        }
        let with_token = if token.is_empty() { "" } else { "x-amz-security-token;" };
        let scope = format!(
            "{day}/{}/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;{with_token}x-amz-target, Signature=",
            over.region
        );
        let signature = rest.strip_prefix(scope.as_str())?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if signature.len() != 64 || !signature.bytes().all(hex) {
            return None;
        }
        Some(Self {
            date: date.to_owned(),
            token: token.to_owned(),
            authorization: authorization.to_owned(),
        })
    }

    /// The bytes: date, token (empty: none), authorization, each behind a `u16` length.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in [&self.date, &self.token, &self.authorization] {
            text_into(&mut bytes, text);
        }
        bytes
    }

    /// Reads them, as a signature over something.
    pub fn decode(mut bytes: &[u8], over: &ToSign) -> Option<Self> {
        let mut text = || text_of(&mut bytes);
        let (date, token, authorization) = (text()?, text()?, text()?);
        if !bytes.is_empty() {
            return None;
        }
        Self::new(date, token, authorization, over)
    }

    /// Names and values of the headers, in the order of the signature.
    pub fn headers(&self) -> Vec<(&'static str, &str)> {
        let mut headers = vec![("x-amz-date", self.date.as_str())];
        if !self.token.is_empty() {
            headers.push(("x-amz-security-token", &self.token));
        }
        headers.push(("authorization", &self.authorization));
        headers
    }
}

/// Adds a text, of which none here is longer than 64 KiB.
fn text_into(bytes: &mut Vec<u8>, text: &str) {
    let length = text.len().min(usize::from(u16::MAX));
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(text.bytes().take(length));
}

/// Takes a text off the front.
fn text_of<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *bytes = rest;
    str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over() -> ToSign {
        ToSign {
            region: "eu-central-1".into(),
            host: "kms.eu-central-1.amazonaws.com".into(),
            target: Operation::Decrypt.target(),
            body: Sha256([7; 32]),
        }
    }

    const DATE: &str = "20261127T180000Z";
    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

    fn authorization(token: &str) -> String {
        let token = if token.is_empty() { "" } else { "x-amz-security-token;" };
        format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/20261127/eu-central-1/kms/aws4_request, SignedHeaders=content-type;host;\
             x-amz-date;{token}x-amz-target, Signature={}",
            "0f".repeat(32)
        )
    }

    #[test]
    fn both_ways_and_nothing_left_over() {
        let bytes = over().encode();
        assert_eq!(ToSign::decode(&bytes), Some(over()));
        for cut in 0..bytes.len() {
            assert_eq!(ToSign::decode(&bytes[..cut]), None);
        }
        for token in ["", "IQoJb3JpZ2lu+/=="] {
            let signed = Signed::new(DATE, token, &authorization(token), &over()).unwrap();
            let bytes = signed.encode();
            assert_eq!(Signed::decode(&bytes, &over()), Some(signed));
            for cut in 0..bytes.len() {
                assert_eq!(Signed::decode(&bytes[..cut], &over()), None);
            }
            assert_eq!(Signed::decode(&[&bytes[..], &[0]].concat(), &over()), None);
        }
    }

    #[test]
    fn a_parent_adds_a_signature_and_no_header() {
        let good = authorization("");
        for (date, token, authorization) in [
            (DATE, "a\r\nx-amz-target: TrentService.Encrypt", authorization("a")),
            (DATE, "token", good.clone()),
            (DATE, "", authorization("token")),
            ("20261127T180000Z\r\nx: y", "", good.clone()),
            ("20261128T180000Z", "", good.clone()),
            ("2026112TT180000Z", "", good.clone()),
            (DATE, "", good.replace("eu-central-1", "eu-west-1")),
            (DATE, "", good.replace("/kms/", "/s3/")),
            (DATE, "", good.replace("host;", "")),
            (DATE, "", good.replace("x-amz-target", "x-amz-target;x-other")),
            (DATE, "", good.replace(KEY, "AKIA")),
            (DATE, "", good.replace(KEY, "AKIAIOSFODNN7EXAMPL\r\n")),
            (DATE, "", good.replace("0f0f", "0F0F")),
            (DATE, "", format!("{good}\r\nx: y")),
            (DATE, "", String::new()),
        ] {
            assert_eq!(Signed::new(date, token, &authorization, &over()), None, "{authorization}");
        }
    }

    #[test]
    fn a_region_is_no_way_to_another_host() {
        for text in ["", "a b", "a\r\n", "a/b", &"a".repeat(129)] {
            let other = ToSign { host: text.into(), ..over() };
            assert_eq!(ToSign::decode(&other.encode()), None, "{text}");
        }
    }
}

//! Replies as KMS writes them for an enclave: see `protocol::envelope`, which opens them.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use protocol::sha256;

/// How a reply is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// Bytes of a chunk of the content.
    pub chunk: usize,
    /// Lengths of what has parts are left open, as KMS leaves them.
    pub open: bool,
}

/// KMS's own form of a short secret.
pub const KMS: Form = Form { chunk: 1024, open: true };

/// The cryptographic library failed, or the key is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the cryptographic library failed, or the recipient's key is no RSA key")]
pub struct NotSealed;

/// Seals a secret for a recipient's public key (SubjectPublicKeyInfo in DER).
///
/// # Errors
/// Where the key is none.
pub fn seal(recipient: &[u8], secret: &[u8], form: Form) -> Result<Vec<u8>, NotSealed> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| NotSealed)?;
    let public = PublicEncryptingKey::from_der(recipient).map_err(|_| NotSealed)?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| NotSealed)?;
    let mut encrypted = vec![0; public.ciphertext_size()];
    public.encrypt(&OAEP_SHA256_MGF1SHA256, &key, &mut encrypted, None).map_err(|_| NotSealed)?;
    let mut iv = [0; 16];
    aws_lc_rs::rand::fill(&mut iv).map_err(|_| NotSealed)?;
    let cipher = UnboundCipherKey::new(&AES_256, &key).map_err(|_| NotSealed)?;
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).map_err(|_| NotSealed)?;
    let mut content = secret.to_vec();
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    cipher.less_safe_encrypt(&mut content, context).map_err(|_| NotSealed)?;

    let chunks: Vec<u8> =
        content.chunks(form.chunk.max(1)).flat_map(|chunk| value(0x04, chunk)).collect();
    let cipher = value(0x30, &[AES_256_CBC, &value(0x04, &iv)].concat());
    let content = [DATA.to_vec(), cipher, parts(0xa0, &chunks, form)].concat();
    let recipient = [
        vec![0x02, 1, 2],
        value(0x80, &sha256(recipient).0),
        OAEP.to_vec(),
        value(0x04, &encrypted),
    ];
    let data = [
        vec![0x02, 1, 2],
        value(0x31, &value(0x30, &recipient.concat())),
        parts(0x30, &content, form),
    ];
    let data = parts(0x30, &data.concat(), form);
    let info = [ENVELOPED_DATA.to_vec(), parts(0xa0, &data, form)].concat();
    Ok(parts(0x30, &info, form))
}

const ENVELOPED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const AES_256_CBC: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const OAEP: &[u8] = b"\x30\x3c\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2f\xa0\x0f\x30\x0d\x06\
\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\
\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";

/// A value with its length.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match length {
        0..=0x7f => bytes.push(length as u8),
        0x80..=0xff => bytes.extend([0x81, length as u8]),
        // secrets of KMS are a few KiB at most
        _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A value with parts, its length told or left open.
fn parts(tag: u8, content: &[u8], form: Form) -> Vec<u8> {
    match form.open {
        true => [&[tag, 0x80], content, &[0, 0]].concat(),
        false => value(tag, content),
    }
}

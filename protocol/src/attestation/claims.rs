//! The payload: AWS's fields, each once, each within AWS's limits.

use super::fields::{Items, bytes, end, optional_bytes, unreadable};
use super::measurements::PCRS;
use super::refusal::Refusal;
use crate::digest::Sha384;
use minicbor::Decoder;
use std::collections::BTreeMap;

/// Longest certificate, public key, user data and nonce.
const MAX_BYTES: usize = 1024;
/// Most certificates above the signer's. Real documents have four.
const MAX_BUNDLE: usize = 8;

/// What a document says.
#[derive(Debug)]
pub struct Claims<'a> {
    /// Which security module made it.
    pub module_id: &'a str,
    /// When, in milliseconds since 1970 UTC.
    pub timestamp: u64,
    /// The measurements by number.
    pub pcrs: BTreeMap<u8, Sha384>,
    /// The signer's certificate in DER.
    pub certificate: &'a [u8],
    /// The certificates above it, the root's first.
    pub cabundle: Vec<&'a [u8]>,
    /// The key that replies may be encrypted to.
    pub public_key: Option<&'a [u8]>,
    /// What the enclave bound the document to.
    pub user_data: Option<&'a [u8]>,
    /// A verifier's challenge.
    pub nonce: Option<&'a [u8]>,
}

impl<'a> Claims<'a> {
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let mut cbor = Decoder::new(payload);
        // a map of so many entries until 2025, one without a length since
        let mut entries = Items::new(cbor.map().map_err(unreadable)?);
        while entries.next(&mut cbor)? {
            match cbor.str().map_err(unreadable)? {
                "module_id" => {
                    let id = cbor.str().map_err(unreadable)?;
                    if id.is_empty() || id.len() > MAX_BYTES {
                        return Err(Refusal::Field);
                    }
                    once(&mut fields.module_id, id)?;
                }
                "digest" => {
                    if cbor.str().map_err(unreadable)? != "SHA384" {
                        return Err(Refusal::Field);
                    }
                    once(&mut fields.digest, ())?;
                }
                "timestamp" => {
                    let time = cbor.u64().map_err(unreadable)?;
                    if time == 0 {
                        return Err(Refusal::Field);
                    }
                    once(&mut fields.timestamp, time)?;
                }
                "pcrs" => once(&mut fields.pcrs, pcrs(&mut cbor)?)?,
                "certificate" => {
                    once(&mut fields.certificate, bytes(&mut cbor, 1..=MAX_BYTES)?)?;
                }
                "cabundle" => once(&mut fields.cabundle, bundle(&mut cbor)?)?,
                "public_key" => {
                    once(&mut fields.public_key, optional_bytes(&mut cbor, 1..=MAX_BYTES)?)?;
                }
                "user_data" => {
                    once(&mut fields.user_data, optional_bytes(&mut cbor, 0..=MAX_BYTES)?)?;
                }
                "nonce" => once(&mut fields.nonce, optional_bytes(&mut cbor, 0..=MAX_BYTES)?)?,
                _ => return Err(Refusal::Unknown),
            }
        }
        end(&cbor, payload)?;
        fields.whole().ok_or(Refusal::Missing)
    }

    /// Whether the enclave ran in debug mode: then its measurements are zeros.
    pub(super) fn debug(&self) -> bool {
        (0..3).any(|number| self.pcrs.get(&number) == Some(&Sha384([0; 48])))
    }
}

/// The fields that were found so far.
#[derive(Default)]
struct Fields<'a> {
    module_id: Option<&'a str>,
    digest: Option<()>,
    timestamp: Option<u64>,
    pcrs: Option<BTreeMap<u8, Sha384>>,
    certificate: Option<&'a [u8]>,
    cabundle: Option<Vec<&'a [u8]>>,
    public_key: Option<Option<&'a [u8]>>,
    user_data: Option<Option<&'a [u8]>>,
    nonce: Option<Option<&'a [u8]>>,
}

impl<'a> Fields<'a> {
    /// The last three may be left out.
    fn whole(self) -> Option<Claims<'a>> {
        self.digest?;
        Some(Claims {
            module_id: self.module_id?,
            timestamp: self.timestamp?,
            pcrs: self.pcrs?,
            certificate: self.certificate?,
            cabundle: self.cabundle?,
            public_key: self.public_key.flatten(),
            user_data: self.user_data.flatten(),
            nonce: self.nonce.flatten(),
        })
    }
}

fn once<T>(field: &mut Option<T>, value: T) -> Result<(), Refusal> {
    if field.replace(value).is_some() { Err(Refusal::Duplicate) } else { Ok(()) }
}

fn pcrs(cbor: &mut Decoder<'_>) -> Result<BTreeMap<u8, Sha384>, Refusal> {
    let mut pcrs = BTreeMap::new();
    let mut entries = Items::new(cbor.map().map_err(unreadable)?);
    while entries.next(cbor)? {
        let number = cbor.u8().map_err(unreadable)?;
        if number >= PCRS {
            return Err(Refusal::Field);
        }
        let value = bytes(cbor, 48..=48)?.try_into().map_err(|_| Refusal::Field)?;
        if pcrs.insert(number, Sha384(value)).is_some() {
            return Err(Refusal::Duplicate);
        }
    }
    if pcrs.is_empty() { Err(Refusal::Field) } else { Ok(pcrs) }
}

fn bundle<'a>(cbor: &mut Decoder<'a>) -> Result<Vec<&'a [u8]>, Refusal> {
    let mut bundle = Vec::new();
    let mut items = Items::new(cbor.array().map_err(unreadable)?);
    while items.next(cbor)? {
        if bundle.len() == MAX_BUNDLE {
            return Err(Refusal::Field);
        }
        bundle.push(bytes(cbor, 1..=MAX_BYTES)?);
    }
    if bundle.is_empty() { Err(Refusal::Field) } else { Ok(bundle) }
}

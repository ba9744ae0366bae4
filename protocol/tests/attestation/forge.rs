//! A security module of the tests' own: documents in AWS's format, right or wrong in one way.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use minicbor::Encoder;
use protocol::attestation::{Root, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384,
    date_time_ymd,
};
use std::time::Duration;

/// 2026-11-27: within the certificates' time.
pub(crate) const NOW: u64 = 1_795_737_600;

/// A time.
pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// A root, an authority below it, and a signer below that.
pub(crate) struct Module {
    pub(crate) root: Vec<u8>,
    pub(crate) authority: Vec<u8>,
    pub(crate) signer: Vec<u8>,
    key: KeyPair,
}

/// What the chain may do wrong.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Chain {
    Good,
    /// The authority's certificate does not say that it may sign others.
    NoAuthority,
    /// The signer's says that it may.
    SignerIsAuthority,
    /// The signer's key is on P-256.
    OtherCurve,
}

impl Module {
    pub(crate) fn new(chain: Chain) -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let params = |ca| {
            let mut params = CertificateParams::default();
            params.not_before = date_time_ymd(2026, 1, 1);
            params.not_after = date_time_ymd(2027, 1, 1);
            if ca {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            params
        };
        let named = |ca, name: &str| {
            let mut params = params(ca);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params
        };
        let (root_key, authority_key) = (key(), key());
        let signer_key = match chain {
            Chain::OtherCurve => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
            _ => key(),
        };
        let root = named(true, "root");
        let root_der = root.self_signed(&root_key).unwrap();
        let root = Issuer::new(root, root_key);
        let authority = named(chain != Chain::NoAuthority, "authority");
        let authority_der = authority.signed_by(&authority_key, &root).unwrap();
        let authority = Issuer::new(authority, authority_key);
        let signer = named(chain == Chain::SignerIsAuthority, "signer");
        let signer_der = signer.signed_by(&signer_key, &authority).unwrap();
        Self {
            root: root_der.der().to_vec(),
            authority: authority_der.der().to_vec(),
            signer: signer_der.der().to_vec(),
            key: signer_key,
        }
    }

    pub(crate) fn trusted(&self) -> Root {
        Root::other(&self.root).unwrap()
    }

    /// A draft of a good document.
    pub(crate) fn draft(&self) -> Draft {
        let pcrs = (0..16u8).map(|number| (number.into(), vec![number + 1; 48])).collect();
        Draft {
            fields: vec![
                ("module_id", Value::Text("i-0-enc0".into())),
                ("digest", Value::Text("SHA384".into())),
                ("timestamp", Value::Number(NOW * 1000)),
                ("pcrs", Value::Pcrs(pcrs)),
                ("certificate", Value::Bytes(self.signer.clone())),
                ("cabundle", Value::Bundle(vec![self.root.clone(), self.authority.clone()])),
                ("public_key", Value::Null),
                ("user_data", Value::Bytes(vec![7; 48])),
                ("nonce", Value::Bytes(vec![9; 32])),
            ],
            indefinite: false,
            trailing: Vec::new(),
        }
    }

    /// Signs a payload.
    pub(crate) fn sign(&self, payload: &[u8]) -> Vec<u8> {
        self.envelope(payload, |signature| signature)
    }

    /// Signs a payload, and changes the signature.
    pub(crate) fn envelope(&self, payload: &[u8], change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        const PROTECTED: &[u8] = &[0xa1, 0x01, 0x38, 0x22];
        let mut signed = Encoder::new(Vec::new());
        let parts = signed.array(4).unwrap().str("Signature1").unwrap();
        parts.bytes(PROTECTED).unwrap().bytes(&[]).unwrap().bytes(payload).unwrap();
        let key = self.key.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &key);
        // a key of another curve signs nothing: its document has a signature of zeros
        let signature = match key {
            Ok(key) => {
                let signed = signed.into_writer();
                key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec()
            }
            Err(_) => vec![0; 96],
        };
        let mut document = Encoder::new(Vec::new());
        let parts = document.array(4).unwrap().bytes(PROTECTED).unwrap().map(0).unwrap();
        parts.bytes(payload).unwrap().bytes(&change(signature)).unwrap();
        document.into_writer()
    }
}

/// A payload to be.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) fields: Vec<(&'static str, Value)>,
    /// A map without a length, as documents have it since 2026.
    pub(crate) indefinite: bool,
    /// Bytes behind the payload's end.
    pub(crate) trailing: Vec<u8>,
}

#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Bytes(Vec<u8>),
    Null,
    Pcrs(Vec<(u64, Vec<u8>)>),
    Bundle(Vec<Vec<u8>>),
}

impl Draft {
    /// Changes a field.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.iter_mut().find(|(field, _)| *field == name).unwrap().1 = value;
        self
    }

    /// Leaves a field out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| *field != name);
        self
    }

    /// Adds a field.
    pub(crate) fn and(mut self, name: &'static str, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut cbor = Encoder::new(Vec::new());
        if self.indefinite {
            cbor.begin_map().unwrap();
        } else {
            cbor.map(self.fields.len() as u64).unwrap();
        }
        for (name, value) in &self.fields {
            cbor.str(name).unwrap();
            match value {
                Value::Text(text) => cbor.str(text).unwrap(),
                Value::Number(number) => cbor.u64(*number).unwrap(),
                Value::Bytes(bytes) => cbor.bytes(bytes).unwrap(),
                Value::Null => cbor.null().unwrap(),
                Value::Pcrs(pcrs) => {
                    cbor.map(pcrs.len() as u64).unwrap();
                    for (number, value) in pcrs {
                        cbor.u64(*number).unwrap().bytes(value).unwrap();
                    }
                    &mut cbor
                }
                Value::Bundle(certificates) => {
                    cbor.array(certificates.len() as u64).unwrap();
                    for certificate in certificates {
                        cbor.bytes(certificate).unwrap();
                    }
                    &mut cbor
                }
            };
        }
        if self.indefinite {
            cbor.end().unwrap();
        }
        [cbor.into_writer(), self.trailing.clone()].concat()
    }
}

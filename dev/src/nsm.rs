//! A security module: documents in AWS's format, under a root that is made here. For tests, a chain or a document that is
//! wrong in one way.

use aws_lc_rs::digest::{SHA384, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use enclave_host::measured::{Register, RegisterFailed, Registers};
use enclave_host::world::{Entropy, NoEntropy};
use minicbor::Encoder;
use protocol::Sha384;
use protocol::attestation::{Root, RootError};
use protocol::document::{Attester, NONCE_BYTES, NoDocument};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::{Duration, OffsetDateTime};

/// The one protected header that documents have: `{1: -35}`, ES384.
const PROTECTED: &[u8] = &[0xa1, 0x01, 0x38, 0x22];

/// What is wrong with a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chain {
    /// Nothing.
    Good,
    /// The authority's certificate does not say that it may sign others.
    NoAuthority,
    /// The signer's says that it may.
    SignerIsAuthority,
    /// The signer's key is on P-256.
    OtherCurve,
}

/// A security module: a root, an authority below it, a signer below that, and measurements.
pub struct Module {
    root: Vec<u8>,
    root_pem: String,
    authority: Vec<u8>,
    signer: Vec<u8>,
    key: Vec<u8>,
    pcrs: Mutex<BTreeMap<u8, Register>>,
}

impl Module {
    /// A module whose certificates hold from an hour before a time to three hours after it.
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn new(
        chain: Chain,
        pcrs: impl IntoIterator<Item = (u8, Sha384)>,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384);
        let params = |authority, name: &str| {
            let mut params = CertificateParams::default();
            params.not_before = now - Duration::hours(1);
            params.not_after = now + Duration::hours(3);
            params.distinguished_name.push(DnType::CommonName, name);
            if authority {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            params
        };
        let (root_key, authority_key) = (key()?, key()?);
        let signer_key = match chain {
            Chain::OtherCurve => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            _ => key()?,
        };
        let root = params(true, "development root, proves nothing");
        let root_der = root.self_signed(&root_key)?;
        let root = Issuer::new(root, root_key);
        let authority = params(chain != Chain::NoAuthority, "development authority");
        let authority_der = authority.signed_by(&authority_key, &root)?;
        let authority = Issuer::new(authority, authority_key);
        let signer = params(chain == Chain::SignerIsAuthority, "development signer");
        let signer_der = signer.signed_by(&signer_key, &authority)?;
        let open = |(number, value)| (number, Register { locked: false, value });
        Ok(Self {
            root: root_der.der().to_vec(),
            root_pem: root_der.pem(),
            authority: authority_der.der().to_vec(),
            signer: signer_der.der().to_vec(),
            key: signer_key.serialize_der(),
            pcrs: Mutex::new(pcrs.into_iter().map(open).collect()),
        })
    }

    fn registers(&self) -> MutexGuard<'_, BTreeMap<u8, Register>> {
        self.pcrs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(
        &self,
        number: u16,
        change: impl FnOnce(&mut Register),
    ) -> Result<(), RegisterFailed> {
        let number = u8::try_from(number).map_err(|_| RegisterFailed)?;
        let mut registers = self.registers();
        match registers.get_mut(&number) {
            Some(register) if !register.locked => {
                change(register);
                Ok(())
            }
            _ => Err(RegisterFailed),
        }
    }

    /// The root that this module's chains end in.
    ///
    /// # Errors
    /// Never for a module that was made.
    pub fn root(&self) -> Result<Root, RootError> {
        Root::other(&self.root)
    }

    /// The root's certificate as a PEM file.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The certificates of a bundle, the root's first.
    pub fn bundle(&self) -> [&[u8]; 2] {
        [&self.root, &self.authority]
    }

    /// The signer's certificate.
    pub fn signer(&self) -> &[u8] {
        &self.signer
    }

    /// A draft of a good document, bound to nothing.
    pub fn draft(&self, milliseconds: u64) -> Draft {
        let registers = self.registers();
        let pcrs = registers.iter().map(|(&number, held)| (number.into(), held.value.0.to_vec()));
        let bundle = self.bundle().map(<[u8]>::to_vec).to_vec();
        Draft {
            fields: vec![
                ("module_id", Value::Text("i-development-enc0".into())),
                ("digest", Value::Text("SHA384".into())),
                ("timestamp", Value::Number(milliseconds)),
                ("pcrs", Value::Pcrs(pcrs.collect())),
                ("certificate", Value::Bytes(self.signer.clone())),
                ("cabundle", Value::Bundle(bundle)),
                ("public_key", Value::Null),
                ("user_data", Value::Null),
                ("nonce", Value::Null),
            ],
            indefinite: false,
            trailing: Vec::new(),
        }
    }

    /// Signs a payload.
    pub fn sign(&self, payload: &[u8]) -> Vec<u8> {
        self.sign_and(payload, |signature| signature)
    }

    /// Signs a payload, and changes the signature.
    pub fn sign_and(&self, payload: &[u8], change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let signed = cbor(|cbor| {
            cbor.array(4)?.str("Signature1")?.bytes(PROTECTED)?.bytes(&[])?.bytes(payload)?;
            Ok(())
        });
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &self.key);
        let signature = key.map(|key| key.sign(&SystemRandom::new(), &signed));
        // a key of another curve signs nothing: its document has a signature of zeros
        let signature = match signature {
            Ok(Ok(signature)) => signature.as_ref().to_vec(),
            _ => vec![0; 96],
        };
        let signature = change(signature);
        cbor(|cbor| {
            cbor.array(4)?.bytes(PROTECTED)?.map(0)?.bytes(payload)?.bytes(&signature)?;
            Ok(())
        })
    }
}

impl Attester for Module {
    fn document_for(
        &self,
        user_data: &Sha384,
        nonce: &[u8; NONCE_BYTES],
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument> {
        let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        let draft = self
            .draft(u64::try_from(now).map_err(|_| NoDocument)?)
            .with("user_data", Value::Bytes(user_data.0.to_vec()))
            .with("nonce", Value::Bytes(nonce.to_vec()));
        let draft = match public_key {
            Some(key) => draft.with("public_key", Value::Bytes(key.to_vec())),
            None => draft,
        };
        Ok(self.sign(&Draft { indefinite: true, ..draft }.payload()))
    }
}

impl Registers for Module {
    fn describe(&self, number: u16) -> Result<Register, RegisterFailed> {
        let number = u8::try_from(number).map_err(|_| RegisterFailed)?;
        self.registers().get(&number).copied().ok_or(RegisterFailed)
    }

    fn extend(&self, number: u16, data: &Sha384) -> Result<(), RegisterFailed> {
        self.change(number, |register| {
            let both = [register.value.0, data.0].concat();
            let digest = digest(&SHA384, &both);
            register.value.0.copy_from_slice(digest.as_ref());
        })
    }

    fn lock(&self, number: u16) -> Result<(), RegisterFailed> {
        self.change(number, |register| register.locked = true)
    }
}

impl Entropy for &Module {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// A payload to be.
#[derive(Clone)]
pub struct Draft {
    /// The fields, in their order.
    pub fields: Vec<(&'static str, Value)>,
    /// A map without a length, as documents have it since 2026.
    pub indefinite: bool,
    /// Bytes behind the payload's end.
    pub trailing: Vec<u8>,
}

/// A field's value.
#[derive(Clone)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Null,
    /// Measurements by number.
    Pcrs(Vec<(u64, Vec<u8>)>),
    /// Certificates.
    Bundle(Vec<Vec<u8>>),
}

impl Draft {
    /// Changes a field that is there.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if let Some(field) = self.fields.iter_mut().find(|(field, _)| *field == name) {
            field.1 = value;
        }
        self
    }

    /// Leaves a field out.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| *field != name);
        self
    }

    /// Adds a field, once more if it is there.
    pub fn and(mut self, name: &'static str, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }

    /// The bytes.
    pub fn payload(&self) -> Vec<u8> {
        let map = cbor(|cbor| {
            if self.indefinite {
                cbor.begin_map()?;
            } else {
                cbor.map(self.fields.len() as u64)?;
            }
            for (name, value) in &self.fields {
                cbor.str(name)?;
                value.encode(cbor)?;
            }
            if self.indefinite {
                cbor.end()?;
            }
            Ok(())
        });
        [map, self.trailing.clone()].concat()
    }
}

impl Value {
    fn encode(&self, cbor: &mut Encoder<Vec<u8>>) -> Encoded {
        match self {
            Value::Text(text) => cbor.str(text)?,
            Value::Number(number) => cbor.u64(*number)?,
            Value::Bytes(bytes) => cbor.bytes(bytes)?,
            Value::Null => cbor.null()?,
            Value::Pcrs(pcrs) => {
                cbor.map(pcrs.len() as u64)?;
                for (number, value) in pcrs {
                    cbor.u64(*number)?.bytes(value)?;
                }
                cbor
            }
            Value::Bundle(certificates) => {
                cbor.array(certificates.len() as u64)?;
                for certificate in certificates {
                    cbor.bytes(certificate)?;
                }
                cbor
            }
        };
        Ok(())
    }
}

type Encoded = Result<(), minicbor::encode::Error<Infallible>>;

/// What is encoded into memory, which never fails.
fn cbor(encode: impl Fn(&mut Encoder<Vec<u8>>) -> Encoded) -> Vec<u8> {
    let mut cbor = Encoder::new(Vec::new());
    match encode(&mut cbor) {
        Ok(()) => cbor.into_writer(),
        Err(_) => Vec::new(),
    }
}

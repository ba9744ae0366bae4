//! Keys that are known by their hash: a party's, which the agreement pins, and the enclave's own.
//!
//! TLS carries keys in certificates. Here a certificate says nothing: it is signed by its own key, names nobody,
//! never ends, and no authority's word is asked for or taken.

use crate::error::ChannelError;
use protocol::{Sha256, sha256};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use zeroize::Zeroizing;

/// A key pair of one side: ECDSA on P-256 where it is made here.
pub struct OwnKey {
    sha256: Sha256,
    certificate: String,
    private: Zeroizing<String>,
}

impl OwnKey {
    /// A new one.
    ///
    /// # Errors
    /// [`ChannelError::Setup`] where the cryptographic library fails.
    pub fn generate() -> Result<Self, ChannelError> {
        Self::new(&KeyPair::generate().map_err(|_| ChannelError::Setup)?)
    }

    /// The one in a PKCS#8 PEM file: ECDSA on P-256 or P-384, or RSA. `None` where it is none of these.
    pub fn from_pem(pem: &str) -> Option<Self> {
        Self::new(&KeyPair::from_pem(pem).ok()?).ok()
    }

    fn new(key: &KeyPair) -> Result<Self, ChannelError> {
        let nobody = CertificateParams::default();
        let certificate = nobody.self_signed(key).map_err(|_| ChannelError::Setup)?;
        let private = Zeroizing::new(key.serialize_pem());
        Ok(Self {
            sha256: sha256(&key.subject_public_key_info()),
            certificate: certificate.pem(),
            private,
        })
    }

    /// What an agreement pins: the SHA-256 of the public key's SubjectPublicKeyInfo in DER.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// The private key as a PKCS#8 PEM file, for its owner to keep.
    pub fn to_pem(&self) -> Zeroizing<String> {
        self.private.clone()
    }

    pub(crate) fn certificate(&self) -> &[u8] {
        self.certificate.as_bytes()
    }

    pub(crate) fn private(&self) -> &[u8] {
        self.private.as_bytes()
    }
}

/// The hash of the key in a chain as s2n-tls keeps it: three bytes of length before each certificate. One alone is
/// taken.
pub(crate) fn sha256_of_chain(chain: &[u8]) -> Option<Sha256> {
    let (length, certificate) = chain.split_first_chunk::<3>()?;
    let length = u32::from_be_bytes([0, length[0], length[1], length[2]]);
    if u32::try_from(certificate.len()) != Ok(length) {
        return None;
    }
    let certificate = CertificateDer::from(certificate);
    let certificate = EndEntityCert::try_from(&certificate).ok()?;
    Some(sha256(&certificate.subject_public_key_info()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::PKCS_ECDSA_P384_SHA384;

    fn chain(certificates: &[&[u8]]) -> Vec<u8> {
        let one = |der: &&[u8]| [&(der.len() as u32).to_be_bytes()[1..], *der].concat();
        certificates.iter().flat_map(one).collect()
    }

    #[test]
    fn one_whole_certificate_is_a_key_and_nothing_else_is() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let own = OwnKey::new(&key).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let der: &[u8] = certificate.der();
        let whole = chain(&[der]);
        assert_eq!(sha256_of_chain(&whole), Some(own.sha256()));
        for length in 0..whole.len() {
            assert_eq!(sha256_of_chain(&whole[..length]), None, "the first {length} bytes");
        }
        assert_eq!(sha256_of_chain(&chain(&[der, der])), None);
        assert_eq!(sha256_of_chain(&chain(&[&der[..der.len() - 1]])), None);
        assert_eq!(sha256_of_chain(&chain(&[&[der, &[0]].concat()])), None);
    }

    #[test]
    fn a_key_file_reads_back_as_the_same_key() {
        let own = OwnKey::generate().unwrap();
        assert_eq!(OwnKey::from_pem(&own.to_pem()).unwrap().sha256(), own.sha256());
        assert!(OwnKey::from_pem("").is_none());
        assert!(OwnKey::from_pem(std::str::from_utf8(own.certificate()).unwrap()).is_none());
    }
}

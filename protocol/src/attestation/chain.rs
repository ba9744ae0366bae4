//! The chain of certificates, from the signer's up to a root that is pinned.

use super::refusal::Refusal;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::aws_lc_rs::ECDSA_P384_SHA384;
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

/// AWS Nitro Enclaves G1, 2019-10-28 to 2049-10-28. Its SHA-256 is checked by a test.
const AWS: &[u8] = include_bytes!("aws_nitro_root_g1.der");

/// Where chains must end. A document's own bundle is never asked.
#[derive(Clone)]
pub struct Root(TrustAnchor<'static>);

/// The bytes are no certificate that can be a root.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a certificate in DER")]
pub struct RootError;

impl Root {
    /// The root of all Nitro enclaves.
    ///
    /// # Errors
    /// Never: the certificate is part of this program.
    pub fn aws() -> Result<Self, RootError> {
        Self::other(AWS)
    }

    /// Another root, for development. The program `tautochrone` never calls this.
    ///
    /// # Errors
    /// Where the bytes are no certificate.
    pub fn other(der: &[u8]) -> Result<Self, RootError> {
        let der = CertificateDer::from(der);
        let anchor = anchor_from_trusted_cert(&der).map_err(|_| RootError)?;
        Ok(Self(anchor.to_owned()))
    }

    /// Whether it is that of all Nitro enclaves.
    pub fn is_aws(&self) -> bool {
        Self::aws().is_ok_and(|aws| aws.0 == self.0)
    }
}

/// The signer's key, if its certificate leads to the root.
pub(super) fn verify(
    root: &Root,
    certificate: &[u8],
    bundle: &[&[u8]],
    at: UnixTime,
) -> Result<SubjectPublicKeyInfoDer<'static>, Refusal> {
    let certificate = CertificateDer::from(certificate);
    let signer = EndEntityCert::try_from(&certificate).map_err(refusal)?;
    let above: Vec<CertificateDer<'_>> =
        bundle.iter().map(|&der| CertificateDer::from(der)).collect();
    let anchors = std::slice::from_ref(&root.0);
    // AWS's certificates name no extended usage; one that names another usage than this is refused
    let usage = KeyUsage::client_auth();
    signer
        .verify_for_usage(&[ECDSA_P384_SHA384], anchors, &above, at, usage, None, None)
        .map_err(refusal)?;
    Ok(signer.subject_public_key_info())
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::CertNotValidYet { .. } => Refusal::NotYetValid,
        Error::CertExpired { .. } => Refusal::Expired,
        Error::UnknownIssuer => Refusal::Chain,
        Error::InvalidSignatureForPublicKey => Refusal::CertificateSignature,
        Error::CaUsedAsEndEntity | Error::EndEntityUsedAsCa | Error::PathLenConstraintViolated => {
            Refusal::Authority
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Refusal::Algorithm,
        _ => Refusal::Certificate,
    }
}

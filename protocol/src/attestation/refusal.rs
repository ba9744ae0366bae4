//! Why a document is refused: one name for each reason.

/// The first thing that is wrong with a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// More bytes than any document has.
    #[error("longer than any attestation document")]
    Size,
    /// Not CBOR, or ended in the middle.
    #[error("not CBOR, or cut off")]
    Cbor,
    /// Bytes after the end, of the document or of its payload.
    #[error("there are bytes behind its end")]
    Trailing,
    /// Not a COSE_Sign1 as the security module makes it.
    #[error("not a COSE_Sign1 signed with ES384")]
    Envelope,
    /// A field or a PCR stands twice.
    #[error("a field stands twice")]
    Duplicate,
    /// A field that AWS does not name.
    #[error("a field that attestation documents do not have")]
    Unknown,
    /// A field is not there.
    #[error("a field is missing")]
    Missing,
    /// A field of another type, or outside AWS's limits.
    #[error("a field is not of its type, or not within its limits")]
    Field,
    /// A certificate is none, or has something that webpki does not take.
    #[error("a certificate of the chain is malformed")]
    Certificate,
    /// The chain does not lead to the root.
    #[error("the chain of certificates does not lead to the root")]
    Chain,
    /// A certificate's signature is wrong.
    #[error("the signature of a certificate is wrong")]
    CertificateSignature,
    /// A certificate does not sign as the root's chains do.
    #[error("a certificate is not signed with ECDSA on P-384 and SHA-384")]
    Algorithm,
    /// A certificate signs others and may not, or is the signer's and may.
    #[error("a certificate signs what it may not sign")]
    Authority,
    /// A certificate's time has not come.
    #[error("a certificate is not valid yet: is the clock right?")]
    NotYetValid,
    /// A certificate's time is over.
    #[error("a certificate is no longer valid: documents live about 3 hours")]
    Expired,
    /// The document's signature is wrong.
    #[error("the signature of the document is wrong")]
    Signature,
    /// The enclave runs in debug mode, where the parent can read all.
    #[error("an enclave in debug mode, which proves nothing")]
    Debug,
    /// An expected measurement is not there.
    #[error("PCR{0} is expected and not there")]
    MissingPcr(u8),
    /// A measurement is another one.
    #[error("PCR{0} is not the expected one")]
    Pcr(u8),
    /// The challenge is missing or another one.
    #[error("the nonce is not the expected one")]
    Nonce,
    /// What the document is bound to is missing or something else.
    #[error("the user data is not the expected one")]
    UserData,
}

impl Refusal {
    /// The name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Cbor => "cbor",
            Self::Trailing => "trailing",
            Self::Envelope => "envelope",
            Self::Duplicate => "duplicate",
            Self::Unknown => "unknown",
            Self::Missing => "missing",
            Self::Field => "field",
            Self::Certificate => "certificate",
            Self::Chain => "chain",
            Self::CertificateSignature => "certificate-signature",
            Self::Algorithm => "algorithm",
            Self::Authority => "authority",
            Self::NotYetValid => "not-yet-valid",
            Self::Expired => "expired",
            Self::Signature => "signature",
            Self::Debug => "debug",
            Self::MissingPcr(_) => "missing-pcr",
            Self::Pcr(_) => "pcr",
            Self::Nonce => "nonce",
            Self::UserData => "user-data",
        }
    }

    /// Whether the bytes are no attestation document at all, so that there is nothing to judge.
    pub fn is_unreadable(self) -> bool {
        matches!(
            self,
            Self::Size
                | Self::Cbor
                | Self::Trailing
                | Self::Envelope
                | Self::Duplicate
                | Self::Unknown
                | Self::Missing
                | Self::Field
        )
    }
}

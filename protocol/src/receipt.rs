//! Receipts: the signed record of one evaluation, verifiable without the enclave.
//!
//! The key that signs is made at each boot and bound to the image by a document of purpose receipt.
//! A receipt holds commitments, not contents: it tells a reader nothing of rows or model.

use crate::attestation::{Document, Measurements, Refusal, Root};
use crate::bytes;
use crate::digest::{Domain, Sha256, Sha384, tagged};
use crate::document::{MAX_DOCUMENT, Purpose, user_data};
use crate::message::RequestId;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use bincode::{Decode, Encode};

/// What a receipt says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceiptBody {
    /// The agreement that was served.
    pub agreement: Sha384,
    /// The boot that served it.
    pub boot: [u8; 32],
    /// The party that asked: see [`Party::id`](crate::agreement::Party::id).
    pub party: Sha256,
    /// The request.
    pub request: RequestId,
    /// Its place in the sequence of this boot's records.
    pub epoch: u64,
    /// Rows.
    pub rows: u32,
    /// Calls left to the party after this one.
    pub calls_left: u32,
    /// Rows left to the party after this one.
    pub rows_left: u64,
    /// The program's card.
    pub card: Sha384,
    /// The commitment to the program, whose salt its owner chose.
    pub program: Sha384,
    /// The commitment to the input, whose salt its owner chose.
    pub input: Sha384,
    /// The digest of the outputs as released.
    pub output: Sha384,
}

/// A receipt that is signed; whether rightly, [`Receipt::verify`] tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// What it says.
    pub body: ReceiptBody,
    /// By the boot's receipt key.
    pub signature: [u8; 64],
}

#[derive(Encode, Decode)]
struct Wire {
    version: u32,
    rows: u32,
    agreement: [u8; 48],
    boot: [u8; 32],
    party: [u8; 32],
    request: [u8; 16],
    epoch: u64,
    calls_left: u32,
    zero: u32,
    rows_left: u64,
    card: [u8; 48],
    program: [u8; 48],
    input: [u8; 48],
    output: [u8; 48],
}

/// Version of a receipt.
const VERSION: u32 = 1;
/// Bytes of what is signed.
const BODY_BYTES: usize = 8 + 48 + 32 + 32 + 16 + 8 + 8 + 8 + 4 * 48;
/// Bytes of a receipt.
pub const RECEIPT_BYTES: usize = BODY_BYTES + 64;

impl ReceiptBody {
    /// What the signature is over: a digest with a domain, so that no signature over anything else
    /// passes for a receipt.
    pub fn signed(&self) -> Sha384 {
        tagged(Domain::Receipt, &[&self.bytes()])
    }

    fn bytes(&self) -> Vec<u8> {
        let wire = Wire {
            version: VERSION,
            rows: self.rows,
            agreement: self.agreement.0,
            boot: self.boot,
            party: self.party.0,
            request: self.request.0,
            epoch: self.epoch,
            calls_left: self.calls_left,
            zero: 0,
            rows_left: self.rows_left,
            card: self.card.0,
            program: self.program.0,
            input: self.input.0,
            output: self.output.0,
        };
        // it is fixed and fits its limit
        bytes::encode::<_, BODY_BYTES>(&wire).unwrap_or_default()
    }
}

impl Receipt {
    /// The bytes that are kept: the body, then the signature.
    pub fn encode(&self) -> Vec<u8> {
        [self.body.bytes().as_slice(), &self.signature].concat()
    }

    /// Reads a receipt; `None` where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != RECEIPT_BYTES {
            return None;
        }
        let (body, signature) = bytes.split_at(BODY_BYTES);
        let wire: Wire = bytes::decode::<_, BODY_BYTES>(body)?;
        if wire.version != VERSION || wire.zero != 0 {
            return None;
        }
        Some(Self {
            body: ReceiptBody {
                agreement: Sha384(wire.agreement),
                boot: wire.boot,
                party: Sha256(wire.party),
                request: RequestId(wire.request),
                epoch: wire.epoch,
                rows: wire.rows,
                calls_left: wire.calls_left,
                rows_left: wire.rows_left,
                card: Sha384(wire.card),
                program: Sha384(wire.program),
                input: Sha384(wire.input),
                output: Sha384(wire.output),
            },
            signature: signature.try_into().ok()?,
        })
    }

    /// Whether this key signed the receipt. That the key is an enclave's, only a document of purpose
    /// receipt shows: whoever calls this has verified that document.
    pub fn verify(&self, key: &[u8; 32]) -> bool {
        UnparsedPublicKey::new(&ED25519, key).verify(&self.body.signed().0, &self.signature).is_ok()
    }
}

/// Longest file of a receipt with what shows it to be an enclave's.
pub const MAX_PROVEN: usize = RECEIPT_BYTES + 32 + MAX_DOCUMENT;

/// A receipt with all that shows it to be an enclave's: what a client keeps.
pub struct ProvenReceipt {
    receipt: Receipt,
    key: [u8; 32],
    document: Vec<u8>,
}

/// Why a receipt proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReceiptRefusal {
    /// The document is refused.
    #[error("the document beside it is refused: {0}")]
    Document(#[from] Refusal),
    /// The receipt is of another agreement.
    #[error("it is of another agreement")]
    Agreement,
    /// The key did not sign the receipt.
    #[error("its signature is wrong")]
    Signature,
}

impl ProvenReceipt {
    /// A receipt, the key of its boot, and the document of purpose receipt over that key.
    pub fn new(receipt: Receipt, key: [u8; 32], document: Vec<u8>) -> Self {
        Self { receipt, key, document }
    }

    /// The bytes that are kept.
    pub fn encode(&self) -> Vec<u8> {
        [self.receipt.encode().as_slice(), &self.key, &self.document].concat()
    }

    /// Reads what was kept; `None` where the bytes are no receipt with a document.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (receipt, rest) = bytes.split_at_checked(RECEIPT_BYTES)?;
        let (&key, document) = rest.split_first_chunk::<32>()?;
        if document.is_empty() || document.len() > MAX_DOCUMENT {
            return None;
        }
        let receipt = Receipt::decode(receipt)?;
        Some(Self { receipt, key, document: document.to_vec() })
    }

    /// What the receipt says, if an enclave of this image signed it under this agreement. The document is
    /// judged at its own time: its certificates need not hold any longer.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        root: &Root,
        expected: &Measurements,
        agreement: &Sha384,
    ) -> Result<&ReceiptBody, ReceiptRefusal> {
        let body = &self.receipt.body;
        if body.agreement != *agreement {
            return Err(ReceiptRefusal::Agreement);
        }
        let document = Document::read(&self.document)?;
        let at = document.claimed_time();
        let verified = document.verify(root, expected, at)?;
        let bound = user_data(Purpose::Receipt, agreement, &body.boot, &self.key);
        verified.bound_to(&bound.0)?;
        if self.receipt.verify(&self.key) { Ok(body) } else { Err(ReceiptRefusal::Signature) }
    }
}

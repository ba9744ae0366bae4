//! Frames: what stands in front of every message.
//!
//! ```text
//! offset  bytes  what
//! 0       2      version of the protocol, 1
//! 2       2      kind of message
//! 4       4      zero
//! 8       8      length of the body
//! ```
//! The caller reads 16 bytes, then exactly the length, and allocates nothing in between: the length
//! is checked against a cap of the kind first.

use crate::code::Code;

/// The version of the protocol.
pub const VERSION: u16 = 1;
/// Bytes of a header.
pub const HEADER: usize = 16;

/// Kinds of messages. A reply has the kind of its request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Whom am I talking to? The enclave proves what it is.
    Hello,
    /// The owner's program.
    Submit,
    /// Columns for a call of another party.
    Supply,
    /// Rows to evaluate.
    Score,
    /// The caller's own counters.
    Status,
    /// The key that signs receipts, and the document that makes it the enclave's.
    ReceiptKey,
    /// What was released to a party that reads and does not call.
    Collect,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 7] = [
        Kind::Hello,
        Kind::Submit,
        Kind::Supply,
        Kind::Score,
        Kind::Status,
        Kind::ReceiptKey,
        Kind::Collect,
    ];

    pub(crate) fn number(self) -> u16 {
        match self {
            Kind::Hello => 1,
            Kind::Submit => 2,
            Kind::Supply => 3,
            Kind::Score => 4,
            Kind::Status => 5,
            Kind::ReceiptKey => 6,
            Kind::Collect => 7,
        }
    }

    /// The kind of a number.
    pub(crate) fn of(number: u16) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// A header whose length may be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    kind: Kind,
    length: u64,
}

impl Header {
    /// A header to send.
    pub fn new(kind: Kind, length: u64) -> Self {
        Self { kind, length }
    }

    /// Reads a header. `cap` gives the longest body of a kind.
    ///
    /// # Errors
    /// [`Code::Version`], or [`Code::Malformed`] for anything else, a length over the cap too.
    pub fn parse(bytes: &[u8; HEADER], cap: impl Fn(Kind) -> u64) -> Result<Self, Code> {
        let [v0, v1, k0, k1, z0, z1, z2, z3, length @ ..] = *bytes;
        if u16::from_le_bytes([v0, v1]) != VERSION {
            return Err(Code::Version);
        }
        let kind = Kind::of(u16::from_le_bytes([k0, k1]));
        let length = u64::from_le_bytes(length);
        match kind {
            Some(kind) if [z0, z1, z2, z3] == [0; 4] && length <= cap(kind) => {
                Ok(Self { kind, length })
            }
            _ => Err(Code::Malformed),
        }
    }

    /// The bytes to send.
    pub fn encode(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..2].copy_from_slice(&VERSION.to_le_bytes());
        bytes[2..4].copy_from_slice(&self.kind.number().to_le_bytes());
        bytes[8..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// The kind of the message.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Bytes of the body.
    pub fn length(self) -> u64 {
        self.length
    }
}

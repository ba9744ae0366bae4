//! What passes between an enclave and its parent beside the relayed connections. The parent is untrusted: nothing secret
//! passes here, and nothing that it says is believed.
//!
//! | service | who connects | then |
//! |---|---|---|
//! | enclave | the parent | what a party sends, and what it is answered: the channel, which the parent can't read |
//! | agreement | the enclave, once, before anything else | the parent sends a `u32` length and the canonical form |
//! | store | the enclave | a `u32` length and a sealed record, or the head of a boot's records; the parent answers with its epoch, a `u64`, when it is stored |
//! | log | the enclave | log records, in bursts, on the agreement's quantum |
//! | kms | the enclave | a byte of length and KMS's host name, once; from there on bytes to and from that host, port 443: TLS, which the parent can't read |
//! | sign | the enclave | a `u16` length and what to sign; the parent answers with a `u16` length and the signature: see [`kms`](crate::kms) |
//! | wrapped | the enclave | the id of a party, `[32]`; the parent answers with a `u16` length and its pre-shared key as KMS wrapped it, nothing where it has none |

use crate::digest::Sha384;
use crate::frame::Kind;
use crate::layers::Head;
use crate::record::public_header;

/// A service, and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// The enclave's own, for parties.
    Enclave,
    /// The agreement of a prebuilt image.
    Agreement,
    /// Sealed records.
    Store,
    /// Log records.
    Log,
    /// Bytes to and from KMS.
    Kms,
    /// Signatures of requests to KMS.
    Sign,
    /// Pre-shared keys as KMS wrapped them.
    Wrapped,
}

impl Service {
    /// All services.
    pub const ALL: [Service; 7] = [
        Service::Enclave,
        Service::Agreement,
        Service::Store,
        Service::Log,
        Service::Kms,
        Service::Sign,
        Service::Wrapped,
    ];

    /// The vsock port.
    pub fn port(self) -> u32 {
        match self {
            Service::Enclave => 9000,
            Service::Agreement => 9001,
            Service::Store => 9002,
            Service::Log => 9003,
            Service::Kms => 9004,
            Service::Sign => 9005,
            Service::Wrapped => 9006,
        }
    }

    /// The name of its Unix socket, where there is no vsock.
    pub fn name(self) -> &'static str {
        match self {
            Service::Enclave => "enclave",
            Service::Agreement => "agreement",
            Service::Store => "store",
            Service::Log => "log",
            Service::Kms => "kms",
            Service::Sign => "sign",
            Service::Wrapped => "wrapped",
        }
    }
}

/// The address of the parent in an enclave's vsock.
pub const PARENT_CID: u32 = 3;

/// Where a sealed record belongs: the public half of its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The agreement.
    pub agreement: Sha384,
    /// The boot.
    pub boot: [u8; 32],
    /// Counts from 1 in a boot; 0 is its head.
    pub epoch: u64,
}

impl Place {
    /// Of a record or a head; `None` where the bytes are none. That they were sealed by an enclave can't be told here.
    pub fn of(stored: &[u8]) -> Option<Self> {
        if let Ok(head) = Head::read(stored) {
            let (agreement, boot) = head.of();
            return Some(Self { agreement, boot, epoch: 0 });
        }
        let (agreement, boot, epoch) = public_header(stored.try_into().ok()?)?;
        Some(Self { agreement, boot, epoch })
    }
}

/// Bytes of a log record.
pub const LOG_BYTES: usize = 32;

/// What an enclave says of its work: facts that the operator and the network see anyway. How a request ended is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Logged {
    /// Milliseconds since the boot, a multiple of the quantum.
    pub at_ms: u64,
    /// What happened in the quantum before.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The enclave serves.
    Serving,
    /// A party is connected: its position in the agreement.
    Connected {
        /// The party.
        party: u16,
    },
    /// A request was answered, in whatever way.
    Answered {
        /// The party.
        party: u16,
        /// The operation.
        kind: Kind,
        /// Rows that it said it has, which its size tells too.
        rows: u32,
    },
    /// Replies that missed their bound and left quanta later, since the boot.
    Late {
        /// How many.
        replies: u32,
    },
    /// Events that found no room before the quantum ended.
    Dropped {
        /// How many.
        events: u32,
    },
}

impl Logged {
    /// The bytes to send: time, event, party, kind, rows or a count, zeros.
    pub fn encode(self) -> [u8; LOG_BYTES] {
        let (event, party, kind, count): (u16, u16, u16, u32) = match self.event {
            Event::Serving => (1, 0, 0, 0),
            Event::Connected { party } => (2, party, 0, 0),
            Event::Answered { party, kind, rows } => (3, party, kind.number(), rows),
            Event::Late { replies } => (4, 0, 0, replies),
            Event::Dropped { events } => (5, 0, 0, events),
        };
        let mut bytes = [0; LOG_BYTES];
        bytes[..8].copy_from_slice(&self.at_ms.to_le_bytes());
        bytes[8..10].copy_from_slice(&event.to_le_bytes());
        bytes[10..12].copy_from_slice(&party.to_le_bytes());
        bytes[12..14].copy_from_slice(&kind.to_le_bytes());
        bytes[16..20].copy_from_slice(&count.to_le_bytes());
        bytes
    }

    /// Reads them; `None` where they are no record of this version.
    pub fn decode(bytes: &[u8; LOG_BYTES]) -> Option<Self> {
        let (at_ms, rest) = bytes.split_first_chunk::<8>()?;
        let (&[e0, e1, p0, p1, k0, k1, z0, z1], rest) = rest.split_first_chunk::<8>()?;
        let (&count, zeros) = rest.split_first_chunk::<4>()?;
        let (party, count) = (u16::from_le_bytes([p0, p1]), u32::from_le_bytes(count));
        let kind = Kind::of(u16::from_le_bytes([k0, k1]));
        let event = match (u16::from_le_bytes([e0, e1]), kind) {
            (1, _) => Event::Serving,
            (2, _) => Event::Connected { party },
            (3, Some(kind)) => Event::Answered { party, kind, rows: count },
            (4, _) => Event::Late { replies: count },
            (5, _) => Event::Dropped { events: count },
            _ => return None,
        };
        let logged = Self { at_ms: u64::from_le_bytes(*at_ms), event };
        // one form for one event
        let canonical = [z0, z1] == [0; 2] && zeros == [0; 12] && logged.encode() == *bytes;
        canonical.then_some(logged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_comes_back_and_nothing_else_does() {
        for event in [
            Event::Serving,
            Event::Connected { party: 63 },
            Event::Answered { party: 1, kind: Kind::Score, rows: u32::MAX },
            Event::Late { replies: 7 },
            Event::Dropped { events: 1 },
        ] {
            let logged = Logged { at_ms: 1 << 40, event };
            let bytes = logged.encode();
            assert_eq!(Logged::decode(&bytes), Some(logged));
            for place in 14..16 {
                let mut other = bytes;
                other[place] = 1;
                assert_eq!(Logged::decode(&other), None, "{event:?}");
            }
            let mut other = bytes;
            other[LOG_BYTES - 1] = 1;
            assert_eq!(Logged::decode(&other), None, "{event:?}");
        }
        assert_eq!(Logged::decode(&[0; LOG_BYTES]), None);
        assert_eq!(Logged::decode(&[9; LOG_BYTES]), None);
    }
}

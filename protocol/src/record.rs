//! Sealed records: what an enclave stores before it releases anything. See `SPEC.md`, section 7.
//!
//! ```text
//! offset  bytes  what
//! 0       8      magic "TAURECD\n"
//! 8       4      version, 1
//! 12      4      zero
//! 16      48     digest of the agreement
//! 64      32     boot id
//! 96      8      epoch: 1 for a boot's first record, then one more each
//! 104     48     digest of the record before; for the first of the head (`layers`), or zeros where a boot has none
//! 152     344    content, sealed
//! 496     16     tag
//! ```
//! AES-256-GCM under the boot's state key; the first 152 bytes are authenticated with it. Every
//! record has this size, also one that says that nothing happened.

use crate::bytes;
use crate::digest::{Domain, Sha384, tagged};
use crate::message::{Counters, RequestId};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bincode::{Decode, Encode};
use engine::Secret;

/// Bytes of a sealed record.
pub const RECORD_BYTES: usize = 512;

const MAGIC: [u8; 8] = *b"TAURECD\n";
const VERSION: u32 = 1;
const HEADER: usize = 152;
const TAG: usize = 16;
const CONTENT: usize = RECORD_BYTES - HEADER - TAG;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Nothing: a request was refused, or asked again.
    Nothing,
    /// A program was taken.
    Submit,
    /// Columns were taken.
    Supply,
    /// Rows were charged.
    Score,
}

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// Position of the party.
    pub party: u16,
    /// The request.
    pub request: RequestId,
    /// Keyed hash of its content.
    pub content: Sha384,
    /// The commitment to the program.
    pub program: Sha384,
    /// Rows.
    pub rows: u32,
    /// What is left to the party.
    pub counters: Counters,
}

impl Record {
    /// The record of a request that changed nothing.
    pub const NOTHING: Record = Record {
        event: Event::Nothing,
        party: 0,
        request: RequestId([0; 16]),
        content: Sha384([0; 48]),
        program: Sha384([0; 48]),
        rows: 0,
        counters: Counters {
            submit_calls: 0,
            supply_calls: 0,
            score_calls: 0,
            phase: 0,
            supply_rows: 0,
            score_rows: 0,
        },
    };
}

#[derive(Encode, Decode)]
struct Wire {
    event: u8,
    zero: u8,
    party: u16,
    rows: u32,
    request: [u8; 16],
    content: [u8; 48],
    program: [u8; 48],
    counters: Counters,
}

const EVENTS: [Event; 4] = [Event::Nothing, Event::Submit, Event::Supply, Event::Score];

/// Seals the records of one boot, each epoch once.
pub struct Sealer {
    key: LessSafeKey,
    agreement: Sha384,
    boot: [u8; 32],
    epoch: u64,
    previous: Sha384,
}

impl Sealer {
    /// A sealer with a fresh random key of this boot.
    ///
    /// `head` is the digest of the boot's head, or zeros where it has none.
    pub fn new(
        key: &Secret<[u8; 32]>,
        agreement: Sha384,
        boot: [u8; 32],
        head: Sha384,
    ) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).ok()?);
        Some(Self { key, agreement, boot, epoch: 0, previous: head })
    }

    /// Seals the next record; `None` if the cipher fails, which it does for no input of this size.
    pub fn seal(&mut self, record: &Record) -> Option<[u8; RECORD_BYTES]> {
        // The nonce is the epoch, and the key lives for one boot: no nonce comes twice, since an
        // epoch is counted up before it is used and never taken back.
        self.epoch = self.epoch.checked_add(1)?;
        let header = self.header();
        let wire = Wire {
            event: record.event as u8,
            zero: 0,
            party: record.party,
            rows: record.rows,
            request: record.request.0,
            content: record.content.0,
            program: record.program.0,
            counters: record.counters,
        };
        let mut content = bytes::encode::<_, CONTENT>(&wire)?;
        content.resize(CONTENT, 0);
        self.key
            .seal_in_place_append_tag(nonce(self.epoch), Aad::from(header), &mut content)
            .ok()?;
        let mut sealed = [0; RECORD_BYTES];
        sealed[..HEADER].copy_from_slice(&header);
        sealed[HEADER..].copy_from_slice(&content);
        self.previous = tagged(Domain::Record, &[&sealed]);
        Some(sealed)
    }

    /// The epoch of the last record.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..64].copy_from_slice(&self.agreement.0);
        header[64..96].copy_from_slice(&self.boot);
        header[96..104].copy_from_slice(&self.epoch.to_le_bytes());
        header[104..].copy_from_slice(&self.previous.0);
        header
    }
}

/// The public part of a record's header: agreement, boot, epoch. `None` where it is no record.
pub(crate) fn public_header(record: &[u8; RECORD_BYTES]) -> Option<(Sha384, [u8; 32], u64)> {
    let (magic, rest) = record.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (zero, rest) = rest.split_first_chunk::<4>()?;
    let (agreement, rest) = rest.split_first_chunk::<48>()?;
    let (boot, rest) = rest.split_first_chunk::<32>()?;
    let epoch = rest.first_chunk::<8>()?;
    let known = *magic == MAGIC && *version == VERSION.to_le_bytes() && *zero == [0; 4];
    known.then_some((Sha384(*agreement), *boot, u64::from_le_bytes(*epoch)))
}

/// Why a record is not the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordRefused {
    /// It is cut, or longer, or of another version.
    #[error("these bytes are no record: are they whole, and of this version?")]
    Form,
    /// It is another agreement's.
    #[error("the record is of another agreement")]
    Agreement,
    /// It is another boot's.
    #[error("the record is of another boot")]
    Boot,
    /// It is not the one that follows.
    #[error("the record's epoch does not follow the one before")]
    Epoch,
    /// It follows another record than the one before.
    #[error("the record follows another one than that before it")]
    Previous,
    /// It was changed, or another key sealed it.
    #[error("the record was changed, or sealed under another key")]
    Sealed,
    /// What was sealed is no record. Only a broken enclave writes one.
    #[error("what is sealed is no record")]
    Content,
}

/// Opens the records of one boot, in order, from the first: any other record is refused.
pub struct Opener(Sealer);

impl Opener {
    /// An opener for the records of a boot.
    pub fn new(
        key: &Secret<[u8; 32]>,
        agreement: Sha384,
        boot: [u8; 32],
        head: Sha384,
    ) -> Option<Self> {
        Sealer::new(key, agreement, boot, head).map(Self)
    }

    /// Opens the next record.
    ///
    /// # Errors
    /// [`RecordRefused`] tells why it is not that one. Then the same record is still the next.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Record, RecordRefused> {
        let Opener(state) = self;
        let sealed: &[u8; RECORD_BYTES] = sealed.try_into().map_err(|_| RecordRefused::Form)?;
        let (agreement, boot, epoch) = public_header(sealed).ok_or(RecordRefused::Form)?;
        if agreement != state.agreement {
            return Err(RecordRefused::Agreement);
        }
        if boot != state.boot {
            return Err(RecordRefused::Boot);
        }
        if Some(epoch) != state.epoch.checked_add(1) {
            return Err(RecordRefused::Epoch);
        }
        let (header, content) = sealed.split_first_chunk::<HEADER>().ok_or(RecordRefused::Form)?;
        let mut next = state.header();
        next[96..104].copy_from_slice(&epoch.to_le_bytes());
        if *header != next {
            return Err(RecordRefused::Previous);
        }
        let mut content = content.to_vec();
        let content = state
            .key
            .open_in_place(nonce(epoch), Aad::from(next), &mut content)
            .map_err(|_| RecordRefused::Sealed)?;
        let record = Self::content(content).ok_or(RecordRefused::Content)?;
        state.epoch = epoch;
        state.previous = tagged(Domain::Record, &[sealed]);
        Ok(record)
    }

    fn content(content: &[u8]) -> Option<Record> {
        let wire_bytes = content.get(..WIRE)?;
        if content.get(WIRE..)?.iter().any(|&byte| byte != 0) {
            return None;
        }
        let wire: Wire = bytes::decode::<_, CONTENT>(wire_bytes)?;
        Some(Record {
            event: *EVENTS.get(usize::from(wire.event))?,
            party: wire.party,
            request: RequestId(wire.request),
            content: Sha384(wire.content),
            program: Sha384(wire.program),
            rows: wire.rows,
            counters: wire.counters,
        })
    }
}

/// Bytes of `Wire`.
const WIRE: usize = 8 + 16 + 48 + 48 + 32;

fn nonce(epoch: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&epoch.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

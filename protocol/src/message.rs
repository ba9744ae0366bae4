//! Messages: a fixed head through `bytes`, then raw planes of secrets. See `SPEC.md`, section 5.
//!
//! A parsed request is alleged: its lengths agree with its own words, and nothing else is known of
//! it. Secret content is never looked at here.

use crate::bytes;
use crate::code::Code;
use crate::commitment::SALT_BYTES;
use crate::digest::Sha384;
use crate::frame::Kind;
use crate::receipt::{RECEIPT_BYTES, Receipt};
use bincode::{Decode, Encode};
use engine::Secret;

/// What a client calls a request; it chooses 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(pub [u8; 16]);

/// What suppliers and caller call a set of rows; all zeros where the caller brings every column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BatchId(pub [u8; 16]);

/// A request as it came.
pub struct RawRequest {
    /// Its id.
    pub id: RequestId,
    /// What it asks for.
    pub operation: RawOperation,
}

/// What a request asks for.
pub enum RawOperation {
    /// Take this program.
    Submit {
        /// Of the commitment to it.
        salt: [u8; SALT_BYTES],
        /// Program bytes.
        program: Content,
    },
    /// Take these columns.
    Supply(RawRows),
    /// Evaluate these rows.
    Score(RawRows),
    /// Tell the caller's own counters.
    Status,
    /// Give what was released last to the caller as a reader.
    Collect,
}

/// Rows as they came.
pub struct RawRows {
    /// Of the commitment to them.
    pub salt: [u8; SALT_BYTES],
    /// The set of rows that they belong to.
    pub batch: BatchId,
    /// How many.
    pub rows: u32,
    /// Values, row by row, little-endian, in the order of the sender's columns.
    pub values: Content,
}

/// A message's secret content: the bytes behind its head, without a copy.
pub struct Content {
    body: Secret<Vec<u8>>,
    start: usize,
}

impl Content {
    /// Content that is not part of a message.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { body: Secret::new(bytes), start: 0 }
    }

    /// Rows of so many bytes, with room in front for the head of their message, so that a client copies them once.
    pub fn rows(bytes: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut body = Secret::new(vec![0; ROWS_HEAD + bytes]);
        fill(body.expose_mut().get_mut(ROWS_HEAD..).unwrap_or_default());
        Self { body, start: ROWS_HEAD }
    }

    /// The bytes, for code whose trace does not depend on them.
    pub fn expose(&self) -> &[u8] {
        self.body.expose().get(self.start..).unwrap_or_default()
    }
}

#[derive(Encode, Decode)]
struct SubmitHead {
    id: [u8; 16],
    salt: [u8; SALT_BYTES],
}

#[derive(Encode, Decode)]
struct RowsHead {
    id: [u8; 16],
    salt: [u8; SALT_BYTES],
    batch: [u8; 16],
    rows: u32,
    zero: u32,
}

/// Bytes of the head of a submission.
pub const SUBMIT_HEAD: usize = 16 + SALT_BYTES;
/// Bytes of the head of rows.
pub const ROWS_HEAD: usize = SUBMIT_HEAD + 24;
/// Bytes of a request for status.
pub const STATUS_BODY: usize = 16;

impl RawRequest {
    /// Parses the body of a frame. The body is wiped when the request is dropped.
    ///
    /// # Errors
    /// [`Code::Malformed`].
    pub fn parse(kind: Kind, body: Vec<u8>) -> Result<Self, Code> {
        let body = Secret::new(body);
        let head = |length: usize| body.expose().get(..length).ok_or(Code::Malformed);
        match kind {
            Kind::Submit => {
                let head: SubmitHead =
                    bytes::decode::<_, SUBMIT_HEAD>(head(SUBMIT_HEAD)?).ok_or(Code::Malformed)?;
                let program = Content { body, start: SUBMIT_HEAD };
                let operation = RawOperation::Submit { salt: head.salt, program };
                Ok(Self { id: RequestId(head.id), operation })
            }
            Kind::Supply | Kind::Score => {
                let head: RowsHead =
                    bytes::decode::<_, ROWS_HEAD>(head(ROWS_HEAD)?).ok_or(Code::Malformed)?;
                if head.zero != 0 {
                    return Err(Code::Malformed);
                }
                let rows = RawRows {
                    salt: head.salt,
                    batch: BatchId(head.batch),
                    rows: head.rows,
                    values: Content { body, start: ROWS_HEAD },
                };
                let operation = match kind {
                    Kind::Supply => RawOperation::Supply(rows),
                    _ => RawOperation::Score(rows),
                };
                Ok(Self { id: RequestId(head.id), operation })
            }
            Kind::Status | Kind::Collect => {
                let id = body.expose().as_slice().try_into().map_err(|_| Code::Malformed)?;
                let operation = match kind {
                    Kind::Status => RawOperation::Status,
                    _ => RawOperation::Collect,
                };
                Ok(Self { id: RequestId(id), operation })
            }
            // answered beside requests: no state, no budget
            Kind::Hello | Kind::ReceiptKey => Err(Code::Malformed),
        }
    }

    /// The body of a frame. Rows that were made by [`Content::rows`] stay where they are; other content is copied.
    pub fn into_body(mut self) -> Secret<Vec<u8>> {
        if let RawOperation::Supply(rows) | RawOperation::Score(rows) = &mut self.operation
            && rows.values.start == ROWS_HEAD
        {
            let (RequestId(id), BatchId(batch)) = (self.id, rows.batch);
            let head = RowsHead { id, salt: rows.salt, batch, rows: rows.rows, zero: 0 };
            // the head is fixed and fits its limit
            let head = bytes::encode::<_, ROWS_HEAD>(&head).unwrap_or_default();
            let mut body = std::mem::replace(&mut rows.values.body, Secret::new(Vec::new()));
            let places = body.expose_mut().iter_mut();
            places.zip(head).for_each(|(place, byte)| *place = byte);
            return body;
        }
        Secret::new(self.encode())
    }

    /// The body of a frame. For clients: the content is copied.
    pub fn encode(&self) -> Vec<u8> {
        let RequestId(id) = self.id;
        let (head, content) = match &self.operation {
            RawOperation::Submit { salt, program } => {
                let head = SubmitHead { id, salt: *salt };
                (bytes::encode::<_, SUBMIT_HEAD>(&head), program.expose())
            }
            RawOperation::Supply(rows) | RawOperation::Score(rows) => {
                let BatchId(batch) = rows.batch;
                let head = RowsHead { id, salt: rows.salt, batch, rows: rows.rows, zero: 0 };
                (bytes::encode::<_, ROWS_HEAD>(&head), rows.values.expose())
            }
            RawOperation::Status | RawOperation::Collect => (Some(id.to_vec()), [].as_slice()),
        };
        // the heads are fixed and fit their limits
        let mut body = head.unwrap_or_default();
        body.extend_from_slice(content);
        body
    }
}

/// Counters of the calling party.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode)]
pub struct Counters {
    /// Submissions left.
    pub submit_calls: u32,
    /// Supplies left.
    pub supply_calls: u32,
    /// Evaluations left.
    pub score_calls: u32,
    /// 0: no program. 1: a program. 2: a program that is frozen.
    pub phase: u32,
    /// Rows left to supply.
    pub supply_rows: u64,
    /// Rows left to score.
    pub score_rows: u64,
}

#[derive(Encode, Decode)]
struct ReplyHead {
    id: [u8; 16],
    code: u16,
    zero: u16,
    rows: u32,
    counters: Counters,
    agreement: [u8; 48],
    boot: [u8; 32],
}

/// Bytes of the head of a reply.
pub const REPLY_HEAD: usize = 16 + 8 + 32 + 48 + 32;

/// A reply, as the client reads it.
pub struct Reply {
    /// The request's id.
    pub id: RequestId,
    /// How it ended.
    pub code: Code,
    /// Rows that it holds outputs of.
    pub rows: u32,
    /// What is left to the caller.
    pub counters: Counters,
    /// The agreement that the enclave serves.
    pub agreement: Sha384,
    /// The boot that answered.
    pub boot: [u8; 32],
    /// The receipt: zeros where nothing was released.
    pub receipt: Option<Receipt>,
    /// Outputs, 8 bytes each, padded with zeros to the size of the operation.
    pub outputs: Content,
}

impl Reply {
    /// The body of a frame, padded to `outputs` bytes of outputs.
    pub fn encode(&self, outputs: usize) -> Vec<u8> {
        let head = ReplyHead {
            id: self.id.0,
            code: self.code.number(),
            zero: 0,
            rows: self.rows,
            counters: self.counters,
            agreement: self.agreement.0,
            boot: self.boot,
        };
        let mut body = Vec::with_capacity(REPLY_HEAD + RECEIPT_BYTES + outputs);
        // the head is fixed and fits its limit
        body.extend(bytes::encode::<_, REPLY_HEAD>(&head).unwrap_or_default());
        match &self.receipt {
            Some(receipt) => body.extend(receipt.encode()),
            None => body.resize(REPLY_HEAD + RECEIPT_BYTES, 0),
        }
        let values = self.outputs.expose();
        body.extend_from_slice(values.get(..outputs).unwrap_or(values));
        body.resize(REPLY_HEAD + RECEIPT_BYTES + outputs, 0);
        body
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// [`Code::Malformed`].
    pub fn parse(body: Vec<u8>) -> Result<Self, Code> {
        let body = Secret::new(body);
        let fixed = REPLY_HEAD + RECEIPT_BYTES;
        let bytes = body.expose().get(..fixed).ok_or(Code::Malformed)?;
        let (head, receipt) = bytes.split_at(REPLY_HEAD);
        let head: ReplyHead = bytes::decode::<_, REPLY_HEAD>(head).ok_or(Code::Malformed)?;
        if head.zero != 0 {
            return Err(Code::Malformed);
        }
        let receipt = match receipt.iter().all(|&byte| byte == 0) {
            true => None,
            false => Some(Receipt::decode(receipt).ok_or(Code::Malformed)?),
        };
        Ok(Self {
            id: RequestId(head.id),
            code: Code::from_number(head.code).ok_or(Code::Malformed)?,
            rows: head.rows,
            counters: head.counters,
            agreement: Sha384(head.agreement),
            boot: head.boot,
            receipt,
            outputs: Content { body, start: fixed },
        })
    }
}

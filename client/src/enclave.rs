//! A party's conversation with an enclave of its agreement.
//!
//! It begins with a [`Channel`], which exists only after the enclave's document was verified. Requests get an id and a
//! salt of their own here; what the party must keep to prove things later comes back with the answer.

use channel::{Channel, ChannelError, Socket};
use engine::Secret;
use protocol::agreement::{Agreement, Digits, Form, Release, Whom};
use protocol::document::{MAX_DOCUMENT, NONCE_BYTES};
use protocol::frame::Kind;
use protocol::message::{
    BatchId, Content, Counters, REPLY_HEAD, ROWS_HEAD, RawOperation, RawRequest, RawRows, Reply,
    RequestId,
};
use protocol::receipt::{ProvenReceipt, RECEIPT_BYTES};
use protocol::{Code, SALT_BYTES, Sha384, commitment, input_commitment, output_digest};
use std::time::{Duration, Instant};

use crate::data::Values;

/// A conversation with an attested enclave.
pub struct Session<S: Socket> {
    channel: Channel<S>,
    agreement: Sha384,
    /// Outputs of a row.
    outputs: usize,
    /// What whoever calls gets, if anything.
    called: Option<Release>,
    /// What this party collects, if anything.
    collected: Option<Release>,
    /// Longest reply.
    longest: u64,
    proof: ([u8; 32], Vec<u8>),
    patience: Duration,
}

/// Why a request failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SessionError {
    /// The channel failed.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The enclave refused.
    #[error("{0}")]
    Refused(Code),
    /// What came is no answer to the request.
    #[error("the answer does not fit the request ({0}): do not rely on this enclave")]
    Answer(&'static str),
    /// This machine has no random bytes.
    #[error("this machine gave no random bytes: try again")]
    Entropy,
}

/// A program that is about to be sent: what is to be kept of it is known before it is.
pub struct Submission {
    salt: [u8; SALT_BYTES],
    commitment: Sha384,
    program: Content,
}

impl Submission {
    /// Of the commitment to the program; to keep, for whoever must show which program it was.
    pub fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    /// The commitment, which receipts name.
    pub fn commitment(&self) -> Sha384 {
        self.commitment
    }
}

/// A call with its id: whoever does not know whether it was answered asks the same one again.
pub struct Call {
    id: RequestId,
    salt: [u8; SALT_BYTES],
    rows: u32,
    body: Secret<Vec<u8>>,
}

/// Rows that were scored.
pub struct Scored {
    /// The outputs, row by row.
    pub outputs: Vec<f64>,
    /// Of the commitment to the rows; to keep.
    pub salt: [u8; SALT_BYTES],
    /// The commitment, which the receipt names.
    pub commitment: Sha384,
    /// The receipt, with what shows it to be an enclave's; none where the answer is for others.
    pub receipt: Option<ProvenReceipt>,
    /// What is left to the party.
    pub left: Counters,
}

/// What a reader collected.
pub struct Collected {
    /// The outputs, row by row; of an aggregate those that stand once.
    pub outputs: Vec<f64>,
    /// The receipt, with what shows it to be an enclave's.
    pub receipt: Option<ProvenReceipt>,
}

impl<S: Socket> Session<S> {
    /// Begins as a party, and asks for the key that receipts will be signed with. `patience` is for one answer.
    ///
    /// # Errors
    /// Where the channel breaks.
    pub fn new(
        mut channel: Channel<S>,
        agreement: &Agreement,
        party: u16,
        patience: Duration,
    ) -> Result<Self, SessionError> {
        channel.set_deadline(Instant::now() + patience);
        let terms = agreement.terms();
        let outputs = terms.output.count as usize;
        let values = u64::from(terms.input.rows_per_call) * u64::from(terms.output.count);
        let nonce: [u8; NONCE_BYTES] = random()?;
        let to = |whom| terms.releases.iter().copied().find(|release| release.to == whom);
        channel.send(Kind::ReceiptKey, &nonce)?;
        let (kind, body) = channel.receive(|kind| match kind {
            Kind::ReceiptKey => (32 + MAX_DOCUMENT) as u64,
            _ => 0,
        })?;
        let (Kind::ReceiptKey, Some((key, document))) = (kind, body.split_first_chunk::<32>())
        else {
            return Err(SessionError::Answer("no receipt key"));
        };
        Ok(Self {
            channel,
            agreement: agreement.digest(),
            outputs,
            called: to(Whom::Caller),
            collected: to(Whom::Party(party)),
            longest: (REPLY_HEAD + RECEIPT_BYTES) as u64 + 8 * values,
            proof: (*key, document.to_vec()),
            patience,
        })
    }

    /// The boot that answers.
    pub fn boot(&self) -> [u8; 32] {
        self.channel.boot()
    }

    /// A program to submit, with a salt of its own.
    ///
    /// # Errors
    /// Where this machine has no random bytes.
    pub fn submission(&self, program: &[u8]) -> Result<Submission, SessionError> {
        let salt = random()?;
        let commitment = commitment(&salt, program);
        Ok(Submission { salt, commitment, program: Content::new(program.to_vec()) })
    }

    /// Submits a program; gives what is left to the party.
    ///
    /// # Errors
    /// Where it is refused, or the channel breaks.
    pub fn submit(&mut self, submission: Submission) -> Result<Counters, SessionError> {
        let Submission { salt, program, .. } = submission;
        Ok(self.ask(Kind::Submit, RawOperation::Submit { salt, program })?.counters)
    }

    /// Scores rows. A call that was asked before is answered as then, and not charged again.
    ///
    /// # Errors
    /// Where they are refused, or the channel breaks.
    pub fn score(&mut self, call: &Call) -> Result<Scored, SessionError> {
        let Call { id, salt, rows: asked, body } = call;
        self.send(Kind::Score, body.expose())?;
        // while the enclave is at work
        let values = body.expose().get(ROWS_HEAD..).unwrap_or_default();
        let commitment = input_commitment(salt, *asked, values);
        let reply = self.answer(Kind::Score, *id)?;
        if reply.receipt.is_some_and(|receipt| receipt.body.input != commitment) {
            return Err(SessionError::Answer("other rows"));
        }
        // whoever calls for others gets no answer, and no receipt of one
        let expected = if self.called.is_some() { *asked } else { 0 };
        if reply.rows != expected || reply.receipt.is_some() != self.called.is_some() {
            return Err(SessionError::Answer("other rows, or no receipt"));
        }
        let (outputs, receipt) = self.released(&reply, self.called)?;
        Ok(Scored { outputs, salt: *salt, commitment, receipt, left: reply.counters })
    }

    /// What was released last to this party by a call of another.
    ///
    /// # Errors
    /// Where nothing was, or the channel breaks.
    pub fn collect(&mut self) -> Result<Collected, SessionError> {
        let reply = self.ask(Kind::Collect, RawOperation::Collect)?;
        if reply.receipt.is_none() {
            return Err(SessionError::Answer("no receipt"));
        }
        let (outputs, receipt) = self.released(&reply, self.collected)?;
        Ok(Collected { outputs, receipt })
    }

    /// The outputs of a reply, and the receipt that shows them to be an enclave's.
    fn released(
        &self,
        reply: &Reply,
        release: Option<Release>,
    ) -> Result<(Vec<f64>, Option<ProvenReceipt>), SessionError> {
        let (Some(receipt), Some(release)) = (reply.receipt, release) else {
            return Ok((Vec::new(), None));
        };
        let times = if release.form == Form::Rows { reply.rows as usize } else { 1 };
        // Declassified: the outputs are what the party asked for, on its own machine.
        let released = reply.outputs.expose().get(..8 * times * self.outputs);
        let released = released.ok_or(SessionError::Answer("fewer outputs"))?;
        if receipt.body.output != output_digest(reply.rows, released) {
            return Err(SessionError::Answer("other outputs than the receipt's"));
        }
        let (words, _) = released.as_chunks::<8>();
        let outputs: Vec<f64> = words
            .iter()
            .map(|&word| match release.digits {
                Digits::Full => f64::from_le_bytes(word),
                // a whole number of the last decimal, of which an agreement has 15 at most
                Digits::Decimals(decimals) => {
                    i64::from_le_bytes(word) as f64 / 10f64.powi(i32::from(decimals))
                }
            })
            .collect();
        let (key, document) = self.proof.clone();
        Ok((outputs, Some(ProvenReceipt::new(receipt, key, document))))
    }

    /// Brings the party's columns of a batch, for a call of another party; gives what is left to it.
    ///
    /// # Errors
    /// Where they are refused, or the channel breaks.
    pub fn supply(&mut self, call: &Call) -> Result<Counters, SessionError> {
        self.send(Kind::Supply, call.body.expose())?;
        Ok(self.answer(Kind::Supply, call.id)?.counters)
    }

    /// What is left to the party.
    ///
    /// # Errors
    /// Where the channel breaks.
    pub fn status(&mut self) -> Result<Counters, SessionError> {
        Ok(self.ask(Kind::Status, RawOperation::Status)?.counters)
    }

    /// Ends the conversation.
    pub fn close(self) {
        self.channel.close();
    }

    fn ask(&mut self, kind: Kind, operation: RawOperation) -> Result<Reply, SessionError> {
        let id = RequestId(random()?);
        let request = RawRequest { id, operation };
        self.send(kind, request.into_body().expose())?;
        self.answer(kind, id)
    }

    fn send(&mut self, kind: Kind, body: &[u8]) -> Result<(), SessionError> {
        self.channel.set_deadline(Instant::now() + self.patience);
        Ok(self.channel.send(kind, body)?)
    }

    fn answer(&mut self, kind: Kind, id: RequestId) -> Result<Reply, SessionError> {
        let longest = self.longest;
        let (answered, body) = self.channel.receive(|_| longest)?;
        let reply = Reply::parse(body).map_err(|_| SessionError::Answer("no reply"))?;
        if answered != kind || reply.id != id {
            return Err(SessionError::Answer("another request"));
        }
        if reply.agreement != self.agreement || reply.boot != self.channel.boot() {
            return Err(SessionError::Answer("another agreement or boot"));
        }
        match reply.code {
            Code::Done => Ok(reply),
            code => Err(SessionError::Refused(code)),
        }
    }
}

impl Call {
    /// Rows of which the party brings the columns that the agreement has from whoever calls. `batch` names the columns that
    /// others bring, or is `None` where nobody else does.
    ///
    /// # Errors
    /// Where this machine has no random bytes.
    pub fn new(rows: u32, values: &Values, batch: Option<BatchId>) -> Result<Self, SessionError> {
        Self::of(rows, values, batch, RawOperation::Score)
    }

    /// Columns that the party brings for calls of others.
    ///
    /// # Errors
    /// Where this machine has no random bytes.
    pub fn supplying(rows: u32, values: &Values, batch: BatchId) -> Result<Self, SessionError> {
        Self::of(rows, values, Some(batch), RawOperation::Supply)
    }

    fn of(
        rows: u32,
        values: &Values,
        batch: Option<BatchId>,
        operation: fn(RawRows) -> RawOperation,
    ) -> Result<Self, SessionError> {
        fn fill<const N: usize, T: Copy>(bytes: &mut [u8], values: &[T], word: fn(T) -> [u8; N]) {
            let (places, _) = bytes.as_chunks_mut::<N>();
            places.iter_mut().zip(values).for_each(|(place, &value)| *place = word(value));
        }
        let content = match values {
            Values::F32(values) => {
                Content::rows(4 * values.len(), |bytes| fill(bytes, values, f32::to_le_bytes))
            }
            Values::F64(values) => {
                Content::rows(8 * values.len(), |bytes| fill(bytes, values, f64::to_le_bytes))
            }
        };
        let (id, salt) = (RequestId(random()?), random()?);
        let batch = batch.unwrap_or(BatchId([0; 16]));
        let operation = operation(RawRows { salt, batch, rows, values: content });
        Ok(Self { id, salt, rows, body: RawRequest { id, operation }.into_body() })
    }
}

/// Random bytes of this machine.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SessionError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SessionError::Entropy)?;
    Ok(bytes)
}

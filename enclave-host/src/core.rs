//! The core: requests in, replies out, and between them charge, seal, store, and only then release.
//!
//! ```text
//! RawRequest --admit--> Spent --evaluate--> Evaluated --release--> Response
//! ```
//! `admit` charges, seals and stores. It gives a `Spent` for every request that asks for an
//! evaluation, refused or not: a refused one does the same work on rows of zeros, writes a record of
//! the same size, and gets a reply of the same size. Each arrow consumes. No socket, no clock of its
//! own: whoever calls brings the party that TLS proved, and the time.
//!
//! `submit` is for programs, `calls` for rows, `rows` for what they must be; [`evaluation`](crate::evaluation) is what
//! happens outside of whatever guards the core.

mod calls;
mod rows;
mod submit;

use crate::boot::Boot;
use crate::evaluation::{Mail, Response, Spent, score_outputs};
use crate::ledger::{Entry, Known, Ledger};
use crate::pace::Trial;
use crate::phase::Phase;
use crate::world::Store;
use protocol::agreement::{Agreement, Whom};
use protocol::frame::Kind;
use protocol::layers::Head;
use protocol::message::{Content, Counters, RawOperation, RawRequest, Reply, RequestId};
use protocol::record::{Event, RECORD_BYTES, Record, Sealer};
use protocol::{Code, Sha384};
use rows::Batch;
use std::sync::{Arc, PoisonError};

/// Why an agreement cannot be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The limits do not hold the ledger.
    #[error(
        "the record of every agreed call does not fit limits.memory_mib: raise it, or agree on fewer calls"
    )]
    Memory,
    /// The cipher failed.
    #[error("the cipher failed: start the enclave again")]
    Cipher,
    /// The head of the records is not stored.
    #[error("the store did not take the head of the records: look at the parent's log")]
    Store,
}

/// State of one enclave, from boot to end.
pub struct Core<S> {
    agreement: Arc<Agreement>,
    boot: Arc<Boot>,
    store: S,
    sealer: Sealer,
    /// A record that was sealed and not acknowledged. It is put again before any other, since its
    /// epoch can never be sealed again.
    unstored: Option<(u64, [u8; RECORD_BYTES])>,
    ledger: Ledger,
    phase: Phase,
    /// The columns that each party supplied last.
    batches: Vec<Option<Batch>>,
    /// What waits for parties that read and do not call.
    mail: Mail,
    /// Whether a program is fast enough for the agreed bound.
    trial: Box<dyn Trial>,
}

/// What follows a request.
pub enum Next {
    /// This reply.
    Reply(Response),
    /// An evaluation, outside of whatever guards the core.
    Evaluate(Box<Spent>),
}

impl<S: Store> Core<S> {
    /// A core at the start of a boot. `head` is the head of its records, if it has one. `trial` judges how long a program takes.
    ///
    /// # Errors
    /// Where this host cannot serve the agreement.
    pub fn new(
        agreement: Arc<Agreement>,
        boot: Arc<Boot>,
        mut store: S,
        head: Option<&[u8]>,
        trial: impl Trial + 'static,
    ) -> Result<Self, StartError> {
        let terms = agreement.terms();
        let memory = u64::from(terms.limits.memory_mib) << 20;
        let used = u64::from(terms.limits.program_mib) << 20;
        let ledger =
            Ledger::new(&agreement, memory.saturating_sub(used)).ok_or(StartError::Memory)?;
        let first = head.map_or(Sha384([0; 48]), Head::digest);
        let sealer = boot.sealer(agreement.digest(), first).ok_or(StartError::Cipher)?;
        if let Some(head) = head {
            // without it no record could ever be opened
            store.put(0, head).map_err(|_| StartError::Store)?;
        }
        let batches = terms.parties.iter().map(|_| None).collect();
        let mail = Mail::new(terms.parties.iter().map(|_| None).collect::<Vec<_>>().into());
        Ok(Self {
            agreement,
            boot,
            store,
            sealer,
            unstored: None,
            ledger,
            phase: Phase::Empty,
            batches,
            mail,
            trial: Box::new(trial),
        })
    }

    /// Serves one request of the party that TLS proved. `now` is the trusted time, if there is one.
    pub fn handle(&mut self, party: u16, request: RawRequest, now: Option<u64>) -> Next {
        let id = request.id;
        let (kind, answer) = match request.operation {
            RawOperation::Score(rows) => {
                return Next::Evaluate(Box::new(self.admit(party, id, rows, now)));
            }
            RawOperation::Submit { salt, program } => {
                (Kind::Submit, self.submit(party, id, &salt, program.expose(), now))
            }
            RawOperation::Supply(rows) => (Kind::Supply, self.supply(party, id, rows, now)),
            RawOperation::Status => (Kind::Status, Ok(self.counters(party))),
            RawOperation::Collect => return Next::Reply(self.collect(party, id)),
        };
        Next::Reply(match answer {
            Ok(counters) => self.reply(kind, id, Code::Done, counters),
            Err(code) => self.reply(kind, id, code, self.counters(party)),
        })
    }

    /// The reply to what is no request: the size of its kind, and nothing charged.
    pub fn refuse(&self, party: u16, kind: Kind, code: Code) -> Response {
        self.reply(kind, RequestId([0; 16]), code, self.counters(party))
    }

    /// What is the same for every charged request: known again, role, phase, window.
    fn judge(
        &self,
        party: u16,
        id: RequestId,
        content: &Sha384,
        kind: Kind,
        now: Option<u64>,
    ) -> Result<Option<Entry>, Code> {
        let terms = self.agreement.terms();
        let who = terms.parties.get(usize::from(party)).ok_or(Code::NotAllowed)?;
        let budget = match kind {
            Kind::Submit => who.submit_calls,
            Kind::Supply => who.supply.calls,
            Kind::Score => who.score.calls,
            Kind::Hello | Kind::Status | Kind::ReceiptKey | Kind::Collect => 0,
        };
        if budget == 0 {
            return Err(Code::NotAllowed);
        }
        match self.ledger.known(party, id, content) {
            Known::Again(entry) => return Ok(Some(entry)),
            Known::Other => return Err(Code::Reused),
            Known::New => {}
        }
        self.phase.takes(kind)?;
        let open = |now: u64| who.window.from <= now && now < who.window.until;
        let always = (who.window.from, who.window.until) == (0, u64::MAX);
        if always || now.is_some_and(open) { Ok(None) } else { Err(Code::Window) }
    }

    fn record(
        &self,
        event: Event,
        party: u16,
        request: RequestId,
        content: Sha384,
        rows: u32,
        counters: Counters,
    ) -> Record {
        let program = self.phase.loaded().map_or(Sha384([0; 48]), |loaded| loaded.commitment);
        Record { event, party, request, content, program, rows, counters }
    }

    /// Seals a record and puts it away, after one that is still owed. The epoch, and whether the
    /// word came that all of it is stored.
    fn seal_and_store(&mut self, record: &Record) -> Result<(u64, Result<(), Code>), Code> {
        if let Some((epoch, owed)) = &self.unstored {
            self.store.put(*epoch, owed).map_err(|_| Code::Store)?;
            self.unstored = None;
        }
        let sealed = self.sealer.seal(record).ok_or(Code::Store)?;
        let epoch = self.sealer.epoch();
        let stored = self.store.put(epoch, &sealed).map_err(|_| Code::Store);
        if stored.is_err() {
            self.unstored = Some((epoch, sealed));
        }
        Ok((epoch, stored))
    }

    fn freeze(&mut self) {
        self.phase = std::mem::replace(&mut self.phase, Phase::Empty).freeze();
    }

    fn counters(&self, party: u16) -> Counters {
        Counters { phase: self.phase.number(), ..self.ledger.left(party) }
    }

    /// What was released last to a party that reads and does not call. It stays until the next one comes.
    fn collect(&self, party: u16, id: RequestId) -> Response {
        let counters = self.counters(party);
        let terms = self.agreement.terms();
        if !terms.releases.iter().any(|release| release.to == Whom::Party(party)) {
            return self.reply(Kind::Collect, id, Code::NotAllowed, counters);
        }
        let mail = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Some(letter)) = mail.get(usize::from(party)) else {
            return self.reply(Kind::Collect, id, Code::Nothing, counters);
        };
        let reply = Reply {
            id,
            code: Code::Done,
            rows: letter.rows,
            counters,
            agreement: self.agreement.digest(),
            boot: self.boot.id(),
            receipt: Some(letter.receipt),
            // a copy: sealed by TLS to the party that it is for
            outputs: Content::new(letter.planes.expose().clone()),
        };
        Response { kind: Kind::Collect, code: Code::Done, body: reply.encode(score_outputs(terms)) }
    }

    fn reply(&self, kind: Kind, id: RequestId, code: Code, counters: Counters) -> Response {
        let reply = Reply {
            id,
            code,
            rows: 0,
            counters,
            agreement: self.agreement.digest(),
            boot: self.boot.id(),
            receipt: None,
            outputs: Content::new(Vec::new()),
        };
        let outputs = match kind {
            Kind::Score | Kind::Collect => score_outputs(self.agreement.terms()),
            _ => 0,
        };
        Response { kind, code, body: reply.encode(outputs) }
    }
}

/// A request that was judged: charged now, or charged before.
enum Judged<T> {
    New(Counters, T),
    Again(Entry),
}

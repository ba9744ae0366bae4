//! The core: requests in, replies out, and between them charge, seal, store, and only then release.
//!
//! ```text
//! RawRequest --admit--> Spent --evaluate--> Evaluated --release--> Response
//! ```
//! `admit` charges, seals and stores. It gives a `Spent` for every request that asks for an
//! evaluation, refused or not: a refused one does the same work on rows of zeros, writes a record of
//! the same size, and gets a reply of the same size. Each arrow consumes. No socket, no clock of its
//! own: whoever calls brings the party that TLS proved, and the time.

use crate::boot::Boot;
use crate::ledger::{Cost, Entry, Known, Ledger};
use crate::outputs;
use crate::phase::{Loaded, Phase};
use crate::values::{allowed_f32, allowed_f64};
use crate::world::Store;
use engine::{Backend, Evaluation, Precision, RowValues, Rows, Secret};
use protocol::agreement::{Agreement, AgreementParts, Column, Digits, Form, Role, Whom, fits};
use protocol::frame::Kind;
use protocol::message::{
    BatchId, Content, Counters, RawOperation, RawRequest, RawRows, Reply, RequestId,
};
use protocol::receipt::ReceiptBody;
use protocol::record::{Event, RECORD_BYTES, Record, Sealer};
use protocol::{Code, Sha384, commitment, input_commitment, output_digest, program};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Why an agreement cannot be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The limits do not hold the ledger.
    #[error(
        "the record of every agreed call does not fit limits.memory_mib: raise it, or agree on fewer calls"
    )]
    Memory,
    /// A release that this host cannot make.
    #[error(
        "this host releases rows to the caller alone: other releases are not built yet, so it does not serve such an agreement"
    )]
    Release,
    /// Programs that this host cannot run.
    #[error(
        "this host runs models alone: rules are not built yet, so it does not serve such an agreement"
    )]
    Rule,
    /// The cipher failed.
    #[error("the cipher failed: start the enclave again")]
    Cipher,
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
}

struct Batch {
    id: BatchId,
    rows: u32,
    content: Sha384,
    values: RowValuesSecret,
}

/// Values of a sender's columns, row by row.
enum RowValuesSecret {
    F32(Secret<Vec<f32>>),
    F64(Secret<Vec<f64>>),
}

/// What follows a request.
pub enum Next {
    /// This reply.
    Reply(Response),
    /// An evaluation, outside of whatever guards the core.
    Evaluate(Box<Spent>),
}

/// An evaluation that is charged and stored, or refused and stored as nothing: it may run now.
pub struct Spent {
    agreement: Arc<Agreement>,
    boot: Arc<Boot>,
    loaded: Option<Arc<Loaded>>,
    rows: Option<Rows>,
    draft: Draft,
    digits: Option<Digits>,
}

/// What the reply will say, so far.
struct Draft {
    id: RequestId,
    code: Code,
    party: u16,
    counters: Counters,
    epoch: u64,
    input: Sha384,
}

/// An evaluation that ran.
pub struct Evaluated {
    spent: Spent,
    checked: Option<outputs::Checked>,
}

/// A reply, ready to leave: its size says nothing but the operation.
pub struct Response {
    kind: Kind,
    code: Code,
    body: Vec<u8>,
}

impl Response {
    /// The operation.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How the request ended. For the caller alone: no log, no metric, no length may tell.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The body of the frame.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

impl<S: Store> Core<S> {
    /// A core at the start of a boot. What is not built yet is refused here, not passed over.
    ///
    /// # Errors
    /// Where this host cannot serve the agreement.
    pub fn new(agreement: Arc<Agreement>, boot: Arc<Boot>, store: S) -> Result<Self, StartError> {
        let terms = agreement.terms();
        if terms.parties.iter().any(|party| party.roles.contains(&Role::RuleOwner)) {
            return Err(StartError::Rule);
        }
        if terms
            .releases
            .iter()
            .any(|release| release.form != Form::Rows || release.to != Whom::Caller)
        {
            return Err(StartError::Release);
        }
        let memory = u64::from(terms.limits.memory_mib) << 20;
        let used = u64::from(terms.limits.program_mib) << 20;
        let ledger =
            Ledger::new(&agreement, memory.saturating_sub(used)).ok_or(StartError::Memory)?;
        let sealer = boot.sealer(agreement.digest()).ok_or(StartError::Cipher)?;
        let batches = terms.parties.iter().map(|_| None).collect();
        Ok(Self {
            agreement,
            boot,
            store,
            sealer,
            unstored: None,
            ledger,
            phase: Phase::Empty,
            batches,
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

    fn submit(
        &mut self,
        party: u16,
        id: RequestId,
        salt: &[u8; 32],
        bytes: &[u8],
        now: Option<u64>,
    ) -> Result<Counters, Code> {
        let content =
            self.boot.request_hash(&[b"submit", &party.to_le_bytes(), &id.0, salt, bytes]);
        let judged = self.judge(party, id, &content, Kind::Submit, now).and_then(|entry| {
            if let Some(entry) = entry {
                return Ok(Judged::Again(entry));
            }
            let loaded = self.accept(salt, bytes)?;
            let left = self.ledger.affords(party, Cost::Submit)?;
            Ok(Judged::New(left, loaded))
        });
        let record = match &judged {
            Ok(Judged::New(left, loaded)) => Record {
                event: Event::Submit,
                party,
                request: id,
                content,
                program: loaded.commitment,
                rows: 0,
                counters: *left,
            },
            _ => Record::NOTHING,
        };
        let (epoch, stored) = self.seal_and_store(&record)?;
        match judged? {
            Judged::Again(entry) => stored.map(|()| entry.left),
            Judged::New(left, loaded) => {
                // charged and taken whether it is stored or not: the record may be there
                self.phase = std::mem::replace(&mut self.phase, Phase::Empty).load(loaded);
                let left = Counters { phase: self.phase.number(), ..left };
                self.ledger.charge(party, id, Entry { content, epoch, left });
                stored.map(|()| left)
            }
        }
    }

    /// Program bytes to a program of the agreement. One code for whatever is wrong.
    fn accept(&self, salt: &[u8; 32], bytes: &[u8]) -> Result<Loaded, Code> {
        let terms = self.agreement.terms();
        // before it is parsed: the limit caps what parsing may take
        if bytes.len() as u64 > u64::from(terms.limits.program_mib) << 20 {
            return Err(Code::Program);
        }
        let program = program::decode(bytes).map_err(|_| Code::Program)?;
        fits(&self.agreement, bytes, &program).map_err(|_| Code::Program)?;
        let commitment = commitment(salt, bytes);
        match terms.program.choice {
            protocol::agreement::Choice::Exact(agreed) if agreed != commitment => {
                Err(Code::Program)
            }
            _ => Ok(Loaded { program, commitment }),
        }
    }

    fn supply(
        &mut self,
        party: u16,
        id: RequestId,
        raw: RawRows,
        now: Option<u64>,
    ) -> Result<Counters, Code> {
        let content = self.rows_hash(b"supply", party, id, &raw, &commit(&raw), &[]);
        let columns = self.columns(Whom::Party(party));
        let judged = self.judge(party, id, &content, Kind::Supply, now).and_then(|entry| {
            if let Some(entry) = entry {
                return Ok(Judged::Again(entry));
            }
            if columns.is_empty() || raw.batch.0 == [0; 16] {
                return Err(Code::NotAllowed);
            }
            let values = self.read(&raw, &columns)?;
            let left = self.ledger.affords(party, Cost::Supply { rows: raw.rows })?;
            Ok(Judged::New(left, Batch { id: raw.batch, rows: raw.rows, content, values }))
        });
        let record = match &judged {
            Ok(Judged::New(left, _)) => {
                self.record(Event::Supply, party, id, content, raw.rows, *left)
            }
            _ => Record::NOTHING,
        };
        let (epoch, stored) = self.seal_and_store(&record)?;
        match judged? {
            Judged::Again(entry) => stored.map(|()| entry.left),
            Judged::New(left, batch) => {
                self.freeze();
                let left = Counters { phase: self.phase.number(), ..left };
                self.ledger.charge(party, id, Entry { content, epoch, left });
                if let Some(place) = self.batches.get_mut(usize::from(party)) {
                    *place = Some(batch);
                }
                stored.map(|()| left)
            }
        }
    }

    /// Charges, seals and stores a request for an evaluation. Whatever becomes of it, the same work
    /// follows: `evaluate`, then `release`.
    fn admit(&mut self, party: u16, id: RequestId, raw: RawRows, now: Option<u64>) -> Spent {
        let input = commit(&raw);
        let others = self.others(raw.batch);
        let contents: Vec<&[u8]> =
            others.iter().flatten().map(|batch| batch.content.0.as_slice()).collect();
        let content = self.rows_hash(b"score", party, id, &raw, &input, &contents);
        let judged = self.judge(party, id, &content, Kind::Score, now).and_then(|entry| {
            // the rows are read for a repeated request too: its answer is computed again
            let rows = self.assemble(&raw, &others)?;
            match entry {
                Some(entry) => Ok((entry.left, rows, Some(entry.epoch))),
                None => {
                    let left = self.ledger.affords(party, Cost::Score { rows: raw.rows })?;
                    Ok((left, rows, None))
                }
            }
        });
        let record = match &judged {
            Ok((left, _, None)) => self.record(Event::Score, party, id, content, raw.rows, *left),
            _ => Record::NOTHING,
        };
        let counters = self.counters(party);
        let mut draft = Draft { id, code: Code::Done, party, counters, epoch: 0, input };
        let mut rows = None;
        match (self.seal_and_store(&record), judged) {
            (Ok((epoch, stored)), Ok((left, real, again))) => {
                draft.counters = left;
                draft.epoch = again.unwrap_or(epoch);
                if again.is_none() {
                    self.freeze();
                    draft.counters.phase = self.phase.number();
                    let left = draft.counters;
                    self.ledger.charge(party, id, Entry { content, epoch, left });
                }
                match stored {
                    Ok(()) => rows = Some(real),
                    Err(code) => draft.code = code,
                }
            }
            (_, Err(code)) | (Err(code), _) => draft.code = code,
        }
        let release = self.agreement.terms().releases.first();
        Spent {
            agreement: Arc::clone(&self.agreement),
            boot: Arc::clone(&self.boot),
            loaded: self.phase.loaded().map(Arc::clone),
            rows: rows.or_else(|| zeros(self.agreement.terms(), raw.rows)),
            draft,
            digits: release.map(|release| release.digits),
        }
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
            Kind::Hello | Kind::Status | Kind::ReceiptKey => 0,
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

    /// The keyed hash by which rows are known again. It covers them by their commitment, so that they
    /// are hashed once.
    fn rows_hash(
        &self,
        what: &[u8],
        party: u16,
        id: RequestId,
        raw: &RawRows,
        input: &Sha384,
        others: &[&[u8]],
    ) -> Sha384 {
        let party = party.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![what, &party, &id.0, &raw.batch.0, &input.0];
        parts.extend(others);
        self.boot.request_hash(&parts)
    }

    /// The columns that a sender brings, in the agreement's order.
    fn columns(&self, from: Whom) -> Vec<&Column> {
        self.agreement.terms().input.columns.iter().filter(|column| column.from == from).collect()
    }

    /// Values of some columns, checked. The check is on secrets: one code, in one time.
    fn read(&self, raw: &RawRows, columns: &[&Column]) -> Result<RowValuesSecret, Code> {
        let input = &self.agreement.terms().input;
        let width = match input.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        if raw.rows == 0 || raw.rows > input.rows_per_call {
            return Err(Code::Rows);
        }
        let bytes = raw.values.expose();
        // rows and columns are capped: no overflow
        if bytes.len() as u64 != u64::from(raw.rows) * columns.len() as u64 * width {
            return Err(Code::Malformed);
        }
        let (values, valid) = match input.precision {
            Precision::F32 => {
                let (words, _) = bytes.as_chunks::<4>();
                let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
                let valid = allowed_f32(columns, &values);
                (RowValuesSecret::F32(Secret::new(values)), valid)
            }
            Precision::F64 => {
                let (words, _) = bytes.as_chunks::<8>();
                let values: Vec<f64> = words.iter().map(|word| f64::from_le_bytes(*word)).collect();
                let valid = allowed_f64(columns, &values);
                (RowValuesSecret::F64(Secret::new(values)), valid)
            }
        };
        // Declassified: whether the rows are ones that the agreement allows is told to their sender.
        if valid.declassify() { Ok(values) } else { Err(Code::Values) }
    }

    /// The batches of this id, by party; `None` where a supplier's is missing.
    fn others(&self, id: BatchId) -> Vec<Option<&Batch>> {
        let supplies = |party: usize| {
            let from =
                |column: &Column| matches!(column.from, Whom::Party(p) if usize::from(p) == party);
            self.agreement.terms().input.columns.iter().any(from)
        };
        self.batches
            .iter()
            .enumerate()
            .map(|(party, batch)| match supplies(party) {
                true => batch.as_ref().filter(|batch| batch.id == id),
                false => None,
            })
            .collect()
    }

    /// The caller's columns and those of others as rows of the program.
    fn assemble(&self, raw: &RawRows, others: &[Option<&Batch>]) -> Result<Rows, Code> {
        let terms = self.agreement.terms();
        let mut own = self.read(raw, &self.columns(Whom::Caller))?;
        let supplied = terms.input.columns.iter().any(|column| column.from != Whom::Caller);
        if supplied == (raw.batch.0 == [0; 16]) {
            return Err(Code::Batch);
        }
        if !supplied {
            // the caller's rows are the program's rows as they are
            let values = match &mut own {
                RowValuesSecret::F32(values) => RowValues::F32(std::mem::take(values.expose_mut())),
                RowValuesSecret::F64(values) => RowValues::F64(std::mem::take(values.expose_mut())),
            };
            return Rows::try_new(terms.input.columns.len(), values).map_err(|_| Code::Malformed);
        }
        let mut sources = Vec::with_capacity(terms.input.columns.len());
        for column in &terms.input.columns {
            sources.push(match column.from {
                Whom::Caller => &own,
                Whom::Party(party) => match others.get(usize::from(party)) {
                    Some(Some(batch)) if batch.rows == raw.rows => &batch.values,
                    _ => return Err(Code::Batch),
                },
            });
        }
        // The place of each value is a function of the agreement and the row number.
        let rows = raw.rows as usize;
        let place = |column: usize| {
            let from = terms.input.columns[column].from;
            let same = |c: &&Column| c.from == from;
            let before = terms.input.columns[..column].iter().filter(same).count();
            (before, terms.input.columns.iter().filter(same).count())
        };
        let places: Vec<(usize, usize)> = (0..sources.len()).map(place).collect();
        let values = match terms.input.precision {
            Precision::F32 => {
                RowValues::F32(gather(rows, &places, |column| match sources[column] {
                    RowValuesSecret::F32(values) => values.expose(),
                    RowValuesSecret::F64(_) => &[],
                }))
            }
            Precision::F64 => {
                RowValues::F64(gather(rows, &places, |column| match sources[column] {
                    RowValuesSecret::F64(values) => values.expose(),
                    RowValuesSecret::F32(_) => &[],
                }))
            }
        };
        Rows::try_new(sources.len(), values).map_err(|_| Code::Malformed)
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
            Kind::Score => score_outputs(self.agreement.terms()),
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

impl Spent {
    /// Runs the program: on the rows, or on as many rows of zeros where the request was refused.
    /// Without a program nothing runs, which everyone may know.
    pub fn evaluate(self, backend: Backend, threads: NonZeroUsize) -> Evaluated {
        let terms = self.agreement.terms().output;
        let evaluation = Evaluation { output: terms.output, backend, threads, kernel: None };
        let scores = self.loaded.as_ref().zip(self.rows.as_ref()).and_then(|(loaded, rows)| {
            engine::evaluate(&loaded.program, rows, &evaluation, &|_| {}).ok()
        });
        let digits = self.digits.unwrap_or(Digits::Decimals(0));
        let checked = scores.map(|scores| outputs::check(scores, &terms, digits));
        Evaluated { spent: self, checked }
    }
}

impl Evaluated {
    /// Makes the reply. A receipt is signed in any case, and left out where nothing is released.
    pub fn release(self) -> Response {
        let Evaluated { spent, checked } = self;
        let terms = spent.agreement.terms();
        let mut code = spent.draft.code;
        let (mut planes, inside) = match checked {
            // Declassified: that an output is outside is told to the caller, not which one.
            Some(checked) => (checked.planes, checked.inside.declassify()),
            None => (Secret::new(Vec::new()), code != Code::Done),
        };
        if code == Code::Done && !inside {
            code = Code::Output;
        }
        if code != Code::Done || spent.digits.is_none() {
            planes.expose_mut().fill(0);
        }
        let rows = match &spent.rows {
            Some(rows) if code == Code::Done => rows.count() as u32,
            _ => 0,
        };
        let draft = &spent.draft;
        let party = terms.parties.get(usize::from(draft.party));
        let body = ReceiptBody {
            agreement: spent.agreement.digest(),
            boot: spent.boot.id(),
            party: party.map_or(protocol::Sha256([0; 32]), |party| party.id()),
            request: draft.id,
            epoch: draft.epoch,
            rows,
            calls_left: draft.counters.score_calls,
            rows_left: draft.counters.score_rows,
            card: terms.program.card,
            program: spent.loaded.as_ref().map_or(Sha384([0; 48]), |loaded| loaded.commitment),
            input: draft.input,
            output: output_digest(rows, planes.expose()),
        };
        let receipt = spent.boot.sign(body);
        let reply = Reply {
            id: draft.id,
            code,
            rows,
            counters: draft.counters,
            agreement: body.agreement,
            boot: body.boot,
            receipt: (code == Code::Done).then_some(receipt),
            // Declassified: this is the release, sealed by TLS to the party that it is for.
            outputs: Content::new(planes.declassify()),
        };
        Response { kind: Kind::Score, code, body: reply.encode(score_outputs(terms)) }
    }
}

/// Bytes of outputs in every reply to a score.
pub fn score_outputs(terms: &AgreementParts) -> usize {
    terms.input.rows_per_call as usize * terms.output.count as usize * 8
}

/// Rows of zeros in the place of rows that were refused.
fn zeros(terms: &AgreementParts, rows: u32) -> Option<Rows> {
    let columns = terms.input.columns.len();
    let count = rows.clamp(1, terms.input.rows_per_call) as usize * columns;
    let values = match terms.input.precision {
        Precision::F32 => RowValues::F32(vec![0.0; count]),
        Precision::F64 => RowValues::F64(vec![0.0; count]),
    };
    Rows::try_new(columns, values).ok()
}

fn commit(raw: &RawRows) -> Sha384 {
    input_commitment(&raw.salt, raw.rows, raw.values.expose())
}

/// Puts columns of several senders side by side.
fn gather<'a, T: Copy + 'a>(
    rows: usize,
    places: &[(usize, usize)],
    source: impl Fn(usize) -> &'a [T],
) -> Vec<T> {
    let mut values = Vec::with_capacity(rows * places.len());
    for row in 0..rows {
        for (column, &(place, width)) in places.iter().enumerate() {
            values.extend(source(column).get(row * width + place));
        }
    }
    values
}

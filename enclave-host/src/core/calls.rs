//! Rows come: columns for calls of others, and calls.

use super::rows::{Batch, commit, zeros};
use super::{Core, Judged};
use crate::evaluation::{Draft, Spent};
use crate::ledger::{Cost, Entry};
use crate::world::Store;
use protocol::agreement::Whom;
use protocol::frame::Kind;
use protocol::message::{Counters, RawRows, RequestId};
use protocol::record::{Event, Record};
use protocol::{Code, Sha384};
use std::sync::Arc;

impl<S: Store> Core<S> {
    pub(super) fn supply(
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
    pub(super) fn admit(
        &mut self,
        party: u16,
        id: RequestId,
        raw: RawRows,
        now: Option<u64>,
    ) -> Spent {
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
        Spent {
            agreement: Arc::clone(&self.agreement),
            boot: Arc::clone(&self.boot),
            loaded: self.phase.loaded().map(Arc::clone),
            rows: rows.or_else(|| zeros(self.agreement.terms(), raw.rows)),
            draft,
            mail: Arc::clone(&self.mail),
        }
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
}

//! A program comes: it is judged, charged, sealed, stored, and only then taken.

use super::rows::zeros;
use super::{Core, Judged};
use crate::evaluation::run;
use crate::ledger::{Cost, Entry};
use crate::phase::{Loaded, Phase};
use crate::world::Store;
use engine::Backend;
use protocol::agreement::{Choice, fits};
use protocol::frame::Kind;
use protocol::message::{Counters, RequestId};
use protocol::record::{Event, Record};
use protocol::{Code, commitment, program};
use std::num::NonZeroUsize;

impl<S: Store> Core<S> {
    pub(super) fn submit(
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
            Choice::Exact(agreed) if agreed != commitment => Err(Code::Program),
            _ => self.timed(Loaded { program, commitment }),
        }
    }

    /// Lets the program run on a full call of zeros: whether it keeps within the agreed bound.
    fn timed(&self, loaded: Loaded) -> Result<Loaded, Code> {
        let terms = self.agreement.terms();
        let fits = self.trial.fits(&mut || {
            if let Some(rows) = zeros(terms, terms.input.rows_per_call) {
                run(terms, &loaded, &rows, Backend::detect(), NonZeroUsize::MIN);
            }
        });
        if fits { Ok(loaded) } else { Err(Code::Slow) }
    }
}

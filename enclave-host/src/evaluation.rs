//! From what was charged to what leaves: evaluate, check, release.
//!
//! ```text
//! Spent --evaluate--> Evaluated --release--> Response
//! ```
//! Each arrow consumes. A request that was refused runs the same program on rows of zeros.

use crate::boot::Boot;
use crate::outputs::{Checked, Held};
use crate::phase::Loaded;
use crate::rule_inputs::{RuleHeld, rule_inputs};
use engine::rule::{Per, RuleShape, evaluate_rule};
use engine::shape::StepShape;
use engine::{Backend, Evaluation, Rows, Secret};
use protocol::agreement::{Agreement, AgreementParts, Digits, Form, Whom, rule_selection};
use protocol::frame::Kind;
use protocol::message::{Content, Counters, Reply, RequestId};
use protocol::receipt::{Receipt, ReceiptBody};
use protocol::{Code, Sha256, Sha384, output_digest};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// An evaluation that is charged and stored, or refused and stored as nothing: it may run now.
pub struct Spent {
    pub(crate) agreement: Arc<Agreement>,
    pub(crate) boot: Arc<Boot>,
    pub(crate) loaded: Option<Arc<Loaded>>,
    pub(crate) rows: Option<Rows>,
    pub(crate) draft: Draft,
    pub(crate) mail: Mail,
}

/// What the reply will say, so far.
pub(crate) struct Draft {
    pub(crate) id: RequestId,
    pub(crate) code: Code,
    pub(crate) party: u16,
    pub(crate) counters: Counters,
    pub(crate) epoch: u64,
    pub(crate) input: Sha384,
}

/// An evaluation that ran.
pub struct Evaluated {
    spent: Spent,
    /// For each release, whom it is for and what it would be. None where nothing ran.
    checked: Vec<(Option<Whom>, Checked)>,
}

/// A reply, ready to leave: its size says nothing but the operation.
pub struct Response {
    pub(crate) kind: Kind,
    pub(crate) code: Code,
    pub(crate) body: Vec<u8>,
}

/// What was released last to each party that does not call for it, until the party collects it.
pub(crate) type Mail = Arc<Mutex<Vec<Option<Letter>>>>;

/// One of them.
pub(crate) struct Letter {
    pub(crate) rows: u32,
    pub(crate) receipt: Receipt,
    pub(crate) planes: Secret<Vec<u8>>,
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

impl Spent {
    /// Runs the program: on the rows, or on as many rows of zeros where the request was refused.
    /// Without a program nothing runs, which everyone may know.
    pub fn evaluate(self, backend: Backend, threads: NonZeroUsize) -> Evaluated {
        let terms = self.agreement.terms();
        let ran = self
            .loaded
            .as_ref()
            .zip(self.rows.as_ref())
            .and_then(|(loaded, rows)| run(terms, loaded, rows, backend, threads));
        // what is released to nobody is computed all the same, to the coarsest digits
        let releases = terms.releases.iter().copied();
        let mut releases: Vec<(Option<Whom>, Digits, Form)> =
            releases.map(|release| (Some(release.to), release.digits, release.form)).collect();
        if releases.is_empty() {
            releases.push((None, Digits::Decimals(0), Form::Rows));
        }
        let checked = ran.iter().flat_map(|ran| {
            releases.iter().map(|&(to, digits, form)| {
                let reader = match to {
                    Some(Whom::Party(party)) => party,
                    Some(Whom::Caller) | None => self.draft.party,
                };
                (to, ran.check(terms, reader, digits, form))
            })
        });
        let checked = checked.collect();
        Evaluated { spent: self, checked }
    }
}

/// What a program gave.
pub(crate) enum Ran<'a> {
    Model(Held),
    Rule(&'a RuleShape, RuleHeld),
}

/// Runs a program; `None` where the rows are not its own.
pub(crate) fn run<'a>(
    terms: &AgreementParts,
    loaded: &'a Loaded,
    rows: &Rows,
    backend: Backend,
    threads: NonZeroUsize,
) -> Option<Ran<'a>> {
    let program = &loaded.program;
    if let [StepShape::Rule(rule)] = program.shape().steps.as_slice() {
        let results = evaluate_rule(program, &rule_inputs(rule, rows), backend).ok()?;
        return Some(Ran::Rule(rule, RuleHeld::new(rows.count(), results)));
    }
    let evaluation = Evaluation { output: terms.output.output, backend, threads, kernel: None };
    engine::evaluate(program, rows, &evaluation, &|_| {})
        .ok()
        .map(|scores| Ran::Model(Held::new(scores)))
}

impl Ran<'_> {
    /// What would be released to a party. Of a rule a party gets what the rule has for it and nothing else, padded with
    /// zeros to the agreed count.
    fn check(&self, terms: &AgreementParts, reader: u16, digits: Digits, form: Form) -> Checked {
        match self {
            Ran::Model(held) => held.check(&terms.output, digits),
            Ran::Rule(rule, held) => {
                let name = terms.parties.get(usize::from(reader)).map_or("", |party| &party.name);
                let per = if form == Form::Rows { Per::Row } else { Per::Once };
                let selection = rule_selection(rule, name, per);
                let chosen = Held::new(held.chosen(&selection, per));
                let checked = chosen.check(&terms.output, digits);
                let (found, agreed) = (selection.len() * 8, terms.output.count as usize * 8);
                Checked { planes: padded(checked.planes, found, agreed), inside: checked.inside }
            }
        }
    }
}

/// Stretches with zeros: each `from` bytes become `to` bytes.
fn padded(planes: Secret<Vec<u8>>, from: usize, to: usize) -> Secret<Vec<u8>> {
    if from == to {
        return planes;
    }
    let stretches = planes.expose().chunks_exact(from.max(1));
    let mut out = Secret::new(vec![0; stretches.len() * to]);
    let places = out.expose_mut().chunks_exact_mut(to.max(1));
    for (place, stretch) in places.zip(stretches) {
        place.iter_mut().zip(stretch).for_each(|(place, &byte)| *place = byte);
    }
    out
}

impl Evaluated {
    /// Makes the reply. A receipt is signed in any case, and left out where nothing is released.
    pub fn release(self) -> Response {
        let Evaluated { spent, checked } = self;
        let terms = spent.agreement.terms();
        let mut code = spent.draft.code;
        // Declassified: that an output is outside is told to the caller, not which one.
        let inside = checked.iter().all(|(_, checked)| checked.inside.declassify());
        if code == Code::Done && (checked.is_empty() || !inside) {
            code = Code::Output;
        }
        let rows = match &spent.rows {
            Some(rows) if code == Code::Done => rows.count() as u32,
            _ => 0,
        };
        let mut answer = None;
        for (to, mut checked) in checked {
            if code != Code::Done || to.is_none() {
                checked.planes.expose_mut().fill(0);
            }
            let planes = checked.planes;
            let reader = match to {
                Some(Whom::Party(party)) => party,
                Some(Whom::Caller) | None => spent.draft.party,
            };
            let receipt = spent.receipt(reader, rows, planes.expose());
            match to {
                Some(Whom::Party(party)) if code == Code::Done => {
                    let mut mail = spent.mail.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(place) = mail.get_mut(usize::from(party)) {
                        *place = Some(Letter { rows, receipt, planes });
                    }
                }
                Some(Whom::Caller) => answer = Some((receipt, planes)),
                Some(Whom::Party(_)) | None => {}
            }
        }
        let released = code == Code::Done && answer.is_some();
        let (receipt, planes) = match answer {
            Some((receipt, planes)) => (Some(receipt), planes),
            None => (None, Secret::new(Vec::new())),
        };
        let reply = Reply {
            id: spent.draft.id,
            code,
            rows: if released { rows } else { 0 },
            counters: spent.draft.counters,
            agreement: spent.agreement.digest(),
            boot: spent.boot.id(),
            receipt: receipt.filter(|_| released),
            // Declassified: this is the release, sealed by TLS to the party that it is for.
            outputs: Content::new(planes.declassify()),
        };
        Response { kind: Kind::Score, code, body: reply.encode(score_outputs(terms)) }
    }
}

impl Spent {
    fn receipt(&self, reader: u16, rows: u32, planes: &[u8]) -> Receipt {
        let terms = self.agreement.terms();
        let draft = &self.draft;
        let party = terms.parties.get(usize::from(reader));
        self.boot.sign(ReceiptBody {
            agreement: self.agreement.digest(),
            boot: self.boot.id(),
            party: party.map_or(Sha256([0; 32]), |party| party.id()),
            request: draft.id,
            epoch: draft.epoch,
            rows,
            calls_left: draft.counters.score_calls,
            rows_left: draft.counters.score_rows,
            card: terms.program.card,
            program: self.loaded.as_ref().map_or(Sha384([0; 48]), |loaded| loaded.commitment),
            input: draft.input,
            output: output_digest(rows, planes),
        })
    }
}

/// Bytes of outputs in every reply to a score, and to who collects.
pub fn score_outputs(terms: &AgreementParts) -> usize {
    // as many as the largest release has, so that who reads what can't be told by size
    let once =
        !terms.releases.is_empty() && terms.releases.iter().all(|one| one.form != Form::Rows);
    let times = if once { 1 } else { terms.input.rows_per_call as usize };
    times * terms.output.count as usize * 8
}

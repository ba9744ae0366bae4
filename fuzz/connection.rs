//! A host under hostile parties: requests of any kind in any order, well formed or not, with a store that fails now and
//! then. After each one the promises of the lifecycle are looked at.
//!
//! ```text
//! first byte 255:  the rest is what a stranger sends to a listening host
//! otherwise:       bit 0: Carol brings a column. Then steps: party, operation, id, shape, and what the operation reads
//! ```

use channel::{Hangup, Parties, Proof, Psk, Socket, accept};
use enclave_host::pace::NoTrial;
use enclave_host::world::{Entropy, NoEntropy, NotStored, Store};
use enclave_host::{Boot, Core, Next, Response, score_outputs};
use engine::{
    Backend, CompileOptions, LabelRule, Linear, LinearParts, Link, Model, Output, Precision,
    Profile, Schema, ShapeClass,
};
use protocol::agreement::*;
use protocol::document::{Attester, NONCE_BYTES, NoDocument};
use protocol::frame::Kind;
use protocol::message::{
    BatchId, Content, Counters, RawOperation, RawRequest, RawRows, Reply, RequestId,
};
use protocol::record::RECORD_BYTES;
use protocol::{Code, Sha256, Sha384, output_digest, sha256};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// A submission, two calls, the first again, a supply, status.
#[allow(dead_code, reason = "the fuzz targets do not replay")]
pub(crate) const SEED: &[u8] =
    &[0, 0, 1, 0, 2, 1, 2, 5, 2, 1, 3, 6, 2, 1, 2, 5, 1, 2, 4, 1, 3, 1, 0, 0];

const PARTIES: u16 = 3;
const CAROL: u16 = 2;

static PROGRAM: LazyLock<Vec<u8>> = LazyLock::new(program);

pub(crate) fn run(bytes: &[u8]) {
    match bytes.split_first() {
        Some((255, said)) => stranger(said),
        Some((first, steps)) => conversation(first & 1 == 1, steps),
        None => {}
    }
}

/// `margin = x + 2 y`.
fn program() -> Vec<u8> {
    let schema = Schema {
        features: 2,
        feature_names: Some(vec!["x".into(), "y".into()]),
        label: LabelRule::None,
        classes: vec![],
        default_output: Output::Margin,
    };
    let linear = Linear::try_new(LinearParts {
        schema,
        outputs: 1,
        coefficients: vec![1.0, 2.0],
        intercepts: vec![0.0],
        link: Link::Identity,
    });
    let options = CompileOptions { class: ShapeClass::Exact, ..CompileOptions::default() };
    let program = engine::compile(&Model::Linear(linear.expect("a model")), &options);
    protocol::program::encode(program.expect("a program")).expect("short names")
}

fn agreement(carol_supplies: bool) -> Agreement {
    let party = |n: u8, name: &str, roles: &[Role]| Party {
        name: name.into(),
        key: PartyKey::Kms(format!("arn:aws:kms:eu-central-1:111122223333:key/mrk-{n:032x}")),
        authentication: Authentication::Psk { sha256: sha256(&[n; 32]) },
        roles: roles.iter().copied().collect(),
        submit_calls: 0,
        supply: Budget::default(),
        score: Budget::default(),
        window: Window::default(),
    };
    let mut alice = party(1, "alice", &[Role::ModelOwner]);
    alice.submit_calls = 3;
    let mut bob = party(2, "bob", &[Role::DataOwner, Role::Reader]);
    bob.score = Budget { calls: 2, rows: 12 };
    let mut carol = party(3, "carol", &[Role::Operator]);
    if carol_supplies {
        carol.roles = BTreeSet::from([Role::DataOwner, Role::Reader]);
        carol.supply = Budget { calls: 3, rows: 30 };
    } else {
        alice.roles.extend([Role::DataOwner, Role::Reader]);
        alice.score = Budget { calls: 3, rows: 30 };
    }
    let column = |name: &str, from| Column {
        name: name.into(),
        values: ColumnValues::Number { min: -100.0, max: 100.0 },
        missing: Missing::Refused,
        from,
    };
    let y = if carol_supplies { Whom::Party(CAROL) } else { Whom::Caller };
    let terms = AgreementParts {
        name: "fuzzed".into(),
        image: Image::Prebuilt {
            pcr0: Sha384([1; 48]),
            pcr1: Sha384([2; 48]),
            pcr2: Sha384([3; 48]),
        },
        kms_roots: BTreeSet::from([KmsRoot::Amazon]),
        instances: 1,
        restart: Restart::ReProvision,
        parties: vec![alice, bob, carol],
        program: ProgramTerms {
            profile: Profile::Strict,
            class: ShapeClass::Exact,
            card: protocol::card(&PROGRAM).expect("a program's card"),
            choice: Choice::Any,
        },
        input: InputTerms {
            precision: Precision::F64,
            rows_per_call: 10,
            columns: vec![column("x", Whom::Caller), column("y", y)],
        },
        output: OutputTerms { output: Output::Margin, count: 1, min: -200.0, max: 250.0 },
        releases: [Some(Whom::Caller), carol_supplies.then_some(Whom::Party(CAROL))]
            .into_iter()
            .flatten()
            .map(|to| Release {
                to,
                form: Form::Rows,
                digits: Digits::Full,
                row_disclosure: RowDisclosure::Refused,
            })
            .collect(),
        replies: Replies { bound_ms: 1000, quantum_ms: 100, factor: 2 },
        limits: Limits {
            memory_mib: 64,
            program_mib: 1,
            message_mib: 2,
            connections: 8,
            idle_seconds: 60,
        },
    };
    Agreement::new(terms).expect("an agreement that can be kept")
}

struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.0 = self.0.checked_add(1).ok_or(NoEntropy)?;
        bytes.fill(self.0);
        Ok(())
    }
}

/// Fails as it is told, and holds every record against the one before.
struct Failing {
    fails: Rc<Cell<bool>>,
    last: u64,
}

impl Store for Failing {
    fn put(&mut self, epoch: u64, record: &[u8]) -> Result<(), NotStored> {
        assert_eq!(record.len(), RECORD_BYTES, "records differ in size");
        assert!(epoch == self.last || epoch == self.last + 1, "an epoch was left out");
        self.last = epoch;
        if self.fails.replace(false) { Err(NotStored) } else { Ok(()) }
    }
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    /// Of the last answer to each party that was not one given again.
    counters: HashMap<u16, Counters>,
    /// Request and answer, of all that were done.
    answers: HashMap<(u16, RequestId), (Vec<u8>, Vec<u8>)>,
    /// Requests that may be charged, of which nothing was released.
    charged: HashSet<(u16, RequestId)>,
    /// Calls and rows that were released.
    delivered: HashMap<u16, (u32, u64)>,
    /// Of replies, by kind.
    sizes: HashMap<u8, usize>,
    /// The store failed once: a call may be charged and not released.
    failed: bool,
}

fn conversation(carol_supplies: bool, steps: &[u8]) {
    let agreement = Arc::new(agreement(carol_supplies));
    let boot = Arc::new(Boot::new(&mut Counting(0)).expect("entropy"));
    let fails = Rc::new(Cell::new(false));
    let store = Failing { fails: Rc::clone(&fails), last: 0 };
    let mut core =
        Core::new(Arc::clone(&agreement), Arc::clone(&boot), store, None, NoTrial).expect("served");
    let mut seen = Seen::default();
    let mut bytes = steps.iter().copied();
    while let (Some(party), Some(operation), Some(id), Some(shape)) =
        (bytes.next(), bytes.next(), bytes.next(), bytes.next())
    {
        let party = u16::from(party) % (PARTIES + 1);
        fails.set(operation & 0x80 != 0);
        seen.failed |= fails.get();
        let mut take = |count: usize| -> Vec<u8> { bytes.by_ref().take(count).collect() };
        let kind = match operation & 3 {
            0 if operation & 0x20 != 0 => Kind::Collect,
            0 => Kind::Status,
            1 => Kind::Submit,
            2 => Kind::Score,
            _ => Kind::Supply,
        };
        // well formed, or what the steps say
        let body = match operation & 0x40 {
            0 => request(kind, id, shape, &mut take).encode(),
            _ => take(usize::from(shape)),
        };
        let now = Some(u64::from(operation));
        let response = match RawRequest::parse(kind, body.clone()) {
            Ok(request) => match core.handle(party, request, now) {
                Next::Reply(response) => response,
                Next::Evaluate(spent) => {
                    spent.evaluate(Backend::detect(), NonZeroUsize::MIN).release()
                }
            },
            Err(code) => core.refuse(party, kind, code),
        };
        seen.look(&agreement, &boot, party, kind, body, response);
    }
}

fn request(kind: Kind, id: u8, shape: u8, take: &mut impl FnMut(usize) -> Vec<u8>) -> RawRequest {
    let rows = |take: &mut dyn FnMut(usize) -> Vec<u8>| {
        let (rows, columns) = (usize::from(shape & 15), 1 + usize::from(shape >> 4 & 1));
        let values = take(rows * columns).into_iter().chain([3].into_iter().cycle());
        let values = values.take(rows * columns).map(|byte| f64::from(byte.cast_signed()));
        RawRows {
            salt: [5; 32],
            batch: BatchId([shape >> 5; 16]),
            rows: rows as u32,
            values: Content::new(values.flat_map(f64::to_le_bytes).collect()),
        }
    };
    let operation = match kind {
        Kind::Submit => {
            let mut program = PROGRAM.clone();
            for patch in take(3 * usize::from(shape & 3)).chunks_exact(3) {
                let place = usize::from(u16::from_le_bytes([patch[0], patch[1]]));
                if let Some(byte) = program.get_mut(place) {
                    *byte ^= patch[2];
                }
            }
            RawOperation::Submit { salt: [shape; 32], program: Content::new(program) }
        }
        Kind::Score => RawOperation::Score(rows(take)),
        Kind::Supply => RawOperation::Supply(rows(take)),
        Kind::Collect => RawOperation::Collect,
        _ => RawOperation::Status,
    };
    RawRequest { id: RequestId([id; 16]), operation }
}

impl Seen {
    fn look(
        &mut self,
        agreement: &Agreement,
        boot: &Boot,
        party: u16,
        kind: Kind,
        body: Vec<u8>,
        response: Response,
    ) {
        let terms = agreement.terms();
        let code = response.code();
        assert!(response.kind() == kind, "an answer of another kind");
        let answer = response.into_body();
        let size = *self.sizes.entry(kind as u8).or_insert(answer.len());
        assert_eq!(answer.len(), size, "{code:?}: a reply's size tells how it ended");
        let reply = Reply::parse(answer.clone()).expect("a reply");
        assert!(reply.code == code && reply.boot == boot.id());
        let outputs = reply.outputs.expose();
        let holds = matches!(kind, Kind::Score | Kind::Collect);
        assert_eq!(outputs.len(), if holds { score_outputs(terms) } else { 0 });
        // what Carol reads was a call of Bob's: nothing of hers changes
        if kind == Kind::Collect {
            assert!(
                code != Code::Done || (party == CAROL && !self.delivered.is_empty()),
                "a reader"
            );
        }

        let score = holds && code == Code::Done;
        assert_eq!(reply.receipt.is_some(), score, "{code:?}: a receipt for nothing, or none");
        if !score {
            assert!(reply.rows == 0 && outputs.iter().all(|&byte| byte == 0), "{code:?} released");
        }
        if let Some(receipt) = reply.receipt {
            let released = &outputs[..reply.rows as usize * 8];
            assert!(receipt.verify(&boot.receipt_public_key()), "a receipt that is not signed");
            assert_eq!(receipt.body.output, output_digest(reply.rows, released));
        }
        let charged = code == Code::Done && !matches!(kind, Kind::Status | Kind::Collect);
        if charged && let Some((sent, answered)) = self.answers.get(&(party, reply.id)) {
            assert!(*sent == body, "one id, two requests");
            assert!(*answered == answer, "one request, two answers");
            return;
        }
        // what was charged and not stored, or gave an output outside the range, is told what was left then
        let told_again = self.charged.contains(&(party, reply.id));
        if matches!(code, Code::Store | Code::Output) {
            self.charged.insert((party, reply.id));
        }
        let left = reply.counters;
        if !told_again && let Some(before) = self.counters.insert(party, left) {
            assert!(spends(&before, &left), "{code:?}: a budget grew");
            assert!(left.phase >= before.phase, "a phase went back");
            assert!(
                charged
                    || code == Code::Output
                    || self.failed
                    || left == Counters { phase: left.phase, ..before },
                "{code:?} was charged"
            );
        }
        if charged {
            self.answers.insert((party, reply.id), (body, answer));
        }
        if score && kind == Kind::Score {
            let (calls, rows) = self.delivered.entry(party).or_default();
            *calls += 1;
            *rows += u64::from(reply.rows);
            let budget = terms.parties[usize::from(party)].score;
            assert!(
                *calls <= budget.calls && *rows <= budget.rows,
                "more than the agreement gives"
            );
        }
    }
}

/// Nothing grew.
fn spends(before: &Counters, after: &Counters) -> bool {
    after.submit_calls <= before.submit_calls
        && after.supply_calls <= before.supply_calls
        && after.score_calls <= before.score_calls
        && after.supply_rows <= before.supply_rows
        && after.score_rows <= before.score_rows
}

/// A socket of which everything that will be read is known.
struct Said(io::Cursor<Vec<u8>>);

impl Read for Said {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Said {
    fn set_timeout(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn hangup(&self) -> io::Result<Hangup> {
        Ok(Hangup::new(|| ()))
    }
}

struct Never;

impl Attester for Never {
    fn document_for(
        &self,
        _: &Sha384,
        _: &[u8; NONCE_BYTES],
        _: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument> {
        panic!("a stranger got as far as a document");
    }
}

/// What a stranger says leads nowhere: it knows no key.
fn stranger(said: &[u8]) {
    static PARTIES: LazyLock<(Sha384, Parties)> = LazyLock::new(|| {
        let digest = agreement(false).digest();
        let psk = Psk::new([1; 32], &sha256(&[1; 32]), &digest, &Sha256([9; 32]));
        let pinned = Proof::Pinned(Sha256([7; 32]));
        let parties = Parties::new(vec![Proof::Psk(psk.expect("its hash")), pinned]);
        (digest, parties.expect("keys"))
    });
    let (digest, parties) = &*PARTIES;
    let socket = Said(io::Cursor::new(said.to_vec()));
    let deadline = Instant::now() + Duration::from_secs(5);
    assert!(
        accept(socket, parties, digest, &[0; 32], &Never, deadline).is_err(),
        "a stranger is in"
    );
}

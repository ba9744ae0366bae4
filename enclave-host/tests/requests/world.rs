//! An enclave with its outside: a tiny linear model, two kinds of agreement, a store that can fail.

use enclave_host::pace::{NoTrial, Trial};
use enclave_host::world::{Entropy, NoEntropy, NotStored, Store};
use enclave_host::{Boot, Core, Next, Response, StartError};
use engine::{
    Backend, CompileOptions, LabelRule, Linear, LinearParts, Link, Model, Output, Precision,
    Profile, Schema, ShapeClass,
};
use protocol::agreement::*;
use protocol::message::{BatchId, Content, RawOperation, RawRequest, RawRows, Reply, RequestId};
use protocol::{Code, Sha256, Sha384};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;

pub(crate) const ALICE: u16 = 0;
pub(crate) const BOB: u16 = 1;
pub(crate) const CAROL: u16 = 2;
pub(crate) const SALT: [u8; 32] = [5; 32];

/// `margin = factor * x + 2 * y`, of two f64 columns.
pub(crate) fn program_bytes(factor: f64) -> Vec<u8> {
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
        coefficients: vec![factor, 2.0],
        intercepts: vec![0.0],
        link: Link::Identity,
    })
    .unwrap();
    let options = CompileOptions { class: ShapeClass::Exact, ..CompileOptions::default() };
    let program = engine::compile(&Model::Linear(linear), &options).unwrap();
    protocol::program::encode(program).unwrap()
}

/// Alice owns the model and may ask 3 times; Bob may ask 2 times and 12 rows; Carol brings nothing,
/// or the column `y`.
pub(crate) fn terms(carol_supplies: bool) -> AgreementParts {
    let key = |n: u8| format!("arn:aws:kms:eu-central-1:111122223333:key/mrk-{n:032x}");
    let party = |n: u8, name: &str, roles: &[Role]| Party {
        name: name.into(),
        key: PartyKey::Kms(key(n)),
        authentication: Authentication::Psk { sha256: Sha256([n; 32]) },
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
        carol.roles = BTreeSet::from([Role::DataOwner]);
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
    AgreementParts {
        name: "test".into(),
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
            card: protocol::card(&program_bytes(1.0)).unwrap(),
            choice: Choice::Any,
        },
        input: InputTerms {
            precision: Precision::F64,
            rows_per_call: 10,
            columns: vec![column("x", Whom::Caller), column("y", y)],
        },
        output: OutputTerms { output: Output::Margin, count: 1, min: -200.0, max: 250.0 },
        releases: vec![Release {
            to: Whom::Caller,
            form: Form::Rows,
            digits: Digits::Full,
            row_disclosure: RowDisclosure::Refused,
        }],
        replies: Replies { bound_ms: 1000, quantum_ms: 100, factor: 2 },
        limits: Limits {
            memory_mib: 64,
            program_mib: 1,
            message_mib: 2,
            connections: 8,
            idle_seconds: 60,
        },
    }
}

/// What the next `put` does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Mood {
    Stores,
    /// Keeps the record and says nothing.
    KeepsSilently,
    /// Loses the record.
    Loses,
}

/// An epoch and its record.
type Stored = (u64, Vec<u8>);

/// Every record that came, in order, and how the store answers.
#[derive(Clone)]
pub(crate) struct TestStore {
    pub(crate) records: Rc<RefCell<Vec<Stored>>>,
    pub(crate) mood: Rc<RefCell<Mood>>,
}

impl Store for TestStore {
    fn put(&mut self, epoch: u64, record: &[u8]) -> Result<(), NotStored> {
        let mood = *self.mood.borrow();
        if mood != Mood::Loses {
            self.records.borrow_mut().push((epoch, record.to_vec()));
        }
        if mood == Mood::Stores { Ok(()) } else { Err(NotStored) }
    }
}

/// Counts up, so that every draw is another one.
pub(crate) struct Counting(pub(crate) u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.0 = self.0.checked_add(1).ok_or(NoEntropy)?;
        bytes.fill(self.0);
        Ok(())
    }
}

pub(crate) struct Enclave {
    pub(crate) agreement: Arc<Agreement>,
    pub(crate) boot: Arc<Boot>,
    pub(crate) store: TestStore,
    pub(crate) core: Core<TestStore>,
    pub(crate) now: Option<u64>,
}

impl Enclave {
    pub(crate) fn try_start(terms: AgreementParts, seed: u8) -> Result<Self, StartError> {
        Self::start_on_trial(terms, seed, NoTrial)
    }

    pub(crate) fn start_on_trial(
        terms: AgreementParts,
        seed: u8,
        trial: impl Trial + 'static,
    ) -> Result<Self, StartError> {
        let agreement = Arc::new(Agreement::new(terms).unwrap());
        let boot = Arc::new(Boot::new(&mut Counting(seed)).unwrap());
        let store = TestStore { records: Rc::default(), mood: Rc::new(RefCell::new(Mood::Stores)) };
        let core =
            Core::new(Arc::clone(&agreement), Arc::clone(&boot), store.clone(), None, trial)?;
        Ok(Self { agreement, boot, store, core, now: None })
    }

    pub(crate) fn start(terms: AgreementParts) -> Self {
        Self::try_start(terms, 0).unwrap_or_else(|error| panic!("{error}"))
    }

    /// With the program in place.
    pub(crate) fn loaded(terms: AgreementParts) -> Self {
        let mut enclave = Self::start(terms);
        assert_eq!(enclave.submit(ALICE, 100, &program_bytes(1.0)).code, Code::Done);
        enclave
    }

    pub(crate) fn mood(&self, mood: Mood) {
        *self.store.mood.borrow_mut() = mood;
    }

    pub(crate) fn records(&self) -> usize {
        self.store.records.borrow().len()
    }

    /// One request over the wire form, both ways.
    pub(crate) fn send(&mut self, party: u16, request: &RawRequest) -> Answer {
        let kind = match request.operation {
            RawOperation::Submit { .. } => protocol::frame::Kind::Submit,
            RawOperation::Supply(_) => protocol::frame::Kind::Supply,
            RawOperation::Score(_) => protocol::frame::Kind::Score,
            RawOperation::Status => protocol::frame::Kind::Status,
            RawOperation::Collect => protocol::frame::Kind::Collect,
        };
        let parsed = RawRequest::parse(kind, request.encode()).unwrap();
        let response: Response = match self.core.handle(party, parsed, self.now) {
            Next::Reply(response) => response,
            Next::Evaluate(spent) => spent.evaluate(Backend::detect(), NonZeroUsize::MIN).release(),
        };
        assert_eq!(response.kind(), kind);
        let code = response.code();
        let body = response.into_body();
        let reply = Reply::parse(body.clone()).unwrap();
        assert_eq!((reply.id, reply.code), (request.id, code));
        Answer { code, body, reply }
    }

    pub(crate) fn submit(&mut self, party: u16, id: u8, program: &[u8]) -> Answer {
        let program = Content::new(program.to_vec());
        let operation = RawOperation::Submit { salt: SALT, program };
        self.send(party, &RawRequest { id: RequestId([id; 16]), operation })
    }

    pub(crate) fn score(&mut self, party: u16, id: u8, values: &[f64]) -> Answer {
        self.send(party, &score(id, [0; 16], values, 2))
    }

    pub(crate) fn collect(&mut self, party: u16) -> Answer {
        self.send(party, &RawRequest { id: RequestId([0; 16]), operation: RawOperation::Collect })
    }

    pub(crate) fn status(&mut self, party: u16) -> Answer {
        self.send(party, &RawRequest { id: RequestId([0; 16]), operation: RawOperation::Status })
    }
}

/// A request to score rows of so many columns.
pub(crate) fn score(id: u8, batch: [u8; 16], values: &[f64], columns: usize) -> RawRequest {
    RawRequest {
        id: RequestId([id; 16]),
        operation: RawOperation::Score(rows(batch, values, columns)),
    }
}

pub(crate) fn rows(batch: [u8; 16], values: &[f64], columns: usize) -> RawRows {
    RawRows {
        salt: SALT,
        batch: BatchId(batch),
        rows: (values.len() / columns) as u32,
        values: Content::new(values.iter().flat_map(|x| x.to_le_bytes()).collect()),
    }
}

pub(crate) struct Answer {
    pub(crate) code: Code,
    pub(crate) body: Vec<u8>,
    pub(crate) reply: Reply,
}

impl Answer {
    /// The outputs that were released.
    pub(crate) fn outputs(&self) -> Vec<f64> {
        let words = self.reply.outputs.expose().chunks_exact(8);
        let all = words.map(|word| f64::from_le_bytes(word.try_into().unwrap()));
        all.take(self.reply.rows as usize).collect()
    }

    /// Nothing was released: no output, no receipt.
    pub(crate) fn is_empty(&self) -> bool {
        self.reply.rows == 0
            && self.reply.receipt.is_none()
            && self.reply.outputs.expose().iter().all(|&byte| byte == 0)
    }
}

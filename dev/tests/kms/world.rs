//! Two parties with keys in a development KMS, a module, and a parent whose services run here; each can be made to lie.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channel::Psk;
use client::enclave::Session;
use client::policy::key_policy;
use dev::enclave::{Enclave, EnclaveError, expected, module, now};
use dev::nsm::{Chain, Module};
use dev::outside::{Outside, Signing, Stored};
use enclave_host::keys::NoKey;
use enclave_host::kms::{Kms, KmsError};
use engine::{
    CompileOptions, LabelRule, Linear, LinearParts, Link, Model, Output, Precision, Profile,
    Schema, Secret, ShapeClass,
};
use protocol::agreement::*;
use protocol::attestation::{Judge, Measurements};
use protocol::kms::{KeyPlace, context};
use protocol::{Sha256, Sha384, sha256};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/enclave";
pub(crate) const ROOT: &str = "arn:aws:iam::111122223333:root";
const BOOT: [u8; 32] = [0xb0; 32];

pub(crate) struct World {
    pub(crate) server: Arc<dev::kms::Kms>,
    pub(crate) agreement: Arc<Agreement>,
    psks: [[u8; 32]; 2],
    module: Arc<Module>,
    roots: &'static [&'static str],
    outside: Outside,
}

/// A module of the development image with the agreement in PCR16.
fn measuring(pcrs: &[(u8, Sha384)]) -> Arc<Module> {
    let now = time::OffsetDateTime::now_utc();
    Arc::new(Module::new(Chain::Good, pcrs.iter().copied(), now).unwrap())
}

/// Which register of an image is another.
pub(crate) fn other_pcr(number: u8) -> impl Fn(Vec<(u8, Sha384)>) -> Vec<(u8, Sha384)> {
    move |pcrs| {
        let other = |(n, value)| if n == number { (n, Sha384([0x77; 48])) } else { (n, value) };
        pcrs.into_iter().map(other).collect()
    }
}

fn program_bytes() -> Vec<u8> {
    let schema = Schema {
        features: 1,
        feature_names: Some(vec!["x".into()]),
        label: LabelRule::None,
        classes: vec![],
        default_output: Output::Margin,
    };
    let parts = LinearParts {
        schema,
        outputs: 1,
        coefficients: vec![2.0],
        intercepts: vec![0.0],
        link: Link::Identity,
    };
    let options = CompileOptions { class: ShapeClass::Exact, ..CompileOptions::default() };
    let model = Model::Linear(Linear::try_new(parts).unwrap());
    protocol::program::encode(engine::compile(&model, &options).unwrap()).unwrap()
}

fn terms(arns: &[String], psks: &[[u8; 32]; 2], root: Sha256) -> AgreementParts {
    let party = |n: usize, name: &str, roles: &[Role]| Party {
        name: name.into(),
        key: PartyKey::Kms(arns[n].clone()),
        authentication: Authentication::Psk { sha256: sha256(&psks[n]) },
        roles: roles.iter().copied().collect(),
        submit_calls: 0,
        supply: Budget::default(),
        score: Budget::default(),
        window: Window::default(),
    };
    let alice = Party { submit_calls: 3, ..party(0, "alice", &[Role::ModelOwner]) };
    let score = Budget { calls: 2, rows: 12 };
    let bob = Party { score, ..party(1, "bob", &[Role::DataOwner, Role::Reader]) };
    AgreementParts {
        name: "keys".into(),
        image: dev::enclave::IMAGE,
        kms_roots: BTreeSet::from([KmsRoot::Certificate(root)]),
        instances: 1,
        restart: Restart::ReProvision,
        parties: vec![alice, bob],
        program: ProgramTerms {
            profile: Profile::Strict,
            class: ShapeClass::Exact,
            card: protocol::card(&program_bytes()).unwrap(),
            choice: Choice::Any,
        },
        input: InputTerms {
            precision: Precision::F64,
            rows_per_call: 6,
            columns: vec![Column {
                name: "x".into(),
                values: ColumnValues::Number { min: -100.0, max: 100.0 },
                missing: Missing::Refused,
                from: Whom::Caller,
            }],
        },
        output: OutputTerms { output: Output::Margin, count: 1, min: -200.0, max: 200.0 },
        releases: vec![Release {
            to: Whom::Caller,
            form: Form::Rows,
            digits: Digits::Full,
            row_disclosure: RowDisclosure::Refused,
        }],
        replies: Replies { bound_ms: 200, quantum_ms: 50, factor: 2 },
        limits: Limits {
            memory_mib: 64,
            program_mib: 1,
            message_mib: 2,
            connections: 8,
            idle_seconds: 60,
        },
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let server =
            dev::kms::Kms::start("127.0.0.1:0", ACCOUNT, &["eu-central-1"], vec![]).unwrap();
        let create = |_| {
            let (status, answer) = server.ask(ROOT, "CreateKey", &json!({}));
            assert_eq!(status, 200);
            answer["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
        };
        let arns: Vec<String> = [0, 1].map(create).to_vec();
        let psks = [[0xa1; 32], [0xb2; 32]];
        let terms = terms(&arns, &psks, server.root_sha256());
        let agreement = Arc::new(Agreement::new(terms).unwrap());
        let module = measuring(&expected(&agreement));
        server.trust(module.root().unwrap());
        let root: &'static str = Box::leak(server.root_pem().to_owned().into_boxed_str());
        let server = Arc::new(server);
        let outside = Outside::new(server.address(), server.session(ROLE).unwrap());
        let roots = Box::leak(Box::new([root]));
        let world = Self { server, agreement, psks, module, roots, outside };
        for party in 0..2 {
            world.put_policy(party, &world.policy(party));
            let (_, wrapped) = world.wrapped(party);
            world.outside.keep(world.id(party).0, wrapped);
        }
        world
    }

    fn id(&self, party: usize) -> Sha256 {
        self.agreement.terms().parties[party].id()
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let outside = Outside {
            wrapped: Arc::new(Mutex::new(self.outside.wrapped.lock().unwrap().clone())),
            ..self.outside.clone()
        };
        let mut world = Self {
            server: Arc::clone(&self.server),
            agreement: Arc::clone(&self.agreement),
            psks: self.psks,
            module: Arc::clone(&self.module),
            roots: self.roots,
            outside,
        };
        change(&mut world);
        world
    }

    pub(crate) fn base64(&self, bytes: &[u8]) -> String {
        STANDARD.encode(bytes)
    }

    pub(crate) fn place(&self, party: usize) -> KeyPlace {
        KeyPlace::of(&self.agreement.terms().parties[party]).unwrap()
    }

    pub(crate) fn policy(&self, party: usize) -> Value {
        let party = &self.agreement.terms().parties[party];
        key_policy(&self.agreement, party, ROLE, &expected(&self.agreement)).unwrap()
    }

    pub(crate) fn put_policy(&self, party: usize, policy: &Value) {
        let body = json!({"KeyId": self.place(party).arn, "Policy": policy.to_string()});
        let (status, answer) = self.server.ask(ROOT, "PutKeyPolicy", &body);
        assert_eq!(status, 200, "{answer}");
    }

    /// The context of a party's secret as JSON.
    pub(crate) fn context(&self, party: usize, purpose: &str) -> Value {
        let purpose = if purpose == "psk" {
            protocol::kms::KeyPurpose::Psk
        } else {
            protocol::kms::KeyPurpose::State
        };
        let context = context(&self.agreement.digest(), &self.id(party), purpose);
        context
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn wrap(&self, party: usize, secret: &[u8]) -> Vec<u8> {
        let body = json!({"KeyId": self.place(party).arn, "Plaintext": self.base64(secret),
            "EncryptionContext": self.context(party, "psk")});
        let (status, answer) = self.server.ask(ROOT, "Encrypt", &body);
        assert_eq!(status, 200, "{answer}");
        STANDARD.decode(answer["CiphertextBlob"].as_str().unwrap()).unwrap()
    }

    /// A party's pre-shared key, and how KMS wraps it.
    pub(crate) fn wrapped(&self, party: usize) -> ([u8; 32], Vec<u8>) {
        (self.psks[party], self.wrap(party, &self.psks[party]))
    }

    /// The same world with an image that measures otherwise.
    pub(crate) fn of(&self, change: &impl Fn(Vec<(u8, Sha384)>) -> Vec<(u8, Sha384)>) -> Self {
        self.with(|world| {
            world.module = measuring(&change(expected(&world.agreement)));
            world.server.trust(world.module.root().unwrap());
        })
    }

    pub(crate) fn kms(&self) -> Kms<'_, Module, Outside> {
        Kms::new(&*self.module, &self.outside, self.roots, self.agreement.digest(), BOOT).unwrap()
    }

    pub(crate) fn decrypt(
        &self,
        party: usize,
        wrapped: &[u8],
    ) -> Result<Secret<[u8; 32]>, KmsError> {
        let purpose = protocol::kms::KeyPurpose::Psk;
        self.kms().decrypt(&self.place(party), &self.id(party), purpose, wrapped)
    }

    /// Asks as the role, without a document.
    pub(crate) fn plain_decrypt(&self, key: &str, wrapped: &[u8], party: usize) -> (u16, Value) {
        let body = json!({"KeyId": key, "CiphertextBlob": self.base64(wrapped),
            "EncryptionContext": self.context(party, "psk")});
        self.server.ask(ROLE, "Decrypt", &body)
    }

    /// This world with the relay of another: its server's name is good, its root is not this one's.
    pub(crate) fn relayed_to(&self, other: &World) -> Self {
        self.with(|world| world.outside.kms = other.server.address())
    }

    pub(crate) fn signed_by_strangers(&self) -> Self {
        self.with(|world| world.outside.signing = Signing::Strangers)
    }

    pub(crate) fn signing_another_body(&self) -> Self {
        self.with(|world| world.outside.signing = Signing::AnotherBody)
    }

    pub(crate) fn signing_more_headers(&self) -> Self {
        self.with(|world| world.outside.signing = Signing::MoreHeaders)
    }

    pub(crate) fn without_wrapped(&self, party: usize) -> Self {
        self.with(|world| _ = world.outside.wrapped.lock().unwrap().remove(&world.id(party).0))
    }

    pub(crate) fn with_planted(&self, party: usize) -> Self {
        let planted = self.wrap(party, &[0x66; 32]);
        self.with(|world| {
            _ = world.outside.wrapped.lock().unwrap().insert(world.id(party).0, planted);
        })
    }

    pub(crate) fn with_swapped(&self) -> Self {
        let (alice, bob) = (self.wrapped(0).1, self.wrapped(1).1);
        self.with(|world| {
            let mut wrapped = world.outside.wrapped.lock().unwrap();
            wrapped.insert(world.id(0).0, bob);
            wrapped.insert(world.id(1).0, alice);
        })
    }

    /// The same parties and keys, and an agreement with another name.
    pub(crate) fn with_another_agreement(&self) -> Self {
        self.with(|world| {
            let mut terms = world.agreement.terms().clone();
            terms.name = "keyt".into();
            world.agreement = Arc::new(Agreement::new(terms).unwrap());
        })
    }

    fn try_start(&self) -> Result<Enclave, EnclaveError> {
        let module = Arc::new(module().unwrap());
        self.server.trust(module.root().unwrap());
        let agreement = Arc::clone(&self.agreement);
        Enclave::start_asking(agreement, module, self.outside.clone(), self.roots, "127.0.0.1:0")
    }

    pub(crate) fn start(&self) -> Started<'_> {
        Started { world: self, enclave: self.try_start().unwrap() }
    }

    pub(crate) fn start_refused(&self) -> NoKey {
        match self.try_start().err().unwrap() {
            EnclaveError::Keys(error) => error.reason,
            other => panic!("{other}"),
        }
    }

    /// What an enclave asked KMS.
    pub(crate) fn asked(&self) -> Vec<String> {
        let calls = self.server.calls().into_iter().filter(|call| call.principal == ROLE);
        calls.map(|call| call.operation).collect()
    }

    pub(crate) fn stored(&self) -> Stored {
        self.outside.stored()
    }
}

pub(crate) struct Started<'a> {
    world: &'a World,
    enclave: Enclave,
}

impl Started<'_> {
    fn session(&self) -> Session<TcpStream> {
        let agreement = &self.world.agreement;
        let deadline = Instant::now() + Duration::from_secs(20);
        let socket = TcpStream::connect(self.enclave.address()).unwrap();
        let party = &agreement.terms().parties[0];
        let Authentication::Psk { sha256 } = party.authentication else { panic!() };
        let psk = Psk::new(self.world.psks[0], &sha256, &agreement.digest(), &party.id()).unwrap();
        let unattested = channel::connect(socket, &psk, agreement.digest(), deadline).unwrap();
        let measurements = Measurements::new(expected(agreement)).unwrap();
        let judge = Judge::new(self.enclave.root(), measurements, now);
        let channel = unattested.attest([9; 32], &judge).unwrap();
        Session::new(channel, agreement, 0, Duration::from_secs(20)).unwrap()
    }

    /// Submits the program as its owner.
    pub(crate) fn talk(&self) {
        let mut session = self.session();
        let submission = session.submission(&program_bytes()).unwrap();
        session.submit(submission).unwrap();
        session.close();
    }

    pub(crate) fn boot(&self) -> [u8; 32] {
        self.session().boot()
    }
}

//! `tautochrone-dev demo`: Alice's model, Bob's rows, and an enclave between them, over sockets.

use crate::{Failure, failed, refused};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channel::{Channel, ChannelError, Psk, connect};
use clap::Args;
use client::data::{self, Limits, Selection, Values};
use client::enclave::{Call, Scored, Session, SessionError};
use client::policy::key_policy;
use dev::enclave::{Enclave, EnclaveError, IMAGE, expected, module, now};
use dev::kms::Kms;
use dev::network::{Network, Turn};
use dev::outside::Outside;
use enclave_host::keys::{NoKey, NotProvisioned};
use enclave_host::kms::{KmsError, Refusal};
use engine::{
    Backend, CompileOptions, Evaluation, Program, RowValues, Rows, Scores, compile, evaluate,
};
use models::ImportOptions;
use protocol::agreement::{Agreement, Authentication, KmsRoot, Party, PartyKey, Replies};
use protocol::attestation::{Judge, Measurements, Root};
use protocol::kms::{KeyPlace, KeyPurpose, context};
use protocol::message::Counters;
use protocol::{Code, sha256};
use serde_json::{Value, json};
use std::fmt::{Display, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Alice's model, Bob's rows, an enclave between them, and what each of them saw
///
/// Each of them has a key in a development KMS, which releases their secrets by policy to an enclave of the agreed image
/// under this agreement alone. Alice submits her model and Bob his rows to a development enclave, over TLS and through a network that takes notes.
/// Bob may ask twice; his third call is refused. Receipts are verified afterwards, without the enclave.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder with model.json and rows.csv
    #[arg(long, value_name = "FOLDER", default_value = "examples/demo")]
    folder: PathBuf,

    /// The agreement (TOML); its image, its keys and its reply times are replaced by the demo's
    #[arg(long, value_name = "FILE", default_value = "examples/agreements/alice-bob.toml")]
    agreement: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn about(path: &Path, what: impl Display) -> Failure {
    refused(format!("{}: {what}: run the demo from the source folder", path.display()))
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        failed(error)
    }
}

impl From<ChannelError> for Failure {
    fn from(error: ChannelError) -> Self {
        failed(error)
    }
}

impl From<EnclaveError> for Failure {
    fn from(error: EnclaveError) -> Self {
        failed(error)
    }
}

/// The account that the keys are in.
const ACCOUNT: &str = "111122223333";
const OWNER: &str = "arn:aws:iam::111122223333:user/owner";
/// Whose credentials the parent signs with.
const ROLE: &str = "arn:aws:iam::111122223333:role/enclave";
const REGION: &str = "eu-central-1";
const ALICE: usize = 0;
const BOB: usize = 1;
/// So short that nobody waits, and long enough that every reply leaves on time.
const REPLIES: Replies = Replies { bound_ms: 200, quantum_ms: 50, factor: 1 };
/// What an observer would look for: this many bytes of the model or the rows.
const SAMPLE: usize = 16;
/// Longest wait for a connection, and for each answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: &Arguments) -> Result<String, Failure> {
    // Alice, on her machine
    let path = arguments.folder.join("model.json");
    let imported =
        models::import_file(&path, &ImportOptions::default()).map_err(|e| about(&path, e))?;
    let program =
        compile(&imported.model, &CompileOptions::default()).map_err(|e| about(&path, e))?;
    let bytes = protocol::program::encode(program).map_err(|e| about(&path, e))?;
    let program = protocol::program::decode(&bytes).map_err(|e| about(&path, e))?;

    // Bob, on his
    let path = arguments.folder.join("rows.csv");
    let selection = Selection { schema: program.schema(), copy: &[], ignore: &[] };
    let table = data::read(&path, &selection, program.shape().precision, &Limits::default())
        .map_err(|e| about(&path, e))?;
    let calls = halves(&table);

    // both of them, and the operator's machine
    let secrets = [random()?, random()?];
    let kms = Kms::start("127.0.0.1:0", ACCOUNT, &[REGION], Vec::new()).map_err(failed)?;
    let agreement = Arc::new(agreement(&arguments.agreement, &secrets, &kms)?);
    let parent = Outside::new(kms.address(), kms.credentials(ROLE).map_err(failed)?);
    for (party, secret) in agreement.terms().parties.iter().zip(&secrets) {
        entrust(&kms, &agreement, party, secret, &parent)?;
    }
    let enclave = start(&kms, &agreement, &parent)?;
    let released = kms.calls().iter().filter(|call| call.principal == ROLE).count();
    // the same parties, keys and image; one letter of the agreement is another
    let mut other = agreement.terms().clone();
    other.name.push('.');
    let other = Agreement::new(other).map_err(|error| failed(error.fault))?;
    let refused = match start(&kms, &Arc::new(other), &parent) {
        Err(EnclaveError::Keys(NotProvisioned {
            reason: NoKey::Kms(KmsError::Refused(Refusal::AccessDenied)),
            ..
        })) => true,
        Err(error) => return Err(error.into()),
        Ok(_) => return Err(failed("KMS released keys for another agreement")),
    };
    let network = Network::before(enclave.address())
        .map_err(|error| failed(format!("no socket for the network ({error})")))?;
    let enter = |party: usize| -> Result<Session<TcpStream>, Failure> {
        let key = psk(&agreement, party, secrets[party])?;
        let judge = Judge::new(enclave.root(), measurements(&agreement)?, now);
        let socket = TcpStream::connect(network.address()).map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        let unattested = connect(socket, &key, agreement.digest(), deadline)?;
        let channel: Channel<TcpStream> = unattested.attest(random()?, &judge)?;
        Ok(Session::new(channel, &agreement, party as u16, PATIENCE)?)
    };

    let mut alice = enter(ALICE)?;
    let submission = alice.submission(&bytes)?;
    let commitment = submission.commitment();
    alice.submit(submission)?;
    alice.close();
    let mut bob = enter(BOB)?;
    let mut answers = Vec::new();
    let mut observed = Vec::new();
    let note = |observed: &mut Vec<Turn>| observed.extend(network.turns().last().copied());
    for (rows, values) in &calls {
        answers.push(bob.score(&Call::new(*rows, values, None)?)?);
        note(&mut observed);
    }
    let third = match bob.score(&Call::new(calls[0].0, &calls[0].1, None)?) {
        Err(SessionError::Refused(code)) => code,
        Err(error) => return Err(error.into()),
        Ok(_) => return Err(failed("the third call was answered: the budget does not hold")),
    };
    note(&mut observed);
    let left = bob.status()?;
    bob.close();

    let proven = answers
        .iter()
        .map(|answer| verify(answer, &enclave.root(), &agreement, &commitment))
        .collect::<Result<Vec<u32>, Failure>>()?;
    let equal = calls.iter().zip(&answers).all(|((_, values), answer)| {
        local(&program, values).is_ok_and(|scores| rounded_alike(&scores, &answer.outputs))
    });
    let report = Report {
        agreement: agreement.digest().to_string(),
        program_bytes: bytes.len(),
        rows: calls.iter().map(|(rows, _)| *rows).collect(),
        features: table.features(),
        third,
        left,
        proven,
        equal,
        released,
        refused,
        // behind the head
        records: parent.stored().iter().skip(1).map(|(_, record)| record.len()).collect(),
        head: parent.stored().first().map_or(0, |(_, head)| head.len()),
        connections: network.turns().iter().map(|turn| turn.connection + 1).max().unwrap_or(0),
        observed,
        leaked: samples(&bytes, &calls).iter().any(|sample| network.saw(sample)),
    };
    Ok(if arguments.json { format!("{:#}\n", report.json()) } else { report.text() })
}

/// The rows in two calls.
fn halves(table: &data::Table) -> [(u32, Values); 2] {
    let first = table.rows() / 2;
    let parts = [(0, first), (first, table.rows())];
    parts.map(|(from, to)| {
        let range = from * table.features()..to * table.features();
        let values = match table.values() {
            Values::F32(values) => Values::F32(values[range].to_vec()),
            Values::F64(values) => Values::F64(values[range].to_vec()),
        };
        // a demo has few rows
        ((to - from) as u32, values)
    })
}

/// The agreement of the file, about the development image and with keys of this run.
fn agreement(path: &Path, secrets: &[[u8; 32]; 2], kms: &Kms) -> Result<Agreement, Failure> {
    let mut parts = client::agreement::read(path).map_err(|e| about(path, e))?.terms().clone();
    if parts.parties.len() != secrets.len() {
        return Err(about(path, "the demo needs an agreement of two parties"));
    }
    parts.image = IMAGE;
    parts.replies = REPLIES;
    parts.kms_roots = [KmsRoot::Certificate(kms.root_sha256())].into();
    for (party, secret) in parts.parties.iter_mut().zip(secrets) {
        let created = ask(kms, "CreateKey", &json!({}))?;
        let arn = created["KeyMetadata"]["Arn"].as_str().unwrap_or_default();
        party.key = PartyKey::Kms(arn.to_owned());
        party.authentication = Authentication::Psk { sha256: sha256(secret) };
    }
    Agreement::new(parts).map_err(|error| about(path, format!("{}: {}", error.path, error.fault)))
}

/// Asks KMS as the owner of the account.
fn ask(kms: &Kms, operation: &str, body: &Value) -> Result<Value, Failure> {
    match kms.ask(OWNER, operation, body) {
        (200, answer) => Ok(answer),
        (_, error) => Err(failed(format!("the development KMS refused {operation}: {error}"))),
    }
}

/// A party sets the policy of its key, wraps its pre-shared key, and gives it to the parent.
fn entrust(
    kms: &Kms,
    agreement: &Agreement,
    party: &Party,
    secret: &[u8; 32],
    parent: &Outside,
) -> Result<(), Failure> {
    let key = KeyPlace::of(party).ok_or_else(|| failed("no key"))?.arn;
    let policy = key_policy(agreement, party, ROLE, &expected(agreement)).unwrap_or_default();
    ask(kms, "PutKeyPolicy", &json!({"KeyId": key, "Policy": policy.to_string()}))?;
    let context: serde_json::Map<String, Value> =
        context(&agreement.digest(), &party.id(), KeyPurpose::Psk)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
    let plain = STANDARD.encode(secret);
    let wrapped = ask(
        kms,
        "Encrypt",
        &json!({"KeyId": key, "Plaintext": plain, "EncryptionContext": context}),
    )?;
    let wrapped = STANDARD.decode(wrapped["CiphertextBlob"].as_str().unwrap_or_default());
    parent.keep(party.id().0, wrapped.map_err(failed)?);
    Ok(())
}

/// Starts an enclave that asks KMS for its keys.
fn start(kms: &Kms, agreement: &Arc<Agreement>, parent: &Outside) -> Result<Enclave, EnclaveError> {
    let module = Arc::new(module()?);
    kms.trust(module.root().map_err(|_| EnclaveError::Crypto)?);
    let roots = [kms.root_pem()];
    Enclave::start_asking(Arc::clone(agreement), module, parent.clone(), &roots, "127.0.0.1:0")
}

fn psk(agreement: &Agreement, party: usize, secret: [u8; 32]) -> Result<Psk, Failure> {
    let id = agreement.terms().parties[party].id();
    Psk::new(secret, &sha256(&secret), &agreement.digest(), &id).ok_or_else(|| failed("no key"))
}

fn measurements(agreement: &Agreement) -> Result<Measurements, Failure> {
    Measurements::new(expected(agreement)).map_err(failed)
}

/// The rows of a receipt that holds, with nothing but the agreement, the root and what its owner kept.
fn verify(
    answer: &Scored,
    root: &Root,
    agreement: &Agreement,
    program: &protocol::Sha384,
) -> Result<u32, Failure> {
    let expected = measurements(agreement)?;
    let receipt = answer.receipt.as_ref().ok_or_else(|| failed("an answer without a receipt"))?;
    let body = receipt.verify(root, &expected, &agreement.digest()).map_err(failed)?;
    if body.input != answer.commitment || body.program != *program {
        return Err(failed("a receipt is of other rows or another program"));
    }
    Ok(body.rows)
}

/// What the program answers outside of any enclave.
fn local(program: &Program, values: &Values) -> Result<Vec<f64>, engine::EvaluateError> {
    let values = match values {
        Values::F32(values) => RowValues::F32(values.clone()),
        Values::F64(values) => RowValues::F64(values.clone()),
    };
    let rows = Rows::try_new(program.shape().features as usize, values)?;
    let evaluation = Evaluation {
        output: engine::Output::Probability,
        backend: Backend::detect(),
        threads: NonZeroUsize::MIN,
        kernel: None,
    };
    Ok(match evaluate(program, &rows, &evaluation, &|_| ())? {
        Scores::F32 { values, .. } => values.into_iter().map(f64::from).collect(),
        Scores::F64 { values, .. } => values,
        _ => Vec::new(),
    })
}

/// Whether the released values are the others, rounded to the agreement's four decimals.
fn rounded_alike(scores: &[f64], released: &[f64]) -> bool {
    scores.len() == released.len()
        && scores
            .iter()
            .zip(released)
            .all(|(score, released)| (score - released).abs() <= 0.000_050_1)
}

/// Pieces of the model and the rows as they are in memory.
fn samples(program: &[u8], calls: &[(u32, Values); 2]) -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> =
        program.chunks_exact(SAMPLE).step_by(97).map(<[u8]>::to_vec).collect();
    // a run of zeros stands anywhere
    samples.retain(|sample| sample.iter().any(|&byte| byte != sample[0]));
    for (_, values) in calls {
        let bytes: Vec<u8> = match values {
            Values::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Values::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        samples.extend(bytes.chunks_exact(SAMPLE).step_by(97).map(<[u8]>::to_vec));
    }
    samples
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| failed("this machine gave no random bytes"))?;
    Ok(bytes)
}

/// What happened, and what each side saw.
struct Report {
    agreement: String,
    program_bytes: usize,
    rows: Vec<u32>,
    features: usize,
    third: Code,
    left: Counters,
    /// Rows of each receipt that was verified.
    proven: Vec<u32>,
    equal: bool,
    records: Vec<usize>,
    /// Bytes of the head in front of them.
    head: usize,
    /// Questions that KMS answered to the enclave.
    released: usize,
    /// Whether it refused an enclave of another agreement.
    refused: bool,
    connections: usize,
    /// Bob's three calls, as the network saw them.
    observed: Vec<Turn>,
    leaked: bool,
}

impl Report {
    fn text(&self) -> String {
        let rows: u32 = self.rows.iter().sum();
        let mut text = format!(
            "Alice owns a model ({bytes} bytes of program), Bob {rows} rows of {features} columns.
They agree on {agreement}...

  KMS answers {released} questions of the enclave, by the policies of two keys on what its document measures: done
  One letter of the agreement is another: {refused}
  Alice verifies the enclave's document and submits her model: done
",
            bytes = self.program_bytes,
            features = self.features,
            released = self.released,
            refused = if self.refused { "KMS refuses" } else { "KMS ANSWERS" },
            agreement = &self.agreement[..16],
        );
        for (call, rows) in (1..).zip(&self.rows) {
            let _ = writeln!(text, "  Bob's call {call}: {rows} rows, answered, with a receipt");
        }
        let _ = writeln!(text, "  Bob's call 3: refused, {}", self.third);
        let _ = writeln!(
            text,
            "  {} receipts verified without the enclave: of {} rows, Alice's program, Bob's rows\n",
            self.proven.len(),
            self.proven.iter().sum::<u32>(),
        );
        let count = self.records.len();
        let size = self.records.first().copied().unwrap_or(0);
        let mut sizes: Vec<String> =
            self.observed.iter().map(|turn| turn.answered.to_string()).collect();
        sizes.dedup();
        let waits: Vec<String> =
            self.observed.iter().map(|turn| turn.waited.as_millis().to_string()).collect();
        let _ = write!(
            text,
            "  who           saw
  Alice         that her program was taken; nothing of Bob
  Bob           {rows} probabilities at 4 decimals, and a refusal; nothing of the model but its card
  the operator  {count} sealed records of {size} bytes each; one for each request, whatever became of it;
                {head} bytes with the key of them, sealed under a key of Alice's and one of Bob's
  the network   {connections} connections; Bob's three answers had {sizes} bytes and took {waits} ms;
                {leaked} of {sample} bytes of model or rows

The answers are those of the same program run here without an enclave: {equal}.
The enclave and KMS were stand-ins in this process, with roots of their own: they prove nothing.
",
            connections = self.connections,
            sizes = sizes.join(", "),
            waits = waits.join(", "),
            head = self.head,
            leaked = if self.leaked { "A PIECE" } else { "no piece" },
            sample = SAMPLE,
            equal = if self.equal { "yes, rounded to 4 decimals" } else { "NO" },
        );
        text
    }

    fn json(&self) -> Value {
        let turns: Vec<Value> = self
            .observed
            .iter()
            .map(|turn| {
                json!({
                    "asked_bytes": turn.asked,
                    "answered_bytes": turn.answered,
                    "waited_ms": turn.waited.as_millis() as u64,
                })
            })
            .collect();
        json!({
            "agreement": self.agreement,
            "program_bytes": self.program_bytes,
            "rows": self.rows,
            "third_call": self.third.to_string(),
            "calls_left": self.left.score_calls,
            "rows_left": self.left.score_rows,
            "receipts_verified": self.proven.len(),
            "equal_to_a_local_run": self.equal,
            "kms_answers": self.released,
            "kms_refuses_another_agreement": self.refused,
            "sealed_records": self.records,
            "sealed_head": self.head,
            "network": { "connections": self.connections, "calls": turns },
            "plaintext_seen": self.leaked,
        })
    }
}

//! Times of replies over a socket: an answer, a refusal and nonsense take the same, and where nothing paces them they do not.
//!
//! Each kind of request takes its turn in a random order. Welch's t-test compares the fastest nine tenths of each kind with
//! those of an answer to the same party, as dudect does: a connection that is used less often is slower by itself. A pair differs where |t| is above 4.5, the bound of the timing gate,
//! twice in a row; the control is a host without pacing, whose kinds must differ by far more.
//!
//! 250 rounds, or as many as `TAUTOCHRONE_TIMING_ROUNDS` says.

use channel::{Channel, Psk, connect};
use dev::enclave::{Enclave, IMAGE, expected, now};
use protocol::agreement::{Agreement, Authentication, Replies};
use protocol::attestation::{Judge, Measurements};
use protocol::frame::Kind;
use protocol::message::{BatchId, Content, RawOperation, RawRequest, RawRows, Reply, RequestId};
use protocol::{Code, sha256};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROWS: u32 = 200;
const ALICE: usize = 0;
const BOB: usize = 1;

/// Alice has one call, Bob as many as the test takes.
fn agreement(rounds: u32) -> Arc<Agreement> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agreements/alice-bob.toml");
    let mut parts = client::agreement::read(&path).unwrap().terms().clone();
    parts.image = IMAGE;
    parts.replies = Replies { bound_ms: 10, quantum_ms: 5, factor: 1 };
    for (number, party) in parts.parties.iter_mut().enumerate() {
        party.authentication = Authentication::Psk { sha256: sha256(&secret(number)) };
    }
    parts.parties[ALICE].score.calls = 1;
    parts.parties[BOB].score.calls = 2 * rounds + 10;
    parts.parties[BOB].score.rows = u64::from(ROWS) * u64::from(2 * rounds + 10);
    Arc::new(Agreement::new(parts).unwrap())
}

fn secret(party: usize) -> [u8; 32] {
    [party as u8 + 1; 32]
}

fn key(agreement: &Agreement, party: usize) -> Psk {
    let id = agreement.terms().parties[party].id();
    let secret = secret(party);
    Psk::new(secret, &sha256(&secret), &agreement.digest(), &id).unwrap()
}

/// What is asked for, and how it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Answer,
    /// The same rows again, under the same id.
    Again,
    /// A value outside the agreement, in the last row.
    Values,
    /// Another content under an id that was used.
    Reused,
    /// By the party whose budget is spent: its one call again, which is answered.
    AliceAgain,
    /// And another one.
    Budget,
    /// Words that are no message, of the same length.
    Malformed,
    /// Rows of another number of columns.
    Schema,
}

const ALL: [Asked; 8] = [
    Asked::Answer,
    Asked::Again,
    Asked::Values,
    Asked::Reused,
    Asked::AliceAgain,
    Asked::Budget,
    Asked::Malformed,
    Asked::Schema,
];

struct Talk {
    alice: Channel<TcpStream>,
    bob: Channel<TcpStream>,
    next: u64,
}

impl Talk {
    fn begin(enclave: &Enclave, agreement: &Agreement) -> Self {
        let enter = |party: usize| {
            let expected = Measurements::new(expected(agreement)).unwrap();
            let judge = Judge::new(enclave.root(), expected, now);
            let socket = TcpStream::connect(enclave.address()).unwrap();
            socket.set_nodelay(true).unwrap();
            let deadline = Instant::now() + Duration::from_secs(600);
            let connection = connect(socket, &key(agreement, party), agreement.digest(), deadline);
            connection.unwrap().attest([1; 32], &judge).unwrap()
        };
        let mut talk = Self { alice: enter(ALICE), bob: enter(BOB), next: 1 };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo/model.json");
        let imported = models::import_file(&path, &models::ImportOptions::default()).unwrap();
        let program = engine::compile(&imported.model, &engine::CompileOptions::default()).unwrap();
        let program = Content::new(protocol::program::encode(program).unwrap());
        let operation = RawOperation::Submit { salt: [1; 32], program };
        let submit = RawRequest { id: RequestId([200; 16]), operation };
        assert_eq!(ask(&mut talk.alice, Kind::Submit, &submit.encode()).0, Code::Done);
        // Alice's one call, and the call that will be asked for again
        let first = rows(0, 0.04, 30).encode();
        assert_eq!(ask(&mut talk.alice, Kind::Score, &first).0, Code::Done);
        assert_eq!(ask(&mut talk.bob, Kind::Score, &first).0, Code::Done);
        talk
    }

    fn time(&mut self, asked: Asked) -> Duration {
        self.next += 1;
        let next = self.next;
        let (channel, body, code) = match asked {
            Asked::Answer => (&mut self.bob, rows(next, 0.04, 30).encode(), Code::Done),
            Asked::Again => (&mut self.bob, rows(0, 0.04, 30).encode(), Code::Done),
            Asked::Values => {
                let mut body = rows(next, 0.04, 30).encode();
                let last = body.len() - 4;
                body[last..].copy_from_slice(&1e9f32.to_le_bytes());
                (&mut self.bob, body, Code::Values)
            }
            Asked::Reused => (&mut self.bob, rows(0, 0.05, 30).encode(), Code::Reused),
            Asked::AliceAgain => (&mut self.alice, rows(0, 0.04, 30).encode(), Code::Done),
            Asked::Budget => (&mut self.alice, rows(next, 0.04, 30).encode(), Code::Budget),
            Asked::Malformed => {
                let mut body = rows(next, 0.04, 30).encode();
                body[68] = 1;
                (&mut self.bob, body, Code::Malformed)
            }
            Asked::Schema => (&mut self.bob, rows(next, 0.04, 29).encode(), Code::Malformed),
        };
        let (found, took) = ask(channel, Kind::Score, &body);
        assert_eq!(found, code, "{asked:?}");
        took
    }
}

fn rows(id: u64, value: f32, columns: usize) -> RawRequest {
    let values: Vec<f32> = vec![value; columns * ROWS as usize];
    let mut name = [0; 16];
    name[..8].copy_from_slice(&id.to_le_bytes());
    let rows = RawRows {
        salt: [2; 32],
        batch: BatchId([0; 16]),
        rows: ROWS,
        values: Content::new(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    };
    RawRequest { id: RequestId(name), operation: RawOperation::Score(rows) }
}

fn ask(channel: &mut Channel<TcpStream>, kind: Kind, body: &[u8]) -> (Code, Duration) {
    let start = Instant::now();
    channel.send(kind, body).unwrap();
    let (_, reply) = channel.receive(|_| 1 << 20).unwrap();
    let took = start.elapsed();
    (Reply::parse(reply).unwrap().code, took)
}

/// Times of each kind, in seconds.
fn measure(talk: &mut Talk, rounds: usize) -> Vec<(Asked, Vec<f64>)> {
    let mut times: Vec<(Asked, Vec<f64>)> = ALL.map(|asked| (asked, Vec::new())).to_vec();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..rounds {
        let mut order: Vec<usize> = (0..ALL.len()).collect();
        for last in (1..order.len()).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            order.swap(last, (state % (last as u64 + 1)) as usize);
        }
        for kind in order {
            times[kind].1.push(talk.time(ALL[kind]).as_secs_f64());
        }
    }
    times
}

/// Welch's t of the fastest nine tenths.
fn t(a: &[f64], b: &[f64]) -> f64 {
    let moments = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let kept = &sorted[..sorted.len() * 9 / 10];
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((a, va), (b, vb)) = (moments(a), moments(b));
    (a - b) / (va + vb).sqrt()
}

/// The largest |t| between an answer and another kind, and which.
fn largest(times: &[(Asked, Vec<f64>)]) -> (f64, Asked) {
    let of = |wanted: Asked| &times.iter().find(|(asked, _)| *asked == wanted).unwrap().1;
    let others = times.iter().map(|(asked, times)| {
        let answers = of(if *asked == Asked::Budget { Asked::AliceAgain } else { Asked::Answer });
        let t = if *asked == Asked::AliceAgain { 0.0 } else { t(answers, times).abs() };
        println!("  {asked:?}: |t| {t:.1}");
        (t, *asked)
    });
    others.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn refusals_take_as_long_as_answers_and_without_pacing_they_do_not() {
    let rounds = std::env::var("TAUTOCHRONE_TIMING_ROUNDS").ok();
    let rounds = rounds.and_then(|n| n.parse().ok()).unwrap_or(250);
    let agreement = agreement(rounds as u32);
    let keys = || (0..2).map(|party| key(&agreement, party).into()).collect();

    let enclave = Enclave::start_unpaced(Arc::clone(&agreement), keys()).unwrap();
    let control = measure(&mut Talk::begin(&enclave, &agreement), rounds);
    let (unpaced, kind) = largest(&control);
    println!("unpaced: |t| {unpaced:.1} for {kind:?}");
    assert!(unpaced > 30.0, "the check is blind: |t| is {unpaced:.1} without pacing");

    let enclave = Enclave::start(Arc::clone(&agreement), keys(), "127.0.0.1:0", None).unwrap();
    let mut talk = Talk::begin(&enclave, &agreement);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let times = measure(&mut talk, rounds);
        for (asked, times) in &times {
            assert!(times.iter().all(|&time| time >= 0.010), "{asked:?} left before the bound");
        }
        let (paced, kind) = largest(&times);
        println!("paced: |t| {paced:.1} for {kind:?}");
        if paced < 4.5 {
            return;
        }
        seen.push((paced, kind));
    }
    panic!("refusals tell themselves from an answer, twice: {seen:?}");
}

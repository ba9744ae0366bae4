//! What the host costs beside the engine: a batch scored through a socket, TLS, checks, budgets and receipts, and the same
//! rows in this process, in turns. Replies are not paced, so that work is measured and not waiting.
//!
//! Prints one JSON object. `ratio` is how fast the host is where the engine is 1.
#![forbid(unsafe_code)]

use benches::complete_trees;
use channel::{Psk, connect};
use client::data::Values;
use client::enclave::{Call, Session};
use dev::enclave::{Enclave, IMAGE, expected, now};
use engine::{
    Backend, CompileOptions, Evaluation, Output, Precision, RowValues, Rows, compile, evaluate,
};
use protocol::agreement::{Agreement, Authentication, Column, ColumnValues, Digits, Missing, Whom};
use protocol::attestation::{Judge, Measurements};
use protocol::sha256;
use serde_json::json;
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FEATURES: u32 = 32;
const ROUNDS: usize = 9;

fn main() {
    let trees = std::env::args().nth(1).map_or(1000, |n| n.parse().expect("a number of trees"));
    let rows = std::env::args().nth(2).map_or(65_536, |n| n.parse().expect("a number of rows"));
    let program = compile(&complete_trees(trees, 6, FEATURES), &CompileOptions::default());
    let bytes = protocol::program::encode(program.expect("compiles")).expect("fits");
    let program = protocol::program::decode(&bytes).expect("was just encoded");
    let agreement = Arc::new(agreement(&bytes, rows));

    let keys = || (0..2).map(|party| psk(&agreement, party).into()).collect();
    let enclave = Enclave::start_unpaced(Arc::clone(&agreement), keys()).expect("starts");
    let enter = |party| {
        let expected = Measurements::new(expected(&agreement)).expect("PCR0 is there");
        let judge = Judge::new(enclave.root(), expected, now);
        let socket = TcpStream::connect(enclave.address()).expect("it listens");
        socket.set_nodelay(true).expect("a TCP socket");
        let deadline = Instant::now() + Duration::from_secs(60);
        let key = psk(&agreement, party);
        let channel = connect(socket, &key, agreement.digest(), deadline)
            .and_then(|unattested| unattested.attest([1; 32], &judge))
            .expect("an enclave");
        Session::new(channel, &agreement, party as u16, Duration::from_secs(600))
            .expect("a session")
    };
    let mut alice = enter(0);
    let submission = alice.submission(&bytes).expect("random bytes");
    alice.submit(submission).expect("the program is the agreement's");
    let mut bob = enter(1);

    let values = |round: usize| -> Vec<f32> {
        let numbers = 0..rows as usize * FEATURES as usize;
        numbers.map(|at| ((at * 7919 + round) % 10_007) as f32 / 10_007.0).collect()
    };
    let evaluation = Evaluation {
        output: Output::Margin,
        backend: Backend::detect(),
        threads: NonZeroUsize::MIN,
        kernel: None,
    };
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let values = values(round);
        let local = Rows::try_new(FEATURES as usize, RowValues::F32(values.clone()));
        let local = local.expect("whole rows");
        let start = Instant::now();
        std::hint::black_box(evaluate(&program, &local, &evaluation, &|_| ()).expect("fits"));
        outside.push(start.elapsed().as_secs_f64());
        let values = Values::F32(values);
        let start = Instant::now();
        let call = Call::new(rows, &values, None).expect("random bytes");
        std::hint::black_box(bob.score(&call).expect("within the budget").outputs.len());
        inside.push(start.elapsed().as_secs_f64());
    }
    let mut ratios: Vec<f64> = outside.iter().zip(&inside).map(|(o, i)| o / i).collect();
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let report = json!({
        "trees": trees,
        "rows": rows,
        "features": FEATURES,
        "backend": Backend::detect().name(),
        "engine_ns_per_row": median(&mut outside) * 1e9 / f64::from(rows),
        "host_ns_per_row": median(&mut inside) * 1e9 / f64::from(rows),
        "ratio": median(&mut ratios),
    });
    println!("{report:#}");
}

fn secret(party: usize) -> [u8; 32] {
    [party as u8 + 1; 32]
}

fn psk(agreement: &Agreement, party: usize) -> Psk {
    let id = agreement.terms().parties[party].id();
    let secret = secret(party);
    Psk::new(secret, &sha256(&secret), &agreement.digest(), &id).expect("the agreement's hash")
}

/// The example's parties, about this program and so many rows.
fn agreement(program: &[u8], rows: u32) -> Agreement {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/agreements/alice-bob.toml");
    let mut parts = client::agreement::read(&path).expect("the example").terms().clone();
    parts.image = IMAGE;
    for (number, party) in parts.parties.iter_mut().enumerate() {
        party.authentication = Authentication::Psk { sha256: sha256(&secret(number)) };
    }
    parts.parties[1].score.calls = ROUNDS as u32;
    parts.parties[1].score.rows = ROUNDS as u64 * u64::from(rows);
    parts.program.card = protocol::card(program).expect("a program");
    parts.input.precision = Precision::F32;
    parts.input.rows_per_call = rows;
    parts.input.columns = (0..FEATURES)
        .map(|number| Column {
            name: format!("c{number}"),
            values: ColumnValues::Number { min: 0.0, max: 1.0 },
            missing: Missing::Refused,
            from: Whom::Caller,
        })
        .collect();
    parts.output.output = Output::Margin;
    (parts.output.min, parts.output.max) = (-1e6, 1e6);
    parts.releases[0].digits = Digits::Full;
    parts.limits.message_mib = 64;
    parts.limits.memory_mib = 1024;
    Agreement::new(parts).unwrap_or_else(|error| panic!("{}: {}", error.path, error.fault))
}

//! A party's side of the conversation with a development enclave, and what its receipts prove to whom.

use channel::{ChannelError, Psk, connect};
use client::data::Values;
use client::enclave::{Call, Session, SessionError};
use dev::enclave::{Enclave, IMAGE, expected, now};
use dev::network::Network;
use engine::{CompileOptions, compile};
use models::ImportOptions;
use protocol::agreement::{Agreement, Authentication, Replies};
use protocol::attestation::{Judge, Measurements, Refusal, Root};
use protocol::document::NotAttested;
use protocol::receipt::{ProvenReceipt, ReceiptRefusal};
use protocol::{Code, Sha384, sha256};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn secret(party: usize) -> [u8; 32] {
    [party as u8 + 1; 32]
}

fn agreement(name: &str) -> Arc<Agreement> {
    let path = root().join("examples/agreements").join(name);
    let mut parts = client::agreement::read(&path).unwrap().terms().clone();
    parts.image = IMAGE;
    parts.replies = Replies { bound_ms: 50, quantum_ms: 10, factor: 1 };
    for (number, party) in parts.parties.iter_mut().enumerate() {
        party.authentication = Authentication::Psk { sha256: sha256(&secret(number)) };
    }
    Arc::new(Agreement::new(parts).unwrap())
}

fn key(agreement: &Agreement, party: usize) -> Psk {
    let id = agreement.terms().parties[party].id();
    let secret = secret(party);
    Psk::new(secret, &sha256(&secret), &agreement.digest(), &id).unwrap()
}

fn start(agreement: &Arc<Agreement>) -> Enclave {
    let parties = 0..agreement.terms().parties.len();
    let keys = parties.map(|party| key(agreement, party).into()).collect();
    Enclave::start(Arc::clone(agreement), keys, "127.0.0.1:0", None).unwrap()
}

fn measurements(agreement: &Agreement) -> Measurements {
    Measurements::new(expected(agreement)).unwrap()
}

fn enter(
    address: SocketAddr,
    agreement: &Agreement,
    party: usize,
    judge: &Judge,
) -> Result<Session<TcpStream>, SessionError> {
    let socket = TcpStream::connect(address).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let unattested = connect(socket, &key(agreement, party), agreement.digest(), deadline)?;
    Session::new(
        unattested.attest([9; 32], judge)?,
        agreement,
        party as u16,
        Duration::from_secs(60),
    )
}

fn program() -> Vec<u8> {
    let path = root().join("examples/demo/model.json");
    let imported = models::import_file(&path, &ImportOptions::default()).unwrap();
    let program = compile(&imported.model, &CompileOptions::default()).unwrap();
    protocol::program::encode(program).unwrap()
}

fn call(rows: u32, values: Vec<f32>) -> Call {
    Call::new(rows, &Values::F32(values), None).unwrap()
}

#[test]
fn a_receipt_proves_what_was_done_to_whoever_has_the_agreement() {
    let agreement = agreement("alice-bob.toml");
    let enclave = start(&agreement);
    let judge = Judge::new(enclave.root(), measurements(&agreement), now);
    let bytes = program();
    let mut alice = enter(enclave.address(), &agreement, 0, &judge).unwrap();
    let submission = alice.submission(&bytes).unwrap();
    assert_eq!(alice.submit(submission).unwrap().submit_calls, 0);
    let submission = alice.submission(&bytes).unwrap();
    let again = alice.submit(submission).err();
    assert_eq!(again, Some(SessionError::Refused(Code::Budget)));
    let scored = alice.score(&call(2, vec![0.04; 60])).unwrap();
    assert_eq!((scored.outputs.len(), scored.left.score_calls), (2, 2));
    assert_eq!(scored.outputs[0], scored.outputs[1], "equal rows");
    let outside = alice.score(&call(1, vec![1e9; 30])).err();
    assert_eq!(outside, Some(SessionError::Refused(Code::Values)));
    assert_eq!(alice.status().unwrap().score_calls, 2, "a refusal is not charged");

    // what is kept reads back and holds, and not one bit of it can be changed
    let kept = scored.receipt.unwrap().encode();
    let verify = |kept: &[u8], root: &Root, digest: &Sha384| match ProvenReceipt::decode(kept) {
        Some(receipt) => {
            receipt.verify(root, &measurements(&agreement), digest).map(|body| body.rows)
        }
        None => Err(ReceiptRefusal::Document(Refusal::Cbor)),
    };
    let (root, digest) = (enclave.root(), agreement.digest());
    assert_eq!(verify(&kept, &root, &digest), Ok(2));
    for offset in 0..kept.len() {
        let mut changed = kept.clone();
        changed[offset] ^= 1 << (offset % 8);
        assert!(verify(&changed, &root, &digest).is_err(), "byte {offset}");
    }
    for length in [0, 415, 416, 448, 449, kept.len() - 1] {
        assert!(verify(&kept[..length], &root, &digest).is_err(), "the first {length} bytes");
    }
    let other = Sha384([1; 48]);
    assert_eq!(verify(&kept, &root, &other), Err(ReceiptRefusal::Agreement));
    // to a production client it proves nothing
    let aws = Root::aws().unwrap();
    assert_eq!(verify(&kept, &aws, &digest), Err(ReceiptRefusal::Document(Refusal::Chain)));
}

#[test]
fn nobody_enters_what_is_not_the_agreed_enclave() {
    let ours = agreement("alice-bob.toml");
    let theirs = agreement("alice-charlie.toml");
    let enclave = start(&theirs);
    let not_attested = Some(SessionError::Channel(ChannelError::NotAttested(NotAttested)));
    // another agreement: not even the handshake
    let judge = Judge::new(enclave.root(), measurements(&ours), now);
    let refused = enter(enclave.address(), &ours, 0, &judge).err();
    assert_eq!(refused, Some(SessionError::Channel(ChannelError::Handshake)));
    // the right agreement, and a root or an image that is not expected
    let cases = [
        (Root::aws().unwrap(), measurements(&theirs)),
        (enclave.root(), measurements(&ours)),
        (enclave.root(), Measurements::new([(0, Sha384([1; 48]))]).unwrap()),
    ];
    for (root, expected) in cases {
        let judge = Judge::new(root, expected, now);
        assert_eq!(enter(enclave.address(), &theirs, 0, &judge).err(), not_attested);
    }
    let judge = Judge::new(enclave.root(), measurements(&theirs), now);
    assert!(enter(enclave.address(), &theirs, 0, &judge).is_ok());
}

#[test]
fn the_network_sees_sizes_and_times_and_nothing_else() {
    let agreement = agreement("alice-bob.toml");
    let enclave = start(&agreement);
    let network = Network::before(enclave.address()).unwrap();
    let judge = Judge::new(enclave.root(), measurements(&agreement), now);
    let bytes = program();
    let mut alice = enter(network.address(), &agreement, 0, &judge).unwrap();
    let submission = alice.submission(&bytes).unwrap();
    alice.submit(submission).unwrap();
    alice.score(&call(1, vec![0.04; 30])).unwrap();
    let score = *network.turns().last().unwrap();
    assert!(score.asked > 120 && score.answered > 1600, "{score:?}");
    assert!(score.waited >= Duration::from_millis(50), "{score:?}");
    assert!(network.packets().iter().any(|packet| packet.bytes.len() > 1000));
    // the control: what does pass in the clear is seen
    assert!(network.saw(b"\x16\x03"));
    for piece in bytes.chunks_exact(16).filter(|piece| piece.iter().any(|&byte| byte != piece[0])) {
        assert!(!network.saw(piece));
    }
}

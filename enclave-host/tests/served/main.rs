//! The host over real sockets: two parties, strangers, and what each of them can do to the others.

#[path = "../requests/world.rs"]
#[allow(dead_code)]
mod world;

use channel::{Channel, OwnKey, Parties, Proof, Psk, connect, connect_pinned};
use enclave_host::log::Log;
use enclave_host::pace::{Agreed, NoTrial, Pace};
use enclave_host::serve::{Host, serve};
use enclave_host::world::{Clock, NotStored, Store};
use enclave_host::{Boot, Core};
use protocol::agreement::{Agreement, AgreementParts, Authentication, Replies};
use protocol::document::{Attester, Expected, NoDocument, NotAttested, Verifier};
use protocol::frame::Kind;
use protocol::message::{Content, RawOperation, RawRequest, Reply, RequestId};
use protocol::{Code, Sha384, sha256};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use world::{ALICE, BOB, CAROL, Counting, SALT, program_bytes, score, terms};

/// Keeps everything.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u64>>>);

impl Store for Kept {
    fn put(&mut self, epoch: u64, _: &[u8]) -> Result<(), NotStored> {
        self.0.lock().unwrap().push(epoch);
        Ok(())
    }
}

struct Module;

impl Attester for Module {
    fn document_for(
        &self,
        user_data: &Sha384,
        nonce: &[u8; 32],
        _: Option<&[u8]>,
    ) -> Result<Vec<u8>, NoDocument> {
        Ok([user_data.0.as_slice(), nonce].concat())
    }
}

impl Verifier for Module {
    fn verify(&self, document: &[u8], expected: &Expected) -> Result<(), NotAttested> {
        let honest = [expected.user_data.0.as_slice(), &expected.nonce].concat();
        if document == honest { Ok(()) } else { Err(NotAttested) }
    }
}

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Option<u64> {
        None
    }
}

/// For tests that are not about time.
struct AtOnce;

impl Pace for AtOnce {
    fn wait(&self, _: Instant) -> Option<u32> {
        None
    }
}

struct Served {
    address: SocketAddr,
    agreement: Arc<Agreement>,
    receipt_key: [u8; 32],
    stored: Kept,
    /// Bob has no key that the enclave has too.
    bob: OwnKey,
}

/// A party's secret in these tests.
fn secret(party: u16) -> [u8; 32] {
    [party as u8 + 1; 32]
}

fn start(mut parts: AgreementParts, pace: impl Pace + 'static) -> Served {
    let bob = OwnKey::generate().unwrap();
    for (party, terms) in (0..).zip(&mut parts.parties) {
        terms.authentication = if party == BOB {
            Authentication::Tls { key_sha256: bob.sha256() }
        } else {
            Authentication::Psk { sha256: sha256(&secret(party)) }
        };
    }
    let agreement = Arc::new(Agreement::new(parts).unwrap());
    let boot = Arc::new(Boot::new(&mut Counting(0)).unwrap());
    let stored = Kept::default();
    let core = Core::new(Arc::clone(&agreement), Arc::clone(&boot), stored.clone(), None, NoTrial)
        .ok()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let served = Served {
        address: listener.local_addr().unwrap(),
        agreement: Arc::clone(&agreement),
        receipt_key: boot.receipt_public_key(),
        stored,
        bob,
    };
    let proofs = (0..agreement.terms().parties.len() as u16).map(|party| match party {
        BOB => Proof::Pinned(served.bob.sha256()),
        other => served.key(other).into(),
    });
    let parties = Parties::new(proofs.collect()).unwrap();
    let log = Arc::new(Log::new(agreement.terms().replies));
    let host = Host { agreement, boot, core, parties, attester: Module, clock: NoClock, pace, log };
    // it serves until the tests end
    thread::spawn(move || serve(&listener, host));
    served
}

impl Served {
    fn key(&self, party: u16) -> Psk {
        let party_id = self.agreement.terms().parties[usize::from(party)].id();
        let secret = secret(party);
        Psk::new(secret, &sha256(&secret), &self.agreement.digest(), &party_id).unwrap()
    }

    fn connect(&self, party: u16) -> Channel<TcpStream> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let socket = TcpStream::connect(self.address).unwrap();
        let digest = self.agreement.digest();
        let connection = match party {
            BOB => connect_pinned(socket, &self.bob, digest, deadline),
            other => connect(socket, &self.key(other), digest, deadline),
        };
        connection.unwrap().attest([3; 32], &Module).unwrap()
    }
}

fn ask(channel: &mut Channel<TcpStream>, kind: Kind, body: &[u8]) -> (Reply, usize) {
    channel.send(kind, body).unwrap();
    let (answered, body) = channel.receive(|_| 1 << 20).unwrap();
    assert_eq!(answered, kind);
    let length = body.len();
    (Reply::parse(body).unwrap(), length)
}

fn submission() -> RawRequest {
    let program = Content::new(program_bytes(1.0));
    let operation = RawOperation::Submit { salt: SALT, program };
    RawRequest { id: RequestId([100; 16]), operation }
}

fn outputs(reply: &Reply) -> Vec<f64> {
    let words = reply.outputs.expose().chunks_exact(8).take(reply.rows as usize);
    words.map(|word| f64::from_le_bytes(word.try_into().unwrap())).collect()
}

/// Alice's model, Bob's rows, Bob's third call refused, every receipt verified.
#[test]
fn two_parties_over_sockets() {
    let served = start(terms(false), AtOnce);
    let (mut alice, mut bob) = (served.connect(ALICE), served.connect(BOB));
    assert_eq!(alice.boot(), bob.boot());
    let early = ask(&mut bob, Kind::Score, &score(1, [0; 16], &[1.0, 2.0], 2).encode()).0;
    assert_eq!(early.code, Code::Phase);
    assert_eq!(ask(&mut alice, Kind::Submit, &submission().encode()).0.code, Code::Done);
    for id in 1..=3 {
        let request = score(id, [0; 16], &[1.0, 2.0, 3.0, 4.0], 2);
        let reply = ask(&mut bob, Kind::Score, &request.encode()).0;
        assert_eq!(reply.agreement, served.agreement.digest());
        if id == 3 {
            assert_eq!((reply.code, reply.rows), (Code::Budget, 0));
            assert!(reply.receipt.is_none());
        } else {
            assert_eq!((reply.code, outputs(&reply)), (Code::Done, vec![5.0, 11.0]));
            let receipt = reply.receipt.unwrap();
            assert!(receipt.verify(&served.receipt_key));
            assert_eq!(receipt.body.calls_left, 2 - u32::from(id));
            assert_eq!(receipt.body.party, served.agreement.terms().parties[1].id());
        }
    }
    // a new connection is the same party, with the same budget
    drop(bob);
    let mut bob = served.connect(BOB);
    let request = score(4, [0; 16], &[1.0, 2.0], 2);
    assert_eq!(ask(&mut bob, Kind::Score, &request.encode()).0.code, Code::Budget);
    // and the record of every request came before its reply: a phase, a program, two calls, two refusals
    assert_eq!(*served.stored.0.lock().unwrap(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn success_refusal_and_nonsense_have_one_size_and_never_leave_before_the_bound() {
    let mut parts = terms(false);
    parts.replies = Replies { bound_ms: 150, quantum_ms: 50, factor: 1 };
    let served = start(parts.clone(), Agreed::new(parts.replies));
    let (mut alice, mut bob) = (served.connect(ALICE), served.connect(BOB));
    ask(&mut alice, Kind::Submit, &submission().encode());
    let good = |id| score(id, [0; 16], &[1.0, 2.0], 2).encode();
    let mut nonsense = good(9);
    nonsense[68] = 1;
    let mut sizes = Vec::new();
    for (code, body) in [
        (Code::Done, good(1)),
        (Code::Done, good(1)),
        (Code::Reused, score(1, [0; 16], &[2.0, 2.0], 2).encode()),
        (Code::Values, score(2, [0; 16], &[1000.0, 2.0], 2).encode()),
        (Code::Malformed, nonsense),
        (Code::Malformed, vec![0; 3]),
        (Code::Done, good(2)),
        (Code::Budget, good(3)),
    ] {
        let start = Instant::now();
        let (reply, size) = ask(&mut bob, Kind::Score, &body);
        assert_eq!(reply.code, code);
        assert!(start.elapsed() >= Duration::from_millis(150), "{code:?} left too early");
        sizes.push(size);
    }
    sizes.dedup();
    assert_eq!(sizes.len(), 1, "{sizes:?}");
}

/// A crowd that says nothing holds nobody up: whoever was greeted first is hung up on.
#[test]
fn a_silent_crowd_is_hung_up_on_and_a_party_gets_in() {
    let served = start(terms(false), AtOnce);
    let crowd: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(served.address).unwrap()).collect();
    // half of them say a byte
    for mut stranger in crowd.iter().take(100) {
        let _ = stranger.write_all(&[22]);
    }
    let mut alice = served.connect(ALICE);
    assert_eq!(ask(&mut alice, Kind::Submit, &submission().encode()).0.code, Code::Done);
    // 8 connections for 3 parties leave 5 for strangers, and Alice was the newest of them
    let gone = crowd.iter().filter(|stranger| {
        stranger.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut stranger: &TcpStream = stranger;
        !matches!(stranger.read(&mut [0; 64]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert!(gone.count() >= 195);
}

/// A party that stays and says nothing, and one that sends what is no request, harm themselves alone.
#[test]
fn a_party_can_only_hold_up_itself() {
    let served = start(terms(false), AtOnce);
    let mut alice = served.connect(ALICE);
    ask(&mut alice, Kind::Submit, &submission().encode());
    let mut carol = served.connect(CAROL);
    thread::scope(|scope| {
        let served = &served;
        // Bob's worker computes while Alice's does
        for party in [ALICE, BOB] {
            scope.spawn(move || {
                let mut channel = served.connect(party);
                let request = score(7, [0; 16], &[1.0, 2.0], 2);
                assert_eq!(ask(&mut channel, Kind::Score, &request.encode()).0.code, Code::Done);
            });
        }
        drop(alice);
    });
    // a frame of a kind that is no request ends the conversation, and only that one
    carol.send(Kind::Hello, &[1; 16]).unwrap();
    assert!(carol.receive(|_| 1 << 20).is_err());
    // and so does a challenge for the receipt key that is too short
    let mut carol = served.connect(CAROL);
    carol.send(Kind::ReceiptKey, &[1; 31]).unwrap();
    assert!(carol.receive(|_| 1 << 20).is_err());
    let mut carol = served.connect(CAROL);
    assert_eq!(ask(&mut carol, Kind::Status, &[1; 16]).0.code, Code::Done);
}

//! A host that is killed at any moment: what was released was charged and stored before, and never more than agreed.
//!
//! 40 seeded moments, or as many as `TAUTOCHRONE_KILLS` says.

use channel::ChannelError;
use client::data::Values;
use client::enclave::{Call, Session, SessionError};
use client::identity::Identity;
use dev::enclave::{IMAGE, expected, now};
use protocol::Code;
use protocol::agreement::{Agreement, Authentication, Replies};
use protocol::attestation::{Judge, Measurements, Root};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Calls that Bob has: more than fit before most of the kills.
const CALLS: u32 = 30;

struct World {
    folder: tempfile::TempDir,
    agreement: Agreement,
    alice: Identity,
    bob: Identity,
    program: Vec<u8>,
}

/// The example, with keys of this test, written as TOML for the host.
fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let identities = ["alice", "bob"].map(|name| {
        let identity = Identity::new_psk().unwrap();
        identity.write(&folder.path().join(format!("{name}.key"))).unwrap();
        identity
    });
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let text = std::fs::read_to_string(examples.join("agreements/alice-bob.toml")).unwrap();
    let mut hashes = identities.iter().map(|identity| identity.hash().1);
    let lines = text.lines().map(|line| match line.split(" = ").next().unwrap_or_default() {
        "pcr0" => format!("pcr0 = {:?}", "d0".repeat(48)),
        "pcr1" => format!("pcr1 = {:?}", "d1".repeat(48)),
        "pcr2" => format!("pcr2 = {:?}", "d2".repeat(48)),
        "bound_ms" => "bound_ms = 2".into(),
        "quantum_ms" => "quantum_ms = 1".into(),
        "psk_sha256" => format!("psk_sha256 = \"{}\"", hashes.next().unwrap()),
        "score_calls" => format!("score_calls = {CALLS}"),
        _ => line.to_owned(),
    });
    let text: Vec<String> = lines.collect();
    let file = folder.path().join("agreement.toml");
    std::fs::write(&file, text.join("\n")).unwrap();
    let agreement = client::agreement::read(&file).unwrap();
    assert_eq!(agreement.terms().image, IMAGE);
    let psk = |party: usize| agreement.terms().parties[party].authentication;
    assert!(matches!(psk(0), Authentication::Psk { .. }));
    assert_eq!(agreement.terms().replies, Replies { bound_ms: 2, quantum_ms: 1, factor: 2 });
    let model = examples.join("demo/model.json");
    let imported = models::import_file(&model, &models::ImportOptions::default()).unwrap();
    let program = engine::compile(&imported.model, &engine::CompileOptions::default()).unwrap();
    let program = protocol::program::encode(program).unwrap();
    let [alice, bob] = identities;
    World { folder, agreement, alice, bob, program }
}

/// A host of its own, with a store of its own.
struct Host {
    child: Arc<Mutex<Child>>,
    address: String,
    judge: Judge,
    root: Root,
    expected: Measurements,
    store: PathBuf,
}

impl World {
    fn host(&self, number: usize) -> Host {
        let store = self.folder.path().join(format!("store-{number}"));
        std::fs::create_dir(&store).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tautochrone-dev"));
        command.current_dir(self.folder.path()).args([
            "enclave",
            "--agreement",
            "agreement.toml",
            "--identity",
            "alice.key",
            "--identity",
            "bob.key",
            "--root",
            "root.pem",
            "--store",
        ]);
        let mut child = command.arg(&store).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut address).unwrap();
        let root = std::fs::read(self.folder.path().join("root.pem")).unwrap();
        let root = Root::other(&CertificateDer::from_pem_slice(&root).unwrap()).unwrap();
        let expected = Measurements::new(expected(&self.agreement)).unwrap();
        Host {
            child: Arc::new(Mutex::new(child)),
            address: address.trim().to_owned(),
            judge: Judge::new(root.clone(), expected.clone(), now),
            root,
            expected,
            store,
        }
    }

    fn enter(&self, host: &Host, party: u16) -> Result<Session<TcpStream>, SessionError> {
        let broken = SessionError::Channel(ChannelError::Broken);
        let socket = TcpStream::connect(&host.address).map_err(|_| broken)?;
        let identity = if party == 0 { &self.alice } else { &self.bob };
        let deadline = Instant::now() + Duration::from_secs(20);
        let unattested = identity.connect(socket, &self.agreement, party, deadline)?;
        let channel = unattested.attest([1; 32], &host.judge)?;
        Session::new(channel, &self.agreement, party, Duration::from_secs(20))
    }

    /// Submits, then asks until nothing is left or nobody answers. The epochs of the answers.
    fn drive(&self, host: &Host) -> (Vec<u64>, bool) {
        let mut epochs = Vec::new();
        let mut run = || -> Result<(), SessionError> {
            let mut alice = self.enter(host, 0)?;
            let submission = alice.submission(&self.program)?;
            alice.submit(submission)?;
            let mut bob = self.enter(host, 1)?;
            loop {
                let value = epochs.len() as f32 / 1000.0;
                let scored = bob.score(&Call::new(1, &Values::F32(vec![value; 30]), None)?)?;
                let (receipt, digest) = (scored.receipt.unwrap(), self.agreement.digest());
                let body = receipt.verify(&host.root, &host.expected, &digest).unwrap();
                epochs.push(body.epoch);
            }
        };
        let exhausted = run() == Err(SessionError::Refused(Code::Budget));
        (epochs, exhausted)
    }
}

#[test]
fn a_kill_at_any_moment_releases_nothing_that_was_not_charged_and_stored() {
    let kills = std::env::var("TAUTOCHRONE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let world = world();
    // how long a host lives that nobody kills
    let host = world.host(0);
    let start = Instant::now();
    let (epochs, exhausted) = world.drive(&host);
    let life = start.elapsed();
    assert!(exhausted && epochs.len() == CALLS as usize, "{} calls", epochs.len());
    host.child.lock().unwrap().kill().unwrap();
    host.child.lock().unwrap().wait().unwrap();

    let (mut cut, mut answered) = (0, 0);
    for number in 1..=kills {
        let host = world.host(number);
        // a fixed sequence of moments over the life of a host
        let moment = life.mul_f64((number as f64 * 0.618_033_988_75).fract());
        let killer = thread::spawn({
            let child = Arc::clone(&host.child);
            move || {
                thread::sleep(moment);
                child.lock().unwrap().kill().unwrap();
            }
        });
        let (epochs, exhausted) = world.drive(&host);
        killer.join().unwrap();
        host.child.lock().unwrap().wait().unwrap();
        cut += usize::from(!exhausted);
        answered += epochs.len();
        // never more than agreed, never two for one record, and the record was there before the answer
        assert!(epochs.len() <= CALLS as usize, "kill {number}: {} answers", epochs.len());
        let distinct: BTreeSet<u64> = epochs.iter().copied().collect();
        assert_eq!(distinct.len(), epochs.len(), "kill {number}: {epochs:?}");
        for epoch in epochs {
            let record = std::fs::read(host.store.join(format!("{epoch}.record")));
            let record = record.unwrap_or_else(|error| panic!("kill {number}, {epoch}: {error}"));
            assert_eq!(record.len(), 512, "kill {number}: record {epoch}");
        }
    }
    println!("{kills} kills, {cut} before the last call; {answered} answers, each with its record");
    assert!(cut > kills / 2, "most kills must come while the host works: {cut} of {kills}");
    assert!(answered > kills, "and most of them after it began to");
}

//! Four parties at once, then a crowd that says nothing.
//!
//! 30 seconds; with `TAUTOCHRONE_LOAD=full` (see `tests/load`) ten minutes, 10,000 requests and a gigabyte of rows.

use client::data::Values;
use client::enclave::{Call, Session};
use client::identity::Identity;
use dev::enclave::{expected, now};
use protocol::agreement::Agreement;
use protocol::attestation::{Judge, Measurements, Root};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

/// Rows of a call, 120 bytes each.
const ROWS: u32 = 1000;
const BOUND: Duration = Duration::from_millis(100);
const QUANTUM: Duration = Duration::from_millis(50);
/// Between two calls of one party.
const STEP: Duration = Duration::from_millis(200);
const MEMORY_MIB: u64 = 128;
const CROWD: usize = 1000;

struct World {
    folder: tempfile::TempDir,
    agreement: Agreement,
    identities: Vec<Identity>,
    child: Child,
    address: String,
    judge: Judge,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example with two more data owners, and budgets for so many calls of each.
fn text(hashes: &[String], calls: u32) -> String {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let text = std::fs::read_to_string(examples.join("agreements/alice-bob.toml")).unwrap();
    let rows = u64::from(calls) * u64::from(ROWS);
    let mut psks = hashes.iter();
    let lines = text.lines().map(|line| match line.split(" = ").next().unwrap_or_default() {
        "pcr0" => format!("pcr0 = {:?}", "d0".repeat(48)),
        "pcr1" => format!("pcr1 = {:?}", "d1".repeat(48)),
        "pcr2" => format!("pcr2 = {:?}", "d2".repeat(48)),
        "bound_ms" => format!("bound_ms = {}", BOUND.as_millis()),
        "quantum_ms" => format!("quantum_ms = {}", QUANTUM.as_millis()),
        "psk_sha256" => format!("psk_sha256 = \"{}\"", psks.next().unwrap()),
        "score_calls" => format!("score_calls = {calls}"),
        "score_rows" => format!("score_rows = {rows}"),
        "rows_per_call" => format!("rows_per_call = {ROWS}"),
        "memory_mib" => format!("memory_mib = {MEMORY_MIB}"),
        "connections" => "connections = 64".into(),
        _ => line.to_owned(),
    });
    let mut lines: Vec<String> = lines.collect();
    let more = [("carol", 7), ("dave", 8)].map(|(name, digit)| {
        format!(
            "[[party]]\nname = \"{name}\"\nroles = [\"data-owner\", \"reader\"]\n\
             kms_key_arn = \"arn:aws:kms:eu-central-1:111122223333:key/{digit}234abcd-12ab-34cd-56ef-1234567890ab\"\n\
             authentication = \"psk\"\npsk_sha256 = \"{}\"\nscore_calls = {calls}\nscore_rows = {rows}\n",
            psks.next().unwrap()
        )
    });
    let place = lines.iter().position(|line| line == "[program]").unwrap();
    lines.splice(place..place, more);
    lines.join("\n")
}

fn world(calls: u32) -> World {
    let folder = tempfile::tempdir().unwrap();
    let identities: Vec<Identity> = (0..4).map(|_| Identity::new_psk().unwrap()).collect();
    let hashes: Vec<String> = identities.iter().map(|one| one.hash().1.to_string()).collect();
    let file = folder.path().join("agreement.toml");
    std::fs::write(&file, text(&hashes, calls)).unwrap();
    let agreement = client::agreement::read(&file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tautochrone-dev"));
    command.current_dir(folder.path()).args(["enclave", "--agreement", "agreement.toml"]);
    for (number, identity) in identities.iter().enumerate() {
        let name = format!("{number}.key");
        identity.write(&folder.path().join(&name)).unwrap();
        command.arg("--identity").arg(name);
    }
    std::fs::create_dir(folder.path().join("store")).unwrap();
    command.args(["--root", "root.pem", "--store", "store"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut address).unwrap();
    let root = std::fs::read(folder.path().join("root.pem")).unwrap();
    let root = Root::other(&CertificateDer::from_pem_slice(&root).unwrap()).unwrap();
    let judge = Judge::new(root, Measurements::new(expected(&agreement)).unwrap(), now);
    World { folder, agreement, identities, child, address: address.trim().to_owned(), judge }
}

impl World {
    fn enter(&self, party: u16) -> Session<TcpStream> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_nodelay(true).unwrap();
        let identity = &self.identities[usize::from(party)];
        let unattested = identity.connect(socket, &self.agreement, party, deadline).unwrap();
        let channel = unattested.attest([1; 32], &self.judge).unwrap();
        Session::new(channel, &self.agreement, party, Duration::from_secs(20)).unwrap()
    }

    /// Resident memory of the enclave now, and at its most: MiB.
    fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (kib("VmRSS:") >> 10, kib("VmHWM:") >> 10)
    }

    /// How long it takes from nothing to an answer.
    fn visit(&self) -> Duration {
        let start = Instant::now();
        let mut session = self.enter(3);
        session.status().unwrap();
        let took = start.elapsed();
        session.close();
        took
    }
}

#[test]
fn four_parties_and_a_crowd() {
    let full = std::env::var("TAUTOCHRONE_LOAD").is_ok_and(|load| load == "full");
    let (calls, visits) = if full { (3000, 40) } else { (60, 15) };
    let world = world(calls);
    let program = {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo/model.json");
        let imported = models::import_file(&model, &models::ImportOptions::default()).unwrap();
        let program = engine::compile(&imported.model, &engine::CompileOptions::default()).unwrap();
        protocol::program::encode(program).unwrap()
    };
    let mut alice = world.enter(0);
    let submission = alice.submission(&program).unwrap();
    alice.submit(submission).unwrap();

    let begin = Instant::now();
    let (late, early) = (Mutex::new(0), Mutex::new(None));
    thread::scope(|scope| {
        for party in 1..4 {
            let (world, late) = (&world, &late);
            scope.spawn(move || {
                let mut session = world.enter(party);
                let mut first = None;
                for call in 0..calls {
                    let due = begin + STEP * call;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let value = f32::from(party) / 100.0;
                    let rows = Values::F32(vec![value; 30 * ROWS as usize]);
                    let asked = Instant::now();
                    let scored = session.score(&Call::new(ROWS, &rows, None).unwrap()).unwrap();
                    if asked.elapsed() > BOUND + QUANTUM {
                        *late.lock().unwrap() += 1;
                    }
                    let answer = *first.get_or_insert(scored.outputs[0]);
                    assert_eq!(scored.outputs.len(), ROWS as usize);
                    assert!(scored.outputs.iter().all(|&other| other == answer));
                    assert_eq!(scored.left.score_calls, calls - call - 1);
                }
                session.close();
            });
        }
        // the owner looks on: a third as often
        for look in 0..calls / 3 {
            let due = begin + STEP * 3 * look;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            assert!(alice.status().unwrap().phase >= 1);
            if look == calls / 15 {
                *early.lock().unwrap() = Some(world.memory().0);
            }
        }
    });
    let requests = calls * 3 + calls / 3 + 1;
    let bytes = u64::from(calls) * 3 * u64::from(ROWS) * 120;
    let (early, (end, most)) = (early.into_inner().unwrap().unwrap(), world.memory());
    println!(
        "{requests} requests of 4 parties, {} MB of rows in {:.0} s, no error; {} replies later than bound and quantum; \
         memory {early} MiB after a fifth, {end} at the end, {most} at most, {MEMORY_MIB} agreed",
        bytes / 1_000_000,
        begin.elapsed().as_secs_f64(),
        late.into_inner().unwrap(),
    );
    assert!(most <= MEMORY_MIB && end <= early + 8);
    let stored = std::fs::read_dir(world.folder.path().join("store")).unwrap().count();
    assert_eq!(stored, calls as usize * 3 + 1);

    let alone = sorted((0..visits).map(|_| world.visit()).collect());
    let beside = AtomicBool::new(true);
    let arrival = Instant::now();
    let crowded = thread::scope(|scope| {
        let (there, rounds) = std::sync::mpsc::channel();
        let crowd = scope.spawn(|| crowd(&world.address, &beside, there));
        // all of them came, and came back once
        rounds.recv_timeout(Duration::from_secs(60)).unwrap();
        let crowded = sorted((0..visits).map(|_| world.visit()).collect());
        beside.store(false, Ordering::Relaxed);
        let hung_up = crowd.join().unwrap();
        println!(
            "{hung_up} times one of the crowd was hung up on in {:.0} s",
            arrival.elapsed().as_secs_f64()
        );
        assert!(hung_up > 0);
        crowded
    });
    let (middle, ninth) = (visits / 2, visits * 9 / 10);
    println!(
        "from connecting to an answer: alone {:?} (median), beside {CROWD} who say nothing or a byte a second {:?}; nine \
         of ten within {:?}",
        alone[middle], crowded[middle], crowded[ninth]
    );
    assert!(crowded[ninth] <= alone[middle] + QUANTUM, "delayed by more than a quantum");
}

fn sorted(mut times: Vec<Duration>) -> Vec<Duration> {
    times.sort();
    times
}

/// Strangers who stay: half say nothing, half a byte a second. Who was hung up on comes back. How many were.
fn crowd(address: &str, stays: &AtomicBool, there: Sender<()>) -> usize {
    let come = || {
        let stranger = TcpStream::connect(address).unwrap();
        stranger.set_nonblocking(true).unwrap();
        stranger
    };
    let mut strangers: Vec<TcpStream> = (0..CROWD).map(|_| come()).collect();
    let mut hung_up = 0;
    while stays.load(Ordering::Relaxed) {
        let round = Instant::now();
        for (number, stranger) in strangers.iter_mut().enumerate() {
            let gone = match stranger.read(&mut [0; 16]) {
                Err(error) => error.kind() != ErrorKind::WouldBlock,
                Ok(_) => true,
            };
            if gone || (number % 2 == 0 && stranger.write_all(&[1]).is_err()) {
                hung_up += 1;
                *stranger = come();
            }
            // spread over the second
            let due = round + Duration::from_secs(1).mul_f64(number as f64 / CROWD as f64);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        // who waited for the first round has left
        let _ = there.send(());
    }
    hung_up
}

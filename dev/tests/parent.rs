//! The parent between parties and a locked-down enclave: it relays, keeps records, tells what it is told, and stops.

#[allow(dead_code, reason = "other tests use the rest of it")]
mod folder;

use folder::{Folder, examples};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A parent, and where it is.
struct Parent {
    child: Child,
    parties: String,
    metrics: String,
}

impl Parent {
    fn start(folder: &Folder, listen: &str) -> Self {
        let arguments = format!(
            "parent --enclave unix:. --store blobs --listen {listen} --metrics 127.0.0.1:0 --log log.jsonl \
             --agreement canonical --grace 5"
        );
        let mut child = folder.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let (parties, metrics) = line
            .trim()
            .strip_prefix("parties at ")
            .and_then(|line| line.split_once(", metrics at "))
            .unwrap_or_else(|| panic!("{line}"));
        Self { parties: parties.to_owned(), metrics: metrics.to_owned(), child }
    }

    /// `GET`: the status line's code and the body.
    fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }

    fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").1;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        // an operation that nobody asked for has no line
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Asks it to stop, and waits until it has.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds.
fn soon(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

#[test]
fn parties_reach_a_locked_down_enclave_through_a_parent_that_knows_nothing() {
    let folder = Folder::new();
    folder.agree();
    folder.succeeds("agreement digest agreement.toml --canonical canonical");
    let parent = Parent::start(&folder, "127.0.0.1:0");
    assert_eq!(parent.get("/health").0, "503");
    assert_eq!(parent.get("/").0, "404");
    let enclave = folder.serve("--parent .");
    soon("the enclave serves", || parent.get("/health").0 == "200");

    let remote = |party: &str, parent: &Parent| {
        format!("--enclave {} --agreement agreement.toml --identity {party}.key", parent.parties)
    };
    let model = examples().join("demo/model.json").display().to_string();
    let rows = examples().join("demo/rows.csv").display().to_string();
    let trusted = "--root root.pem";
    let alice = remote("alice", &parent);
    folder.succeeds(&format!("{trusted} model submit --model {model} {alice}"));
    let score = |parent: &Parent| {
        format!("{trusted} data score --data {rows} --out answers.csv {}", remote("bob", parent))
    };
    folder.succeeds(&score(&parent));
    assert!(folder.path("answers.csv").exists());

    // a parent that was started again: the same address, the same enclave, no word lost
    let at = parent.parties.clone();
    let stored = parent.metric("tautochrone_records_stored_total");
    assert_eq!(stored, 2, "a submission and a call");
    soon("the log is told", || {
        parent.metric("tautochrone_requests_total{operation=\"score\"}") == 1
    });
    parent.stop();
    let parent = Parent::start(&folder, &at);
    folder.succeeds(&score(&parent));
    let line = folder.fails(&score(&parent), 1);
    assert!(line.contains("more than is left"), "{line}");

    // what the parent kept: each record once, all of one size, nothing else
    let records = files(&folder.path("blobs"));
    assert_eq!(records.len(), 3, "{records:?}");
    for (epoch, record) in (1..).zip(&records) {
        let name = record.file_name().unwrap().to_string_lossy();
        assert_eq!(name, format!("{epoch:020}"));
        assert_eq!(std::fs::metadata(record).unwrap().len(), 512);
    }
    assert_eq!(parent.metric("tautochrone_records_stored_total"), 1);
    soon("the log is told", || {
        parent.metric("tautochrone_requests_total{operation=\"score\"}") == 1
    });
    assert!(parent.metric("tautochrone_bytes_in_total") > 1000);

    // the log tells operations and rows, and never how a request ended
    let log = std::fs::read_to_string(folder.path("log.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((told("serving"), told("dropped")), (1, 0));
    assert!(told("connected") >= 4 && told("answered") >= 6, "{log}");
    for line in &lines {
        let known =
            ["event", "party", "operation", "rows", "replies", "events", "enclave_ms", "time"];
        let fields = line.as_object().unwrap();
        assert!(fields.keys().all(|field| known.contains(&field.as_str())), "{line}");
        assert_eq!(line["enclave_ms"].as_u64().unwrap() % 10, 0, "on the quantum: {line}");
    }

    // the agreed memory was taken at the start, and no more since
    let status = std::fs::read_to_string(format!("/proc/{}/status", enclave.id())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let most: u64 = most.trim().split(' ').next().unwrap().parse().unwrap();
    let agreed = 256 << 10;
    assert!((agreed..agreed + (24 << 10)).contains(&most), "{most} KiB");

    drop(enclave);
    soon("the enclave is gone", || parent.get("/health").0 == "503");
    parent.stop();
}

#[test]
fn a_parent_without_an_enclave_or_a_store_says_so() {
    let folder = Folder::new();
    let line = folder.fails("parent --enclave vsock:2 --store blobs", 2);
    assert!(line.contains("write vsock:CID"), "{line}");
    std::fs::write(folder.path("blobs"), "no folder").unwrap();
    let line = folder.fails("parent --enclave unix:. --store blobs", 1);
    assert!(line.contains("blobs"), "{line}");
    std::fs::write(folder.path("wrong"), "no agreement").unwrap();
    let line = folder.fails("parent --enclave unix:. --store other --agreement wrong", 2);
    assert!(line.contains("--canonical"), "{line}");
}

//! What the attacker sees: the address of every instruction of an answer, and of every access to
//! memory, in order. The contents of memory and of registers it does not see.
//!
//! Valgrind's tool lackey prints them. It stands for the single steps of SGX-Step, for the page
//! faults and for the cache lines by which the operator of a machine sees the same of an enclave.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// One answer of the victim, as seen from outside.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Trace {
    steps: Vec<Step>,
}

/// What lackey prints on a line: `I`nstruction, `L`oad, `S`tore or `M`odify, address, bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Step {
    kind: u8,
    bytes: u16,
    address: u64,
}

impl Trace {
    /// Addresses of the instructions, in order.
    pub fn instructions(&self) -> Vec<u64> {
        self.steps.iter().filter(|step| step.kind == b'I').map(|step| step.address).collect()
    }

    /// How many accesses to memory there are.
    pub fn accesses(&self) -> usize {
        self.steps.iter().filter(|step| step.kind != b'I').count()
    }
}

/// Why the victim cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Valgrind does not start.
    #[error("valgrind does not start ({0}): install valgrind")]
    Start(std::io::Error),
    /// The victim ended, or sent nothing for five minutes.
    #[error("the victim stopped: {0}")]
    Stopped(String),
}

/// A victim that runs under the attacker's eyes.
pub struct Watcher {
    child: Child,
    rows: Option<ChildStdin>,
    traces: Receiver<Trace>,
    /// Rows asked so far.
    pub asked: usize,
}

/// Longest wait for one trace. A trace takes well below a second.
const PATIENCE: Duration = Duration::from_secs(300);

impl Watcher {
    /// Starts a victim on a secret that the attacker does not read.
    ///
    /// # Errors
    /// Where Valgrind is missing, or the victim refuses its arguments.
    pub fn start(victim: &Path, engine: &str, secret: &str) -> Result<Self, TraceError> {
        let mut child = Command::new("valgrind")
            .args(["--tool=lackey", "--trace-mem=yes", "--basic-counts=no"])
            .arg(victim)
            .args([engine, secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(TraceError::Start)?;
        let region = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let (sender, traces) = channel();
        if let Some(lines) = child.stderr.take() {
            let region = Arc::clone(&region);
            std::thread::spawn(move || read(lines, &region, &sender));
        }
        let rows = child.stdin.take();
        let mut places = [0; 16];
        let said = child.stdout.as_mut().map(|out| out.read_exact(&mut places));
        let watcher = Self { child, rows, traces, asked: 0 };
        match said {
            Some(Ok(())) => {}
            _ => return Err(TraceError::Stopped(format!("it refused {engine} {secret}"))),
        }
        // no row was sent yet: nothing can be missed before both are known
        for (place, bytes) in region.iter().zip(places.as_chunks::<8>().0) {
            place.store(u64::from_le_bytes(*bytes), Ordering::SeqCst);
        }
        Ok(watcher)
    }

    /// Sends a row and watches the victim answer it.
    ///
    /// # Errors
    /// Where the victim ends before it has answered.
    pub fn watch(&mut self, row: &[f32]) -> Result<Trace, TraceError> {
        let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        let stopped = |what: &str| TraceError::Stopped(what.to_owned());
        let rows = self.rows.as_mut().ok_or_else(|| stopped("it takes no rows"))?;
        rows.write_all(&bytes).and_then(|()| rows.flush()).map_err(|e| stopped(&e.to_string()))?;
        self.asked += 1;
        self.traces.recv_timeout(PATIENCE).map_err(|_| stopped("it gave no trace"))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // the end of its input ends the victim; the signal is for one that hangs
        self.rows = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cuts the answers out of everything that the victim does.
fn read(lines: ChildStderr, region: &[AtomicU64; 2], traces: &Sender<Trace>) {
    let mut lines = BufReader::with_capacity(1 << 16, lines);
    let mut line = Vec::new();
    let mut trace: Option<Trace> = None;
    loop {
        line.clear();
        if !lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            return;
        }
        let Some(step) = parse(&line) else { continue };
        if step.kind == b'I' {
            if step.address == region[0].load(Ordering::Relaxed) {
                trace = Some(Trace::default());
            } else if step.address == region[1].load(Ordering::Relaxed)
                && let Some(whole) = trace.take()
                && traces.send(whole).is_err()
            {
                return;
            }
        }
        if let Some(trace) = &mut trace {
            trace.steps.push(step);
        }
    }
}

/// `I  0401ab,3` or ` L 1ffe,8`.
fn parse(line: &[u8]) -> Option<Step> {
    let text = std::str::from_utf8(line).ok()?.trim_ascii();
    let (kind, rest) = text.split_at_checked(1)?;
    let (address, bytes) = rest.trim_ascii().split_once(',')?;
    let kind = *kind.as_bytes().first().filter(|kind| b"ILSM".contains(kind))?;
    Some(Step { kind, bytes: bytes.parse().ok()?, address: u64::from_str_radix(address, 16).ok()? })
}

//! Connections of parties, carried to the enclave and back without a look at them.

use crate::address::{Enclave, Stream, transient};
use crate::metrics::Metrics;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that are carried at a time.
const CARRIED: usize = 256 << 10;
/// How often a stop is looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// The relay.
pub struct Relay {
    enclave: Enclave,
    most: usize,
    metrics: Arc<Metrics>,
    open: AtomicUsize,
    stopping: AtomicBool,
    /// Both ends of every connection, to end them when time is up.
    ends: Mutex<Vec<(u64, Stream, Stream)>>,
}

impl Relay {
    /// A relay of at most so many connections at once.
    pub fn new(enclave: Enclave, most: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            enclave,
            most,
            metrics,
            open: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            ends: Mutex::default(),
        })
    }

    /// Carries until [`stop`](Self::stop). A connection too many is closed at once: the enclave has its own, smaller, limit.
    ///
    /// # Errors
    /// Where the listener fails.
    pub fn run(self: &Arc<Self>, listener: &TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let mut number = 0;
        while !self.stopping.load(Ordering::Relaxed) {
            let party = match listener.accept() {
                Ok((party, _)) => party,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Err(error) if transient(&error) => {
                    thread::sleep(GLANCE);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.metrics.connections.add(1);
            if self.open.load(Ordering::Relaxed) >= self.most {
                self.metrics.refused.add(1);
                continue;
            }
            self.open.fetch_add(1, Ordering::Relaxed);
            number += 1;
            let relay = Arc::clone(self);
            thread::spawn(move || {
                // a connection that fails is its party's to see
                let _ = party.set_nonblocking(false);
                let _ = party.set_nodelay(true);
                let _ = relay.carry(number, Stream::Tcp(party));
                relay.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
        Ok(())
    }

    /// Takes no further connection, and gives those that are open so long to end.
    pub fn stop(&self, patience: Duration) {
        self.stopping.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + patience;
        while self.open() > 0 && Instant::now() < deadline {
            thread::sleep(GLANCE);
        }
        for (_, party, enclave) in self.ends().drain(..) {
            party.shutdown(Shutdown::Both);
            enclave.shutdown(Shutdown::Both);
        }
    }

    /// Connections at this moment.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether the enclave takes connections.
    pub fn enclave_serves(&self) -> bool {
        self.enclave.connect().is_ok()
    }

    fn ends(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Stream, Stream)>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self, number: u64, party: Stream) -> io::Result<()> {
        let enclave = self.enclave.connect().inspect_err(|_| self.metrics.unreachable.add(1))?;
        self.ends().push((number, party.try_clone()?, enclave.try_clone()?));
        let (mut inward, mut outward) = (party.try_clone()?, enclave.try_clone()?);
        let answers = thread::scope(|scope| {
            let answers = scope.spawn(|| copy(&mut outward, &mut inward));
            let (mut party, mut enclave) = (party, enclave);
            let asked = copy(&mut party, &mut enclave);
            (asked, answers.join().unwrap_or(0))
        });
        self.metrics.bytes_in.add(answers.0);
        self.metrics.bytes_out.add(answers.1);
        self.ends().retain(|(other, _, _)| *other != number);
        Ok(())
    }
}

/// Carries one direction to its end, and ends the other side's: how many bytes.
pub(crate) fn copy(from: &mut Stream, to: &mut Stream) -> u64 {
    let mut buffer = vec![0; CARRIED];
    let mut carried = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(count) if count > 0 => match to.write_all(&buffer[..count]) {
                Ok(()) => carried += count as u64,
                // who sends into nothing should learn that
                Err(_) => break from.shutdown(Shutdown::Read),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    to.shutdown(Shutdown::Write);
    carried
}

//! What the host says of its work: public facts, held until the quantum ends and sent in one burst.
//!
//! The memory for a quantum's events is there from the start; what finds no room is counted. A parent that does not read
//! makes events get lost, and nothing else.

use crate::world::Connect;
use channel::Socket;
use protocol::agreement::Replies;
use protocol::parent::{Event, LOG_BYTES, Logged, Service};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Events of one burst, at most.
const MOST: usize = 1024;
/// Bursts are at least this far apart.
const SHORTEST: Duration = Duration::from_millis(250);
/// How long the parent may take to read one.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log of one boot.
pub struct Log {
    start: Instant,
    /// A multiple of the agreement's quantum.
    quantum: Duration,
    waiting: Mutex<Waiting>,
    closed: AtomicBool,
}

struct Waiting {
    events: Vec<Event>,
    dropped: u32,
}

impl Log {
    /// An empty log.
    pub fn new(replies: Replies) -> Self {
        let quantum = Duration::from_millis(replies.quantum_ms.max(1).into());
        // both are short of an hour
        let quanta = SHORTEST.as_millis().div_ceil(quantum.as_millis()) as u32;
        Self {
            start: Instant::now(),
            quantum: quantum * quanta,
            waiting: Mutex::new(Waiting { events: Vec::with_capacity(MOST), dropped: 0 }),
            closed: AtomicBool::new(false),
        }
    }

    /// Takes an event down.
    pub fn note(&self, event: Event) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.events.len() < MOST {
            waiting.events.push(event);
        } else {
            waiting.dropped = waiting.dropped.saturating_add(1);
        }
    }

    /// Sends bursts to the parent until the log is closed.
    pub fn send(&self, parent: &impl Connect) {
        let mut stream = None;
        let mut burst = Vec::with_capacity((MOST + 1) * LOG_BYTES);
        let mut quanta = 0;
        while !self.closed.load(Ordering::Relaxed) {
            quanta += 1;
            let due = self.start + self.quantum * quanta;
            sleep(due.saturating_duration_since(Instant::now()));
            burst.clear();
            let count = self.take((self.quantum * quanta).as_millis() as u64, &mut burst);
            if burst.is_empty() {
                continue;
            }
            // a parent that was started again closed the old connection: that is worth a second try
            let kept = stream.take();
            stream = kept
                .and_then(|stream| said(stream, &burst))
                .or_else(|| said(parent.connect(Service::Log).ok()?, &burst));
            if stream.is_none() {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.dropped = waiting.dropped.saturating_add(count);
            }
        }
    }

    /// Ends [`send`](Self::send) after its quantum.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// The events so far, as bytes; how many.
    fn take(&self, at_ms: u64, burst: &mut Vec<u8>) -> u32 {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut waiting.dropped);
        let mut count = 0;
        for event in waiting.events.drain(..) {
            burst.extend(Logged { at_ms, event }.encode());
            count += 1;
        }
        if dropped > 0 {
            burst.extend(Logged { at_ms, event: Event::Dropped { events: dropped } }.encode());
        }
        count + dropped
    }
}

/// Sends a burst; the connection, while it holds.
fn said<S: Socket>(mut stream: S, burst: &[u8]) -> Option<S> {
    let sent = stream.set_timeout(PATIENCE).and_then(|()| stream.write_all(burst));
    sent.is_ok().then_some(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(burst: &[u8]) -> Vec<Event> {
        let (records, _) = burst.as_chunks::<LOG_BYTES>();
        records.iter().map(|record| Logged::decode(record).unwrap().event).collect()
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let log = Log::new(Replies { bound_ms: 1000, quantum_ms: 100, factor: 2 });
        assert_eq!(log.quantum, Duration::from_millis(300));
        for party in 0..MOST as u16 + 5 {
            log.note(Event::Connected { party });
        }
        let mut burst = Vec::new();
        assert_eq!(log.take(300, &mut burst), MOST as u32 + 5);
        let events = read(&burst);
        assert_eq!(events.len(), MOST + 1);
        assert_eq!(events[MOST], Event::Dropped { events: 5 });
        burst.clear();
        assert_eq!(log.take(600, &mut burst), 0);
        assert!(burst.is_empty());
    }
}

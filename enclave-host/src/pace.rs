//! When replies leave. Knows clocks and the agreement, and nothing else: what a reply says, or
//! whether it is a refusal, cannot reach this module.

use protocol::agreement::Replies;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Holds replies back.
pub trait Pace: Send + Sync {
    /// Waits until a reply to a request that came at `start` may leave.
    fn wait(&self, start: Instant);
}

/// The agreement's pace: the bound after the request, or a multiple of the quantum later.
pub struct Agreed {
    bound: Duration,
    quantum: Duration,
    missed: AtomicU64,
}

impl Agreed {
    /// The pace of an agreement.
    pub fn new(replies: Replies) -> Self {
        Self {
            bound: Duration::from_millis(replies.bound_ms.into()),
            quantum: Duration::from_millis(replies.quantum_ms.into()),
            missed: AtomicU64::new(0),
        }
    }

    /// Replies that missed the bound.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// The instant at which a reply leaves that is ready at `now`.
    fn due(&self, start: Instant, now: Instant) -> Instant {
        let bound = start + self.bound;
        let late = now.saturating_duration_since(bound).as_nanos();
        // an agreement has a quantum of a millisecond at least
        let quanta = late.div_ceil(self.quantum.as_nanos().max(1));
        bound + self.quantum * u32::try_from(quanta).unwrap_or(u32::MAX)
    }
}

impl Pace for Agreed {
    fn wait(&self, start: Instant) {
        let now = Instant::now();
        let due = self.due(start, now);
        if due > start + self.bound {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
        sleep(due.saturating_duration_since(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_leave_at_the_bound_or_quanta_later() {
        let pace = Agreed::new(Replies { bound_ms: 1000, quantum_ms: 100, factor: 2 });
        let start = Instant::now();
        let after = |ms| pace.due(start, start + Duration::from_millis(ms)) - start;
        for (ready, leaves) in [
            (0, 1000),
            (999, 1000),
            (1000, 1000),
            (1001, 1100),
            (1100, 1100),
            (1101, 1200),
            (5000, 5000),
        ] {
            assert_eq!(after(ready), Duration::from_millis(leaves), "{ready}");
        }
    }
}

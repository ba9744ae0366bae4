//! When replies leave. Knows clocks and the agreement, and nothing else: what a reply says, or
//! whether it is a refusal, cannot reach this module.

use crate::log::Log;
use protocol::agreement::Replies;
use protocol::parent::Event;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Holds replies back.
pub trait Pace: Send + Sync {
    /// Waits until a reply to a request that came at `start` may leave.
    fn wait(&self, start: Instant);
}

/// Judges how long something takes.
pub trait Trial: Send {
    /// Runs it, and tells whether it keeps within the agreed bound with the agreed room to spare.
    fn fits(&self, run: &mut dyn FnMut()) -> bool;
}

/// Takes everything, however slow: where replies are not paced either.
pub struct NoTrial;

impl Trial for NoTrial {
    fn fits(&self, _: &mut dyn FnMut()) -> bool {
        true
    }
}

/// The agreement's trial: the fastest of three runs, times the factor, is within the bound.
pub struct Timed {
    replies: Replies,
    log: Arc<Log>,
}

impl Timed {
    /// Under the terms of an agreement. What was measured is logged: it is a fact of the shape.
    pub fn new(replies: Replies, log: Arc<Log>) -> Self {
        Self { replies, log }
    }
}

impl Trial for Timed {
    fn fits(&self, run: &mut dyn FnMut()) -> bool {
        let times = [(); 3].map(|()| {
            let start = Instant::now();
            run();
            start.elapsed()
        });
        let least = times.into_iter().min().unwrap_or_default();
        // an hour and more is far beyond every bound
        let ms = u32::try_from(least.as_micros().div_ceil(1000)).unwrap_or(u32::MAX);
        self.log.note(Event::Measured { ms });
        least * u32::from(self.replies.factor)
            <= Duration::from_millis(self.replies.bound_ms.into())
    }
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
    fn a_program_that_takes_too_long_for_the_bound_is_told() {
        let replies = Replies { bound_ms: 20, quantum_ms: 10, factor: 4 };
        let timed = Timed::new(replies, Arc::new(Log::new(replies)));
        let mut runs = 0;
        assert!(timed.fits(&mut || runs += 1));
        assert_eq!(runs, 3);
        // 6 ms times 4 are more than 20
        assert!(!timed.fits(&mut || sleep(Duration::from_millis(6))));
    }

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

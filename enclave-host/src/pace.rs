//! When replies leave. Knows clocks and the agreement, and nothing else: what a reply says, or
//! whether it is a refusal, cannot reach this module.

use protocol::agreement::Replies;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Holds replies back.
pub trait Pace: Send + Sync {
    /// Waits until a reply to a request that came at `start` may leave. Where it missed its bound: how many did so far.
    fn wait(&self, start: Instant) -> Option<u32>;
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

/// Runs of one trial, at most.
const RUNS: usize = 3;

/// The agreement's trial: one of three runs, times the factor, is within the bound. What was measured is told to nobody: that
/// there was a trial tells that all else about the program was right.
pub struct Timed(Replies);

impl Timed {
    /// Under the terms of an agreement.
    pub fn new(replies: Replies) -> Self {
        Self(replies)
    }
}

impl Trial for Timed {
    fn fits(&self, run: &mut dyn FnMut()) -> bool {
        let bound = Duration::from_millis(self.0.bound_ms.into());
        (0..RUNS).any(|_| {
            let start = Instant::now();
            run();
            start.elapsed() * u32::from(self.0.factor) <= bound
        })
    }
}

/// The agreement's pace: the bound after the request, or a multiple of the quantum later.
pub struct Agreed {
    bound: Duration,
    quantum: Duration,
    missed: AtomicU32,
}

impl Agreed {
    /// The pace of an agreement.
    pub fn new(replies: Replies) -> Self {
        Self {
            bound: Duration::from_millis(replies.bound_ms.into()),
            quantum: Duration::from_millis(replies.quantum_ms.into()),
            missed: AtomicU32::new(0),
        }
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
    fn wait(&self, start: Instant) -> Option<u32> {
        let now = Instant::now();
        let due = self.due(start, now);
        let late = due > start + self.bound;
        sleep(due.saturating_duration_since(now));
        late.then(|| self.missed.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_takes_too_long_for_the_bound_is_told() {
        let replies = Replies { bound_ms: 20, quantum_ms: 10, factor: 4 };
        let timed = Timed::new(replies);
        let mut runs = 0;
        assert!(timed.fits(&mut || runs += 1));
        assert_eq!(runs, 1);
        // 6 ms times 4 are more than 20, each time
        assert!(!timed.fits(&mut || {
            runs += 1;
            sleep(Duration::from_millis(6));
        }));
        assert_eq!(runs, 4);
    }

    #[test]
    fn replies_that_miss_their_bound_are_counted() {
        let pace = Agreed::new(Replies { bound_ms: 20, quantum_ms: 1, factor: 1 });
        assert_eq!(pace.wait(Instant::now()), None);
        let long_ago = Instant::now() - Duration::from_millis(30);
        assert_eq!((pace.wait(long_ago), pace.wait(long_ago)), (Some(1), Some(2)));
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

//! Progress of long work: on stderr, only on a terminal, only after a moment.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(700);

/// A bar over rows. Safe to advance from any thread; gone when dropped.
pub(crate) struct Progress {
    rows: u64,
    started: Instant,
    bar: Mutex<Option<ProgressBar>>,
    shown: bool,
}

impl Progress {
    /// A bar that will count to `rows`.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            rows: rows as u64,
            started: Instant::now(),
            bar: Mutex::new(None),
            shown: stderr().is_terminal(),
        }
    }

    /// Sets the number of rows that are done.
    pub(crate) fn set(&self, done: usize) {
        if !self.shown || self.started.elapsed() < PATIENCE {
            return;
        }
        // another thread holds the lock only while it draws: this one then need not
        if let Ok(mut bar) = self.bar.try_lock() {
            bar.get_or_insert_with(|| draw(self.rows)).set_position(done as u64);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Ok(Some(bar)) = self.bar.get_mut().map(Option::take) {
            bar.finish_and_clear();
        }
    }
}

fn draw(rows: u64) -> ProgressBar {
    let bar = ProgressBar::new(rows);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {eta} left") {
        bar.set_style(style);
    }
    bar
}

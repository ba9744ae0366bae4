//! What an honest observer can guess from a clock: statistics alone, no clock in here.
//!
//! The observer sees one half of the queries with their classes, and learns. Then it guesses the
//! classes of the other half from the times alone. The same observer watches every engine.
//!
//! It believes the clock only where the half that it learns from shows, with 99.9% confidence, that
//! one class takes longer (rank-sum test of Wilcoxon, Mann and Whitney, with ties). Then it guesses
//! by the cut in time that would have guessed that half best. Otherwise it guesses the commoner
//! class every time, for which it needs no clock. Without the test it would chase noise, and its
//! guesses would be worse than blind ones. The test gives nothing away: with halves of 86 rows it
//! sees a shift of one deviation of the noise, and a shift must be larger than that before the
//! guesses of the other half leave the base rate's interval.

/// Of a standard normal: 99% lies within this distance of the mean.
const Z_99: f64 = 2.5758;
/// The same for 99.9%.
const Z_999: f64 = 3.2905;

/// One query: how long it took, and what was answered.
#[derive(Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) nanos: f64,
    /// The second of two classes.
    pub(crate) second: bool,
}

/// How the observer guesses.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Rule {
    /// The clock shows nothing: this class, every time.
    Always { second: bool },
    /// A query that takes longer than the cut is of this class.
    Slower { cut: f64, second: bool },
}

/// How well it went in the other half.
pub(crate) struct Report {
    pub(crate) rule: Rule,
    /// Guesses that were right.
    pub(crate) right: usize,
    /// Right guesses of one who always says the class that was commoner in the first half.
    pub(crate) base: usize,
    /// Guesses.
    pub(crate) of: usize,
    /// Where the share of right guesses lies, with 99% confidence (Wilson).
    pub(crate) interval: (f64, f64),
}

impl Report {
    /// The share of right guesses.
    pub(crate) fn accuracy(&self) -> f64 {
        self.right as f64 / self.of as f64
    }

    /// What needs no clock.
    pub(crate) fn base_rate(&self) -> f64 {
        self.base as f64 / self.of as f64
    }

    /// Whether the guesses are as good as those that need no clock.
    pub(crate) fn holds_base_rate(&self) -> bool {
        (self.interval.0..=self.interval.1).contains(&self.base_rate())
    }
}

/// Learns from one half, guesses the other.
///
/// # Panics
/// Where a half is empty.
pub(crate) fn observe(known: &[Timed], unknown: &[Timed]) -> Report {
    let rule = learn(known);
    let count =
        |rule| unknown.iter().filter(|query| guess(rule, query.nanos) == query.second).count();
    let (right, of) = (count(rule), unknown.len());
    Report { rule, right, base: count(blind(known)), of, interval: wilson(right, of, Z_99) }
}

fn guess(rule: Rule, nanos: f64) -> bool {
    match rule {
        Rule::Always { second } => second,
        Rule::Slower { cut, second } => (nanos > cut) == second,
    }
}

fn learn(known: &[Timed]) -> Rule {
    let mut sorted = known.to_vec();
    sorted.sort_by(|a, b| a.nanos.total_cmp(&b.nanos));
    let z = rank_sum(&sorted);
    if z.abs() < Z_999 {
        return blind(known);
    }
    let second = z > 0.0;
    // below the cut are queries of the other class: one more is right, or one fewer
    let mut right = sorted.iter().filter(|query| query.second == second).count();
    let mut best = (0, f64::NAN);
    for pair in sorted.windows(2) {
        right = if pair[0].second == second { right - 1 } else { right + 1 };
        if pair[0].nanos < pair[1].nanos && right > best.0 {
            best = (right, f64::midpoint(pair[0].nanos, pair[1].nanos));
        }
    }
    Rule::Slower { cut: best.1, second }
}

/// The commoner class.
fn blind(known: &[Timed]) -> Rule {
    let second = known.iter().filter(|query| query.second).count();
    Rule::Always { second: 2 * second > known.len() }
}

/// How many standard deviations the ranks of the second class are above those of equal classes.
fn rank_sum(sorted: &[Timed]) -> f64 {
    let n = sorted.len() as f64;
    let (mut ranks, mut seconds, mut ties) = (0.0, 0.0, 0.0);
    let mut before = 0.0;
    for equal in sorted.chunk_by(|a, b| a.nanos == b.nanos) {
        let size = equal.len() as f64;
        let second = equal.iter().filter(|query| query.second).count() as f64;
        ranks += second * (before + (size + 1.0) / 2.0);
        seconds += second;
        ties += size * size * size - size;
        before += size;
    }
    let mean = seconds * (n + 1.0) / 2.0;
    let variance = seconds * (n - seconds) / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    if variance > 0.0 { (ranks - mean) / variance.sqrt() } else { 0.0 }
}

/// Wilson's interval for a share (1927).
fn wilson(right: usize, of: usize, z: f64) -> (f64, f64) {
    let (n, p) = (of as f64, right as f64 / of as f64);
    let middle = p + z * z / (2.0 * n);
    let reach = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    ((middle - reach) / scale, (middle + reach) / scale)
}

#[cfg(test)]
mod tests;

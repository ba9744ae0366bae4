//! Takes the time of queries to several engines, so that what the machine does besides falls on all
//! queries alike.

use std::hint::black_box;
use std::time::Instant;

/// Times the whole list is gone through. Of each query the fastest reading counts: a disturbance
/// only ever adds.
pub(crate) const ROUNDS: usize = 100;

/// An engine under the clock.
pub(crate) struct Clocked<'a> {
    /// Answers the query of this number.
    pub(crate) query: &'a mut dyn FnMut(usize) -> u32,
    /// How often a query is asked for one reading. A reading of 10 to 50 microseconds is long for
    /// the clock and short for the scheduler.
    pub(crate) repeats: u32,
}

/// Nanoseconds of every query to every engine: `engines x queries`.
pub(crate) fn time<const N: usize>(
    queries: usize,
    mut engines: [Clocked<'_>; N],
    numbers: &mut Numbers,
) -> [Vec<f64>; N] {
    let mut fastest = [(); N].map(|()| vec![f64::INFINITY; queries]);
    let mut order: Vec<(usize, usize)> =
        (0..N).flat_map(|engine| (0..queries).map(move |query| (engine, query))).collect();
    for _ in 0..ROUNDS {
        // a new order every round: a machine that grows slower does so for all engines and classes
        numbers.shuffle(&mut order);
        for &(engine, query) in &order {
            let Clocked { query: ask, repeats } = &mut engines[engine];
            let start = Instant::now();
            for _ in 0..*repeats {
                black_box(ask(black_box(query)));
            }
            let nanos = start.elapsed().as_nanos() as f64 / f64::from(*repeats);
            let best = &mut fastest[engine][query];
            *best = best.min(nanos);
        }
    }
    fastest
}

/// Repeatable numbers (SplitMix64), for orders and halves; no secret depends on them.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Fisher and Yates. The bias of the remainder is below 2^-50 for lists of this size.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

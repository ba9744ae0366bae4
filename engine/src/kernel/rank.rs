//! Ranking: each slot's feature to the number of its thresholds at or below it.
//!
//! Sixteen slots stand side by side, so thresholds are read once for several rows and no address
//! depends on a value. Which feature a slot reads is secret too: all features pass by, and each lane
//! keeps its own. The rank is the plain count of thresholds at or below the key; a padding
//! threshold is above every number.

use super::TILE;
use crate::program::CHUNK_HEAD;
use ops::{Backend, Kernel, Key, KeyLanes, Lanes, Line, Words};

/// The slots of one rank group.
#[derive(Clone, Copy)]
pub struct Slots<'a, K: Key> {
    /// `chunks x (head + thresholds)` words.
    pub words: &'a [Words<K>],
    /// Thresholds per slot.
    pub thresholds: usize,
    /// Columns of a row.
    pub features: usize,
}

/// Ranks one tile of rows.
///
/// `keys`: `64 x features`; `ranks`: `64 x lines` lines, the slots of a row side by side.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn rank_f32(backend: Backend, slots: Slots<'_, i32>, keys: &[i32], ranks: &mut [Line]) {
    struct Rank<'a>(Slots<'a, i32>, &'a [i32], &'a mut [Line]);
    impl Kernel for Rank<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            rank::<i32, L>(lanes, self.0, self.1, self.2);
        }
    }
    backend.run(Rank(slots, keys, ranks));
}

/// As [`rank_f32`], for 64-bit keys.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn rank_f64(backend: Backend, slots: Slots<'_, i64>, keys: &[i64], ranks: &mut [Line]) {
    struct Rank<'a>(Slots<'a, i64>, &'a [i64], &'a mut [Line]);
    impl Kernel for Rank<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            rank::<i64, L>(lanes, self.0, self.1, self.2);
        }
    }
    backend.run(Rank(slots, keys, ranks));
}

/// Rows that share one pass over a chunk's thresholds.
const ROWS: usize = 4;

#[inline(always)]
fn rank<K: Key, L: KeyLanes<K>>(l: L, slots: Slots<'_, K>, keys: &[K], ranks: &mut [Line]) {
    let lines = ranks.len() / TILE;
    let chunk = CHUNK_HEAD + slots.thresholds;
    for (number, words) in slots.words.chunks_exact(chunk).enumerate() {
        let (head, thresholds) = words.split_at(CHUNK_HEAD);
        let [source, low, high, becomes] = [0, 1, 2, 3].map(|entry| l.load_keys(&head[entry]));
        for first in (0..TILE).step_by(ROWS) {
            let rows = &keys[first * slots.features..][..ROWS * slots.features];
            let mut x = [l.splat_key(K::from_index(0)); ROWS];
            for feature in 0..slots.features {
                let here = l.keys_equal(source, l.splat_key(K::from_index(feature as u32)));
                for (row, x) in x.iter_mut().enumerate() {
                    let key = l.splat_key(rows[row * slots.features + feature]);
                    *x = l.keys_or(*x, l.keys_and(here, key));
                }
            }
            let x = x.map(|x| {
                let nan = l.keys_equal(x, l.splat_key(K::NAN));
                let inside = l.keys_and(l.keys_at_least(x, low), l.keys_at_least(high, x));
                l.keys_select(l.keys_or(nan, inside), becomes, x)
            });
            let mut count = [l.splat_key(K::from_index(0)); ROWS];
            for threshold in thresholds {
                let threshold = l.load_keys(threshold);
                for (count, &x) in count.iter_mut().zip(&x) {
                    *count = l.keys_sub(*count, l.keys_at_least(x, threshold));
                }
            }
            for (row, count) in count.into_iter().enumerate() {
                let line = &mut ranks[(first + row) * lines + number / 4];
                line.0[number % 4 * 16..][..16].copy_from_slice(&l.low_bytes(count));
            }
        }
    }
}

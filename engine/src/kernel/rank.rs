//! Ranking: each slot's feature to the number of its thresholds at or below it.
//!
//! First 16 slots stand side by side and each picks its feature's key from the row: which feature a
//! slot reads is secret, so no address depends on it. There missing values become what the slot
//! makes of them. Then 16 x 16 keys are turned, and 16 rows stand side by side for one slot after
//! the other: a search tree of the slot's thresholds is read once for 64 rows, and each step of the
//! search is a lookup among registers, or on backends without such lookups a count of all
//! thresholds. A padding threshold is above every number.

use super::interval_max_rows::RankPlanes;
use ops::{Backend, Kernel, Key, KeyLanes, Lanes, Words};

/// The slots of one rank group.
#[derive(Clone, Copy)]
pub struct Slots<'a, K: Key> {
    /// For each chunk of 16 slots: source feature, lowest and highest key that count as missing,
    /// and the key that missing becomes.
    pub heads: &'a [[Words<K>; 4]],
    /// For each slot its thresholds as a search tree (`ops::search_order`).
    pub tables: &'a [Words<K>],
}

/// Ranks rows of one tile.
///
/// `rows`: how many, a multiple of 16 up to 64; `keys`: `rows x words`, each row padded to an even
/// number of words; `ranks`: one line for each slot, in pages of 64. What a line has of further rows
/// has no meaning.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn rank_f32(
    backend: Backend,
    slots: Slots<'_, i32>,
    rows: usize,
    keys: &[Words<i32>],
    ranks: &mut RankPlanes,
) {
    struct Rank<'a>(Slots<'a, i32>, usize, &'a [Words<i32>], &'a mut RankPlanes);
    impl Kernel for Rank<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            rank::<i32, L>(lanes, self.0, self.1, self.2, self.3);
        }
    }
    backend.run(Rank(slots, rows, keys, ranks));
}

/// As [`rank_f32`], for 64-bit keys.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn rank_f64(
    backend: Backend,
    slots: Slots<'_, i64>,
    rows: usize,
    keys: &[Words<i64>],
    ranks: &mut RankPlanes,
) {
    struct Rank<'a>(Slots<'a, i64>, usize, &'a [Words<i64>], &'a mut RankPlanes);
    impl Kernel for Rank<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            rank::<i64, L>(lanes, self.0, self.1, self.2, self.3);
        }
    }
    backend.run(Rank(slots, rows, keys, ranks));
}

#[inline(always)]
fn rank<K: Key, L: KeyLanes<K>>(
    l: L,
    slots: Slots<'_, K>,
    rows: usize,
    keys: &[Words<K>],
    ranks: &mut RankPlanes,
) {
    let row_words = keys.len() / rows;
    let table_words = slots.tables.len() / (16 * slots.heads.len());
    let tables = slots.tables.chunks_exact(16 * table_words);
    for (number, (head, tables)) in slots.heads.iter().zip(tables).enumerate() {
        let [source, low, high, becomes] = head;
        let source = l.load_keys(source);
        let (low, high, becomes) = (l.load_keys(low), l.load_keys(high), l.load_keys(becomes));
        let nan = l.splat_key(K::NAN);
        let mut by_slot = [[l.splat_key(K::from_index(0)); 16]; 4];
        for (rows, by_slot) in keys.chunks_exact(16 * row_words).zip(&mut by_slot) {
            let mut picked = l.pick_keys::<16>(rows, source);
            for key in &mut picked {
                *key = settle(l, *key, low, high, becomes, nan);
            }
            *by_slot = l.transpose_keys(picked);
        }
        for (slot, table) in tables.chunks_exact(table_words).enumerate() {
            let keys = [by_slot[0][slot], by_slot[1][slot], by_slot[2][slot], by_slot[3][slot]];
            let counts = l.count_at_most(table, keys);
            let line = &mut ranks[number / 4][number % 4 * 16 + slot];
            for (bytes, count) in line.0.as_chunks_mut::<16>().0.iter_mut().zip(counts) {
                *bytes = l.low_bytes(count);
            }
        }
    }
}

/// Keys, or what the slots make of them where they are missing: NaN, or between `low` and `high`.
#[inline(always)]
pub(super) fn settle<K: Key, L: KeyLanes<K>>(
    l: L,
    keys: L::Keys,
    low: L::Keys,
    high: L::Keys,
    becomes: L::Keys,
    nan: L::Keys,
) -> L::Keys {
    let inside = l.keys_and(l.keys_at_least(keys, low), l.keys_at_least(high, keys));
    let missing = l.keys_or(l.keys_equal(keys, nan), inside);
    l.keys_select(missing, becomes, keys)
}

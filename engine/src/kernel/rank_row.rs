//! Ranking one row alone. Where many rows share a search tree, it is searched; for one row all of its
//! thresholds are compared at once, 16 a word, in whatever order they stand.
//!
//! 16 slots stand side by side and each picks its feature's key from the row, as in [`super::rank`].
//! Then one slot after the other counts in 16 lanes, and the lanes of 16 slots are turned and added.

use super::rank::{Slots, settle};
use ops::{Backend, Kernel, Key, KeyLanes, Lanes, Line, Words};

/// Ranks one row.
///
/// `keys`: the row, padded to an even number of words; `ranks`: one line for each 64 slots.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn rank_row_f32(
    backend: Backend,
    slots: Slots<'_, i32>,
    keys: &[Words<i32>],
    ranks: &mut [Line],
) {
    struct RankRow<'a>(Slots<'a, i32>, &'a [Words<i32>], &'a mut [Line]);
    impl Kernel for RankRow<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            rank_row::<i32, L>(lanes, self.0, self.1, self.2);
        }
    }
    backend.run(RankRow(slots, keys, ranks));
}

/// As [`rank_row_f32`], for 64-bit keys.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn rank_row_f64(
    backend: Backend,
    slots: Slots<'_, i64>,
    keys: &[Words<i64>],
    ranks: &mut [Line],
) {
    struct RankRow<'a>(Slots<'a, i64>, &'a [Words<i64>], &'a mut [Line]);
    impl Kernel for RankRow<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            rank_row::<i64, L>(lanes, self.0, self.1, self.2);
        }
    }
    backend.run(RankRow(slots, keys, ranks));
}

#[inline(always)]
fn rank_row<K: Key, L: KeyLanes<K>>(
    l: L,
    slots: Slots<'_, K>,
    keys: &[Words<K>],
    ranks: &mut [Line],
) {
    let table_words = slots.tables.len() / (16 * slots.heads.len());
    let tables = slots.tables.chunks_exact(16 * table_words);
    let zero = l.splat_key(K::from_index(0));
    let nan = l.splat_key(K::NAN);
    // entry 0 of a search tree is not used
    let entries = l.load_keys(&Words(std::array::from_fn(|entry| K::from_index(entry as u32))));
    let used = l.keys_at_least(entries, l.splat_key(K::from_index(1)));
    for (number, (head, tables)) in slots.heads.iter().zip(tables).enumerate() {
        let [source, low, high, becomes] = head;
        let [picked] = l.pick_keys::<1>(keys, l.load_keys(source));
        let (low, high, becomes) = (l.load_keys(low), l.load_keys(high), l.load_keys(becomes));
        let mut by_slot = Words([K::from_index(0); 16]);
        l.store_keys(settle(l, picked, low, high, becomes, nan), &mut by_slot);
        let mut counts = [zero; 16];
        let each = counts.iter_mut().zip(by_slot.0).zip(tables.chunks_exact(table_words));
        for ((count, key), table) in each {
            let key = l.splat_key(key);
            let (first, rest) = (&table[0], &table[1..]);
            let at_most = l.keys_and(l.keys_at_least(key, l.load_keys(first)), used);
            let mut lanes = l.keys_sub(zero, at_most);
            for thresholds in rest {
                let at_most = l.keys_at_least(key, l.load_keys(thresholds));
                lanes = l.keys_sub(lanes, at_most);
            }
            *count = lanes;
        }
        let mut negative = zero;
        for lanes in l.transpose_keys(counts) {
            negative = l.keys_sub(negative, lanes);
        }
        let here = &mut ranks[number / 4].0.as_chunks_mut::<16>().0[number % 4];
        *here = l.low_bytes(l.keys_sub(zero, negative));
    }
}

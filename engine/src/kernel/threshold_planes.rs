//! Columns to planes, for profile `data-oblivious`: one plane of bits for each threshold.
//!
//! A *plane* is one line of 512 bits: bit `t` of byte `n` belongs to row `n` of tile `t`. A slot's
//! column is ranked among its thresholds by the search of [`rank`](super::rank_f32), then the bits
//! of the ranks are turned, and each threshold's plane is put together of two digits of four bits:
//! a rank is above the threshold's where the high digit is, or is the same and the low digit is.

use super::columns::Column;
use ops::{Backend, Kernel, Key, KeyLanes, Lanes, Line, Words};

/// A slot that may show: its feature and its thresholds are those of the model.
#[derive(Clone, Copy)]
pub struct PublicSlot<'a, K: Key> {
    /// Lowest and highest key that count as missing, and the key that missing becomes.
    pub missing: [K; 3],
    /// The thresholds as a search tree (`ops::search_order`).
    pub table: &'a [Words<K>],
    /// How many thresholds there are: as many planes.
    pub thresholds: usize,
}

/// Fills one plane for each threshold of a slot, in ascending order: is a row's key at or above it?
///
/// `column`: as [`columns_f32`](super::columns_f32) leaves it; `tiles`: how many of its tiles to
/// read, where the others count as zeros; `planes`: as many as thresholds.
///
/// # Leaks
/// Beyond the shape: the slot, that is the model. Nothing of the rows.
pub fn threshold_planes_f32(
    backend: Backend,
    slot: PublicSlot<'_, i32>,
    column: &Column<i32>,
    tiles: usize,
    planes: &mut [Line],
) {
    struct Planes<'a>(PublicSlot<'a, i32>, &'a Column<i32>, usize, &'a mut [Line]);
    impl Kernel for Planes<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            fill::<i32, L>(l, self.0, self.1, self.2, self.3);
        }
    }
    backend.run(Planes(slot, column, tiles, planes));
}

/// As [`threshold_planes_f32`], for 64-bit keys.
///
/// # Leaks
/// Beyond the shape: the slot, that is the model. Nothing of the rows.
pub fn threshold_planes_f64(
    backend: Backend,
    slot: PublicSlot<'_, i64>,
    column: &Column<i64>,
    tiles: usize,
    planes: &mut [Line],
) {
    struct Planes<'a>(PublicSlot<'a, i64>, &'a Column<i64>, usize, &'a mut [Line]);
    impl Kernel for Planes<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            fill::<i64, L>(l, self.0, self.1, self.2, self.3);
        }
    }
    backend.run(Planes(slot, column, tiles, planes));
}

#[inline(always)]
fn fill<K: Key, L: Lanes + KeyLanes<K>>(
    l: L,
    slot: PublicSlot<'_, K>,
    column: &Column<K>,
    tiles: usize,
    planes: &mut [Line],
) {
    let mut ranks = [Line::default(); 8];
    for (words, ranks) in column.chunks_exact(4).zip(&mut ranks).take(tiles) {
        let mut keys = [l.splat_key(K::NAN); 4];
        for (key, word) in keys.iter_mut().zip(words) {
            *key = treat_missing(l, slot, l.load_keys(word));
        }
        let counts = l.count_at_most(slot.table, keys);
        for (bytes, count) in ranks.0.as_chunks_mut::<16>().0.iter_mut().zip(counts) {
            *bytes = KeyLanes::<K>::low_bytes(l, count);
        }
    }
    let mut bits = [l.splat(0); 8];
    for (bits, ranks) in bits.iter_mut().zip(&ranks) {
        *bits = l.load(ranks);
    }
    let bits = l.turn_bits(bits);
    let low = low_digit(l, [bits[0], bits[1], bits[2], bits[3]]);
    for (digit, planes) in planes.chunks_mut(16).enumerate() {
        let (above, equal) = high_digit(l, [bits[4], bits[5], bits[6], bits[7]], digit);
        for (plane, low) in planes.iter_mut().zip(&low) {
            l.store(l.or(above, l.and(equal, l.load(low))), plane);
        }
    }
}

/// Keys between the slot's bounds, and NaN, become what the slot says.
#[inline(always)]
fn treat_missing<K: Key, L: KeyLanes<K>>(l: L, slot: PublicSlot<'_, K>, key: L::Keys) -> L::Keys {
    let [low, high, becomes] = slot.missing;
    if low > high && becomes == K::NAN {
        return key;
    }
    let inside =
        l.keys_and(l.keys_at_least(key, l.splat_key(low)), l.keys_at_least(l.splat_key(high), key));
    let missing = l.keys_or(l.keys_equal(key, l.splat_key(K::NAN)), inside);
    l.keys_select(missing, l.splat_key(becomes), key)
}

/// For each of 16 values: where is the low digit above it?
#[inline(always)]
fn low_digit<L: Lanes>(l: L, bits: [L::Bytes; 4]) -> [Line; 16] {
    let mut digit = [Line::default(); 16];
    let mut above = l.splat(0);
    for (value, line) in digit.iter_mut().enumerate().rev() {
        l.store(above, line);
        above = l.or(above, equals(l, bits, value));
    }
    digit
}

/// Where is the high digit above a value, and where equal to it?
#[inline(always)]
fn high_digit<L: Lanes>(l: L, bits: [L::Bytes; 4], value: usize) -> (L::Bytes, L::Bytes) {
    // from the highest bit down: above, or equal so far
    let (mut above, mut equal) = (l.splat(0), l.splat(255));
    for (bit, &plane) in bits.iter().enumerate().rev() {
        if value >> bit & 1 == 1 {
            equal = l.and(equal, plane);
        } else {
            above = l.or(above, l.and(equal, plane));
            equal = l.select(plane, l.splat(0), equal);
        }
    }
    (above, equal)
}

#[inline(always)]
fn equals<L: Lanes>(l: L, bits: [L::Bytes; 4], value: usize) -> L::Bytes {
    let mut equal = l.splat(255);
    for (bit, &plane) in bits.iter().enumerate() {
        equal = if value >> bit & 1 == 1 {
            l.and(equal, plane)
        } else {
            l.select(plane, l.splat(0), equal)
        };
    }
    equal
}

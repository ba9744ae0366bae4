//! What a kernel may do with 64 byte lanes and 16 key lanes, the same on every backend.
//!
//! Kernel bodies are written once against these traits, and one body gives the same bits on every
//! backend. A truth value is a lane of all ones or all zeros: no backend ever hands out an opmask,
//! because the compiler folds a select and a store under an opmask into a masked store, whose time
//! depends on the mask.

use crate::line::{LINE, Line, Words};
use crate::order::Key;

/// 64 byte lanes. A value of the type proves that the CPU has the instructions.
///
/// # Leaks
/// No method leaks anything but the public lengths of its arguments.
pub trait Lanes: Copy + KeyLanes<i32> + KeyLanes<i64> {
    /// 64 bytes in registers.
    type Bytes: Copy;
    /// A part of a line of 512 bits that fits one register.
    type Plane: Copy;
    /// Parts of a line.
    const PARTS: usize;
    /// Rows that share one load of a kernel's parameters, as the registers allow.
    const ROWS: usize;

    /// Reads a line.
    fn load(self, line: &Line) -> Self::Bytes;
    /// Writes a line.
    fn store(self, bytes: Self::Bytes, line: &mut Line);
    /// One byte in every lane.
    fn splat(self, byte: u8) -> Self::Bytes;
    /// Sum mod 256.
    fn add(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Difference mod 256.
    fn sub(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Bitwise and.
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Bitwise or.
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// 255 where equal, else 0.
    fn equal(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// `yes` where the mask lane is 255, `no` where it is 0.
    fn select(self, mask: Self::Bytes, yes: Self::Bytes, no: Self::Bytes) -> Self::Bytes;
    /// `max(e, w)` where `x > t`, else `e`; all unsigned.
    fn raise_where_greater(
        self,
        e: Self::Bytes,
        x: Self::Bytes,
        t: Self::Bytes,
        w: Self::Bytes,
    ) -> Self::Bytes;
    /// `table[index mod 64]` in each lane. No address depends on the index. Every index's low six
    /// bits must be below `entries` (a public bound), or the lane's value has no meaning.
    fn lookup(self, table: &Line, entries: usize, index: Self::Bytes) -> Self::Bytes;
    /// As [`lookup`](Lanes::lookup) where the mask lane is 255, `otherwise` where it is 0.
    #[inline(always)]
    fn lookup_where(
        self,
        mask: Self::Bytes,
        table: &Line,
        entries: usize,
        index: Self::Bytes,
        otherwise: Self::Bytes,
    ) -> Self::Bytes {
        self.select(mask, self.lookup(table, entries, index), otherwise)
    }
    /// Transposes 64 x 64 bytes.
    fn transpose(self, from: &[Line; LINE], to: &mut [Line; LINE]);
    /// Reads one part of a line of bits.
    fn load_plane(self, line: &Line, part: usize) -> Self::Plane;
    /// Writes one part of a line of bits.
    fn store_plane(self, plane: Self::Plane, line: &mut Line, part: usize);
    /// Bit by bit, `yes` where the mask has a one, `no` where it has a zero.
    fn mux(self, mask: Self::Plane, yes: Self::Plane, no: Self::Plane) -> Self::Plane;
    /// Turns the bits of eight lines: bit `i` of byte `n` of result `j` is bit `j` of byte `n` of
    /// value `i`.
    fn turn_bits(self, values: [Self::Bytes; 8]) -> [Self::Bytes; 8];
    /// 64 words from their four byte planes, lowest first. Word `i` belongs to lane
    /// `Self::order_32(i)`: backends put them in whatever order is cheapest.
    fn words_32(self, planes: [Self::Bytes; 4]) -> [u32; LINE];
    /// 64 words from their eight byte planes, in the order of `Self::order_64`.
    fn words_64(self, planes: [Self::Bytes; 8]) -> [u64; LINE];
    /// The lane that word `i` of [`words_32`](Lanes::words_32) belongs to.
    fn order_32(i: usize) -> usize;
    /// The lane that word `i` of [`words_64`](Lanes::words_64) belongs to.
    fn order_64(i: usize) -> usize;
}

/// 16 lanes of order keys. A truth value is -1 or 0 in each lane.
pub trait KeyLanes<K: Key>: Copy {
    /// 16 keys in registers.
    type Keys: Copy;

    /// Reads 16 keys.
    fn load_keys(self, words: &Words<K>) -> Self::Keys;
    /// Writes 16 keys.
    fn store_keys(self, keys: Self::Keys, words: &mut Words<K>);
    /// One key in every lane.
    fn splat_key(self, key: K) -> Self::Keys;
    /// -1 where equal, else 0.
    fn keys_equal(self, a: Self::Keys, b: Self::Keys) -> Self::Keys;
    /// -1 where `a >= b`, else 0.
    fn keys_at_least(self, a: Self::Keys, b: Self::Keys) -> Self::Keys;
    /// Difference, wrapping.
    fn keys_sub(self, a: Self::Keys, b: Self::Keys) -> Self::Keys;
    /// Bitwise and.
    fn keys_and(self, a: Self::Keys, b: Self::Keys) -> Self::Keys;
    /// Bitwise or.
    fn keys_or(self, a: Self::Keys, b: Self::Keys) -> Self::Keys;
    /// `yes` where the mask lane is -1, `no` where it is 0.
    fn keys_select(self, mask: Self::Keys, yes: Self::Keys, no: Self::Keys) -> Self::Keys;
    /// The lowest byte of each lane.
    fn low_bytes(self, keys: Self::Keys) -> [u8; 16];
    /// In each lane, the key of the row at that lane's index, for some rows at once. A row is padded
    /// to whole [`Words`], an even number of them. No address depends on an index; an index past
    /// the end gives a value without meaning.
    fn pick_keys<const ROWS: usize>(
        self,
        rows: &[Words<K>],
        index: Self::Keys,
    ) -> [Self::Keys; ROWS];
    /// Lane `j` of result `i` is lane `i` of `keys[j]`.
    fn transpose_keys(self, keys: [Self::Keys; 16]) -> [Self::Keys; 16];
    /// In each lane, how many thresholds are at or below the key. `table` holds 15, 31, 63, 127 or
    /// 255 ascending thresholds as a search tree: entry 1 the middle one, entries `2i` and `2i + 1`
    /// the middles below and above entry `i`; entry 0 is not used.
    fn count_at_most(self, table: &[Words<K>], keys: [Self::Keys; 4]) -> [Self::Keys; 4];
}

/// [`Lanes::turn_bits`] by three rounds of swaps, each of all pairs of values whose numbers differ
/// in one bit. `l.swap_bits::<SHIFT>(a, b, mask)` exchanges the bits of `a` under `mask << SHIFT`
/// with those of `b` under `mask`. A macro and not a function, so that each backend's instructions
/// are at hand where it is used.
macro_rules! turn_bits_by_swaps {
    ($l:ident, $values:ident) => {{
        let [a, b, c, d, e, f, g, h] = $values;
        let (a, b) = $l.swap_bits::<1>(a, b, 0x55);
        let (c, d) = $l.swap_bits::<1>(c, d, 0x55);
        let (e, f) = $l.swap_bits::<1>(e, f, 0x55);
        let (g, h) = $l.swap_bits::<1>(g, h, 0x55);
        let (a, c) = $l.swap_bits::<2>(a, c, 0x33);
        let (b, d) = $l.swap_bits::<2>(b, d, 0x33);
        let (e, g) = $l.swap_bits::<2>(e, g, 0x33);
        let (f, h) = $l.swap_bits::<2>(f, h, 0x33);
        let (a, e) = $l.swap_bits::<4>(a, e, 0x0f);
        let (b, f) = $l.swap_bits::<4>(b, f, 0x0f);
        let (c, g) = $l.swap_bits::<4>(c, g, 0x0f);
        let (d, h) = $l.swap_bits::<4>(d, h, 0x0f);
        [a, b, c, d, e, f, g, h]
    }};
}
pub(crate) use turn_bits_by_swaps;

/// [`KeyLanes::pick_keys`] by letting every key pass by.
#[inline(always)]
pub(crate) fn scan_keys<K: Key, L: KeyLanes<K>, const ROWS: usize>(
    l: L,
    rows: &[Words<K>],
    index: L::Keys,
) -> [L::Keys; ROWS] {
    let words = rows.len() / ROWS;
    let mut picked = [l.splat_key(K::from_index(0)); ROWS];
    for word in 0..words {
        for lane in 0..16 {
            let here = l.keys_equal(index, l.splat_key(K::from_index((16 * word + lane) as u32)));
            for (row, picked) in picked.iter_mut().enumerate() {
                let key = l.splat_key(rows[row * words + word].0[lane]);
                *picked = l.keys_or(*picked, l.keys_and(here, key));
            }
        }
    }
    picked
}

/// [`KeyLanes::count_at_most`] by counting all thresholds.
#[inline(always)]
pub(crate) fn count_all<K: Key, L: KeyLanes<K>>(
    l: L,
    table: &[Words<K>],
    keys: [L::Keys; 4],
) -> [L::Keys; 4] {
    let mut counts = [l.splat_key(K::from_index(0)); 4];
    for (number, words) in table.iter().enumerate() {
        for &threshold in &words.0[usize::from(number == 0)..] {
            let threshold = l.splat_key(threshold);
            for (count, &key) in counts.iter_mut().zip(&keys) {
                *count = l.keys_sub(*count, l.keys_at_least(key, threshold));
            }
        }
    }
    counts
}

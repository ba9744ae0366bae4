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
    /// Transposes 64 x 64 bytes.
    fn transpose(self, from: &[Line; LINE], to: &mut [Line; LINE]);
}

/// 16 lanes of order keys. A truth value is -1 or 0 in each lane.
pub trait KeyLanes<K: Key>: Copy {
    /// 16 keys in registers.
    type Keys: Copy;

    /// Reads 16 keys.
    fn load_keys(self, words: &Words<K>) -> Self::Keys;
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
}

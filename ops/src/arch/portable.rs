//! Lanes in plain Rust: eight bytes in a `u64`, all by arithmetic on the whole word.
//!
//! Not byte by byte: the compiler knows what a comparison of two bytes is, however it is spelled,
//! and where it leaves a lane over from vectorising it may turn `max` into a branch (rustc 1.95 did:
//! the regression suite of `evidence` tells the story). Of eight bytes in a word it knows nothing.

use super::Kernel;
use crate::lanes::{KeyLanes, Lanes, count_all, scan_keys, turn_bits_by_swaps};
use crate::line::{LINE, Line, Words};

#[derive(Clone, Copy)]
pub(super) struct Portable;

/// Runs a kernel on plain words.
#[inline(never)]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable)
}

/// 64 bytes, eight to a word.
type Bytes = [u64; 8];

/// The lowest bit of every byte.
const LOW: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every byte.
const HIGH: u64 = LOW << 7;

#[inline(always)]
fn zip(a: Bytes, b: Bytes, f: impl Fn(u64, u64) -> u64) -> Bytes {
    std::array::from_fn(|word| f(a[word], b[word]))
}

#[inline(always)]
fn add(a: u64, b: u64) -> u64 {
    ((a & !HIGH) + (b & !HIGH)) ^ ((a ^ b) & HIGH)
}

#[inline(always)]
fn sub(a: u64, b: u64) -> u64 {
    ((a | HIGH) - (b & !HIGH)) ^ ((a ^ !b) & HIGH)
}

/// Highest bits to whole bytes.
#[inline(always)]
fn spread(high: u64) -> u64 {
    high | (high - (high >> 7))
}

/// 255 where `a > b`.
#[inline(always)]
fn greater(a: u64, b: u64) -> u64 {
    // b >= a where b's top bit is the larger, or the tops agree and the lower bits borrow nothing
    let lower = (b | HIGH) - (a & !HIGH);
    let at_least = (b & !a) | (!(a ^ b) & lower);
    spread(!at_least & HIGH)
}

/// 255 where `a == b`.
#[inline(always)]
fn same(a: u64, b: u64) -> u64 {
    let differ = a ^ b;
    spread(!(((differ & !HIGH) + !HIGH) | differ) & HIGH)
}

#[inline(always)]
fn pick(mask: u64, yes: u64, no: u64) -> u64 {
    no ^ ((yes ^ no) & mask)
}

/// The byte of one lane; the lane is public.
#[inline(always)]
fn byte(bytes: &Bytes, lane: usize) -> u64 {
    (bytes[lane / 8] >> (8 * (lane % 8))) & 0xff
}

impl Portable {
    /// The bits of `a` under `mask << SHIFT` change places with those of `b` under `mask`.
    #[inline(always)]
    fn swap_bits<const SHIFT: u32>(self, a: Bytes, b: Bytes, mask: u8) -> (Bytes, Bytes) {
        let mask = u64::from(mask) * LOW;
        let change = zip(a, b, |a, b| ((a >> SHIFT) ^ b) & mask);
        (zip(a, change, |a, change| a ^ (change << SHIFT)), zip(b, change, |b, change| b ^ change))
    }
}

impl Lanes for Portable {
    type Bytes = Bytes;
    type Plane = u64;
    const PARTS: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    fn load(self, line: &Line) -> Self::Bytes {
        let (words, _) = line.0.as_chunks::<8>();
        std::array::from_fn(|word| u64::from_le_bytes(words[word]))
    }

    #[inline(always)]
    fn store(self, bytes: Self::Bytes, line: &mut Line) {
        for (to, word) in line.0.as_chunks_mut::<8>().0.iter_mut().zip(bytes) {
            *to = word.to_le_bytes();
        }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> Self::Bytes {
        [u64::from(byte) * LOW; 8]
    }

    #[inline(always)]
    fn add(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        zip(a, b, add)
    }

    #[inline(always)]
    fn sub(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        zip(a, b, sub)
    }

    #[inline(always)]
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        zip(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        zip(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn equal(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        zip(a, b, same)
    }

    #[inline(always)]
    fn select(self, mask: Self::Bytes, yes: Self::Bytes, no: Self::Bytes) -> Self::Bytes {
        std::array::from_fn(|word| pick(mask[word], yes[word], no[word]))
    }

    #[inline(always)]
    fn raise_where_greater(
        self,
        e: Self::Bytes,
        x: Self::Bytes,
        t: Self::Bytes,
        w: Self::Bytes,
    ) -> Self::Bytes {
        std::array::from_fn(|word| {
            let raise = greater(x[word], t[word]) & greater(w[word], e[word]);
            pick(raise, w[word], e[word])
        })
    }

    /// A tree of selects: the lowest bit of the index picks one of each pair of entries, the next
    /// bit one of each pair of those, and so on.
    #[inline(always)]
    fn lookup(self, table: &Line, entries: usize, index: Self::Bytes) -> Self::Bytes {
        let bit = |number: u32| {
            index.map(|word| {
                let bit = (word >> number) & LOW;
                (bit << 8).wrapping_sub(bit)
            })
        };
        let mut values = [[0; 8]; LINE / 2];
        let first = bit(0);
        for (value, pair) in values.iter_mut().zip(table.0.as_chunks::<2>().0) {
            let [no, yes] = pair.map(|byte| u64::from(byte) * LOW);
            *value = first.map(|mask| pick(mask, yes, no));
        }
        let mut count = entries.div_ceil(2);
        let mut number = 1;
        while count > 1 {
            let mask = bit(number);
            for pair in 0..count.div_ceil(2) {
                values[pair] = self.select(mask, values[2 * pair + 1], values[2 * pair]);
            }
            count = count.div_ceil(2);
            number += 1;
        }
        values[0]
    }

    #[inline(always)]
    fn load_plane(self, line: &Line, part: usize) -> Self::Plane {
        u64::from_le_bytes(line.0.as_chunks::<8>().0[part])
    }

    #[inline(always)]
    fn store_plane(self, plane: Self::Plane, line: &mut Line, part: usize) {
        line.0.as_chunks_mut::<8>().0[part] = plane.to_le_bytes();
    }

    #[inline(always)]
    fn mux(self, mask: Self::Plane, yes: Self::Plane, no: Self::Plane) -> Self::Plane {
        pick(mask, yes, no)
    }

    #[inline(always)]
    fn turn_bits(self, values: [Self::Bytes; 8]) -> [Self::Bytes; 8] {
        turn_bits_by_swaps!(self, values)
    }

    #[inline(always)]
    fn words_32(self, planes: [Self::Bytes; 4]) -> [u32; LINE] {
        std::array::from_fn(|lane| {
            planes.iter().rev().fold(0, |word, plane| word << 8 | byte(plane, lane) as u32)
        })
    }

    #[inline(always)]
    fn words_64(self, planes: [Self::Bytes; 8]) -> [u64; LINE] {
        std::array::from_fn(|lane| {
            planes.iter().rev().fold(0, |word, plane| word << 8 | byte(plane, lane))
        })
    }

    #[inline(always)]
    fn order_32(i: usize) -> usize {
        i
    }

    #[inline(always)]
    fn order_64(i: usize) -> usize {
        i
    }

    #[inline(always)]
    fn transpose(self, from: &[Line; LINE], to: &mut [Line; LINE]) {
        for (column, line) in to.iter_mut().enumerate() {
            for (byte, row) in line.0.iter_mut().zip(from) {
                *byte = row.0[column];
            }
        }
    }
}

macro_rules! key_lanes {
    ($key:ty, $wide:ty) => {
        impl KeyLanes<$key> for Portable {
            type Keys = [$key; 16];

            #[inline(always)]
            fn load_keys(self, words: &Words<$key>) -> Self::Keys {
                words.0
            }

            #[inline(always)]
            fn store_keys(self, keys: Self::Keys, words: &mut Words<$key>) {
                words.0 = keys;
            }

            #[inline(always)]
            fn splat_key(self, key: $key) -> Self::Keys {
                [key; 16]
            }

            #[inline(always)]
            fn keys_equal(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                std::array::from_fn(|lane| {
                    // zero has no top bit in itself nor in its negation
                    let differ = a[lane] ^ b[lane];
                    !((differ | differ.wrapping_neg()) >> (<$key>::BITS - 1))
                })
            }

            #[inline(always)]
            fn keys_at_least(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                std::array::from_fn(|lane| {
                    !(((<$wide>::from(a[lane]) - <$wide>::from(b[lane])) >> (<$wide>::BITS - 1))
                        as $key)
                })
            }

            #[inline(always)]
            fn keys_sub(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                std::array::from_fn(|lane| a[lane].wrapping_sub(b[lane]))
            }

            #[inline(always)]
            fn keys_and(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                std::array::from_fn(|lane| a[lane] & b[lane])
            }

            #[inline(always)]
            fn keys_or(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                std::array::from_fn(|lane| a[lane] | b[lane])
            }

            #[inline(always)]
            fn keys_select(self, mask: Self::Keys, yes: Self::Keys, no: Self::Keys) -> Self::Keys {
                std::array::from_fn(|lane| no[lane] ^ (mask[lane] & (yes[lane] ^ no[lane])))
            }

            #[inline(always)]
            fn low_bytes(self, keys: Self::Keys) -> [u8; 16] {
                keys.map(|key| key as u8)
            }

            #[inline(always)]
            fn pick_keys<const ROWS: usize>(
                self,
                rows: &[Words<$key>],
                index: Self::Keys,
            ) -> [Self::Keys; ROWS] {
                scan_keys(self, rows, index)
            }

            #[inline(always)]
            fn transpose_keys(self, keys: [Self::Keys; 16]) -> [Self::Keys; 16] {
                std::array::from_fn(|i| std::array::from_fn(|j| keys[j][i]))
            }

            #[inline(always)]
            fn count_at_most(
                self,
                table: &[Words<$key>],
                keys: [Self::Keys; 4],
            ) -> [Self::Keys; 4] {
                count_all(self, table, keys)
            }
        }
    };
}

key_lanes!(i32, i64);
key_lanes!(i64, i128);

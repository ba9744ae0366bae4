//! Lanes in plain Rust: arrays and arithmetic, vectorised by the compiler where it can.
//!
//! Comparisons are arithmetic, not `if`: a subtraction in a wider type and its sign.

use super::Kernel;
use crate::lanes::{KeyLanes, Lanes};
use crate::line::{LINE, Line, Words};

#[derive(Clone, Copy)]
pub(super) struct Portable;

/// Runs a kernel on plain arrays.
#[inline(never)]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable)
}

#[inline(always)]
fn zip(a: [u8; LINE], b: [u8; LINE], f: impl Fn(u8, u8) -> u8) -> [u8; LINE] {
    let mut out = [0; LINE];
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(a, b);
    }
    out
}

/// 255 where `a > b`, else 0.
#[inline(always)]
fn greater(a: u8, b: u8) -> u8 {
    ((i16::from(b) - i16::from(a)) >> 15) as u8
}

/// 255 where `a == b`, else 0.
#[inline(always)]
fn same(a: u8, b: u8) -> u8 {
    (((i16::from(a ^ b)) - 1) >> 15) as u8
}

impl Lanes for Portable {
    type Bytes = [u8; LINE];
    const ROWS: usize = 4;

    #[inline(always)]
    fn load(self, line: &Line) -> Self::Bytes {
        line.0
    }

    #[inline(always)]
    fn store(self, bytes: Self::Bytes, line: &mut Line) {
        line.0 = bytes;
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> Self::Bytes {
        [byte; LINE]
    }

    #[inline(always)]
    fn add(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        zip(a, b, u8::wrapping_add)
    }

    #[inline(always)]
    fn sub(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        zip(a, b, u8::wrapping_sub)
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
        let differ = zip(yes, no, |yes, no| yes ^ no);
        zip(zip(mask, differ, |mask, differ| mask & differ), no, |picked, no| picked ^ no)
    }

    #[inline(always)]
    fn raise_where_greater(
        self,
        e: Self::Bytes,
        x: Self::Bytes,
        t: Self::Bytes,
        w: Self::Bytes,
    ) -> Self::Bytes {
        let raised = zip(zip(x, t, greater), w, |mask, w| mask & w);
        zip(e, raised, u8::max)
    }

    #[inline(always)]
    fn lookup(self, table: &Line, entries: usize, index: Self::Bytes) -> Self::Bytes {
        let index = zip(index, [63; LINE], |index, low| index & low);
        let mut out = [0; LINE];
        for (entry, &value) in table.0.iter().take(entries).enumerate() {
            let here = zip(index, [entry as u8; LINE], same);
            out = zip(out, here, |out, here| out | (here & value));
        }
        out
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
        }
    };
}

key_lanes!(i32, i64);
key_lanes!(i64, i128);

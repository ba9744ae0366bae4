//! One test body per operation, run on every backend, against plain arithmetic.

use super::{Backend, Kernel};
use crate::lanes::{KeyLanes, Lanes};
use crate::line::{LINE, Line, Words};
use proptest::prelude::*;

struct ByteOps {
    a: Line,
    b: Line,
    c: Line,
    d: Line,
}

impl Kernel for &ByteOps {
    type Output = Vec<[u8; LINE]>;
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        let [a, b, c, d] = [&self.a, &self.b, &self.c, &self.d].map(|line| l.load(line));
        let mask = l.equal(l.and(c, l.splat(1)), l.splat(1));
        let results = [
            l.add(a, b),
            l.sub(a, b),
            l.and(a, b),
            l.or(a, b),
            l.equal(a, b),
            l.select(mask, a, b),
            l.raise_where_greater(a, b, c, d),
            l.lookup(&self.a, LINE, b),
            l.lookup(&self.a, 32, l.and(b, l.splat(31))),
        ];
        let stored = results.map(|result| {
            let mut line = Line::default();
            l.store(result, &mut line);
            line.0
        });
        stored.to_vec()
    }
}

fn plain(ops: &ByteOps) -> Vec<[u8; LINE]> {
    let (a, b, c, d) = (ops.a.0, ops.b.0, ops.c.0, ops.d.0);
    let each = |f: &dyn Fn(usize) -> u8| std::array::from_fn(f);
    vec![
        each(&|i| a[i].wrapping_add(b[i])),
        each(&|i| a[i].wrapping_sub(b[i])),
        each(&|i| a[i] & b[i]),
        each(&|i| a[i] | b[i]),
        each(&|i| if a[i] == b[i] { 255 } else { 0 }),
        each(&|i| if c[i] & 1 == 1 { a[i] } else { b[i] }),
        each(&|i| if b[i] > c[i] { a[i].max(d[i]) } else { a[i] }),
        each(&|i| a[usize::from(b[i]) % 64]),
        each(&|i| a[usize::from(b[i]) % 32]),
    ]
}

struct KeyOps<'a, K: crate::Key>(&'a Words<K>, &'a Words<K>, &'a Words<K>);

macro_rules! key_kernel {
    ($key:ty) => {
        impl Kernel for KeyOps<'_, $key> {
            type Output = [[u8; 16]; 5];
            #[inline(always)]
            fn run<L: Lanes>(self, l: L) -> Self::Output {
                let [a, b, c] = [self.0, self.1, self.2].map(|words| l.load_keys(words));
                let at_least = KeyLanes::<$key>::keys_at_least(l, a, b);
                let equal = KeyLanes::<$key>::keys_equal(l, a, b);
                [
                    KeyLanes::<$key>::low_bytes(l, at_least),
                    KeyLanes::<$key>::low_bytes(l, equal),
                    KeyLanes::<$key>::low_bytes(l, KeyLanes::<$key>::keys_sub(l, a, c)),
                    KeyLanes::<$key>::low_bytes(
                        l,
                        KeyLanes::<$key>::keys_select(l, at_least, a, c),
                    ),
                    KeyLanes::<$key>::low_bytes(
                        l,
                        KeyLanes::<$key>::keys_or(l, KeyLanes::<$key>::keys_and(l, a, b), c),
                    ),
                ]
            }
        }
    };
}
key_kernel!(i32);
key_kernel!(i64);

macro_rules! key_test {
    ($name:ident, $key:ty) => {
        proptest! {
            #[test]
            fn $name(a: [$key; 16], b: [$key; 16], c: [$key; 16], same: u16) {
                let b: [$key; 16] =
                    std::array::from_fn(|i| if same >> i & 1 == 1 { a[i] } else { b[i] });
                let byte = |f: &dyn Fn(usize) -> $key| -> [u8; 16] {
                    std::array::from_fn(|i| f(i) as u8)
                };
                let expected = [
                    byte(&|i| -<$key>::from(a[i] >= b[i])),
                    byte(&|i| -<$key>::from(a[i] == b[i])),
                    byte(&|i| a[i].wrapping_sub(c[i])),
                    byte(&|i| if a[i] >= b[i] { a[i] } else { c[i] }),
                    byte(&|i| (a[i] & b[i]) | c[i]),
                ];
                for backend in Backend::available() {
                    let found = backend.run(KeyOps(&Words(a), &Words(b), &Words(c)));
                    prop_assert_eq!(found, expected, "{}", backend.name());
                }
            }
        }
    };
}
key_test!(key_lanes_32, i32);
key_test!(key_lanes_64, i64);

fn line() -> impl Strategy<Value = Line> {
    proptest::collection::vec(any::<u8>(), LINE).prop_map(|v| Line(v.try_into().unwrap()))
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

proptest! {
    #[test]
    fn byte_lanes(a in line(), b in line(), c in line(), d in line()) {
        let ops = ByteOps { a, b, c, d };
        for backend in Backend::available() {
            prop_assert_eq!(backend.run(&ops), plain(&ops), "{}", backend.name());
        }
    }
}

struct Transpose<'a>(&'a [Line; LINE], &'a mut [Line; LINE]);
impl Kernel for Transpose<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        l.transpose(self.0, self.1);
    }
}

#[test]
fn transposes() {
    let from: [Line; LINE] = std::array::from_fn(|i| {
        Line(std::array::from_fn(|j| (i * 131 + j * 31 + i * j / 7) as u8))
    });
    for backend in Backend::available() {
        let mut to = [Line::default(); LINE];
        backend.run(Transpose(&from, &mut to));
        for (i, line) in to.iter().enumerate() {
            for (j, &byte) in line.0.iter().enumerate() {
                assert_eq!(byte, from[j].0[i], "{} {i} {j}", backend.name());
            }
        }
    }
}

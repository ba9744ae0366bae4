//! One test body per operation, run on every backend, against plain arithmetic.

use super::{Backend, Kernel};
use crate::lanes::{KeyLanes, Lanes};
use crate::line::{LINE, Line, Words};
use proptest::prelude::*;

/// Where a certain backend is what is to be tested, it is tested.
#[test]
fn the_backend_that_must_be_here_is() {
    let names: Vec<&str> = Backend::available().into_iter().map(Backend::name).collect();
    println!("backends: {}", names.join(", "));
    if let Ok(name) = std::env::var("TAUTOCHRONE_TEST_BACKEND") {
        assert!(Backend::named(&name).is_some(), "{name}: this CPU has only {}", names.join(", "));
    }
}

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
            l.lookup_where(mask, &self.a, LINE, b, d),
            l.lookup_where(mask, &self.a, 32, l.and(b, l.splat(31)), d),
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
        each(&|i| if c[i] & 1 == 1 { a[usize::from(b[i]) % 64] } else { d[i] }),
        each(&|i| if c[i] & 1 == 1 { a[usize::from(b[i]) % 32] } else { d[i] }),
    ]
}

struct KeyOps<'a, K: crate::Key>(&'a Words<K>, &'a Words<K>, &'a Words<K>);

/// Keys that are read and written back.
struct Copied<'a, K: crate::Key>(&'a Words<K>);

macro_rules! key_kernel {
    ($key:ty) => {
        impl Kernel for Copied<'_, $key> {
            type Output = [$key; 16];
            #[inline(always)]
            fn run<L: Lanes>(self, l: L) -> Self::Output {
                let mut words = Words::default();
                l.store_keys(l.load_keys(self.0), &mut words);
                words.0
            }
        }

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
                    prop_assert_eq!(backend.run(Copied(&Words(a))), a, "{}", backend.name());
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

struct BitOps<'a> {
    values: &'a [Line; 8],
    turned: &'a mut [Line; 8],
    chosen: &'a mut Line,
}
impl Kernel for BitOps<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let [a, b, c, d, e, f, g, h] = self.values;
        let turned = l.turn_bits([a, b, c, d, e, f, g, h].map(|line| l.load(line)));
        for (value, line) in turned.into_iter().zip(self.turned) {
            l.store(value, line);
        }
        for part in 0..L::PARTS {
            let [mask, yes, no] = [a, b, c].map(|line| l.load_plane(line, part));
            l.store_plane(l.mux(mask, yes, no), self.chosen, part);
        }
    }
}

proptest! {
    #[test]
    fn bits(lines in proptest::collection::vec(line(), 8)) {
        let values: [Line; 8] = lines.try_into().unwrap();
        for backend in Backend::available() {
            let (mut turned, mut chosen) = ([Line::default(); 8], Line::default());
            backend.run(BitOps { values: &values, turned: &mut turned, chosen: &mut chosen });
            for byte in 0..LINE {
                let [mask, yes, no] = [values[0].0[byte], values[1].0[byte], values[2].0[byte]];
                prop_assert_eq!(chosen.0[byte], (mask & yes) | (!mask & no), "{}", backend.name());
                for (j, turned) in turned.iter().enumerate() {
                    let expected =
                        (0..8).fold(0, |bits, i| bits | (values[i].0[byte] >> j & 1) << i);
                    prop_assert_eq!(turned.0[byte], expected, "{}", backend.name());
                }
            }
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

struct RankOps<'a, K: crate::Key> {
    rows: &'a [Words<K>],
    index: &'a Words<K>,
    table: &'a [Words<K>],
    keys: &'a [Words<K>; 4],
}

macro_rules! rank_test {
    ($name:ident, $key:ty) => {
        impl Kernel for &RankOps<'_, $key> {
            /// Picked keys (transposed, low bytes; the first row's alone as the last), and counts.
            type Output = (Vec<[u8; 16]>, Vec<[u8; 16]>);
            #[inline(always)]
            fn run<L: Lanes>(self, l: L) -> Self::Output {
                let index = l.load_keys(self.index);
                let picked = KeyLanes::<$key>::pick_keys::<16>(l, self.rows, index);
                let row = &self.rows[..self.rows.len() / 16];
                let [first] = KeyLanes::<$key>::pick_keys::<1>(l, row, index);
                let turned = KeyLanes::<$key>::transpose_keys(l, picked);
                let [a, b, c, d] = self.keys;
                let keys = [a, b, c, d].map(|words| l.load_keys(words));
                let counts = KeyLanes::<$key>::count_at_most(l, self.table, keys);
                let bytes = |keys| KeyLanes::<$key>::low_bytes(l, keys);
                let picked = turned.map(bytes).into_iter().chain([bytes(first)]).collect();
                (picked, counts.map(bytes).to_vec())
            }
        }

        #[test]
        fn $name() {
            for (words, features, seed) in
                [(1, 20, 1u64), (2, 64, 2), (4, 33, 3), (8, 150, 4), (16, 7, 5)]
            {
                let mut state = seed;
                let mut next = |bound: u64| {
                    state = state
                        .wrapping_mul(0x5851_f42d_4c95_7f2d)
                        .wrapping_add(0x1405_7b7e_f767_814f);
                    ((state >> 33) % bound) as $key - (bound / 2) as $key
                };
                let row_words = usize::next_multiple_of(features, 32) / 16;
                let rows: Vec<Words<$key>> = (0..16 * row_words)
                    .map(|_| Words(std::array::from_fn(|_| next(1000))))
                    .collect();
                let index: Words<$key> = Words(std::array::from_fn(|_| {
                    next(features as u64) + (features as u64 / 2) as $key
                }));
                let mut sorted: Vec<$key> = (0..16 * words - 1).map(|_| next(500)).collect();
                sorted.sort_unstable();
                let mut table = vec![Words([0; 16]); words];
                for (place, entry) in crate::line::search_order(16 * words - 1).enumerate() {
                    table[entry / 16].0[entry % 16] = sorted[place];
                }
                let keys: [Words<$key>; 4] =
                    std::array::from_fn(|_| Words(std::array::from_fn(|_| next(600))));
                let mut turned: Vec<[u8; 16]> = (0..16)
                    .map(|lane| {
                        std::array::from_fn(|row| {
                            let at = index.0[lane] as usize;
                            rows[row * row_words + at / 16].0[at % 16] as u8
                        })
                    })
                    .collect();
                turned.push(std::array::from_fn(|lane| turned[lane][0]));
                let counts: Vec<[u8; 16]> = keys
                    .iter()
                    .map(|keys| {
                        keys.0.map(|key| sorted.iter().filter(|&&t| t <= key).count() as u8)
                    })
                    .collect();
                let ops = RankOps { rows: &rows, index: &index, table: &table, keys: &keys };
                for backend in Backend::available() {
                    let found = backend.run(&ops);
                    assert_eq!(found.0, turned, "{} picks", backend.name());
                    assert_eq!(found.1, counts, "{} counts", backend.name());
                }
            }
        }
    };
}
rank_test!(rank_lanes_32, i32);
rank_test!(rank_lanes_64, i64);

struct WordsOps<'a>(&'a [Line; 8]);
impl Kernel for WordsOps<'_> {
    type Output = (Vec<u32>, Vec<u64>);
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        let [a, b, c, d, e, f, g, h] = self.0;
        let planes = [a, b, c, d, e, f, g, h].map(|line| l.load(line));
        let narrow = l.words_32([planes[0], planes[1], planes[2], planes[3]]);
        let wide = l.words_64(planes);
        let mut by_lane = (vec![0; LINE], vec![0; LINE]);
        for i in 0..LINE {
            by_lane.0[L::order_32(i)] = narrow[i];
            by_lane.1[L::order_64(i)] = wide[i];
        }
        by_lane
    }
}

#[test]
fn words_from_planes() {
    let planes: [Line; 8] =
        std::array::from_fn(|p| Line(std::array::from_fn(|i| (p * 37 + i * 11 + p * i) as u8)));
    let word = |lane: usize, bytes: usize| {
        (0..bytes).fold(0u64, |word, p| word | u64::from(planes[p].0[lane]) << (8 * p))
    };
    for backend in Backend::available() {
        let (narrow, wide) = backend.run(WordsOps(&planes));
        for lane in 0..LINE {
            assert_eq!(u64::from(narrow[lane]), word(lane, 4), "{} {lane}", backend.name());
            assert_eq!(wide[lane], word(lane, 8), "{} {lane}", backend.name());
        }
    }
}

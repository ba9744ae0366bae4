//! Lanes on AVX2: 64 bytes in two registers, lookups by four `vpshufb` and selects.
//!
//! AVX2 has no opmasks, but it has `vpmaskmovd`: rustc 1.95 folded a select of keys and its store
//! into a store under the secret mask. So a select's mask passes an empty `asm!`, and the compiler no
//! longer knows that its lanes are all ones or all zeros.

use super::Kernel;
use crate::lanes::{KeyLanes, Lanes, count_all, scan_keys, turn_bits_by_swaps};
use crate::line::{LINE, Line, Words};
use std::arch::asm;
use std::arch::x86_64::*;

/// Proof that this CPU has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    #[inline(always)]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists, so `detect` saw the feature that `run_detected` is compiled for.
        unsafe { run_detected(self, kernel) }
    }
}

#[target_feature(enable = "avx2")]
#[inline(never)]
fn run_detected<K: Kernel>(token: Avx2, kernel: K) -> K::Output {
    kernel.run(token)
}

/// Reads `N` vectors of 32 bytes.
#[inline(always)]
fn load_raw<T, const N: usize>(from: &T) -> [__m256i; N] {
    const {
        assert!(size_of::<T>() == 32 * N && align_of::<T>() >= 32);
    }
    // SAFETY: the reference is to `32 * N` readable bytes, aligned to 32 at least; vectors are plain
    // bytes.
    unsafe { std::ptr::read(std::ptr::from_ref(from).cast()) }
}

/// Keeps the compiler from knowing what a mask is.
#[inline]
#[target_feature(enable = "avx2")]
fn opaque(mut mask: __m256i) -> __m256i {
    // SAFETY: the empty assembly does nothing to the register that it names.
    unsafe {
        asm!("/* {0} */", inout(ymm_reg) mask, options(pure, nomem, nostack, preserves_flags));
    }
    mask
}

/// One expression for each vector of a value. Not a closure: closures and `array::map` do not carry
/// the target feature, and intrinsics would be calls.
macro_rules! each {
    (2, $v:ident => $body:expr) => {
        [each!(@ 0, $v => $body), each!(@ 1, $v => $body)]
    };
    (4, $v:ident => $body:expr) => {
        [
            each!(@ 0, $v => $body),
            each!(@ 1, $v => $body),
            each!(@ 2, $v => $body),
            each!(@ 3, $v => $body),
        ]
    };
    (@ $n:literal, $v:ident => $body:expr) => {{
        const $v: usize = $n;
        $body
    }};
}

/// Every intrinsic below needs AVX2, which the token proves.
macro_rules! with_token {
    ($body:expr) => {
        // SAFETY: the method takes an `Avx2`, which only detection of the feature makes.
        unsafe { $body }
    };
}

impl Avx2 {
    /// The bits of `a` under `mask << shift` change places with those of `b` under `mask`.
    #[inline(always)]
    fn swap_bits<const SHIFT: i32>(
        self,
        a: [__m256i; 2],
        b: [__m256i; 2],
        mask: u8,
    ) -> ([__m256i; 2], [__m256i; 2]) {
        let change = each!(2, H => with_token!({
            let mask = _mm256_set1_epi8(mask.cast_signed());
            _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi64::<SHIFT>(a[H]), b[H]), mask)
        }));
        (
            each!(2, H => {
                with_token!(_mm256_xor_si256(a[H], _mm256_slli_epi64::<SHIFT>(change[H])))
            }),
            each!(2, H => with_token!(_mm256_xor_si256(b[H], change[H]))),
        )
    }

    /// One half of a lookup: 32 lanes, any of 64 entries. `vpshufb` gives zero where an index has
    /// its highest bit set: after the exclusive or, only indices of the right sixteen are below 16,
    /// and adding 0x70 with saturation sets that bit for all others. What is done to the index does
    /// not depend on the table, so that lookups in several tables share it.
    #[inline(always)]
    fn lookup_half(self, table: &Line, entries: usize, index: __m256i) -> __m256i {
        let (sixteens, _) = table.0.as_chunks::<16>();
        let index = with_token!(_mm256_and_si256(index, _mm256_set1_epi8(0x3f)));
        let mut out = with_token!(_mm256_setzero_si256());
        for (number, sixteen) in sixteens.iter().enumerate().take(entries.div_ceil(16)) {
            // SAFETY: 16 readable bytes, no alignment asked for; the token proves AVX2.
            let part =
                unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(sixteen.as_ptr().cast())) };
            out = with_token!({
                let own = _mm256_xor_si256(index, _mm256_set1_epi8(16 * number as i8));
                let own = _mm256_adds_epu8(own, _mm256_set1_epi8(0x70));
                _mm256_or_si256(out, _mm256_shuffle_epi8(part, own))
            });
        }
        out
    }

    /// [`KeyLanes::pick_keys`] for keys of 32 bits: each eight keys of a row are looked up, and each
    /// lane keeps what it found in its own eight.
    #[inline(always)]
    fn pick_32<const ROWS: usize>(
        self,
        rows: &[Words<i32>],
        index: [__m256i; 2],
    ) -> [[__m256i; 2]; ROWS] {
        let words = rows.len() / ROWS;
        let eights = each!(2, H => with_token!(_mm256_srli_epi32::<3>(index[H])));
        let mut picked = [[with_token!(_mm256_setzero_si256()); 2]; ROWS];
        for (row, picked) in picked.iter_mut().enumerate() {
            for (number, word) in rows[row * words..][..words].iter().enumerate() {
                for (half, keys) in load_raw::<_, 2>(word).into_iter().enumerate() {
                    let eight = with_token!(_mm256_set1_epi32((2 * number + half) as i32));
                    *picked = each!(2, H => with_token!({
                        let here = _mm256_cmpeq_epi32(eights[H], eight);
                        let found = _mm256_permutevar8x32_epi32(keys, index[H]);
                        _mm256_or_si256(picked[H], _mm256_and_si256(here, found))
                    }));
                }
            }
        }
        picked
    }

    /// Transposes 8 x 8 words of 32 bits.
    #[inline(always)]
    fn transpose_8(self, a: [__m256i; 8]) -> [__m256i; 8] {
        let mut b = a;
        for i in 0..4 {
            b[i] = with_token!(_mm256_unpacklo_epi32(a[2 * i], a[2 * i + 1]));
            b[i + 4] = with_token!(_mm256_unpackhi_epi32(a[2 * i], a[2 * i + 1]));
        }
        // b[i] has words 0 and 1 of rows 2i and 2i + 1 in each half, b[i + 4] words 2 and 3
        let mut c = b;
        for i in 0..4 {
            let (low, high) = (b[2 * i], b[2 * i + 1]);
            c[2 * i] = with_token!(_mm256_unpacklo_epi64(low, high));
            c[2 * i + 1] = with_token!(_mm256_unpackhi_epi64(low, high));
        }
        // c[j], c[2 + j]: word j of rows 0 to 3 and 4 to 7; c[4 + j], c[6 + j]: word 2 + j
        let mut d = c;
        for j in 0..4 {
            let at = 4 * (j / 2) + j % 2;
            d[j] = with_token!(_mm256_permute2x128_si256::<0x20>(c[at], c[at + 2]));
            d[j + 4] = with_token!(_mm256_permute2x128_si256::<0x31>(c[at], c[at + 2]));
        }
        d
    }

    /// [`KeyLanes::transpose_keys`] for keys of 32 bits, in four squares.
    #[inline(always)]
    fn transpose_32(self, keys: [[__m256i; 2]; 16]) -> [[__m256i; 2]; 16] {
        let mut turned = keys;
        for row in 0..2 {
            for column in 0..2 {
                let mut square = [keys[0][0]; 8];
                for (i, square) in square.iter_mut().enumerate() {
                    *square = keys[8 * row + i][column];
                }
                for (i, square) in self.transpose_8(square).into_iter().enumerate() {
                    turned[8 * column + i][row] = square;
                }
            }
        }
        turned
    }

    /// [`KeyLanes::count_at_most`] for keys of 32 bits: a search among registers.
    #[inline(always)]
    fn search_32(self, table: &[Words<i32>], keys: [[__m256i; 2]; 4]) -> [[__m256i; 2]; 4] {
        let mut counts = keys;
        for counts in counts.iter_mut().flatten() {
            // compares of a public length, and no match: that of powers of two would count bits
            *counts = if table.len() > 8 {
                self.search_eight::<4>(table, *counts)
            } else if table.len() > 4 {
                self.search_eight::<3>(table, *counts)
            } else if table.len() > 2 {
                self.search_eight::<2>(table, *counts)
            } else if table.len() > 1 {
                self.search_eight::<1>(table, *counts)
            } else {
                self.search_eight::<0>(table, *counts)
            };
        }
        counts
    }

    /// Searches a tree of `16 * 2^MORE - 1` thresholds for eight keys. The first four levels are in
    /// one word, each further level in twice as many.
    #[inline(always)]
    fn search_eight<const MORE: usize>(self, table: &[Words<i32>], keys: __m256i) -> __m256i {
        let [low, high]: [__m256i; 2] = load_raw(&table[0]);
        let mut at = with_token!(_mm256_set1_epi32(1));
        for part in [low, low, low, high] {
            at = self.descend_32(at, keys, with_token!(_mm256_permutevar8x32_epi32(part, at)));
        }
        if MORE >= 1 {
            at = self.descend_32(at, keys, self.entry_32::<2, 28>(&table[1..2], at));
        }
        if MORE >= 2 {
            at = self.descend_32(at, keys, self.entry_32::<4, 27>(&table[2..4], at));
        }
        if MORE >= 3 {
            at = self.descend_32(at, keys, self.entry_32::<8, 26>(&table[4..8], at));
        }
        if MORE >= 4 {
            at = self.descend_32(at, keys, self.entry_32::<16, 25>(&table[8..16], at));
        }
        with_token!(_mm256_sub_epi32(at, _mm256_set1_epi32(16 << MORE)))
    }

    /// Entry `at` of a level that stands in `N` vectors. The lowest three bits of `at` look up in
    /// each, the bits above choose among them, the highest first; `SHIFT` brings that to the top.
    #[inline(always)]
    fn entry_32<const N: usize, const SHIFT: i32>(
        self,
        level: &[Words<i32>],
        at: __m256i,
    ) -> __m256i {
        let mut found = [at; N];
        for (pair, word) in found.chunks_exact_mut(2).zip(level) {
            let [low, high]: [__m256i; 2] = load_raw(word);
            pair[0] = with_token!(_mm256_permutevar8x32_epi32(low, at));
            pair[1] = with_token!(_mm256_permutevar8x32_epi32(high, at));
        }
        let mut choice = with_token!(_mm256_slli_epi32::<SHIFT>(at));
        let mut count = N / 2;
        while count > 0 {
            for i in 0..count {
                found[i] = with_token!(_mm256_castps_si256(_mm256_blendv_ps(
                    _mm256_castsi256_ps(found[i]),
                    _mm256_castsi256_ps(found[i + count]),
                    _mm256_castsi256_ps(choice),
                )));
            }
            choice = with_token!(_mm256_add_epi32(choice, choice));
            count /= 2;
        }
        found[0]
    }

    /// `2 at`, and one more where the key is at or above the threshold.
    #[inline(always)]
    fn descend_32(self, at: __m256i, key: __m256i, threshold: __m256i) -> __m256i {
        with_token!({
            let below = _mm256_cmpgt_epi32(threshold, key);
            let right = _mm256_add_epi32(_mm256_add_epi32(at, at), _mm256_set1_epi32(1));
            _mm256_add_epi32(right, below)
        })
    }
}

impl Lanes for Avx2 {
    type Bytes = [__m256i; 2];
    type Plane = __m256i;
    const PARTS: usize = 2;
    const ROWS: usize = 2;

    #[inline(always)]
    fn load(self, line: &Line) -> Self::Bytes {
        load_raw(line)
    }

    #[inline(always)]
    fn store(self, bytes: Self::Bytes, line: &mut Line) {
        let first = std::ptr::from_mut(line).cast::<__m256i>();
        // SAFETY: the line is two vectors of 32 writable bytes, aligned to 64.
        unsafe {
            _mm256_store_si256(first, bytes[0]);
            _mm256_store_si256(first.add(1), bytes[1]);
        }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> Self::Bytes {
        [with_token!(_mm256_set1_epi8(byte.cast_signed())); 2]
    }

    #[inline(always)]
    fn add(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        each!(2, H => with_token!(_mm256_add_epi8(a[H], b[H])))
    }

    #[inline(always)]
    fn sub(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        each!(2, H => with_token!(_mm256_sub_epi8(a[H], b[H])))
    }

    #[inline(always)]
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        each!(2, H => with_token!(_mm256_and_si256(a[H], b[H])))
    }

    #[inline(always)]
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        each!(2, H => with_token!(_mm256_or_si256(a[H], b[H])))
    }

    #[inline(always)]
    fn equal(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        each!(2, H => with_token!(_mm256_cmpeq_epi8(a[H], b[H])))
    }

    #[inline(always)]
    fn select(self, mask: Self::Bytes, yes: Self::Bytes, no: Self::Bytes) -> Self::Bytes {
        each!(2, H => {
            with_token!({
                let mask = opaque(mask[H]);
                _mm256_or_si256(_mm256_and_si256(mask, yes[H]), _mm256_andnot_si256(mask, no[H]))
            })
        })
    }

    #[inline(always)]
    fn raise_where_greater(
        self,
        e: Self::Bytes,
        x: Self::Bytes,
        t: Self::Bytes,
        w: Self::Bytes,
    ) -> Self::Bytes {
        // x <= t where the saturating difference is zero; max with zero changes nothing
        each!(2, H => {
            with_token!({
                let stays = _mm256_cmpeq_epi8(_mm256_subs_epu8(x[H], t[H]), _mm256_setzero_si256());
                _mm256_max_epu8(e[H], _mm256_andnot_si256(stays, w[H]))
            })
        })
    }

    #[inline(always)]
    fn lookup(self, table: &Line, entries: usize, index: Self::Bytes) -> Self::Bytes {
        [self.lookup_half(table, entries, index[0]), self.lookup_half(table, entries, index[1])]
    }

    #[inline(always)]
    fn transpose(self, from: &[Line; LINE], to: &mut [Line; LINE]) {
        for block in 0..4 {
            for half in 0..2 {
                let mut a = [with_token!(_mm256_setzero_si256()); 16];
                for (row, a) in a.iter_mut().enumerate() {
                    *a = load_raw::<_, 2>(&from[16 * block + row])[half];
                }
                for _ in 0..4 {
                    let mut b = a;
                    for i in 0..8 {
                        b[2 * i] = with_token!(_mm256_unpacklo_epi8(a[i], a[i + 8]));
                        b[2 * i + 1] = with_token!(_mm256_unpackhi_epi8(a[i], a[i + 8]));
                    }
                    a = b;
                }
                // register c now holds columns c and 16 + c of this half of these 16 rows
                for (column, pair) in a.into_iter().enumerate() {
                    // SAFETY: both are 32 plain bytes.
                    let pair: [[u8; 16]; 2] = unsafe { std::mem::transmute(pair) };
                    for (part, bytes) in pair.iter().enumerate() {
                        let line = &mut to[32 * half + 16 * part + column];
                        line.0[16 * block..][..16].copy_from_slice(bytes);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn load_plane(self, line: &Line, part: usize) -> Self::Plane {
        load_raw::<_, 2>(line)[part]
    }

    #[inline(always)]
    fn store_plane(self, plane: Self::Plane, line: &mut Line, part: usize) {
        let (halves, _) = line.0.as_chunks_mut::<32>();
        // SAFETY: 32 writable bytes, no alignment asked for; the token proves AVX2.
        unsafe { _mm256_storeu_si256(halves[part].as_mut_ptr().cast(), plane) }
    }

    #[inline(always)]
    fn mux(self, mask: Self::Plane, yes: Self::Plane, no: Self::Plane) -> Self::Plane {
        with_token!(_mm256_or_si256(_mm256_and_si256(mask, yes), _mm256_andnot_si256(mask, no)))
    }

    #[inline(always)]
    fn turn_bits(self, values: [Self::Bytes; 8]) -> [Self::Bytes; 8] {
        turn_bits_by_swaps!(self, values)
    }

    /// Unpacks bytes to words within each 16-byte part.
    #[inline(always)]
    fn words_32(self, planes: [Self::Bytes; 4]) -> [u32; LINE] {
        let [a, b, c, d] = planes;
        let mut words = [with_token!(_mm256_setzero_si256()); 8];
        for half in 0..2 {
            let low = with_token!(_mm256_unpacklo_epi8(a[half], b[half]));
            let high = with_token!(_mm256_unpackhi_epi8(a[half], b[half]));
            let low2 = with_token!(_mm256_unpacklo_epi8(c[half], d[half]));
            let high2 = with_token!(_mm256_unpackhi_epi8(c[half], d[half]));
            words[4 * half] = with_token!(_mm256_unpacklo_epi16(low, low2));
            words[4 * half + 1] = with_token!(_mm256_unpackhi_epi16(low, low2));
            words[4 * half + 2] = with_token!(_mm256_unpacklo_epi16(high, high2));
            words[4 * half + 3] = with_token!(_mm256_unpackhi_epi16(high, high2));
        }
        // SAFETY: vectors and words are the same plain bytes.
        unsafe { std::mem::transmute(words) }
    }

    /// Two halves of [`words_32`](Lanes::words_32), unpacked to pairs.
    #[inline(always)]
    fn words_64(self, planes: [Self::Bytes; 8]) -> [u64; LINE] {
        let [a, b, c, d, e, f, g, h] = planes;
        // SAFETY: vectors and words are the same plain bytes.
        let low: [__m256i; 8] = unsafe { std::mem::transmute(self.words_32([a, b, c, d])) };
        // SAFETY: as above.
        let high: [__m256i; 8] = unsafe { std::mem::transmute(self.words_32([e, f, g, h])) };
        let mut words = [with_token!(_mm256_setzero_si256()); 16];
        for part in 0..8 {
            words[2 * part] = with_token!(_mm256_unpacklo_epi32(low[part], high[part]));
            words[2 * part + 1] = with_token!(_mm256_unpackhi_epi32(low[part], high[part]));
        }
        // SAFETY: vectors and words are the same plain bytes.
        unsafe { std::mem::transmute(words) }
    }

    #[inline(always)]
    fn order_32(i: usize) -> usize {
        let (vector, part, word) = (i / 8, i / 4 % 2, i % 4);
        32 * (vector / 4) + 16 * part + 4 * (vector % 4) + word
    }

    #[inline(always)]
    fn order_64(i: usize) -> usize {
        let (vector, part, word) = (i / 4, i / 2 % 2, i % 2);
        32 * (vector / 8) + 16 * part + 2 * (vector % 8) + word
    }
}

macro_rules! key_lanes {
    ($key:ty, $vectors:tt, $splat:ident, $equal:ident, $greater:ident, $sub:ident, $pick:path, $transpose:path, $count:path) => {
        impl KeyLanes<$key> for Avx2 {
            type Keys = [__m256i; $vectors];

            #[inline(always)]
            fn load_keys(self, words: &Words<$key>) -> Self::Keys {
                load_raw(words)
            }

            #[inline(always)]
            fn store_keys(self, keys: Self::Keys, words: &mut Words<$key>) {
                const { assert!(size_of::<Self::Keys>() == size_of::<Words<$key>>()) }
                // SAFETY: vectors and words are the same plain bytes; the token proves AVX2.
                unsafe { std::ptr::from_mut(words).cast::<Self::Keys>().write(keys) }
            }

            #[inline(always)]
            fn splat_key(self, key: $key) -> Self::Keys {
                [with_token!($splat(key)); $vectors]
            }

            #[inline(always)]
            fn keys_equal(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                each!($vectors, V => with_token!($equal(a[V], b[V])))
            }

            #[inline(always)]
            fn keys_at_least(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                // not (b > a)
                each!($vectors, V => {
                    with_token!(_mm256_andnot_si256($greater(b[V], a[V]), _mm256_set1_epi8(-1)))
                })
            }

            #[inline(always)]
            fn keys_sub(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                each!($vectors, V => with_token!($sub(a[V], b[V])))
            }

            #[inline(always)]
            fn keys_and(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                each!($vectors, V => with_token!(_mm256_and_si256(a[V], b[V])))
            }

            #[inline(always)]
            fn keys_or(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
                each!($vectors, V => with_token!(_mm256_or_si256(a[V], b[V])))
            }

            #[inline(always)]
            fn keys_select(self, mask: Self::Keys, yes: Self::Keys, no: Self::Keys) -> Self::Keys {
                each!($vectors, V => {
                    with_token!({
                        let mask = opaque(mask[V]);
                        let (yes, no) = (yes[V], no[V]);
                        _mm256_or_si256(_mm256_and_si256(mask, yes), _mm256_andnot_si256(mask, no))
                    })
                })
            }

            #[inline(always)]
            fn low_bytes(self, keys: Self::Keys) -> [u8; 16] {
                // SAFETY: vectors and words are the same plain bytes.
                let words: [$key; 16] = unsafe { std::mem::transmute(keys) };
                words.map(|word| word as u8)
            }

            #[inline(always)]
            fn pick_keys<const ROWS: usize>(
                self,
                rows: &[Words<$key>],
                index: Self::Keys,
            ) -> [Self::Keys; ROWS] {
                $pick(self, rows, index)
            }

            #[inline(always)]
            fn transpose_keys(self, keys: [Self::Keys; 16]) -> [Self::Keys; 16] {
                $transpose(self, keys)
            }

            #[inline(always)]
            fn count_at_most(
                self,
                table: &[Words<$key>],
                keys: [Self::Keys; 4],
            ) -> [Self::Keys; 4] {
                $count(self, table, keys)
            }
        }
    };
}

key_lanes!(
    i32,
    2,
    _mm256_set1_epi32,
    _mm256_cmpeq_epi32,
    _mm256_cmpgt_epi32,
    _mm256_sub_epi32,
    Avx2::pick_32,
    Avx2::transpose_32,
    Avx2::search_32
);
key_lanes!(
    i64,
    4,
    _mm256_set1_epi64x,
    _mm256_cmpeq_epi64,
    _mm256_cmpgt_epi64,
    _mm256_sub_epi64,
    scan_keys,
    transpose_64,
    count_all
);

/// [`KeyLanes::transpose_keys`] for keys of 64 bits.
#[inline(always)]
fn transpose_64(_: Avx2, keys: [[__m256i; 4]; 16]) -> [[__m256i; 4]; 16] {
    // SAFETY: vectors and words are the same plain bytes.
    let from: [[i64; 16]; 16] = unsafe { std::mem::transmute(keys) };
    let mut to = [[0; 16]; 16];
    for (i, to) in to.iter_mut().enumerate() {
        for (to, from) in to.iter_mut().zip(&from) {
            *to = from[i];
        }
    }
    // SAFETY: vectors and words are the same plain bytes.
    unsafe { std::mem::transmute(to) }
}

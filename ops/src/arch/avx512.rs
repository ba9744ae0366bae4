//! Lanes on AVX-512 with VBMI: 64 bytes in one register, lookups by `vpermb`.
//!
//! Opmasks stay in registers and never touch a memory operand: every loaded value passes an empty
//! `asm!`, so that the compiler cannot fold the load into an instruction that runs under a mask, and
//! so does what is blended into an array, which may be in memory: the compiler would fold the blend
//! and its store. `CONTRIBUTING.md` tells what it does otherwise.

use super::Kernel;
use crate::lanes::{KeyLanes, Lanes, turn_bits_by_swaps};
use crate::line::{LINE, Line, Words};
use std::arch::asm;
use std::arch::x86_64::*;

/// Proof that this CPU has AVX-512 F, BW, DQ, VL and VBMI, and AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx2"))
        .then_some(Self(()))
    }

    #[inline(always)]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists, so `detect` saw every feature that `run_detected` is compiled for.
        unsafe { run_detected(self, kernel) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx2")]
#[inline(never)]
fn run_detected<K: Kernel>(token: Avx512, kernel: K) -> K::Output {
    kernel.run(token)
}

/// Keeps a value in a register of its own.
#[inline]
#[target_feature(enable = "avx512f")]
fn alone(mut value: __m512i) -> __m512i {
    // SAFETY: the empty assembly does nothing to the register that it names.
    unsafe {
        asm!("/* {0} */", inout(zmm_reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}

#[inline(always)]
fn load_raw<T>(from: &T) -> __m512i {
    const {
        assert!(size_of::<T>() == 64 && align_of::<T>() >= 64);
    }
    // SAFETY: the reference is to 64 readable bytes, aligned to 64; every caller holds an `Avx512`.
    unsafe { alone(_mm512_load_si512(std::ptr::from_ref(from).cast())) }
}

/// Every intrinsic below needs features that the token proves.
macro_rules! with_token {
    ($body:expr) => {
        // SAFETY: the method takes an `Avx512`, which only detection of these features makes.
        unsafe { $body }
    };
}

impl Avx512 {
    /// The bits of `a` under `mask << shift` change places with those of `b` under `mask`.
    #[inline(always)]
    fn swap_bits<const SHIFT: u32>(self, a: __m512i, b: __m512i, mask: u8) -> (__m512i, __m512i) {
        with_token!({
            let mask = _mm512_set1_epi8(mask.cast_signed());
            let moved = _mm512_srli_epi64::<SHIFT>(a);
            let change = _mm512_and_si512(_mm512_xor_si512(moved, b), mask);
            (_mm512_xor_si512(a, _mm512_slli_epi64::<SHIFT>(change)), _mm512_xor_si512(b, change))
        })
    }

    /// Bytes of four planes side by side.
    #[inline(always)]
    fn unpack_32(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
        with_token!({
            let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
            let (low2, high2) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
            [
                _mm512_unpacklo_epi16(low, low2),
                _mm512_unpackhi_epi16(low, low2),
                _mm512_unpacklo_epi16(high, high2),
                _mm512_unpackhi_epi16(high, high2),
            ]
        })
    }
}

impl Lanes for Avx512 {
    type Bytes = __m512i;
    type Plane = __m512i;
    const PARTS: usize = 1;
    const ROWS: usize = 8;

    #[inline(always)]
    fn load(self, line: &Line) -> Self::Bytes {
        load_raw(line)
    }

    #[inline(always)]
    fn store(self, bytes: Self::Bytes, line: &mut Line) {
        // SAFETY: the reference is to 64 writable bytes, aligned to 64; the token proves AVX-512.
        unsafe { _mm512_store_si512(std::ptr::from_mut(line).cast(), bytes) }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> Self::Bytes {
        with_token!(_mm512_set1_epi8(byte.cast_signed()))
    }

    #[inline(always)]
    fn add(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        with_token!(_mm512_add_epi8(a, b))
    }

    #[inline(always)]
    fn sub(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        with_token!(_mm512_sub_epi8(a, b))
    }

    #[inline(always)]
    fn and(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        with_token!(_mm512_and_si512(a, b))
    }

    #[inline(always)]
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        with_token!(_mm512_or_si512(a, b))
    }

    #[inline(always)]
    fn equal(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        with_token!(_mm512_movm_epi8(_mm512_cmpeq_epi8_mask(a, b)))
    }

    #[inline(always)]
    fn select(self, mask: Self::Bytes, yes: Self::Bytes, no: Self::Bytes) -> Self::Bytes {
        with_token!(_mm512_ternarylogic_epi64::<0xca>(mask, yes, no))
    }

    #[inline(always)]
    fn raise_where_greater(
        self,
        e: Self::Bytes,
        x: Self::Bytes,
        t: Self::Bytes,
        w: Self::Bytes,
    ) -> Self::Bytes {
        with_token!(_mm512_mask_max_epu8(e, _mm512_cmpgt_epu8_mask(x, t), e, w))
    }

    #[inline(always)]
    fn lookup(self, table: &Line, _entries: usize, index: Self::Bytes) -> Self::Bytes {
        with_token!(_mm512_permutexvar_epi8(index, load_raw(table)))
    }

    /// The mask is a compare's: its opmask stays in its register, and the table in one of its own.
    #[inline(always)]
    fn lookup_where(
        self,
        mask: Self::Bytes,
        table: &Line,
        _entries: usize,
        index: Self::Bytes,
        otherwise: Self::Bytes,
    ) -> Self::Bytes {
        with_token!({
            let mask = _mm512_movepi8_mask(mask);
            _mm512_mask_permutexvar_epi8(otherwise, mask, index, load_raw(table))
        })
    }

    #[inline(always)]
    fn transpose(self, from: &[Line; LINE], to: &mut [Line; LINE]) {
        for block in 0..4 {
            let mut a = [with_token!(_mm512_setzero_si512()); 16];
            for (row, a) in a.iter_mut().enumerate() {
                *a = load_raw(&from[16 * block + row]);
            }
            for _ in 0..4 {
                let mut b = a;
                for i in 0..8 {
                    b[2 * i] = with_token!(_mm512_unpacklo_epi8(a[i], a[i + 8]));
                    b[2 * i + 1] = with_token!(_mm512_unpackhi_epi8(a[i], a[i + 8]));
                }
                a = b;
            }
            // register c now holds columns c, 16 + c, 32 + c and 48 + c of these 16 rows
            for (column, quarters) in a.into_iter().enumerate() {
                let quarters: [[u8; 16]; 4] =
                    // SAFETY: both are 64 plain bytes.
                    unsafe { std::mem::transmute(quarters) };
                for (quarter, bytes) in quarters.iter().enumerate() {
                    to[16 * quarter + column].0[16 * block..][..16].copy_from_slice(bytes);
                }
            }
        }
    }

    #[inline(always)]
    fn load_plane(self, line: &Line, _part: usize) -> Self::Plane {
        load_raw(line)
    }

    #[inline(always)]
    fn store_plane(self, plane: Self::Plane, line: &mut Line, _part: usize) {
        self.store(plane, line);
    }

    #[inline(always)]
    fn mux(self, mask: Self::Plane, yes: Self::Plane, no: Self::Plane) -> Self::Plane {
        self.select(mask, yes, no)
    }

    #[inline(always)]
    fn turn_bits(self, values: [Self::Bytes; 8]) -> [Self::Bytes; 8] {
        turn_bits_by_swaps!(self, values)
    }

    /// Unpacks bytes to words within each 16-byte part.
    #[inline(always)]
    fn words_32(self, planes: [Self::Bytes; 4]) -> [u32; LINE] {
        // SAFETY: vectors and words are the same plain bytes.
        unsafe { std::mem::transmute(self.unpack_32(planes)) }
    }

    #[inline(always)]
    fn words_64(self, planes: [Self::Bytes; 8]) -> [u64; LINE] {
        let [a, b, c, d, e, f, g, h] = planes;
        let (low, high) = (self.unpack_32([a, b, c, d]), self.unpack_32([e, f, g, h]));
        let mut words = [with_token!(_mm512_setzero_si512()); 8];
        for part in 0..4 {
            words[2 * part] = with_token!(_mm512_unpacklo_epi32(low[part], high[part]));
            words[2 * part + 1] = with_token!(_mm512_unpackhi_epi32(low[part], high[part]));
        }
        // SAFETY: vectors and words are the same plain bytes.
        unsafe { std::mem::transmute(words) }
    }

    #[inline(always)]
    fn order_32(i: usize) -> usize {
        let (vector, part, word) = (i / 16, i / 4 % 4, i % 4);
        16 * part + 4 * vector + word
    }

    #[inline(always)]
    fn order_64(i: usize) -> usize {
        let (vector, part, word) = (i / 8, i / 2 % 4, i % 2);
        16 * part + 2 * vector + word
    }
}

impl KeyLanes<i32> for Avx512 {
    type Keys = __m512i;

    #[inline(always)]
    fn load_keys(self, words: &Words<i32>) -> Self::Keys {
        load_raw(words)
    }

    #[inline(always)]
    fn store_keys(self, keys: Self::Keys, words: &mut Words<i32>) {
        // SAFETY: the reference is to 64 writable bytes, aligned to 64; the token proves AVX-512.
        unsafe { _mm512_store_si512(std::ptr::from_mut(words).cast(), keys) }
    }

    #[inline(always)]
    fn splat_key(self, key: i32) -> Self::Keys {
        with_token!(_mm512_set1_epi32(key))
    }

    #[inline(always)]
    fn keys_equal(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        with_token!(_mm512_movm_epi32(_mm512_cmpeq_epi32_mask(a, b)))
    }

    #[inline(always)]
    fn keys_at_least(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        with_token!(_mm512_movm_epi32(_mm512_cmpge_epi32_mask(a, b)))
    }

    #[inline(always)]
    fn keys_sub(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        with_token!(_mm512_sub_epi32(a, b))
    }

    #[inline(always)]
    fn keys_and(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        with_token!(_mm512_and_si512(a, b))
    }

    #[inline(always)]
    fn keys_or(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        with_token!(_mm512_or_si512(a, b))
    }

    #[inline(always)]
    fn keys_select(self, mask: Self::Keys, yes: Self::Keys, no: Self::Keys) -> Self::Keys {
        with_token!(_mm512_ternarylogic_epi64::<0xca>(mask, yes, no))
    }

    #[inline(always)]
    fn low_bytes(self, keys: Self::Keys) -> [u8; 16] {
        // SAFETY: both are 16 plain bytes; the token proves AVX-512.
        unsafe { std::mem::transmute(_mm512_cvtepi32_epi8(keys)) }
    }

    #[inline(always)]
    fn pick_keys<const ROWS: usize>(
        self,
        rows: &[Words<i32>],
        index: Self::Keys,
    ) -> [Self::Keys; ROWS] {
        let words = rows.len() / ROWS;
        let window = with_token!(_mm512_srli_epi32::<5>(index));
        let mut picked = [with_token!(_mm512_setzero_si512()); ROWS];
        for pair in 0..words / 2 {
            let here = with_token!(_mm512_cmpeq_epi32_mask(window, _mm512_set1_epi32(pair as i32)));
            for (row, picked) in picked.iter_mut().enumerate() {
                let at = row * words + 2 * pair;
                let (low, high) = (load_raw(&rows[at]), load_raw(&rows[at + 1]));
                let found = with_token!(_mm512_permutex2var_epi32(low, index, high));
                *picked = with_token!(alone(_mm512_mask_mov_epi32(*picked, here, found)));
            }
        }
        picked
    }

    /// Four perfect shuffles of 16 x 16 words.
    #[inline(always)]
    fn transpose_keys(self, keys: [Self::Keys; 16]) -> [Self::Keys; 16] {
        let (low, high) = (load_raw(&INTERLEAVE_32[0]), load_raw(&INTERLEAVE_32[1]));
        let mut a = keys;
        for _ in 0..4 {
            let mut b = a;
            for i in 0..8 {
                b[2 * i] = with_token!(_mm512_permutex2var_epi32(a[i], low, a[i + 8]));
                b[2 * i + 1] = with_token!(_mm512_permutex2var_epi32(a[i], high, a[i + 8]));
            }
            a = b;
        }
        a
    }

    #[inline(always)]
    fn count_at_most(self, table: &[Words<i32>], keys: [Self::Keys; 4]) -> [Self::Keys; 4] {
        // compares of a public length, and no match: that of powers of two would count bits
        if table.len() > 8 {
            self.search_32::<16>(table, keys)
        } else if table.len() > 4 {
            self.search_32::<8>(table, keys)
        } else if table.len() > 2 {
            self.search_32::<4>(table, keys)
        } else if table.len() > 1 {
            self.search_32::<2>(table, keys)
        } else {
            self.search_32::<1>(table, keys)
        }
    }
}

/// Indices that interleave the lower or the upper halves of two vectors of 16 words.
const INTERLEAVE_32: [Words<i32>; 2] = [
    Words([0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23]),
    Words([8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31]),
];

/// The same for vectors of eight words of 64 bits.
const INTERLEAVE_64: Words<i64> = Words([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15]);

impl Avx512 {
    /// Searches a tree of `16 W - 1` thresholds. Entry `j` of the tree stands in word `j / 16`: the
    /// first four levels are in one register, each further level in twice as many.
    #[inline(always)]
    fn search_32<const W: usize>(self, table: &[Words<i32>], keys: [__m512i; 4]) -> [__m512i; 4] {
        let mut words = [with_token!(_mm512_setzero_si512()); W];
        for (word, from) in words.iter_mut().zip(table) {
            *word = load_raw(from);
        }
        let mut at = [with_token!(_mm512_set1_epi32(1)); 4];
        for _ in 0..4 {
            for (at, key) in at.iter_mut().zip(keys) {
                let threshold = with_token!(_mm512_permutexvar_epi32(*at, words[0]));
                *at = self.descend_32(*at, key, threshold);
            }
        }
        let mut level = 1;
        while level < W {
            for (at, key) in at.iter_mut().zip(keys) {
                let threshold = self.entry_32(&words[level..2 * level], *at);
                *at = self.descend_32(*at, key, threshold);
            }
            level *= 2;
        }
        let first = with_token!(_mm512_set1_epi32(16 * W as i32));
        for at in &mut at {
            *at = with_token!(_mm512_sub_epi32(*at, first));
        }
        at
    }

    /// To the upper child where the key is at or above the threshold, else to the lower one.
    #[inline(always)]
    fn descend_32(self, at: __m512i, key: __m512i, threshold: __m512i) -> __m512i {
        with_token!({
            let twice = _mm512_add_epi32(at, at);
            let up = _mm512_cmpge_epi32_mask(key, threshold);
            _mm512_mask_add_epi32(twice, up, twice, _mm512_set1_epi32(1))
        })
    }

    /// The entry of a level of 1, 2, 4 or 8 words; `at` mod the level's size is its place.
    #[inline(always)]
    fn entry_32(self, words: &[__m512i], at: __m512i) -> __m512i {
        with_token!({
            if words.len() == 1 {
                return _mm512_permutexvar_epi32(at, words[0]);
            }
            let pair = |i: usize| _mm512_permutex2var_epi32(words[2 * i], at, words[2 * i + 1]);
            if words.len() == 2 {
                return pair(0);
            }
            let high = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
            let low = _mm512_mask_mov_epi32(pair(0), high, pair(1));
            if words.len() == 4 {
                return low;
            }
            let upper = _mm512_mask_mov_epi32(pair(2), high, pair(3));
            let top = _mm512_test_epi32_mask(at, _mm512_set1_epi32(64));
            _mm512_mask_mov_epi32(low, top, upper)
        })
    }

    /// As `search_32`, for one half of the lanes.
    #[inline(always)]
    fn search_64(self, table: &[Words<i64>], key: __m512i) -> __m512i {
        let mut at = with_token!(_mm512_set1_epi64(1));
        for _ in 0..4 {
            let threshold = self.entry_64(&table[..1], at);
            at = self.descend_64(at, key, threshold);
        }
        let mut level = 1;
        while level < table.len() {
            let threshold = self.entry_64(&table[level..2 * level], at);
            at = self.descend_64(at, key, threshold);
            level *= 2;
        }
        with_token!(_mm512_sub_epi64(at, _mm512_set1_epi64(16 * table.len() as i64)))
    }

    #[inline(always)]
    fn descend_64(self, at: __m512i, key: __m512i, threshold: __m512i) -> __m512i {
        with_token!({
            let twice = _mm512_add_epi64(at, at);
            let up = _mm512_cmpge_epi64_mask(key, threshold);
            _mm512_mask_add_epi64(twice, up, twice, _mm512_set1_epi64(1))
        })
    }

    /// The entry of a level: each word looks its 16 entries up, and the right word's is kept.
    #[inline(always)]
    fn entry_64(self, words: &[Words<i64>], at: __m512i) -> __m512i {
        let number = with_token!(_mm512_srli_epi64::<4>(at));
        let last = words.len() as i64 - 1;
        let number = with_token!(_mm512_and_si512(number, _mm512_set1_epi64(last)));
        let mut entry = with_token!(_mm512_setzero_si512());
        for (word, from) in words.iter().enumerate() {
            let [low, high] = KeyLanes::<i64>::load_keys(self, from);
            with_token!({
                let found = _mm512_permutex2var_epi64(low, at, high);
                let here = _mm512_cmpeq_epi64_mask(number, _mm512_set1_epi64(word as i64));
                entry = _mm512_mask_mov_epi64(entry, here, found);
            });
        }
        entry
    }
}

impl KeyLanes<i64> for Avx512 {
    type Keys = [__m512i; 2];

    #[inline(always)]
    fn load_keys(self, words: &Words<i64>) -> Self::Keys {
        // SAFETY: `Words<i64>` is 128 bytes, aligned to 64: two whole vectors.
        let halves: &[Line; 2] = unsafe { &*std::ptr::from_ref(words).cast() };
        [load_raw(&halves[0]), load_raw(&halves[1])]
    }

    #[inline(always)]
    fn store_keys(self, keys: Self::Keys, words: &mut Words<i64>) {
        let first = std::ptr::from_mut(words).cast::<__m512i>();
        // SAFETY: `Words<i64>` is 128 writable bytes, aligned to 64: two whole vectors.
        unsafe {
            _mm512_store_si512(first.cast(), keys[0]);
            _mm512_store_si512(first.add(1).cast(), keys[1]);
        }
    }

    #[inline(always)]
    fn splat_key(self, key: i64) -> Self::Keys {
        [with_token!(_mm512_set1_epi64(key)); 2]
    }

    #[inline(always)]
    fn keys_equal(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        [
            with_token!(_mm512_movm_epi64(_mm512_cmpeq_epi64_mask(a[0], b[0]))),
            with_token!(_mm512_movm_epi64(_mm512_cmpeq_epi64_mask(a[1], b[1]))),
        ]
    }

    #[inline(always)]
    fn keys_at_least(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        [
            with_token!(_mm512_movm_epi64(_mm512_cmpge_epi64_mask(a[0], b[0]))),
            with_token!(_mm512_movm_epi64(_mm512_cmpge_epi64_mask(a[1], b[1]))),
        ]
    }

    #[inline(always)]
    fn keys_sub(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        [with_token!(_mm512_sub_epi64(a[0], b[0])), with_token!(_mm512_sub_epi64(a[1], b[1]))]
    }

    #[inline(always)]
    fn keys_and(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        [with_token!(_mm512_and_si512(a[0], b[0])), with_token!(_mm512_and_si512(a[1], b[1]))]
    }

    #[inline(always)]
    fn keys_or(self, a: Self::Keys, b: Self::Keys) -> Self::Keys {
        [with_token!(_mm512_or_si512(a[0], b[0])), with_token!(_mm512_or_si512(a[1], b[1]))]
    }

    #[inline(always)]
    fn keys_select(self, mask: Self::Keys, yes: Self::Keys, no: Self::Keys) -> Self::Keys {
        [
            with_token!(_mm512_ternarylogic_epi64::<0xca>(mask[0], yes[0], no[0])),
            with_token!(_mm512_ternarylogic_epi64::<0xca>(mask[1], yes[1], no[1])),
        ]
    }

    #[inline(always)]
    fn low_bytes(self, keys: Self::Keys) -> [u8; 16] {
        let mut out = [0; 16];
        for (h, half) in out.chunks_exact_mut(8).enumerate() {
            let bytes = with_token!(_mm_cvtsi128_si64(_mm512_cvtepi64_epi8(keys[h])));
            half.copy_from_slice(&bytes.to_le_bytes());
        }
        out
    }

    #[inline(always)]
    fn pick_keys<const ROWS: usize>(
        self,
        rows: &[Words<i64>],
        index: Self::Keys,
    ) -> [Self::Keys; ROWS] {
        let words = rows.len() / ROWS;
        let window = [
            with_token!(_mm512_srli_epi64::<4>(index[0])),
            with_token!(_mm512_srli_epi64::<4>(index[1])),
        ];
        let mut picked = [[with_token!(_mm512_setzero_si512()); 2]; ROWS];
        for word in 0..words {
            let number = with_token!(_mm512_set1_epi64(word as i64));
            for (row, picked) in picked.iter_mut().enumerate() {
                let [low, high] = KeyLanes::<i64>::load_keys(self, &rows[row * words + word]);
                for half in 0..2 {
                    with_token!({
                        let here = _mm512_cmpeq_epi64_mask(window[half], number);
                        let found = _mm512_permutex2var_epi64(low, index[half], high);
                        picked[half] = alone(_mm512_mask_mov_epi64(picked[half], here, found));
                    });
                }
            }
        }
        picked
    }

    #[inline(always)]
    fn transpose_keys(self, keys: [Self::Keys; 16]) -> [Self::Keys; 16] {
        let [low, high] = KeyLanes::<i64>::load_keys(self, &INTERLEAVE_64);
        let mut a = keys;
        for _ in 0..4 {
            let mut b = a;
            for i in 0..8 {
                for half in 0..2 {
                    let (x, y) = (a[i][half], a[i + 8][half]);
                    b[2 * i + half] = with_token!([
                        _mm512_permutex2var_epi64(x, low, y),
                        _mm512_permutex2var_epi64(x, high, y)
                    ]);
                }
            }
            a = b;
        }
        a
    }

    #[inline(always)]
    fn count_at_most(self, table: &[Words<i64>], keys: [Self::Keys; 4]) -> [Self::Keys; 4] {
        let mut counts = keys;
        for count in &mut counts {
            *count = [self.search_64(table, count[0]), self.search_64(table, count[1])];
        }
        counts
    }
}

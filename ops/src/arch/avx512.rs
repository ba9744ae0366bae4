//! Lanes on AVX-512 with VBMI: 64 bytes in one register, lookups by `vpermb`.
//!
//! Opmasks stay in registers and never touch a memory operand: every loaded value passes an empty
//! `asm!`, so that the compiler cannot fold the load into an instruction that runs under a mask.
//! `CONTRIBUTING.md` tells what it does otherwise.

use super::Kernel;
use crate::lanes::{KeyLanes, Lanes};
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

/// Keeps a loaded value in a register of its own.
#[inline]
#[target_feature(enable = "avx512f")]
fn loaded(mut value: __m512i) -> __m512i {
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
    unsafe { loaded(_mm512_load_si512(std::ptr::from_ref(from).cast())) }
}

/// Every intrinsic below needs features that the token proves.
macro_rules! with_token {
    ($body:expr) => {
        // SAFETY: the method takes an `Avx512`, which only detection of these features makes.
        unsafe { $body }
    };
}

impl Lanes for Avx512 {
    type Bytes = __m512i;
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
}

impl KeyLanes<i32> for Avx512 {
    type Keys = __m512i;

    #[inline(always)]
    fn load_keys(self, words: &Words<i32>) -> Self::Keys {
        load_raw(words)
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
}

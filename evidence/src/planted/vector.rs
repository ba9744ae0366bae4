//! Planted leaks that need vector instructions.

use super::{Planted, SEEN_BY_ALL, plant};
use crate::target::Target;
use std::arch::x86_64::*;
use std::hint::black_box;

pub(super) fn add(targets: &mut Vec<Target>) {
    let avx2 = || is_x86_feature_detected!("avx2");
    let avx512 = || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    type Entry = (&'static str, &'static str, fn() -> bool, Planted);
    let planted: [Entry; 4] = [
        ("gather", "avx2", avx2, |secret, output| {
            // SAFETY: only made where the CPU has AVX2.
            unsafe { gather_avx2(secret, output) }
        }),
        ("masked-store", "avx2", avx2, |secret, output| {
            // SAFETY: only made where the CPU has AVX2.
            unsafe { masked_store_avx2(secret, output) }
        }),
        ("gather", "avx512", avx512, |secret, output| {
            // SAFETY: only made where the CPU has AVX-512 F.
            unsafe { gather_avx512(secret, output) }
        }),
        ("masked-store", "avx512", avx512, |secret, output| {
            // SAFETY: only made where the CPU has AVX-512 F and BW.
            unsafe { masked_store_avx512(secret, output) }
        }),
    ];
    for (name, backend, there, run) in planted {
        plant(targets, name, backend, SEEN_BY_ALL, there, run);
    }
}

static WORDS: [i32; 4096] = [5; 4096];

/// Eight indices at once.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn gather_avx2(secret: &[u8], output: &mut [u8]) {
    let table = black_box(&WORDS);
    for (from, to) in secret.as_chunks::<8>().0.iter().zip(output.as_chunks_mut::<8>().0) {
        // SAFETY: 8 readable bytes; each index is a byte, times 16 below 4096 words.
        let words: [i32; 8] = unsafe {
            let index = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.as_ptr().cast()));
            let index = _mm256_slli_epi32::<4>(index);
            std::mem::transmute(_mm256_i32gather_epi32::<4>(table.as_ptr(), index))
        };
        *to = words.map(|word| word as u8);
    }
}

/// A store whose mask is the secret.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn masked_store_avx2(secret: &[u8], output: &mut [u8]) {
    for (from, to) in secret.as_chunks::<32>().0.iter().zip(output.as_chunks_mut::<32>().0) {
        // SAFETY: 32 readable and 32 writable bytes.
        unsafe {
            let value = _mm256_loadu_si256(from.as_ptr().cast());
            _mm256_maskstore_epi32(to.as_mut_ptr().cast(), value, value);
        }
    }
}

/// Sixteen indices at once.
#[target_feature(enable = "avx512f")]
#[inline(never)]
fn gather_avx512(secret: &[u8], output: &mut [u8]) {
    let table = black_box(&WORDS);
    for (from, to) in secret.as_chunks::<16>().0.iter().zip(output.as_chunks_mut::<16>().0) {
        // SAFETY: 16 readable bytes; each index is a byte, times 16 below 4096 words.
        let words: [i32; 16] = unsafe {
            let index = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast()));
            let index = _mm512_slli_epi32::<4>(index);
            std::mem::transmute(_mm512_i32gather_epi32::<4>(index, table.as_ptr().cast()))
        };
        *to = words.map(|word| word as u8);
    }
}

/// What LLVM makes of a load, a select and a store at one address.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline(never)]
fn masked_store_avx512(secret: &[u8], output: &mut [u8]) {
    for (from, to) in secret.as_chunks::<64>().0.iter().zip(output.as_chunks_mut::<64>().0) {
        // SAFETY: 64 readable and 64 writable bytes.
        unsafe {
            let value = _mm512_loadu_si512(from.as_ptr().cast());
            let mask = _mm512_test_epi8_mask(value, _mm512_set1_epi8(1));
            _mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), mask, value);
        }
    }
}

//! Planted leaks of x86 instructions: gathers, masks on memory, string instructions, and clean uses of the same.
//!
//! Nothing calls the AVX-512 functions; they are kept in the binary for the scanner.

use std::arch::asm;
use std::arch::x86_64::*;
use std::hint::black_box;

static WORDS: [i32; 256] = {
    let mut words = [0; 256];
    let mut at = 0;
    while at < 256 {
        words[at] = at as i32 * 77;
        at += 1;
    }
    words
};

/// Wraps a function for AVX2 (and BMI2) into a toy.
macro_rules! detected {
    ($toy:ident, $inner:ident) => {
        pub(crate) fn $toy(secret: &[u8], out: &mut [u8]) {
            assert!(
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"),
                "needs AVX2 and BMI2"
            );
            // SAFETY: the processor has the features.
            unsafe { $inner(secret, out) }
        }
    };
}

detected!(gather_toy, gather);
detected!(masked_store_toy, masked_store);
detected!(masked_load_toy, masked_load);
detected!(bit_deposit_toy, bit_deposit);
detected!(clean_blend_toy, clean_blend);
detected!(clean_public_gather_toy, clean_public_gather);

/// Eight bytes of the secret as eight lanes.
#[target_feature(enable = "avx2")]
fn lanes(bytes: &[u8; 8]) -> __m256i {
    // SAFETY: reads the eight bytes of the array.
    unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes.as_ptr().cast())) }
}

/// Lowest byte of eight lanes.
#[target_feature(enable = "avx2")]
fn store(lanes: __m256i, out: &mut [u8; 8]) {
    let mut words = [0_u32; 8];
    // SAFETY: writes the 32 bytes of the array.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), lanes) };
    *out = words.map(|word| word as u8);
}

/// Reads a table at eight secret places.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn gather(secret: &[u8], out: &mut [u8]) {
    for (secret, out) in secret.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        // SAFETY: indices are bytes, the table has 256 words.
        let words = unsafe { _mm256_i32gather_epi32::<4>(WORDS.as_ptr(), lanes(secret)) }; // LEAK
        store(words, out);
    }
}

/// Reads a table at eight public places.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn clean_public_gather(secret: &[u8], out: &mut [u8]) {
    let places = lanes(black_box(&[1, 200, 3, 77, 5, 6, 255, 0]));
    for (secret, out) in secret.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        // SAFETY: indices are bytes, the table has 256 words.
        let words = unsafe { _mm256_i32gather_epi32::<4>(WORDS.as_ptr(), places) };
        store(_mm256_xor_si256(words, lanes(secret)), out);
    }
}

/// Stores only the lanes that the secret names.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn masked_store(secret: &[u8], out: &mut [u8]) {
    for (secret, out) in secret.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        // SAFETY: reads and writes the 32 bytes of the chunks.
        unsafe {
            let mask = _mm256_loadu_si256(secret.as_ptr().cast());
            _mm256_maskstore_epi32(out.as_mut_ptr().cast(), mask, _mm256_set1_epi32(7)); // LEAK
        }
    }
}

/// Loads only the lanes that the secret names.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn masked_load(secret: &[u8], out: &mut [u8]) {
    for (secret, out) in secret.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        // SAFETY: reads and writes the 32 bytes of the chunks, and reads the table.
        unsafe {
            let mask = _mm256_loadu_si256(secret.as_ptr().cast());
            let words = _mm256_maskload_epi32(black_box(WORDS.as_ptr()), mask); // LEAK
            _mm256_storeu_si256(out.as_mut_ptr().cast(), words);
        }
    }
}

/// A select by vector mask.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn clean_blend(secret: &[u8], out: &mut [u8]) {
    for (secret, out) in secret.as_chunks::<32>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        // SAFETY: reads and writes the 32 bytes of the chunks.
        unsafe {
            let mask = _mm256_loadu_si256(secret.as_ptr().cast());
            let old = _mm256_loadu_si256(out.as_ptr().cast());
            let new = _mm256_add_epi8(old, _mm256_set1_epi8(7));
            _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_blendv_epi8(old, new, mask));
        }
    }
}

/// `pext` under a secret mask: microcode on some processors.
#[target_feature(enable = "bmi2")]
#[inline(never)]
fn bit_deposit(secret: &[u8], out: &mut [u8]) {
    for (out, &secret) in out.iter_mut().zip(secret) {
        *out = _pext_u64(black_box(0x0123_4567_89ab_cdef), black_box(u64::from(secret))) as u8; // LEAK
    }
}

/// `rep movsb` of a secret number of bytes.
#[inline(never)]
pub(crate) fn string_copy(secret: &[u8], out: &mut [u8]) {
    copy(secret, out, usize::from(secret[0] & 31)); // LEAK
}

/// `rep movsb` of a public number of bytes.
#[inline(never)]
pub(crate) fn clean_string_copy(secret: &[u8], out: &mut [u8]) {
    copy(secret, out, secret.len());
}

#[inline(always)]
fn copy(from: &[u8], to: &mut [u8], length: usize) {
    assert!(length <= from.len() && length <= to.len(), "the slices hold the bytes");
    // SAFETY: both slices have `length` bytes.
    unsafe {
        asm!("rep movsb", // LEAK
            inout("rcx") length => _, inout("rsi") from.as_ptr() => _, inout("rdi") to.as_mut_ptr() => _,
            options(nostack, preserves_flags));
    }
}

/// `repne scasb`: how far it looks depends on the bytes.
#[inline(never)]
pub(crate) fn string_search(secret: &[u8], out: &mut [u8]) {
    let left: usize;
    // SAFETY: reads at most the bytes of `secret`.
    unsafe {
        asm!("repne scasb", // LEAK
            inout("rcx") secret.len() => left, inout("rdi") secret.as_ptr() => _, in("al") 0x55_u8,
            options(nostack, readonly));
    }
    out[0] = left as u8;
}

/// `bt` in memory: the bit's number is part of the address.
#[inline(never)]
pub(crate) fn bit_test(secret: &[u8], out: &mut [u8]) {
    let found: u8;
    // SAFETY: bits 0 to 255 lie in the first 32 bytes of a table of 1024.
    unsafe {
        asm!("bt qword ptr [{table}], {bit}", "setc {found}", // LEAK
            table = in(reg) WORDS.as_ptr(), bit = in(reg) u64::from(secret[0]), found = out(reg_byte) found,
            options(nostack, readonly));
    }
    out[0] = found;
}

/// A function of two arrays that needs more than the processor may have.
type Unrun<A, B> = unsafe fn(&A, &mut B);

/// Keeps the functions below in the binary.
#[used]
static MASKED_STORE: Unrun<[u8; 64], [u8; 64]> = avx512_masked_store;
#[used]
static GATHER: Unrun<[u8; 16], [u32; 16]> = avx512_gather;
#[used]
static CLEAN: Unrun<[u8; 64], [u8; 64]> = avx512_clean;

/// AVX-512, for the scanner: a store under a secret opmask.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline(never)]
fn avx512_masked_store(secret: &[u8; 64], out: &mut [u8; 64]) {
    // SAFETY: reads and writes the 64 bytes of the arrays.
    unsafe {
        let bytes = _mm512_loadu_si512(secret.as_ptr().cast());
        let mask = _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(1));
        _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, bytes);
    }
}

/// AVX-512, for the scanner: a gather.
#[target_feature(enable = "avx512f")]
#[inline(never)]
fn avx512_gather(secret: &[u8; 16], out: &mut [u32; 16]) {
    // SAFETY: reads 16 bytes, indices are bytes and the table has 256 words, writes 64 bytes.
    unsafe {
        let places = _mm512_cvtepu8_epi32(_mm_loadu_si128(secret.as_ptr().cast()));
        let words = _mm512_i32gather_epi32::<4>(places, WORDS.as_ptr());
        _mm512_storeu_si512(out.as_mut_ptr().cast(), words);
    }
}

/// AVX-512, for the scanner: the clean form of a select.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline(never)]
fn avx512_clean(secret: &[u8; 64], out: &mut [u8; 64]) {
    // SAFETY: reads and writes the 64 bytes of the arrays.
    unsafe {
        let bytes = _mm512_loadu_si512(secret.as_ptr().cast());
        let old = _mm512_loadu_si512(out.as_ptr().cast());
        let mask = _mm512_movm_epi8(_mm512_test_epi8_mask(bytes, _mm512_set1_epi8(1)));
        let new = _mm512_add_epi8(old, _mm512_set1_epi8(7));
        let mut blend = _mm512_ternarylogic_epi32::<0xca>(mask, new, old);
        asm!("/* {0} */", inout(zmm_reg) blend, options(pure, nomem, nostack, preserves_flags));
        _mm512_storeu_si512(out.as_mut_ptr().cast(), blend);
    }
}

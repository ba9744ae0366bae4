//! The AVX2 lanes wrote a select of 16 keys as `and`, `andnot` and `or`, and had no barriers: AVX2
//! has no opmasks. But rustc 1.95 knew the mask as the result of a compare, saw that the select went
//! back to where one operand came from, and made it a `vpmaskmovd` store under the secret mask: in
//! `rank`, whether a value of a row is missing. Memcheck over AVX2 found it, on its first run. Since
//! then a select's mask passes an empty `asm!`. Here is the loop as it was.

use std::arch::x86_64::*;
use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    let (Some(keys), Some(output)) = (secret.first_chunk(), output.first_chunk_mut()) else {
        return;
    };
    // SAFETY: only made where the CPU has AVX2.
    unsafe { missing_becomes(keys, black_box(0x4000_0000), black_box(9), output) }
}

#[target_feature(enable = "avx2")]
#[inline(never)]
fn missing_becomes(secret: &[u8; 64], from: i32, becomes: i32, output: &mut [u8; 64]) {
    let mut keys = [_mm256_setzero_si256(); 2];
    // SAFETY: 64 plain bytes each way.
    unsafe { std::ptr::copy_nonoverlapping(secret.as_ptr(), keys.as_mut_ptr().cast(), 64) };
    for key in black_box(&mut keys) {
        let missing = _mm256_cmpgt_epi32(*key, _mm256_set1_epi32(from));
        *key = _mm256_or_si256(
            _mm256_and_si256(missing, _mm256_set1_epi32(becomes)),
            _mm256_andnot_si256(missing, *key),
        );
    }
    // SAFETY: as above.
    unsafe { std::ptr::copy_nonoverlapping(keys.as_ptr().cast(), output.as_mut_ptr(), 64) };
}

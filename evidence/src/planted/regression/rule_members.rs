//! A rule marks which rows are members of a list by or-ing a mask of all ones into their cells. rustc
//! 1.95 made that a store of ones under the mask itself, on AVX2: `vpmaskmovq`, with the membership of
//! each row. The scanner found it; the tracer had not, because none of its secrets was a member. Since
//! then the masks of a chunk pass a barrier. Here is the store as the compiler had made it.

use std::arch::x86_64::*;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    // SAFETY: only made where the CPU has AVX2.
    unsafe { join(secret, output) }
}

#[target_feature(enable = "avx2")]
#[inline(never)]
fn join(secret: &[u8], output: &mut [u8]) {
    let entry = _mm256_set1_epi64x(0);
    for (from, to) in secret.as_chunks::<32>().0.iter().zip(output.as_chunks_mut::<32>().0) {
        // SAFETY: 32 readable and 32 writable bytes.
        unsafe {
            let row = _mm256_loadu_si256(from.as_ptr().cast());
            let member = _mm256_cmpeq_epi64(row, entry);
            _mm256_maskstore_epi64(to.as_mut_ptr().cast(), member, _mm256_set1_epi8(-1));
        }
    }
}

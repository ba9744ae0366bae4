//! The AVX-512 lanes kept each loaded value away from masks, and thought that a blend between
//! registers was safe. In `rank`, the keys that a slot picks are an array of sixteen vectors, too
//! many for registers, and rustc 1.95 folded the blend of one and its way back to memory into a
//! store under the mask: which feature a slot reads. The scanner found it in the AVX-512 code, on a
//! machine that cannot run it. Since then what is blended into an array passes an empty `asm!`. Here
//! is the loop as it was.

use std::arch::x86_64::*;
use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    // SAFETY: only made where the CPU has AVX-512 F.
    unsafe { pick(secret, black_box(&[[9; 64]; 16]), output) }
}

#[target_feature(enable = "avx512f")]
#[inline(never)]
fn pick(secret: &[u8], rows: &[[u8; 64]; 16], output: &mut [u8]) {
    let (Some(secret), Some(output)) = (secret.first_chunk::<64>(), output.first_chunk_mut())
    else {
        return;
    };
    // SAFETY: 64 readable bytes.
    let source = unsafe { _mm512_loadu_si512(secret.as_ptr().cast()) };
    let mut picked = [_mm512_setzero_si512(); 16];
    let here = _mm512_cmpgt_epi32_mask(source, _mm512_set1_epi32(black_box(7)));
    for (picked, row) in black_box(&mut picked).iter_mut().zip(rows) {
        // SAFETY: 64 readable bytes.
        let row = unsafe { _mm512_loadu_si512(row.as_ptr().cast()) };
        let found = _mm512_permutexvar_epi32(source, row);
        *picked = _mm512_mask_mov_epi32(*picked, here, found);
    }
    // SAFETY: both are 64 plain bytes.
    *output = unsafe { std::mem::transmute::<__m512i, [u8; 64]>(picked[3]) };
}

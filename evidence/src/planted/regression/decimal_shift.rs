//! Rounding to decimals shifted a wide integer by a secret number of bits, through crypto-bigint, whose shift asserts
//! that the number is below the width. It always was; the assertion is a branch on it all the same, and what a CPU
//! speculates there is nobody's promise. Memcheck found it on the day when the rounding came under it; the tracer
//! cannot. Since then the shift is made of selects. Here is the assertion.

use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    for (to, &byte) in output.iter_mut().zip(secret) {
        *to = shift(1, byte & 7);
    }
}

#[inline(never)]
fn shift(x: u8, by: u8) -> u8 {
    let by = black_box(by);
    assert!(by < 8, "it fits");
    x << by
}

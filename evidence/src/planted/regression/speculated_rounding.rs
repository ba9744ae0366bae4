//! One kernel linked margins of f32 and of f64 sums, and a flag said whether to round to f32. rustc
//! 1.95 rounded in any case, for AVX-512, and chose after it: a probability of an f64 sum may be
//! 1e-300, its rounding to f32 is subnormal, and that takes another time on many CPUs. The tracer
//! found it on an emulated CPU; AVX2 and plain code had kept the branch on the flag. Since then there
//! are two kernels. Here is the step as the compiler had made it.

use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    let narrow = black_box(0u64);
    for (to, &byte) in output.iter_mut().zip(secret) {
        // 1.5 * 2^-byte: normal numbers of f64, which f32 reaches down to 2^-126
        let value = f64::from_bits((1023 - u64::from(byte)) << 52 | 1 << 51);
        let rounded = through_f32(black_box(value)).to_bits();
        *to = (value.to_bits() ^ ((value.to_bits() ^ rounded) & narrow)) as u8;
    }
}

#[inline(never)]
fn through_f32(value: f64) -> f64 {
    f64::from(black_box(value as f32))
}

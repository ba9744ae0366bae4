//! One-versus-rest over an f32 sum divides sigmoids by their sum and rounds to f32. Sigmoids were
//! clamped to 87, as for a sigmoid alone: at `1 / (1 + exp(87))` the value is barely normal in f32,
//! and the quotient is subnormal, whose rounding takes another time on many CPUs. The tracer found
//! it by its check for operands and results of float arithmetic; reading had found it before. Since
//! then the clamp is at 78. Here is the last step as it was.

use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    for (to, &byte) in output.iter_mut().zip(secret) {
        // from the least sigmoid of f32 up
        let sigmoid = 1.7e-38 * (1.0 + f64::from(byte));
        *to = narrow(black_box(sigmoid), black_box(1.0 / 3.0)).to_bits() as u8;
    }
}

#[inline(never)]
fn narrow(sigmoid: f64, reciprocal: f64) -> f32 {
    (sigmoid * reciprocal) as f32
}

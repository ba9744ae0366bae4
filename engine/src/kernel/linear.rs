//! Linear models: one dot product in f64 for each output, features in order, then the intercept.
//!
//! Float multiplication and addition take constant time on normal numbers and zeros only, and rows
//! are whatever their owner sends. So each value is brought into the safe range first, by integer
//! compares of order keys: magnitudes below 2^-400 become zero, above 2^400 become 2^400, NaN
//! becomes zero. Coefficients lie between 1e-120 and 1e120 (2^±399): products between 2^-799 and
//! 2^799, partial sums multiples of 2^-852 and below 2^815: no subnormal, no infinity.

use ops::{Backend, Kernel, Lanes, Mask, greater_u64, select_u64};

/// Margins of some rows.
///
/// `rows`: `n x features`; `weights`: `outputs x (features + 1)` bits of f64, the intercept last;
/// `margins`: `n x outputs`.
///
/// # Leaks
/// The lengths.
pub fn linear(
    backend: Backend,
    features: usize,
    rows: &[f64],
    weights: &[u64],
    margins: &mut [f64],
) {
    backend.run(Linear { features, rows, weights, margins });
}

struct Linear<'a> {
    features: usize,
    rows: &'a [f64],
    weights: &'a [u64],
    margins: &'a mut [f64],
}

impl Kernel for Linear<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let outputs = self.weights.len() / (self.features + 1);
        let rows = self.rows.chunks_exact(self.features);
        for (row, margins) in rows.zip(self.margins.chunks_exact_mut(outputs)) {
            let weights = self.weights.chunks_exact(self.features + 1);
            for (margin, weights) in margins.iter_mut().zip(weights) {
                let (intercept, weights) = weights.split_last().expect("features + 1 weights");
                let mut sum = 0.0;
                for (&x, &weight) in row.iter().zip(weights) {
                    sum += safe(x) * f64::from_bits(weight);
                }
                *margin = sum + f64::from_bits(*intercept);
            }
        }
    }
}

/// The value, in the range where arithmetic takes constant time.
#[inline(always)]
fn safe(x: f64) -> f64 {
    const SMALLEST: u64 = (1023 - 400) << 52;
    const LARGEST: u64 = (1023 + 400) << 52;
    const INFINITY: u64 = 0x7ff << 52;
    let bits = x.to_bits();
    let magnitude = bits & (u64::MAX >> 1);
    let tiny: Mask = greater_u64(SMALLEST, magnitude);
    let nan = greater_u64(magnitude, INFINITY);
    let huge = greater_u64(magnitude, LARGEST);
    let clamped = select_u64(huge, LARGEST, magnitude);
    let clamped = select_u64(tiny.or(nan), 0, clamped);
    f64::from_bits(clamped | (bits & (1 << 63)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brings_every_value_into_range() {
        for (x, expected) in [
            (1.5, 1.5),
            (-0.0, -0.0),
            (f64::from_bits(1), 0.0),
            (f64::MAX, 400f64.exp2()),
            (f64::NEG_INFINITY, -400f64.exp2()),
            (-2.5e100, -2.5e100),
        ] {
            assert_eq!(safe(x).to_bits(), expected.to_bits());
        }
        assert_eq!(safe(f64::NAN), 0.0);
    }
}

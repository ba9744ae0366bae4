//! f32 to f64 without the instruction that stumbles over subnormals.

/// The f64 of the same value, for every finite `x`; else a value without meaning, in the same time.
///
/// The significand is converted as an integer and multiplied by a power of two: both are normal or
/// zero, and the product is exact.
///
/// # Leaks
/// Nothing.
pub fn widen_f32(x: f32) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 23) & 0xff;
    // 1 where the number is normal: 0 - 1 alone borrows
    let normal = 1 ^ (exponent.wrapping_sub(1) >> 31);
    let significand = (bits & 0x007f_ffff) | (normal << 23);
    // a subnormal has the exponent of the smallest normal
    let exponent = u64::from(exponent + (1 ^ normal));
    let scale = f64::from_bits((1023 - 150 + exponent) << 52);
    let magnitude = f64::from(significand.cast_signed()) * scale;
    f64::from_bits(magnitude.to_bits() | u64::from(bits >> 31) << 63)
}

#[cfg(test)]
mod tests {
    use super::widen_f32;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn equals_the_conversion(bits: u32, small in 0u32..1 << 25, negative: bool) {
            for bits in [bits, small | u32::from(negative) << 31, bits & 0x8000_0000] {
                let x = f32::from_bits(bits);
                if x.is_finite() {
                    prop_assert_eq!(widen_f32(x).to_bits(), f64::from(x).to_bits());
                }
            }
        }
    }
}

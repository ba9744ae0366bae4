//! Fixed point: signed 64-bit integers with a public number of fraction bits.

/// `value * 2^fraction_bits`, rounded to nearest, ties to even; `None` where it does not fit.
///
/// For model values at compile time: takes a time that depends on the value.
pub fn from_f64_vartime(value: f64, fraction_bits: u8) -> Option<i64> {
    let scaled = value * power_of_two(fraction_bits);
    let rounded = scaled.round_ties_even();
    (rounded.abs() < (1u64 << 62) as f64).then_some(rounded as i64)
}

/// The nearest f64 to `value * 2^-fraction_bits`.
///
/// The product is by a public power of two and exact: the conversion is the one rounding.
///
/// # Leaks
/// The number of fraction bits.
#[inline(always)]
pub fn fixed_to_f64(value: i64, fraction_bits: u8) -> f64 {
    value as f64 * power_of_two_inverse(fraction_bits)
}

fn power_of_two(exponent: u8) -> f64 {
    f64::from_bits((1023 + u64::from(exponent)) << 52)
}

fn power_of_two_inverse(exponent: u8) -> f64 {
    f64::from_bits((1023 - u64::from(exponent)) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn error_is_at_most_half_a_unit(value in -1e6f64..1e6, bits in 0u8..=40) {
            let fixed = from_f64_vartime(value, bits).unwrap();
            let unit = power_of_two_inverse(bits);
            prop_assert!((fixed_to_f64(fixed, bits) - value).abs() <= unit / 2.0);
        }
    }

    #[test]
    fn too_large_is_none() {
        assert!(from_f64_vartime(1e30, 0).is_none());
        assert!(from_f64_vartime(f64::INFINITY, 0).is_none());
        assert!(from_f64_vartime(f64::NAN, 0).is_none());
    }
}

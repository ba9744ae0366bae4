//! Order keys: floats as integers whose order is the order of the numbers.
//!
//! `-inf < ... < -0 = +0 < ... < +inf < NaN`. Comparing keys replaces every float comparison: an
//! integer compare takes the same time for every operand, subnormals and NaN among them.

use zeroize::DefaultIsZeroes;

/// An order key: `i32` for f32 values, `i64` for f64 values.
pub trait Key: Copy + Ord + DefaultIsZeroes + Send + Sync + 'static {
    /// Above every key of a number and of NaN's own key it is equal: the key of NaN.
    const NAN: Self;
    /// Below the key of every number.
    const LOWEST: Self;
    /// A small public number as a key, for indices held in key lanes.
    fn from_index(index: u32) -> Self;
}

impl Key for i32 {
    const NAN: Self = i32::MAX;
    const LOWEST: Self = i32::MIN;
    fn from_index(index: u32) -> Self {
        index.cast_signed()
    }
}

impl Key for i64 {
    const NAN: Self = i64::MAX;
    const LOWEST: Self = i64::MIN;
    fn from_index(index: u32) -> Self {
        i64::from(index)
    }
}

/// The order key of an f32. Every NaN has one key; -0 and +0 share one.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn key_f32(x: f32) -> i32 {
    const INFINITY: i32 = 0x7f80_0000;
    let bits = x.to_bits().cast_signed();
    let magnitude = bits & i32::MAX;
    let sign = bits >> 31;
    // all ones where the magnitude is above infinity's: a NaN
    let nan = (INFINITY - magnitude) >> 31;
    (((magnitude ^ sign) - sign) & !nan) | (i32::MAX & nan)
}

/// The order key of an f64. Every NaN has one key; -0 and +0 share one.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn key_f64(x: f64) -> i64 {
    const INFINITY: i64 = 0x7ff0_0000_0000_0000;
    let bits = x.to_bits().cast_signed();
    let magnitude = bits & i64::MAX;
    let sign = bits >> 63;
    let nan = (INFINITY - magnitude) >> 63;
    (((magnitude ^ sign) - sign) & !nan) | (i64::MAX & nan)
}

/// The f32 of an order key: -0 comes back as +0, every NaN as one NaN.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn value_f32(key: i32) -> f32 {
    let sign = key >> 31;
    f32::from_bits((((key ^ sign).wrapping_sub(sign)) | (sign & i32::MIN)).cast_unsigned())
}

/// The f64 of an order key: -0 comes back as +0, every NaN as one NaN.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn value_f64(key: i64) -> f64 {
    let sign = key >> 63;
    f64::from_bits((((key ^ sign).wrapping_sub(sign)) | (sign & i64::MIN)).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_of_keys_is_order_of_numbers(a: u32, b: u32, c: u64, d: u64) {
            let (x, y) = (f32::from_bits(a), f32::from_bits(b));
            if !x.is_nan() && !y.is_nan() {
                prop_assert_eq!(key_f32(x).partial_cmp(&key_f32(y)), x.partial_cmp(&y));
            }
            let (x, y) = (f64::from_bits(c), f64::from_bits(d));
            prop_assert!(value_f32(key_f32(f32::from_bits(a))) == f32::from_bits(a) || f32::from_bits(a).is_nan());
            prop_assert!(value_f64(key_f64(x)) == x || x.is_nan());
            if !x.is_nan() && !y.is_nan() {
                prop_assert_eq!(key_f64(x).partial_cmp(&key_f64(y)), x.partial_cmp(&y));
            }
        }
    }

    #[test]
    fn edges() {
        assert_eq!(key_f32(-0.0), key_f32(0.0));
        assert_eq!(key_f64(-0.0), key_f64(0.0));
        for nan in [0x7f80_0001, 0x7fc0_0000, 0xff80_0001, 0xffff_ffff] {
            assert_eq!(key_f32(f32::from_bits(nan)), i32::NAN);
        }
        assert_eq!(key_f64(-f64::NAN), i64::NAN);
        assert!(key_f32(f32::INFINITY) < i32::NAN && key_f32(f32::NEG_INFINITY) > i32::LOWEST);
        assert!(key_f64(f64::INFINITY) < i64::NAN && key_f64(f64::NEG_INFINITY) > i64::LOWEST);
        assert!(key_f32(f32::from_bits(1)) > key_f32(0.0));
    }
}

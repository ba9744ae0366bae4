//! A secret f64 in units of a public power of ten, without a float operation.

use crate::compare::{greater_u64, is_zero_u64};
use crate::select::select_u64;

/// Most decimals that [`to_decimals`] takes.
pub const MAX_DECIMALS: u8 = 15;

/// The whole number nearest to `x * 10^decimals`, ties to even.
///
/// Where `|x| * 10^decimals` is not below `2^62`, or `x` is not finite, the result has no meaning;
/// it comes in the same time.
///
/// # Leaks
/// The number of decimals.
///
/// # Panics
/// If there are more than [`MAX_DECIMALS`].
pub fn to_decimals(x: f64, decimals: u8) -> i64 {
    assert!(decimals <= MAX_DECIMALS, "a public number of decimals");
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let exponent = (bits >> 52) & 0x7ff;
    // a subnormal has no hidden bit and the exponent of the smallest normal
    let subnormal = is_zero_u64(exponent);
    let significand = (bits & FRACTION) | select_u64(subnormal, 0, 1 << 52);
    let exponent = select_u64(subnormal, 1, exponent);

    // |x| * 10^decimals = product * 2^(exponent - 1075), and the product has at most 103 bits
    let product = u128::from(significand) * 10u128.pow(u32::from(decimals));
    // Either the shift to the left is 9 at most (2^52 * 2^10 is out of range), or it is to the right.
    let left = exponent.wrapping_sub(1075);
    let is_left = greater_u64(exponent, 1074);
    let left = select_u64(is_left, left & 15, 0);
    let right = select_u64(is_left, 0, 1075u64.wrapping_sub(exponent));
    // 104 bits are all gone; more would not fit the shift
    let right = select_u64(greater_u64(right, 127), 127, right);

    let product = shifted(product, left, |x, by| x << by);
    let kept = shifted(product, right, |x, by| x >> by);
    // half of the last place, less one where the kept part is even: a tie then stays below
    let half = shifted(1, right, |x, by| x << by) >> 1;
    let odd = kept as u64 & 1;
    let some = 1 ^ (is_zero_u64(right).as_u64() & 1);
    let bias = half.wrapping_sub(some.into()).wrapping_add((odd & some).into());
    let rounded = shifted(product.wrapping_add(bias), right, |x, by| x >> by) as u64;

    let negative = 0u64.wrapping_sub(bits >> 63);
    (rounded ^ negative).wrapping_sub(negative).cast_signed()
}

/// A shift by a secret number of bits below 128: by each of its binary digits, or not. (A library's shift of
/// wide integers asserts that the number fits, which is a branch on it.)
fn shifted(x: u128, by: u64, shift: impl Fn(u128, u32) -> u128) -> u128 {
    (0..7).fold(x, |x, digit| {
        let moved = shift(x, 1 << digit);
        let stays = is_zero_u64(by >> digit & 1);
        let half = |at: u32| u128::from(select_u64(stays, (x >> at) as u64, (moved >> at) as u64));
        half(64) << 64 | half(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// In exact rationals, through the shortest text that holds every bit of the number.
    fn plain(x: f64, decimals: u8) -> i64 {
        let text = format!("{:.1100}", x.abs());
        let (whole, fraction) = text.split_once('.').unwrap();
        let (kept, rest) = fraction.split_at(decimals.into());
        let kept: i64 = format!("{whole}{kept}").parse().unwrap();
        let half = format!("5{}", "0".repeat(rest.len() - 1));
        let up = rest > half.as_str() || (rest == half && kept % 2 == 1);
        (kept + i64::from(up)) * if x.is_sign_negative() { -1 } else { 1 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn rounds_as_exact_arithmetic_does(
            fraction in 0u64..1 << 52,
            // from subnormals to just below 2^62 with no decimals
            exponent in prop_oneof![0u64..4, 960u64..1060],
            negative: bool,
            decimals in 0u8..=15,
        ) {
            let x = f64::from_bits(u64::from(negative) << 63 | exponent << 52 | fraction);
            prop_assume!(x.abs() * 10f64.powi(decimals.into()) < 4e18);
            prop_assert_eq!(to_decimals(x, decimals), plain(x, decimals));
        }

        #[test]
        fn rounds_ties_and_their_neighbours(units in -4_000_000i64..4_000_000, decimals in 0u8..=4, step in -2i64..=2) {
            // a half, a quarter and so on are exact in binary: x.5 * 10^0, x.25 * 10^1, ...
            let x = units as f64 / 2f64.powi(i32::from(decimals) + 1);
            let x = f64::from_bits(x.to_bits().saturating_add_signed(step));
            prop_assume!(x.is_finite() && x.abs() < 1e10);
            prop_assert_eq!(to_decimals(x, decimals), plain(x, decimals));
        }
    }

    #[test]
    fn known_values() {
        for (x, decimals, units) in [
            (0.0, 15, 0),
            (-0.0, 2, 0),
            (0.5, 0, 0),
            (1.5, 0, 2),
            (-2.5, 0, -2),
            (0.125, 2, 12),
            (1.0, 15, 1_000_000_000_000_000),
            (4e18, 0, 4_000_000_000_000_000_000),
            (f64::MIN_POSITIVE, 15, 0),
        ] {
            assert_eq!(to_decimals(x, decimals), units, "{x} {decimals}");
        }
    }
}

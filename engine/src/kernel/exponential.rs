//! The exponential: a polynomial on normal numbers, rounded almost as the exact value would be.
//!
//! Libraries decide between classes by the last bit of an exponential. No two `exp` agree on all of
//! them, but one that errs by little more than the half unit of its last rounding agrees with every
//! other such one nearly always; so the last additions are done with their rounding errors beside
//! them (Dekker, "A floating-point technique for extending the available precision", 1971).

use ops::{greater_u64, select_u64};

/// `exp(x)` for |x| <= 705, within 0.52 units in the last place.
///
/// `x = k ln 2 + r` with |r| <= 0.35, the integer `k` rounded by adding and subtracting 1.5 * 2^52,
/// `ln 2` in two parts (Cody and Waite, 1980): the high one has 32 trailing zero bits, so that its
/// product with `k` is exact. `exp(r)` by its Taylor polynomial of degree 14 (next term below
/// 2^-63), then `k` is added to the exponent.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    /// `1/14!` to `1/3!`.
    const COEFFICIENTS: [f64; 12] = [
        1.0 / 87_178_291_200.0,
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
    ];
    let x = without_tiny(x);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let (r, lost) = sum(x - k * LN2_HIGH, -(k * LN2_LOW));
    let (square, square_lost) = square(r);
    let mut p = COEFFICIENTS[0];
    for c in &COEFFICIENTS[1..] {
        p = p * r + c;
    }
    // 1 + r + r^2 / 2, and what their sums and the parts lost, and the terms from r^3 on
    let (one_r, one_lost) = sum(1.0, r);
    let (p_high, high_lost) = sum(one_r, square * 0.5);
    let rest = square * r * p + (square_lost * 0.5 + (lost * p_high + (one_lost + high_lost)));
    let p = p_high + rest;
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// Zero for what would not show in `1 + x`: its square could leave the normal numbers.
#[inline(always)]
fn without_tiny(x: f64) -> f64 {
    const TINY: u64 = (1023 - 70) << 52;
    let bits = x.to_bits();
    f64::from_bits(select_u64(greater_u64(TINY, bits & (u64::MAX >> 1)), 0, bits))
}

/// `a + b` rounded, and what the rounding lost (Knuth's exact sum). All results are zero or as far
/// from zero as the last places of `a` and `b`.
#[inline(always)]
fn sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let b_part = s - a;
    (s, (a - (s - b_part)) + (b - b_part))
}

/// `a * a` rounded, and what the rounding lost (Dekker's exact product).
#[inline(always)]
fn square(a: f64) -> (f64, f64) {
    let scaled = a * 134_217_729.0;
    let high = scaled - (scaled - a);
    let low = a - high;
    let s = a * a;
    (s, ((high * high - s) + 2.0 * high * low) + low * low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `exp(x)` as an unevaluated sum of two floats, within 2^-95 of the true value: the Taylor
    /// series in twice the precision on `x / 2^11`, then squared 11 times.
    fn precise(x: f64) -> (f64, f64) {
        let mut value = (0.0, 0.0);
        let small = (x / 2048.0, 0.0);
        for n in (1..=30).rev() {
            // value = (1 + value) * small / n
            let more = add(value, (1.0, 0.0));
            value = div_small(mul(more, small), f64::from(n));
        }
        let mut value = add(value, (1.0, 0.0));
        for _ in 0..11 {
            value = mul(value, value);
        }
        value
    }

    fn add(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
        let (s, e) = sum(a.0, b.0);
        sum(s, e + a.1 + b.1)
    }

    fn mul(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
        let p = a.0 * b.0;
        let e = a.0.mul_add(b.0, -p);
        sum(p, e + (a.0 * b.1 + a.1 * b.0))
    }

    fn div_small(a: (f64, f64), n: f64) -> (f64, f64) {
        let q = a.0 / n;
        sum(q, ((-q).mul_add(n, a.0) + a.1) / n)
    }

    /// How far `found` is from the true value, in units of its last place.
    fn ulps(found: f64, x: f64) -> f64 {
        let (high, low) = precise(x);
        ((found - high) - low).abs() / (found - found.next_down())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]

        #[test]
        fn rounds_almost_as_the_exact_value(x in -700.0f64..700.0, near in -2.0f64..2.0) {
            prop_assert!(ulps(exp(x), x) <= 0.52, "{:e}", x);
            prop_assert!(ulps(exp(near), near) <= 0.52, "{:e}", near);
        }

        /// Where classes tie: next to 1 nothing is left to chance.
        #[test]
        fn next_to_one_it_is_the_platforms(units in 1i64..=4, off in -4i64..=4) {
            // multiples of 2^-54, where the rounding changes, and their neighbours
            let x = units as f64 * -(2f64.powi(-54));
            let x = f64::from_bits(x.to_bits().wrapping_add_signed(off));
            prop_assert_eq!(exp(x), x.exp(), "the platform's own");
        }
    }

    /// Halfway between floats, where the next term of the series decides.
    #[test]
    fn halfway_next_to_one() {
        let unit = 2f64.powi(-54);
        assert_eq!(exp(-unit), 1.0);
        assert_eq!(exp(-(unit.next_up())), 1.0f64.next_down());
        assert_eq!(exp(-3.0 * unit), 1.0f64.next_down());
        assert_eq!(exp(-((3.0 * unit).next_up())), 1.0f64.next_down().next_down());
    }

    #[test]
    fn tiny_numbers_and_zeros_give_one() {
        for x in [0.0, -0.0, f64::MIN_POSITIVE, -1e-200, 1e-21] {
            assert_eq!(exp(x), 1.0);
        }
    }
}

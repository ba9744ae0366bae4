//! Division of a secret f64 by another, correctly rounded, without a divide instruction.
//!
//! Divide instructions take a time that depends on their operands. Here a reciprocal in floats gives
//! the first 50 bits of the quotient, and integers on the significands do the rest exactly: the
//! remainder of those bits is known to the last bit, tells the bits that are left, and what remains
//! after them decides the rounding to nearest, ties to even. So how exact the floats are does not
//! matter, as long as they are within the bounds below.

use crate::compare::{greater_i64, greater_u64, is_zero_u64};
use crate::select::select_i64;

const FRACTION: u64 = (1 << 52) - 1;
const ONE: u64 = 1023 << 52;

/// `a / b`, rounded to nearest, ties to even: the bits that a hardware division returns.
///
/// Both must be positive and normal, with a normal quotient; others give a value without meaning, in
/// the same time.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn divide_f64(a: f64, b: f64) -> f64 {
    let (a, b) = (a.to_bits(), b.to_bits());
    let (top, bottom) = ((a & FRACTION) | (1 << 52), (b & FRACTION) | (1 << 52));
    // a significand below the other one is doubled: the quotient lies in [1, 2)
    let below = greater_u64(bottom, top).as_u64();
    let (top, doubled) = (top + (top & below), below & 1);

    // 50 bits after the point. In floats: the estimate is within 2^-50, and so, added to 4, where a
    // unit is 2^-50, it is off by at most 2 units.
    let inverse = inverse(f64::from_bits((b & FRACTION) | ONE));
    let estimate = f64::from_bits(((a & FRACTION) | ONE) + (doubled << 52)) * inverse;
    let quotient = (estimate + 4.0).to_bits().wrapping_sub(4f64.to_bits());
    // the remainder is below 2^55 in magnitude, so arithmetic mod 2^64 knows it
    let rest = (top << 50).wrapping_sub(quotient.wrapping_mul(bottom)).cast_signed();

    // 4 bits more, at most 32 units off: the remainder in floats, to the nearest integer by adding
    // 1.5 * 2^52
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let rest = rest << 4;
    let more = rest as f64 * f64::from_bits((1023 - 52) << 52) * inverse + ROUND;
    let more = more.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
    let rest = rest.wrapping_sub(more.wrapping_mul(bottom.cast_signed()));
    // rounded down: the remainder is not negative
    let below = greater_i64(0, rest);
    let quotient = (quotient << 4).wrapping_add(more.cast_unsigned());
    let quotient = quotient.wrapping_sub(below.as_u64() & 1);
    let rest = select_i64(below, rest.wrapping_add(bottom.cast_signed()), rest).cast_unsigned();

    // 55 bits to 53, and a sticky bit for what is left
    let sticky = is_zero_u64(rest).not().as_u64() & 1;
    let (kept, dropped) = (quotient >> 2, ((quotient & 3) << 1) | sticky);
    let up = greater_u64(dropped + (kept & 1), 4).as_u64() & 1;
    let exponent = (a >> 52).wrapping_sub(b >> 52).wrapping_add(1023).wrapping_sub(doubled);
    // a carry out of the significand runs into the exponent, as it should
    f64::from_bits((exponent << 52).wrapping_add(kept & FRACTION).wrapping_add(up))
}

/// `1 / d` for `d` in [1, 2), within 2^-51: a guess from the bits (within 12%), then five Newton
/// steps, each of which squares the relative error.
#[inline(always)]
fn inverse(d: f64) -> f64 {
    let mut y = f64::from_bits(0x7fde_6238_22fc_16e6u64.wrapping_sub(d.to_bits()));
    for _ in 0..5 {
        y *= 2.0 - d * y;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(a: f64, b: f64) -> Result<(), TestCaseError> {
        prop_assert_eq!(divide_f64(a, b).to_bits(), (a / b).to_bits(), "{:e} / {:e}", a, b);
        Ok(())
    }

    fn float(exponent: u64, fraction: u64) -> f64 {
        f64::from_bits((exponent << 52) | (fraction & FRACTION))
    }

    /// Fractions where carries and borrows happen, and any.
    fn fraction() -> impl Strategy<Value = u64> {
        let edge = (0u64..6, 0u32..53, any::<bool>()).prop_map(|(near, shift, minus)| {
            let at = (1u64 << 52) >> shift;
            if minus { at.wrapping_sub(near) } else { at + near }
        });
        prop_oneof![edge, any::<u64>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn equals_the_hardware_division(
            a in fraction(), b in fraction(), top in 520u64..1520, bottom in 520u64..1520,
        ) {
            same(float(top, a), float(bottom, b))?;
        }

        /// What a probability is: a number up to 1 by a sum.
        #[test]
        fn probabilities(a in fraction(), down in 0u64..1010, b in fraction(), up in 0u64..13) {
            same(float(1023 - down, a), float(1023 + up, b))?;
            same(1.0, float(1023 + down, b))?;
        }

        /// Quotients next to what 53 and 54 bits hold: products of the divisor, and their neighbours.
        #[test]
        fn next_to_exact_and_halfway(b in fraction(), q in fraction(), half: bool, off in -3i64..4) {
            let b = float(1023, b);
            let q = float(1023, q);
            // the float nearest to b * q, or to b * (q + half a unit in its last place)
            let middle = b * q + if half { b * 2f64.powi(-53) } else { 0.0 };
            let a = f64::from_bits(middle.to_bits().wrapping_add_signed(off));
            same(a, b)?;
        }
    }

    /// All quotients of short significands at both ends, exact ones among them.
    #[test]
    fn short_significands() {
        for a in 0..256u64 {
            for b in 0..256u64 {
                for (a, b) in
                    [(a << 44, b << 44), (a, b), (FRACTION - a, FRACTION - b), (a, FRACTION - b)]
                {
                    let (a, b) = (float(1023, a), float(1023, b));
                    assert_eq!(divide_f64(a, b).to_bits(), (a / b).to_bits(), "{a:e} / {b:e}");
                    assert_eq!(divide_f64(b, a).to_bits(), (b / a).to_bits(), "{b:e} / {a:e}");
                }
            }
        }
    }

    /// The bound that the integers rely on.
    #[test]
    fn the_inverse_is_close() {
        for step in 0..1u64 << 20 {
            let d = float(1023, step << 32 | step.wrapping_mul(0x9e37_79b9) & 0xffff_ffff);
            assert!((inverse(d) * d - 1.0).abs() <= 2f64.powi(-51));
        }
    }
}

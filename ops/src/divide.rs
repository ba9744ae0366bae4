//! Division of a secret f64 by a public integer, correctly rounded, without a divide instruction.
//!
//! Divide instructions take a time that depends on their operands. Here the 53-bit significand is
//! shifted left by a public amount and divided by the public divisor through a precomputed
//! reciprocal (Möller and Granlund, "Improved division by invariant integers", 2011; the constant
//! time implementation is `crypto-bigint`'s), then rounded to nearest, ties to even, in integers.

use crate::compare::{greater_u64, is_zero_u64};
use crate::select::select_u64;
use crypto_bigint::{Limb, NonZero, Reciprocal, U64, U128};

/// A public divisor with its reciprocal.
pub struct PublicDivisor {
    divisor: u32,
    reciprocal: Reciprocal,
    /// Left shift of the significand: the quotient then has 56 or 57 bits.
    shift: u32,
}

impl PublicDivisor {
    /// Prepares a divisor.
    ///
    /// # Panics
    /// If it is zero.
    pub fn new(divisor: u32) -> Self {
        let limb =
            NonZero::new(Limb(u64::from(divisor))).expect("a public, checked, nonzero divisor");
        // divisor has `bits` bits, significand 53: quotient of (53 + shift) bits by `bits` bits
        let bits = u32::BITS - divisor.leading_zeros();
        Self { divisor, reciprocal: Reciprocal::new(limb), shift: bits + 3 }
    }

    /// The divisor.
    pub fn get(&self) -> u32 {
        self.divisor
    }

    /// `x / divisor`, rounded to nearest, ties to even: the bits that a hardware division returns.
    ///
    /// `x` must be zero, or normal with a normal quotient; another `x` gives a value without meaning,
    /// in the same time.
    ///
    /// # Leaks
    /// The divisor.
    pub fn divide(&self, x: f64) -> f64 {
        const FRACTION: u64 = (1 << 52) - 1;
        // opaque: rustc 1.95 made the test for zero below a float compare again
        let bits = std::hint::black_box(x.to_bits());
        let sign = bits & (1 << 63);
        let exponent = (bits >> 52) & 0x7ff;
        let significand = (bits & FRACTION) | (1 << 52);

        let numerator = U128::from(significand).shl_vartime(self.shift);
        let (quotient, rest) = numerator.div_rem_limb_with_reciprocal(&self.reciprocal);
        // sticky: the rest is not zero. It sits below every bit that rounding looks at.
        let sticky = 1 ^ u64::from(is_zero_u64(rest.0).as_u64() as u8 & 1);
        let quotient = (quotient.to_words()[0] << 1) | sticky;

        // quotient has 57 or 58 bits: bring its top bit to position 57 (a public shift under a mask)
        let small = greater_u64(1 << 57, quotient);
        let quotient = select_u64(small, quotient << 1, quotient);
        let lowered = small.as_u64() & 1;

        // 58 bits to 53: drop 5, round to nearest even
        let kept = quotient >> 5;
        let dropped = quotient & 31;
        let up = greater_u64(dropped + (kept & 1), 16).as_u64() & 1;
        // a carry out of the significand runs into the exponent, as it should
        // value = kept * 2^(5 - 1 - lowered - shift) * 2^(exponent - 1075): kept has weight 2^(e')
        let exponent =
            exponent.wrapping_add(4).wrapping_sub(lowered).wrapping_sub(u64::from(self.shift));
        let magnitude = (exponent << 52).wrapping_add(kept & FRACTION).wrapping_add(up);
        let zero = is_zero_u64(bits << 1);
        f64::from_bits(select_u64(zero, 0, magnitude) | sign)
    }
}

/// A public, signed, nonzero divisor of secret integers.
pub struct IntegerDivisor {
    divisor: i64,
    reciprocal: Reciprocal,
}

impl IntegerDivisor {
    /// Prepares a divisor; `None` for zero.
    pub fn new(divisor: i64) -> Option<Self> {
        let limb = Option::from(NonZero::new(Limb(divisor.unsigned_abs())))?;
        Some(Self { divisor, reciprocal: Reciprocal::new(limb) })
    }

    /// The divisor.
    pub fn get(&self) -> i64 {
        self.divisor
    }

    /// Quotient towards zero, and the rest without its sign; `i64::MIN / -1` wraps.
    ///
    /// # Leaks
    /// The divisor.
    #[inline(always)]
    pub fn divide(&self, a: i64) -> (i64, i64) {
        let sign = a >> 63;
        let magnitude = U64::from((a ^ sign).wrapping_sub(sign).cast_unsigned());
        let (quotient, rest) = magnitude.div_rem_limb_with_reciprocal(&self.reciprocal);
        let quotient = quotient.to_words()[0].cast_signed();
        let sign = (a ^ self.divisor) >> 63;
        ((quotient ^ sign).wrapping_sub(sign), rest.0.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn equals_the_hardware_division(fraction in 0u64..1 << 52, exponent in 200u64..1800, sign: bool, n in 1u32..1 << 24) {
            let x = f64::from_bits((u64::from(sign) << 63) | (exponent << 52) | fraction);
            prop_assert_eq!(PublicDivisor::new(n).divide(x).to_bits(), (x / f64::from(n)).to_bits());
        }

        #[test]
        fn exact_and_near_ties(n in 1u32..1 << 20, q in 1u64..1 << 30, off in -2i64..3) {
            let product = (q * u64::from(n)).cast_signed() + off;
            let x = product as f64;
            prop_assert_eq!(PublicDivisor::new(n).divide(x).to_bits(), (x / f64::from(n)).to_bits());
        }
    }

    #[test]
    fn zeros_keep_their_sign() {
        for x in [0.0f64, -0.0] {
            assert_eq!(PublicDivisor::new(7).divide(x).to_bits(), x.to_bits());
        }
    }
}

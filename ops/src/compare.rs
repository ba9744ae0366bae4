//! Scalar comparisons of secrets, through `subtle`.

use crate::mask::Mask;
use subtle::{ConstantTimeEq, ConstantTimeGreater};

/// Are two byte strings of one public length equal?
///
/// # Leaks
/// The lengths.
///
/// # Panics
/// If the lengths differ.
pub fn equal_bytes(a: &[u8], b: &[u8]) -> Mask {
    assert_eq!(a.len(), b.len(), "lengths are public and must agree");
    Mask::from_choice(a.ct_eq(b))
}

/// Is it zero?
///
/// # Leaks
/// Nothing.
#[inline]
pub fn is_zero_u64(a: u64) -> Mask {
    Mask::from_choice(a.ct_eq(&0))
}

/// Is `a > b`?
///
/// # Leaks
/// Nothing.
#[inline]
pub fn greater_u64(a: u64, b: u64) -> Mask {
    Mask::from_choice(a.ct_gt(&b))
}

/// Is `a > b`?
///
/// # Leaks
/// Nothing.
#[inline]
pub fn greater_i64(a: i64, b: i64) -> Mask {
    const SIGN: u64 = 1 << 63;
    greater_u64(a.cast_unsigned() ^ SIGN, b.cast_unsigned() ^ SIGN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_plain_operators(a: i64, b: i64) {
            prop_assert_eq!(greater_i64(a, b).declassify(), a > b);
            let (ua, ub) = (a.cast_unsigned(), b.cast_unsigned());
            prop_assert_eq!(greater_u64(ua, ub).declassify(), ua > ub);
            prop_assert!(!greater_i64(a, a).declassify());
            prop_assert_eq!(equal_bytes(&ua.to_le_bytes(), &ub.to_le_bytes()).declassify(), a == b);
        }
    }
}

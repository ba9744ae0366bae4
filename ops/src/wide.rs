//! 256-bit numbers as four words, lowest first, through `crypto-bigint`.

use crypto_bigint::{CtEq, CtLt, Limb, U256};

/// The words of a number, lowest first.
pub type Words256 = [u64; 4];

fn mask(choice: crypto_bigint::Choice) -> i64 {
    i64::from(choice.to_u8()).wrapping_neg()
}

/// Is `a < b`? All ones or zeros.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn less_256(a: Words256, b: Words256) -> i64 {
    mask(U256::from_words(a).ct_lt(&U256::from_words(b)))
}

/// Are they equal? All ones or zeros.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn same_256(a: Words256, b: Words256) -> i64 {
    mask(U256::from_words(a).ct_eq(&U256::from_words(b)))
}

/// `a + b`, wrapping, and all ones where it overflows.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn add_256(a: Words256, b: Words256) -> (Words256, i64) {
    let (sum, carry) = U256::from_words(a).carrying_add(&U256::from_words(b), Limb::ZERO);
    (sum.to_words(), crate::word::nonzero(carry.0.cast_signed()))
}

/// `a - b`, wrapping, and all ones where it is below zero.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn sub_256(a: Words256, b: Words256) -> (Words256, i64) {
    let (difference, borrow) = U256::from_words(a).borrowing_sub(&U256::from_words(b), Limb::ZERO);
    (difference.to_words(), crate::word::nonzero(borrow.0.cast_signed()))
}

/// `a * b`, wrapping, and all ones where it overflows.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn mul_256(a: Words256, b: Words256) -> (Words256, i64) {
    let (low, high) = U256::from_words(a).widening_mul(&U256::from_words(b));
    let over = high.to_words().into_iter().fold(0, |all, word| all | word);
    (low.to_words(), crate::word::nonzero(over.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = Words256> {
        let word = || prop_oneof![any::<u64>(), Just(0), Just(1), Just(u64::MAX)];
        [word(), word(), word(), word()]
    }

    /// School arithmetic on words, with 128-bit carries.
    fn plain_mul(a: Words256, b: Words256) -> [u64; 8] {
        let mut out = [0u64; 8];
        for (i, &x) in a.iter().enumerate() {
            let mut carry = 0u128;
            for (j, &y) in b.iter().enumerate() {
                let term = u128::from(x) * u128::from(y) + u128::from(out[i + j]) + carry;
                (out[i + j], carry) = (term as u64, term >> 64);
            }
            out[i + 4] = carry as u64;
        }
        out
    }

    proptest! {
        #[test]
        fn agrees_with_plain_arithmetic(a in number(), b in number()) {
            let order = a.iter().rev().cmp(b.iter().rev());
            prop_assert_eq!(less_256(a, b), -i64::from(order.is_lt()));
            prop_assert_eq!(same_256(a, b), -i64::from(order.is_eq()));
            prop_assert_eq!(same_256(a, a), -1);
            let (sum, over) = add_256(a, b);
            let (back, under) = sub_256(sum, b);
            prop_assert_eq!(back, a);
            prop_assert_eq!(over, under);
            // a sum that wrapped is below both of its terms
            prop_assert_eq!(over, -i64::from(sum.iter().rev().cmp(a.iter().rev()).is_lt()));
            prop_assert_eq!(sub_256(a, b).1, -i64::from(order.is_lt()));
            let product = plain_mul(a, b);
            let (low, over) = mul_256(a, b);
            prop_assert_eq!(&low[..], &product[..4]);
            prop_assert_eq!(over, -i64::from(product[4..].iter().any(|&word| word != 0)));
        }
    }
}

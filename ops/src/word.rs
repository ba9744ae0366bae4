//! Branch-free arithmetic on 64-bit words, for kernels that work column by column.
//!
//! A truth value is a word of all ones or all zeros. Comparisons that feed a select in the same
//! loop go by the sign of a difference ([`below`]): the compiler knows no select behind it, and so
//! makes neither a branch nor a masked memory operand of it. Comparisons that only store their
//! answer use the plain operator ([`less`]), which is one vector instruction.

use crate::divide::IntegerDivisor;

/// All ones where the truth is 1, else zeros.
#[inline(always)]
fn mask(truth: bool) -> i64 {
    i64::from(truth).wrapping_neg()
}

/// Is `a < b`?
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn less(a: i64, b: i64) -> i64 {
    mask(a < b)
}

/// Is `a <= b`?
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn at_most(a: i64, b: i64) -> i64 {
    mask(a <= b)
}

/// Is `a == b`?
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn same(a: i64, b: i64) -> i64 {
    mask(a == b)
}

/// Is `a < b`? By the sign of the difference, corrected where it overflows.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn below(a: i64, b: i64) -> i64 {
    let difference = a.wrapping_sub(b);
    (difference ^ ((a ^ b) & (difference ^ a))) >> 63
}

/// All ones where the word is not zero.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn nonzero(a: i64) -> i64 {
    (a | a.wrapping_neg()) >> 63
}

/// `yes` where the mask is all ones, `no` where it is zero.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn choose(mask: i64, yes: i64, no: i64) -> i64 {
    no ^ ((yes ^ no) & mask)
}

/// The smaller one.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn smaller(a: i64, b: i64) -> i64 {
    choose(below(a, b), a, b)
}

/// The larger one.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn larger(a: i64, b: i64) -> i64 {
    choose(below(a, b), b, a)
}

/// Does `a + b` overflow?
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn add_overflows(a: i64, b: i64) -> i64 {
    let sum = a.wrapping_add(b);
    ((sum ^ a) & (sum ^ b)) >> 63
}

/// Does `a - b` overflow?
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn sub_overflows(a: i64, b: i64) -> i64 {
    ((a ^ b) & (a.wrapping_sub(b) ^ a)) >> 63
}

/// Does `a * b` overflow?
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn mul_overflows(a: i64, b: i64) -> i64 {
    let wide = i128::from(a) * i128::from(b);
    let low = wide as i64;
    nonzero(((wide >> 64) as i64) ^ (low >> 63))
}

/// `a + b`, or the end of the range on its side.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn add_saturating(a: i64, b: i64) -> i64 {
    choose(add_overflows(a, b), (a >> 63) ^ i64::MAX, a.wrapping_add(b))
}

/// `a - b`, or the end of the range on its side.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn sub_saturating(a: i64, b: i64) -> i64 {
    choose(sub_overflows(a, b), (a >> 63) ^ i64::MAX, a.wrapping_sub(b))
}

/// `a * b`, or the end of the range on its side.
///
/// # Leaks
/// Nothing.
#[inline(always)]
pub fn mul_saturating(a: i64, b: i64) -> i64 {
    choose(mul_overflows(a, b), ((a ^ b) >> 63) ^ i64::MAX, a.wrapping_mul(b))
}

/// The quotient towards zero by a public divisor; `i64::MIN / -1` wraps.
///
/// # Leaks
/// The divisor.
#[inline(always)]
pub fn quotient(a: i64, divisor: &IntegerDivisor) -> i64 {
    divisor.divide(a).0
}

/// The quotient towards minus infinity by a public divisor; `i64::MIN / -1` wraps.
///
/// # Leaks
/// The divisor.
#[inline(always)]
pub fn quotient_floor(a: i64, divisor: &IntegerDivisor) -> i64 {
    let (quotient, rest) = divisor.divide(a);
    quotient.wrapping_add(nonzero(rest) & ((a ^ divisor.get()) >> 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Words around the edges, as often as words from everywhere.
    fn word() -> impl Strategy<Value = i64> {
        prop_oneof![
            any::<i64>(),
            -3i64..4,
            (0i64..4).prop_map(|n| i64::MAX - n),
            (0i64..4).prop_map(|n| i64::MIN + n),
            (0u32..63, -2i64..3).prop_map(|(bit, off)| (1i64 << bit) + off),
            -4_000_000_000i64..4_000_000_000,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn agrees_with_the_plain_operators(a in word(), b in word(), m: bool) {
            let truth = |found: i64, is: bool| found == if is { -1 } else { 0 };
            prop_assert!(truth(less(a, b), a < b) && truth(below(a, b), a < b));
            prop_assert!(truth(at_most(a, b), a <= b) && truth(same(a, b), a == b));
            prop_assert!(truth(nonzero(a), a != 0));
            prop_assert_eq!(choose(mask(m), a, b), if m { a } else { b });
            prop_assert_eq!((smaller(a, b), larger(a, b)), (a.min(b), a.max(b)));
            prop_assert!(truth(add_overflows(a, b), a.checked_add(b).is_none()));
            prop_assert!(truth(sub_overflows(a, b), a.checked_sub(b).is_none()));
            prop_assert!(truth(mul_overflows(a, b), a.checked_mul(b).is_none()));
            prop_assert_eq!(add_saturating(a, b), a.saturating_add(b));
            prop_assert_eq!(sub_saturating(a, b), a.saturating_sub(b));
            prop_assert_eq!(mul_saturating(a, b), a.saturating_mul(b));
        }

        #[test]
        fn quotients_are_the_hardware_ones(a in word(), b in word()) {
            let Some(divisor) = IntegerDivisor::new(b) else { return Ok(()) };
            prop_assert_eq!(quotient(a, &divisor), a.wrapping_div(b));
            let floor = i128::from(a).div_euclid(i128::from(b).abs()) * i128::from(b.signum());
            let exact = floor * i128::from(b) == i128::from(a);
            // div_euclid rounds down by |b|; turned round for a negative b it rounded up
            let floor = if b < 0 && !exact { floor - 1 } else { floor };
            prop_assert_eq!(quotient_floor(a, &divisor), floor as i64);
        }
    }
}

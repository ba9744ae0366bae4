//! Scalar select through `cmov`: one conditional move, no branch.

use crate::mask::Mask;
use cmov::Cmov;

/// `yes` under the mask, else `no`.
///
/// # Leaks
/// Nothing.
#[inline]
pub fn select_u32(mask: Mask, yes: u32, no: u32) -> u32 {
    let mut result = no;
    result.cmovnz(&yes, mask.bit());
    result
}

/// `yes` under the mask, else `no`.
///
/// # Leaks
/// Nothing.
#[inline]
pub fn select_u64(mask: Mask, yes: u64, no: u64) -> u64 {
    let mut result = no;
    result.cmovnz(&yes, mask.bit());
    result
}

/// `yes` under the mask, else `no`.
///
/// # Leaks
/// Nothing.
#[inline]
pub fn select_i64(mask: Mask, yes: i64, no: i64) -> i64 {
    select_u64(mask, yes.cast_unsigned(), no.cast_unsigned()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_either_side() {
        assert_eq!(select_u32(Mask::yes(), 7, 9), 7);
        assert_eq!(select_u32(Mask::no(), 7, 9), 9);
        assert_eq!(select_u64(Mask::yes(), u64::MAX, 0), u64::MAX);
        assert_eq!(select_i64(Mask::no(), 7, i64::MIN), i64::MIN);
    }
}

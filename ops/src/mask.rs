//! A secret yes or no, as all ones or all zeros.

use subtle::Choice;

/// All ones (yes) or all zeros (no). Never branched on: it selects, or it is declassified.
#[derive(Clone, Copy)]
pub struct Mask(Choice);

impl Mask {
    /// Yes.
    pub fn yes() -> Self {
        Self(Choice::from(1))
    }

    /// No.
    pub fn no() -> Self {
        Self(Choice::from(0))
    }

    pub(crate) fn from_choice(choice: Choice) -> Self {
        Self(choice)
    }

    pub(crate) fn bit(self) -> u8 {
        self.0.unwrap_u8()
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Either.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The other one.
    #[allow(clippy::should_implement_trait)]
    pub fn not(self) -> Self {
        Self(!self.0)
    }

    /// 64 ones or 64 zeros.
    pub fn as_u64(self) -> u64 {
        0u64.wrapping_sub(u64::from(self.bit()))
    }

    /// Makes the answer public. Each use says beside it why that is right.
    pub fn declassify(self) -> bool {
        self.0.into()
    }
}

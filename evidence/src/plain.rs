//! Secret bytes seen as what a kernel takes, without a copy inside the traced region.

use ops::{Line, Words};

/// # Safety
/// Every bit pattern is a value of the type, and the type has no padding.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),*) => {
        $(
            // SAFETY: integers, floats, and arrays of them without padding.
            unsafe impl Plain for $type {}
        )*
    };
}
plain!(u8, u32, u64, i32, i64, f32, f64);
plain!(Line, Words<i32>, Words<i64>, [Words<i32>; 4], [Words<i64>; 4], [Line; 2], [Line; 64]);
plain!([Words<i32>; 32], [Words<i64>; 32]);
plain!([f32; 64], [f64; 64], [i64; 64], [u32; 64]);

/// # Panics
/// Where the bytes are no whole, aligned values. Lengths and addresses are public.
pub(crate) fn view<T: Plain>(bytes: &[u8]) -> &[T] {
    // SAFETY: every bit pattern is a value of `T`.
    let (before, values, after) = unsafe { bytes.align_to() };
    assert!(before.is_empty() && after.is_empty(), "a field is whole and aligned");
    values
}

/// # Panics
/// As [`view`].
pub(crate) fn view_mut<T: Plain>(bytes: &mut [u8]) -> &mut [T] {
    // SAFETY: every bit pattern is a value of `T`, and `T` has no padding.
    let (before, values, after) = unsafe { bytes.align_to_mut() };
    assert!(before.is_empty() && after.is_empty(), "a field is whole and aligned");
    values
}

/// The bytes of some values.
pub(crate) fn bytes_of<T: Plain>(values: &[T]) -> Vec<u8> {
    // SAFETY: `T` has no padding, so that all its bytes may be read.
    let (_, bytes, _) = unsafe { values.align_to::<u8>() };
    bytes.to_vec()
}

/// Lines as the bytes that they are.
pub(crate) fn lines_as_bytes(lines: &mut [Line]) -> &mut [u8] {
    // SAFETY: a line is 64 plain bytes.
    let (_, bytes, _) = unsafe { lines.align_to_mut() };
    bytes
}

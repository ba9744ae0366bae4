//! Cells that are needed soon.

/// Asks the CPU to bring these cells near. What they are is not looked at.
///
/// # Leaks
/// The place and the length.
#[inline]
pub fn prefetch<T>(cells: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let first: *const i8 = cells.as_ptr().cast();
        for byte in (0..size_of_val(cells)).step_by(crate::LINE) {
            // SAFETY: SSE is in every x86-64 CPU. The address is within the slice; and the instruction
            // is a hint that reads nothing and never faults.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(first.add(byte)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = cells;
}

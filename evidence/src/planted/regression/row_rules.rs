//! A value of a row was held against its column's bounds by the sign of a 128-bit difference. rustc 1.95 saw that
//! the sign is all that is asked for and made compares and jumps of it. The tracer found it on the day when the
//! host's checks of rows came under it. Since then the comparison is made of words behind a barrier. Here is the
//! comparison as the compiler had made it.

use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    let bad = secret.iter().fold(0, |bad, &cell| bad | below(i64::from(cell), 128));
    if let Some(first) = output.first_mut() {
        *first = bad as u8;
    }
}

#[inline(never)]
fn below(a: i64, b: i64) -> u64 {
    if i128::from(a) - i128::from(b) < 0 {
        return black_box(u64::MAX);
    }
    0
}

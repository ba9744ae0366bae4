//! Smallest, largest and clamped cells of a rule were chosen by masks and words. rustc 1.95 knew what
//! a mask of a comparison is, and made compares and jumps of it in running folds and where a model's
//! answer is clamped. Memcheck found both; the tracer had found neither with its secrets. Since then
//! these choices are conditional moves. Here is the fold as the compiler had made it.

use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    let smallest = secret.iter().fold(u8::MAX, |all, &cell| if_below(cell, all));
    if let Some(first) = output.first_mut() {
        *first = smallest;
    }
}

#[inline(never)]
fn if_below(cell: u8, all: u8) -> u8 {
    if cell < all {
        return black_box(cell);
    }
    all
}

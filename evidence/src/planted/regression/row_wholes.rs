//! Whether a value is whole was a sign spread over its word, and an "and" with what its column says. Compiled for vectors,
//! rustc 1.95 knew such a word for a mask: it jumped over a row where no sign was set, and loaded what the column says only
//! where one was. The tracer found both; memcheck found a jump that was left, on SSE2. Since then signs stay in their bit, every
//! load is made, and the masks that are left are opaque. Here is the loop as the compiler had made it.

use std::hint::black_box;

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    let whole = black_box([0xffu8; 64]);
    let mut bad = 0;
    for (&cell, whole) in secret.iter().zip(whole.iter().cycle()) {
        if cell > 128 {
            bad |= black_box(*whole);
        }
    }
    if let Some(first) = output.first_mut() {
        *first = bad;
    }
}

//! The portable lanes once worked byte by byte, by arithmetic on the sign of a wider difference.
//! That is branch-free in the source. In `interval_max_rows` the vectoriser of rustc 1.95 treated
//! 62 of 64 lanes as vectors and left two over, and for those it turned `max` into a compare and a
//! jump on the ranks of the rows. Instruction counts under callgrind differed in the fourth digit.
//! Since then the portable lanes work on eight bytes in a word, by arithmetic that the compiler does
//! not know as a comparison.
//!
//! The old source, taken out of its kernel, happens to compile to vectors throughout. So here the
//! lanes are as they were, and for the two left over stands what the compiler had made of them.

use std::hint::black_box;

type Bytes = [u8; 64];

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    let (Some(ranks), Some(exits)) = (secret.first_chunk(), output.first_chunk_mut()) else {
        return;
    };
    kernel(ranks, black_box(&[[120, 3, 9], [40, 255, 200], [200, 7, 61]]), exits);
}

/// Nodes as threshold, shift and reach.
#[inline(never)]
fn kernel(ranks: &Bytes, nodes: &[[u8; 3]], exits: &mut Bytes) {
    let mut e = [0; 64];
    for &[threshold, shift, reach] in nodes {
        let shifted = zip(e, [shift; 64], u8::wrapping_add);
        e = raise_where_greater(shifted, *ranks, [threshold; 64], [reach; 64]);
    }
    *exits = e;
}

#[inline(always)]
fn zip(a: Bytes, b: Bytes, f: impl Fn(u8, u8) -> u8) -> Bytes {
    let mut out = [0; 64];
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(a, b);
    }
    out
}

/// 255 where `a > b`, else 0.
#[inline(always)]
fn greater(a: u8, b: u8) -> u8 {
    ((i16::from(b) - i16::from(a)) >> 15) as u8
}

#[inline(always)]
fn raise_where_greater(e: Bytes, x: Bytes, t: Bytes, w: Bytes) -> Bytes {
    let raised = zip(zip(x, t, greater), w, |mask, w| mask & w);
    let mut out = zip(e, raised, u8::max);
    for lane in 62..64 {
        out[lane] = e[lane];
        if black_box(raised[lane]) > e[lane] {
            out[lane] = black_box(raised[lane]);
        }
    }
    out
}

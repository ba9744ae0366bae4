//! The portable lanes once worked byte by byte, by arithmetic on the sign of a wider difference.
//! That is branch-free in the source. In `interval_max_rows` the vectoriser of rustc 1.95 treated
//! 62 of 64 lanes as vectors and left two over, and for those it turned `max` into a compare and a
//! jump on the ranks of the rows. Instruction counts under callgrind differed in the fourth digit.
//! Since then the portable lanes work on eight bytes in a word, by arithmetic that the compiler does
//! not know as a comparison. Here are the lanes and the kernel as they were.

use ops::Line;
use std::hint::black_box;

type Bytes = [u8; 64];

pub(super) fn run(secret: &[u8], output: &mut [u8]) {
    let mut ranks = [[Line::default(); 64]; 1];
    for (slot, line) in ranks[0].iter_mut().enumerate() {
        line.0.copy_from_slice(secret);
        line.0.rotate_left(slot);
    }
    let mut nodes = [Line::default(); 12];
    for (at, line) in nodes.iter_mut().enumerate() {
        for (lane, byte) in line.0.iter_mut().enumerate() {
            *byte = (at * 53 + lane * 7) as u8 & 63;
        }
    }
    let mut exits = [Line::default(); 64];
    kernel(black_box(&nodes), 4, black_box(&Line([3; 64])), black_box(&ranks), &mut exits);
    output.copy_from_slice(&exits[1].0);
}

#[inline(never)]
fn kernel(
    nodes: &[Line],
    planes_per_node: usize,
    end: &Line,
    ranks: &[[Line; 64]],
    exits: &mut [Line; 64],
) {
    for (lane, exit) in exits.iter_mut().enumerate() {
        let mut e = [0; 64];
        for node in nodes.chunks_exact(planes_per_node) {
            let threshold = node[1].0[lane];
            if threshold == u8::MAX {
                break;
            }
            let page = node.get(4).map_or(0, |line| usize::from(line.0[lane]));
            let rank = ranks[page][usize::from(node[0].0[lane])].0;
            let (shift, reach) = ([node[2].0[lane]; 64], [node[3].0[lane]; 64]);
            let shifted = zip(e, shift, u8::wrapping_add);
            e = raise_where_greater(shifted, rank, [threshold; 64], reach);
        }
        exit.0 = zip(e, [end.0[lane]; 64], u8::wrapping_add);
    }
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
    zip(e, raised, u8::max)
}

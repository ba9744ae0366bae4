//! Aligned storage: one cache line of 64 bytes, or 16 words.

use zeroize::{DefaultIsZeroes, Zeroize};

/// Bytes in a line.
pub const LINE: usize = 64;

/// 64 bytes on one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line(pub [u8; LINE]);

impl Default for Line {
    fn default() -> Self {
        Self([0; LINE])
    }
}

/// 16 words on cache lines of their own.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Words<K: DefaultIsZeroes>(pub [K; 16]);

// as slices, which are wiped in whole vectors: arrays are wiped value by value
impl Zeroize for Line {
    fn zeroize(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl<K: DefaultIsZeroes> Zeroize for Words<K> {
    fn zeroize(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// The bytes of some lines, in order.
pub fn lines_to_bytes(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.0).collect()
}

/// Whole lines from bytes; `None` where the length is no multiple of 64.
pub fn bytes_to_lines(bytes: &[u8]) -> Option<Vec<Line>> {
    let (chunks, rest) = bytes.as_chunks::<LINE>();
    rest.is_empty().then(|| chunks.iter().map(|&chunk| Line(chunk)).collect())
}

/// For each of `count` ascending thresholds (15, 31, 63, 127 or 255), its entry in the search tree
/// of [`KeyLanes::count_at_most`](crate::KeyLanes::count_at_most).
pub fn search_order(count: usize) -> impl Iterator<Item = usize> {
    let levels = (count + 1).ilog2();
    (1..=count).map(move |place| {
        // place = odd * 2^k: the entry is on the k-th level from below
        let below = place.trailing_zeros();
        (1 << (levels - 1 - below)) + (place >> (below + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_line_is_wiped() {
        let mut lines = [Line([7; LINE]); 3];
        lines[1..].iter_mut().zeroize();
        assert_eq!(lines[0].0, [7; LINE]);
        assert_eq!([lines[1].0, lines[2].0], [[0; LINE]; 2]);
        let mut words = Words([i64::MIN; 16]);
        words.zeroize();
        assert_eq!(words.0, [0; 16]);
    }
}

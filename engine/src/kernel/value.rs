//! The numbers that leaves are added in.

use super::TILE;
use ops::Lanes;

/// A number that leaves are added in.
pub(super) trait Value: Copy {
    const BYTES: usize;
    /// What changes no sum, in bytes.
    const NOTHING: [u8; 8];
    /// Adds 64 values, given as byte planes, to sums in the order of the lanes' words.
    fn add<L: Lanes>(l: L, planes: [L::Bytes; 8], sums: &mut [Self; TILE]);
    /// Adds a value that stands in all 64 lanes.
    fn add_one<L: Lanes>(l: L, planes: [L::Bytes; 8], sum: &mut Self);
}

impl Value for f32 {
    const BYTES: usize = 4;
    const NOTHING: [u8; 8] = [0, 0, 0, 0x80, 0, 0, 0, 0];
    #[inline(always)]
    fn add<L: Lanes>(l: L, planes: [L::Bytes; 8], sums: &mut [Self; TILE]) {
        for (sum, word) in
            sums.iter_mut().zip(l.words_32([planes[0], planes[1], planes[2], planes[3]]))
        {
            let value = f32::from_bits(word);
            *sum += value;
        }
    }

    #[inline(always)]
    fn add_one<L: Lanes>(l: L, planes: [L::Bytes; 8], sum: &mut Self) {
        *sum += f32::from_bits(l.words_32([planes[0], planes[1], planes[2], planes[3]])[0]);
    }
}

impl Value for f64 {
    const BYTES: usize = 8;
    const NOTHING: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 0x80];
    #[inline(always)]
    fn add<L: Lanes>(l: L, planes: [L::Bytes; 8], sums: &mut [Self; TILE]) {
        for (sum, word) in sums.iter_mut().zip(l.words_64(planes)) {
            let value = f64::from_bits(word);
            *sum += value;
        }
    }

    #[inline(always)]
    fn add_one<L: Lanes>(l: L, planes: [L::Bytes; 8], sum: &mut Self) {
        *sum += f64::from_bits(l.words_64(planes)[0]);
    }
}

impl Value for i64 {
    const BYTES: usize = 8;
    const NOTHING: [u8; 8] = [0; 8];
    #[inline(always)]
    fn add<L: Lanes>(l: L, planes: [L::Bytes; 8], sums: &mut [Self; TILE]) {
        for (sum, word) in sums.iter_mut().zip(l.words_64(planes)) {
            let value = word.cast_signed();
            *sum = sum.wrapping_add(value);
        }
    }

    #[inline(always)]
    fn add_one<L: Lanes>(l: L, planes: [L::Bytes; 8], sum: &mut Self) {
        *sum = sum.wrapping_add(l.words_64(planes)[0].cast_signed());
    }
}

impl Value for u32 {
    const BYTES: usize = 4;
    const NOTHING: [u8; 8] = [0; 8];
    #[inline(always)]
    fn add<L: Lanes>(l: L, planes: [L::Bytes; 8], sums: &mut [Self; TILE]) {
        for (sum, word) in
            sums.iter_mut().zip(l.words_32([planes[0], planes[1], planes[2], planes[3]]))
        {
            let value = word;
            *sum = sum.wrapping_add(value);
        }
    }

    #[inline(always)]
    fn add_one<L: Lanes>(l: L, planes: [L::Bytes; 8], sum: &mut Self) {
        *sum = sum.wrapping_add(l.words_32([planes[0], planes[1], planes[2], planes[3]])[0]);
    }
}

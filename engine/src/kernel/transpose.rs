//! 64 x 64 bytes, rows to columns.

use super::TILE;
use super::interval_max_rows::RankPlanes;
use ops::{Backend, Kernel, Lanes, Line};

/// Transposes one tile.
///
/// # Leaks
/// Nothing.
pub fn transpose(backend: Backend, from: &[Line; TILE], to: &mut [Line; TILE]) {
    struct Transpose<'a>(&'a [Line; TILE], &'a mut [Line; TILE]);
    impl Kernel for Transpose<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            l.transpose(self.0, self.1);
        }
    }
    backend.run(Transpose(from, to));
}

/// Turns the ranks of one tile from one line per slot to one line per row and page.
///
/// `planes`: pages of 64 slots; `rows`: `64 x pages` lines.
///
/// # Leaks
/// Nothing beyond the shape.
pub fn rank_rows(backend: Backend, planes: &RankPlanes, rows: &mut [Line]) {
    struct Rows<'a>(&'a RankPlanes, &'a mut [Line]);
    impl Kernel for Rows<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            let pages = self.0.len();
            for (page, planes) in self.0.iter().enumerate() {
                let mut turned = [Line::default(); TILE];
                l.transpose(planes, &mut turned);
                for (row, line) in turned.iter().enumerate() {
                    self.1[row * pages + page] = *line;
                }
            }
        }
    }
    backend.run(Rows(planes, rows));
}

//! 64 x 64 bytes, rows to columns.

use super::TILE;
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

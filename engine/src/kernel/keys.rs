//! Floats to order keys, row by row.

use ops::{Backend, Kernel, Lanes, Words, key_f32, key_f64};

/// Keys of f32 rows: `rows x features` values to `rows x words` words, where a row is padded to an
/// even number of words. Words past the last value stay as they are.
///
/// # Leaks
/// The lengths.
pub fn order_keys_f32(backend: Backend, features: usize, rows: &[f32], keys: &mut [Words<i32>]) {
    struct Keys<'a>(usize, &'a [f32], &'a mut [Words<i32>]);
    impl Kernel for Keys<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, _: L) {
            let words = row_words(self.0);
            for (row, keys) in self.1.chunks_exact(self.0).zip(self.2.chunks_exact_mut(words)) {
                for (values, keys) in row.chunks(16).zip(keys) {
                    for (&value, key) in values.iter().zip(&mut keys.0) {
                        *key = key_f32(value);
                    }
                }
            }
        }
    }
    backend.run(Keys(features, rows, keys));
}

/// Keys of f64 rows: `rows x features` values to `rows x words` words, where a row is padded to an
/// even number of words. Words past the last value stay as they are.
///
/// # Leaks
/// The lengths.
pub fn order_keys_f64(backend: Backend, features: usize, rows: &[f64], keys: &mut [Words<i64>]) {
    struct Keys<'a>(usize, &'a [f64], &'a mut [Words<i64>]);
    impl Kernel for Keys<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, _: L) {
            let words = row_words(self.0);
            for (row, keys) in self.1.chunks_exact(self.0).zip(self.2.chunks_exact_mut(words)) {
                for (values, keys) in row.chunks(16).zip(keys) {
                    for (&value, key) in values.iter().zip(&mut keys.0) {
                        *key = key_f64(value);
                    }
                }
            }
        }
    }
    backend.run(Keys(features, rows, keys));
}

/// Words of 16 keys that hold one row: an even number.
pub const fn row_words(features: usize) -> usize {
    features.next_multiple_of(32) / 16
}

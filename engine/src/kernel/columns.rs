//! Keys of rows to keys of columns, for profile `data-oblivious`: which feature a slot reads is no
//! secret there, so a column is read where it stands.

use super::{TILE, row_words};
use ops::{Backend, Kernel, Key, KeyLanes, Lanes, Words};

/// Words of one tile's keys of a column.
const TILE_WORDS: usize = TILE / 16;

/// The keys of one feature, for eight tiles of rows.
pub type Column<K> = [Words<K>; 8 * TILE_WORDS];

/// Turns the keys of at most eight tiles.
///
/// `keys`: `64 tiles x words`, as [`order_keys_f32`](super::order_keys_f32) leaves them; `columns`:
/// one for each feature. What a column has of tiles that are not there stays as it is.
///
/// # Leaks
/// The lengths.
pub fn columns_f32(backend: Backend, keys: &[Words<i32>], columns: &mut [Column<i32>]) {
    struct Turn<'a>(&'a [Words<i32>], &'a mut [Column<i32>]);
    impl Kernel for Turn<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            turn::<i32, L>(l, self.0, self.1);
        }
    }
    backend.run(Turn(keys, columns));
}

/// As [`columns_f32`], for 64-bit keys.
///
/// # Leaks
/// The lengths.
pub fn columns_f64(backend: Backend, keys: &[Words<i64>], columns: &mut [Column<i64>]) {
    struct Turn<'a>(&'a [Words<i64>], &'a mut [Column<i64>]);
    impl Kernel for Turn<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            turn::<i64, L>(l, self.0, self.1);
        }
    }
    backend.run(Turn(keys, columns));
}

#[inline(always)]
fn turn<K: Key, L: KeyLanes<K>>(l: L, keys: &[Words<K>], columns: &mut [Column<K>]) {
    let words = row_words(columns.len());
    for (place, rows) in keys.chunks_exact(16 * words).enumerate() {
        for (word, columns) in columns.chunks_mut(16).enumerate() {
            let mut block = [l.splat_key(K::from_index(0)); 16];
            for (row, block) in block.iter_mut().enumerate() {
                *block = l.load_keys(&rows[row * words + word]);
            }
            for (column, keys) in columns.iter_mut().zip(l.transpose_keys(block)) {
                l.store_keys(keys, &mut column[place]);
            }
        }
    }
}

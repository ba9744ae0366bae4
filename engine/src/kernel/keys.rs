//! Floats to order keys.

use ops::{Backend, Kernel, Lanes, key_f32, key_f64};

/// Keys of f32 values, element by element.
///
/// # Leaks
/// The lengths.
pub fn order_keys_f32(backend: Backend, values: &[f32], keys: &mut [i32]) {
    struct Keys<'a>(&'a [f32], &'a mut [i32]);
    impl Kernel for Keys<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, _: L) {
            for (key, &value) in self.1.iter_mut().zip(self.0) {
                *key = key_f32(value);
            }
        }
    }
    backend.run(Keys(values, keys));
}

/// Keys of f64 values, element by element.
///
/// # Leaks
/// The lengths.
pub fn order_keys_f64(backend: Backend, values: &[f64], keys: &mut [i64]) {
    struct Keys<'a>(&'a [f64], &'a mut [i64]);
    impl Kernel for Keys<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, _: L) {
            for (key, &value) in self.1.iter_mut().zip(self.0) {
                *key = key_f64(value);
            }
        }
    }
    backend.run(Keys(values, keys));
}
